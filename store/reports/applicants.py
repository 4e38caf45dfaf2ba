"""Who applied, by which source and how far did they get? And who was recommended by whom?

Names and e-mails are opened here and masked before they leave, unless `personal` is asked for: callers check the right.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlmodel import Session, col

from domain.filters import Filters
from domain.masking import mask_email, mask_name
from domain.periods import Period
from store.reports.performance import instants
from store.reports.scope import CompanyScope
from store.tables import Application, JobPosting, Referral
from store.tables.applicants import STAGES
from store.vault import Vault

#: Sealed name and e-mail of a row → shown ones.
Opener = Callable[[uuid.UUID, str, str], tuple[str, str]]
After = tuple[datetime, uuid.UUID]


@dataclass(frozen=True, slots=True)
class ApplicantRow:
    """One application. `reached_at` has the instant of each stage that was reached."""

    id: uuid.UUID
    external_ref: str
    posting_id: uuid.UUID | None
    posting_title: str
    candidate_name: str
    candidate_email: str
    platform: str
    source: str
    told_by: str
    stage: str
    applied_at: datetime
    reached_at: dict[str, datetime]


@dataclass(frozen=True, slots=True)
class ReferralRow:
    """One recommendation of a candidate by an employee; the reward in minor units of its currency."""

    id: uuid.UUID
    posting_id: uuid.UUID | None
    posting_title: str
    referrer_name: str
    candidate_name: str
    candidate_email: str
    status: str
    sent_at: datetime
    converted_at: datetime | None
    reward_status: str
    reward_minor: int
    reward_currency: str


@dataclass(frozen=True, slots=True)
class Applicants:
    """Which applications or referrals: of a period, of platforms, in a stage or state, for a posting."""

    period: Period
    filters: Filters
    state: str = ""
    posting_id: uuid.UUID | None = None


def list_applicants(
    session: Session, company: CompanyScope, wanted: Applicants, opener: Opener, *, after: After | None, limit: int
) -> list[ApplicantRow]:
    """Applications of the period, newest first, those behind `after` (applied at, id), at most `limit`."""
    start, end = instants(wanted.period, company.time_zone)
    at, key = col(Application.applied_at), col(Application.id)
    query = _with_posting(Application).where(col(Application.company_id) == company.id, at >= start, at < end)
    if wanted.filters.platforms:
        query = query.where(col(Application.source_platform).in_(wanted.filters.platforms))
    if wanted.state:
        query = query.where(col(Application.stage) == wanted.state)
    if wanted.posting_id:
        query = query.where(col(Application.posting_id) == wanted.posting_id)
    query = query.where(_behind(at, key, after)).order_by(at.desc(), key.desc()).limit(limit)
    return [_applicant(row, title, opener) for row, title in session.execute(query)]


def list_referrals(
    session: Session, company: CompanyScope, wanted: Applicants, opener: Opener, *, after: After | None, limit: int
) -> list[ReferralRow]:
    """Referrals sent in the period, newest first, those behind `after` (sent at, id), at most `limit`."""
    start, end = instants(wanted.period, company.time_zone)
    at, key = col(Referral.sent_at), col(Referral.id)
    query = _with_posting(Referral).where(col(Referral.company_id) == company.id, at >= start, at < end)
    if wanted.state:
        query = query.where(col(Referral.status) == wanted.state)
    if wanted.posting_id:
        query = query.where(col(Referral.posting_id) == wanted.posting_id)
    query = query.where(_behind(at, key, after)).order_by(at.desc(), key.desc()).limit(limit)
    return [_referral(row, title, opener) for row, title in session.execute(query)]


def opener(vault: Vault, table: str, *, personal: bool) -> Opener:
    """What opens the sealed name and e-mail of a row, and masks both unless they are asked for in full."""

    def open_both(row_id: uuid.UUID, name: str, email: str) -> tuple[str, str]:
        plain_name = vault.open(table, row_id, "candidate_name", name) if name else ""
        plain_email = vault.open(table, row_id, "candidate_email", email) if email else ""
        return (plain_name, plain_email) if personal else (mask_name(plain_name), mask_email(plain_email))

    return open_both


def _with_posting(table: Any) -> Any:
    return select(table, JobPosting.title).join(  # type: ignore[call-overload]
        JobPosting, col(JobPosting.id) == col(table.posting_id), isouter=True
    )


def _behind(at: Any, key: Any, after: After | None) -> Any:
    if after is None:
        return key.is_not(None)
    return or_(at < after[0], and_(at == after[0], key < after[1]))


def _applicant(row: Application, title: str | None, opener: Opener) -> ApplicantRow:
    name, email = opener(row.id, row.candidate_name, row.candidate_email)
    reached = {stage: getattr(row, f"{stage}_at") for stage in STAGES}
    return ApplicantRow(
        id=row.id,
        external_ref=row.external_ref,
        posting_id=row.posting_id,
        posting_title=title or row.posting_title,
        candidate_name=name,
        candidate_email=email,
        platform=row.source_platform,
        source=row.source,
        told_by=row.told_by,
        stage=row.stage,
        applied_at=row.applied_at,
        reached_at={stage: at for stage, at in reached.items() if at is not None},
    )


def _referral(row: Referral, title: str | None, opener: Opener) -> ReferralRow:
    name, email = opener(row.id, row.candidate_name, row.candidate_email)
    return ReferralRow(
        id=row.id,
        posting_id=row.posting_id,
        posting_title=title or "",
        referrer_name=row.referrer_name,
        candidate_name=name,
        candidate_email=email,
        status=row.status,
        sent_at=row.sent_at,
        converted_at=row.converted_at,
        reward_status=row.reward_status,
        reward_minor=row.reward_minor,
        reward_currency=row.reward_currency,
    )
