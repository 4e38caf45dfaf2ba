"""Reads stored aggregates: cells and sums of a period, the last covered day. Other reports stand on it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import closing
from datetime import date
from typing import Any, NamedTuple

from sqlmodel import Session

from domain.facts import day_number, day_of
from domain.metrics import BY_NAME
from domain.periods import Grain, Period, Segment, segments
from store.tables.facts import GRAINS

#: Periods longer than this are read from weeks, with days at the edges.
DAILY_UP_TO = 45


#: One stored aggregate: metric, platform, currency, first day's number, value (minor units where the metric is money),
#: covered days, provisional. A plain tuple as the driver gives it, for there are thousands.
Cell = tuple[int, int, str, int, int, int, int]


class Sum(NamedTuple):
    """A platform's total of one metric over a period, and on how many of its days it was read."""

    value: int
    covered_days: int
    provisional: int


Sums = dict[tuple[int, int, str], Sum]


class Asked(NamedTuple):
    """Whose aggregates a report reads, and of which platforms' numbers; none named: of all."""

    session: Session
    company_no: int
    platforms: Sequence[int] = ()


def metric_numbers(names: Iterable[str]) -> list[int]:
    """Numbers of metrics by name."""
    return [BY_NAME[name].number for name in names]


def read_cells(
    asked: Asked, metrics: Sequence[str], period: Period, grain: Grain, *, totals: Sequence[str] = ()
) -> list[Cell]:
    """The aggregates that cover `period`: whole buckets of `grain` inside, days at its edges, in no order.

    Of `totals`, metrics wanted for their sums alone, a few cells tell it all.
    """
    parts = _selects(asked, _CELLS, metrics, segments(period, grain))
    if totals:
        parts += _selects(asked, _ONE_CELL, totals, segments(period, _coarse(period)))
    return list(_run(asked.session, parts))


def read_sums(asked: Asked, metrics: Sequence[str], periods: Collection[Period]) -> dict[Period, Sums]:
    """Totals over each of the periods by (metric, platform, currency), in one question."""
    found: dict[Period, Sums] = {period: {} for period in periods}
    ordered = list(found)
    parts = [
        part
        for number, period in enumerate(ordered)
        for part in _selects(asked, f"{number}, {_SUMS}", metrics, segments(period, _coarse(period)))
    ]
    for number, metric, platform, currency, value, covered, provisional in _run(asked.session, parts):
        sums = found[ordered[number]]
        before = sums.get((metric, platform, currency), Sum(0, 0, 0))
        sums[metric, platform, currency] = Sum(
            before.value + value, before.covered_days + covered, max(before.provisional, provisional)
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


def last_cells(cells: Mapping[int, Iterable[Cell]], metrics: Sequence[str], before: date) -> dict[str, date]:
    """For each metric, the last day before `before` that daily cells (by metric) tell of."""
    end = day_number(before)
    found = {
        name: max((cell[3] for cell in cells.get(BY_NAME[name].number, ()) if cell[3] < end), default=None)
        for name in metrics
    }
    return {name: day_of(day) for name, day in found.items() if day is not None}


def last_covered_days(asked: Asked, metrics: Sequence[str], before: date) -> dict[str, date]:
    """For each metric, the last day before `before` that any of the platforms has been read for."""
    numbers = metric_numbers(metrics)
    parts = [
        f"SELECT {number} AS metric, MAX(period_start) AS day FROM platform_analytics_aggregated"  # noqa: S608 numbers only
        f" WHERE company_no = {int(asked.company_no)} AND grain = 1 AND metric = {number}"
        f" AND period_start < {day_number(before)}{_chosen(asked)}"
        for number in numbers
    ]
    names = dict(zip(numbers, metrics, strict=True))
    return {names[metric]: day_of(day) for metric, day in _run(asked.session, parts) if day is not None}


_CELLS = "metric, platform, currency, period_start, value, covered_days, provisional"
_GROUP = " GROUP BY metric, platform, currency"
_SUM = "CAST(SUM(value) AS BIGINT), CAST(SUM(covered_days) AS BIGINT), MAX(provisional)"
_SUMS = f"metric, platform, currency, {_SUM}"
_ONE_CELL = f"metric, platform, currency, MIN(period_start), {_SUM}"


def _coarse(period: Period) -> Grain:
    return "day" if period.days <= DAILY_UP_TO else "month"


def _chosen(asked: Asked) -> str:
    return f" AND platform IN ({', '.join(str(int(number)) for number in asked.platforms)})" if asked.platforms else ""


def _selects(asked: Asked, columns: str, metrics: Sequence[str], parts: Iterable[Segment]) -> list[str]:
    numbers = ", ".join(str(number) for number in metric_numbers(metrics))
    grouping = "" if columns == _CELLS else _GROUP
    return [
        f"SELECT {columns} FROM platform_analytics_aggregated"  # noqa: S608 our own names and whole numbers only
        f" WHERE company_no = {int(asked.company_no)} AND grain = {GRAINS[part.grain]} AND metric IN ({numbers})"
        f" AND period_start >= {day_number(part.start)} AND period_start < {day_number(part.end)}"
        f"{_chosen(asked)}{grouping}"
        for part in parts
    ]


def _run(session: Session, parts: Sequence[str]) -> Iterable[Any]:
    """Rows of all SELECTs. Straight from the driver: SQLAlchemy would make an object of each."""
    if not parts:
        return ()
    with closing(session.connection().connection.cursor()) as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        return cursor.fetchall()
