"""The six figures at the top: value, fair change, sparkline, and what they are made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from domain.metrics import BY_NAME
from domain.periods import Comparison, Period
from domain.platforms import BY_NUMBER
from domain.rates import change_ratio
from store.reports.numbers import Cell, Sums
from store.reports.performance import cost_terms, main_currency
from store.reports.scope import CompanyScope
from store.reports.shapes import Card, Point
from store.reports.trends import build_line

#: Every metric some card is made of.
CARD_METRICS = ("views", "clicks", "applications", "hires", "spend")
_COUNTS = ("views", "clicks", "applications", "hires")


@dataclass(frozen=True, slots=True)
class Figures:
    """All that cards are made from: cells (by metric) and totals of the period, and totals of the compared periods.

    `parts` are the buckets of the sparklines: days, or weeks where the period is long.
    """

    company: CompanyScope
    parts: Sequence[Period]
    cells: Mapping[int, Sequence[Cell]]
    sums: Sums
    comparisons: Mapping[str, Comparison]
    compared: Mapping[Period, Sums]
    today: date

    def sums_of(self, period: Period | None) -> Sums | None:
        """Totals of a compared period, None where there is none."""
        return None if period is None else self.compared[period]


def build_cards(figures: Figures) -> tuple[Card, ...]:
    """Views, clicks, applications, click-to-application rate, hires, cost per application."""
    views, clicks, applications, hires = (_count_card(figures, name) for name in _COUNTS)
    return views, clicks, applications, _rate_card(figures), hires, _cost_card(figures)


def count_of(sums: Sums | None, name: str) -> int | None:
    """A metric's total over all platforms; None when no platform was read for it."""
    if sums is None:
        return None
    found = [entry.value for key, entry in sums.items() if key[0] == BY_NAME[name].number]
    return sum(found) if found else None


def _reporting(sums: Sums, name: str) -> list[int]:
    return sorted({key[1] for key in sums if key[0] == BY_NAME[name].number})


def _keys(numbers: Sequence[int]) -> tuple[str, ...]:
    return tuple(BY_NUMBER[number].key for number in numbers)


def _labels(numbers: Sequence[int]) -> str:
    return ", ".join(BY_NUMBER[number].label for number in numbers)


def _line(figures: Figures, name: str, platforms: Sequence[int]) -> tuple[Point, ...]:
    """The sparkline of a metric."""
    cells = [cell for cell in figures.cells.get(BY_NAME[name].number, ()) if cell.platform in platforms]
    return build_line(cells, figures.parts, figures.today, max(1, len(platforms)))


def _count_card(figures: Figures, name: str) -> Card:
    metric = BY_NAME[name]
    reporting = _reporting(figures.sums, name)
    comparison = figures.comparisons[name]
    compared = count_of(figures.sums_of(comparison.current), name)
    previous = count_of(figures.sums_of(comparison.previous), name)
    return Card(
        id=name,
        title=metric.label,
        unit=metric.unit,
        value=count_of(figures.sums, name),
        compared=compared,
        previous=previous,
        change_ratio=change_ratio(compared, previous),
        comparison=comparison,
        meaning=metric.meaning,
        date_basis=metric.date_basis,
        platforms=_keys(reporting),
        note="" if reporting else f"No connected platform reports {metric.label.lower()} for this period.",
        sparkline=_line(figures, name, reporting),
    )


def _earlier(figures: Figures, *names: str) -> Comparison:
    """The comparison of a ratio: that of the term which is known for the shorter time."""
    known = [figures.comparisons[name] for name in names]
    return min(known, key=lambda comparison: comparison.current.end if comparison.current else date.min)


def _rate_terms(sums: Sums | None) -> tuple[int, int, list[int]]:
    """Applications, clicks, and the platforms that report both."""
    if sums is None:
        return 0, 0, []
    both = [number for number in _reporting(sums, "applications") if number in _reporting(sums, "clicks")]
    applications, clicks = (
        sum(entry.value for key, entry in sums.items() if key[0] == BY_NAME[name].number and key[1] in both)
        for name in ("applications", "clicks")
    )
    return applications, clicks, both


def _ratio(numerator: float, denominator: int) -> float | None:
    return numerator / denominator if denominator else None


def _rate_card(figures: Figures) -> Card:
    comparison = _earlier(figures, "applications", "clicks")
    applications, clicks, both = _rate_terms(figures.sums)
    now_applications, now_clicks, _ = _rate_terms(figures.sums_of(comparison.current))
    old_applications, old_clicks, _ = _rate_terms(figures.sums_of(comparison.previous))
    compared, previous = _ratio(now_applications, now_clicks), _ratio(old_applications, old_clicks)
    return Card(
        id="click_to_application_rate",
        title="Click-to-application rate",
        unit="ratio",
        value=_ratio(applications, clicks),
        compared=compared,
        previous=previous,
        change_ratio=change_ratio(compared, previous),
        comparison=comparison,
        meaning="Applications divided by clicks, over the platforms that report both.",
        date_basis="each on its own day",
        platforms=_keys(both),
        numerator=applications if both else None,
        denominator=clicks if both else None,
        note=f"Counts {_labels(both)}." if both else "No platform reports both clicks and applications here.",
        sparkline=_ratio_line(figures, ("applications", "clicks"), both),
    )


def _ratio_line(figures: Figures, names: tuple[str, str], platforms: Sequence[int]) -> tuple[Point, ...]:
    """The ratio of two metrics by bucket, in ten-thousandths; a gap where the lower term is 0 or missing."""
    upper, lower = (_line(figures, name, platforms) for name in names)
    return tuple(
        Point(
            over.start,
            over.end,
            round(10_000 * over.value / under.value) if over.value is not None and under.value else None,
            over.is_partial or under.is_partial,
            over.is_provisional or under.is_provisional,
        )
        for over, under in zip(upper, lower, strict=True)
    )


def _cost_card(figures: Figures) -> Card:
    currency = main_currency(figures.sums, figures.company.currency)
    comparison = _earlier(figures, "spend", "applications")
    spend, applications, counted = cost_terms(figures.sums, "applications", currency)
    compared, previous = (
        _ratio(*cost_terms(sums, "applications", currency)[:2]) if sums is not None else None
        for sums in (figures.sums_of(comparison.current), figures.sums_of(comparison.previous))
    )
    numbers = [number for number in _reporting(figures.sums, "spend") if BY_NUMBER[number].key in counted]
    return Card(
        id="cost_per_application",
        title="Cost per application",
        unit="money",
        value=_ratio(spend, applications),
        compared=compared,
        previous=previous,
        change_ratio=change_ratio(compared, previous),
        comparison=comparison,
        meaning="Spend divided by applications, over the platforms that report both.",
        date_basis="each on its own day",
        platforms=counted,
        currency=currency,
        numerator=spend if counted else None,
        denominator=applications if counted else None,
        note=f"Counts {_labels(numbers)}." if counted else "No platform reports both spend and applications here.",
        sparkline=_cost_line(figures, numbers, currency),
    )


def _cost_line(figures: Figures, platforms: Sequence[int], currency: str) -> tuple[Point, ...]:
    number = BY_NAME["spend"].number
    spend = [cell for cell in figures.cells.get(number, ()) if cell.currency == currency]
    narrowed = replace(figures, cells={**figures.cells, number: spend})
    return tuple(
        Point(p.start, p.end, p.value // 10_000 if p.value is not None else None, p.is_partial, p.is_provisional)
        for p in _ratio_line(narrowed, ("spend", "applications"), platforms)
    )
