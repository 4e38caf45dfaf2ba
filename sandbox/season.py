"""How busy a day is: weekday, time of year, growth and public holidays, and the days the career site lost its tag."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from datetime import date, timedelta

HISTORY_DAYS = 425
WEEKDAY = (1.08, 1.14, 1.10, 1.02, 0.90, 0.38, 0.44)
MONTH = (1.18, 1.10, 1.06, 1.00, 0.97, 0.90, 0.84, 0.86, 1.08, 1.10, 1.00, 0.72)
HOLIDAYS = {(1, 1), (5, 1), (10, 3), (12, 24), (12, 25), (12, 26), (12, 31)}


@dataclass(frozen=True)
class Season:
    """Everything is measured from the anchor: the day the company's story was first told."""

    anchor: date

    @property
    def first_day(self) -> date:
        """The first company day with data."""
        return self.anchor - timedelta(days=HISTORY_DAYS)

    @property
    def outage(self) -> tuple[date, date]:
        """Two days on which the career site sent nothing to the analytics property."""
        return self.anchor - timedelta(days=151), self.anchor - timedelta(days=150)

    def demand(self, day: date) -> float:
        """A factor around 1; the same for equal anchor and day."""
        grown = 1 + 0.35 * (day - self.first_day).days / HISTORY_DAYS
        quiet = 0.35 if (day.month, day.day) in HOLIDAYS else 1.0
        return WEEKDAY[day.weekday()] * MONTH[day.month - 1] * grown * quiet


def poisson(rng: random.Random, mean: float) -> int:
    """A Poisson draw; the normal approximation is good enough above 30."""
    if mean <= 0:
        return 0
    if mean > 30:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, count, product = math.exp(-mean), 0, rng.random()
    while product > limit:
        count += 1
        product *= rng.random()
    return count
