"""What was promised stays: another time zone, another role and leaving take nothing away, and a person is asked."""

import pytest
from sqlmodel import update

from domain.rewards import Eligibility
from jobs.rewards import settle_new_rules
from store.reports.payouts import list_liabilities
from store.reports.reward_rules import list_rules
from store.reports.rewards import EarnedSum, WantedRewards, list_rewards, sum_earned
from store.tables import Company, User
from store.writes.reward_decisions import Decided, approve_rewards, pay_rewards, put_into_payout, refuse_rewards
from tests.store.reward_scenes import Desk, at, on, opener


@pytest.fixture
def desk(sqlite_store):
    return Desk(sqlite_store)


def hired(desk, **more):
    """(Referral, application, its reward) of somebody who was hired on the fifth day."""
    referral = desk.refer(**more)
    application = desk.apply(referral, 2, hired=5, stage="hired", now=5)
    return referral, application, desk.rewards(referral)[0]


def move(desk, zone):
    """The company moves."""
    with desk.store.writing() as session:
        session.execute(update(Company).where(Company.id == desk.company.id).values(time_zone=zone))


def change(desk, name, **values):
    """A person's role, or whether they are still here, changes."""
    with desk.store.writing() as session:
        session.execute(update(User).where(User.id == desk.people[name].id).values(**values))


def payout(desk, *rewards, day=10.0):
    """Put all, or these rewards, into a payout."""
    ids = [one.id for one in rewards] or None
    return desk.decide(lambda session, by, _: put_into_payout(session, by, ids), day=day)


def flags(desk, which):
    """What the desk says of each reward of a list."""
    with desk.store.reading() as session:
        rows = list_rewards(session, desk.scope(), WantedRewards(which, on(10)), opener)
    return {row.id: row.conflict for row in rows}


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"], ids=["east", "west"])
def test_another_time_zone_of_the_company_takes_no_promise_away(desk, zone):
    desk.rule(starts_on=on(1), ends_on=on(1))
    first, last = desk.refer(0.5), desk.refer(1.4)
    for referral in (first, last):
        desk.apply(referral, 2, hired=5, stage="hired")
    before = desk.stand()
    assert before == [("pending", on(95))] * 2
    move(desk, zone)
    desk.settle(first, last, 6)
    assert desk.stand() == before


def test_a_rule_for_days_past_counts_them_where_it_was_made(desk):
    outside, within = desk.refer(0.4), desk.refer(0.5)
    desk.rule(day=3, starts_on=on(1))
    move(desk, "Pacific/Pago_Pago")
    settle_new_rules(desk.store, at(4))
    assert (len(desk.rewards(outside)), len(desk.rewards(within))) == (0, 1)
    with desk.store.reading() as session:
        (rule,) = list_rules(session, desk.scope(), on(4))
    assert "days of Europe/Berlin" in rule.limits
    assert rule.who == Eligibility()


def test_another_role_later_neither_gives_nor_takes(desk):
    desk.rule(who=Eligibility(admins=False))
    desk.rule(posting=1, who=Eligibility(admins=False), amount_minor=5)
    employees, admins = desk.refer(by="mo"), desk.refer(by="abe")
    assert (len(desk.rewards(employees)), desk.rewards(admins)) == (1, [])
    change(desk, "mo", role="admin")
    change(desk, "abe", role="hiring_manager")
    for referral in (employees, admins):
        desk.apply(referral, 2)
    assert [one.state for one in desk.rewards(employees)] == ["pending"]
    assert desk.rewards(admins) == []
    # It turns out to be for another posting, and back: the promise is that posting's, and who refers is who they were.
    for posting, amounts in ((1, [5]), (0, [100_000])):
        desk.change(employees, posting_id=desk.postings[posting].id)
        assert [one.amount_minor for one in desk.rewards(employees)] == amounts


def test_who_has_left_keeps_what_was_promised_and_an_admin_is_asked(store):
    desk = Desk(store)
    desk.rule(days_after=0)
    _, _, gone = hired(desk, by="mia")
    _, _, here = hired(desk, by="mo")
    _, _, settled = hired(desk, by="mia")
    desk.decide(approve_rewards, settled, day=10)
    desk.decide(pay_rewards, settled, day=10, payout_ref="x")
    change(desk, "mia", is_active=False)
    left = "Whoever referred has left since: they cannot sign in any more."
    assert flags(desk, "due") == {gone.id: left, here.id: ""}
    assert flags(desk, "paid") == {settled.id: ""}, "who was paid may leave"
    assert sorted(desk.decide(approve_rewards, gone, here, day=10).done) == sorted([gone.id, here.id])
    ref, decided = payout(desk)
    assert (bool(ref), decided) == (True, Decided([here.id], {gone.id: left}))
    assert payout(desk) == ("", Decided([], {gone.id: left})), "nothing but what should be looked at"
    _, decided = payout(desk, gone, here)
    assert decided.done == [gone.id], "an admin has looked"
    assert "It is in payout" in decided.refused[here.id]


def test_a_hire_that_was_taken_back_after_approval_is_left_out_of_a_payout_of_all(desk):
    desk.rule(days_after=0)
    referral, application, reward = hired(desk)
    desk.decide(approve_rewards, reward, day=6)
    desk.change(application, referral=referral, hired_at=None, stage="interviewed")
    assert payout(desk) == ("", Decided([], {reward.id: "The person is no longer known as hired."}))
    assert desk.rewards()[0].payout_ref == ""


def test_what_somebody_has_earned_is_summed_by_currency_and_nobody_else_s_is_in_it(store):
    desk = Desk(store)
    desk.rule(days_after=0)
    desk.rule(days_after=90, amount_minor=700, currency="USD")
    desk.refer()
    desk.apply(desk.refer(), 2)
    hired(desk)
    paid, refused = hired(desk)[2], hired(desk)[2]
    hired(desk, by="mia")
    desk.decide(approve_rewards, paid, day=10)
    desk.decide(pay_rewards, paid, day=10, payout_ref="x")
    desk.decide(refuse_rewards, refused, day=10, reason="no")
    with desk.store.reading() as session:
        found = sum_earned(session, desk.scope(), desk.people["mo"].id, at(10))
        later = sum_earned(session, desk.scope(), desk.people["mo"].id, at(95))
        nobody = sum_earned(session, desk.scope(), desk.people["abe"].id, at(10))
    assert found == [
        EarnedSum("EUR", earned=200_000, paid=100_000, pending=100_000, possible=100_000),
        EarnedSum("USD", earned=0, paid=0, pending=4 * 700, possible=700),
    ]
    assert later[1] == EarnedSum("USD", earned=3 * 700, paid=0, pending=700, possible=700)
    assert nobody == []


def test_nothing_is_possible_from_the_moment_a_referral_expires_settled_or_not(store):
    desk = Desk(store)
    desk.rule()
    late = desk.refer(expires_at=at(9))
    desk.apply(desk.refer(expires_at=at(9)), 2)
    desk.refer(expires_at=at(50))
    mo = desk.people["mo"].id

    def told(day):
        with store.reading() as session:
            own = sum_earned(session, desk.scope(), mo, at(day))
            owed = list_liabilities(session, desk.scope(), at(day))
        return {
            (one.possible, promised)
            for one, promised in zip(own + owed, (own[0].pending, owed[0].promised), strict=True)
        }

    assert told(8.99) == {(200_000, 100_000)}
    before = told(9)
    assert before == {(100_000, 100_000)}
    desk.settle(late, 9)
    assert told(9) == before
