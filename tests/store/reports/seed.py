"""Random aggregates written straight into the tables, and the same numbers in a dict to check answers against."""

import random
from datetime import date

from sqlalchemy import insert
from sqlmodel import Session

from domain.facts import day_number
from domain.metrics import BY_NAME
from domain.periods import Period, bucket_of
from domain.platforms import BY_KEY
from store.tables import AggregatedFact
from store.tables.facts import GRAINS

OFFERED = {
    "company_website": ("views", "clicks", "apply_starts", "applications", "hires", "interviews"),
    "indeed": ("impressions", "clicks", "apply_starts", "applications", "spend", "hires", "interviews"),
    "referrals": ("applications", "hires", "interviews"),
}
Numbers = dict[tuple[str, str, date], int]


def seed_aggregates(session: Session, company_no: int, period: Period, *, seed: int = 1, gap: float = 0.1) -> Numbers:
    """Fill every grain over `period` with gaps; returns {(platform, metric, day): value} of the covered days."""
    chance = random.Random(seed)
    known: Numbers = {
        (platform, metric, day): chance.choice((0, chance.randrange(1, 500)))
        for platform, metrics in OFFERED.items()
        for metric in metrics
        for day in period
        if chance.random() >= gap
    }
    for grain in GRAINS:
        buckets: dict[tuple[str, str, date], list[int]] = {}
        for (platform, metric, day), value in known.items():
            buckets.setdefault((platform, metric, bucket_of(day, grain).start), []).append(value)
        session.connection().execute(
            insert(AggregatedFact),
            [
                {
                    "company_no": company_no,
                    "grain": GRAINS[grain],
                    "metric": BY_NAME[metric].number,
                    "period_start": day_number(start),
                    "platform": BY_KEY[platform].number,
                    "currency": "EUR" if metric == "spend" else "",
                    "value": sum(values),
                    "covered_days": len(values),
                    "provisional": 0,
                }
                for (platform, metric, start), values in buckets.items()
            ],
        )
    return known


def total(known: Numbers, metric: str, period: Period, platforms: tuple[str, ...] = ()) -> int | None:
    """The sum of a metric over the covered days of a period; None when there is none."""
    found = [
        value
        for (platform, name, day), value in known.items()
        if name == metric and day in period and (not platforms or platform in platforms)
    ]
    return sum(found) if found else None
