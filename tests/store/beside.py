"""Two transactions of one PostgreSQL database side by side, in an order that is the same every time."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from store.errors import StoreError
from store.opening import Store

_WAITING = text(
    "SELECT COUNT(*) FROM pg_locks l JOIN pg_database d ON d.oid = l.database OR l.database IS NULL"
    " WHERE NOT l.granted AND d.datname = current_database()"
)


def wait_until_somebody_waits(store: Store, thread: threading.Thread) -> None:
    """Returns when another transaction of this database waits for a lock; the one in `thread` does, or is over."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with store.reading() as session:
            if session.execute(_WAITING).scalar_one() or not thread.is_alive():
                return
        time.sleep(0.02)
    raise AssertionError("nobody waited")


def beside(
    store: Store, first: Callable[[Session], Iterator[Any]], meanwhile: Callable[[], Any]
) -> list[SQLAlchemyError | StoreError]:
    """Run `first(session)` in a transaction, and when it has come to its `yield`, `meanwhile()` in a thread beside it
    until that waits or is over; what that thread raised."""
    raised: list[SQLAlchemyError | StoreError] = []

    def work() -> None:
        try:
            meanwhile()
        except (SQLAlchemyError, StoreError) as error:
            raised.append(error)

    thread = threading.Thread(target=work)
    with store.writing() as session:
        steps = first(session)
        next(steps)
        thread.start()
        wait_until_somebody_waits(store, thread)
        next(steps, None)
    thread.join(60)
    assert not thread.is_alive()
    return raised
