"""Periods of days, half-open, in the zone they belong to; ISO weeks; and the comparison that is fair."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Grain = Literal["day", "week", "month"]
GRAINS: tuple[Grain, ...] = ("day", "week", "month")
#: Periods a viewer can name, with their number of days, today included.
NAMED = {"7d": 7, "30d": 30, "90d": 90, "1y": 365}


@dataclass(frozen=True, slots=True, order=True)
class Period:
    """The days from `start` up to, not including, `end`.

    >>> Period(date(2026, 2, 1), date(2026, 3, 1)).days
    28
    """

    start: date
    end: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a period ends after it starts: {self.start}..{self.end}")

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.end - self.start).days

    @property
    def last_day(self) -> date:
        """Its last day."""
        return self.end - timedelta(days=1)

    def __contains__(self, day: date) -> bool:
        return self.start <= day < self.end

    def __iter__(self) -> Iterator[date]:
        return (self.start + timedelta(days=offset) for offset in range(self.days))


def local_day(instant: datetime, zone: str) -> date:
    """The date of an instant in a zone.

    >>> from datetime import UTC
    >>> local_day(datetime(2026, 3, 29, 22, 30, tzinfo=UTC), "Europe/Berlin")
    datetime.date(2026, 3, 30)
    """
    return instant.astimezone(ZoneInfo(zone)).date()


def named_period(name: str, today: date) -> Period:
    """The named number of days ending with `today`. KeyError for an unknown name.

    >>> named_period("7d", date(2026, 3, 10))
    Period(start=datetime.date(2026, 3, 4), end=datetime.date(2026, 3, 11))
    """
    end = today + timedelta(days=1)
    return Period(end - timedelta(days=NAMED[name]), end)


def bucket_of(day: date, grain: Grain) -> Period:
    """The whole day, ISO week (Monday to Sunday) or month that holds `day`.

    >>> bucket_of(date(2027, 1, 1), "week")
    Period(start=datetime.date(2026, 12, 28), end=datetime.date(2027, 1, 4))
    >>> bucket_of(date(2024, 2, 29), "month").days
    29
    """
    if grain == "day":
        return Period(day, day + timedelta(days=1))
    if grain == "week":
        monday = day - timedelta(days=day.weekday())
        return Period(monday, monday + timedelta(days=7))
    first = day.replace(day=1)
    return Period(first, (first + timedelta(days=32)).replace(day=1))


def buckets(period: Period, grain: Grain) -> list[Period]:
    """The buckets of `period` in order, the first and last cut to fit, so that they sum to the period.

    >>> [(b.start.day, b.days) for b in buckets(Period(date(2026, 5, 30), date(2026, 6, 4)), "month")]
    [(30, 2), (1, 3)]
    """
    found = []
    day = period.start
    while day < period.end:
        whole = bucket_of(day, grain)
        found.append(Period(max(whole.start, period.start), min(whole.end, period.end)))
        day = whole.end
    return found


@dataclass(frozen=True, slots=True)
class Segment:
    """Whole buckets of one grain, from `start` up to `end`: what can be read from stored aggregates."""

    grain: Grain
    start: date
    end: date


def segments(period: Period, coarse: Grain) -> list[Segment]:
    """Cover `period` with whole `coarse` buckets in the middle and days at the edges.

    >>> [(s.grain, s.start.isoformat(), s.end.isoformat())
    ...  for s in segments(Period(date(2026, 1, 30), date(2026, 4, 2)), "month")]
    ... # doctest: +NORMALIZE_WHITESPACE
    [('day', '2026-01-30', '2026-02-01'), ('month', '2026-02-01', '2026-04-01'), ('day', '2026-04-01', '2026-04-02')]
    """
    first = bucket_of(period.start, coarse)
    inner_start = first.start if first.start == period.start else first.end
    inner_end = bucket_of(period.end, coarse).start
    if coarse == "day" or inner_end <= inner_start:
        return [Segment("day", period.start, period.end)]
    edges = [
        Segment("day", period.start, inner_start),
        Segment(coarse, inner_start, inner_end),
        Segment("day", inner_end, period.end),
    ]
    return [segment for segment in edges if segment.start < segment.end]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What a change is measured on: complete, covered days of the period against as many days right before it.

    `current` is None when the period has no complete covered day: then there is nothing fair to compare.
    """

    current: Period | None
    previous: Period | None
    rule: str


def fair_comparison(period: Period, last_covered: date | None, today: date) -> Comparison:
    """To date against to date: up to the last covered day that is over, and the same number of days before.

    >>> fair = fair_comparison(Period(date(2026, 3, 4), date(2026, 3, 11)), date(2026, 3, 10), date(2026, 3, 10))
    >>> fair.current.days, fair.previous.start.isoformat(), fair.previous.days
    (6, '2026-02-26', 6)
    >>> fair.rule
    '4 – 9 Mar 2026 against the 6 days before, 26 Feb – 3 Mar 2026. Days that are not over are left out.'
    >>> fair_comparison(Period(date(2026, 3, 4), date(2026, 3, 11)), None, date(2026, 3, 10)).rule
    'Nothing to compare: no complete day has data yet.'
    """
    complete_until = min(period.end, today, (last_covered + timedelta(days=1)) if last_covered else period.start)
    if complete_until <= period.start:
        return Comparison(None, None, "Nothing to compare: no complete day has data yet.")
    current = Period(period.start, complete_until)
    previous = Period(period.start - timedelta(days=current.days), period.start)
    rule = f"{span(current)} against the {_days(current.days)} before, {span(previous)}."
    if complete_until < period.end:
        rule += " Days that are not over are left out." if complete_until == today else " Later days have no data yet."
    return Comparison(current, previous, rule)


def _days(number: int) -> str:
    return "day" if number == 1 else f"{number} days"


def span(period: Period) -> str:
    """A period in words, both ends shown.

    >>> span(Period(date(2025, 12, 30), date(2026, 1, 3)))
    '30 Dec 2025 – 2 Jan 2026'
    >>> span(Period(date(2026, 1, 3), date(2026, 1, 4)))
    '3 Jan 2026'
    """
    first, last = period.start, period.last_day
    if first == last:
        return f"{first.day} {first:%b %Y}"
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} – {last.day} {last:%b %Y}"
    if first.year == last.year:
        return f"{first.day} {first:%b} – {last.day} {last:%b %Y}"
    return f"{first.day} {first:%b %Y} – {last.day} {last:%b %Y}"


def default_grain(period: Period) -> Grain:
    """The grain that keeps a trend readable: at most about fifty points.

    >>> [default_grain(named_period(name, date(2026, 3, 10))) for name in ("7d", "30d", "90d", "1y")]
    ['day', 'day', 'week', 'week']
    """
    return "day" if period.days <= 45 else "week" if period.days <= 400 else "month"
