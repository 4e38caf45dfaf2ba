"""Shares of a total in hundredths of a percent that sum to exactly 100.00 (largest remainder)."""

from collections.abc import Sequence

WHOLE = 10_000


def shares(values: Sequence[int]) -> list[int] | None:
    """Each value's share of their sum, in hundredths of a percent; None where shares mean nothing.

    That is: a sum of 0, or a negative value among them. What rounding down leaves over goes to the largest
    remainders; equal ones are served larger value first, then in the order given, so the answer never wavers.

    >>> shares([1, 1, 1])
    [3334, 3333, 3333]
    >>> shares([0, 7])
    [0, 10000]
    >>> shares([0, 0]) is None
    True
    >>> shares([5, -1]) is None
    True
    """
    total = sum(values)
    if total <= 0 or min(values) < 0:
        return None
    floors = [value * WHOLE // total for value in values]
    left = WHOLE - sum(floors)
    by_claim = sorted(range(len(values)), key=lambda at: (-(values[at] * WHOLE % total), -values[at], at))
    for at in by_claim[:left]:
        floors[at] += 1
    return floors
