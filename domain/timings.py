"""Response times, counted by their upper bounds: enough for quantiles, and small enough to keep for every hour."""

from collections.abc import Mapping

#: Upper bounds of response times in milliseconds; what is slower falls under the last, open one.
BOUNDS_MS = (50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000)


def bucket(taken_ms: int) -> str:
    """The upper bound a response time falls under.

    >>> bucket(50), bucket(51), bucket(60_000)
    ('50', '100', 'inf')
    """
    return next((str(bound) for bound in BOUNDS_MS if taken_ms <= bound), "inf")


def quantile_ms(timings: Mapping[str, int], share: float) -> int | None:
    """The upper bound below which `share` of the response times lie; None without any, and beyond the last bound.

    >>> quantile_ms({"50": 90, "250": 9, "inf": 1}, 0.95)
    250
    >>> quantile_ms({}, 0.5) is None
    True
    """
    wanted, seen = share * sum(timings.values()), 0
    for bound in BOUNDS_MS:
        seen += timings.get(str(bound), 0)
        if seen and seen >= wanted:
            return bound
    return None
