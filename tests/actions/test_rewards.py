"""Deciding on rewards: who may, what is written down, and files that payroll can open without harm."""

import csv
import io
from decimal import Decimal

import openpyxl
import pytest
from sqlmodel import col, select

from actions import payroll, rewards
from actions.viewer import NotAllowed, NotFound, Viewer
from domain.money import Money
from store.reports.payouts import find_budget
from store.tables import AuditEntry, Company, JobPosting, RewardRule, User
from tests.store.reward_scenes import Desk, at, on

#: A name that would be a formula, if a spreadsheet took it for one.
EVIL = '=HYPERLINK("http://127.0.0.1:9","x")'


@pytest.fixture
def desk(sqlite_store):
    return Desk(sqlite_store)


def viewer(desk, name="ada"):
    user = desk.people[name]
    return Viewer(user.id, desk.company.id, user.role, user.name, user.email)


def earned(desk, number=1, **rule):
    """Rewards that are due, of people whom Mo referred."""
    desk.rule(days_after=0, **rule)
    found = []
    for _ in range(number):
        referral = desk.refer()
        desk.apply(referral, 2, hired=5, stage="hired")
        found.append(desk.rewards(referral)[0])
    return found


def audit(desk, action):
    """What was written down of an action."""
    with desk.store.reading() as session:
        query = select(AuditEntry).where(AuditEntry.company_id == desk.company.id, AuditEntry.action == action)
        return list(session.exec(query.order_by(col(AuditEntry.seq))))


TERMS = rewards.RuleTerms(Money(100_000, "EUR"), days_after=90)
REFUSED = {
    "reward_rule.make": lambda store, who, ids: rewards.make_rule(store, who, TERMS, now=at(9)),
    "reward_rule.end": lambda store, who, ids: rewards.end_rule(store, who, ids[0], now=at(9)),
    "reward.approve": lambda store, who, ids: rewards.approve(store, who, ids, now=at(9)),
    "reward.refuse": lambda store, who, ids: rewards.refuse(store, who, ids, "no", now=at(9)),
    "reward.reopen": lambda store, who, ids: rewards.reopen(store, who, ids, now=at(9)),
    "reward.pay": lambda store, who, ids: rewards.pay(store, who, ids, "x", now=at(9)),
    "reward.unpay": lambda store, who, ids: rewards.unpay(store, who, ids, now=at(9)),
    "payout.make": lambda store, who, ids: rewards.make_payout(store, who, now=at(9)),
    "payout.export": lambda store, who, ids: payroll.export_payout(store, who, "P", "csv", now=at(9)),
    "reward_budget.set": lambda store, who, ids: rewards.set_budget(store, who, None, now=at(9)),
}


@pytest.mark.parametrize("action", REFUSED)
def test_who_is_no_admin_decides_nothing_and_the_attempt_is_written_down(desk, action):
    ids = [one.id for one in earned(desk)]
    with pytest.raises(NotAllowed):
        REFUSED[action](desk.store, viewer(desk, "mo"), ids)
    assert [entry.outcome for entry in audit(desk, action)] == ["denied"]
    assert desk.stand() == [("pending", on(5))]


def test_a_decision_is_written_down_with_who_and_which(desk):
    ids = [one.id for one in earned(desk, 2)]
    decided = rewards.approve(desk.store, viewer(desk), ids, now=at(9))
    assert sorted(decided.done) == sorted(ids)
    entry = audit(desk, "reward.approve")[0]
    assert (entry.actor, entry.outcome) == (desk.people["ada"].email, "ok")
    assert entry.facts["rewards"] == sorted(str(one) for one in ids)


def test_a_refusal_needs_a_reason_and_a_decision_something_to_decide_on(desk):
    ids = [one.id for one in earned(desk)]
    with pytest.raises(ValueError, match="Give a reason"):
        rewards.refuse(desk.store, viewer(desk), ids, "  \n ", now=at(9))
    with pytest.raises(ValueError, match="at least one"):
        rewards.approve(desk.store, viewer(desk), [], now=at(9))


def test_a_rule_is_replaced_in_one_go_and_another_company_s_is_not_there(desk, sqlite_store):
    first = rewards.make_rule(desk.store, viewer(desk), TERMS, now=at(1))
    before = desk.refer(2)
    other = Desk(sqlite_store)
    with pytest.raises(NotFound):
        rewards.make_rule(desk.store, viewer(other), TERMS, instead_of=first, now=at(3))
    terms = rewards.RuleTerms(Money(1, "EUR"), posting_id=other.postings[0].id)
    with pytest.raises(NotFound):
        rewards.make_rule(desk.store, viewer(desk), terms, now=at(3))
    more = rewards.RuleTerms(Money(200_000, "EUR"))
    rewards.make_rule(desk.store, viewer(desk), more, instead_of=first, now=at(3))
    after = desk.refer(4)
    assert [one.amount_minor for one in desk.rewards(before) + desk.rewards(after)] == [100_000, 200_000]
    other.refer(4)
    assert other.rewards() == []


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"amount": Money(0, "EUR")}, "no amount"),
        ({"amount": Money(1, "euro")}, "three letters"),
        ({"milestone": "offered"}, "what the reward is for"),
        ({"days_after": 731}, "days can pass"),
        ({"starts_on": on(3), "ends_on": on(2)}, "before the first"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_in_words(desk, values, words):
    with pytest.raises(ValueError, match=words):
        rewards.make_rule(
            desk.store, viewer(desk), rewards.RuleTerms(**{"amount": Money(1, "EUR"), **values}), now=at(1)
        )


@pytest.mark.parametrize(
    ("amount", "currency"), [("1,5", "EUR"), ("-3", "EUR"), ("1.005", "EUR"), ("5", "€"), ("", "EUR")]
)
def test_an_amount_is_digits_with_a_point(amount, currency):
    with pytest.raises(ValueError):
        rewards.read_money(amount, currency)


def test_money_is_read_in_its_currency_s_own_units():
    assert rewards.read_money(" 1000.5 ", "eur") == Money(100_050, "EUR")
    assert rewards.read_money("1000", "JPY") == Money(1_000, "JPY")
    assert rewards.read_money("1.005", "KWD") == Money(1_005, "KWD")


def test_the_budget_is_kept_beside_other_settings_and_taken_away_again(desk):
    with desk.store.writing() as session:
        session.get_one(Company, desk.company.id).settings = {"kept": True}
    rewards.set_budget(desk.store, viewer(desk), Money(5_000_000, "EUR"), now=at(1))
    with desk.store.reading() as session:
        assert find_budget(session, desk.company.id) == Money(5_000_000, "EUR")
    rewards.set_budget(desk.store, viewer(desk), None, now=at(2))
    with desk.store.reading() as session:
        assert session.get_one(Company, desk.company.id).settings == {"kept": True}


def test_everybody_leaves_the_board_for_themselves(desk):
    rewards.set_on_board(desk.store, viewer(desk, "mo"), is_on_board=False, now=at(1))
    with desk.store.reading() as session:
        assert not session.get_one(User, desk.people["mo"].id).is_on_board
        assert session.get_one(User, desk.people["mia"].id).is_on_board


def test_the_payroll_file_holds_exact_amounts_and_no_formula(desk):
    with desk.store.writing() as session:
        session.get_one(User, desk.people["mo"].id).name = EVIL
        session.get_one(JobPosting, desk.postings[0].id).title = "+Welder\x07"
    desk.rule(days_after=0, amount_minor=7, currency="JPY")
    earned(desk, amount_minor=100_050)
    ids = [one.id for one in desk.rewards()]
    done = rewards.approve(desk.store, viewer(desk), ids, now=at(9)).done
    made = rewards.make_payout(desk.store, viewer(desk), now=at(9))
    ref = made.ref
    assert sorted(made.done) == sorted(done)
    text, name = payroll.export_payout(desk.store, viewer(desk), ref, "csv", now=at(9))
    assert name == f"quarry-rewards-{ref.lower()}.csv"
    rows = list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"), newline="")))
    assert {(row["Amount"], row["Currency"], row["Minor units"]) for row in rows} == {
        ("1000.50", "EUR", "100050"),
        ("7", "JPY", "7"),
    }
    assert {row["Person"] for row in rows} == {f"'{EVIL}"}
    assert {row["Posting"][:8] for row in rows} == {"'+Welder"}
    assert {row["Approved by"] for row in rows} == {desk.people["ada"].email}
    book, _ = payroll.export_payout(desk.store, viewer(desk), ref, "xlsx", now=at(9))
    sheet = openpyxl.load_workbook(io.BytesIO(book)).active
    header, *cells = [[cell.value for cell in row] for row in sheet.iter_rows()]
    assert header == list(payroll.COLUMNS)
    assert {Decimal(str(row[3])) for row in cells} == {Decimal("1000.5"), Decimal(7)}
    assert {row[1] for row in cells} == {f"'{EVIL}"}
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    assert [entry.facts["form"] for entry in audit(desk, "payout.export")] == ["csv", "xlsx"]


def test_a_payout_is_paid_as_a_whole_and_once(desk):
    ids = [one.id for one in earned(desk, 2)]
    rewards.approve(desk.store, viewer(desk), ids, now=at(9))
    ref = rewards.make_payout(desk.store, viewer(desk), now=at(9)).ref
    with pytest.raises(ValueError, match="No approved reward"):
        rewards.make_payout(desk.store, viewer(desk), now=at(9))
    assert len(rewards.pay_payout(desk.store, viewer(desk), ref, now=at(10)).done) == 2
    assert rewards.pay_payout(desk.store, viewer(desk), ref, now=at(11)).done == []
    with pytest.raises(NotFound):
        rewards.pay_payout(desk.store, viewer(desk), "P-other", now=at(11))
    assert {one.paid_at for one in desk.rewards()} == {at(10)}


def test_a_payout_of_more_than_can_be_decided_on_at_a_time_is_paid_as_a_whole(desk, monkeypatch):
    ids = [one.id for one in earned(desk, 3)]
    monkeypatch.setattr(rewards, "MOST_AT_ONCE", 2)
    for some in (ids[:2], ids[2:]):
        rewards.approve(desk.store, viewer(desk), some, now=at(9))
    ref = rewards.make_payout(desk.store, viewer(desk), now=at(9)).ref
    assert len(rewards.pay_payout(desk.store, viewer(desk), ref, now=at(10)).done) == 3


def test_what_is_typed_is_kept_as_one_line_without_what_no_database_takes_or_what_turns_text(desk):
    evil = " a\0\x1b\r\n\u202eb\ud800 "
    kept = "a b\N{REPLACEMENT CHARACTER}"
    first, second = (one.id for one in earned(desk, 2))
    rewards.make_rule(desk.store, viewer(desk), rewards.RuleTerms(Money(1, "EUR"), name=evil), now=at(9))
    rewards.refuse(desk.store, viewer(desk), [first], evil, now=at(9))
    rewards.approve(desk.store, viewer(desk), [second], now=at(9))
    rewards.pay(desk.store, viewer(desk), [second], evil, now=at(9))
    assert {one.id: one.note or one.payout_ref for one in desk.rewards()} == {first: kept, second: kept}
    with desk.store.reading() as session:
        assert kept in set(session.exec(select(RewardRule.name)))
    assert audit(desk, "reward.pay")[0].facts["payout"] == kept
    assert rewards.pay_payout(desk.store, viewer(desk), evil, now=at(9)).done == []
    assert kept.encode() in payroll.export_payout(desk.store, viewer(desk), evil, "csv", now=at(9))[0]
