"""How often a key may ask: so many requests in each minute, told with every answer. Counted in this process.

Own code on purpose: the library `limits` starts a thread from within requests, each of which waits milliseconds for it.
"""

import math
import threading
import time
from functools import lru_cache

SECONDS = 60
#: More keys than this are not told apart in one minute; nobody is let in for that, nobody kept out.
MOST_KEYS = 10_000


class Meter:
    """Counts what each key asked in the minute that its first request began.

    >>> meter = Meter(2)
    >>> asked = [("a", 10.0), ("a", 11.5), ("a", 12.0), ("b", 12.0), ("a", 70.0)]
    >>> [meter.take(*one) for one in asked]
    [(1, 60), (0, 59), (-1, 58), (1, 60), (1, 60)]
    """

    def __init__(self, per_minute: int) -> None:
        self.per_minute = per_minute
        self._counts: dict[str, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def take(self, key: str, now: float | None = None) -> tuple[int, int]:
        """Notes a request: how many are left (-1: refused), and the seconds until the count starts again."""
        now = time.monotonic() if now is None else now
        with self._lock:
            start, count = self._counts.get(key, (now, 0))
            if now - start >= SECONDS:
                start, count = now, 0
            if key not in self._counts and len(self._counts) >= MOST_KEYS:
                self._counts = {name: kept for name, kept in self._counts.items() if now - kept[0] < SECONDS}
            if key in self._counts or len(self._counts) < MOST_KEYS:
                self._counts[key] = (start, count + 1)
        return max(-1, self.per_minute - count - 1), max(1, math.ceil(start + SECONDS - now))


@lru_cache(maxsize=4)
def meter(per_minute: int) -> Meter:
    """This process's meter for a limit."""
    return Meter(per_minute)
