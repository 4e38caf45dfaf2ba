"""The sandbox's clock: real time plus a movable offset, or a fixed day for repeatable numbers."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from email.utils import format_datetime
from zoneinfo import ZoneInfo


@dataclass
class Clock:
    """`now` drives tokens, quotas and the Date header; `today` says how far the data reaches."""

    fixed_today: date | None = None
    offset: timedelta = timedelta(0)
    _started: float = field(default_factory=time.monotonic)

    def real_now(self) -> datetime:
        """The machine's instant in UTC, without the offset."""
        return datetime.now(UTC)

    def now(self) -> datetime:
        """The instant the platforms believe it is, in UTC."""
        return self.real_now() + self.offset

    def today(self, zone: ZoneInfo) -> date:
        """The day it is in a zone; a fixed day starts at noon UTC, when all three zones agree on the date."""
        if self.fixed_today is None:
            return self.now().astimezone(zone).date()
        elapsed = timedelta(seconds=time.monotonic() - self._started)
        noon = datetime.combine(self.fixed_today, time_of_day(12), UTC)
        return (noon + elapsed + self.offset).astimezone(zone).date()

    def http_date(self) -> str:
        """The Date header."""
        return format_datetime(self.now(), usegmt=True)
