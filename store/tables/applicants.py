"""Applications and referrals: people, so names and addresses are stored only encrypted."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlmodel import Field, SQLModel

from store.tables.columns import count, id_field, instant, made_at, one_of, text

STAGES = ("applied", "reviewed", "interviewed", "offered", "hired", "rejected", "withdrawn")
REFERRAL_STATES = ("pending", "applied", "interviewed", "hired", "rejected")
REWARD_STATES = ("none", "pending", "approved", "paid")


class Application(SQLModel, table=True):
    """One person and one posting. `source_platform` owns it; `told_by` says how we know (file, webhook, …)."""

    __tablename__ = "applications"
    __table_args__ = (
        UniqueConstraint("company_id", "external_ref", name="applications_ref"),
        CheckConstraint(one_of("stage", STAGES), name="applications_stage"),
        CheckConstraint(one_of("told_by", ("file", "webhook", "tracker", "link", "api")), name="applications_told_by"),
        Index("ix_applications_applied", "company_id", "applied_at"),
        Index("ix_applications_hired", "company_id", "hired_at"),
        Index("ix_applications_posting", "posting_id", "applied_at"),
        Index("ix_applications_email", "company_id", "email_index"),
        Index("ix_applications_import", "import_id"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    external_ref: str = text()
    posting_id: uuid.UUID | None = Field(default=None, foreign_key="job_postings.id")
    posting_ref: str = text()
    posting_title: str = text()
    candidate_name: str = text()
    candidate_email: str = text()
    email_index: str = text()
    source: str = text()
    source_platform: str = text("other")
    told_by: str = text("file")
    import_id: uuid.UUID | None = Field(default=None, foreign_key="imports.id")
    stage: str = text("applied")
    applied_at: datetime = instant(nullable=False)
    reviewed_at: datetime | None = instant()
    interviewed_at: datetime | None = instant()
    offered_at: datetime | None = instant()
    hired_at: datetime | None = instant()
    rejected_at: datetime | None = instant()
    withdrawn_at: datetime | None = instant()
    created_at: datetime = made_at()
    updated_at: datetime = made_at()


class Referral(SQLModel, table=True):
    """An employee's recommendation of a candidate for a posting."""

    __tablename__ = "referrals"
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint(one_of("status", REFERRAL_STATES), name="referrals_status"),
        CheckConstraint(one_of("reward_status", REWARD_STATES), name="referrals_reward"),
        CheckConstraint("reward_minor >= 0", name="referrals_amount"),
        Index("ix_referrals_company", "company_id", "sent_at"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    posting_id: uuid.UUID | None = Field(default=None, foreign_key="job_postings.id")
    referrer_id: uuid.UUID | None = Field(default=None, foreign_key="users.id")
    referrer_name: str = text()
    candidate_name: str = text()
    candidate_email: str = text()
    email_index: str = text()
    code: str = text()
    status: str = text("pending")
    application_id: uuid.UUID | None = Field(default=None, foreign_key="applications.id")
    sent_at: datetime = made_at()
    converted_at: datetime | None = instant()
    reward_status: str = text("none")
    reward_minor: int = count()
    reward_currency: str = text()
