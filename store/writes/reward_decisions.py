"""What admins decide of rewards: approve, refuse, take back, put into a payout, pay. Never commits.

Each takes rewards by id and returns what was done to which; those that cannot be, with the reason in plain words. Each
waits for the company's turn, like all that rewards follow from: two who decide do it one after the other.
"""

import secrets
import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, func, select, update
from sqlmodel import Session

from domain.rewards import read_settings
from store.tables import Company, Referral, ReferralReward, RewardRule
from store.writes.applications_locked import lock_applications
from store.writes.projections import mark_applications_dirty
from store.writes.rewards import flag_columns, flag_of, flagged_from, settle_rewards

_REFERRALS = Referral.__table__  # type: ignore[attr-defined]
_REWARDS = ReferralReward.__table__  # type: ignore[attr-defined]
_RULES = RewardRule.__table__  # type: ignore[attr-defined]
_AT_ONCE = 500
_REF_LETTERS = "ABCDEFGHJKMNPQRSTVWXYZ23456789"
_UNKNOWN = "There is no such reward."


@dataclass(slots=True)
class Decided:
    """Ids of rewards that were changed, and of the others the reason why not."""

    done: list[uuid.UUID] = field(default_factory=list)
    refused: dict[uuid.UUID, str] = field(default_factory=dict)

    def sort(self, reward_id: uuid.UUID, reason: str) -> None:
        """Enter one as done, or with the reason why not."""
        if reason:
            self.refused[reward_id] = reason
        else:
            self.done.append(reward_id)


@dataclass(frozen=True, slots=True)
class Decider:
    """The admin who decides, and when."""

    company_id: uuid.UUID
    user_id: uuid.UUID
    now: datetime


def approve_rewards(session: Session, by: Decider, reward_ids: Collection[uuid.UUID]) -> Decided:
    """Approve rewards that are due. Nobody approves their own, nor more for a person and year than the rule gives."""
    rows = _locked(session, by, reward_ids)
    today = by.now.astimezone(_zone(session, by)).date()
    given = _given(session, rows)
    decided = _unknown(reward_ids, rows)
    for row in sorted(rows, key=lambda one: (one.due_on or date.max, str(one.id))):
        reason = _against(row, by, today, given)
        if not reason:
            given[row.rule_id, row.referrer_id, row.due_on.year] += 1
        decided.sort(row.id, reason)
    values = {"state": "approved", "approved_at": by.now, "approved_by": by.user_id}
    return _change(session, by, decided, states=("pending",), values=values)


def refuse_rewards(session: Session, by: Decider, reward_ids: Collection[uuid.UUID], reason: str) -> Decided:
    """Turn rewards down that are not paid, also approved ones. They leave their payout."""
    rows = _locked(session, by, reward_ids)
    decided = _unknown(reward_ids, rows)
    for row in rows:
        wrong = {"paid": "It is paid already.", "refused": "It was turned down already."}.get(row.state, "")
        decided.sort(row.id, wrong)
    values = {
        "state": "refused",
        "note": reason,
        "refused_at": by.now,
        "refused_by": by.user_id,
        "payout_ref": "",
    }
    return _change(session, by, decided, states=("possible", "pending", "lapsed", "approved"), values=values)


def reopen_rewards(session: Session, by: Decider, reward_ids: Collection[uuid.UUID]) -> Decided:
    """Take an approval or a refusal back: the reward stands again as follows from what happened.

    Not of what is in a payout, whose file payroll may have.
    """
    rows = _locked(session, by, reward_ids)
    decided = _unknown(reward_ids, rows)
    for row in rows:
        is_decided = row.state in ("approved", "refused")
        wrong = "" if is_decided else _STATES.get(row.state, "Nothing was decided on it yet.")
        in_payout = f"It is in payout {row.payout_ref}: turn it down, unless payroll has paid it." * bool(
            row.payout_ref
        )
        decided.sort(row.id, wrong or in_payout)
    undone = ("approved_at", "approved_by", "refused_at", "refused_by")
    values = {"state": "possible", "due_on": None, "note": "", "payout_ref": "", **dict.fromkeys(undone)}
    return _change(session, by, decided, states=("approved", "refused"), values=values)


def put_into_payout(
    session: Session, by: Decider, reward_ids: Collection[uuid.UUID] | None = None
) -> tuple[str, Decided]:
    """(Reference of a new payout, what is in it): approved rewards in no payout yet.

    Without ids all of them but those that an admin should look at first, which come back with the reason; an admin who
    has looked names them. No reward is in two payouts, so that paying both pays nobody twice. The reference is "" where
    nothing was put into one.
    """
    lock_applications(session, by.company_id)
    zone = _zone(session, by)
    if reward_ids is None:
        decided = Decided()
        for row in _waiting(session, by):
            decided.sort(row.id, flag_of(row, zone))
    else:
        rows = _locked(session, by, reward_ids)
        decided = _unknown(reward_ids, rows)
        for row in rows:
            wrong = "" if row.state == "approved" else _STATES.get(row.state, "It is not approved yet.")
            decided.sort(row.id, wrong or f"It is in payout {row.payout_ref}." * bool(row.payout_ref))
    ref = f"P{by.now.astimezone(zone):%Y%m%d}-{''.join(secrets.choice(_REF_LETTERS) for _ in range(6))}"
    for part in _parts(decided.done):
        session.execute(update(_REWARDS).where(_REWARDS.c.id.in_(part)).values(payout_ref=ref, updated_at=by.now))
    return (ref if decided.done else ""), decided


def pay_rewards(session: Session, by: Decider, reward_ids: Collection[uuid.UUID], payout_ref: str = "") -> Decided:
    """Note approved rewards as paid, under the payout that they are in, else under `payout_ref`.

    What was paid is spend of the day: its facts become due. Paid ones are left as they are.
    """
    rows = _locked(session, by, reward_ids)
    decided = _unknown(reward_ids, rows)
    for row in rows:
        reason = "" if row.state == "approved" else _STATES.get(row.state, "It is not approved yet.")
        if not reason and not (row.payout_ref or payout_ref):
            reason = "Give a payout reference: what the payment is called in payroll."
        decided.sort(row.id, reason)
    ref = func.coalesce(func.nullif(_REWARDS.c.payout_ref, ""), payout_ref)
    values = {"state": "paid", "paid_at": by.now, "paid_by": by.user_id, "payout_ref": ref}
    done = _change(session, by, decided, states=("approved",), values=values)
    if done.done:
        mark_applications_dirty(session, by.company_id, [by.now])
    return done


def unpay_rewards(session: Session, by: Decider, reward_ids: Collection[uuid.UUID]) -> Decided:
    """Take a payment back that was noted wrongly or came back: the reward is approved again, and in no payout."""
    rows = _locked(session, by, reward_ids)
    decided = _unknown(reward_ids, rows)
    for row in rows:
        decided.sort(row.id, "" if row.state == "paid" else "It is not paid.")
    days = [row.paid_at for row in rows if row.state == "paid"]
    values = {"state": "approved", "paid_at": None, "paid_by": None, "payout_ref": ""}
    done = _change(session, by, decided, states=("paid",), values=values)
    if days:
        mark_applications_dirty(session, by.company_id, days)
    return done


_STATES = {
    "paid": "It is paid already.",
    "refused": "It was turned down.",
    "lapsed": "It was not earned.",
    "possible": "The person has not applied yet.",
    "approved": "It is approved already.",
}


def _waiting(session: Session, by: Decider) -> Iterable[Row[Any]]:
    """All approved rewards of the company that are in no payout, with what may speak against them."""
    columns = [_REWARDS.c[name] for name in ("id", "state", "milestone", "days_after")]
    return session.execute(
        select(*columns, *flag_columns())
        .select_from(flagged_from())
        .where(_REWARDS.c.company_id == by.company_id, _REWARDS.c.state == "approved", _REWARDS.c.payout_ref == "")
        .order_by(_REWARDS.c.id)
    )


def _zone(session: Session, by: Decider) -> ZoneInfo:
    found = session.execute(select(Company.time_zone).where(Company.id == by.company_id))  # type: ignore[call-overload]
    return ZoneInfo(found.scalar_one())


def _locked(session: Session, by: Decider, reward_ids: Collection[uuid.UUID]) -> list[Row[Any]]:
    """The rewards as they stand now, settled before anybody decides; nobody else changes them in this transaction."""
    lock_applications(session, by.company_id)
    whose = {
        row.referral_id
        for part in _parts(reward_ids)
        for row in session.execute(
            select(_REWARDS.c.referral_id).where(_REWARDS.c.company_id == by.company_id, _REWARDS.c.id.in_(part))
        )
    }
    settle_rewards(session, by.company_id, whose, now=by.now)
    rows: list[Row[Any]] = []
    for part in _parts(reward_ids):
        rows += session.execute(
            select(_REWARDS, _REFERRALS.c.referrer_id, _RULES.c.settings)
            .join(_REFERRALS, _REFERRALS.c.id == _REWARDS.c.referral_id)
            .join(_RULES, _RULES.c.id == _REWARDS.c.rule_id)
            .where(_REWARDS.c.company_id == by.company_id, _REWARDS.c.id.in_(part))
            .order_by(_REWARDS.c.id)
        ).all()
    return rows


def _given(session: Session, rows: Iterable[Row[Any]]) -> Counter[tuple[uuid.UUID, uuid.UUID, int]]:
    """How many rewards of these rules these people have been given already, by (rule, person, year)."""
    limited = [row for row in rows if read_settings(row.settings)[0].most_a_year is not None]
    people = sorted({row.referrer_id for row in limited}, key=str)
    rules = sorted({row.rule_id for row in limited}, key=str)
    given: Counter[tuple[uuid.UUID, uuid.UUID, int]] = Counter()
    for part in _parts(people):
        for row in session.execute(
            select(_REWARDS.c.rule_id, _REFERRALS.c.referrer_id, _REWARDS.c.due_on)
            .join(_REFERRALS, _REFERRALS.c.id == _REWARDS.c.referral_id)
            .where(
                _REFERRALS.c.referrer_id.in_(part),
                _REWARDS.c.rule_id.in_(rules),
                _REWARDS.c.state.in_(("approved", "paid")),
                _REWARDS.c.due_on.is_not(None),
            )
        ):
            given[row.rule_id, row.referrer_id, row.due_on.year] += 1
    return given


def _against(row: Row[Any], by: Decider, today: date, given: Counter[tuple[uuid.UUID, uuid.UUID, int]]) -> str:
    """Why a reward cannot be approved; "" where it can."""
    if row.state != "pending":
        return _STATES.get(row.state, "")
    if row.referrer_id == by.user_id:
        return "Nobody approves their own reward: ask another admin."
    if row.due_on is None:
        return "What it is promised for has not happened yet."
    if row.due_on > today:
        return f"It is due on {row.due_on.isoformat()}."
    most = read_settings(row.settings)[0].most_a_year
    if most is not None and given[row.rule_id, row.referrer_id, row.due_on.year] >= most:
        return f"This person has had {most} by this rule for {row.due_on.year}, the most it gives a year."
    return ""


def _unknown(wanted: Iterable[uuid.UUID], rows: Sequence[Row[Any]]) -> Decided:
    known = {row.id for row in rows}
    return Decided(refused={one: _UNKNOWN for one in wanted if one not in known})


def _change(
    session: Session, by: Decider, decided: Decided, *, states: Sequence[str], values: dict[str, Any]
) -> Decided:
    """Write `values` where the state still is one of `states`, and bring the referrals' sums up to date."""
    if not decided.done:
        return decided
    whose: set[uuid.UUID] = set()
    changed: set[uuid.UUID] = set()
    for part in _parts(decided.done):
        for row in session.execute(
            update(_REWARDS)
            .where(_REWARDS.c.company_id == by.company_id, _REWARDS.c.id.in_(part), _REWARDS.c.state.in_(states))
            .values(**values, updated_at=by.now)
            .returning(_REWARDS.c.id, _REWARDS.c.referral_id)
        ):
            changed.add(row.id)
            whose.add(row.referral_id)
    settle_rewards(session, by.company_id, whose, now=by.now)
    late = {one: "Somebody else has just decided on it." for one in decided.done if one not in changed}
    return Decided([one for one in decided.done if one in changed], decided.refused | late)


def _parts(ids: Collection[uuid.UUID]) -> Iterable[list[uuid.UUID]]:
    ordered = sorted(set(ids), key=str)
    return (ordered[start : start + _AT_ONCE] for start in range(0, len(ordered), _AT_ONCE))
