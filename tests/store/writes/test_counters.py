"""Running totals in the database: snapshots, the facts they become, and the days they cover."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from connectors.contract import Counter, PostingSeen
from domain.facts import Origin, day_number
from store.opening import Store
from store.writes.counters import Closing, CounterWriter, Taken
from store.writes.facts import FactWriter, Place
from store.writes.postings import upsert_external_postings

NOW = datetime(2026, 3, 10, 20, tzinfo=UTC)
FIRST = date(2026, 3, 10)
BERLIN = ZoneInfo("Europe/Berlin")


class Reads:
    """A connection that is read day after day; each read is a sync job of its own."""

    def __init__(self, store: Store, place: Place) -> None:
        self.store, self.place, self.number = store, place, 0

    def __call__(
        self, day: int, *told: Counter, totals: tuple[str, ...] = ("clicks",), closes: bool = True
    ) -> tuple[Taken, Closing | None]:
        """Read on the day so many days after the first."""
        self.number += 1
        today, now = FIRST + timedelta(days=day), NOW + timedelta(days=day, minutes=self.number)
        facts = FactWriter(self.place, Origin.POLL, self.number, final_before=today)
        writer = CounterWriter(self.place, facts, today, BERLIN)
        with self.store.writing() as session:
            taken = writer.take(session, told, now=now)
            facts.write(session, taken.facts, now=now)
            return taken, writer.close(session, totals, now=now) if closes else None

    def facts(self) -> set[tuple[int, int, str, int, int]]:
        """(day, scope, posting, value, provisional), days counted from the first."""
        query = (
            "SELECT f.day - :first, f.scope, coalesce(p.external_ref, ''), f.value, f.provisional "
            "FROM platform_analytics_raw f LEFT JOIN external_postings p ON p.number = f.external_posting"
        )
        return {tuple(row) for row in self._rows(query)}

    def covered(self) -> set[tuple[int, int, int]]:
        """(day, scope, provisional) that stand as read."""
        query = "SELECT day - :first, scope, provisional FROM read_coverage WHERE state = 1"
        return {tuple(row) for row in self._rows(query)}

    def _rows(self, query: str) -> list[tuple[int, ...]]:
        with self.store.reading() as session:
            return [tuple(row) for row in session.execute(text(query), {"first": day_number(FIRST)})]


@pytest.fixture
def read(store: Store, place: Place) -> Reads:
    return Reads(store, place)


def clicks(value: int, posting: str = "a", *, is_exact: bool = True) -> Counter:
    return Counter("clicks", posting, value, is_exact)


def test_the_first_reading_is_undated_and_covers_nothing(read: Reads):
    taken, closing = read(0, clicks(500))
    assert taken.facts == []
    assert closing is not None
    assert closing.flags == set()
    assert (read.facts(), read.covered()) == (set(), set())


def test_growth_becomes_the_facts_of_the_postings_and_their_sum(read: Reads):
    read(0, clicks(500), clicks(10, "b"))
    read(1, clicks(530), clicks(12, "b"))
    assert read.facts() == {(1, 1, "", 32, 1), (1, 2, "a", 30, 1), (1, 2, "b", 2, 1)}
    assert read.covered() == {(1, 1, 1), (1, 2, 1)}


def test_a_day_without_growth_is_a_zero_and_not_a_gap(read: Reads):
    read(0, clicks(500))
    read(1, clicks(500))
    assert read.facts() == {(1, 1, "", 0, 1)}
    assert read.covered() == {(1, 1, 1), (1, 2, 1)}


def test_the_last_reading_of_a_day_wins_even_when_it_is_lower(read: Reads):
    read(0, clicks(500))
    read(1, clicks(540))
    read(1, clicks(500))
    assert read.facts() == {(1, 1, "", 0, 1), (1, 2, "a", 0, 1)}


def test_a_fall_is_a_zero_and_later_growth_is_measured_from_it(read: Reads):
    read(0, clicks(500))
    read(1, clicks(400))
    read(2, clicks(420))
    assert {(1, 1, "", 0, 0), (2, 1, "", 20, 1), (2, 2, "a", 20, 1)} == read.facts()


def test_a_day_is_final_once_a_later_one_was_read(read: Reads):
    read(0, clicks(500))
    read(1, clicks(530))
    read(2, clicks(531))
    assert read.covered() == {(1, 1, 0), (1, 2, 0), (2, 1, 1), (2, 2, 1)}
    assert {row for row in read.facts() if row[0] == 1} == {(1, 1, "", 30, 0), (1, 2, "a", 30, 0)}


def test_after_days_without_reading_the_growth_is_marked_and_the_days_between_stay_open(read: Reads):
    read(0, clicks(500))
    _, closing = read(4, clicks(530))
    assert closing is not None
    assert closing.flags == {"gap"}
    assert read.facts() == {(4, 1, "", 30, 1), (4, 2, "a", 30, 1)}
    assert {day for day, _, _ in read.covered()} == {4}


def test_nothing_is_covered_before_all_of_a_read_is_in(read: Reads):
    read(0, clicks(500))
    read(1, clicks(530), closes=False)
    assert read.facts() == {(1, 2, "a", 30, 1)}
    assert read.covered() == set()


def test_only_the_named_totals_are_summed(read: Reads):
    read(0, clicks(500))
    read(1, clicks(530), totals=())
    assert read.facts() == {(1, 2, "a", 30, 1)}
    assert read.covered() == {(1, 2, 1)}


def test_a_post_written_while_we_looked_counts_from_zero(read: Reads, store: Store, place: Place):
    read(0, clicks(500))
    with store.writing() as session:
        # 23:30 UTC is the next day in Berlin.
        at = datetime(2026, 3, 10, 23, 30, tzinfo=UTC)
        seen = [
            PostingSeen("new", "Hello", kind="post", posted_at=at),
            PostingSeen("old", posted_at=NOW.replace(day=1)),
        ]
        upsert_external_postings(session, place, seen, now=NOW)
    read(1, clicks(500), clicks(40, "new"), clicks(90, "old"))
    assert read.facts() == {(1, 1, "", 40, 1), (1, 2, "new", 40, 1)}


def test_a_bound_is_kept_but_never_dated(read: Reads):
    read(0, clicks(200, is_exact=False), clicks(7, "b"))
    _, closing = read(1, clicks(200, is_exact=False), clicks(9, "b"))
    assert closing is not None
    assert closing.flags == {"inexact"}
    assert read.facts() == {(1, 1, "", 2, 1), (1, 2, "b", 2, 1)}


def test_what_cannot_be_stored_is_counted_by_reason(read: Reads):
    told = (
        clicks(-1),
        clicks(10**15, "b"),
        Counter("conversions", "c", 1),
        clicks(1, ""),
        Counter("clicks", "d", 1.5),  # type: ignore[arg-type]
    )
    taken, _ = read(0, *told)
    reasons = ("negative", "out_of_range", "unknown_metric", "posting_missing", "not_a_whole_number")
    assert taken.rejections == dict.fromkeys(reasons, 1)


def test_links_and_campaign_of_a_post_are_kept_and_survive_silence(store: Store, place: Place):
    link = "https://jobs.example.com/1?utm_campaign=welder"
    told = PostingSeen("p", "Join", kind="post", links=(link,), campaign="welder", posted_at=NOW)
    with store.writing() as session:
        upsert_external_postings(session, place, [told], now=NOW)
    with store.writing() as session:
        again = upsert_external_postings(session, place, [PostingSeen("p", "Join", kind="post")], now=NOW)
        found = session.execute(text("SELECT kind, campaign, posted_at IS NULL FROM external_postings")).one()
        links = session.execute(text("SELECT links FROM external_postings")).scalar_one()
    assert again.unchanged == 1
    assert tuple(found) == ("post", "welder", 0)
    assert link in str(links)
