"""How did one metric change, by platform? And what did the company's own site see?"""

from dataclasses import dataclass
from datetime import date

from sqlmodel import Session

from domain.filters import Filters
from domain.metrics import BY_NAME, FUNNEL
from domain.periods import Grain, Period, buckets
from domain.platforms import BY_KEY, BY_NUMBER, PLATFORMS
from store.reports.dashboard import build_funnel
from store.reports.numbers import Asked, Cell, Sums, read_cells, read_sums
from store.reports.performance import get_performance
from store.reports.scope import CompanyScope
from store.reports.shapes import FunnelStep, Performance, Point
from store.reports.sources import SourceBreakdown, list_breakdowns
from store.reports.trends import Axis, build_line


@dataclass(frozen=True, slots=True)
class Line:
    """One platform's line in one currency ("" for what is no money)."""

    platform: str
    label: str
    currency: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Total:
    """A metric's total over a period, and on how many of its days it was read."""

    metric: str
    value: int
    currency: str
    covered_days: int
    is_provisional: bool


def get_series(
    session: Session, company: CompanyScope, period: Period, filters: Filters, *, metric: str, grain: Grain, today: date
) -> tuple[Line, ...]:
    """A line for every platform (and currency) that was read in `period`, with gaps where it was not."""
    cells = read_cells(Asked(session, company.number, filters.numbers), (metric,), period, grain)
    axis = Axis(buckets(period, grain), today)
    lines: dict[tuple[int, str], list[Cell]] = {}
    for cell in cells:
        lines.setdefault((cell[1], cell[2]), []).append(cell)
    return tuple(
        Line(BY_NUMBER[platform].key, BY_NUMBER[platform].label, currency, build_line(held, axis))
        for (platform, currency), held in sorted(lines.items())
    )


def get_funnel(session: Session, company: CompanyScope, period: Period, filters: Filters) -> tuple[FunnelStep, ...]:
    """The hiring funnel alone, as the dashboard shows it."""
    return build_funnel(_sums(session, company, period, filters, FUNNEL))


def get_speed(session: Session, company: CompanyScope, period: Period, filters: Filters) -> Performance:
    """Speed and cost alone, as the dashboard shows them."""
    sums = _sums(session, company, period, filters, ("applications", "hires", "spend"))
    return get_performance(session, company, period, sums, filters.platforms)


def get_site(
    session: Session, company: CompanyScope, period: Period
) -> tuple[tuple[Total, ...], tuple[SourceBreakdown, ...]]:
    """Totals of everything the company's own site reports, and the same by source, busiest first."""
    sites = tuple(platform.key for platform in PLATFORMS if platform.is_site)
    sums = _sums(session, company, period, Filters(sites), tuple(BY_NAME))
    names = {metric.number: metric.name for metric in BY_NAME.values() if "day" in metric.adds_over}
    totals = tuple(
        Total(names[number], entry.value, currency, entry.covered_days, bool(entry.provisional))
        for (number, _, currency), entry in sorted(sums.items())
        if number in names
    )
    below = [row for site in sites for row in list_breakdowns(session, company, period, BY_KEY[site].key, "source")]
    return totals, tuple(below)


def _sums(session: Session, company: CompanyScope, period: Period, filters: Filters, metrics: tuple[str, ...]) -> Sums:
    return read_sums(Asked(session, company.number, filters.numbers), metrics, [period])[period]
