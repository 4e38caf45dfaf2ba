"""Applications: people, so names and addresses are stored only encrypted."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, SmallInteger, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from store.tables.columns import id_field, instant, made_at, one_of, text

STAGES = ("applied", "reviewed", "interviewed", "offered", "hired", "rejected", "withdrawn")
TOUCH_KINDS = ("declared", "link", "utm", "referral")


def _where(condition: str) -> dict[str, Any]:
    return {"sqlite_where": sql(condition), "postgresql_where": sql(condition)}


class Application(SQLModel, table=True):
    """One person and one posting. `source_platform` owns it; `told_by` says how we know (file, webhook, …).

    `person_index` is the digest of the mailbox behind the address, "" where that is the address itself. `email_part` is
    the part of the index by e-mail in which the row is found: see `store.emails`.
    """

    __tablename__ = "applications"
    __table_args__ = (
        UniqueConstraint("company_id", "external_ref", name="applications_ref"),
        CheckConstraint(one_of("stage", STAGES), name="applications_stage"),
        CheckConstraint(one_of("told_by", ("file", "webhook", "tracker", "link", "api")), name="applications_told_by"),
        Index("ix_applications_applied", "company_id", "applied_at", "posting_id"),
        # With this one every list by platform, by stage, or by both reads no more rows than it shows.
        Index("ix_applications_listed", "company_id", "source_platform", "stage", "applied_at"),
        Index("ix_applications_hired", "company_id", "hired_at", **_where("hired_at IS NOT NULL")),
        Index("ix_applications_interviewed", "company_id", "interviewed_at", **_where("interviewed_at IS NOT NULL")),
        Index("ix_applications_offered", "company_id", "offered_at", **_where("offered_at IS NOT NULL")),
        Index("ix_applications_posting", "posting_id", "applied_at"),
        Index("ix_applications_email", "company_id", "email_part", "email_index"),
        Index("ix_applications_person", "company_id", "person_index", **_where("person_index <> ''")),
        Index("ix_applications_import", "import_id"),
        Index("ix_applications_updated", "company_id", "updated_at"),
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
    email_part: int = Field(default=0, sa_type=Integer, sa_column_kwargs={"server_default": "0"})
    person_index: str = text(sa_column_kwargs={"server_default": ""})
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


class ApplicationRef(SQLModel, table=True):
    """A name that somebody who told us uses for an application: `scope` is who ("" for the applicant system)."""

    __tablename__ = "application_refs"
    __table_args__ = (Index("ix_application_refs_application", "application_id"),)

    company_id: uuid.UUID = Field(foreign_key="companies.id", primary_key=True)
    scope: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    application_id: uuid.UUID = Field(foreign_key="applications.id", ondelete="CASCADE")


class ApplicationTouch(SQLModel, table=True):
    """One thing that says where an application came from; all are kept, so that the rule can be changed later."""

    __tablename__ = "application_touches"
    __table_args__ = (
        CheckConstraint(one_of("kind", TOUCH_KINDS), name="application_touches_kind"),
        UniqueConstraint("application_id", "kind", "ref", name="application_touches_ref"),
        Index("ix_application_touches_company", "company_id", "at"),
        Index("ix_application_touches_referral", "referral_id", **_where("referral_id IS NOT NULL")),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    application_id: uuid.UUID = Field(foreign_key="applications.id", ondelete="CASCADE")
    kind: str = text("declared")
    ref: str = text()
    at: datetime = made_at()
    platform: str = text()
    source: str = text()
    medium: str = text()
    campaign: str = text()
    link_id: uuid.UUID | None = Field(default=None, foreign_key="tracking_links.id")
    referral_id: uuid.UUID | None = Field(default=None, foreign_key="referrals.id")


class ApplicationStage(SQLModel, table=True):
    """One report that an application reached a stage. The application's own times are the earliest of each stage.

    What a person said (`told_by` hand) goes before all others: see `store.writes.applications_settled`.
    """

    __tablename__ = "application_stages"
    __table_args__ = (
        CheckConstraint(one_of("stage", STAGES), name="application_stages_stage"),
        UniqueConstraint("application_id", "stage", "ref", name="application_stages_ref"),
        Index("ix_application_stages_hand", "company_id", "ref", **_where("told_by = 'hand'")),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    application_id: uuid.UUID = Field(foreign_key="applications.id", ondelete="CASCADE")
    stage: str = text("applied")
    at: datetime = made_at()
    told_by: str = text()
    ref: str = text()


class StageChange(SQLModel, table=True):
    """A change of stages by hand, of one application or of many: who made it, and whether it was taken back.

    What it said of each application stands among that application's stage reports, under a ref that names it.
    """

    __tablename__ = "stage_changes"
    __table_args__ = (
        CheckConstraint(one_of("stage", STAGES), name="stage_changes_stage"),
        Index("ix_stage_changes_company", "company_id", "made_at"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id", ondelete="CASCADE")
    stage: str = text("applied")
    made_by: uuid.UUID | None = Field(default=None, foreign_key="users.id")
    made_at: datetime = made_at()
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    undone_at: datetime | None = instant()
    undone_by: uuid.UUID | None = Field(default=None, foreign_key="users.id")


class StageWord(SQLModel, table=True):
    """What a company's applicant system calls a stage: `words` are folded; `stage` is ours, "" for none of them."""

    __tablename__ = "stage_words"
    __table_args__ = (CheckConstraint(one_of("stage", ("", *STAGES)), name="stage_words_stage"),)

    company_id: uuid.UUID = Field(foreign_key="companies.id", ondelete="CASCADE", primary_key=True)
    words: str = Field(primary_key=True)
    stage: str = text()
    updated_at: datetime = made_at()


class ApplicationDirtyDay(SQLModel, table=True):
    """Append-only: days of the company's zone whose facts from applications and referrals are due.

    Day -1 stands for their coverage.
    """

    __tablename__ = "application_dirty_days"

    id: int | None = Field(
        default=None,
        primary_key=True,
        sa_type=BigInteger().with_variant(Integer, "sqlite"),
    )
    company_id: uuid.UUID = Field(foreign_key="companies.id", ondelete="CASCADE")
    day: int
    made_at: datetime = made_at()


class Projection(SQLModel, table=True):
    """Which connection carries the facts that a platform's applications make, by days of which zone they were made."""

    __tablename__ = "projections"
    __table_args__ = ({"sqlite_with_rowid": False},)

    company_no: int = Field(sa_type=Integer, primary_key=True)
    platform: int = Field(sa_type=SmallInteger, primary_key=True)
    config_no: int
    time_zone: str = text()


class ProjectedDay(SQLModel, table=True):
    """How many stages were reached on a day as files and as events told: the ends of what is known of a platform."""

    __tablename__ = "projected_days"
    __table_args__ = ({"sqlite_with_rowid": False},)

    company_no: int = Field(sa_type=Integer, primary_key=True)
    day: int = Field(sa_type=Integer, primary_key=True)
    platform: int = Field(sa_type=SmallInteger, primary_key=True)
    metric: int = Field(sa_type=SmallInteger, primary_key=True)
    by_file: int
    by_event: int
