"""Events in: webhook deliveries, the tracker's page events, tracking links."""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, LargeBinary, SmallInteger, UniqueConstraint
from sqlalchemy import text as sql
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
    kind: str = text(sa_column_kwargs={"server_default": ""})
    detail: str = text(sa_column_kwargs={"server_default": ""})


_OWN = sql("referrer_id IS NOT NULL AND disabled_at IS NULL")
_UNTOLD = sql("application_ref <> '' AND told_at IS NULL")


class WebsiteAnalytics(SQLModel, table=True):
    """One event of the career-site tracker. `filtered_reason` is why it does not count, "" where it does.

    `application_ref` is what the site calls the application sent; `told_at` when it was entered among applications.
    """

    __tablename__ = "website_analytics"
    __table_args__ = (
        CheckConstraint(one_of("kind", ("view", "apply_start", "apply_complete")), name="website_analytics_kind"),
        Index("ix_website_analytics_at", "company_id", "at"),
        Index("ix_website_analytics_untold", "at", sqlite_where=_UNTOLD, postgresql_where=_UNTOLD),
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
    link_id: uuid.UUID | None = Field(default=None, foreign_key="tracking_links.id")
    referral_id: uuid.UUID | None = Field(default=None, foreign_key="referrals.id")
    application_ref: str = text(sa_column_kwargs={"server_default": ""})
    told_at: datetime | None = instant()


class TrackingLink(SQLModel, table=True):
    """A countable link to a posting: platform and campaign in controlled words.

    `referrer_id` is whose personal link it is: who applies by it was referred by them, and nobody was named before.
    """

    __tablename__ = "tracking_links"
    __table_args__ = (
        UniqueConstraint("slug"),
        Index("ix_tracking_links_company", "company_id"),
        Index(
            "ux_tracking_links_referrer",
            "referrer_id",
            "posting_id",
            unique=True,
            sqlite_where=_OWN,
            postgresql_where=_OWN,
        ),
    )

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
    referrer_id: uuid.UUID | None = Field(default=None, foreign_key="users.id")
    created_at: datetime = made_at()
    disabled_at: datetime | None = instant()


class WebhookEndpoint(SQLModel, table=True):
    """Where one connection's platform delivers: the unguessable part of the address, and up to two live secrets."""

    __tablename__ = "webhook_endpoints"
    __table_args__ = (UniqueConstraint("hook_id"), UniqueConstraint("config_id"))

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    config_id: uuid.UUID = Field(foreign_key="platform_configs.id")
    hook_id: str = text()
    secret: str = text()
    previous_secret: str = text()
    previous_until: datetime | None = instant()
    registered_ref: str = text()
    settings: dict[str, object] = document()
    deliveries: int = count()
    refused: int = count()
    last_delivery_at: datetime | None = instant()
    last_refused_at: datetime | None = instant()
    last_refused_cause: str = text()
    usual_gap_seconds: int | None = None
    silent_since: datetime | None = instant()
    created_at: datetime = made_at()
    disabled_at: datetime | None = instant()


class TrackerSite(SQLModel, table=True):
    """A company's career site as the tracker knows it: its public key, and the origins it is heard from."""

    __tablename__ = "tracker_sites"
    __table_args__ = (UniqueConstraint("key"), UniqueConstraint("company_id"))

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    key: str = text()
    settings: dict[str, object] = document()
    last_event_at: datetime | None = instant()
    created_at: datetime = made_at()
    disabled_at: datetime | None = instant()


class VisitorSalt(SQLModel, table=True):
    """The random salt of one UTC day's visitor hashes, in the envelope; deleted after 48 hours."""

    __tablename__ = "visitor_salts"

    company_id: uuid.UUID = Field(foreign_key="companies.id", primary_key=True)
    day: int = Field(sa_type=Integer, primary_key=True)
    salt: str = text()
    made_at: datetime = made_at()


def salt_name(company_id: uuid.UUID, day: int) -> str:
    """What stands for a salt's row in its envelope: it has no id of its own."""
    return f"{company_id}:{day}"


class LinkClick(SQLModel, table=True):
    """One visit to a tracking link or a referral link. `filtered_reason` is why it does not count, "" where it does."""

    __tablename__ = "link_clicks"
    __table_args__ = (
        Index("ix_link_clicks_link", "link_id", "at"),
        Index("ix_link_clicks_referral", "referral_id", "at"),
        Index("ix_link_clicks_at", "company_id", "at"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    at: datetime = made_at()
    link_id: uuid.UUID | None = Field(default=None, foreign_key="tracking_links.id")
    referral_id: uuid.UUID | None = Field(default=None, foreign_key="referrals.id")
    visitor: str = text()
    country: str = text()
    referrer_host: str = text()
    agent: str = text()
    filtered_reason: str = text()


class EventDirtyDay(SQLModel, table=True):
    """Append-only: UTC days on which something was tracked: the facts of days of any zone that touch them are due."""

    __tablename__ = "event_dirty_days"

    id: int | None = Field(
        default=None,
        primary_key=True,
        sa_type=BigInteger().with_variant(Integer, "sqlite"),
    )
    company_id: uuid.UUID = Field(foreign_key="companies.id", ondelete="CASCADE")
    day: int
    made_at: datetime = made_at()


class EventProjection(SQLModel, table=True):
    """Which connection carries the facts that a platform's tracked events make, by days of which zone.

    `since` holds, by metric number, the first day on which it was tracked; `covered_until` is the last day covered.
    """

    __tablename__ = "event_projections"
    __table_args__ = ({"sqlite_with_rowid": False},)

    company_no: int = Field(sa_type=Integer, primary_key=True)
    platform: int = Field(sa_type=SmallInteger, primary_key=True)
    config_no: int
    time_zone: str = text()
    since: dict[str, int] = document()
    covered_until: int | None = None
