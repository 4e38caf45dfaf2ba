"""What was paid for referrals as spend: by currency, on the company's day of payment, after any history."""

from collections import Counter
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from domain.facts import day_number
from domain.filters import Filters
from domain.metrics import BY_NAME
from domain.money import Money
from domain.periods import Period
from jobs.aggregate import aggregate_due, rebuild
from jobs.project import project_due
from store.reports.dashboard import get_dashboard
from store.reports.referrals import list_costs
from store.tables import Company
from store.writes.projections import mark_applications_dirty
from store.writes.reward_decisions import approve_rewards, pay_rewards, unpay_rewards
from tests.store.fact_scenes import Scene, expected, stored
from tests.store.reward_scenes import START, Desk, at, on

_SPEND = BY_NAME["spend"].number
MARCH = Period(on(0), on(31))


class Payer(Desk):
    """A desk that pays, and settles facts as a tick of the clock does."""

    def pay(self, day, *, amount=100_000, currency="EUR", posting=0):
        """Somebody referred, hired and paid for on a day; the reward."""
        rule = self.rule(days_after=0, amount_minor=amount, currency=currency)
        referral = self.refer(1, posting=posting)
        application = self.apply(referral, 2, hired=3, stage="hired")
        self.end(rule, 1.5)
        with self.store.writing() as session:
            mark_applications_dirty(session, self.company.id, [referral.sent_at, application.applied_at, at(3)])
        reward = next(one for one in self.rewards(referral) if one.rule_id == rule.id)
        self.decide(approve_rewards, reward, day=day)
        self.decide(pay_rewards, reward, day=day, payout_ref="x")
        return reward

    def tick(self, now=20.0):
        """Facts and aggregates up to date."""
        project_due(self.store, at(now))
        aggregate_due(self.store, at(now), {}, seconds=600)

    def facts(self):
        """(day, currency, posting) → minor units of spend."""
        query = (
            "SELECT f.day, f.currency, COALESCE(p.number, 0), SUM(f.value) FROM platform_analytics_raw f "
            "LEFT JOIN external_postings e ON e.number = f.external_posting "
            "LEFT JOIN job_postings p ON p.id = e.posting_id "
            f"WHERE f.company_no = :no AND f.metric = {_SPEND} GROUP BY 1, 2, 3"
        )
        with self.store.engine.connect() as connection:
            rows = connection.execute(text(query), {"no": self.company.number})
            return {(row[0], row[1], row[2]): int(row[3]) for row in rows}

    def recount(self, zone="Europe/Berlin"):
        """What `facts` must be, reward by reward."""
        found = Counter()
        for reward in self.rewards():
            if reward.state == "paid":
                day = day_number(reward.paid_at.astimezone(ZoneInfo(zone)).date())
                found[day, reward.currency, self.posting_no(reward)] += reward.amount_minor
        return dict(found)

    def posting_no(self, reward):
        """The number of the posting that a reward was earned by."""
        held = self.read_by_id(reward.referral_id).posting_id
        return next((one.number for one in self.postings if one.id == held), 0)

    def read_by_id(self, referral_id):
        """A referral by its id."""
        return self.read(type("Key", (), {"id": referral_id}))


@pytest.fixture
def desk(store):
    return Payer(store)


def test_what_is_paid_is_spend_of_that_day_and_quiet_days_are_zero(desk):
    desk.pay(10)
    desk.pay(10, posting=1)
    desk.pay(12, posting=None, amount=300)
    desk.tick(14)
    assert desk.facts() == desk.recount()
    totals, _ = stored(desk.store.engine, desk.company.number)
    spend = {row[2]: row[5] for row in totals if row[:2] == (1, _SPEND)}
    first = day_number(on(10))
    assert spend == {first: 200_000, first + 1: 0, first + 2: 300, first + 3: 0, first + 4: 0}


def test_a_payment_that_is_taken_back_is_spend_no_more(desk):
    reward = desk.pay(10)
    desk.tick()
    desk.decide(unpay_rewards, reward, day=11)
    desk.tick()
    assert desk.facts() == {}
    totals, _ = stored(desk.store.engine, desk.company.number)
    assert [row for row in totals if row[1] == _SPEND] == []


def test_a_hire_by_referral_costs_what_was_paid_beside_the_other_sources(desk):
    desk.pay(10)
    desk.pay(11, amount=50_000)
    desk.tick()
    with desk.store.reading() as session:
        board = get_dashboard(session, desk.scope(), MARCH, Filters(), grain="week", now=at(20))
        costs = list_costs(session, desk.scope(), MARCH)
    assert board.performance.cost_per_hire_minor == 75_000
    assert [(one.platform, one.spend, one.hires, one.per_hire) for one in costs] == [
        ("referrals", (Money(150_000, "EUR"),), 2, Money(75_000, "EUR"))
    ]


def test_several_currencies_are_listed_and_divided_by_nothing(desk):
    desk.pay(10)
    desk.pay(11, amount=50_000, currency="USD")
    desk.tick()
    with desk.store.reading() as session:
        cost = list_costs(session, desk.scope(), MARCH)[0]
    assert cost.spend == (Money(100_000, "EUR"), Money(50_000, "USD"))
    assert (cost.hires, cost.per_hire) == (2, None)


def test_another_zone_of_the_company_moves_what_was_paid_to_its_days(desk):
    for hour in (-11.9, 0.0, 11.5):
        desk.pay(10 + hour / 24)
    desk.tick()
    before = desk.facts()
    for zone in ("Pacific/Kiritimati", "Pacific/Midway", "Europe/Berlin"):
        with desk.store.writing() as session:
            session.get_one(Company, desk.company.id).time_zone = zone
        desk.tick()
        assert desk.facts() == desk.recount(zone)
        assert rebuild(desk.store, desk.company.id, at(20), {}) == 0
    assert desk.facts() == before


STEPS = st.one_of(
    st.tuples(
        st.just("pay"),
        st.sampled_from([8.0, 8.6, 9.0, 12.2]),
        st.sampled_from(["EUR", "JPY"]),
        st.sampled_from([None, 0, 1]),
        st.sampled_from([1, 100_000, 3_000_000_000]),
    ),
    st.tuples(st.just("unpay"), st.integers(0, 9)),
    st.tuples(st.just("settle")),
)


@settings(
    max_examples=5,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, min_size=2, max_size=7))
def test_after_any_history_spend_is_what_was_paid_and_a_rebuild_gives_equal_rows(store, history):
    desk = Payer(store)
    paid = []
    for kind, *rest in history:
        if kind == "pay":
            day, currency, posting, amount = rest
            paid.append(desk.pay(day, currency=currency, posting=posting, amount=amount))
        elif kind == "unpay" and paid:
            desk.decide(unpay_rewards, paid.pop(rest[0] % len(paid)), day=13)
        elif kind == "settle":
            desk.tick()
    desk.tick()
    assert desk.facts() == desk.recount()
    assert stored(store.engine, desk.company.number) == expected(Scene(store.engine, desk.company), {})
    assert rebuild(store, desk.company.id, START + timedelta(days=20), {}) == 0
