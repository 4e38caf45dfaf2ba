"""Deciding on rewards and paying them, by API: what the desk's buttons do, for admins, each written down."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Annotated, Literal, TypeVar

import anyio.to_thread
from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from actions import payroll
from actions import rewards as deeds
from actions.running import running_store
from api.answers import Answer
from api.endpoints import Asking, Endpoint, Reading
from api.identity import Caller, admit
from api.problems import Unprocessable
from api.questions import Plain, Ref, Strict, from_query
from store.reports.payouts import Payout, list_payouts

GROUP = "Rewards"
#: As many as fit a body.
MOST_OF_A_REQUEST = 1000
_UNKNOWN = "There is no such payout."

Rewards = Annotated[tuple[Ref, ...], Field(min_length=1, max_length=MOST_OF_A_REQUEST)]
PayoutRef = Annotated[Plain, StringConstraints(min_length=1, max_length=deeds.LONGEST_REF)]


class DecisionQuestion(Strict):
    """What is decided of which rewards."""

    decision: Literal["approve", "refuse", "reopen", "pay", "unpay"]
    """approve: it is to be paid. refuse: turned down, also after it was approved. reopen: takes an approval or a
    refusal back. pay: notes it as paid. unpay: it was noted wrongly, or the money came back."""
    rewards: Rewards | None = None
    """Ids of rewards; may be left out for pay, where `payout` names them."""
    reason: Annotated[str, StringConstraints(max_length=deeds.LONGEST_REASON)] = ""
    """Why it is turned down: needed for refuse; the person who referred reads it."""
    payout: PayoutRef | None = None
    """For pay: the reference of a payout whose rewards are all paid, or, with `rewards`, what the payment is called in
    payroll where they are in no payout."""


class PayoutQuestion(Strict):
    """What to put into a new payout."""

    rewards: Rewards | None = None
    """Ids of approved rewards, those too that should be looked at; without it, all but those."""


class PayoutFileQuestion(Strict):
    """Which payout, as which kind of file."""

    payout: PayoutRef
    """Its reference."""
    format: Literal["csv", "xlsx"] = "csv"
    """The kind of file."""


class LeftAnswer(Answer):
    """A reward that was left as it is, and why."""

    id: uuid.UUID
    reason: str


class DecisionAnswer(Answer):
    """Ids of rewards that were decided on, and the others with the reason."""

    done: list[uuid.UUID]
    refused: list[LeftAnswer]


class PayoutMadeAnswer(Answer):
    """A new payout: its reference, what is in it, and what was left out with the reason."""

    payout: str
    rewards: list[uuid.UUID]
    left_out: list[LeftAnswer]


class PayoutAnswer(Answer):
    """Rewards paid together: how many, how many of them are noted as paid, and their sum in minor units by currency."""

    payout: str
    rewards: int
    paid: int
    made_at: datetime
    paid_at: datetime | None
    minor: dict[str, int]


class PayoutsAnswer(Answer):
    """Payouts that wait and those of the last 400 days, newest first."""

    payouts: list[PayoutAnswer]


def decide(asking: Asking, question: DecisionQuestion) -> DecisionAnswer:
    """Decide on rewards."""
    if question.rewards is None and (question.decision != "pay" or question.payout is None):
        raise Unprocessable([{"parameter": "rewards", "reason": "say which rewards"}])
    parameter = "reason" if question.decision == "refuse" else "rewards"
    who, ids, ref = (asking.store, asking.viewer), _ids(question.rewards or ()), question.payout or ""
    acts = {
        "approve": partial(deeds.approve, *who, ids),
        "refuse": partial(deeds.refuse, *who, ids, question.reason),
        "reopen": partial(deeds.reopen, *who, ids),
        "pay": partial(deeds.pay, *who, ids, ref) if ids else partial(deeds.pay_payout, *who, ref),
        "unpay": partial(deeds.unpay, *who, ids),
    }
    decided = _worded(parameter, lambda: acts[question.decision](now=asking.now))
    return DecisionAnswer(done=sorted(decided.done, key=str), refused=_left(decided.refused))


def make(asking: Asking, question: PayoutQuestion) -> PayoutMadeAnswer:
    """Make a payout."""
    chosen = _ids(question.rewards) if question.rewards is not None else None
    made = _worded("rewards", lambda: deeds.make_payout(asking.store, asking.viewer, chosen, now=asking.now))
    return PayoutMadeAnswer(payout=made.ref, rewards=sorted(made.done, key=str), left_out=_left(made.left))


def payouts(reading: Reading, _question: Strict) -> PayoutsAnswer:
    """All payouts that are still of interest."""
    return PayoutsAnswer(payouts=[_payout(one) for one in list_payouts(reading.session, reading.company, reading.now)])


async def export(request: Request) -> Response:
    """GET /api/referrals/payouts/file: the payroll file."""
    caller = await anyio.to_thread.run_sync(admit, request, "rewards:write")
    question = from_query(PayoutFileQuestion, request)
    file, name = await anyio.to_thread.run_sync(_file, caller, question)
    headers = {**request.state.limits, "Content-Disposition": f'attachment; filename="{name}"'}
    return Response(file, headers=headers, media_type=payroll.MEDIA[question.format])


def _file(caller: Caller, question: PayoutFileQuestion) -> tuple[bytes, str]:
    return payroll.export_payout(running_store(), caller.viewer, question.payout, question.format, now=caller.now)


def _ids(told: tuple[str, ...]) -> list[uuid.UUID]:
    return [uuid.UUID(one) for one in told]


def _left(reasons: Mapping[uuid.UUID, str]) -> list[LeftAnswer]:
    return [LeftAnswer(id=one, reason=reasons[one]) for one in sorted(reasons, key=str)]


def _payout(one: Payout) -> PayoutAnswer:
    return PayoutAnswer(
        payout=one.ref,
        rewards=one.rewards,
        paid=one.paid,
        made_at=one.made_at,
        paid_at=one.paid_at,
        minor={money.currency: money.minor for money in one.totals},
    )


Made = TypeVar("Made")


def _worded(parameter: str, act: Callable[[], Made]) -> Made:
    """What an action made; its refusal in words as one of a parameter."""
    try:
        return act()
    except ValueError as error:
        raise Unprocessable([{"parameter": parameter, "reason": str(error)}]) from None


PAYOUTS = (
    Endpoint(
        method="POST",
        path="/referrals/reward-decisions",
        name="decideRewards",
        title="Approve, turn down and pay rewards",
        about=f"At most {MOST_OF_A_REQUEST} at a time. Each reward for itself: what cannot be decided so is left as it "
        "is, with the reason. Nobody approves their own.",
        group=GROUP,
        scope="rewards:write",
        question=DecisionQuestion,
        answer=DecisionAnswer,
        ask=decide,
        refusals={404: _UNKNOWN},
    ),
    Endpoint(
        method="GET",
        path="/referrals/payouts",
        name="listPayouts",
        title="Payouts",
        group=GROUP,
        scope="rewards:read",
        answer=PayoutsAnswer,
        ask=payouts,
    ),
    Endpoint(
        method="POST",
        path="/referrals/payouts",
        name="makePayout",
        title="Put approved rewards into a payout",
        about="A reward is in one payout only. Without ids everything approved goes into it but what an admin should "
        "look at first (`conflict` in the list of rewards), which is left out with the reason.",
        group=GROUP,
        scope="rewards:write",
        question=PayoutQuestion,
        answer=PayoutMadeAnswer,
        ask=make,
        status=201,
    ),
    Endpoint(
        method="GET",
        path="/referrals/payouts/file",
        name="exportPayout",
        title="A payout as a file for payroll",
        about="Names and e-mail addresses of who is paid, exact amounts, what for, and who approved it. Each download "
        "is written into the audit log.",
        group=GROUP,
        scope="rewards:write",
        question=PayoutFileQuestion,
        answer=None,
        handle=export,
        media=tuple(payroll.MEDIA[form].partition(";")[0] for form in ("csv", "xlsx")),
        refusals={404: _UNKNOWN},
    ),
)
