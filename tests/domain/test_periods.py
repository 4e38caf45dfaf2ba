"""Periods, buckets and the fair comparison, for any dates."""

import itertools
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.periods import (
    GRAINS,
    NAMED,
    Period,
    bucket_of,
    buckets,
    default_grain,
    fair_comparison,
    local_day,
    named_period,
    segments,
)

days = st.dates(date(2000, 1, 1), date(2060, 12, 31))
periods = st.builds(lambda start, length: Period(start, start + timedelta(days=length)), days, st.integers(1, 900))
grains = st.sampled_from(GRAINS)


@given(periods, grains)
def test_buckets_cover_every_day_of_the_period_once(period, grain):
    covered = [day for bucket in buckets(period, grain) for day in bucket]
    assert covered == list(period)


@given(periods, grains)
def test_segments_cover_every_day_of_the_period_once_with_whole_buckets_inside(period, grain):
    found = segments(period, grain)
    assert found[0].start == period.start
    assert found[-1].end == period.end
    assert all(before.end == after.start for before, after in itertools.pairwise(found))
    for segment in found:
        if segment.grain != "day":
            assert bucket_of(segment.start, segment.grain).start == segment.start
            assert bucket_of(segment.end, segment.grain).start == segment.end


@given(days)
def test_an_iso_week_begins_on_monday_and_has_the_days_iso_number(day):
    week = bucket_of(day, "week")
    assert week.start.isoweekday() == 1
    assert {found.isocalendar()[:2] for found in week} == {day.isocalendar()[:2]}


@given(periods, st.one_of(st.none(), days), days)
def test_a_fair_comparison_has_as_many_days_right_before_and_none_that_is_not_over(period, last, today):
    fair = fair_comparison(period, last, today)
    if fair.current is None:
        assert fair.previous is None
        return
    assert fair.current.start == period.start
    assert fair.current.days == fair.previous.days
    assert fair.previous.end == period.start
    assert fair.current.end <= min(period.end, today, last + timedelta(days=1))


def test_a_named_period_ends_with_today_and_has_its_days():
    for name, length in NAMED.items():
        period = named_period(name, date(2024, 2, 29))
        assert period.last_day == date(2024, 2, 29)
        assert period.days == length


def test_a_period_that_ends_before_it_starts_is_refused():
    with pytest.raises(ValueError, match="ends after it starts"):
        Period(date(2026, 1, 2), date(2026, 1, 2))


@pytest.mark.parametrize(
    ("instant", "zone", "day"),
    [
        (datetime(2026, 3, 29, 0, 59, tzinfo=UTC), "Europe/Berlin", date(2026, 3, 29)),
        (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), "Europe/Berlin", date(2026, 10, 25)),
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), "Europe/Berlin", date(2026, 10, 26)),
        (datetime(2026, 1, 1, 5, 59, tzinfo=UTC), "America/Chicago", date(2025, 12, 31)),
        (datetime(2026, 1, 1, 10, 0, tzinfo=UTC), "Pacific/Kiritimati", date(2026, 1, 2)),
    ],
)
def test_a_day_belongs_to_its_zone_even_when_clocks_change(instant, zone, day):
    assert local_day(instant, zone) == day


@given(periods)
def test_the_default_grain_keeps_a_trend_to_sixty_points(period):
    assert len(buckets(period, default_grain(period))) <= 60
