"""What referrals bring, and what they earn: statistics for everybody, money for admins."""

import uuid
from datetime import date, datetime
from typing import Literal

from api.answers import Answer, PeriodAnswer, period_answer, shown
from api.cursors import Pager
from api.endpoints import Endpoint, Reading
from api.questions import DaysQuestion, PageQuestion, Plain, Ref
from domain.periods import default_grain
from store.reports.applicants import opener
from store.reports.payouts import Liability, list_liabilities
from store.reports.referrals import (
    Group,
    Narrowed,
    SourceCost,
    get_leaderboard,
    get_statistics,
)
from store.reports.rewards import WantedRewards, key_of, list_rewards

GROUP = "Records"


class StatisticsQuestion(DaysQuestion):
    """Which referrals; the period is that of sending."""

    department: Plain | None = None
    """Only for postings of this department."""
    posting: Ref | None = None
    """Only for this posting (its id)."""


class RewardsQuestion(PageQuestion):
    """Which rewards."""

    state: Literal["due", "promised", "approved", "paid", "refused", "lapsed"] = "due"
    """due: to be approved. promised: the person has applied, and its day is still to come. lapsed: not earned."""
    referrer: Ref | None = None
    """Only of this person (their id)."""


class RateAnswer(Answer):
    """A rate with its terms; null where there is nothing to divide by."""

    ratio: float | None
    numerator: int
    denominator: int


class CountsAnswer(Answer):
    """Referrals sent, and how many of them came at least so far."""

    sent: int
    applied: int
    interviewed: int
    hired: int
    conversion: RateAnswer
    hire_rate: RateAnswer


class GroupAnswer(Answer):
    """The counts of a department or posting; `name` is empty where nobody said which."""

    name: str
    posting_id: uuid.UUID | None
    counts: CountsAnswer


class PlaceAnswer(Answer):
    """A place among the referrers, shared by equals. Who left the board is not among them."""

    rank: int
    user_id: uuid.UUID
    name: str
    counts: CountsAnswer
    is_own: bool


class SourceCostAnswer(Answer):
    """A platform's spend in minor units by currency, and its hires; the cost per hire only where one currency was
    spent."""

    platform: str
    label: str
    hires: int | None
    spend: dict[str, int]
    cost_per_hire_minor: int | None
    currency: str | None


class StatisticsAnswer(Answer):
    """What became of the referrals sent in the period, and what a hire cost in it by source."""

    period: PeriodAnswer
    counts: CountsAnswer
    days_to_apply_mean: float | None
    days_to_apply_median: float | None
    days_to_apply_measured: int
    departments: list[GroupAnswer]
    postings: list[GroupAnswer]
    top_referrers: list[PlaceAnswer]
    own_place: PlaceAnswer | None
    costs: list[SourceCostAnswer]


class RewardAnswer(Answer):
    """One reward, in minor units. The candidate is masked. `conflict` says what no longer fits a decision."""

    id: uuid.UUID
    referral_id: uuid.UUID
    referrer_id: uuid.UUID | None
    referrer: str
    candidate: str
    posting_title: str
    condition: str
    milestone: str
    amount_minor: int
    currency: str
    state: str
    due_on: date | None
    approved_by: str
    approved_at: datetime | None
    paid_by: str
    paid_at: datetime | None
    payout_ref: str
    refused_by: str
    refused_at: datetime | None
    note: str
    conflict: str


class LiabilityAnswer(Answer):
    """Minor units of one currency; amounts of several are never added up."""

    currency: str
    possible: int
    promised: int
    due: int
    approved: int
    paid_this_year: int
    budget: int | None
    left: int | None


class RewardsAnswer(Answer):
    """Rewards by the day they are due, paid ones newest first, and what all rewards come to."""

    rewards: list[RewardAnswer]
    liabilities: list[LiabilityAnswer]
    next_cursor: str | None


def statistics(reading: Reading, question: StatisticsQuestion) -> StatisticsAnswer:
    """What referrals bring."""
    period = question.period(reading.today)
    narrowed = Narrowed(question.department or "", uuid.UUID(question.posting) if question.posting else None)
    found = get_statistics(reading.session, reading.company, period, narrowed)
    board = get_leaderboard(reading.session, reading.company, period, reading.viewer.user_id, narrowed=narrowed)
    return StatisticsAnswer(
        period=period_answer(period, default_grain(period), reading.company),
        counts=shown(found.counts, CountsAnswer),
        days_to_apply_mean=found.time_to_apply.mean_days,
        days_to_apply_median=found.time_to_apply.median_days,
        days_to_apply_measured=found.time_to_apply.measured,
        departments=[_group(one) for one in found.departments],
        postings=[_group(one) for one in found.postings],
        top_referrers=[shown(one, PlaceAnswer) for one in board.places],
        own_place=shown(board.own, PlaceAnswer) if board.own else None,
        costs=[_cost(one) for one in found.costs],
    )


def rewards(reading: Reading, question: RewardsQuestion) -> RewardsAnswer:
    """One list of rewards."""
    pager = Pager(reading.store, question, "rewards", reading.company.id)
    wanted = WantedRewards(question.state, reading.today, uuid.UUID(question.referrer) if question.referrer else None)
    rows = list_rewards(
        reading.session,
        reading.company,
        wanted,
        opener(reading.store.vault, "referrals", personal=False),
        after=(pager.after[0], pager.after[1]) if pager.after else None,
        limit=pager.wanted,
    )
    page, following = pager.cut(rows, lambda row: key_of(row, question.state))
    return RewardsAnswer(
        rewards=[shown(row, RewardAnswer) for row in page],
        liabilities=[_liability(one) for one in list_liabilities(reading.session, reading.company, reading.now)],
        next_cursor=following,
    )


def _group(group: Group) -> GroupAnswer:
    return GroupAnswer(name=group.label, posting_id=group.posting_id, counts=shown(group.counts, CountsAnswer))


def _cost(cost: SourceCost) -> SourceCostAnswer:
    return SourceCostAnswer(
        platform=cost.platform,
        label=cost.label,
        hires=cost.hires,
        spend={money.currency: money.minor for money in cost.spend},
        cost_per_hire_minor=cost.per_hire.minor if cost.per_hire else None,
        currency=cost.per_hire.currency if cost.per_hire else None,
    )


def _liability(one: Liability) -> LiabilityAnswer:
    return LiabilityAnswer(
        currency=one.currency,
        possible=one.possible,
        promised=one.promised,
        due=one.due,
        approved=one.approved,
        paid_this_year=one.paid,
        budget=one.budget,
        left=one.left,
    )


REWARDS = (
    Endpoint(
        method="GET",
        path="/referrals/statistics",
        name="getReferralStatistics",
        title="What referrals bring",
        about="Counts are of referrals sent in the period; costs of what was spent and who was hired in it, by the"
        " whole company whatever the department or posting.",
        group=GROUP,
        scope="applications:read",
        question=StatisticsQuestion,
        answer=StatisticsAnswer,
        ask=statistics,
        is_tool=True,
    ),
    Endpoint(
        method="GET",
        path="/referrals/rewards",
        name="listRewards",
        title="Rewards for referrals",
        group="Rewards",
        scope="rewards:read",
        question=RewardsQuestion,
        answer=RewardsAnswer,
        ask=rewards,
    ),
)
