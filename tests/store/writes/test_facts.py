"""Facts in: replaced by key, refused with reasons, counted exactly, closed by slices, on both databases."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from connectors.contract import Closed
from domain.facts import MAX_VALUE, Breakdown, Fact, Origin, Scope, day_number
from store.engine import is_sqlite
from store.errors import DatabaseUnwritable
from store.opening import Store
from store.writes.facts import Counts, FactWriter, Place

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
DAY = date(2026, 3, 2)


def write(store: Store, writer: FactWriter, facts: list[Any], **more: Any) -> Counts:
    with store.writing() as session:
        return writer.write(session, facts, now=NOW, **more)


def close(store: Store, writer: FactWriter, *slices: Closed) -> Counts:
    with store.writing() as session:
        return writer.close(session, slices, now=NOW)


def stored(store: Store, columns: str = "metric, day, value") -> list[tuple[Any, ...]]:
    with store.reading() as session:
        rows = session.execute(text(f"SELECT {columns} FROM platform_analytics_raw ORDER BY {columns}"))
        return [tuple(row) for row in rows]


def dirty(store: Store) -> list[int]:
    """The days marked since the last look."""
    with store.writing() as session:
        days = list(session.execute(text("SELECT day FROM dirty_days ORDER BY day")).scalars())
        session.execute(text("DELETE FROM dirty_days"))
    return days


def of(counts: Counts) -> tuple[int, int, int, int]:
    return counts.inserted, counts.updated, counts.unchanged, counts.rejected


def test_a_fact_told_again_replaces_the_earlier_one(store: Store, writer: FactWriter) -> None:
    assert of(write(store, writer, [Fact("clicks", DAY, 5), Fact("views", DAY, 9)])) == (2, 0, 0, 0)
    assert of(write(store, writer, [Fact("clicks", DAY, 7), Fact("views", DAY, 9)])) == (0, 1, 1, 0)
    assert stored(store) == [(2, day_number(DAY), 9), (3, day_number(DAY), 7)]


def test_only_days_that_changed_become_dirty(store: Store, writer: FactWriter) -> None:
    days = [DAY + timedelta(days=n) for n in range(3)]
    write(store, writer, [Fact("clicks", day, 5) for day in days])
    assert dirty(store) == [day_number(day) for day in days]
    counts = write(store, writer, [Fact("clicks", day, 5 + (day == days[1])) for day in days])
    assert (dirty(store), counts.dirty_days) == ([day_number(days[1])], 1)


def test_a_day_that_becomes_final_is_counted_again(store: Store, place: Place) -> None:
    early = FactWriter(place, Origin.POLL, 1, final_before=DAY)
    late = FactWriter(place, Origin.POLL, 2, final_before=DAY + timedelta(days=1))
    write(store, early, [Fact("clicks", DAY, 5)])
    assert stored(store, "provisional") == [(1,)]
    dirty(store)
    assert of(write(store, late, [Fact("clicks", DAY, 5)])) == (0, 0, 1, 0)
    assert stored(store, "provisional") == [(0,)]
    assert dirty(store) == [day_number(DAY)]


def test_of_two_facts_with_one_key_the_later_one_stands(store: Store, writer: FactWriter) -> None:
    assert of(write(store, writer, [Fact("clicks", DAY, 5), Fact("clicks", DAY, 6)])) == (1, 0, 0, 0)
    assert stored(store, "value") == [(6,)]


def test_every_part_of_the_key_makes_another_fact(store: Store, writer: FactWriter) -> None:
    facts = [
        Fact("clicks", DAY, 1),
        Fact("clicks", DAY, 2, Scope.RESIDUAL),
        Fact("clicks", DAY, 3, Scope.POSTING, "job-1"),
        Fact("clicks", DAY, 4, Scope.POSTING, "job-2"),
        Fact("clicks", DAY, 5, breakdown=Breakdown("source", "indeed")),
        Fact("clicks", DAY, 6, breakdown=Breakdown("source", "indeed", "cpc")),
        Fact("clicks", DAY, 7, hour=0),
        Fact("clicks", DAY, 8, hour=23),
        Fact("spend", DAY, 9, currency="EUR"),
        Fact("spend", DAY, 10, currency="USD"),
        Fact("clicks", DAY + timedelta(days=1), 11),
    ]
    assert of(write(store, writer, facts)) == (11, 0, 0, 0)
    assert [value for (value,) in stored(store, "value")] == list(range(1, 12))
    assert of(write(store, writer, facts)) == (0, 0, 11, 0)


@pytest.mark.parametrize(
    ("fact", "reason"),
    [
        (Fact("clicks", DAY, 2**63), "out_of_range"),
        (Fact("clicks", DAY, MAX_VALUE + 1), "out_of_range"),
        (Fact("spend", DAY, -MAX_VALUE - 1, currency="EUR"), "out_of_range"),
        (Fact("clicks", DAY, -1), "negative"),
        (Fact("clicks", DAY, float("nan")), "not_a_whole_number"),  # type: ignore[arg-type]
        (Fact("clicks", DAY, float("inf")), "not_a_whole_number"),  # type: ignore[arg-type]
        (Fact("clicks", DAY, 4.0), "not_a_whole_number"),  # type: ignore[arg-type]
        (Fact("clicks", DAY, True), "not_a_whole_number"),
        (Fact("clicks", DAY, None), "not_a_whole_number"),  # type: ignore[arg-type]
        (Fact("clicks", DAY, "12 %"), "not_a_whole_number"),  # type: ignore[arg-type]
        (Fact("conversions", DAY, 1), "unknown_metric"),
        (Fact("clicks", date(1999, 12, 31), 1), "bad_day"),
        (Fact("clicks", date(2026, 3, 13), 1), "bad_day"),
        (Fact("clicks", NOW, 1), "bad_day"),
        (Fact("clicks", DAY, 1, hour=24), "bad_hour"),
        (Fact("clicks", DAY, 1, scope=4), "bad_scope"),  # type: ignore[arg-type]
        (Fact("clicks", DAY, 1, currency="EUR"), "bad_currency"),
        (Fact("spend", DAY, 1), "bad_currency"),
        (Fact("spend", DAY, 1, currency="eur"), "bad_currency"),
        (Fact("clicks", DAY, 1, Scope.POSTING), "posting_missing"),
        (Fact("clicks", DAY, 1, Scope.POSTING, "\x00"), "posting_missing"),
        (Fact("clicks", DAY, 1, Scope.TOTAL, "job-1"), "posting_unexpected"),
    ],
)
def test_a_fact_that_cannot_be_true_is_left_out_and_the_page_goes_in(
    store: Store, writer: FactWriter, fact: Fact, reason: str
) -> None:
    counts = write(store, writer, [Fact("views", DAY, 3), fact, Fact("views", DAY + timedelta(days=1), 4)])
    assert (of(counts), counts.rejections) == ((2, 0, 0, 1), {reason: 1})
    assert [value for (value,) in stored(store, "value")] == [3, 4]


def test_the_greatest_values_are_kept_exactly(store: Store, writer: FactWriter) -> None:
    write(store, writer, [Fact("clicks", DAY, MAX_VALUE), Fact("spend", DAY, -MAX_VALUE, currency="JPY")])
    assert stored(store, "value") == [(-MAX_VALUE,), (MAX_VALUE,)]


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ("job \U0001f469\u200d\U0001f52c", "job \U0001f469\u200d\U0001f52c"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("nul\x00 esc\x1b[1m", "nul esc[1m"),
        ("half \ud83d", "half \ufffd"),
        ("'; DROP TABLE companies; --", "'; DROP TABLE companies; --"),
    ],
)
def test_a_platforms_text_is_kept_safe_and_found_again(
    store: Store, writer: FactWriter, place: Place, told: str, kept: str
) -> None:
    fact = Fact("clicks", DAY, 1, Scope.POSTING, told, Breakdown("campaign", told, told, told))
    assert of(write(store, writer, [fact])) == (1, 0, 0, 0)
    again = FactWriter(place, Origin.POLL, 2)
    assert of(write(store, again, [fact])) == (0, 0, 1, 0)
    with store.reading() as session:
        assert session.execute(text("SELECT external_ref FROM external_postings")).scalars().all() == [kept]
        assert session.execute(text("SELECT campaign FROM breakdowns")).scalars().all() == [kept]


def test_long_texts_that_differ_at_their_end_stay_apart(store: Store, writer: FactWriter) -> None:
    facts = [Fact("clicks", DAY, n, Scope.POSTING, "x" * 10_000 + str(n)) for n in range(3)]
    assert of(write(store, writer, facts)) == (3, 0, 0, 0)


def test_a_source_that_names_a_platform_is_known_as_it(store: Store, writer: FactWriter) -> None:
    names = ("indeed.com", "newsletter")
    write(store, writer, [Fact("clicks", DAY, 1, breakdown=Breakdown("source", name)) for name in names])
    with store.reading() as session:
        found = session.execute(text("SELECT source, source_platform FROM breakdowns ORDER BY source")).all()
    assert [tuple(row) for row in found] == [("indeed.com", 3), ("newsletter", 0)]


def test_numbers_made_in_a_transaction_that_failed_are_forgotten(store: Store, writer: FactWriter) -> None:
    def fail() -> None:
        with store.writing() as session:
            writer.write(session, [Fact("clicks", DAY, 1, Scope.POSTING, "lost")], now=NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    facts = [Fact("clicks", DAY, 1, Scope.POSTING, "first"), Fact("clicks", DAY, 2, Scope.POSTING, "lost")]
    write(store, writer, facts)
    with store.reading() as session:
        found = session.execute(
            text(
                "SELECT e.external_ref, f.value FROM platform_analytics_raw f "
                "JOIN external_postings e ON e.number = f.external_posting ORDER BY 2"
            )
        )
        assert [tuple(row) for row in found] == [("first", 1), ("lost", 2)]


def test_several_writes_in_one_transaction_add_up(store: Store, writer: FactWriter) -> None:
    with store.writing() as session:
        first = writer.write(session, [Fact("clicks", DAY, 1)], now=NOW)
        second = writer.write(session, [Fact("clicks", DAY, 1), Fact("views", DAY, 2)], now=NOW)
    assert (of(first), of(second)) == ((1, 0, 0, 0), (1, 0, 1, 0))


def test_what_a_write_replaced_is_told_on_demand(store: Store, writer: FactWriter) -> None:
    write(store, writer, [Fact("clicks", DAY, 1), Fact("views", DAY, 2)])
    counts = write(
        store, writer, [Fact("clicks", DAY, 1), Fact("views", DAY, 3), Fact("hires", DAY, 4)], keep_changes=True
    )
    told = {change.key[1]: (change.before, change.after) for change in counts.changes}
    assert told == {2: ((2, 0), (3, 0)), 8: (None, (4, 0))}


def test_closing_deletes_what_the_platform_no_longer_tells(store: Store, place: Place) -> None:
    slice_ = Closed(("clicks",), Scope.TOTAL, DAY, DAY + timedelta(days=2))
    first, second = FactWriter(place, Origin.POLL, 1), FactWriter(place, Origin.POLL, 2)
    kept = [
        Fact("views", DAY, 1),
        Fact("clicks", DAY, 2, Scope.RESIDUAL),
        Fact("clicks", DAY + timedelta(days=2), 3),
    ]
    write(store, first, [*kept, Fact("clicks", DAY, 4), Fact("clicks", DAY + timedelta(days=1), 5)])
    close(store, first, slice_)
    write(store, FactWriter(place, Origin.IMPORT, 1), [Fact("clicks", DAY, 6)])
    dirty(store)
    write(store, second, [Fact("clicks", DAY, 4)])
    counts = close(store, second, slice_)
    assert (counts.deleted, dirty(store)) == (1, [day_number(DAY + timedelta(days=1))])
    assert [value for (value,) in stored(store, "value")] == [1, 2, 3, 4, 6]


def test_a_day_written_and_closed_at_once_is_marked_once(store: Store, writer: FactWriter) -> None:
    closed = [Closed(("clicks", "views"), Scope.TOTAL, DAY, DAY + timedelta(days=2))]
    counts = write(store, writer, [Fact("clicks", DAY, 5)], closed=closed)
    assert (dirty(store), counts.dirty_days) == ([day_number(DAY), day_number(DAY) + 1], 2)
    assert write(store, writer, [], closed=closed).deleted == 0, "the read has seen it"


def test_a_read_that_resumes_deletes_nothing_it_saw_before(store: Store, place: Place) -> None:
    slice_ = Closed(("clicks",), Scope.POSTING, DAY, DAY + timedelta(days=1))
    page = [Fact("clicks", DAY, n, Scope.POSTING, f"job-{n}") for n in range(4)]
    write(store, FactWriter(place, Origin.POLL, 7), page[:2])
    resumed = FactWriter(place, Origin.POLL, 7)
    write(store, resumed, page[1:])
    assert close(store, resumed, slice_).deleted == 0
    assert len(stored(store)) == 4


@dataclass
class Covered:
    """What the coverage book says."""

    store: Store

    def rows(self) -> list[tuple[Any, ...]]:
        columns = "day, metric, scope, state, provisional, cause_code"
        with self.store.reading() as session:
            found = session.execute(text(f"SELECT {columns} FROM read_coverage ORDER BY {columns}"))
            return [tuple(row) for row in found]


def test_closing_covers_every_day_and_marks_what_is_new(store: Store, place: Place) -> None:
    writer = FactWriter(place, Origin.POLL, 1, final_before=DAY + timedelta(days=1))
    slice_ = Closed(("clicks", "views"), Scope.TOTAL, DAY, DAY + timedelta(days=2))
    close(store, writer, slice_)
    one, two = day_number(DAY), day_number(DAY) + 1
    assert Covered(store).rows() == [
        (one, 2, 1, 1, 0, ""),
        (one, 3, 1, 1, 0, ""),
        (two, 2, 1, 1, 1, ""),
        (two, 3, 1, 1, 1, ""),
    ]
    assert dirty(store) == [one, two]
    close(store, writer, slice_)
    assert dirty(store) == []
    close(store, FactWriter(place, Origin.POLL, 2), slice_)
    assert dirty(store) == [two]


def test_a_full_disk_is_named_and_work_goes_on_when_there_is_room(sqlite_store: Store, sqlite_place: Place) -> None:
    writer = FactWriter(sqlite_place, Origin.POLL, 1)
    page = [Fact("clicks", DAY, n, Scope.POSTING, f"job-{n}") for n in range(20_000)]
    with sqlite_store.writing() as session:
        size = session.execute(text("PRAGMA page_count")).scalar_one()
    sqlite_store.engine.dispose()
    limit = {"pages": size + 5}
    from sqlalchemy import event

    @event.listens_for(sqlite_store.engine, "connect")
    def narrow(connection: Any, _record: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {limit['pages']}")

    with pytest.raises(DatabaseUnwritable, match="Make room"):
        write(sqlite_store, writer, page)
    assert stored(sqlite_store) == []
    limit["pages"] = 1_000_000
    sqlite_store.engine.dispose()
    assert write(sqlite_store, writer, page).inserted == 20_000
    with sqlite_store.reading() as session:
        assert is_sqlite(session)
        assert session.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"


def test_counts_add_up_over_pages() -> None:
    total = Counts(inserted=1, rejections={"negative": 1})
    total.add(Counts(inserted=2, updated=1, rejections={"negative": 2, "bad_day": 1}))
    assert (total.inserted, total.updated, total.rejected) == (3, 1, 4)
    assert Counter(total.rejections) == Counter({"negative": 3, "bad_day": 1})


def covered(store: Store) -> list[tuple[int, int]]:
    """(Metric number, day number) of what was written down as read."""
    with store.reading() as session:
        rows = session.execute(text("SELECT metric, day FROM read_coverage WHERE state = 1 ORDER BY metric, day"))
        return [tuple(row) for row in rows]


@pytest.mark.parametrize(
    "refused", [Fact("clicks", DAY, -1), Fact("clicks", DAY, MAX_VALUE + 1), Fact("clicks", DAY, 5, currency="EUR")]
)
def test_a_day_of_which_only_refused_numbers_were_told_is_not_zero(
    store: Store, writer: FactWriter, refused: Fact
) -> None:
    following = DAY + timedelta(days=1)
    whole = Closed(("clicks", "views"), Scope.TOTAL, DAY, following + timedelta(days=1))
    counts = write(store, writer, [refused, Fact("views", DAY, 9), Fact("clicks", following, 4)], closed=[whole])
    assert counts.rejected == 1
    assert covered(store) == [(2, day_number(DAY)), (2, day_number(following)), (3, day_number(following))]
    assert stored(store) == [(2, day_number(DAY), 9), (3, day_number(following), 4)]


def test_a_number_known_before_stays_where_the_next_one_is_refused(store: Store, place: Place) -> None:
    whole = Closed(("clicks",), Scope.TOTAL, DAY, DAY + timedelta(days=1))
    write(store, FactWriter(place, Origin.POLL, 1), [Fact("clicks", DAY, 7)], closed=[whole])
    counts = write(store, FactWriter(place, Origin.POLL, 2), [Fact("clicks", DAY, -1)], closed=[whole])
    assert (counts.deleted, counts.rejected) == (0, 1)
    assert stored(store) == [(3, day_number(DAY), 7)]
    # What nobody tells any more goes, as ever.
    assert write(store, FactWriter(place, Origin.POLL, 3), [], closed=[whole]).deleted == 1


def test_a_refused_number_on_one_page_keeps_its_day_open_when_a_later_page_closes_it(
    store: Store, writer: FactWriter
) -> None:
    write(store, writer, [Fact("clicks", DAY, -1)])
    close(store, writer, Closed(("clicks",), Scope.TOTAL, DAY, DAY + timedelta(days=1)))
    assert covered(store) == []


def test_a_refused_number_beside_good_ones_of_its_day_leaves_those_standing(store: Store, writer: FactWriter) -> None:
    whole = Closed(("clicks",), Scope.POSTING, DAY, DAY + timedelta(days=1))
    told = [Fact("clicks", DAY, 4, Scope.POSTING, "P-1"), Fact("clicks", DAY, 3, Scope.POSTING, "")]
    assert write(store, writer, told, closed=[whole]).rejections == {"posting_missing": 1}
    assert covered(store) == [(3, day_number(DAY))]
    assert stored(store) == [(3, day_number(DAY), 4)]
