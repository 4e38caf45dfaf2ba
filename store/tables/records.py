"""What the program writes down about itself: audit log, errors, annotations, and its own settings."""

import uuid
from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from store.tables.columns import count, document, id_field, instant, made_at, one_of, text

MAIL_STATES = ("waiting", "sending", "unknown", "sent", "refused", "dead")
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


class PlatformHealth(SQLModel, table=True):
    """What one connection's requests did in one UTC hour (hours since 1970), and the last quota the platform told."""

    __tablename__ = "platform_health"
    __table_args__ = ({"sqlite_with_rowid": False},)

    config_no: int = Field(sa_type=Integer, primary_key=True)
    hour: int = Field(sa_type=Integer, primary_key=True)
    requests: int = count()
    failures: int = count()
    waits: int = count()
    waited_ms: int = count()
    total_ms: int = count()
    slowest_ms: int = count()
    timings: dict[str, int] = document()
    quota_left: int | None = Field(default=None, sa_type=BigInteger)
    quota_total: int | None = Field(default=None, sa_type=BigInteger)
    quota_resets_at: datetime | None = instant()


class Alert(SQLModel, table=True):
    """One trouble of one connection, told once: further errors of its kind are grouped into it until it is over."""

    __tablename__ = "alerts"
    __table_args__ = (
        CheckConstraint(one_of("severity", SEVERITIES), name="alerts_severity"),
        Index(
            "ux_alerts_open",
            "company_id",
            "subject",
            "cause_code",
            unique=True,
            sqlite_where=sql("recovered_at IS NULL"),
            postgresql_where=sql("recovered_at IS NULL"),
        ),
        Index("ix_alerts_company", "company_id", "opened_at"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    config_id: uuid.UUID | None = Field(default=None, foreign_key="platform_configs.id")
    subject: str = text()
    cause_code: str = text()
    severity: str = text("critical")
    detail: str = text()
    errors: int = count()
    opened_at: datetime = made_at()
    last_at: datetime = made_at()
    told_at: datetime | None = instant()
    recovered_at: datetime | None = instant()
    recovery_told_at: datetime | None = instant()


class Mail(SQLModel, table=True):
    """A message to be sent once: e-mail or an alert's webhook. Recipient and body are in the envelope.

    `unknown` means that the server may have taken it: it is not sent again by itself. `tried_at` is when it was last
    taken up; `asked_by` who asked for it, "" where nobody did.
    """

    __tablename__ = "mail_outbox"
    __table_args__ = (
        UniqueConstraint("company_id", "idempotency_key", name="mail_outbox_key"),
        CheckConstraint(one_of("state", MAIL_STATES), name="mail_outbox_state"),
        Index("ix_mail_outbox_due", "state", "next_attempt_at"),
        Index("ix_mail_outbox_company", "company_id", "created_at"),
        Index("ix_mail_outbox_related", "related_id", "created_at"),
        Index("ix_mail_outbox_tried", "tried_at"),
        Index("ix_mail_outbox_log", "company_id", "kind", "state", "created_at"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    kind: str = text("alert")
    channel: str = text("email")
    idempotency_key: str = text()
    recipient: str = text()
    recipient_index: str = text()
    subject: str = text()
    body: str = text()
    related_id: uuid.UUID | None = None
    state: str = text("waiting")
    cause_code: str = text()
    detail: str = text()
    attempts: int = 0
    next_attempt_at: datetime | None = instant()
    holder: str = text()
    held_until: datetime | None = instant()
    created_at: datetime = made_at()
    sent_at: datetime | None = instant()
    tried_at: datetime | None = instant()
    asked_by: str = text(sa_column_kwargs={"server_default": ""})


class IdempotentRequest(SQLModel, table=True):
    """The answer given to a POST with an Idempotency-Key, kept a day, so that a repeat gets the same one."""

    __tablename__ = "idempotent_requests"

    company_id: uuid.UUID = Field(foreign_key="companies.id", ondelete="CASCADE", primary_key=True)
    key_hash: str = Field(primary_key=True)
    request_hash: str = text()
    status: int | None = None
    body: str = text()
    made_at: datetime = made_at()
