"""Closes postings whose closing day is over, by the days of their company."""

import uuid
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, select
from sqlmodel import Session, col

from store.engine import run_writing
from store.opening import Store
from store.tables import Company, JobPosting
from store.writes.posting_saved import save_values
from store.writes.postings import settle_postings

_BY = "closing day"
#: Postings closed in one transaction.
_AT_ONCE = 200


def close_due_postings(store: Store, now: datetime) -> int:
    """Close open postings whose last day is over, here and where they are published; how many were closed.

    1. Which may be over by any zone. 2. By company: lock, look again, close, link. Safe to run twice at a time.
    """
    # Nowhere is it later than fourteen hours after UTC.
    latest = (now + timedelta(hours=14)).date()
    with store.reading() as session:
        companies = session.execute(
            select(col(JobPosting.company_id), col(Company.time_zone))
            .join(Company, col(Company.id) == col(JobPosting.company_id))
            .where(*_over(latest))
            .distinct()
        ).all()
    closed = 0
    for company_id, zone in companies:
        today = now.astimezone(ZoneInfo(zone)).date()

        def work(session: Session, company_id: uuid.UUID = company_id, today: date = today) -> int:
            return _close(session, company_id, today, now)

        while part := run_writing(store.engine, work):
            closed += part
    return closed


def _close(session: Session, company_id: uuid.UUID, today: date, now: datetime) -> int:
    due = session.execute(
        select(JobPosting)
        .where(col(JobPosting.company_id) == company_id, *_over(today))
        .order_by(col(JobPosting.number))
        .limit(_AT_ONCE)
        .with_for_update()
    )
    postings = list(due.scalars())
    for posting in postings:
        save_values(session, posting, {"status": "closed"}, actor=_BY, now=now)
    if postings:
        settle_postings(session, company_id, now=now)
    return len(postings)


def _over(today: date) -> tuple[ColumnElement[bool], ...]:
    return (col(JobPosting.status) == "open", col(JobPosting.closed_on).is_not(None), col(JobPosting.closed_on) < today)
