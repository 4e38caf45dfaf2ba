"""Reading ahead: a thread reads and seals the next rows of a file while the database takes the last ones."""

import sys
from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Lock
from typing import TypeVar

Item = TypeVar("Item")
#: For so long at most the thread that reads keeps the interpreter from one that comes back from the database. With
#: Python's own 5 ms, waited for after each statement of a batch, the two would do their work one after the other.
_TURN_SECONDS = 0.0005
_lock = Lock()
_readers: list[float] = []


def ahead(items: Generator[Item, None, None], most: int = 2) -> Generator[Item, None, None]:
    """The same items, made by one thread, at most `most` of them before they are asked for; none may be None.

    What making them raises is raised here. Close it: the thread ends with it, and `items` is closed by the thread.
    """
    with _short_turns(), ThreadPoolExecutor(1, thread_name_prefix="import") as pool:
        coming = deque(pool.submit(next, items, None) for _ in range(most))
        try:
            while (item := coming.popleft().result()) is not None:
                coming.append(pool.submit(next, items, None))
                yield item
        finally:
            pool.submit(items.close)


@contextmanager
def _short_turns() -> Iterator[None]:
    """In the whole process: threads give way sooner, until the last of those who read ahead is done."""
    with _lock:
        # The time that was there before anybody asked.
        _readers.append(_readers[0] if _readers else sys.getswitchinterval())
        sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        with _lock:
            before = _readers.pop()
            if not _readers:
                sys.setswitchinterval(before)
