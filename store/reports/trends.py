"""How did it change? Lines by bucket, with gaps where nothing was read."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date

from domain.facts import day_number
from domain.periods import Period
from domain.platforms import BY_NUMBER
from store.reports.numbers import Cell
from store.reports.shapes import Point, Trend


class Axis:
    """The buckets that lines are drawn over, looked at once for all lines; `today` says which are over."""

    def __init__(self, parts: Sequence[Period], today: date) -> None:
        self.starts = [day_number(part.start) for part in parts]
        self.places = {start: at for at, start in enumerate(self.starts)}
        #: (start, end, is not over, days) of each
        self.parts = [(part.start, part.end, part.end > today, part.days) for part in parts]


def build_trends(cells: Sequence[Cell], axis: Axis) -> tuple[Trend, ...]:
    """A line for every platform that has cells of one metric; a bucket without a covered day is a gap."""
    platforms: dict[int, list[Cell]] = {}
    for cell in cells:
        platforms.setdefault(cell[1], []).append(cell)
    return tuple(
        Trend(BY_NUMBER[number].key, BY_NUMBER[number].label, build_line(held, axis))
        for number, held in sorted(platforms.items())
    )


def build_line(cells: Iterable[Cell], axis: Axis, sources: int = 1) -> tuple[Point, ...]:
    """A point for every bucket of the axis, from cells of one metric of `sources` platforms."""
    places, starts = axis.places, axis.starts
    values: list[int | None] = [None] * len(starts)
    covered = [0] * len(starts)
    restated = [False] * len(starts)
    # One pass, for there are thousands of cells.
    for _, _, _, start, value, days, provisional in cells:
        at = places[start] if start in places else bisect_right(starts, start) - 1
        values[at] = value + (values[at] or 0)
        covered[at] += days
        if provisional:
            restated[at] = True
    return tuple(
        Point(start, end, value, is_open if value is None else is_open or read < days * sources, is_restated)
        for (start, end, is_open, days), value, read, is_restated in zip(
            axis.parts, values, covered, restated, strict=True
        )
    )
