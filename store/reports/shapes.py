"""The shapes the dashboard's answers have, shared by screen, API and CSV."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from domain.periods import Comparison, Grain, Period


class Point(NamedTuple):
    """One bucket of a line. `value` None is a gap: nothing was read. `is_partial`: not over, or not read whole."""

    start: date
    end: date
    value: int | None
    is_partial: bool = False
    is_provisional: bool = False


@dataclass(frozen=True, slots=True)
class Card:
    """One figure. `value` counts the whole period; the change compares `compared` with `previous` (fair comparison).

    `unit` is count, ratio or money (`value` in minor units of `currency`). Rates carry their terms. `platforms` are the
    ones counted; `note` says why a value is missing or which platforms are left out.
    """

    id: str
    title: str
    unit: str
    value: float | None
    compared: float | None
    previous: float | None
    change_ratio: float | None
    comparison: Comparison
    meaning: str
    date_basis: str
    platforms: tuple[str, ...]
    currency: str = ""
    numerator: int | None = None
    denominator: int | None = None
    note: str = ""
    sparkline: tuple[Point, ...] = ()


@dataclass(frozen=True, slots=True)
class SourceRow:
    """What one platform brought. `applications` None: nothing was read; `share` in percent, sums to 100.00."""

    platform: str
    label: str
    applications: int | None
    share: float | None
    previous: int | None
    covered_days: int
    is_provisional: bool
    synced_at: datetime | None
    config_ids: tuple[str, ...] = ()
    state: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Trend:
    """Applications of one platform, a point for every bucket of the period."""

    platform: str
    label: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class FunnelStep:
    """One stage of the hiring funnel with the platforms that report it. `rate` is of the step before."""

    stage: str
    label: str
    value: int | None
    rate: float | None
    platforms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Performance:
    """How fast and at what cost. Medians over the postings and hires of the period; money by currency."""

    days_to_first_application: float | None
    days_to_hire: float | None
    hires_measured: int
    postings_measured: int
    open_postings: int
    applications_per_posting: float | None
    cost_per_application_minor: int | None
    cost_per_hire_minor: int | None
    currency: str
    cost_platforms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh one connection's numbers are."""

    config_id: str
    platform: str
    label: str
    connector: str
    state: str
    synced_at: datetime | None
    covered_until: date | None
    provisional_from: date | None


@dataclass(frozen=True, slots=True)
class Dashboard:
    """Everything the dashboard shows for one period and filter."""

    period: Period
    grain: Grain
    today: date
    version: int
    comparison: Comparison
    cards: tuple[Card, ...]
    sources: tuple[SourceRow, ...]
    trends: tuple[Trend, ...]
    funnel: tuple[FunnelStep, ...]
    performance: Performance
    freshness: tuple[Freshness, ...]
    updated_at: datetime | None
