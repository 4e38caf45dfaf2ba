"""Rewards: promises that stay, states that follow from what happened, and decisions that no event changes."""

import itertools
import threading

import pytest
from sqlalchemy import text

from domain.rewards import Eligibility
from jobs.rewards import list_rewarding, settle_due, settle_new_rules
from jobs.ticks import settle_rewards_daily
from store.reports.payouts import Liability, list_liabilities, list_payout_lines, list_payouts
from store.reports.rewards import WantedRewards, key_of, list_earned, list_rewards
from store.tables import Application, ApplicationTouch
from store.writes.referrals_settled import settle_applications
from store.writes.reward_decisions import (
    Decided,
    approve_rewards,
    pay_rewards,
    put_into_payout,
    refuse_rewards,
    reopen_rewards,
    unpay_rewards,
)
from store.writes.rewards import settle_rewards
from tests.store.reward_scenes import Desk, at, on, opener


@pytest.fixture
def desk(store):
    return Desk(store)


def hired(desk, day=1.0, *, hired_on=5.0, **more):
    """(Referral, its one reward) of somebody who was hired."""
    referral = desk.refer(day, **more)
    desk.apply(referral, day + 1, hired=hired_on, stage="hired", now=hired_on)
    return referral, desk.rewards(referral)[0]


def test_a_reward_is_possible_then_awaited_then_due(desk):
    desk.rule()
    referral = desk.refer()
    assert desk.stand() == [("possible", None)]
    application = desk.apply(referral)
    assert desk.stand() == [("pending", None)]
    desk.change(application, referral=referral, hired_at=10, stage="hired")
    assert desk.stand() == [("pending", on(100))]
    held = desk.read(referral)
    assert (held.reward_status, held.reward_minor, held.reward_currency) == ("pending", 100_000, "EUR")
    assert held.reached == "hired"


def test_the_day_it_is_due_is_that_of_the_company_s_zone(store):
    desk = Desk(store, "Pacific/Auckland")
    desk.rule(days_after=0)
    referral = desk.refer()
    desk.apply(referral, 2, hired=3, stage="hired")
    assert desk.stand() == [("pending", on(4))]


@pytest.mark.parametrize(
    ("ended", "state"), [(10.5, "lapsed"), (99, "lapsed"), (101, "pending")], ids=["at once", "before", "after"]
)
def test_who_leaves_before_it_is_due_earns_nothing_and_afterwards_it_stays(desk, ended, state):
    desk.rule()
    referral = desk.refer()
    application = desk.apply(referral, hired=10, stage="hired")
    desk.change(application, referral=referral, withdrawn_at=ended)
    assert [one[0] for one in desk.stand()] == [state]


def test_a_hire_that_is_undone_takes_the_day_back(desk):
    desk.rule()
    referral = desk.refer()
    application = desk.apply(referral, hired=10, stage="hired")
    desk.change(application, referral=referral, hired_at=None, stage="interviewed")
    assert desk.stand() == [("pending", None)]
    desk.change(application, referral=referral, rejected_at=12, stage="rejected")
    assert desk.stand() == [("lapsed", None)]
    assert desk.read(referral).reward_status == "none"
    desk.change(application, referral=referral, hired_at=20, stage="hired")
    assert desk.stand() == [("pending", on(110))]


def test_every_order_of_events_ends_alike(desk):
    desk.rule()
    desk.rule(milestone="interviewed", days_after=0, amount_minor=5_000)
    desk.rule(milestone="applied", days_after=30, amount_minor=1_000)
    events = {
        "interviewed_at": 4,
        "hired_at": 9,
        "rejected_at": 40,
        "offered_at": 6,
        "reviewed_at": 3,
    }
    ends = set()
    for number, order in enumerate(itertools.permutations(events)):
        if number % 6:  # every sixth of them begins and ends with each event
            continue
        referral = desk.refer()
        application = desk.apply(referral)
        for name in order:
            desk.change(application, referral=referral, **{name: events[name]})
        held = desk.read(referral)
        ends.add((tuple(desk.stand(referral)), held.reward_status, held.reward_minor, held.reached))
    assert ends == {((("pending", on(4)), ("pending", on(32)), ("lapsed", None)), "pending", 6_000, "hired")}


def test_a_promise_stays_when_its_rule_ends_and_another_amount_holds_for_who_comes_later(desk):
    first = desk.rule()
    before = desk.refer(1)
    desk.end(first, 2)
    between = desk.refer(2.5)
    desk.rule(day=3, amount_minor=7_000)
    after = desk.refer(4)
    for referral in (before, between, after):
        desk.apply(referral, 5)
    assert [one.amount_minor for one in desk.rewards(before)] == [100_000]
    assert desk.rewards(between) == []
    assert [one.amount_minor for one in desk.rewards(after)] == [7_000]


def test_a_posting_s_rules_take_the_place_of_the_company_s(desk):
    desk.rule()
    desk.rule(posting=1, amount_minor=200_000)
    assert [one.amount_minor for one in desk.rewards(desk.refer(posting=0))] == [100_000]
    assert [one.amount_minor for one in desk.rewards(desk.refer(posting=1))] == [200_000]


def test_a_referral_that_turns_out_to_be_for_another_posting_has_that_posting_s_promise(desk):
    desk.rule()
    desk.rule(posting=1, amount_minor=200_000)
    referral = desk.refer(posting=None)
    desk.change(referral, posting_id=desk.postings[1].id)
    assert [one.amount_minor for one in desk.rewards(referral)] == [200_000]


def test_a_rule_holds_from_its_first_to_its_last_day(desk):
    desk.rule(starts_on=on(2), ends_on=on(3))
    found = [len(desk.rewards(desk.refer(day))) for day in (1, 2, 3, 4)]
    assert found == [0, 1, 1, 0]


def test_a_rule_for_days_past_promises_to_who_had_been_promised_nothing(desk):
    promised_late = desk.refer(1)
    desk.rule(day=2, posting=0)
    kept = desk.refer(3)
    rule = desk.rule(day=4, starts_on=on(0), amount_minor=500)
    assert settle_new_rules(desk.store, at(4)) == 2
    assert settle_new_rules(desk.store, at(4)) == 0
    assert [one.rule_id for one in desk.rewards(promised_late)] == [rule.id]
    assert [one.amount_minor for one in desk.rewards(kept)] == [100_000]


def test_who_may_not_earn_is_promised_nothing(desk):
    desk.rule(who=Eligibility(admins=False, ways="named"))
    with desk.store.writing() as session:
        session.get_one(type(desk.postings[1]), desk.postings[1].id).hiring_manager = "  MIA "
    assert len(desk.rewards(desk.refer(by="mia", posting=0))) == 1
    assert desk.rewards(desk.refer(by="mia", posting=1)) == []
    assert desk.rewards(desk.refer(by="ada", posting=0)) == []
    assert desk.rewards(desk.refer(by=None)) == []


def test_another_company_s_referral_is_left_alone(desk, store):
    other = Desk(store)
    desk.rule()
    referral = desk.refer()
    with store.writing() as session:
        settle_rewards(session, other.company.id, [referral.id], now=at(3))
    assert len(desk.rewards(referral)) == 1
    assert other.rewards() == []
    decided = other.decide(approve_rewards, *desk.rewards())
    assert set(decided.refused.values()) == {"There is no such reward."}


def test_a_reward_is_approved_once_it_is_due_and_never_by_who_earns_it(desk):
    desk.rule()
    _, reward = hired(desk, by="ada")
    early = desk.decide(approve_rewards, reward, by="abe", day=90)
    assert early.refused == {reward.id: f"It is due on {on(95).isoformat()}."}
    own = desk.decide(approve_rewards, reward, by="ada", day=95)
    assert own.refused == {reward.id: "Nobody approves their own reward: ask another admin."}
    assert desk.decide(approve_rewards, reward, by="abe", day=95).done == [reward.id]
    again = desk.decide(approve_rewards, reward, by="abe", day=95)
    assert again.refused == {reward.id: "It is approved already."}
    kept = desk.rewards()[0]
    assert (kept.state, kept.approved_by, kept.approved_at) == ("approved", desk.people["abe"].id, at(95))


def test_a_person_is_given_no_more_a_year_than_the_rule_says(desk):
    desk.rule(days_after=0, who=Eligibility(most_a_year=2))
    rewards = [hired(desk, hired_on=5 + number)[1] for number in range(3)]
    late = hired(desk, day=300, hired_on=330)[1]
    other = hired(desk, by="mia")[1]
    decided = desk.decide(approve_rewards, *rewards, late, other, day=400)
    assert set(decided.done) == {rewards[0].id, rewards[1].id, late.id, other.id}
    assert "had 2 by this rule for 2026" in decided.refused[rewards[2].id]


def test_what_is_approved_or_paid_stays_and_the_desk_says_what_no_longer_fits(desk):
    desk.rule(days_after=0)
    referral, reward = hired(desk)
    desk.decide(approve_rewards, reward)
    with desk.store.writing() as session:
        session.execute(text("UPDATE applications SET hired_at = NULL, stage = 'rejected'"))
    desk.settle(referral, 210)
    assert desk.stand() == [("approved", on(5))]
    with desk.store.reading() as session:
        rows = list_rewards(session, desk.scope(), WantedRewards("approved", on(210)), opener)
    assert [row.conflict for row in rows] == ["The person is no longer known as hired."]
    desk.decide(pay_rewards, reward, payout_ref="June")
    desk.settle(referral, 211)
    assert desk.read(referral).reward_status == "paid"


def test_a_refusal_has_its_reason_and_can_be_taken_back(desk):
    desk.rule(days_after=0)
    referral, reward = hired(desk)
    assert desk.decide(refuse_rewards, reward, reason="Twice").done == [reward.id]
    assert desk.read(referral).reward_status == "none"
    with desk.store.reading() as session:
        line = list_earned(session, desk.company.id, [referral.id])[referral.id][0]
    assert (line.state, line.note, line.condition) == ("refused", "Twice", "when the person is hired")
    assert desk.decide(approve_rewards, reward).refused == {reward.id: "It was turned down."}
    desk.decide(reopen_rewards, reward)
    assert desk.stand() == [("pending", on(5))]
    kept = desk.rewards()[0]
    assert (kept.note, kept.refused_at, kept.refused_by) == ("", None, None)


def test_two_payouts_hold_nobody_twice_and_paying_twice_pays_once(desk):
    desk.rule(days_after=0)
    first, second = hired(desk)[1], hired(desk, hired_on=6)[1]
    desk.decide(approve_rewards, first)
    ref, held = desk.decide(lambda session, by, _: put_into_payout(session, by))
    assert (held.done, ref[:9]) == ([first.id], "P20260917")
    desk.decide(approve_rewards, second)
    later, _ = desk.decide(lambda session, by, _: put_into_payout(session, by))
    nothing = desk.decide(lambda session, by, _: put_into_payout(session, by))
    assert nothing == ("", Decided())
    with desk.store.reading() as session:
        lines = {one: list_payout_lines(session, desk.company.id, one) for one in (ref, later)}
    assert {one: [line.reward_id for line in held] for one, held in lines.items()} == {
        ref: [first.id],
        later: [second.id],
    }
    assert desk.decide(pay_rewards, first, payout_ref="ignored").done == [first.id]
    assert desk.decide(pay_rewards, first, payout_ref="again").refused == {first.id: "It is paid already."}
    paid = next(one for one in desk.rewards() if one.id == first.id)
    assert (paid.state, paid.payout_ref, paid.paid_by) == ("paid", ref, desk.people["ada"].id)
    with desk.store.reading() as session:
        payouts = {one.ref: (one.rewards, one.paid) for one in list_payouts(session, desk.scope(), at(200))}
    assert payouts == {ref: (1, 1), later: (1, 0)}


def test_what_is_in_a_payout_is_turned_down_but_not_reopened(desk):
    desk.rule(days_after=0)
    reward = hired(desk)[1]
    desk.decide(approve_rewards, reward)
    ref, _ = desk.decide(lambda session, by, _: put_into_payout(session, by))
    assert ref in desk.decide(reopen_rewards, reward).refused[reward.id]
    desk.decide(refuse_rewards, reward, reason="Left again")
    with desk.store.reading() as session:
        assert list_payout_lines(session, desk.company.id, ref) == []
    assert desk.decide(reopen_rewards, reward).done == [reward.id]


def test_nothing_is_paid_without_a_reference_or_an_approval(desk):
    desk.rule(days_after=0)
    reward = hired(desk)[1]
    assert desk.decide(pay_rewards, reward, payout_ref="x").refused == {reward.id: "It is not approved yet."}
    desk.decide(approve_rewards, reward)
    assert "payout reference" in desk.decide(pay_rewards, reward).refused[reward.id]


def test_a_payment_that_came_back_is_approved_again(desk):
    desk.rule(days_after=0)
    reward = hired(desk)[1]
    desk.decide(approve_rewards, reward)
    desk.decide(pay_rewards, reward, payout_ref="June")
    assert desk.decide(unpay_rewards, reward).done == [reward.id]
    kept = desk.rewards()[0]
    assert (kept.state, kept.paid_at, kept.payout_ref) == ("approved", None, "")


def test_what_is_owed_is_told_by_currency_and_never_added_up(desk):
    desk.rule(days_after=0)
    desk.rule(days_after=10, amount_minor=300, currency="USD")
    desk.refer()
    desk.apply(desk.refer())
    referral, _ = hired(desk)
    approved, paid = hired(desk)[1], hired(desk)[1]
    desk.decide(approve_rewards, approved, paid, day=6)
    desk.decide(pay_rewards, paid, payout_ref="x", day=6)
    with desk.store.reading() as session:
        found = list_liabilities(session, desk.scope(), at(7))
        next_year = list_liabilities(session, desk.scope(), at(400))
    assert found == [
        Liability("EUR", possible=100_000, promised=100_000, due=100_000, approved=100_000, paid=100_000),
        Liability("USD", possible=300, promised=4 * 300, due=0, approved=0, paid=0),
    ]
    assert [one.paid for one in next_year] == [0, 0]
    held = desk.read(referral)
    assert (held.reward_status, held.reward_minor, held.reward_currency) == ("pending", 0, "")


def test_lists_come_page_by_page_and_leave_none_out(desk):
    desk.rule(days_after=0)
    for number in range(5):
        hired(desk, hired_on=5 + number % 2)
    for _ in range(3):
        desk.apply(desk.refer())
    for which, expected in (("due", 5), ("promised", 3)):
        found, after = [], None
        while True:
            with desk.store.reading() as session:
                wanted = WantedRewards(which, on(50))
                page = list_rewards(session, desk.scope(), wanted, opener, after=after, limit=2)
            found += page
            if len(page) < 2:
                break
            after = key_of(page[-1], which)
        assert len({row.id for row in found}) == len(found) == expected
        assert [row.due_on for row in found] == sorted((row.due_on for row in found), key=str)


def test_a_referral_that_expires_is_possible_no_more_and_a_late_report_brings_it_back(desk):
    desk.rule()
    referral = desk.refer(expires_at=at(30))
    with desk.store.reading() as session:
        assert (desk.company.id, "Europe/Berlin") in list_rewarding(session)
    assert settle_due(desk.store, desk.company.id, "Europe/Berlin", at(31)) == 1
    assert desk.stand() == [("lapsed", None)]
    desk.apply(referral, 20, now=40)
    assert desk.stand() == [("pending", None)]


def test_two_admins_at_once_approve_a_reward_once(desk):
    desk.rule(days_after=0)
    reward = hired(desk)[1]
    both = threading.Barrier(2, timeout=60)
    found = []

    def approve(by):
        both.wait()
        found.append(desk.decide(approve_rewards, reward, by=by))

    threads = [threading.Thread(target=approve, args=(name,)) for name in ("ada", "abe")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(len(one.done) for one in found) == [0, 1]


def test_the_clock_looks_at_the_day_s_rewards_once_a_day_of_the_company(desk):
    desk.rule()
    referral = desk.refer(expires_at=at(1.2))
    assert settle_rewards_daily(desk.store, at(1.1), "w1") == 1
    assert settle_rewards_daily(desk.store, at(1.3), "w2") == 0
    assert desk.stand(referral) == [("possible", None)]
    assert settle_rewards_daily(desk.store, at(2), "w2") == 1
    assert desk.stand(referral) == [("lapsed", None)]


def test_whatever_is_told_of_an_application_reaches_its_reward(desk):
    """Who leaves after being hired stays hired: the referral does not change, and the reward does."""
    desk.rule()
    referral = desk.refer()
    application = Application(company_id=desk.company.id, posting_id=referral.posting_id, applied_at=at(2))
    touch = ApplicationTouch(
        company_id=desk.company.id, application_id=application.id, kind="referral", ref="c", referral_id=referral.id
    )
    found = []
    for stage, day in (("applied", 2), ("hired", 10), ("withdrawn", 30)):
        with desk.store.writing() as session:
            row = session.merge(application)
            setattr(row, f"{stage}_at", at(day))
            session.flush()
            session.merge(touch)
            session.flush()
            settle_applications(session, desk.store.vault, desk.company.id, ([row.id], []), now=at(day))
        application = row
        found.append((desk.read(referral).status, *desk.stand(referral)))
    assert found == [
        ("applied", ("pending", None)),
        ("hired", ("pending", on(100))),
        ("hired", ("lapsed", None)),
    ]
