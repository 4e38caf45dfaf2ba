"""Notes on days, by hand: what everybody who looks at a trend should know."""

import uuid
from datetime import date, datetime, timedelta

from actions.viewer import ADMIN, HIRING_MANAGER, NotAllowed, NotFound, Viewer, deed
from domain.text import clean_text
from store.engine import Urgency
from store.opening import Store
from store.tables import Annotation, JobPosting
from store.writes.audit import append_audit

LONGEST_NOTE = 200
#: A note stands at most so many days before or after today.
FARTHEST = timedelta(days=5 * 366)


def add_note(
    store: Store, viewer: Viewer, day: date, words: str, *, now: datetime, posting_id: uuid.UUID | None = None
) -> uuid.UUID:
    """Write a note on a day, about a posting or about all; its id.

    Raises NotAllowed, NotFound for a posting of nobody or of another company, and ValueError with words for the form.
    """
    _require_member(store, viewer, "note.add", now=now)
    told = clean_text(words, LONGEST_NOTE + 1)
    if not told or len(told) > LONGEST_NOTE:
        raise ValueError(f"A note has 1 to {LONGEST_NOTE} letters.")
    if abs(day - now.date()) > FARTHEST:
        raise ValueError("A note stands on a day of the last or the next five years.")
    with store.writing(Urgency.EVENT) as session:
        if posting_id is not None:
            posting = session.get(JobPosting, posting_id)
            if posting is None or posting.company_id != viewer.company_id:
                raise NotFound("There is no such posting.")
        note = Annotation(
            company_id=viewer.company_id,
            day=day,
            words=told,
            posting_id=posting_id,
            created_by=viewer.user_id,
            created_at=now,
        )
        session.add(note)
        session.flush()
        append_audit(session, deed(viewer, "note.add", note.id, day=str(day)), now=now)
        return note.id


def delete_note(store: Store, viewer: Viewer, note_id: uuid.UUID, *, now: datetime) -> None:
    """Take a note away: its writer may, and every admin. Raises NotAllowed or NotFound."""
    _require_member(store, viewer, "note.delete", note_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        note = session.get(Annotation, note_id)
        if note is None or note.company_id != viewer.company_id:
            raise NotFound("There is no such note.")
        if viewer.is_admin or note.created_by == viewer.user_id:
            session.delete(note)
            append_audit(session, deed(viewer, "note.delete", note_id, day=str(note.day)), now=now)
            return
        append_audit(session, deed(viewer, "note.delete", note_id, outcome="denied"), now=now)
    raise NotAllowed("Only an admin may take away another person's note.")


def _require_member(store: Store, viewer: Viewer, action: str, target: object = "", *, now: datetime) -> None:
    """Admins and hiring managers may; a refusal is written into the audit log."""
    if viewer.role in {ADMIN, HIRING_MANAGER}:
        return
    with store.writing(Urgency.EVENT) as session:
        append_audit(session, deed(viewer, action, target, outcome="denied"), now=now)
    raise NotAllowed("Only admins and hiring managers may do this.")
