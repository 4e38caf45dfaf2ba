"""What referrals bring: the same numbers as counting by hand, and answers that never read a table from end to end."""

import random
import statistics
from collections import Counter
from datetime import timedelta

import pytest
from sqlalchemy import text

from domain.filters import Filters
from domain.periods import Period
from store.engine import is_sqlite
from store.reports.payouts import list_liabilities, list_payout_lines, list_payouts
from store.reports.postings import list_postings
from store.reports.referrals import Counts, Narrowed, get_leaderboard, get_statistics
from store.reports.rewards import LISTS, WantedRewards, list_rewards, sum_earned
from store.reports.scope import find_company
from store.tables import Application
from tests.store.plans import best_time, plans_of, watching, whole_reads
from tests.store.referral_bulk import NOW, SPAN, seed_referrals
from tests.store.reward_scenes import Desk, at, on, opener

TODAY = NOW.date()
ALL = Period((NOW - SPAN).date() - timedelta(days=2), TODAY + timedelta(days=1))
FATES = ("", "applied", "interviewed", "hired")


@pytest.fixture
def desk(store):
    return Desk(store)


def fill(desk, number=60):
    """Referrals of several people and postings, some over the edges of the period; rows as (referral, fate)."""
    chance = random.Random(3)
    rows = []
    for _ in range(number):
        fate = chance.choice(FATES)
        sent = chance.choice([0.45, 0.47, 5.0, 9.45, 9.47])
        waited = chance.choice([0.0, 0.5, 3.0, 40.0])
        referral = desk.refer(
            sent,
            by=chance.choice(["mo", "mia", "ada"]),
            posting=chance.choice([None, 0, 1]),
            is_settled=False,
            reached=fate,
            converted_at=at(sent + waited) if fate else None,
        )
        rows.append((referral, fate))
    return rows


def by_hand(rows):
    """Counts of (referral, fate) pairs."""
    reached = Counter(fate for _, fate in rows)
    hired = reached["hired"]
    interviewed = hired + reached["interviewed"]
    return Counts(len(rows), interviewed + reached["applied"], interviewed, hired)


def test_the_numbers_are_those_that_counting_by_hand_gives(desk):
    rows = fill(desk)
    period = Period(on(1), on(10))
    # The company's days begin an hour before those of UTC.
    inside = [(row, fate) for row, fate in rows if row.sent_at in (at(0.47), at(5.0), at(9.45))]
    assert 5 < len(inside) < len(rows)
    with desk.store.reading() as session:
        found = get_statistics(session, desk.scope(), period)
        yard = get_statistics(session, desk.scope(), period, Narrowed(department="Yard"))
        clerk = get_statistics(session, desk.scope(), period, Narrowed(posting_id=desk.postings[1].id))
    assert found.counts == by_hand(inside)
    titles = {desk.postings[0].id: "Welder", desk.postings[1].id: "Clerk", None: ""}
    for group in found.postings:
        assert group.counts == by_hand([one for one in inside if titles[one[0].posting_id] == group.label])
    assert yard.counts == by_hand([one for one in inside if one[0].posting_id == desk.postings[0].id])
    assert clerk.counts == by_hand([one for one in inside if one[0].posting_id == desk.postings[1].id])
    assert {one.label for one in found.departments} == {"Yard", "Office", ""}
    waited = [(row.converted_at - row.sent_at).total_seconds() / 86_400 for row, _ in inside if row.converted_at]
    assert found.time_to_apply.measured == len(waited)
    assert found.time_to_apply.mean_days == pytest.approx(statistics.mean(waited))
    assert found.time_to_apply.median_days == pytest.approx(statistics.median(waited), abs=1e-6)


def test_of_merged_referrals_the_kept_one_counts_and_who_came_by_a_link_waited_for_nothing(desk):
    kept = desk.refer(1, reached="applied", converted_at=at(3), is_settled=False)
    desk.refer(2, merged_into=kept.id, reached="applied", converted_at=at(3), is_settled=False)
    with desk.store.reading() as session:
        found = get_statistics(session, desk.scope(), Period(on(0), on(9)))
        board = get_leaderboard(session, desk.scope(), Period(on(0), on(9)), None)
    assert (found.counts.sent, found.time_to_apply.measured) == (1, 1)
    assert [place.counts.sent for place in board.places] == [1]


def test_a_date_without_a_time_counts_as_no_wait_and_not_as_less(desk):
    desk.refer(1, reached="applied", converted_at=at(0.6), is_settled=False)
    with desk.store.reading() as session:
        found = get_statistics(session, desk.scope(), Period(on(0), on(9)))
    assert found.time_to_apply.mean_days == 0


def test_nobody_referred_makes_no_rates(desk):
    with desk.store.reading() as session:
        found = get_statistics(session, desk.scope(), Period(on(0), on(9)))
    assert found.counts == Counts()
    assert (found.counts.conversion.ratio, found.time_to_apply.mean_days) == (None, None)


def test_places_go_by_hires_then_applications_and_equals_share_one(desk):
    for who, fates in {"mo": ["hired"], "mia": ["hired"], "ada": ["applied"] * 3, "abe": [""]}.items():
        for fate in fates:
            desk.refer(1, by=who, reached=fate, is_settled=False)
    with desk.store.reading() as session:
        board = get_leaderboard(session, desk.scope(), Period(on(0), on(9)), desk.people["abe"].id)
    assert [(place.rank, place.name) for place in board.places] == [(1, "Mia"), (1, "Mo"), (3, "Ada"), (4, "Abe")]
    assert board.own is not None
    assert board.own.rank == 4


def test_the_places_of_a_department_or_posting_count_its_referrals_only(desk):
    for who, posting, number in (("mo", 0, 1), ("mia", 1, 2), ("mia", 0, 2), ("ada", None, 1)):
        for _ in range(number):
            desk.refer(1, by=who, posting=posting, is_settled=False)
    period = Period(on(0), on(9))
    with desk.store.reading() as session:
        boards = [
            get_leaderboard(session, desk.scope(), period, None, narrowed=narrowed)
            for narrowed in (Narrowed("Office"), Narrowed("Yard"), Narrowed(posting_id=desk.postings[1].id))
        ]
    told = [[(place.name, place.counts.sent) for place in board.places] for board in boards]
    assert told == [[("Mia", 2)], [("Mia", 2), ("Mo", 1)], [("Mia", 2)]]


def test_who_left_the_board_sees_only_their_own_place_and_nobody_else_sees_it(desk):
    for who in ("mo", "mia"):
        desk.refer(1, by=who, reached="hired" if who == "mo" else "", is_settled=False)
    desk.change(desk.people["mo"], referral=desk.refer(2, by="ada", is_settled=False), is_on_board=False)
    period = Period(on(0), on(9))
    with desk.store.reading() as session:
        mine = get_leaderboard(session, desk.scope(), period, desk.people["mo"].id)
        theirs = get_leaderboard(session, desk.scope(), period, desk.people["mia"].id)
        counted = get_statistics(session, desk.scope(), period)
    assert [place.name for place in mine.places] == ["Ada", "Mia"]
    assert mine.own is not None
    assert (mine.own.rank, mine.own.is_hidden) == (1, True)
    assert [(place.rank, place.name) for place in theirs.places] == [(1, "Ada"), (1, "Mia")]
    assert counted.counts.sent == 3


def test_another_company_s_referrals_count_for_nothing(desk, store):
    other = Desk(store)
    fill(other, 5)
    with store.reading() as session:
        assert get_statistics(session, desk.scope(), Period(on(0), on(30))).counts == Counts()
        assert get_leaderboard(session, desk.scope(), Period(on(0), on(30)), None).places == ()


def questions(company, user_id):
    """Every list and statistic of this part, by name."""
    asked = {
        "statistics": lambda s: get_statistics(s, company, ALL),
        "department": lambda s: get_statistics(s, company, ALL, Narrowed(department="Sales")),
        "leaderboard": lambda s: get_leaderboard(s, company, ALL, user_id),
        "its leaderboard": lambda s: get_leaderboard(s, company, ALL, user_id, narrowed=Narrowed(department="Sales")),
        "liabilities": lambda s: list_liabilities(s, company, NOW),
        "payouts": lambda s: list_payouts(s, company, NOW),
        "payout": lambda s: list_payout_lines(s, company.id, "P20260501-AAAAAA"),
        "own sums": lambda s: sum_earned(s, company, user_id, NOW),
        "postings": lambda s: list_postings(s, company, ALL, Filters()),
    }
    for which in LISTS:
        asked[f"rewards {which}"] = lambda s, which=which: list_rewards(
            s, company, WantedRewards(which, TODAY), opener, limit=200
        )
    return asked


def seed(store, company, *, referrals, applications):
    """The bulk company, with a reward for every referral as a rule of the first day would have made them."""
    made = seed_referrals(store, company, referrals=referrals, applications=min(applications, referrals))
    _multiply(store, applications // referrals)
    with store.writing() as session:
        rule = session.execute(text("SELECT rule_id FROM referral_rewards LIMIT 1")).scalar_one()
        state = "CASE reached WHEN '' THEN 'possible' WHEN 'hired' THEN 'lapsed' ELSE 'pending' END"
        fresh = "lower(hex(randomblob(16)))" if is_sqlite(session) else "gen_random_uuid()"
        copied = "company_id, 'hired', 90, 100000, 'EUR', '', '', sent_at, sent_at"
        session.execute(
            text(
                "INSERT INTO referral_rewards (id, referral_id, rule_id, state, company_id, milestone, days_after, "
                f"amount_minor, currency, payout_ref, note, created_at, updated_at) SELECT {fresh}, id, '{rule}', "
                f"{state}, {copied} FROM referrals WHERE id NOT IN (SELECT referral_id FROM referral_rewards)"
            )
        )
        session.execute(
            text(
                "UPDATE referral_rewards SET payout_ref = 'P20260501-AAAAAA' WHERE id IN "
                "(SELECT id FROM referral_rewards WHERE state = 'approved' LIMIT 500)"
            )
        )
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if is_sqlite(store.engine) else "VACUUM ANALYZE"))
    with store.reading() as session:
        return find_company(session, company.id), made.users[0]


def _multiply(store, times):
    """Every application so many times, copied by the database itself: a million inserted one by one take long."""
    if times < 2:
        return
    names = [column.name for column in Application.__table__.columns]
    with store.writing() as session:
        fresh = "lower(hex(randomblob(16)))" if is_sqlite(session) else "gen_random_uuid()"
        told = {"id": fresh, "external_ref": "external_ref || '-' || n.n", "email_index": "email_index || n.n"}
        copies = ", ".join(told.get(name, name) for name in names)
        numbers = " UNION ALL ".join(f"SELECT {number} AS n" for number in range(1, times))
        session.execute(
            text(f"INSERT INTO applications ({', '.join(names)}) SELECT {copies} FROM applications, ({numbers}) AS n")
        )


def test_no_statistic_and_no_list_reads_a_table_from_end_to_end(store, company):
    scope, user_id = seed(store, company, referrals=400, applications=500)
    tables = ("referrals", "referral_rewards", "applications")
    for name, report in questions(scope, user_id).items():
        plans = plans_of(store, report)
        assert plans, name
        for plan in plans:
            assert whole_reads(plan, *tables) == [], f"{name}: {plan}"
    counted = "\n".join(plans_of(store, questions(scope, user_id)["statistics"]))
    assert "ix_referrals_counted" in counted


def test_no_statement_joins_more_tables_than_postgresql_puts_in_order(sqlite_store, sqlite_company):
    scope, user_id = seed(sqlite_store, sqlite_company, referrals=40, applications=50)
    with sqlite_store.reading() as session:
        for name, report in questions(scope, user_id).items():
            with watching(session) as seen:
                report(session)
            # join_collapse_limit: eight tables.
            assert max(statement.count(" JOIN ") for statement, _, _ in seen) <= 7, name


@pytest.mark.faults
@pytest.mark.timeout(3600)
def test_every_statistic_and_list_of_a_large_company_takes_under_300_ms(store, company, capsys):
    scope, user_id = seed(store, company, referrals=100_000, applications=1_000_000)
    took = {name: best_time(store, report) for name, report in questions(scope, user_id).items()}
    with capsys.disabled():
        told = ", ".join(f"{name} {1000 * seconds:.0f}" for name, seconds in took.items())
        print(f"\n{store.engine.dialect.name}, ms: {told}")  # noqa: T201 the figures are what is asked for
    assert {name: seconds for name, seconds in took.items() if seconds > 0.3} == {}
