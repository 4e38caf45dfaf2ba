"""Rows of connections: their numbers, the end of their jobs, and erasing what they brought. The caller commits."""

import uuid
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy import text as sql
from sqlmodel import Session, col

from store.engine import is_sqlite
from store.tables import (
    BreakdownRow,
    Company,
    DirtyDay,
    ExternalPosting,
    PlatformConfig,
    PlatformSyncJob,
    RawFact,
    ReadCoverage,
)
from store.tables.work import ACTIVE_STATES

_LOCK = 0x50B5_0003


def next_config_number(session: Session) -> int:
    """A number no connection has had, safe against others who ask at the same time."""
    if not is_sqlite(session):
        session.execute(sql("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    return 1 + (session.execute(select(func.max(col(PlatformConfig.number)))).scalar() or 0)


def company_number(session: Session, config: PlatformConfig) -> int:
    """The number of the company a connection belongs to."""
    number: int = session.execute(select(col(Company.number)).where(col(Company.id) == config.company_id)).scalar_one()
    return number


def end_active_jobs(session: Session, config_id: uuid.UUID, reason: str, *, now: datetime) -> int:
    """End what is under way for a connection; a worker in the middle of it loses its lease. Returns how many."""
    result = session.execute(
        update(PlatformSyncJob)
        .where(col(PlatformSyncJob.config_id) == config_id, col(PlatformSyncJob.state).in_(ACTIVE_STATES))
        .values(
            state="failed",
            cause_code="config_invalid",
            detail=reason,
            fence=col(PlatformSyncJob.fence) + 1,
            lease_until=None,
            next_attempt_at=None,
            paused_until=None,
            finished_at=now,
        ),
        execution_options={"synchronize_session": False},
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def restart_active_jobs(session: Session, config_id: uuid.UUID, *, now: datetime) -> int:
    """Have what is under way for a connection begun anew, at once and by its new form; a worker in the middle of it
    loses its lease. Returns how many."""
    result = session.execute(
        update(PlatformSyncJob)
        .where(col(PlatformSyncJob.config_id) == config_id, col(PlatformSyncJob.state).in_(ACTIVE_STATES))
        .values(
            state="pending",
            cause_code="",
            detail="",
            cursor={},
            attempts=0,
            fence=col(PlatformSyncJob.fence) + 1,
            lease_until=None,
            next_attempt_at=now,
            paused_until=None,
        ),
        execution_options={"synchronize_session": False},
    )
    return int(result.rowcount)  # type: ignore[attr-defined]


def list_covered_days(session: Session, company_no: int, config_no: int) -> list[int]:
    """Days (numbers) of which a connection has coverage, oldest first: no other day counts."""
    covered = select(col(ReadCoverage.day)).where(
        col(ReadCoverage.company_no) == company_no, col(ReadCoverage.config_no) == config_no
    )
    return list(session.execute(covered.distinct().order_by("day")).scalars())


def list_known_days(session: Session, company_no: int, config_no: int) -> list[int]:
    """Days (numbers) of which a connection has coverage or facts, oldest first. Walks through all its facts."""
    measured = select(col(RawFact.day)).where(
        col(RawFact.company_no) == company_no, col(RawFact.config_no) == config_no
    )
    facts = set(session.execute(measured.distinct()).scalars())
    return sorted(facts.union(list_covered_days(session, company_no, config_no)))


def has_facts(session: Session, company_no: int, config_no: int) -> bool:
    """Whether a connection has brought anything."""
    found = select(col(RawFact.day)).where(col(RawFact.company_no) == company_no, col(RawFact.config_no) == config_no)
    return session.execute(found.limit(1)).first() is not None


def mark_days_dirty(session: Session, company_no: int, config_no: int, days: list[int], *, now: datetime) -> None:
    """Have these days counted again."""
    session.add_all(DirtyDay(company_no=company_no, config_no=config_no, day=day, made_at=now) for day in days)


def erase_days(session: Session, company_no: int, config_no: int, days: list[int], *, now: datetime) -> int:
    """Delete facts and coverage of these days, and have them counted again. Returns the number of facts."""
    if not days:
        return 0
    erased = 0
    for table in (RawFact, ReadCoverage):
        result = session.execute(
            delete(table).where(
                col(table.company_no) == company_no, col(table.config_no) == config_no, col(table.day).in_(days)
            ),
            execution_options={"synchronize_session": False},
        )
        erased += int(result.rowcount) if table is RawFact else 0  # type: ignore[attr-defined]
    mark_days_dirty(session, company_no, config_no, days, now=now)
    return erased


def erase_names(session: Session, config_id: uuid.UUID, config_no: int) -> None:
    """Delete the external postings and breakdowns of a connection whose facts are gone."""
    session.execute(delete(ExternalPosting).where(col(ExternalPosting.config_id) == config_id))
    session.execute(delete(BreakdownRow).where(col(BreakdownRow.config_no) == config_no))
