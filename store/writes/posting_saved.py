"""A posting as its company wants it: saved with its history, and taken off the platforms when it is open no more."""

import uuid
from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session, col

from domain.postings import LABELS, PostingRefused, settled
from store.tables import Company, JobPosting
from store.writes.outbox import close_everywhere
from store.writes.postings import change_posting
from store.writes.postings_found import folded


def today_of(session: Session, company_id: uuid.UUID, now: datetime) -> date:
    """Today in the company's zone."""
    zone = session.execute(select(col(Company.time_zone)).where(col(Company.id) == company_id)).scalar_one()
    return now.astimezone(ZoneInfo(zone)).date()


def save_values(
    session: Session, posting: JobPosting, values: Mapping[str, Any], *, actor: str, now: datetime
) -> tuple[bool, int]:
    """Bring a posting to checked `values` and what follows from them; whether anything changed, and on how many
    platforms it is taken off because it is open no more.

    Nothing is linked yet: call `settle_postings` afterwards. Raises PostingRefused.
    """
    was_open = posting.status == "open"
    wanted = settled(values, as_held(posting), today_of(session, posting.company_id, now))
    changed = change_posting(session, posting, wanted, actor=actor, now=now)
    if not was_open or posting.status == "open":
        return changed, 0
    session.flush()
    return changed, close_everywhere(session, posting, requested_by=actor, now=now)


def as_held(posting: JobPosting) -> dict[str, Any]:
    """A posting's fields as they are."""
    return {name: getattr(posting, name) for name in LABELS}


def refuse_taken(session: Session, company_id: uuid.UUID, values: Mapping[str, Any], posting_id: uuid.UUID) -> None:
    """Raises PostingRefused where another posting that is not archived has the requisition or the slug already."""
    wanted = {name: folded(str(values[name])) for name in ("requisition_ref", "slug") if values.get(name)}
    if not wanted:
        return
    rows = session.execute(
        select(col(JobPosting.title), col(JobPosting.requisition_ref), col(JobPosting.slug)).where(
            col(JobPosting.company_id) == company_id,
            col(JobPosting.status) != "archived",
            col(JobPosting.id) != posting_id,
        )
    )
    for row in rows:
        for name, mark in wanted.items():
            if folded(getattr(row, name)) == mark:
                raise PostingRefused(name, f"{values[name]} is that of “{row.title}” already")
