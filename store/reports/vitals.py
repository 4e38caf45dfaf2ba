"""What Prometheus is told: platforms' answers, sync jobs by state, what waits. No company, no posting, no person."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from store.tables import (
    Alert,
    Mail,
    OutboxEntry,
    PlatformConfig,
    PlatformHealth,
    PlatformSyncJob,
    WebhookInbox,
    WorkerBeat,
)

_HEALTH = PlatformHealth.__table__  # type: ignore[attr-defined]
#: A worker that has not been heard of for this long is gone.
_BEAT = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class PlatformVitals:
    """One platform's answers since records began, over all companies."""

    requests: int
    failures: int
    waits: int
    waited_ms: int
    total_ms: int
    timings: dict[str, int]
    quota_left: int | None


@dataclass(frozen=True, slots=True)
class Vitals:
    """Answers by platform, sync jobs by platform and state, and the lengths of what waits, by queue."""

    platforms: dict[str, PlatformVitals]
    sync_jobs: dict[tuple[str, str], int]
    waiting: dict[str, int]
    open_alerts: int
    workers: int


def read_vitals(session: Session, now: datetime) -> Vitals:
    """The figures now. A handful of small queries: `/metrics` is asked every few seconds."""
    names = dict(session.exec(select(PlatformConfig.number, PlatformConfig.platform)).all())
    rows: dict[str, list[Row[Any]]] = {}
    # A month of hours by connection: read as columns, for objects of them took seconds.
    for row in session.execute(select_columns(_HEALTH).order_by(_HEALTH.c.config_no, _HEALTH.c.hour)):
        rows.setdefault(names.get(row.config_no, "other"), []).append(row)
    jobs = session.exec(
        select(PlatformConfig.platform, PlatformSyncJob.state, func.count())
        .join(PlatformConfig, col(PlatformConfig.id) == col(PlatformSyncJob.config_id))
        .group_by(col(PlatformConfig.platform), col(PlatformSyncJob.state))
    )
    return Vitals(
        {platform: _added(hours) for platform, hours in sorted(rows.items())},
        {(platform, state): count for platform, state, count in jobs},
        {
            "webhook_inbox": _count(session, WebhookInbox, "waiting"),
            "platform_outbox": _count(session, OutboxEntry, "waiting"),
            "mail_outbox": _count(session, Mail, "waiting"),
        },
        session.exec(select(func.count()).select_from(Alert).where(col(Alert.recovered_at).is_(None))).one(),
        session.exec(select(func.count()).select_from(WorkerBeat).where(col(WorkerBeat.beat_at) > now - _BEAT)).one(),
    )


def _added(rows: list[Row[Any]]) -> PlatformVitals:
    timings: Counter[str] = Counter()
    for row in rows:
        timings.update(row.timings)
    told = [row.quota_left for row in rows if row.quota_left is not None]
    return PlatformVitals(
        sum(row.requests for row in rows),
        sum(row.failures for row in rows),
        sum(row.waits for row in rows),
        sum(row.waited_ms for row in rows),
        sum(row.total_ms for row in rows),
        dict(timings),
        told[-1] if told else None,
    )


def _count(session: Session, table: type[WebhookInbox] | type[OutboxEntry] | type[Mail], state: str) -> int:
    return session.exec(select(func.count()).select_from(table).where(col(table.state) == state)).one()
