"""A company's reward rules: made and ended, never changed, for their terms are promises. Never commits."""

import uuid
from collections.abc import Mapping
from datetime import datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, or_, select, update
from sqlmodel import Session, col

from domain.rewards import ZONE
from store.errors import StoreError
from store.tables import Company, JobPosting, Referral, RewardRule
from store.writes.rewards import AT_ONCE, rule_of, settle_rewards

_REFERRALS = Referral.__table__  # type: ignore[attr-defined]
_RULES = RewardRule.__table__  # type: ignore[attr-defined]


class RuleUnknown(StoreError):
    """This company has no such rule."""


class RulePostingUnknown(StoreError):
    """This company has no such posting."""


def make_rule(session: Session, company_id: uuid.UUID, values: Mapping[str, Any], *, now: datetime) -> RewardRule:
    """A new rule; its days stay those of the company's present zone.

    Referrals sent before, where its first day is past, are looked through later: see `settle_rule`.
    """
    posting_id = values.get("posting_id")
    if posting_id is not None:
        posting = session.get(JobPosting, posting_id)
        if posting is None or posting.company_id != company_id:
            raise RulePostingUnknown("There is no such posting.")
    settings = {**values.get("settings", {}), ZONE: _company_zone(session, company_id)}
    rule = RewardRule(company_id=company_id, created_at=now, **{**values, "settings": settings})
    session.add(rule)
    session.flush()
    return rule


def end_rule(session: Session, company_id: uuid.UUID, rule_id: uuid.UUID, *, now: datetime) -> RewardRule:
    """End a rule: it promises nothing from now on, and keeps what it promised. Raises RuleUnknown."""
    rule = session.get(RewardRule, rule_id)
    if rule is None or rule.company_id != company_id:
        raise RuleUnknown("There is no such rule.")
    rule.disabled_at = rule.disabled_at or now
    session.add(rule)
    session.flush()
    return rule


def find_unsettled(session: Session) -> list[RewardRule]:
    """Rules of any company whose earlier referrals have not been looked through."""
    found = session.execute(select(RewardRule).where(col(RewardRule.settled_at).is_(None)).order_by(col(RewardRule.id)))
    return list(found.scalars())


def settle_rule(
    session: Session, rule: RewardRule, after: tuple[datetime, uuid.UUID] | None, *, now: datetime
) -> tuple[datetime, uuid.UUID] | None:
    """Settle the next few referrals that were sent before a rule was made and that it is for.

    `after` is where the call before ended, None to begin. Returns where this one ended, None when all are done: then
    the rule is noted as settled.
    """
    rows = session.execute(_earlier(session, rule, after).limit(AT_ONCE)).all() if rule.starts_on else []
    settle_rewards(session, rule.company_id, [row.id for row in rows], now=now)
    if len(rows) == AT_ONCE:
        return rows[-1].sent_at, rows[-1].id
    session.execute(update(_RULES).where(_RULES.c.id == rule.id).values(settled_at=now))
    return None


def _earlier(session: Session, rule: RewardRule, after: tuple[datetime, uuid.UUID] | None) -> Any:
    zone = rule_of(rule).zone or _company_zone(session, rule.company_id)
    assert rule.starts_on is not None
    begin = datetime.combine(rule.starts_on, time.min, ZoneInfo(zone))
    sent_at, key = _REFERRALS.c.sent_at, _REFERRALS.c.id
    query = select(key, sent_at).where(
        _REFERRALS.c.company_id == rule.company_id, sent_at >= begin, sent_at <= rule.created_at
    )
    if rule.posting_id is not None:
        query = query.where(_REFERRALS.c.posting_id == rule.posting_id)
    if after is not None:
        query = query.where(or_(sent_at > after[0], and_(sent_at == after[0], key > after[1])))
    return query.order_by(sent_at, key)


def _company_zone(session: Session, company_id: uuid.UUID) -> str:
    found = session.execute(select(Company.time_zone).where(Company.id == company_id))  # type: ignore[call-overload]
    return str(found.scalar_one())
