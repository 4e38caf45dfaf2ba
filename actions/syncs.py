"""Ask for syncs: of one connection, of all, of an old window, or once more."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import select
from sqlmodel import Session, col

from actions.viewer import NotFound, Viewer, deed, require_admin
from connectors.registry import find_source
from domain.facts import Window
from domain.periods import local_day
from jobs.enqueue import SyncRequest, SyncType, planned_window, request_sync
from store.engine import Urgency
from store.opening import Store
from store.tables import PlatformConfig, PlatformSyncJob
from store.writes.audit import append_audit

#: How far back a backfill may reach.
LONGEST_BACKFILL = timedelta(days=5 * 366)


@dataclass(frozen=True, slots=True)
class SyncPlan:
    """What a sync would read and, at worst, cost: days `start` ≤ day < `end`, calls, minor units of `currency`."""

    sync_type: str
    start: date
    end: date
    calls: int
    cost_minor: int
    currency: str


def sync_now(
    store: Store, viewer: Viewer, config_id: uuid.UUID | str, sync_type: SyncType = "incremental", *, now: datetime
) -> SyncRequest:
    """Ask for a sync of one connection; the one under way answers where there is one.

    Raises NotAllowed, NotFound, and ValueError where the connection is switched off or has no connector.
    """
    require_admin(store, viewer, "sync.request", config_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        config = _config(session, viewer, config_id)
        request = request_sync(session, config, sync_type=sync_type, requested_by=viewer.email, now=now)
        _note(session, viewer, config, request, now)
    return request


def sync_all(
    store: Store, viewer: Viewer, *, now: datetime, sync_type: SyncType = "incremental", platform: str = ""
) -> list[SyncRequest]:
    """Ask for a sync of every active connection (of one platform), in one transaction. Raises NotAllowed."""
    require_admin(store, viewer, "sync.request_all", platform, now=now)
    statement = (
        select(PlatformConfig)
        .where(
            col(PlatformConfig.company_id) == viewer.company_id,
            col(PlatformConfig.deleted_at).is_(None),
            col(PlatformConfig.is_active),
            col(PlatformConfig.connector) != "",
        )
        .order_by(col(PlatformConfig.number))
    )
    if platform:
        statement = statement.where(col(PlatformConfig.platform) == platform)
    requests = []
    with store.writing(Urgency.EVENT) as session:
        for config in session.execute(statement).scalars():
            if find_source(config.connector) is None:
                continue
            request = request_sync(session, config, sync_type=sync_type, requested_by=viewer.email, now=now)
            _note(session, viewer, config, request, now)
            requests.append(request)
    return requests


def backfill(
    store: Store, viewer: Viewer, config_id: uuid.UUID | str, start: date, end: date, *, now: datetime
) -> SyncRequest:
    """Ask for `start` ≤ day < `end` to be read again. Raises NotAllowed, NotFound, and ValueError for a bad window."""
    require_admin(store, viewer, "sync.backfill", config_id, now=now)
    tomorrow = now.date() + timedelta(days=2)
    if not start < end:
        raise ValueError("A backfill needs a first day before its last.")
    if end > tomorrow or start < now.date() - LONGEST_BACKFILL:
        raise ValueError("A backfill may reach five years back, and not into the future.")
    with store.writing(Urgency.EVENT) as session:
        config = _config(session, viewer, config_id)
        request = request_sync(
            session, config, sync_type="backfill", window=(start, end), requested_by=viewer.email, now=now
        )
        _note(session, viewer, config, request, now)
    return request


def retry(store: Store, viewer: Viewer, job_id: uuid.UUID | str, *, now: datetime) -> SyncRequest:
    """Ask once more for what a sync job did not bring; it begins with the first chunk that was not read whole.

    Raises NotAllowed, NotFound, and ValueError when the job is not over or completed.
    """
    require_admin(store, viewer, "sync.retry", job_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        job = session.get(PlatformSyncJob, _uuid(job_id))
        if job is None or job.company_id != viewer.company_id:
            raise NotFound("There is no such sync job.")
        if job.state not in {"failed", "partial"}:
            raise ValueError("Only a sync that failed or brought a part can be tried again.")
        config = _config(session, viewer, job.config_id)
        request = request_sync(
            session,
            config,
            sync_type=job.sync_type,  # type: ignore[arg-type]
            window=(job.window_start, job.window_end),
            requested_by=viewer.email,
            now=now,
            # Not from the middle of a chunk: closing it would delete what only the earlier job has seen of it.
            cursor={**job.cursor, "at": ""},
        )
        _note(session, viewer, config, request, now)
    return request


def plan_sync(
    store: Store,
    viewer: Viewer,
    config_id: uuid.UUID | str,
    sync_type: SyncType,
    window: tuple[date, date] | None = None,
    *,
    now: datetime,
) -> SyncPlan:
    """What a sync would read and cost at worst, to be shown before it is asked for. Raises as `sync_now`."""
    require_admin(store, viewer, "sync.plan", config_id, now=now)
    with store.reading() as session:
        config = _config(session, viewer, config_id)
        kind, (start, end) = planned_window(session, config, sync_type, window, now)
    connector = find_source(config.connector)
    if connector is None:
        raise ValueError("This platform is fed by files: there is nothing to sync.")
    final_before = local_day(now, config.time_zone or "UTC") - timedelta(days=connector.lookback_days)
    calls = connector.calls_for(Window(start, end, final_before), items=config.account_items)
    return SyncPlan(kind, start, end, calls, calls * connector.limits.cost_minor, connector.limits.currency)


def _config(session: Session, viewer: Viewer, config_id: uuid.UUID | str) -> PlatformConfig:
    config = session.get(PlatformConfig, _uuid(config_id))
    if config is None or config.company_id != viewer.company_id or config.deleted_at is not None:
        raise NotFound("There is no such connection.")
    if not config.is_active and config.connector:
        raise ValueError("This connection is switched off. Switch it on first.")
    return config


def _uuid(text: uuid.UUID | str) -> uuid.UUID:
    try:
        return text if isinstance(text, uuid.UUID) else uuid.UUID(text)
    except ValueError:
        raise NotFound("There is no such thing.") from None


def _note(session: Session, viewer: Viewer, config: PlatformConfig, request: SyncRequest, now: datetime) -> None:
    note = deed(
        viewer,
        "sync.request",
        config.id,
        job=str(request.job_id),
        sync_type=request.sync_type,
        is_new=request.is_new,
    )
    append_audit(session, note, now=now)
