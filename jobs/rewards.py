"""Keep rewards true where no event tells of a change: new rules for days past, and what hangs on the day."""

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from domain.periods import local_day
from store.engine import Urgency, run_writing
from store.opening import Store
from store.tables import Company, Referral, ReferralReward
from store.writes.reward_rules import find_unsettled, settle_rule
from store.writes.rewards import AT_ONCE, settle_rewards

_COMPANIES = Company.__table__  # type: ignore[attr-defined]
_REFERRALS = Referral.__table__  # type: ignore[attr-defined]
_REWARDS = ReferralReward.__table__  # type: ignore[attr-defined]
#: Another time zone of the company moves a day by one: what falls due is looked at again on the days around.
_AROUND = timedelta(days=2)


def settle_new_rules(store: Store, now: datetime) -> int:
    """Look through the referrals sent before a rule was made, some in each transaction; how many rules that were.

    A kill leaves the rule unsettled: it is begun again, which changes nothing that was right.
    """
    with store.reading() as session:
        rules = find_unsettled(session)
    for rule in rules:
        after = None
        while True:
            step = partial(settle_rule, rule=rule, after=after, now=now)
            after = run_writing(store.engine, step, Urgency.AGGREGATE)
            if after is None:
                break
    return len(rules)


def list_rewarding(session: Session) -> Sequence[tuple[uuid.UUID, str]]:
    """(id, time zone) of every company that has promised rewards."""
    has_any = select(_REWARDS.c.id).where(_REWARDS.c.company_id == _COMPANIES.c.id).exists()
    rows = session.execute(select(_COMPANIES.c.id, _COMPANIES.c.time_zone).where(has_any).order_by(_COMPANIES.c.number))
    return [(row.id, row.time_zone) for row in rows]


def settle_due(store: Store, company_id: uuid.UUID, zone: str, now: datetime) -> int:
    """Settle a company's rewards that fall due about today, and those of referrals that expired; how many referrals.

    Nobody tells of either: once a day is enough.
    """
    with store.reading() as session:
        queries = (_falling_due(company_id, zone, now), _expired(company_id, now))
        ids = sorted({row[0] for query in queries for row in session.execute(query)}, key=str)
    for start in range(0, len(ids), AT_ONCE):
        step = partial(_settle, company_id=company_id, ids=ids[start : start + AT_ONCE], now=now)
        run_writing(store.engine, step, Urgency.AGGREGATE)
    return len(ids)


def _settle(session: Session, company_id: uuid.UUID, ids: Sequence[uuid.UUID], now: datetime) -> None:
    settle_rewards(session, company_id, ids, now=now)


def _falling_due(company_id: uuid.UUID, zone: str, now: datetime) -> Any:
    today = local_day(now, zone)
    return select(_REWARDS.c.referral_id).where(
        _REWARDS.c.company_id == company_id,
        _REWARDS.c.state == "pending",
        _REWARDS.c.due_on >= today - _AROUND,
        _REWARDS.c.due_on <= today + _AROUND,
    )


def _expired(company_id: uuid.UUID, now: datetime) -> Any:
    return (
        select(_REWARDS.c.referral_id)
        .join(_REFERRALS, _REFERRALS.c.id == _REWARDS.c.referral_id)
        .where(
            _REWARDS.c.company_id == company_id,
            _REWARDS.c.state == "possible",
            _REFERRALS.c.expires_at <= now,
            _REFERRALS.c.application_id.is_(None),
        )
    )
