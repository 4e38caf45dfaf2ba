"""Who holds a sync job: claim, fence, heartbeat and release, all as conditional UPDATEs by the database's own time.

A claim raises `fence`. Every later write of its holder names that fence and a lease that has not run out; no row
matched means that another worker took the job over, and the holder must roll back.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Engine, Update, and_, bindparam, case, func, literal, literal_column, or_, select, update
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.elements import ColumnElement, SQLCoreOperations
from sqlalchemy.sql.functions import FunctionElement
from sqlmodel import Session, col

from store.engine import is_sqlite, run_writing
from store.tables import PlatformSyncJob as Job
from store.tables import WorkerBeat
from store.tables.columns import UtcInstant

_TABLE = Job.__table__  # type: ignore[attr-defined]
LEASE_SECONDS = 30
HEARTBEAT_SECONDS = 5


class LostLease(Exception):
    """Another worker holds the job, or it was ended from outside: whatever was begun must be rolled back."""


class database_now(FunctionElement[datetime]):  # noqa: N801 - reads as the SQL function it stands for
    """The database's clock at this statement, plus a fixed number of seconds."""

    type = UtcInstant()
    inherit_cache = True

    def __init__(self, plus_seconds: int = 0) -> None:
        super().__init__(literal_column(str(int(plus_seconds))))


@compiles(database_now, "sqlite")
def _on_sqlite(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    seconds = compiler.process(element.clauses, **options)
    # The same text as UtcInstant writes, so that instants compare as text.
    return f"strftime('%Y-%m-%dT%H:%M:%f000+00:00', 'now', '{seconds} seconds')"


@compiles(database_now, "postgresql")
def _on_postgresql(element: Any, compiler: SQLCompiler, **options: Any) -> str:
    return f"(clock_timestamp() + interval '{compiler.process(element.clauses, **options)} seconds')"


@dataclass(frozen=True, slots=True)
class Claim:
    """A job in our hands. `was_lost` tells that its last holder disappeared without a word."""

    job_id: uuid.UUID
    company_id: uuid.UUID
    config_id: uuid.UUID
    number: int
    fence: int
    worker: str
    was_lost: bool


def due(now: datetime) -> ColumnElement[bool]:
    """Jobs that somebody should take: pending and paused ones whose time has come, running ones left alone."""
    return or_(
        and_(col(Job.state) == "pending", or_(col(Job.next_attempt_at).is_(None), col(Job.next_attempt_at) <= now)),
        and_(col(Job.state) == "paused", col(Job.paused_until) <= now),
        and_(col(Job.state) == "running", or_(col(Job.lease_until).is_(None), col(Job.lease_until) <= database_now())),
    )


def count_due(session: Session, now: datetime, most: int = 64) -> int:
    """How many jobs wait to be taken, at most `most`."""
    return len(session.execute(select(col(Job.id)).where(due(now)).limit(most)).all())


def claim_next(engine: Engine, worker: str, now: datetime) -> Claim | None:
    """Take the next due job: small ones before full ones, then in order of waiting. None when nothing is due.

    Two workers that ask at once never get the same job.
    """
    return run_writing(engine, lambda session: _claim(session, worker, now))


def _claim(session: Session, worker: str, now: datetime) -> Claim | None:
    waiting_since = func.coalesce(col(Job.next_attempt_at), col(Job.paused_until), col(Job.created_at))
    choice = (
        select(col(Job.id), col(Job.state))
        .where(due(now))
        .order_by(case((col(Job.sync_type) == "incremental", 0), else_=1), waiting_since, col(Job.number))
        .limit(1)
    )
    if not is_sqlite(session):
        choice = choice.with_for_update(skip_locked=True)
    chosen = session.execute(choice).first()
    if chosen is None:
        return None
    was_lost = chosen.state == "running"
    taken = session.execute(
        update(Job)
        .where(col(Job.id) == chosen.id, due(now))
        .values(
            state="running",
            fence=col(Job.fence) + 1,
            worker=worker,
            lease_until=database_now(LEASE_SECONDS),
            heartbeat_at=database_now(),
            # Typed: a bare value in coalesce would be written without its zone on SQLite.
            started_at=func.coalesce(col(Job.started_at), literal(now, UtcInstant)),
            attempts=col(Job.attempts) + (1 if was_lost else 0),
            cause_code="",
            detail="",
            paused_until=None,
            next_attempt_at=None,
        )
        .returning(col(Job.id), col(Job.company_id), col(Job.config_id), col(Job.number), col(Job.fence)),
        execution_options={"synchronize_session": False},
    ).first()
    if taken is None:
        return None
    job_id, company_id, config_id, number, fence = taken
    return Claim(job_id, company_id, config_id, number, fence, worker, was_lost)


_HELD = and_(
    _TABLE.c.id == bindparam("job", type_=_TABLE.c.id.type),
    _TABLE.c.fence == bindparam("held", type_=_TABLE.c.fence.type),
    _TABLE.c.state == "running",
    _TABLE.c.lease_until > database_now(),
)


def write_held(session: Session, claim: Claim, added: Mapping[str, float] | None = None, **values: Any) -> None:
    """Set `values` on the job we hold, raise the columns in `added`, and prolong the lease; the first statement of
    every page transaction.

    Raises LostLease when the job is no longer ours. On PostgreSQL the row stays locked until the transaction ends,
    so that nobody can take the job over between this check and the commit.
    """
    raised = added or {}
    computed = {name: value for name, value in values.items() if isinstance(value, SQLCoreOperations)}
    values = {name: value for name, value in values.items() if name not in computed}
    statement = _holding(tuple(raised), tuple(values))
    if computed:
        statement = statement.values(computed)
    told: dict[str, Any] = {"job": claim.job_id, "held": claim.fence}
    told |= {f"plus_{name}": number for name, number in raised.items()}
    told |= {f"new_{name}": value for name, value in values.items()}
    # On the connection, past the ORM: this runs twice a page, and the ORM would triple its price.
    result = session.connection().execute(statement, told)
    if result.rowcount != 1:
        raise LostLease(claim.job_id)


@lru_cache(maxsize=64)
def _holding(raised: tuple[str, ...], named: tuple[str, ...]) -> Update:
    """The UPDATE under our fence that raises and sets these columns; putting it together costs more than its work."""
    columns = _TABLE.c
    changes: dict[str, Any] = {"lease_until": database_now(LEASE_SECONDS), "heartbeat_at": database_now()}
    changes |= {name: columns[name] + bindparam(f"plus_{name}", type_=columns[name].type) for name in raised}
    changes |= {name: bindparam(f"new_{name}", type_=columns[name].type) for name in named}
    return update(_TABLE).where(_HELD).values(changes)


def holding(
    engine: Engine,
    claim: Claim,
    work: Callable[[Session], None] | None = None,
    added: Mapping[str, float] | None = None,
    **values: Any,
) -> None:
    """One transaction of the holder: the check with `added` and `values`, then `work`. Raises LostLease."""

    def transaction(session: Session) -> None:
        write_held(session, claim, added, **values)
        if work is not None:
            work(session)

    run_writing(engine, transaction)


def beat(engine: Engine, claim: Claim) -> None:
    """Prolong the lease. Raises LostLease."""
    holding(engine, claim)


def release(engine: Engine, claim: Claim, now: datetime) -> None:
    """Give the job back untouched, for the next worker to go on at once. Raises LostLease."""
    holding(engine, claim, state="pending", next_attempt_at=now, lease_until=None, worker="")


def note_sign_of_life(engine: Engine, worker: str, doing: str, now: datetime) -> None:
    """Write down that this worker lives, and what it does."""

    def transaction(session: Session) -> None:
        row = session.get(WorkerBeat, worker) or WorkerBeat(worker=worker)
        row.beat_at, row.doing = now, doing
        session.add(row)

    run_writing(engine, transaction)


def long_ago(now: datetime) -> datetime:
    """Signs of life before this belong to processes that are gone."""
    return now - timedelta(seconds=10 * LEASE_SECONDS)
