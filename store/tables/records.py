"""What the program writes down about itself: audit log, errors, annotations, and its own settings."""

import uuid
from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer
from sqlmodel import Field, SQLModel

from store.tables.columns import document, id_field, instant, made_at, one_of, text

SEVERITIES = ("low", "medium", "critical")


class AuditEntry(SQLModel, table=True):
    """Who did what to which, from where, with what outcome. Only grows; each row carries the hash of the one before."""

    __tablename__ = "audit_log"
    __table_args__ = (
        CheckConstraint(one_of("outcome", ("ok", "denied", "failed")), name="audit_outcome"),
        Index("ix_audit_company", "company_id", "at"),
    )

    seq: int | None = Field(
        default=None,
        primary_key=True,
        sa_type=BigInteger().with_variant(Integer, "sqlite"),
    )
    company_id: uuid.UUID | None = None
    at: datetime = made_at()
    actor: str = text()
    action: str = text()
    target: str = text()
    outcome: str = text("ok")
    address_prefix: str = text()
    facts: dict[str, object] = document()
    previous_hash: str = text()
    hash: str = text()


class ErrorLog(SQLModel, table=True):
    """A platform error, with its class and redacted context."""

    __tablename__ = "error_logs"
    __table_args__ = (
        CheckConstraint(one_of("severity", SEVERITIES), name="error_logs_severity"),
        Index("ix_error_logs_company", "company_id", "at"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    config_id: uuid.UUID | None = Field(default=None, foreign_key="platform_configs.id")
    sync_job_id: uuid.UUID | None = Field(default=None, foreign_key="platform_sync_jobs.id")
    at: datetime = made_at()
    severity: str = text("medium")
    cause_code: str = text()
    detail: str = text()
    context: dict[str, object] = document()
    resolved_at: datetime | None = instant()


class Annotation(SQLModel, table=True):
    """A note on a day, by hand or made by a change (a posting opened, a sync outage)."""

    __tablename__ = "annotations"
    __table_args__ = (Index("ix_annotations_company", "company_id", "day"),)

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    day: date
    words: str = text()
    kind: str = text("hand")
    posting_id: uuid.UUID | None = Field(default=None, foreign_key="job_postings.id")
    created_by: uuid.UUID | None = Field(default=None, foreign_key="users.id")
    created_at: datetime = made_at()


class AppMeta(SQLModel, table=True):
    """The program's own settings: key canary, bootstrap marks. Not a company's data."""

    __tablename__ = "app_meta"

    key: str = Field(primary_key=True)
    value: str = text()
