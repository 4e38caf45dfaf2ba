"""Postings that a file brings, with what they replaced kept for taking it back."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session

from domain.postings import LABELS
from store.tables import ImportChange, JobPosting
from store.writes.outbox import close_everywhere
from store.writes.posting_history import told
from store.writes.postings import add_posting, change_posting, next_number

_CHANGES = ImportChange.__table__  # type: ignore[attr-defined]
_DAYS = frozenset({"opened_on", "closed_on"})


@dataclass(frozen=True, slots=True)
class PostingWriter:
    """Which import writes, into which company, for whom, stamped with which instant."""

    import_id: uuid.UUID
    company_id: uuid.UUID
    actor: str
    now: datetime


def write_postings(
    session: Session,
    writer: PostingWriter,
    wanted: Sequence[tuple[str, JobPosting | None, Mapping[str, Any]]],
    first_seq: int,
) -> int:
    """Make or change postings: (requisition, the posting or None for a new one, columns to set). Returns how many
    changes were kept; `first_seq` numbers them.

    Nothing is linked yet: call `settle_postings` after the last batch.
    """
    kept: list[dict[str, Any]] = []
    number = next_number(session, writer.company_id) if any(held is None for _, held, _ in wanted) else 0
    for ref, held, columns in wanted:
        if held is None:
            values = {**columns, "requisition_ref": ref}
            made = add_posting(session, writer.company_id, values, number, actor=writer.actor, now=writer.now)
            number += 1
            kept.append(_kept(writer, first_seq + len(kept), made.id, None, values))
        elif columns:
            before = {name: getattr(held, name) for name in columns}
            was_open = held.status == "open"
            change_posting(session, held, columns, actor=writer.actor, now=writer.now)
            kept.append(_kept(writer, first_seq + len(kept), held.id, before, columns))
            if was_open and held.status != "open":
                close_everywhere(session, held, requested_by=writer.actor, now=writer.now)
    session.flush()
    if kept:
        session.connection().execute(insert(_CHANGES), kept)
    return len(kept)


def to_document(values: Mapping[str, Any]) -> dict[str, Any]:
    """Columns of a posting as JSON keeps them.

    >>> to_document({"opened_on": date(2026, 3, 2), "target_hires": 2, "closed_on": None})
    {'opened_on': '2026-03-02', 'target_hires': 2, 'closed_on': None}
    """
    return {name: told(value) or None if name in _DAYS else value for name, value in values.items()}


def from_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """The same back, of fields that postings have today.

    >>> from_document({"opened_on": "2026-03-02", "closed_on": None, "title": "Nurse", "mood": "good"})
    {'opened_on': datetime.date(2026, 3, 2), 'closed_on': None, 'title': 'Nurse'}
    """
    return {
        name: date.fromisoformat(value) if name in _DAYS and value else value
        for name, value in document.items()
        if name in LABELS
    }


def _kept(
    writer: PostingWriter, seq: int, posting_id: uuid.UUID, before: Mapping[str, Any] | None, after: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "import_id": writer.import_id,
        "seq": seq,
        "company_id": writer.company_id,
        "row_key": [str(posting_id)],
        "before": None if before is None else to_document(before),
        "after": to_document(after),
    }
