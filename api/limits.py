"""How often a key may ask: so many requests in each minute, told with every answer. Counted in this process."""

import math
import time
from functools import lru_cache

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter


class Meter:
    """Counts what each key asked in the minute that its first request began.

    >>> meter = Meter(2)
    >>> [meter.take("a")[0], meter.take("a")[0], meter.take("a")[0], meter.take("b")[0]]
    [1, 0, -1, 1]
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._limit = RateLimitItemPerMinute(per_minute)
        self._counter = FixedWindowRateLimiter(MemoryStorage())

    def take(self, key: str) -> tuple[int, int]:
        """Notes a request: how many are left (-1: refused), and the seconds until the count starts again."""
        is_allowed = self._counter.hit(self._limit, key)
        resets_at, left = self._counter.get_window_stats(self._limit, key)
        return left if is_allowed else -1, max(1, math.ceil(resets_at - time.time()))


@lru_cache(maxsize=4)
def meter(per_minute: int) -> Meter:
    """This process's meter for a limit."""
    return Meter(per_minute)
