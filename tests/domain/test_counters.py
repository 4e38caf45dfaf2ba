"""Running totals into daily values, over random histories."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.counters import Growth, Snapshot, beginning, growth

VALUES = st.integers(0, 10**9)
#: Readings in the order they are made: (days since the reading before, value).
READINGS = st.lists(st.tuples(st.integers(0, 5), VALUES), min_size=1, max_size=40)


def daily(readings: list[tuple[int, int]]) -> dict[int, int]:
    """The last reading of each day, by day."""
    day, last = 100, dict[int, int]()
    for step, value in readings:
        day += step
        last[day] = value
    return last


def grown(last: dict[int, int]) -> list[Growth]:
    """The growth of each day that has one."""
    snapshots = [Snapshot(day, value) for day, value in sorted(last.items())]
    found = [growth(before, now) for before, now in zip([None, *snapshots], snapshots, strict=False)]
    return [each for each in found if each is not None]


@given(READINGS)
def test_no_day_is_ever_negative_and_the_first_is_undated(readings: list[tuple[int, int]]):
    last = daily(readings)
    found = grown(last)
    assert all(each.value >= 0 and each.gap_days >= 0 for each in found)
    assert [each.day for each in found] == sorted(last)[1:]


@given(READINGS)
def test_the_days_add_up_to_the_rises(readings: list[tuple[int, int]]):
    last = daily(readings)
    values = [last[day] for day in sorted(last)]
    assert sum(each.value for each in grown(last)) == sum(max(after - before, 0) for before, after in pairwise(values))


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 10**6)), min_size=1, max_size=40))
def test_a_counter_that_only_rises_loses_nothing(steps: list[tuple[int, int]]):
    total, readings = 0, []
    for days, more in steps:
        total += more
        readings.append((days, total))
    last = daily(readings)
    values = [last[day] for day in sorted(last)]
    assert sum(each.value for each in grown(last)) == values[-1] - values[0]


@given(READINGS, VALUES)
def test_a_new_reading_changes_no_day_before_it(readings: list[tuple[int, int]], value: int):
    before = grown(daily(readings))
    after = grown(daily([*readings, (1, value)]))
    assert after[: len(before)] == before


@given(READINGS, st.lists(VALUES, max_size=5), VALUES)
def test_of_several_readings_a_day_the_last_one_counts(readings: list[tuple[int, int]], early: list[int], last: int):
    often = [*readings, (1, early[0] if early else last), *((0, value) for value in early), (0, last)]
    assert grown(daily(often)) == grown(daily([*readings, (1, last)]))


@given(READINGS)
def test_each_unread_day_lies_in_exactly_one_gap(readings: list[tuple[int, int]]):
    last = daily(readings)
    unread = {day for day in range(min(last), max(last)) if day not in last}
    told = [day for each in grown(last) for day in range(each.day - each.gap_days, each.day)]
    assert sorted(told) == sorted(unread)


@given(st.integers(0, 100), VALUES, VALUES)
def test_a_bound_gives_no_growth(day: int, before: int, now: int):
    assert growth(Snapshot(day, before, is_exact=False), Snapshot(day + 1, now)) is None
    assert growth(Snapshot(day, before), Snapshot(day + 1, now, is_exact=False)) is None


@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 9), VALUES)
def test_what_began_while_we_looked_is_counted_whole(began: int, last_look: int, later: int, value: int):
    start = beginning(began, last_look)
    if began < last_look:
        assert start is None
    else:
        assert growth(start, Snapshot(last_look + later, value)) == Growth(last_look + later, value, later - 1)


def test_snapshots_must_come_in_order():
    with pytest.raises(ValueError, match="not before"):
        growth(Snapshot(5, 1), Snapshot(5, 2))
