"""Tells a company's admins of rewards that have fallen due: one message a day, and none on days without any."""

import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlmodel import Session, col

from domain.money import Money
from domain.periods import local_day
from settings import Settings
from store.tables import Company, ReferralReward, User
from store.vault import Vault
from store.writes.mail import Message, post

KIND = "rewards"
#: Not before this hour of the company's zone: nobody approves anything at midnight.
HOUR = 7
_REWARDS = ReferralReward.__table__  # type: ignore[attr-defined]


def is_time(now: datetime, zone: str) -> bool:
    """Whether it is late enough on the company's day."""
    return now.astimezone(ZoneInfo(zone)).hour >= HOUR


def tell_due(
    session: Session, vault: Vault, settings: Settings, company_id: uuid.UUID, *, since: datetime | None, now: datetime
) -> int:
    """Write to every admin about the rewards that fell due after `since` (None: about all); to how many. The caller
    commits, with a mark that this day's message was written."""
    company = session.get_one(Company, company_id)
    today = local_day(now, company.time_zone)
    fresh = session.execute(_fallen_due(company, today, since)).all()
    if not fresh or not settings.smtp_url:
        return 0
    waiting = session.execute(_fallen_due(company, today, None)).all()
    subject, text = _words(company, settings, fresh, waiting)
    admins = session.execute(
        select(col(User.email))
        .where(col(User.company_id) == company_id, col(User.role) == "admin", col(User.is_active))
        .order_by(col(User.email))
    ).scalars()
    written = 0
    for email in admins:
        key = f"{KIND}:{company_id}:{today.isoformat()}:{email}"
        message = Message(company_id, KIND, "email", key, email, subject, {"text": text})
        written += post(session, vault, message, now=now)
    return written


def _fallen_due(company: Company, today: date, since: datetime | None) -> Any:
    """Due rewards as (minor units, currency): by the day, or because somebody told of it since."""
    due_on = _REWARDS.c.due_on
    query = select(_REWARDS.c.amount_minor, _REWARDS.c.currency).where(
        _REWARDS.c.company_id == company.id, _REWARDS.c.state == "pending", due_on <= today
    )
    if since is None:
        return query
    return query.where(or_(due_on > local_day(since, company.time_zone), _REWARDS.c.updated_at > since))


def _words(company: Company, settings: Settings, fresh: Sequence[Any], waiting: Sequence[Any]) -> tuple[str, str]:
    fell = "1 reward for a referral has" if len(fresh) == 1 else f"{len(fresh):,} rewards for referrals have"
    lines = [f"{fell} fallen due at {company.name}: {_sum(fresh)}."]
    if len(waiting) > len(fresh):
        lines.append(f"With those of earlier days {len(waiting):,} wait to be approved: {_sum(waiting)}.")
    lines.append("Approve them, or turn them down, under Referral desk, Rewards.")
    if settings.public_url:
        lines.append(f"{settings.public_url.rstrip('/')}/Referral_desk?part=Rewards")
    return f"{fell} fallen due", "\n\n".join(lines)


def _sum(rows: Sequence[Any]) -> str:
    """Amounts by currency, never added up."""
    totals: dict[str, int] = {}
    for row in rows:
        totals[row.currency] = totals.get(row.currency, 0) + row.amount_minor
    return " and ".join(str(Money(minor, currency)) for currency, minor in sorted(totals.items()))
