"""Group commit: what many requests want stored is one transaction, and each is answered once that is on the disk.

    result = await gathering().put(write_deliveries, item)

`write` is a function `(session, items) -> results`, one result an item. All items that wait, whatever their function,
are committed together; `put` returns after the commit. Nothing is acknowledged that a kill could take back.
"""

import asyncio
import sqlite3
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from actions.running import StoreUnavailable, running_store
from store.engine import Urgency, run_writing
from store.errors import StoreError
from store.opening import Store

_LOG = structlog.get_logger(__name__)
#: Requests that may wait; above it they are told to come back.
MOST_WAITING = 4_000
#: Items to a transaction: far under 50 ms.
MOST_AT_ONCE = 400
#: So many are worth a commit: they go while the next ones are being read. Fewer wait for company, but not for long:
#: a commit costs as much as dozens of requests, and its thread and the event loop's take the interpreter in turns.
ENOUGH = 36
LINGER_SECONDS = 0.004
RETRY_SECONDS = 5

Write = Callable[[Session, Sequence[Any]], Sequence[Any]]


class NotStored(Exception):
    """Nothing was promised: too much waits, or the database cannot be written. Ask again in RETRY_SECONDS."""


@dataclass(slots=True)
class _Waiting:
    write: Write
    item: Any
    done: "asyncio.Future[Any]"


class Gathering:
    """The queue of one event loop, and the one transaction at a time that empties it, in a thread of its own.

    While a batch is on its way to the disk the next one gathers, so that neither the loop nor the disk waits. Who comes
    while a batch waits for its turn to write, beside a sync for longer than it takes to write it, still joins it.
    """

    def __init__(self, store: Callable[[], Store] = running_store, *, most_waiting: int = MOST_WAITING) -> None:
        self._store = store
        self._most_waiting = most_waiting
        self._waiting: deque[_Waiting] = deque()
        self._batch: list[_Waiting] = []
        self._timer: asyncio.TimerHandle | None = None
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="gathering")

    async def put(self, write: Write, item: Any) -> Any:
        """Store `item`; what `write` made of it, after the commit. Raises NotStored, or what `write` raised for it."""
        if len(self._waiting) + len(self._batch) >= self._most_waiting:
            raise NotStored("too much is waiting to be stored")
        loop = asyncio.get_running_loop()
        waiting = _Waiting(write, item, loop.create_future())
        self._waiting.append(waiting)
        if not self._batch:
            self._go_or_linger(loop)
        return await waiting.done

    def _go_or_linger(self, loop: asyncio.AbstractEventLoop) -> None:
        if len(self._waiting) >= ENOUGH:
            self._go(loop)
        elif self._waiting and self._timer is None:
            self._timer = loop.call_later(LINGER_SECONDS, self._go, loop)

    def _go(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin the transaction of those who wait, and wait for nobody else."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._join()
        writing = loop.run_in_executor(self._writer, _store_batch, self._store, self._batch, self._join)
        writing.add_done_callback(partial(self._end, loop, self._batch))

    def _join(self) -> None:
        """All who wait, as far as they fit, into the batch in hand: from the loop before it is under way, then from the
        thread that writes it, and never from both at a time."""
        while self._waiting and len(self._batch) < MOST_AT_ONCE:
            self._batch.append(self._waiting.popleft())

    def _end(
        self, loop: asyncio.AbstractEventLoop, batch: Sequence[_Waiting], written: "asyncio.Future[list[Any]]"
    ) -> None:
        """The next transaction first, then the answers."""
        self._batch = []
        self._go_or_linger(loop)
        error = written.exception()
        # Each who waits is told, whatever it is.
        outcomes = [error] * len(batch) if error is not None else written.result()
        for waiting, outcome in zip(batch, outcomes, strict=True):
            _tell(waiting.done, outcome)


def _tell(done: "asyncio.Future[Any]", outcome: Any) -> None:
    if done.done():
        # The one who asked has gone; what was to be stored is stored.
        return
    if isinstance(outcome, BaseException):
        done.set_exception(outcome)
    else:
        done.set_result(outcome)


def _store_batch(store: Callable[[], Store], batch: Sequence[_Waiting], join: Callable[[], None]) -> list[Any]:
    """Results of a batch, or errors in their place. One item that cannot be stored does not fail the others.

    `join` is called when the turn has come, and may make the batch longer.
    """
    try:
        return _commit(store(), batch, join)
    except (StoreUnavailable, StoreError, TimeoutError) as error:
        return [NotStored(str(error))] * len(batch)
    except (SQLAlchemyError, sqlite3.Error, psycopg.Error) as error:
        if _is_lost(error):
            _LOG.warning("a batch was not stored", items=len(batch), reason=type(error).__name__)
            return [NotStored("the database cannot be reached")] * len(batch)
        if len(batch) == 1:
            return [error]
    except Exception as error:  # noqa: BLE001 - a mistake in one item's data, told to that one
        if len(batch) == 1:
            return [error]
    return [outcome for one in batch for outcome in _store_batch(store, [one], _nobody)]


def _nobody() -> None:
    """Joins one that is tried by itself."""


def _commit(store: Store, batch: Sequence[_Waiting], join: Callable[[], None]) -> list[Any]:
    def work(session: Session) -> list[Any]:
        join()
        return _write(session, batch)

    return run_writing(store.engine, work, Urgency.EVENT)


def _write(session: Session, batch: Sequence[_Waiting]) -> list[Any]:
    by_write: dict[Write, list[int]] = {}
    for at, waiting in enumerate(batch):
        by_write.setdefault(waiting.write, []).append(at)
    outcomes: list[Any] = [None] * len(batch)
    for write, places in by_write.items():
        results = write(session, [batch[at].item for at in places])
        for at, result in zip(places, results, strict=True):
            outcomes[at] = result
    return outcomes


def _is_lost(error: Exception) -> bool:
    """Whether the database itself failed (busy, gone, the commit's outcome unknown): no fault of any one item."""
    is_unsure = getattr(error, "connection_invalidated", False) or getattr(error, "outcome_unknown", False)
    return is_unsure or type(error).__name__ in _PASSING


_PASSING = {"OperationalError", "InterfaceError"}
_gatherings: "weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Gathering]" = weakref.WeakKeyDictionary()


def gathering() -> Gathering:
    """The gathering of the running event loop."""
    loop = asyncio.get_running_loop()
    found = _gatherings.get(loop)
    if found is None:
        found = _gatherings[loop] = Gathering()
    return found
