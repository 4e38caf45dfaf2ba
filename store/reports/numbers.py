"""Reads stored aggregates: cells and sums of a period, the last covered day. Other reports stand on it."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import date
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlmodel import Session

from domain.facts import day_number, day_of
from domain.metrics import BY_NAME
from domain.periods import Grain, Period, segments
from store.tables.facts import GRAINS

#: Periods longer than this are read from weeks, with days at the edges.
DAILY_UP_TO = 45


class Cell(NamedTuple):
    """One stored aggregate: `start` is a day number, `value` minor units where the metric is money."""

    metric: int
    platform: int
    currency: str
    start: int
    value: int
    covered_days: int
    provisional: int


class Sum(NamedTuple):
    """A platform's total of one metric over a period, and on how many of its days it was read."""

    value: int
    covered_days: int
    provisional: int


Sums = dict[tuple[int, int, str], Sum]


def metric_numbers(names: Iterable[str]) -> list[int]:
    """Numbers of metrics by name."""
    return [BY_NAME[name].number for name in names]


def read_cells(
    session: Session,
    company_no: int,
    metrics: Sequence[str],
    period: Period,
    grain: Grain,
    platforms: Sequence[int] = (),
) -> list[Cell]:
    """The aggregates that cover `period`: whole buckets of `grain` inside, days at its edges, in no order."""
    return [Cell(*row) for row in _run(session, company_no, metrics, period, grain, platforms, _CELLS)]


def read_sums(
    session: Session, company_no: int, metrics: Sequence[str], period: Period, platforms: Sequence[int] = ()
) -> Sums:
    """Totals over `period` by (metric, platform, currency)."""
    grain: Grain = "day" if period.days <= DAILY_UP_TO else "month"
    found: Sums = {}
    for metric, platform, currency, value, covered, provisional in _run(
        session, company_no, metrics, period, grain, platforms, _SUMS
    ):
        before = found.get((metric, platform, currency), Sum(0, 0, 0))
        found[metric, platform, currency] = Sum(
            before.value + int(value), before.covered_days + int(covered), max(before.provisional, provisional)
        )
    return found


def cells_by_metric(cells: Iterable[Cell]) -> dict[int, list[Cell]]:
    """Cells by their metric's number, in the same order."""
    found: dict[int, list[Cell]] = {}
    for cell in cells:
        found.setdefault(cell[0], []).append(cell)
    return found


def sum_cells(cells: Iterable[Cell]) -> Sums:
    """Totals of cells by (metric, platform, currency)."""
    found: dict[tuple[int, int, str], list[int]] = {}
    for metric, platform, currency, _, value, covered, provisional in cells:
        entry = found.get((metric, platform, currency))
        if entry is None:
            found[metric, platform, currency] = [value, covered, provisional]
        else:
            entry[0] += value
            entry[1] += covered
            entry[2] |= provisional
    return {key: Sum(*entry) for key, entry in found.items()}


def last_covered_days(
    session: Session, company_no: int, metrics: Sequence[str], before: date, platforms: Sequence[int] = ()
) -> dict[str, date]:
    """For each metric, the last day before `before` that any of the platforms has been read for."""
    numbers = metric_numbers(metrics)
    chosen = _platforms(platforms)
    parts = [
        f"SELECT {number} AS metric, MAX(period_start) AS day FROM platform_analytics_aggregated"  # noqa: S608 numbers only
        f" WHERE company_no = :company AND grain = 1 AND metric = {number} AND period_start < :before{chosen}"
        for number in numbers
    ]
    rows = session.connection().execute(
        text(" UNION ALL ".join(parts)), {"company": company_no, "before": day_number(before)}
    )
    names = dict(zip(numbers, metrics, strict=True))
    return {names[metric]: day_of(day) for metric, day in rows if day is not None}


_CELLS = "metric, platform, currency, period_start, value, covered_days, provisional", ""
_SUMS = (
    "metric, platform, currency, CAST(SUM(value) AS BIGINT), CAST(SUM(covered_days) AS BIGINT), MAX(provisional)",
    " GROUP BY metric, platform, currency",
)


def _platforms(platforms: Sequence[int]) -> str:
    return f" AND platform IN ({', '.join(str(int(number)) for number in platforms)})" if platforms else ""


def _run(
    session: Session,
    company_no: int,
    metrics: Sequence[str],
    period: Period,
    grain: Grain,
    platforms: Sequence[int],
    shape: tuple[str, str],
) -> list[Any]:
    columns, grouping = shape
    numbers = ", ".join(str(number) for number in metric_numbers(metrics))
    parts = [
        f"SELECT {columns} FROM platform_analytics_aggregated"  # noqa: S608 our own names and whole numbers only
        f" WHERE company_no = {int(company_no)} AND grain = {GRAINS[segment.grain]} AND metric IN ({numbers})"
        f" AND period_start >= {day_number(segment.start)} AND period_start < {day_number(segment.end)}"
        f"{_platforms(platforms)}{grouping}"
        for segment in segments(period, grain)
    ]
    # Straight from the driver: thousands of rows, of which SQLAlchemy would make an object each.
    with closing(session.connection().connection.cursor()) as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return list(cursor.fetchall())
