"""The six figures at the top: value, fair change, sparkline, and what they are made of."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from domain.metrics import BY_NAME
from domain.periods import Comparison, Period
from domain.platforms import BY_KEY, BY_NUMBER
from domain.rates import change_ratio
from store.reports.numbers import Cell, Sums
from store.reports.performance import cost_terms, main_currency
from store.reports.scope import CompanyScope
from store.reports.shapes import Card, Point
from store.reports.trends import Axis, build_line

#: Every metric some card is made of.
CARD_METRICS = ("views", "clicks", "applications", "hires", "spend")
_COUNTS = ("views", "clicks", "applications", "hires")


@dataclass(frozen=True, slots=True)
class Figures:
    """All that cards are made from: cells (by metric) and totals of the period, and totals of the compared periods.

    `axis` holds the buckets of the sparklines: days, or weeks where the period is long.
    """

    company: CompanyScope
    axis: Axis
    cells: Mapping[int, Sequence[Cell]]
    sums: Sums
    comparisons: Mapping[str, Comparison]
    compared: Mapping[Period, Sums]

    def sums_of(self, period: Period | None) -> Sums | None:
        """Totals of a compared period, None where there is none."""
        return None if period is None else self.compared[period]


class Terms(NamedTuple):
    """What a ratio is made of, over the platforms (by number) that report both."""

    numerator: int
    denominator: int
    platforms: list[int]


@dataclass(frozen=True, slots=True)
class Ratio:
    """A card of one metric over another: `names` and their `terms` in a period's totals.

    The sparkline counts in parts of `scale`, money (with a `currency`) in minor units.
    """

    id: str
    title: str
    unit: str
    names: tuple[str, str]
    terms: Callable[[Sums], Terms]
    meaning: str
    missing: str
    scale: int = 1
    currency: str = ""


def build_cards(figures: Figures) -> tuple[Card, ...]:
    """Views, clicks, applications, click-to-application rate, hires, cost per application."""
    views, clicks, applications, hires = (_count_card(figures, name) for name in _COUNTS)
    rate, cost = (_ratio_card(figures, ratio) for ratio in (_RATE, _cost(figures)))
    return views, clicks, applications, rate, hires, cost


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


def _line(figures: Figures, name: str, platforms: Collection[int], currency: str = "") -> tuple[Point, ...]:
    """The sparkline of a metric; of money, that of one currency."""
    cells = [cell for cell in figures.cells.get(BY_NAME[name].number, ()) if cell[1] in platforms]
    if currency:
        cells = [cell for cell in cells if cell[2] in ("", currency)]
    return build_line(cells, figures.axis, max(1, len(platforms)))


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


def _ratio_card(figures: Figures, ratio: Ratio) -> Card:
    comparison = _earlier(figures, *ratio.names)
    numerator, denominator, platforms = ratio.terms(figures.sums)
    compared, previous = (
        _ratio(ratio.terms(sums)) if sums is not None else None
        for sums in (figures.sums_of(comparison.current), figures.sums_of(comparison.previous))
    )
    return Card(
        id=ratio.id,
        title=ratio.title,
        unit=ratio.unit,
        value=_ratio((numerator, denominator)),
        compared=compared,
        previous=previous,
        change_ratio=change_ratio(compared, previous),
        comparison=comparison,
        meaning=ratio.meaning,
        date_basis="each on its own day",
        platforms=_keys(platforms),
        currency=ratio.currency,
        numerator=numerator if platforms else None,
        denominator=denominator if platforms else None,
        note=f"Counts {_labels(platforms)}." if platforms else ratio.missing,
        sparkline=_ratio_line(figures, ratio, platforms),
    )


def _ratio(terms: Sequence[Any]) -> float | None:
    return terms[0] / terms[1] if terms[1] else None


def _ratio_line(figures: Figures, ratio: Ratio, platforms: Sequence[int]) -> tuple[Point, ...]:
    """The ratio by bucket; a gap where the lower term is 0 or missing."""
    upper, lower = (_line(figures, name, platforms, ratio.currency) for name in ratio.names)
    return tuple(
        Point(
            over.start,
            over.end,
            round(ratio.scale * over.value / under.value) if over.value is not None and under.value else None,
            over.is_partial or under.is_partial,
            over.is_provisional or under.is_provisional,
        )
        for over, under in zip(upper, lower, strict=True)
    )


def _rate_terms(sums: Sums) -> Terms:
    both = [number for number in _reporting(sums, "applications") if number in _reporting(sums, "clicks")]
    applications, clicks = (
        sum(entry.value for key, entry in sums.items() if key[0] == BY_NAME[name].number and key[1] in both)
        for name in ("applications", "clicks")
    )
    return Terms(applications, clicks, both)


_RATE = Ratio(
    id="click_to_application_rate",
    title="Click-to-application rate",
    unit="ratio",
    names=("applications", "clicks"),
    terms=_rate_terms,
    meaning="Applications divided by clicks, over the platforms that report both.",
    missing="No platform reports both clicks and applications here.",
    scale=10_000,
)


def _cost(figures: Figures) -> Ratio:
    """Cost per application in the company's main currency of the period."""
    currency = main_currency(figures.sums, figures.company.currency)

    def terms(sums: Sums) -> Terms:
        spend, applications, counted = cost_terms(sums, "applications", currency)
        return Terms(spend, applications, [BY_KEY[key].number for key in counted])

    return Ratio(
        id="cost_per_application",
        title="Cost per application",
        unit="money",
        names=("spend", "applications"),
        terms=terms,
        meaning="Spend divided by applications, over the platforms that report both.",
        missing="No platform reports both spend and applications here.",
        currency=currency,
    )
