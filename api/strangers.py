"""Webhook addresses that nobody knows are answered from memory: trying them costs the database next to nothing.

Which addresses there are is read at most once a second, whoever tries how many. One that was made a moment ago is still
found: who asks for one that is not among them waits for the next read. Only who keeps asking for such is answered at
once, from what is known.
"""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable

Key = tuple[str, str]
#: Reads are so far apart at least.
SECONDS = 1.0
#: Addresses in a minute that one visitor tried and that were not there; above it theirs are not looked up any more.
#: Whoever tries one after the other, waiting for each answer, never gets there.
MOST_BY_ONE = 300
#: Requests that may wait for a read at once, and visitors that are told apart in a minute.
MOST_WAITING = 4_000
MOST_VISITORS = 10_000
_FORM = re.compile(r"[A-Za-z0-9_-]{32}")


class Strangers:
    """Tells addresses that are there from those that are not. `read` brings all that are there, and may raise."""

    def __init__(self, read: Callable[[], Awaitable[frozenset[Key]]]) -> None:
        self._read = read
        self._known: frozenset[Key] = frozenset()
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._waiting = 0
        self._minute, self._misses = -1, Counter[str]()

    async def has(self, key: Key, visitor: str) -> bool:
        """Whether there is such an address, as `visitor` asks for it. Raises what `read` raises."""
        if key in self._known:
            return True
        # Only misses count: a platform with much to deliver to a new address, or to any after a start, finds it.
        if not _FORM.fullmatch(key[1]) or self._waiting >= MOST_WAITING or self._missed(visitor) >= MOST_BY_ONE:
            return False
        self._waiting += 1
        try:
            await self._next_read()
        finally:
            self._waiting -= 1
        is_there = key in self._known
        if not is_there and (visitor in self._misses or len(self._misses) < MOST_VISITORS):
            self._misses[visitor] += 1
        return is_there

    def _missed(self, visitor: str) -> int:
        """How often a visitor missed in this minute of the clock."""
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._misses = minute, Counter()
        return self._misses[visitor]

    async def _next_read(self) -> None:
        if self._reading is None:
            # One reads for all who wait: a read that begins later than their question tells the truth to each.
            self._reading = asyncio.get_running_loop().create_task(self._refresh(), name="webhook addresses")
        await asyncio.shield(self._reading)

    async def _refresh(self) -> None:
        try:
            await asyncio.sleep(max(0.0, self._read_at + SECONDS - time.monotonic()))
            # Who comes from here on may mean an address that this read misses: they wait for another one.
            self._reading = None
            self._read_at = time.monotonic()
            self._known = await self._read()
        finally:
            if self._reading is asyncio.current_task():
                self._reading = None
