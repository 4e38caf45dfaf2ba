"""Events in: webhook deliveries, the tracker's page events, tracking links."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from store.tables.columns import count, document, id_field, instant, made_at, one_of, text


class WebhookDelivery(SQLModel, table=True):
    """Every delivery id ever acknowledged, kept 13 months, so that a late repeat is known."""

    __tablename__ = "webhook_deliveries"

    company_id: uuid.UUID = Field(foreign_key="companies.id", primary_key=True)
    config_id: uuid.UUID = Field(foreign_key="platform_configs.id", primary_key=True)
    delivery_ref: str = Field(primary_key=True)
    received_at: datetime = made_at()
    body_hash: str = text()
    repeats: int = count()


class WebhookInbox(SQLModel, table=True):
    """A delivery waiting to be applied, applied, or dead."""

    __tablename__ = "webhook_inbox"
    __table_args__ = (
        CheckConstraint(one_of("state", ("waiting", "applied", "unknown", "dead")), name="webhook_inbox_state"),
        Index("ix_webhook_inbox_state", "state", "received_at"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    config_id: uuid.UUID = Field(foreign_key="platform_configs.id")
    delivery_ref: str = text()
    received_at: datetime = made_at()
    body: bytes = Field(sa_type=LargeBinary, nullable=False)
    state: str = text("waiting")
    attempts: int = 0
    applied_at: datetime | None = instant()
    cause_code: str = text()


class WebsiteAnalytics(SQLModel, table=True):
    """One event of the career-site tracker. `filtered_reason` is why it does not count, "" where it does."""

    __tablename__ = "website_analytics"
    __table_args__ = (
        CheckConstraint(one_of("kind", ("view", "apply_start", "apply_complete")), name="website_analytics_kind"),
        Index("ix_website_analytics_at", "company_id", "at"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    at: datetime = made_at()
    kind: str = text("view")
    posting_id: uuid.UUID | None = Field(default=None, foreign_key="job_postings.id")
    path: str = text()
    source: str = text()
    medium: str = text()
    campaign: str = text()
    referrer_host: str = text()
    visitor: str = text()
    country: str = text()
    agent: str = text()
    filtered_reason: str = text()


class TrackingLink(SQLModel, table=True):
    """A countable link to a posting: platform and campaign in controlled words."""

    __tablename__ = "tracking_links"
    __table_args__ = (UniqueConstraint("slug"), Index("ix_tracking_links_company", "company_id"))

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    slug: str = text()
    posting_id: uuid.UUID | None = Field(default=None, foreign_key="job_postings.id")
    platform: str = text()
    campaign: str = text()
    target_url: str = text()
    settings: dict[str, object] = document()
    clicks: int = count()
    created_by: uuid.UUID | None = Field(default=None, foreign_key="users.id")
    created_at: datetime = made_at()
    disabled_at: datetime | None = instant()
