"""Whose turn it is to write: SQLite has one writer, and its own waiting is unfair."""

import heapq
import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum


class Urgency(IntEnum):
    """Events are acknowledged to somebody who waits; pages can wait for them; aggregates for both."""

    EVENT = 0
    PAGE = 1
    AGGREGATE = 2


class Turnstile:
    """Lets one writer of this process through at a time: the most urgent first, then first come, first served."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[tuple[int, int]] = []
        self._numbers = itertools.count()
        self._holder: int | None = None

    @contextmanager
    def turn(self, urgency: Urgency, patience: float) -> Iterator[None]:
        """Wait for the turn, at most `patience` seconds (then TimeoutError), and hold it for the block."""
        me = threading.get_ident()
        with self._changed:
            if self._holder == me:
                raise RuntimeError("a write transaction is already open in this thread")
            self._wait(urgency, patience)
            self._holder = me
        try:
            yield
        finally:
            with self._changed:
                self._holder = None
                self._changed.notify_all()

    def _wait(self, urgency: Urgency, patience: float) -> None:
        ticket = (int(urgency), next(self._numbers))
        deadline = time.monotonic() + patience
        heapq.heappush(self._waiting, ticket)
        try:
            while self._holder is not None or self._waiting[0] != ticket:
                left = deadline - time.monotonic()
                if left <= 0 or not self._changed.wait(left):
                    raise TimeoutError("no turn to write to the database")
        finally:
            self._waiting.remove(ticket)
            heapq.heapify(self._waiting)
            self._changed.notify_all()
