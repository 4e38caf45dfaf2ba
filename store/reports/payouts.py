"""What is owed for referrals, what was paid this year and what is left of the budget? And who is in a payout?"""

import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import case, func, select
from sqlmodel import Session

from domain.money import Money
from domain.periods import local_day
from store.reports.rewards import sum_expired
from store.reports.scope import CompanyScope
from store.tables import Company, JobPosting, Referral, ReferralReward, User

_REWARDS = ReferralReward.__table__  # type: ignore[attr-defined]
_REFERRALS = Referral.__table__  # type: ignore[attr-defined]
_POSTINGS = JobPosting.__table__  # type: ignore[attr-defined]
_USERS = User.__table__  # type: ignore[attr-defined]
_APPROVER = _USERS.alias("approver")
_COMPANIES = Company.__table__  # type: ignore[attr-defined]
#: Payouts that are paid are listed for so long.
SHOWN_DAYS = 400
#: Where a company's settings keep what it means to spend in a calendar year: {"minor": …, "currency": …}.
BUDGET = "reward_budget"


@dataclass(frozen=True, slots=True)
class Liability:
    """Minor units of one currency: possible (nobody applied yet), promised, due, approved, and paid this year.

    `budget` is the year's, None in a currency without one; `left` is what neither was paid nor is owed by now.
    """

    currency: str
    possible: int
    promised: int
    due: int
    approved: int
    paid: int
    budget: int | None = None

    @property
    def left(self) -> int | None:
        """Budget less paid, approved and due; None without a budget."""
        return None if self.budget is None else self.budget - self.paid - self.approved - self.due


@dataclass(frozen=True, slots=True)
class Payout:
    """Rewards paid together: how many of them there are, how many are paid, and their sum by currency."""

    ref: str
    rewards: int
    paid: int
    made_at: datetime
    paid_at: datetime | None
    totals: tuple[Money, ...]


@dataclass(frozen=True, slots=True)
class PayoutLine:
    """One reward of a payout, as payroll needs it."""

    reward_id: uuid.UUID
    person: str
    email: str
    posting: str
    referral_id: uuid.UUID
    referred_on: date
    milestone: str
    days_after: int
    due_on: date | None
    amount: Money
    state: str
    approved_by: str
    approved_at: datetime | None
    paid_at: datetime | None


def list_liabilities(session: Session, company: CompanyScope, now: datetime) -> list[Liability]:
    """What rewards come to by currency, the company's own first; the company's day by `now` says which year."""
    today = local_day(now, company.time_zone)
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in session.execute(_owed(company.id, today)):
        sums[row.currency][row.kind] += int(row.minor)
    for currency, minor in sum_expired(session, company.id, now).items():
        sums[currency]["possible"] -= minor
    for row in session.execute(_paid_in(company, today.year)):
        sums[row.currency]["paid"] += int(row.minor)
    budget = find_budget(session, company.id)
    if budget is not None:
        sums[budget.currency]["paid"] += 0
    order = sorted(sums, key=lambda currency: (currency != company.currency, currency))
    return [
        Liability(
            currency=currency,
            possible=sums[currency]["possible"],
            promised=sums[currency]["promised"],
            due=sums[currency]["due"],
            approved=sums[currency]["approved"],
            paid=sums[currency]["paid"],
            budget=budget.minor if budget is not None and budget.currency == currency else None,
        )
        for currency in order
    ]


def find_budget(session: Session, company_id: uuid.UUID) -> Money | None:
    """What the company means to spend on rewards in a calendar year; None where it has not said so."""
    settings = session.execute(select(_COMPANIES.c.settings).where(_COMPANIES.c.id == company_id)).scalar_one()
    kept = settings.get(BUDGET)
    return Money(int(kept["minor"]), str(kept["currency"])) if isinstance(kept, dict) else None


def list_payouts(session: Session, company: CompanyScope, now: datetime) -> list[Payout]:
    """Payouts that wait, and those of the last SHOWN_DAYS, newest first."""
    is_recent = (_REWARDS.c.state == "approved") | (_REWARDS.c.paid_at >= now - timedelta(days=SHOWN_DAYS))
    rows = session.execute(
        select(
            _REWARDS.c.payout_ref,
            _REWARDS.c.currency,
            func.count().label("rewards"),
            func.sum(case((_REWARDS.c.state == "paid", 1), else_=0)).label("paid"),
            func.min(_REWARDS.c.updated_at).label("made_at"),
            func.max(_REWARDS.c.paid_at).label("paid_at"),
            func.sum(_REWARDS.c.amount_minor).label("minor"),
        )
        .where(_REWARDS.c.company_id == company.id, _REWARDS.c.payout_ref != "", is_recent)
        .group_by(_REWARDS.c.payout_ref, _REWARDS.c.currency)
        .order_by(_REWARDS.c.payout_ref, _REWARDS.c.currency)
    )
    found: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        found[row.payout_ref].append(row)
    payouts = [_payout(ref, parts) for ref, parts in found.items()]
    return sorted(payouts, key=lambda one: (one.made_at, one.ref), reverse=True)


def list_payout_lines(session: Session, company_id: uuid.UUID, payout_ref: str) -> list[PayoutLine]:
    """Who gets what in a payout, by name; none for a payout that is not the company's."""
    if not payout_ref:
        return []
    rows = session.execute(
        select(
            _REWARDS,
            _REFERRALS.c.sent_at,
            _REFERRALS.c.referrer_name,
            _POSTINGS.c.title,
            _USERS.c.name,
            _USERS.c.email,
            _APPROVER.c.email.label("approver"),
            _COMPANIES.c.time_zone,
        )
        .select_from(_REWARDS)
        .join(_REFERRALS, _REFERRALS.c.id == _REWARDS.c.referral_id)
        .join(_COMPANIES, _COMPANIES.c.id == _REWARDS.c.company_id)
        .outerjoin(_POSTINGS, _POSTINGS.c.id == _REFERRALS.c.posting_id)
        .outerjoin(_USERS, _USERS.c.id == _REFERRALS.c.referrer_id)
        .outerjoin(_APPROVER, _APPROVER.c.id == _REWARDS.c.approved_by)
        .where(_REWARDS.c.company_id == company_id, _REWARDS.c.payout_ref == payout_ref)
        .order_by(_USERS.c.name, _USERS.c.email, _REWARDS.c.id)
    )
    return [_line(row) for row in rows]


def year_bounds(year: int, zone: str) -> tuple[datetime, datetime]:
    """The instants at which a calendar year begins and ends in a zone.

    >>> [at.isoformat() for at in year_bounds(2026, "Europe/Berlin")]
    ['2025-12-31T23:00:00+00:00', '2026-12-31T23:00:00+00:00']
    """
    begin, end = (datetime(one, 1, 1, tzinfo=ZoneInfo(zone)).astimezone(UTC) for one in (year, year + 1))
    return begin, end


def _owed(company_id: uuid.UUID, today: date) -> Any:
    """Minor units by what they are and by currency, read from one index."""
    is_due = (_REWARDS.c.state == "pending") & (_REWARDS.c.due_on <= today)
    kind = case((is_due, "due"), (_REWARDS.c.state == "pending", "promised"), else_=_REWARDS.c.state).label("kind")
    return (
        select(kind, _REWARDS.c.currency, func.sum(_REWARDS.c.amount_minor).label("minor"))
        .where(_REWARDS.c.company_id == company_id, _REWARDS.c.state.in_(("possible", "pending", "approved")))
        .group_by(kind, _REWARDS.c.currency)
    )


def _paid_in(company: CompanyScope, year: int) -> Any:
    begin, end = year_bounds(year, company.time_zone)
    return (
        select(_REWARDS.c.currency, func.sum(_REWARDS.c.amount_minor).label("minor"))
        .where(_REWARDS.c.company_id == company.id, _REWARDS.c.paid_at >= begin, _REWARDS.c.paid_at < end)
        .group_by(_REWARDS.c.currency)
    )


def _payout(ref: str, parts: list[Any]) -> Payout:
    return Payout(
        ref=ref,
        rewards=sum(row.rewards for row in parts),
        paid=sum(int(row.paid) for row in parts),
        made_at=min(row.made_at for row in parts),
        paid_at=max((row.paid_at for row in parts if row.paid_at), default=None),
        totals=tuple(Money(int(row.minor), row.currency) for row in parts),
    )


def _line(row: Any) -> PayoutLine:
    return PayoutLine(
        reward_id=row.id,
        person=row.name or row.referrer_name,
        email=row.email or "",
        posting=row.title or "",
        referral_id=row.referral_id,
        referred_on=row.sent_at.astimezone(ZoneInfo(row.time_zone)).date(),
        milestone=row.milestone,
        days_after=row.days_after,
        due_on=row.due_on,
        amount=Money(row.amount_minor, row.currency),
        state=row.state,
        approved_by=row.approver or "",
        approved_at=row.approved_at,
        paid_at=row.paid_at,
    )
