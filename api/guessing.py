"""Slows down who tries codes: by address, and for misses altogether. Counted in this process, for a minute each.

Who has missed too often is told to wait whatever they try next, so that a code found on the way is not told from
another miss. Others are not kept out by that: where all addresses together miss too often, only misses are refused.
"""

import math
import threading
import time
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address, ip_network

from domain.addresses import plain_address

SECONDS = 60
#: Misses by one address in a minute: more than anybody mistypes.
MOST_BY_ONE = 10
#: Misses by all addresses in a minute.
MOST_BY_ALL = 600
#: Addresses told apart in a minute; beyond them only the misses of all count.
MOST_ADDRESSES = 20_000


class Guesses:
    """The misses of this minute.

    >>> clock = iter([0.0] * 12 + [1.0, 1.0, 61.0]).__next__
    >>> guesses = Guesses(clock)
    >>> [guesses.wait("203.0.113.7")] + [guesses.miss("203.0.113.7") for _ in range(11)][-2:]
    [0, 0, 60]
    >>> guesses.wait("203.0.113.7"), guesses.wait("203.0.113.8"), guesses.wait("203.0.113.7")
    (59, 0, 0)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began, self._all, self._by_one = -math.inf, 0, dict[str, int]()
        self._lock = threading.Lock()

    def wait(self, address: str) -> int:
        """Seconds that this address has to wait before it may try anything, 0 for none."""
        with self._lock:
            left = self._left()
            return left if self._by_one.get(_whose(address), 0) > MOST_BY_ONE else 0

    def miss(self, address: str) -> int:
        """Note a miss: the seconds to wait where it is one too many, of this address or of all; 0 where it is not."""
        with self._lock:
            left, whose = self._left(), _whose(address)
            self._all += 1
            if whose in self._by_one or len(self._by_one) < MOST_ADDRESSES:
                self._by_one[whose] = self._by_one.get(whose, 0) + 1
            return left if self._all > MOST_BY_ALL or self._by_one.get(whose, 0) > MOST_BY_ONE else 0

    def _left(self) -> int:
        """Seconds until the counts begin again."""
        now = self._clock()
        if now - self._began >= SECONDS:
            self._began, self._all, self._by_one = now, 0, {}
        return max(1, math.ceil(self._began + SECONDS - now))


def _whose(address: str) -> str:
    """What one party holds: an IPv4 address, or a /64 of IPv6.

    >>> _whose("::ffff:203.0.113.7"), _whose("2001:db8:1:2:3::77"), _whose("")
    ('203.0.113.7', '2001:db8:1:2::/64', '')
    """
    try:
        found = ip_address(plain_address(address))
    except ValueError:
        return ""
    return str(ip_network((found, 64), strict=False)) if isinstance(found, IPv6Address) else str(found)
