"""Which days a sync asks for, and in which chunks. Pure arithmetic on dates."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Chunk = tuple[date, date]
DAY, HALF_A_DAY = timedelta(days=1), timedelta(hours=12)


def zone_of(name: str) -> ZoneInfo:
    """The zone called `name`; UTC where the name is empty or unknown to this machine."""
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def today_in(zone: str, now: datetime) -> date:
    """The date in `zone` at the instant `now`."""
    return now.astimezone(zone_of(zone)).date()


def counted_on(zone: str, now: datetime, interval: Literal["hourly", "daily"]) -> date:
    """The day that running totals read at `now` speak for.

    Read every hour, that is the day itself. Read once a day it is the day of which the totals hold more since they were
    last read: shortly after midnight they tell of the day before.

    >>> from datetime import UTC
    >>> str(counted_on("UTC", datetime(2026, 3, 15, 1, 30, tzinfo=UTC), "hourly"))
    '2026-03-15'
    >>> str(counted_on("UTC", datetime(2026, 3, 15, 1, 30, tzinfo=UTC), "daily"))
    '2026-03-14'
    >>> str(counted_on("UTC", datetime(2026, 3, 15, 13, 0, tzinfo=UTC), "daily"))
    '2026-03-15'
    """
    return today_in(zone, now - HALF_A_DAY if interval == "daily" else now)


def year_before(day: date) -> date:
    """The same date twelve months earlier.

    >>> year_before(date(2024, 2, 29))
    datetime.date(2023, 2, 28)
    """
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)


def full_window(today: date) -> Chunk:
    """Twelve months up to and including today.

    >>> full_window(date(2026, 3, 15))
    (datetime.date(2025, 3, 15), datetime.date(2026, 3, 16))
    """
    return year_before(today), today + DAY


def incremental_window(today: date, lookback_days: int, last_covered: date) -> Chunk:
    """From the first day that was not final when `last_covered` was read, up to and including today.

    Every day is read once more after its lookback is over: only then does it count as final. Never longer than a full
    window.

    >>> incremental_window(date(2026, 3, 15), 3, date(2026, 3, 15))
    (datetime.date(2026, 3, 12), datetime.date(2026, 3, 16))
    >>> incremental_window(date(2026, 3, 15), 3, date(2026, 3, 1))
    (datetime.date(2026, 2, 26), datetime.date(2026, 3, 16))
    """
    start = min(last_covered, today) - timedelta(days=lookback_days)
    return max(start, year_before(today)), today + DAY


def chunks_of(start: date, end: date, days: int) -> list[Chunk]:
    """`start` ≤ day < `end` in pieces of at most `days`, newest first.

    >>> [(str(a), str(b)) for a, b in chunks_of(date(2026, 1, 1), date(2026, 1, 6), 2)]
    [('2026-01-04', '2026-01-06'), ('2026-01-02', '2026-01-04'), ('2026-01-01', '2026-01-02')]
    """
    pieces: list[Chunk] = []
    while end > start:
        begin = max(start, end - timedelta(days=max(days, 1)))
        pieces.append((begin, end))
        end = begin
    return pieces


def dump_chunks(chunks: Iterable[Chunk]) -> list[list[str]]:
    """Chunks as kept in a cursor."""
    return [[start.isoformat(), end.isoformat()] for start, end in chunks]


def load_chunks(stored: object) -> list[Chunk]:
    """Chunks from a cursor.

    >>> load_chunks([["2026-01-01", "2026-01-03"]])
    [(datetime.date(2026, 1, 1), datetime.date(2026, 1, 3))]
    """
    if not isinstance(stored, list):
        return []
    return [(date.fromisoformat(start), date.fromisoformat(end)) for start, end in stored]
