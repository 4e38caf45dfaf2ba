"""How did it change? Lines by bucket, with gaps where nothing was read."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
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


def build_line(cells: Iterable[Cell], parts: Sequence[Period], today: date, sources: int = 1) -> tuple[Point, ...]:
    """A point for every bucket of `parts`, from cells of one metric of `sources` platforms."""
    starts = [day_number(part.start) for part in parts]
    places = {start: at for at, start in enumerate(starts)}
    # Per bucket: value, covered days, provisional. One pass, for there are thousands of cells.
    held: list[list[int] | None] = [None] * len(parts)
    for _, _, _, start, value, covered, provisional in cells:
        at = places[start] if start in places else bisect_right(starts, start) - 1
        entry = held[at]
        if entry is None:
            held[at] = [value, covered, provisional]
        else:
            entry[0] += value
            entry[1] += covered
            entry[2] |= provisional
    return tuple(_point(part, entry, today, sources) for part, entry in zip(parts, held, strict=True))


def _point(part: Period, entry: list[int] | None, today: date, sources: int) -> Point:
    if entry is None:
        return Point(part.start, part.end, None, part.end > today)
    value, covered, provisional = entry
    is_partial = part.end > today or covered < part.days * sources
    return Point(part.start, part.end, value, is_partial, bool(provisional))
