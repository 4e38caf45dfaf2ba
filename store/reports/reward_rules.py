"""What does a company promise for referrals, and what would this person earn by one today?"""

import uuid
from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlmodel import Session

from domain.money import Money
from domain.rewards import Eligibility, Referrer, limits, may_earn, promise, promised
from store.reports.scope import CompanyScope
from store.tables import JobPosting, RewardRule, User
from store.writes.rewards import read_rules, rule_of

_RULES = RewardRule.__table__  # type: ignore[attr-defined]
_POSTINGS = JobPosting.__table__  # type: ignore[attr-defined]
_USERS = User.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class RuleRow:
    """One rule: its promise and limits in plain words. `posting` "" stands for every posting without rules of its own.

    `state` is "coming", "on" or "ended" on the day asked about.
    """

    id: uuid.UUID
    name: str
    posting_id: uuid.UUID | None
    posting: str
    words: str
    limits: tuple[str, ...]
    milestone: str
    days_after: int
    amount: Money
    who: Eligibility
    starts_on: date | None
    ends_on: date | None
    created_at: datetime
    disabled_at: datetime | None
    state: str


def list_rules(session: Session, company: CompanyScope, today: date) -> list[RuleRow]:
    """Every rule: those in force first, then those to come, then the ended ones; newest first."""
    rows = session.execute(
        select(_RULES, _POSTINGS.c.title)
        .outerjoin(_POSTINGS, _POSTINGS.c.id == _RULES.c.posting_id)
        .where(_RULES.c.company_id == company.id)
        .order_by(_RULES.c.created_at.desc(), _RULES.c.id.desc())
    )
    found = []
    for row in rows:
        rule = rule_of(row)
        money = Money(rule.amount_minor, rule.currency)
        elsewhere = [f"days of {rule.zone}"] if rule.zone not in ("", company.time_zone) else []
        found.append(
            RuleRow(
                id=rule.id,
                name=row.name,
                posting_id=rule.posting_id,
                posting=(row.title or "Untitled") if rule.posting_id else "",
                words=promise(money, rule.milestone, rule.days_after),
                limits=(*limits(rule.who), *elsewhere),
                milestone=rule.milestone,
                days_after=rule.days_after,
                amount=money,
                who=rule.who,
                starts_on=rule.starts_on,
                ends_on=rule.ends_on,
                created_at=rule.created_at,
                disabled_at=rule.disabled_at,
                state=rule_state(rule.starts_on, rule.ends_on, rule.disabled_at, today),
            )
        )
    return sorted(found, key=lambda one: ("on", "coming", "ended").index(one.state))


def rule_state(starts_on: date | None, ends_on: date | None, disabled_at: datetime | None, today: date) -> str:
    """How a rule stands on a day.

    >>> rule_state(date(2026, 3, 2), None, None, date(2026, 3, 1)), rule_state(None, None, None, date(2026, 3, 1))
    ('coming', 'on')
    """
    if disabled_at is not None or (ends_on is not None and ends_on < today):
        return "ended"
    return "coming" if starts_on is not None and starts_on > today else "on"


def list_offers(
    session: Session,
    company: CompanyScope,
    user_id: uuid.UUID,
    posting_id: uuid.UUID | None,
    *,
    is_named: bool = True,
    now: datetime,
) -> list[str]:
    """What this person would be promised for a referral sent now, in plain words; none where nothing is."""
    user = session.execute(
        select(_USERS.c.role, _USERS.c.name, _USERS.c.email).where(
            _USERS.c.id == user_id, _USERS.c.company_id == company.id
        )
    ).first()
    if user is None:
        return []
    posting = session.execute(
        select(_POSTINGS.c.recruiter, _POSTINGS.c.hiring_manager).where(
            _POSTINGS.c.id == posting_id, _POSTINGS.c.company_id == company.id
        )
    ).first()
    team = (posting.recruiter, posting.hiring_manager) if posting else ()
    referrer = Referrer(user.role == "admin", (user.name, user.email))
    rules = promised(read_rules(session, company.id), posting_id, now, ZoneInfo(company.time_zone))
    return [
        promise(Money(rule.amount_minor, rule.currency), rule.milestone, rule.days_after)
        for rule in rules
        if may_earn(rule.who, referrer, is_named=is_named, team=team)
    ]
