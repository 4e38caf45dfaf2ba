"""How a company's connections stand: state, progress, what went wrong and what helps, and the form as it was saved."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import Session, col

from connectors.errors import CAUSES
from connectors.registry import find_connector
from domain.platforms import BY_KEY
from store.reports.freshness import LastJob, connection_state
from store.tables import PlatformConfig, PlatformSyncJob

#: A connection is stale when it has missed two of its slots.
_INTERVALS = {"hourly": timedelta(hours=1), "daily": timedelta(days=1)}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the sync under way has come. `chunks_left` of `chunks` are still to read; 0 of 0 before it has begun."""

    job_id: uuid.UUID
    state: str
    pages: int
    facts: int
    requests: int
    waits: int
    waited_seconds: float
    chunks_left: int
    chunks: int
    due_at: datetime | None
    detail: str


@dataclass(frozen=True, slots=True)
class Connection:
    """One connection for the screen. `state` is one of inactive, fed, never, syncing, paused, failed, partial, stale,
    completed; `until` is when a paused one goes on. `settings` are the form's plain values, never secrets."""

    id: uuid.UUID
    platform: str
    label: str
    connector: str
    account: str
    state: str
    is_active: bool
    synced_at: datetime | None
    until: datetime | None
    cause: str
    words: str
    cure: str
    detail: str
    progress: Progress | None
    settings: Mapping[str, object]
    secret_fields: tuple[str, ...]
    rate_limit: int | None
    spend_limit_minor: int | None
    quality: tuple[str, ...]


def list_standing(session: Session, company_id: uuid.UUID, now: datetime) -> tuple[Connection, ...]:
    """The connections of a company that are not deleted, by number."""
    configs = session.execute(
        select(PlatformConfig)
        .where(col(PlatformConfig.company_id) == company_id, col(PlatformConfig.deleted_at).is_(None))
        .order_by(col(PlatformConfig.number))
    ).scalars()
    jobs = _newest_jobs(session, company_id)
    return tuple(_standing(config, jobs.get(config.id), now) for config in configs)


def _newest_jobs(session: Session, company_id: uuid.UUID) -> dict[uuid.UUID, PlatformSyncJob]:
    newest = (
        select(func.max(col(PlatformSyncJob.number)))
        .where(col(PlatformSyncJob.company_id) == company_id)
        .group_by(col(PlatformSyncJob.config_id))
    )
    found = session.execute(select(PlatformSyncJob).where(col(PlatformSyncJob.number).in_(newest))).scalars()
    return {job.config_id: job for job in found}


def _standing(config: PlatformConfig, job: PlatformSyncJob | None, now: datetime) -> Connection:
    connector = find_connector(config.connector)
    last = LastJob(job.state, job.cause_code) if job else None
    state = connection_state(config.connector, config.is_active, config.synced_at, last, now)
    if state in {"completed", "partial"} and connector is not None and config.synced_at is not None:
        is_late = now - config.synced_at > 2 * _INTERVALS[connector.interval]
        state = "stale" if is_late else state
    cause = CAUSES.get(job.cause_code) if job and job.cause_code else None
    flags = config.quality.get("flags")
    return Connection(
        id=config.id,
        platform=config.platform,
        label=config.name or BY_KEY[config.platform].label,
        connector=config.connector,
        account=config.account_label,
        state=state,
        is_active=config.is_active,
        synced_at=config.synced_at,
        until=job.paused_until if job and job.state == "paused" else None,
        cause=job.cause_code if job else "",
        words=cause.words if cause else "",
        cure=cause.cure if cause else "",
        detail=job.detail if job else "",
        progress=_progress(job) if job and job.state in {"pending", "running", "paused"} else None,
        settings=dict(config.settings),
        secret_fields=connector.secret_fields() if connector else (),
        rate_limit=config.rate_limit,
        spend_limit_minor=config.spend_limit_minor,
        quality=tuple(str(flag) for flag in flags) if isinstance(flags, list) else (),
    )


def _progress(job: PlatformSyncJob) -> Progress:
    chunks = job.cursor.get("chunks")
    return Progress(
        job_id=job.id,
        state=job.state,
        pages=job.pages,
        facts=job.facts,
        requests=job.requests,
        waits=job.waits,
        waited_seconds=job.waited_seconds,
        chunks_left=len(chunks) if isinstance(chunks, list) else 0,
        chunks=int(str(job.cursor.get("planned", 0))),
        due_at=job.paused_until if job.state == "paused" else job.next_attempt_at,
        detail=job.detail,
    )
