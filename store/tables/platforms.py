"""Connections to platforms, and postings: ours and as each platform knows them."""

import uuid
from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, SmallInteger, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from store.tables.columns import document, id_field, instant, made_at, one_of, text, texts

POSTING_STATES = ("open", "closed", "archived")
OUTBOX_KINDS = ("publish", "update", "close", "outcome")
OUTBOX_STATES = ("waiting", "sending", "unknown", "done", "refused", "dead", "withdrawn")
LINK_FIELDS = ("requisition_ref", "title", "path", "external_ref", "link", "campaign")
LINKED_BY = ("", "rule", "hand")


class PlatformConfig(SQLModel, table=True):
    """One company's account at a platform ("connection" on screen). `number` stands for it in fact keys.

    `connector` is a registry key, or "" for a platform fed only by files and projections. `credentials` is the
    envelope (AES-256-GCM) of a JSON object of the config's secret fields; `settings` holds the rest.
    """

    __tablename__ = "platform_configs"
    __table_args__ = (
        UniqueConstraint("number"),
        CheckConstraint("rate_limit IS NULL OR rate_limit > 0", name="platform_configs_rate"),
        Index("ix_platform_configs_company", "company_id", "platform"),
        Index(
            "ux_platform_configs_internal",
            "company_id",
            "platform",
            unique=True,
            sqlite_where=sql("connector = '' AND deleted_at IS NULL"),
            postgresql_where=sql("connector = '' AND deleted_at IS NULL"),
        ),
    )

    id: uuid.UUID = id_field()
    number: int
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    platform: str = text()
    connector: str = text()
    name: str = text()
    settings: dict[str, object] = document()
    credentials: str = text()
    is_active: bool = False
    rate_limit: int | None = None
    spend_limit_minor: int | None = Field(default=None, sa_type=BigInteger)
    account_ref: str = text()
    account_label: str = text()
    time_zone: str = text("UTC")
    currency: str = text()
    account_items: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    quality: dict[str, object] = document()
    counted_origins: dict[str, object] = document()
    created_at: datetime = made_at()
    updated_at: datetime = made_at()
    checked_at: datetime | None = instant()
    synced_at: datetime | None = instant()
    deleted_at: datetime | None = instant()


class PlatformToken(SQLModel, table=True):
    """The current token of one connection, in the envelope. `holder` and `held_until` make refreshing single-flight."""

    __tablename__ = "platform_tokens"

    config_id: uuid.UUID = Field(foreign_key="platform_configs.id", ondelete="CASCADE", primary_key=True)
    company_id: uuid.UUID = Field(foreign_key="companies.id", ondelete="CASCADE")
    token: str = text()
    expires_at: datetime | None = instant()
    version: int = 0
    holder: str = text()
    held_until: datetime | None = instant()
    refused_cause: str = text()
    refresh_ends_at: datetime | None = instant()
    scopes: str = text(sa_column_kwargs={"server_default": ""})


class OAuthRequest(SQLModel, table=True):
    """Somebody sent to a platform to grant access, until they come back. Only the hash of the state is kept."""

    __tablename__ = "oauth_requests"

    state_hash: str = Field(primary_key=True)
    company_id: uuid.UUID = Field(foreign_key="companies.id", ondelete="CASCADE")
    user_id: uuid.UUID = Field(foreign_key="users.id", ondelete="CASCADE")
    config_id: uuid.UUID | None = Field(default=None, foreign_key="platform_configs.id", ondelete="CASCADE")
    connector: str = text()
    sealed: str = text()
    created_at: datetime = made_at()
    expires_at: datetime = instant(nullable=False)
    used_at: datetime | None = instant()


class CounterSnapshot(SQLModel, table=True):
    """A counter that only grows at the platform, as last read on a day of the connection's zone."""

    __tablename__ = "counter_snapshots"
    __table_args__ = ({"sqlite_with_rowid": False},)

    config_no: int = Field(sa_type=Integer, primary_key=True)
    external_no: int = Field(sa_type=Integer, primary_key=True)
    metric: int = Field(sa_type=SmallInteger, primary_key=True)
    day: int = Field(sa_type=Integer, primary_key=True)
    value: int = Field(sa_type=BigInteger)
    is_exact: bool = True
    taken_at: datetime = made_at()


class OutboxEntry(SQLModel, table=True):
    """Something to be said to a platform exactly once: publish, update or close a posting, tell a hiring outcome.

    `unknown` means that it was sent and no answer came: it is looked up before anything is sent again.
    """

    __tablename__ = "platform_outbox"
    __table_args__ = (
        UniqueConstraint("config_id", "idempotency_key", name="platform_outbox_key"),
        CheckConstraint(one_of("kind", OUTBOX_KINDS), name="platform_outbox_kind"),
        CheckConstraint(one_of("state", OUTBOX_STATES), name="platform_outbox_state"),
        Index("ix_platform_outbox_due", "state", "next_attempt_at"),
        Index("ix_platform_outbox_posting", "posting_id"),
        # What deletes applications looks here for each of them.
        Index("ix_platform_outbox_application", "application_id"),
        Index("ix_platform_outbox_company", "company_id", "created_at"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    config_id: uuid.UUID = Field(foreign_key="platform_configs.id")
    kind: str = text("publish")
    idempotency_key: str = text()
    posting_id: uuid.UUID | None = Field(default=None, foreign_key="job_postings.id")
    application_id: uuid.UUID | None = Field(default=None, foreign_key="applications.id", ondelete="CASCADE")
    payload: dict[str, object] = document()
    state: str = text("waiting")
    cause_code: str = text()
    detail: str = text()
    problems: dict[str, object] = document()
    external_ref: str = text()
    attempts: int = 0
    next_attempt_at: datetime | None = instant()
    holder: str = text()
    held_until: datetime | None = instant()
    requested_by: str = text()
    created_at: datetime = made_at()
    sent_at: datetime | None = instant()
    finished_at: datetime | None = instant()


class JobPosting(SQLModel, table=True):
    """One advertised opening of ours. `number` stands for it in aggregate keys. `advert` is a domain.adverts.Advert.

    `path` is its page on the career site, `path_pattern` which other pages are about it (domain.postings).
    """

    __tablename__ = "job_postings"
    __table_args__ = (
        UniqueConstraint("company_id", "number"),
        CheckConstraint(one_of("status", POSTING_STATES), name="job_postings_status"),
        CheckConstraint("closed_on IS NULL OR opened_on IS NULL OR closed_on >= opened_on", name="job_postings_dates"),
        Index("ix_job_postings_requisition", "company_id", "requisition_ref"),
        Index("ix_job_postings_status", "company_id", "status"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    number: int
    title: str = text()
    requisition_ref: str = text()
    slug: str = text()
    path: str = text()
    path_pattern: str = text(sa_column_kwargs={"server_default": ""})
    department: str = text()
    location: str = text()
    recruiter: str = text()
    hiring_manager: str = text()
    apply_url: str = text()
    status: str = text("open")
    opened_on: date | None = None
    closed_on: date | None = None
    target_hires: int = 1
    advert: dict[str, object] = document(sa_column_kwargs={"server_default": "{}"})
    created_at: datetime = made_at()
    updated_at: datetime = made_at()


class PostingChange(SQLModel, table=True):
    """One change of one field of a posting. Those that move numbers (opened, closed, retitled …) become annotations."""

    __tablename__ = "posting_changes"
    __table_args__ = (
        Index("ix_posting_changes_posting", "posting_id", "at"),
        Index("ix_posting_changes_company", "company_id", "at"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    posting_id: uuid.UUID = Field(foreign_key="job_postings.id", ondelete="CASCADE")
    at: datetime = made_at()
    actor: str = text()
    field: str = text()
    before: str = text()
    after: str = text()


class ExternalPosting(SQLModel, table=True):
    """A posting as one connection knows it; linked to one of ours or waiting. Facts hang on `number`.

    `handles` are further ids that the connector needs to speak of a posting that we published there.
    """

    __tablename__ = "external_postings"
    __table_args__ = (
        UniqueConstraint("config_id", "external_ref"),
        CheckConstraint(one_of("linked_by", LINKED_BY), name="external_postings_linked_by"),
        Index("ix_external_postings_company", "company_id", "posting_id"),
    )

    number: int | None = Field(default=None, sa_type=Integer, primary_key=True)
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    config_id: uuid.UUID = Field(foreign_key="platform_configs.id")
    external_ref: str = text()
    title: str = text()
    requisition_ref: str = text()
    path: str = text()
    url: str = text()
    location: str = text()
    posting_id: uuid.UUID | None = Field(default=None, foreign_key="job_postings.id")
    linked_by: str = text()
    linked_at: datetime | None = instant()
    is_ignored: bool = False
    first_seen_at: datetime = made_at()
    kind: str = text("posting", sa_column_kwargs={"server_default": "posting"})
    links: list[str] = texts()
    campaign: str = text(sa_column_kwargs={"server_default": ""})
    posted_at: datetime | None = instant()
    status: str = text(sa_column_kwargs={"server_default": ""})
    status_detail: str = text(sa_column_kwargs={"server_default": ""})
    status_at: datetime | None = instant()
    handles: dict[str, object] = document(sa_column_kwargs={"server_default": "{}"})


class PostingLinkRule(SQLModel, table=True):
    """An admin's rule: external postings whose `field` matches `pattern` belong to a posting, or to none: put aside."""

    __tablename__ = "posting_link_rules"
    __table_args__ = (
        CheckConstraint(one_of("field", LINK_FIELDS), name="link_rules_field"),
        CheckConstraint(one_of("match", ("equals", "starts_with", "contains")), name="link_rules_match"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    posting_id: uuid.UUID | None = Field(default=None, foreign_key="job_postings.id")
    field: str = text("requisition_ref")
    match: str = text("equals")
    pattern: str = text()
    position: int = 0
    created_at: datetime = made_at()
