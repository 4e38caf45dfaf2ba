"""Rates as numerator and denominator, never stored and never averaged."""

from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Rate:
    """A ratio that still knows its terms. Adding two rates adds their terms: that is the only right mean.

    >>> Rate(1, 4) + Rate(1, 1)
    Rate(numerator=2, denominator=5)
    >>> Rate(3, 12).ratio
    0.25
    >>> Rate(3, 0).ratio is None
    True
    """

    numerator: int
    denominator: int

    @property
    def ratio(self) -> float | None:
        """Numerator by denominator; None when nothing is there to divide by."""
        return self.numerator / self.denominator if self.denominator else None

    def __add__(self, other: "Rate") -> "Rate":
        return Rate(self.numerator + other.numerator, self.denominator + other.denominator)


def change_ratio(current: float | None, previous: float | None) -> float | None:
    """Growth against the comparison, 0.5 for half as much again; None without a base to grow from.

    >>> change_ratio(150, 100)
    0.5
    >>> change_ratio(5, 0) is None
    True
    """
    if current is None or not previous:
        return None
    return (current - previous) / abs(previous)


def median_days(days: list[float]) -> float | None:
    """The middle number of days, None of nothing.

    >>> median_days([1, 9, 3])
    3
    """
    return median(days) if days else None
