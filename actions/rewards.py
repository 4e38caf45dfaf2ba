"""Promise rewards, decide on them, pay them, and say who is seen on the leaderboard. Each decision is written down."""

import re
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Any

from sqlmodel import Session

from actions.viewer import NotFound, Viewer, deed, require_admin
from domain.letters import clean_line
from domain.money import Money
from domain.rewards import MILESTONES, Eligibility, promise
from store.engine import Urgency
from store.opening import Store
from store.reports.payouts import BUDGET, list_payout_lines
from store.tables import Company, User
from store.writes import reward_decisions as decisions
from store.writes import reward_rules as rules
from store.writes.audit import append_audit
from store.writes.in_turn import BESIDE_REFERENCES
from store.writes.reward_decisions import Decided, Decider

MOST_DAYS_AFTER = 730
MOST_MINOR = 10**12
MOST_AT_ONCE = 5_000
LONGEST_NAME = 100
LONGEST_REASON = 500
LONGEST_REF = 80
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class _Step:
    """A decision on rewards: what it is called in the audit log, and what carries it out."""

    action: str
    reward_ids: Collection[uuid.UUID]
    work: Callable[[Session, Decider, Collection[uuid.UUID]], Decided]
    facts: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PayoutMade:
    """A new payout: its reference, the rewards in it, and those left out with the reason."""

    ref: str
    done: Sequence[uuid.UUID]
    left: Mapping[uuid.UUID, str]


@dataclass(frozen=True, slots=True)
class RuleTerms:
    """What a new rule promises. `starts_on` None is now; a day that is past promises to who was promised nothing."""

    amount: Money
    milestone: str = "hired"
    days_after: int = 0
    posting_id: uuid.UUID | None = None
    name: str = ""
    starts_on: date | None = None
    ends_on: date | None = None
    who: Eligibility = field(default_factory=Eligibility)


def make_rule(
    store: Store, viewer: Viewer, terms: RuleTerms, *, instead_of: uuid.UUID | None = None, now: datetime
) -> uuid.UUID:
    """Make a rule, in place of another one where `instead_of` names it: that one ends, and keeps what it promised.

    Raises NotAllowed, NotFound, and ValueError with words for the form.
    """
    require_admin(store, viewer, "reward_rule.make", now=now)
    values = _checked(terms)
    with _writing(store) as session:
        if instead_of is not None:
            rules.end_rule(session, viewer.company_id, instead_of, now=now)
        made = rules.make_rule(session, viewer.company_id, values | {"created_by": viewer.user_id}, now=now)
        said = promise(terms.amount, terms.milestone, terms.days_after)
        facts = {"promise": said, "posting": str(terms.posting_id or ""), "instead_of": str(instead_of or "")}
        append_audit(session, deed(viewer, "reward_rule.make", made.id, **facts), now=now)
        return made.id


def end_rule(store: Store, viewer: Viewer, rule_id: uuid.UUID, *, now: datetime) -> None:
    """End a rule; what it promised stays promised. Raises NotAllowed or NotFound."""
    require_admin(store, viewer, "reward_rule.end", rule_id, now=now)
    with _writing(store) as session:
        rules.end_rule(session, viewer.company_id, rule_id, now=now)
        append_audit(session, deed(viewer, "reward_rule.end", rule_id), now=now)


def approve(store: Store, viewer: Viewer, reward_ids: Collection[uuid.UUID], *, now: datetime) -> Decided:
    """Approve rewards that are due; what cannot be approved comes back with the reason. Raises NotAllowed."""
    return _decide(store, viewer, _Step("reward.approve", reward_ids, decisions.approve_rewards), now=now)


def refuse(store: Store, viewer: Viewer, reward_ids: Collection[uuid.UUID], reason: str, *, now: datetime) -> Decided:
    """Turn rewards down, with a reason that the referrer reads. Raises NotAllowed, ValueError without a reason."""
    words = clean_line(reason, LONGEST_REASON)
    if not words:
        raise ValueError("Give a reason: the person who referred reads it.")
    work = partial(decisions.refuse_rewards, reason=words)
    return _decide(store, viewer, _Step("reward.refuse", reward_ids, work, {"reason": words}), now=now)


def reopen(store: Store, viewer: Viewer, reward_ids: Collection[uuid.UUID], *, now: datetime) -> Decided:
    """Take approvals and refusals back. Raises NotAllowed."""
    return _decide(store, viewer, _Step("reward.reopen", reward_ids, decisions.reopen_rewards), now=now)


def pay(
    store: Store, viewer: Viewer, reward_ids: Collection[uuid.UUID], payout_ref: str = "", *, now: datetime
) -> Decided:
    """Note approved rewards as paid, under their payout or this reference. Raises NotAllowed."""
    return _decide(store, viewer, _paying(reward_ids, payout_ref), now=now)


def pay_payout(store: Store, viewer: Viewer, payout_ref: str, *, now: datetime) -> Decided:
    """Note everything in a payout as paid, however much that is. Raises NotAllowed, NotFound."""
    ref = clean_line(payout_ref, LONGEST_REF)
    require_admin(store, viewer, "reward.pay", ref, now=now)
    with store.reading() as session:
        lines = list_payout_lines(session, viewer.company_id, ref)
    waiting = [line.reward_id for line in lines if line.state == "approved"]
    if not lines:
        raise NotFound("There is no such payout.")
    return _carry_out(store, viewer, _paying(waiting, ref), now=now) if waiting else Decided()


def _paying(reward_ids: Collection[uuid.UUID], payout_ref: str) -> _Step:
    ref = clean_line(payout_ref, LONGEST_REF)
    work = partial(decisions.pay_rewards, payout_ref=ref)
    return _Step("reward.pay", reward_ids, work, {"payout": ref})


def unpay(store: Store, viewer: Viewer, reward_ids: Collection[uuid.UUID], *, now: datetime) -> Decided:
    """Take back that rewards were paid: noted wrongly, or the money came back. Raises NotAllowed."""
    return _decide(store, viewer, _Step("reward.unpay", reward_ids, decisions.unpay_rewards), now=now)


def make_payout(
    store: Store, viewer: Viewer, reward_ids: Collection[uuid.UUID] | None = None, *, now: datetime
) -> PayoutMade:
    """Put approved rewards that are in no payout into a new one: these, or all that nothing speaks against.

    Raises NotAllowed, and ValueError where there is nothing to pay.
    """
    require_admin(store, viewer, "payout.make", now=now)
    _check_number(reward_ids)
    with _writing(store) as session:
        ref, decided = decisions.put_into_payout(session, _decider(viewer, now), reward_ids)
        left = Counter(decided.refused.values())
        if not decided.done:
            raise ValueError(" ".join(["No approved reward waits for a payout.", *_left_out(left)]))
        told = deed(viewer, "payout.make", ref, rewards=len(decided.done), left_out=sum(left.values()))
        append_audit(session, told, now=now)
    return PayoutMade(ref, decided.done, decided.refused)


def _left_out(reasons: Mapping[str, int]) -> list[str]:
    """How many were left out of a payout, in a sentence with the reasons; none where none was.

    >>> _left_out({"It is paid already.": 2})
    ['2 were left out. It is paid already.']
    """
    number = sum(reasons.values())
    return [f"{number:,} {'was' if number == 1 else 'were'} left out. {' '.join(sorted(reasons)[:5])}"] * bool(reasons)


def set_budget(store: Store, viewer: Viewer, budget: Money | None, *, now: datetime) -> None:
    """What the company means to spend on rewards in a calendar year; None for no budget.

    Raises NotAllowed, and ValueError for an amount that is none.
    """
    require_admin(store, viewer, "reward_budget.set", now=now)
    if budget is not None:
        _check_money(budget, least=0)
    with _writing(store) as session:
        company = session.get_one(Company, viewer.company_id, with_for_update=BESIDE_REFERENCES)
        kept = {name: value for name, value in company.settings.items() if name != BUDGET}
        if budget is not None:
            kept[BUDGET] = {"minor": budget.minor, "currency": budget.currency}
        company.settings = kept
        session.add(company)
        append_audit(session, deed(viewer, "reward_budget.set", budget=str(budget or "")), now=now)


def set_on_board(store: Store, viewer: Viewer, *, is_on_board: bool, now: datetime) -> None:
    """Whether colleagues see the viewer on the leaderboard. Everybody decides that for themselves."""
    with _writing(store) as session:
        user = session.get(User, viewer.user_id)
        if user is None or user.company_id != viewer.company_id:
            raise NotFound("There is no such person.")
        user.is_on_board = is_on_board
        session.add(user)
        append_audit(session, deed(viewer, "leaderboard.show", viewer.user_id, on=is_on_board), now=now)


def _decide(store: Store, viewer: Viewer, step: _Step, *, now: datetime) -> Decided:
    require_admin(store, viewer, step.action, now=now)
    _check_number(step.reward_ids)
    return _carry_out(store, viewer, step, now=now)


def _check_number(reward_ids: Collection[uuid.UUID] | None) -> None:
    if reward_ids is None:
        return
    if not reward_ids:
        raise ValueError("Choose at least one reward.")
    if len(reward_ids) > MOST_AT_ONCE:
        raise ValueError(f"At most {MOST_AT_ONCE:,} rewards can be decided on at a time.")


def _carry_out(store: Store, viewer: Viewer, step: _Step, *, now: datetime) -> Decided:
    """Decide, and write it down. The caller has checked the role."""
    with _writing(store) as session:
        decided = step.work(session, _decider(viewer, now), step.reward_ids)
        told = {"rewards": sorted(str(one) for one in decided.done), **step.facts}
        outcome = "ok" if decided.done else "failed"
        append_audit(session, deed(viewer, step.action, outcome=outcome, **told), now=now)
    return decided


def _decider(viewer: Viewer, now: datetime) -> Decider:
    return Decider(viewer.company_id, viewer.user_id, now)


def _checked(terms: RuleTerms) -> dict[str, Any]:
    _check_money(terms.amount, least=1)
    if terms.milestone not in MILESTONES:
        raise ValueError("Choose what the reward is for: an application, an interview or a hire.")
    if not 0 <= terms.days_after <= MOST_DAYS_AFTER:
        raise ValueError(f"Between 0 and {MOST_DAYS_AFTER} days can pass until it is due.")
    if terms.starts_on and terms.ends_on and terms.ends_on < terms.starts_on:
        raise ValueError("The last day is before the first one.")
    return {
        "posting_id": terms.posting_id,
        "name": clean_line(terms.name, LONGEST_NAME),
        "milestone": terms.milestone,
        "days_after": terms.days_after,
        "amount_minor": terms.amount.minor,
        "currency": terms.amount.currency,
        "settings": terms.who.model_dump(),
        "starts_on": terms.starts_on,
        "ends_on": terms.ends_on,
    }


def read_money(amount: str, currency: str) -> Money:
    """An amount as typed, in major units. Raises ValueError with words for the form.

    >>> read_money("1000.50", "eur")
    Money(minor=100050, currency='EUR')
    """
    code = currency.strip().upper()
    if not _CURRENCY.fullmatch(code):
        raise ValueError("A currency is three letters, such as EUR.")
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]{1,4})?", amount.strip()):
        raise ValueError("Write the amount in digits, with a point before cents, such as 1000.50.")
    money = Money.of(Decimal(amount.strip()), code)
    if money.amount != Decimal(amount.strip()):
        raise ValueError(f"{code} has no such small units.")
    return money


def _check_money(money: Money, *, least: int) -> None:
    if not _CURRENCY.fullmatch(money.currency):
        raise ValueError("A currency is three letters, such as EUR.")
    if not least <= money.minor <= MOST_MINOR:
        raise ValueError("That is no amount that can be paid.")


@contextmanager
def _writing(store: Store) -> Iterator[Session]:
    """A write transaction in which what is unknown answers like what is another company's."""
    try:
        with store.writing(Urgency.EVENT) as session:
            yield session
    except rules.RulePostingUnknown:
        raise NotFound("There is no such posting.") from None
    except rules.RuleUnknown:
        raise NotFound("There is no such rule.") from None
