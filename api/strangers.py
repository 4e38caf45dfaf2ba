"""Webhook addresses that nobody knows are answered from memory: trying them costs the database next to nothing.

Which addresses there are is read at most once a second, whoever tries how many. One that was made a moment ago is still
found: who asks for one that is not among them waits for the next read. Only who keeps asking for such is answered at
once, from what is known.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable

from api.limits import Meter

Key = tuple[str, str]
#: Reads are so far apart at least.
SECONDS = 1.0
#: Unknown addresses that one visitor may try in a minute and have looked up, and visitors that may wait for it at once.
MOST_BY_ONE = 30
MOST_WAITING = 1_000
_FORM = re.compile(r"[A-Za-z0-9_-]{32}")


class Strangers:
    """Tells addresses that are there from those that are not. `read` brings all that are there, and may raise."""

    def __init__(self, read: Callable[[], Awaitable[frozenset[Key]]]) -> None:
        self._read = read
        self._known: frozenset[Key] = frozenset()
        self._read_at = float("-inf")
        self._reading: asyncio.Task[None] | None = None
        self._waiting = 0
        self._asked: set[Key] = set()
        self._meter = Meter(MOST_BY_ONE)

    async def has(self, key: Key, visitor: str) -> bool:
        """Whether there is such an address, as `visitor` asks for it. Raises what `read` raises."""
        if key in self._known:
            return True
        if not _FORM.fullmatch(key[1]) or self._waiting >= MOST_WAITING:
            return False
        # A platform with much to deliver to a new address, or to any after a start, tries one and not many.
        is_first = key not in self._asked
        if is_first and self._meter.take(visitor)[0] < 0:
            return False
        self._asked.add(key)
        self._waiting += 1
        try:
            await self._next_read()
        finally:
            self._waiting -= 1
            if is_first:
                self._asked.discard(key)
        return key in self._known

    def forget(self) -> None:
        """Know nothing: the next one who asks has it read."""
        self._known, self._read_at, self._meter = frozenset(), float("-inf"), Meter(MOST_BY_ONE)

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
