"""Ask for a sync: writes a pending job, or finds the one that is already under way."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import func, select, update
from sqlalchemy import text as sql
from sqlmodel import Session, col

from connectors.registry import find_source
from jobs import windows
from store.engine import is_sqlite
from store.tables import PlatformConfig, PlatformSyncJob
from store.tables.columns import new_id
from store.tables.work import ACTIVE_STATES

SyncType = Literal["incremental", "full", "backfill"]
#: Waiting for these is our own choice; a person who presses the button may cut it short. The platform's is not.
_OWN_WAITS = ("", "budget")
#: Serialises requests on PostgreSQL, so that numbers rise without holes and the active job is seen.
_LOCK = 0x50B5_0001


@dataclass(frozen=True, slots=True)
class SyncRequest:
    """The job that will answer the request. `is_new` is False when one was already under way: `state` and `due_at`
    then tell how it stands and when it goes on."""

    job_id: uuid.UUID
    number: int
    is_new: bool
    state: str
    due_at: datetime | None
    created_at: datetime
    sync_type: str
    window_start: date
    window_end: date


def request_sync(
    session: Session,
    config: PlatformConfig,
    *,
    sync_type: SyncType,
    window: tuple[date, date] | None = None,
    requested_by: str,
    now: datetime,
    slot: str = "",
    cursor: dict[str, object] | None = None,
) -> SyncRequest:
    """Write a pending sync job for `config`, or return the active one, made due now where only we made it wait.

    `window` (start ≤ day < end) is needed for a backfill and taken as it is for the others. `slot` names a scheduled
    moment: the same one never makes a second job. `cursor` goes on where an earlier job stopped. The caller commits.
    Raises ValueError for a window without days or a platform without a connector.
    """
    connector = find_source(config.connector)
    if connector is None:
        raise ValueError(f"platform {config.platform!r} has no connector to sync with")
    if not is_sqlite(session):
        session.execute(sql("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    existing = _find_active(session, config.id) or _find_slot(session, config.id, slot)
    if existing is not None:
        if requested_by != "clock":
            _make_due(session, existing, now)
        return _answer(existing, is_new=False)
    kind, (start, end) = _window(session, config, sync_type, window, connector.lookback_days, now)
    if kind == "full" and sync_type == "incremental":
        cursor = _left_over(session, config, connector.lookback_days, now)
    values = {"sync_type": kind, "window_start": start, "window_end": end, "cursor": cursor or {}}
    job = _add_job(session, config, slot, {**values, "requested_by": requested_by, "created_at": now})
    return _answer(job, is_new=True)


def _add_job(session: Session, config: PlatformConfig, slot: str, values: dict[str, Any]) -> PlatformSyncJob:
    job_id = new_id()
    job = PlatformSyncJob(
        id=job_id,
        number=1 + (session.execute(select(func.max(col(PlatformSyncJob.number)))).scalar() or 0),
        company_id=config.company_id,
        config_id=config.id,
        slot=slot or f"asked:{job_id}",
        **values,
    )
    session.add(job)
    session.flush()
    return job


def planned_window(
    session: Session,
    config: PlatformConfig,
    sync_type: SyncType,
    window: tuple[date, date] | None,
    now: datetime,
) -> tuple[SyncType, tuple[date, date]]:
    """What a request made now would read: the kind it becomes and its window. Raises ValueError as `request_sync`."""
    connector = find_source(config.connector)
    if connector is None:
        raise ValueError(f"platform {config.platform!r} has no connector to sync with")
    return _window(session, config, sync_type, window, connector.lookback_days, now)


def _find_active(session: Session, config_id: uuid.UUID) -> PlatformSyncJob | None:
    statement = select(PlatformSyncJob).where(
        col(PlatformSyncJob.config_id) == config_id, col(PlatformSyncJob.state).in_(ACTIVE_STATES)
    )
    return session.execute(statement.execution_options(populate_existing=True)).scalars().first()


def _find_slot(session: Session, config_id: uuid.UUID, slot: str) -> PlatformSyncJob | None:
    if not slot:
        return None
    statement = select(PlatformSyncJob).where(
        col(PlatformSyncJob.config_id) == config_id, col(PlatformSyncJob.slot) == slot
    )
    return session.execute(statement).scalars().first()


def _make_due(session: Session, job: PlatformSyncJob, now: datetime) -> None:
    """Cut short a wait that is our own: the backoff of a pending job, a pause that the platform did not ask for."""
    waits = job.state == "pending" or (job.state == "paused" and job.cause_code in _OWN_WAITS)
    due_at = job.next_attempt_at if job.state == "pending" else job.paused_until
    if not waits or due_at is None or due_at <= now:
        return
    column = "next_attempt_at" if job.state == "pending" else "paused_until"
    session.execute(
        update(PlatformSyncJob)
        .where(col(PlatformSyncJob.id) == job.id, col(PlatformSyncJob.state) == job.state)
        .values({column: now})
    )
    session.refresh(job)


def _answer(job: PlatformSyncJob, *, is_new: bool) -> SyncRequest:
    return SyncRequest(
        job_id=job.id,
        number=job.number,
        is_new=is_new,
        state=job.state,
        due_at=job.paused_until if job.state == "paused" else job.next_attempt_at,
        created_at=job.created_at,
        sync_type=job.sync_type,
        window_start=job.window_start,
        window_end=job.window_end,
    )


def _window(
    session: Session,
    config: PlatformConfig,
    sync_type: SyncType,
    window: tuple[date, date] | None,
    lookback_days: int,
    now: datetime,
) -> tuple[SyncType, windows.Chunk]:
    if window is not None:
        if window[1] <= window[0]:
            raise ValueError(f"a window ends after it starts: {window[0]}..{window[1]}")
        return sync_type, window
    if sync_type == "backfill":
        raise ValueError("a backfill needs a window")
    today = windows.today_in(config.time_zone, now)
    last_covered = _last_covered(session, config)
    if sync_type == "full" or last_covered is None:
        return "full", windows.full_window(today)
    return "incremental", windows.incremental_window(today, lookback_days, last_covered)


def _last_covered(session: Session, config: PlatformConfig) -> date | None:
    """The last day before which nothing is missing; None as long as no sync of this connection was ever completed.

    A completed sync has read its window; one that ended early has not, and a backfill reads days somebody chose.
    """
    end: date | None = session.execute(
        select(func.max(col(PlatformSyncJob.window_end))).where(
            col(PlatformSyncJob.config_id) == config.id,
            col(PlatformSyncJob.state) == "completed",
            col(PlatformSyncJob.sync_type) != "backfill",
        )
    ).scalar()
    return None if end is None else end - windows.DAY


def _left_over(session: Session, config: PlatformConfig, lookback_days: int, now: datetime) -> dict[str, object]:
    """Where the connection's first, unfinished full sync stopped: its remaining chunks after what is new since."""
    last = (
        session.execute(
            select(PlatformSyncJob)
            .where(col(PlatformSyncJob.config_id) == config.id)
            .order_by(col(PlatformSyncJob.number).desc())
            .limit(1)
        )
        .scalars()
        .first()
    )
    if last is None or last.state != "partial" or last.sync_type != "full":
        return {}
    start, end = windows.incremental_window(
        windows.today_in(config.time_zone, now), lookback_days, last.window_end - windows.DAY
    )
    remaining = windows.load_chunks(last.cursor.get("chunks"))
    return {"chunks": windows.dump_chunks([(start, end), *remaining])}
