"""The coverage book: a failure never hides what was read before."""

from datetime import UTC, date, datetime, timedelta

from sqlalchemy import text

from domain.facts import Origin, Scope, day_number
from store.opening import Store
from store.writes.coverage import cover, mark_failed
from store.writes.facts import Place

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
DAY = day_number(date(2026, 3, 2))


def rows(store: Store) -> list[tuple[object, ...]]:
    columns = "day, metric, scope, state, cause_code"
    with store.reading() as session:
        found = session.execute(text(f"SELECT {columns} FROM read_coverage ORDER BY {columns}"))
        return [tuple(row) for row in found]


def test_a_failure_is_written_down_only_where_nothing_was_read(store: Store, place: Place) -> None:
    with store.writing() as session:
        cover(session, place, [(DAY, 3, False)], scope=Scope.POSTING, origin=Origin.POLL, now=NOW)
        marked = mark_failed(session, place, [DAY, DAY + 1], [2, 3], "timeout", now=NOW)
    assert marked == 3
    assert rows(store) == [
        (DAY, 2, 1, 2, "timeout"),
        (DAY, 3, 2, 1, ""),
        (DAY + 1, 2, 1, 2, "timeout"),
        (DAY + 1, 3, 1, 2, "timeout"),
    ]


def test_the_latest_cause_of_a_failure_stands(store: Store, place: Place) -> None:
    with store.writing() as session:
        mark_failed(session, place, [DAY], [3], "timeout", now=NOW)
        mark_failed(session, place, [DAY], [3], "key_invalid", now=NOW + timedelta(hours=1))
    assert rows(store) == [(DAY, 3, 1, 2, "key_invalid")]


def test_a_read_takes_the_place_of_a_failure_in_any_scope(store: Store, place: Place) -> None:
    with store.writing() as session:
        mark_failed(session, place, [DAY], [2, 3], "timeout", now=NOW)
    with store.writing() as session:
        told = [(DAY, 3, False)]
        changed = cover(session, place, told, scope=Scope.POSTING, origin=Origin.POLL, now=NOW)
    assert changed == {DAY}
    assert rows(store) == [(DAY, 2, 1, 2, "timeout"), (DAY, 3, 2, 1, "")]


def test_a_file_does_not_cover_for_a_poll(store: Store, place: Place) -> None:
    with store.writing() as session:
        cover(session, place, [(DAY, 3, False)], scope=Scope.TOTAL, origin=Origin.IMPORT, now=NOW)
        assert mark_failed(session, place, [DAY], [3], "timeout", now=NOW) == 1
