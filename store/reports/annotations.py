"""What happened that may explain a trend: notes by hand, and postings opened, closed, reopened, archived, retitled?

Openings and closings stand on the days that postings have now; what was taken back since stands where it was told.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from domain.periods import Period
from store.reports.scope import CompanyScope
from store.tables import Annotation, JobPosting, PostingChange, User

#: Of each kind of source; more would explain nothing.
MOST_ROWS = 2_000
Kind = Literal["hand", "opened", "closed", "reopened", "archived", "retitled"]
_SAID: dict[str, str] = {"opened": "Opened", "closed": "Closed", "reopened": "Reopened", "archived": "Archived"}


@dataclass(frozen=True, slots=True)
class Note:
    """Something that happened on a day, in words. `id` and `by` are of notes by hand; `title` is of their posting."""

    day: date
    kind: Kind
    words: str
    posting_id: uuid.UUID | None = None
    title: str = ""
    id: uuid.UUID | None = None
    author_id: uuid.UUID | None = None
    by: str = ""


def list_annotations(session: Session, company: CompanyScope, period: Period) -> list[Note]:
    """What happened in a period, by day, then by kind and words. The same closing is told once."""
    found = [*_by_hand(session, company, period), *_by_days(session, company, period)]
    known = {(note.kind, note.day, note.posting_id) for note in found}
    for note in _by_changes(session, company, period):
        if (note.kind, note.day, note.posting_id) not in known:
            known.add((note.kind, note.day, note.posting_id))
            found.append(note)
    return sorted(found, key=lambda note: (note.day, note.kind, note.words))


def _by_hand(session: Session, company: CompanyScope, period: Period) -> Iterator[Note]:
    rows = session.execute(
        select(Annotation, col(JobPosting.title), col(User.name), col(User.email))
        .join(JobPosting, col(JobPosting.id) == col(Annotation.posting_id), isouter=True)
        .join(User, col(User.id) == col(Annotation.created_by), isouter=True)
        .where(
            col(Annotation.company_id) == company.id,
            col(Annotation.kind) == "hand",
            col(Annotation.day) >= period.start,
            col(Annotation.day) < period.end,
        )
        .order_by(col(Annotation.day).desc(), col(Annotation.id))
        .limit(MOST_ROWS)
    )
    for row, title, name, email in rows:
        yield Note(row.day, "hand", row.words, row.posting_id, title or "", row.id, row.created_by, name or email or "")


def _by_days(session: Session, company: CompanyScope, period: Period) -> Iterator[Note]:
    """Opening and closing days as postings have them."""
    opened: tuple[Kind, object] = ("opened", JobPosting.opened_on)
    closed: tuple[Kind, object] = ("closed", JobPosting.closed_on)
    for kind, column in (opened, closed):
        day = col(column)
        where = [col(JobPosting.company_id) == company.id, day >= period.start, day < period.end]
        if kind == "closed":
            where.append(col(JobPosting.status) != "open")
        rows = session.execute(
            select(day, col(JobPosting.id), col(JobPosting.title))
            .where(*where)
            .order_by(day.desc(), col(JobPosting.number))
            .limit(MOST_ROWS)
        )
        for on, posting_id, title in rows:
            yield Note(on, kind, f"{_SAID[kind]}: {title}", posting_id, title)


def _by_changes(session: Session, company: CompanyScope, period: Period) -> Iterator[Note]:
    """What the history tells that the postings themselves do not show (any more)."""
    zone = ZoneInfo(company.time_zone)
    first, end = (datetime.combine(day, time(), zone) for day in (period.start, period.end))
    rows = session.execute(
        select(PostingChange, col(JobPosting.title))
        .join(JobPosting, col(JobPosting.id) == col(PostingChange.posting_id))
        .where(
            col(PostingChange.company_id) == company.id,
            col(PostingChange.at) >= first,
            col(PostingChange.at) < end,
            col(PostingChange.field).in_(("status", "title", "closed_on")),
        )
        .order_by(col(PostingChange.at).desc(), col(PostingChange.id).desc())
        .limit(MOST_ROWS)
    ).all()
    days = {(row.posting_id, row.at): row.after for row, _ in rows if row.field == "closed_on"}
    for row, title in rows:
        kind = _kind_of(row)
        if kind is None:
            continue
        told = days.get((row.posting_id, row.at), "") if kind == "closed" else ""
        day = date.fromisoformat(told) if told else row.at.astimezone(zone).date()
        words = f"“{row.before}” is now “{row.after}”" if kind == "retitled" else f"{_SAID[kind]}: {title}"
        if period.start <= day < period.end:
            yield Note(day, kind, words, row.posting_id, title)


def _kind_of(row: PostingChange) -> Kind | None:
    if row.field == "title":
        return "retitled"
    if row.field != "status" or not row.before:
        return None
    if row.after == "open":
        return "reopened"
    if row.after == "archived":
        return "archived"
    return "closed" if row.before == "open" else None
