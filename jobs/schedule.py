"""When a connection is due: the latest slot that has begun. Pure arithmetic; each slot is taken once in the table."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from jobs.windows import zone_of

DAILY_AT = time(2, 0)


@dataclass(frozen=True, slots=True)
class Slot:
    """One scheduled moment: `key` names it for ever, `due_at` is the UTC instant from which it may be taken."""

    key: str
    due_at: datetime


def daily_instant(day: date, zone: str) -> datetime:
    """The UTC instant of 02:00 on `day` in `zone`: the first of two in autumn; in spring, where 02:00 is skipped, the
    moment the clocks jump.

    >>> daily_instant(date(2026, 3, 8), "America/New_York").isoformat()
    '2026-03-08T07:00:00+00:00'
    """
    return datetime.combine(day, DAILY_AT, tzinfo=zone_of(zone)).astimezone(UTC)


def latest_slot(interval: Literal["hourly", "daily"], zone: str, now: datetime) -> Slot:
    """The slot that began last before `now`. Missed ones before it are covered by the window of this one.

    Hours are counted in UTC, days in `zone`, so that neither change of the clocks repeats or skips one.

    >>> latest_slot("hourly", "UTC", datetime(2026, 1, 5, 9, 59, tzinfo=UTC)).key
    'hourly:2026-01-05T09'
    >>> latest_slot("daily", "Europe/Berlin", datetime(2026, 1, 5, 0, 59, tzinfo=UTC)).key
    'daily:2026-01-04'
    """
    if interval == "hourly":
        hour = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return Slot(f"hourly:{hour:%Y-%m-%dT%H}", hour)
    day = now.astimezone(zone_of(zone)).date()
    if daily_instant(day, zone) > now:
        day -= timedelta(days=1)
    return Slot(f"daily:{day.isoformat()}", daily_instant(day, zone))
