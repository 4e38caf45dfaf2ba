"""How did it change? Lines by bucket, with gaps where nothing was read."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import date

from domain.facts import day_number
from domain.periods import Grain, Period, buckets
from domain.platforms import BY_NUMBER
from store.reports.numbers import Cell
from store.reports.shapes import Point, Trend


def build_trends(cells: Sequence[Cell], period: Period, grain: Grain, today: date) -> tuple[Trend, ...]:
    """A line for every platform that has cells of one metric; a bucket without a covered day is a gap."""
    platforms: dict[int, list[Cell]] = {}
    for cell in cells:
        platforms.setdefault(cell.platform, []).append(cell)
    parts = buckets(period, grain)
    return tuple(
        Trend(BY_NUMBER[number].key, BY_NUMBER[number].label, build_line(held, parts, today))
        for number, held in sorted(platforms.items())
    )


def build_line(cells: Sequence[Cell], parts: Sequence[Period], today: date, sources: int = 1) -> tuple[Point, ...]:
    """A point for every bucket of `parts`, from cells of one metric of `sources` platforms."""
    starts = [day_number(part.start) for part in parts]
    held: list[list[Cell]] = [[] for _ in parts]
    for cell in cells:
        held[bisect_right(starts, cell.start) - 1].append(cell)
    return tuple(_point(part, found, today, sources) for part, found in zip(parts, held, strict=True))


def _point(part: Period, cells: Sequence[Cell], today: date, sources: int) -> Point:
    if not cells:
        return Point(part.start, part.end, None, part.end > today)
    covered = sum(cell.covered_days for cell in cells)
    return Point(
        start=part.start,
        end=part.end,
        value=sum(cell.value for cell in cells),
        is_partial=part.end > today or covered < part.days * sources,
        is_provisional=any(cell.provisional for cell in cells),
    )
