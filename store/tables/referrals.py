"""Referrals, what they earn, and what is said to those who were referred."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from store.tables.columns import count, document, id_field, instant, made_at, one_of, text

REFERRAL_STATES = ("pending", "applied", "interviewed", "hired", "rejected")
#: Of a referral, all its rewards together.
REWARD_STATES = ("none", "pending", "approved", "paid")
#: Of one reward: `possible` before anybody applied, `lapsed` was not earned, `refused` was turned down by an admin.
EARNED_STATES = ("possible", "pending", "approved", "paid", "lapsed", "refused")
MILESTONES = ("applied", "interviewed", "hired")
SUPPRESSED_BY = ("unsubscribed", "not_me", "bounced")


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sql(condition), "postgresql_where": sql(condition)}


class Referral(SQLModel, table=True):
    """An employee's recommendation of a candidate for a posting.

    Status, application and conversion follow from the applications that belong to it. `link_id` is the personal link
    that made it, where nobody was named. `person_index` is the digest of the address without its plus part. `reached`
    is the furthest milestone, also of who was rejected since. `referrer_role` is the referrer's when they referred.
    """

    __tablename__ = "referrals"
    __table_args__ = (
        UniqueConstraint("code"),
        CheckConstraint(one_of("status", REFERRAL_STATES), name="referrals_status"),
        CheckConstraint(one_of("reward_status", REWARD_STATES), name="referrals_reward"),
        CheckConstraint("reward_minor >= 0", name="referrals_amount"),
        CheckConstraint(one_of("reached", ("", *MILESTONES)), name="referrals_reached"),
        # All that the lists are narrowed by, so that the sealed rows are read for the page on screen alone.
        Index(
            "ix_referrals_listed",
            "company_id",
            "sent_at",
            "id",
            "status",
            "posting_id",
            "referrer_id",
            "expires_at",
            "withdrawn_at",
            "declined_at",
            "merged_into",
        ),
        # All that statistics ask for, so that they never touch the sealed rows.
        Index(
            "ix_referrals_counted",
            "company_id",
            "sent_at",
            "posting_id",
            "referrer_id",
            "reached",
            "converted_at",
            "link_id",
            "merged_into",
        ),
        Index("ix_referrals_application", "application_id"),
        Index("ix_referrals_referrer", "referrer_id", "sent_at"),
        Index("ix_referrals_email", "company_id", "email_index"),
        Index("ix_referrals_person", "company_id", "person_index"),
        Index("ix_referrals_posting", "posting_id", "sent_at"),
        Index("ix_referrals_merged", "merged_into", **_where("merged_into IS NOT NULL")),
        Index(
            "ux_referrals_link",
            "link_id",
            "application_id",
            unique=True,
            **_where("link_id IS NOT NULL"),
        ),
        Index(
            "ux_referrals_person",
            "company_id",
            "posting_id",
            "person_index",
            unique=True,
            **_where("person_index <> '' AND merged_into IS NULL AND withdrawn_at IS NULL"),
        ),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    posting_id: uuid.UUID | None = Field(default=None, foreign_key="job_postings.id")
    referrer_id: uuid.UUID | None = Field(default=None, foreign_key="users.id")
    referrer_name: str = text()
    referrer_role: str = text(sa_column_kwargs={"server_default": ""})
    candidate_name: str = text()
    candidate_email: str = text()
    email_index: str = text()
    person_index: str = text(sa_column_kwargs={"server_default": ""})
    note: str = text(sa_column_kwargs={"server_default": ""})
    code: str = text()
    link_id: uuid.UUID | None = Field(default=None, foreign_key="tracking_links.id")
    status: str = text("pending")
    application_id: uuid.UUID | None = Field(default=None, foreign_key="applications.id")
    sent_at: datetime = made_at()
    expires_at: datetime | None = instant()
    converted_at: datetime | None = instant()
    status_at: datetime | None = instant()
    reached: str = text(sa_column_kwargs={"server_default": ""})
    withdrawn_at: datetime | None = instant()
    declined_at: datetime | None = instant()
    merged_into: uuid.UUID | None = Field(default=None, foreign_key="referrals.id")
    reward_status: str = text("none")
    reward_minor: int = count()
    reward_currency: str = text()


class RewardRule(SQLModel, table=True):
    """What a referral earns when it reaches a milestone, and stays there for so many days.

    Rules of a posting take the place of the company's. `settings` say who may earn it. Terms never change: another
    amount is another rule. `settled_at` is when referrals sent before the rule was made had been looked through.
    """

    __tablename__ = "reward_rules"
    __table_args__ = (
        CheckConstraint(one_of("milestone", MILESTONES), name="reward_rules_milestone"),
        CheckConstraint("amount_minor > 0", name="reward_rules_amount"),
        CheckConstraint("days_after >= 0", name="reward_rules_days"),
        Index("ix_reward_rules_company", "company_id", "posting_id"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    posting_id: uuid.UUID | None = Field(default=None, foreign_key="job_postings.id")
    name: str = text()
    milestone: str = text("hired")
    days_after: int = 0
    amount_minor: int = Field(sa_type=BigInteger)
    currency: str = text()
    settings: dict[str, object] = document()
    starts_on: date | None = None
    ends_on: date | None = None
    created_by: uuid.UUID | None = Field(default=None, foreign_key="users.id")
    created_at: datetime = made_at()
    disabled_at: datetime | None = instant()
    settled_at: datetime | None = instant()


class ReferralReward(SQLModel, table=True):
    """One reward of one referral by one rule; the rule's terms are copied, so that changing it changes no promise.

    `due_on` is the day from which it may be approved; none before the milestone is reached. `note` says why it was
    refused. `payout_ref` names the payout that it belongs to, also before it is paid.
    """

    __tablename__ = "referral_rewards"
    __table_args__ = (
        UniqueConstraint("referral_id", "rule_id", name="referral_rewards_rule"),
        CheckConstraint(one_of("state", EARNED_STATES), name="referral_rewards_state"),
        CheckConstraint(one_of("milestone", MILESTONES), name="referral_rewards_milestone"),
        CheckConstraint("amount_minor > 0", name="referral_rewards_amount"),
        Index("ix_referral_rewards_company", "company_id", "state", "due_on", "id", "currency", "amount_minor"),
        Index(
            "ix_referral_rewards_paid",
            "company_id",
            "paid_at",
            "currency",
            "amount_minor",
            **_where("paid_at IS NOT NULL"),
        ),
        Index("ix_referral_rewards_payout", "company_id", "payout_ref", **_where("payout_ref <> ''")),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    referral_id: uuid.UUID = Field(foreign_key="referrals.id", ondelete="CASCADE")
    rule_id: uuid.UUID = Field(foreign_key="reward_rules.id")
    milestone: str = text("hired")
    days_after: int = 0
    amount_minor: int = Field(sa_type=BigInteger)
    currency: str = text()
    state: str = text("pending")
    due_on: date | None = None
    approved_at: datetime | None = instant()
    approved_by: uuid.UUID | None = Field(default=None, foreign_key="users.id")
    paid_at: datetime | None = instant()
    paid_by: uuid.UUID | None = Field(default=None, foreign_key="users.id")
    refused_at: datetime | None = instant()
    refused_by: uuid.UUID | None = Field(default=None, foreign_key="users.id")
    payout_ref: str = text()
    note: str = text()
    created_at: datetime = made_at()
    updated_at: datetime = made_at()


class MailTemplate(SQLModel, table=True):
    """A company's own words for one kind of message; without a row ours are used."""

    __tablename__ = "mail_templates"

    company_id: uuid.UUID = Field(foreign_key="companies.id", ondelete="CASCADE", primary_key=True)
    kind: str = Field(primary_key=True)
    subject: str = text()
    body: str = text()
    updated_by: uuid.UUID | None = Field(default=None, foreign_key="users.id")
    updated_at: datetime = made_at()


class MailSuppression(SQLModel, table=True):
    """An address that gets no more messages of ours: only its digest is kept."""

    __tablename__ = "mail_suppressions"
    __table_args__ = (CheckConstraint(one_of("reason", SUPPRESSED_BY), name="mail_suppressions_reason"),)

    company_id: uuid.UUID = Field(foreign_key="companies.id", ondelete="CASCADE", primary_key=True)
    email_index: str = Field(primary_key=True)
    reason: str = text("unsubscribed")
    made_at: datetime = made_at()
