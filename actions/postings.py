"""Make, edit, close and archive postings; link the platforms' postings to ours by hand or by rule."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

from sqlmodel import Session, col, select

from actions.viewer import NotFound, Viewer, deed, require_admin
from domain.postings import checked_values, settled
from store.engine import Urgency
from store.opening import Store
from store.tables import JobPosting, PostingLinkRule
from store.writes import postings as rows
from store.writes.applications_linked import link_applications
from store.writes.applications_locked import lock_applications
from store.writes.audit import append_audit
from store.writes.outbox import close_everywhere
from store.writes.posting_saved import as_held, refuse_taken, save_values, today_of

LONGEST_PATTERN = 300
RULE_FIELDS = ("requisition_ref", "title", "path", "external_ref", "link", "campaign")
RULE_MATCHES = ("equals", "starts_with", "contains")


def save_posting(
    store: Store,
    viewer: Viewer,
    values: Mapping[str, Any],
    *,
    now: datetime,
    posting_id: uuid.UUID | None = None,
) -> uuid.UUID:
    """Make a posting, or change the one called `posting_id`; what waits for it, applications too, is linked. Its id.

    `values` are columns of a posting. One that is open no more is taken off the platforms where it was published.
    Raises NotAllowed, NotFound, and ValueError for values that make no posting.
    """
    require_admin(store, viewer, "posting.save", posting_id or "", now=now)
    with _writing(store) as session:
        # First of all: who waits for the company's turn has locked nothing that those before it need.
        lock_applications(session, viewer.company_id)
        checked = checked_values(values)
        if posting_id is None:
            posting = _make(session, viewer, checked, now=now)
        else:
            posting = rows.get_posting(session, viewer.company_id, posting_id)
            _refuse_taken(session, posting, checked)
            if save_values(session, posting, checked, actor=viewer.email, now=now)[0]:
                rows.settle_postings(session, viewer.company_id, now=now)
        link_applications(session, store.vault, viewer.company_id, now=now)
        action = "posting.create" if posting_id is None else "posting.edit"
        append_audit(session, deed(viewer, action, posting.id, fields=sorted(values)), now=now)
        return posting.id


def close_posting(store: Store, viewer: Viewer, posting_id: uuid.UUID, closed_on: date, *, now: datetime) -> None:
    """Close a posting, here and on every platform where it was published; its numbers stay.

    Raises NotAllowed or NotFound.
    """
    require_admin(store, viewer, "posting.close", posting_id, now=now)
    with _writing(store) as session:
        posting = rows.close_posting(session, viewer.company_id, posting_id, closed_on, actor=viewer.email, now=now)
        platforms = close_everywhere(session, posting, requested_by=viewer.email, now=now)
        append_audit(session, deed(viewer, "posting.close", posting_id, platforms=platforms), now=now)


def reopen_posting(store: Store, viewer: Viewer, posting_id: uuid.UUID, *, now: datetime) -> None:
    """Open a closed or archived posting again. Raises as `unarchive_posting`."""
    _bring_to(store, viewer, ("posting.reopen", posting_id), {"status": "open", "closed_on": None}, now=now)


def archive_posting(store: Store, viewer: Viewer, posting_id: uuid.UUID, *, now: datetime) -> None:
    """Put a posting away: closed here and on every platform, out of lists and pickers; its numbers stay.

    Raises NotAllowed or NotFound.
    """
    _bring_to(store, viewer, ("posting.archive", posting_id), {"status": "archived"}, now=now)


def unarchive_posting(store: Store, viewer: Viewer, posting_id: uuid.UUID, *, now: datetime) -> None:
    """Bring an archived posting back, closed as it was.

    Raises NotAllowed, NotFound, and ValueError where another posting has taken its requisition or slug since.
    """
    _bring_to(store, viewer, ("posting.unarchive", posting_id), {"status": "closed"}, now=now)


def link(store: Store, viewer: Viewer, external_no: int, posting_id: uuid.UUID | None, *, now: datetime) -> None:
    """Link an external posting to one of ours, or with None unlink it. Raises NotAllowed or NotFound."""
    require_admin(store, viewer, "posting.link", external_no, now=now)
    with _writing(store) as session:
        rows.link_by_hand(session, viewer.company_id, external_no, posting_id, now=now)
        append_audit(session, deed(viewer, "posting.link", external_no, posting=str(posting_id or "")), now=now)


def ignore(store: Store, viewer: Viewer, external_no: int, *, is_ignored: bool, now: datetime) -> None:
    """Take an external posting off the waiting list or put it back; it counts as before.

    Raises NotAllowed or NotFound.
    """
    require_admin(store, viewer, "posting.ignore", external_no, now=now)
    with _writing(store) as session:
        rows.ignore(session, viewer.company_id, external_no, is_ignored=is_ignored)
        append_audit(session, deed(viewer, "posting.ignore", external_no, ignored=is_ignored), now=now)


def add_rule(
    store: Store, viewer: Viewer, posting_id: uuid.UUID | None, field: str, match: str, pattern: str, *, now: datetime
) -> None:
    """Add a rule that links external postings to one of ours, or puts them aside, and try it at once.

    Raises NotAllowed, NotFound, and ValueError for a rule that would match everything or nothing.
    """
    require_admin(store, viewer, "posting.rule", posting_id or "", now=now)
    if field not in RULE_FIELDS or match not in RULE_MATCHES:
        raise ValueError("A rule compares a known field in a known way.")
    if not pattern.strip() or len(pattern) > LONGEST_PATTERN:
        raise ValueError(f"A rule needs a text of 1 to {LONGEST_PATTERN} letters.")
    values = {"field": field, "match": match, "pattern": pattern}
    with _writing(store) as session:
        rule = rows.add_rule(session, viewer.company_id, posting_id, values, now=now)
        append_audit(session, deed(viewer, "posting.rule", rule.id, **values), now=now)


def delete_rule(store: Store, viewer: Viewer, rule_id: uuid.UUID, *, now: datetime) -> None:
    """Delete a rule; links it made stay. Raises NotAllowed or NotFound."""
    require_admin(store, viewer, "posting.rule_delete", rule_id, now=now)
    with _writing(store) as session:
        rule = session.exec(
            select(PostingLinkRule).where(
                col(PostingLinkRule.id) == rule_id, col(PostingLinkRule.company_id) == viewer.company_id
            )
        ).first()
        if rule is None:
            raise NotFound("There is no such rule.")
        session.delete(rule)
        append_audit(session, deed(viewer, "posting.rule_delete", rule_id), now=now)


@contextmanager
def _writing(store: Store) -> Iterator[Session]:
    """A write transaction in which an unknown posting answers like one of another company."""
    try:
        with store.writing(Urgency.EVENT) as session:
            yield session
    except rows.PostingUnknown:
        raise NotFound("There is no such posting.") from None


def _make(session: Session, viewer: Viewer, checked: Mapping[str, Any], *, now: datetime) -> JobPosting:
    """A new posting from checked values."""
    wanted = settled({"opened_on": None, **checked}, None, today_of(session, viewer.company_id, now))
    refuse_taken(session, viewer.company_id, wanted, uuid.UUID(int=0))
    return rows.create_posting(session, viewer.company_id, wanted, actor=viewer.email, now=now)


def _refuse_taken(session: Session, posting: JobPosting, checked: Mapping[str, Any]) -> None:
    """Refuse what another posting is called already; what this one is called anyway stays as it is."""
    new = {name: value for name, value in checked.items() if value != getattr(posting, name, None)}
    refuse_taken(session, posting.company_id, new, posting.id)


def _bring_to(
    store: Store, viewer: Viewer, what: tuple[str, uuid.UUID], values: Mapping[str, Any], *, now: datetime
) -> None:
    """Bring a posting to another status, and back into use what it is called where it was archived."""
    action, posting_id = what
    require_admin(store, viewer, action, posting_id, now=now)
    with _writing(store) as session:
        posting = rows.get_posting(session, viewer.company_id, posting_id)
        if posting.status == "archived":
            refuse_taken(session, viewer.company_id, as_held(posting), posting.id)
        _, platforms = save_values(session, posting, values, actor=viewer.email, now=now)
        rows.settle_postings(session, viewer.company_id, now=now)
        append_audit(session, deed(viewer, action, posting_id, platforms=platforms), now=now)
