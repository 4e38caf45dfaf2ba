"""What did the syncs do? History of sync jobs with their counts, newest first."""

import uuid
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, select

from store.reports.scope import CompanyScope
from store.tables import PlatformConfig, PlatformSyncJob

#: The API's largest page, and one more that says whether there is another.
MOST_ROWS = 1001


@dataclass(frozen=True, slots=True)
class SyncJobRow:
    """One sync job as history shows it."""

    id: uuid.UUID
    number: int
    config_id: uuid.UUID
    platform: str
    label: str
    connector: str
    sync_type: str
    state: str
    cause_code: str
    detail: str
    window_start: date
    window_end: date
    requested_by: str
    attempts: int
    pages: int
    facts: int
    inserted: int
    updated: int
    unchanged: int
    deleted: int
    rejected: int
    rejections: dict[str, object]
    requests: int
    waits: int
    waited_seconds: float
    spent_minor: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    paused_until: datetime | None
    next_attempt_at: datetime | None

    @property
    def seconds(self) -> float | None:
        """From start to finish; None while it has not finished."""
        return (self.finished_at - self.started_at).total_seconds() if self.started_at and self.finished_at else None


def list_sync_jobs(
    session: Session,
    company: CompanyScope,
    *,
    config_id: uuid.UUID | None = None,
    platform: str = "",
    state: str = "",
    before: int | None = None,
    limit: int = 100,
) -> list[SyncJobRow]:
    """The company's sync jobs, newest first, those before the number `before`, at most MOST_ROWS."""
    query = (
        select(PlatformSyncJob, PlatformConfig)
        .join(PlatformConfig, PlatformConfig.id == PlatformSyncJob.config_id)  # type: ignore[arg-type]
        .where(PlatformSyncJob.company_id == company.id)
        .order_by(PlatformSyncJob.number.desc())  # type: ignore[attr-defined]
        .limit(min(limit, MOST_ROWS))
    )
    if config_id is not None:
        query = query.where(PlatformSyncJob.config_id == config_id)
    if platform:
        query = query.where(PlatformConfig.platform == platform)
    if before is not None:
        query = query.where(PlatformSyncJob.number < before)
    if state:
        query = query.where(PlatformSyncJob.state == state)
    return [_row(job, config) for job, config in session.exec(query)]


def find_sync_job(session: Session, company: CompanyScope, job_id: uuid.UUID) -> SyncJobRow | None:
    """One sync job of the company; None for another company's or none."""
    found = session.exec(
        select(PlatformSyncJob, PlatformConfig)
        .join(PlatformConfig, PlatformConfig.id == PlatformSyncJob.config_id)  # type: ignore[arg-type]
        .where(PlatformSyncJob.company_id == company.id, PlatformSyncJob.id == job_id)
    ).first()
    return _row(*found) if found else None


_SAME = (
    "id number config_id sync_type state cause_code detail window_start window_end requested_by attempts pages facts"
    " inserted updated unchanged deleted rejected rejections requests waits waited_seconds spent_minor created_at"
    " started_at finished_at paused_until next_attempt_at"
).split()


def _row(job: PlatformSyncJob, config: PlatformConfig) -> SyncJobRow:
    same = {name: getattr(job, name) for name in _SAME}
    return SyncJobRow(platform=config.platform, label=config.name, connector=config.connector, **same)
