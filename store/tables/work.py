"""Work: sync jobs, clock slots, and the heartbeat of workers."""

import uuid
from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Float, Index, Integer, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from store.tables.columns import count, document, id_field, instant, made_at, one_of, text

SYNC_TYPES = ("incremental", "full", "backfill")
SYNC_STATES = ("pending", "running", "paused", "completed", "partial", "failed")
ACTIVE_STATES = ("pending", "running", "paused")


class PlatformSyncJob(SQLModel, table=True):
    """One execution for one connection. `number` stamps the facts it confirms; `fence` rises with every claim.

    `failed` with no `next_attempt_at` is final. A failed attempt that will be tried again goes back to pending.
    """

    __tablename__ = "platform_sync_jobs"
    __table_args__ = (
        CheckConstraint(one_of("sync_type", SYNC_TYPES), name="sync_jobs_type"),
        CheckConstraint(one_of("state", SYNC_STATES), name="sync_jobs_state"),
        CheckConstraint("window_end > window_start", name="sync_jobs_window"),
        UniqueConstraint("config_id", "slot", name="sync_jobs_slot"),
        UniqueConstraint("number", name="sync_jobs_number"),
        Index(
            "ux_sync_jobs_active",
            "config_id",
            unique=True,
            sqlite_where=sql(one_of("state", ACTIVE_STATES)),
            postgresql_where=sql(one_of("state", ACTIVE_STATES)),
        ),
        Index("ix_sync_jobs_company", "company_id", "created_at"),
        Index("ix_sync_jobs_config", "config_id", "number"),
        Index("ix_sync_jobs_due", "state", "next_attempt_at"),
    )

    id: uuid.UUID = id_field()
    number: int = Field(sa_type=BigInteger, nullable=False)
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    config_id: uuid.UUID = Field(foreign_key="platform_configs.id")
    sync_type: str = text("incremental")
    slot: str = text()
    state: str = text("pending")
    cause_code: str = text()
    detail: str = text()
    window_start: date
    window_end: date
    cursor: dict[str, object] = document()
    attempts: int = 0
    max_retries: int = 5
    next_attempt_at: datetime | None = instant()
    paused_until: datetime | None = instant()
    fence: int = Field(default=0, sa_type=BigInteger, nullable=False)
    worker: str = text()
    lease_until: datetime | None = instant()
    heartbeat_at: datetime | None = instant()
    requested_by: str = text("clock")
    pages: int = Field(default=0, sa_type=Integer, nullable=False)
    facts: int = count()
    inserted: int = count()
    updated: int = count()
    unchanged: int = count()
    deleted: int = count()
    rejected: int = count()
    rejections: dict[str, object] = document()
    requests: int = Field(default=0, sa_type=Integer, nullable=False)
    waits: int = Field(default=0, sa_type=Integer, nullable=False)
    waited_seconds: float = Field(default=0.0, sa_type=Float, nullable=False)
    spent_minor: int = count()
    created_at: datetime = made_at()
    started_at: datetime | None = instant()
    finished_at: datetime | None = instant()


class ClockSlot(SQLModel, table=True):
    """One tick of one scheduled job: the primary key makes a second firing harmless. Not a company's data."""

    __tablename__ = "clock_slots"

    job_key: str = Field(primary_key=True)
    slot: str = Field(primary_key=True)
    taken_at: datetime = made_at()
    worker: str = text()


class WorkerBeat(SQLModel, table=True):
    """The last sign of life of each process that works."""

    __tablename__ = "worker_beats"

    worker: str = Field(primary_key=True)
    beat_at: datetime = made_at()
    doing: str = text()
