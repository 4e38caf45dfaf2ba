"""Garbage while a large file is read: rows die by their reference counts alone, and looking for more takes time."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

#: New objects that set off a collection meanwhile; Python's own 700 are a hundred rows, and many more would keep the
#: sessions of a hundred transactions in memory.
_NEW_OBJECTS = 5_000
_lock = Lock()
_readers: list[tuple[int, int, int]] = []


@contextmanager
def collecting_seldom() -> Iterator[None]:
    """In the whole process: collect only after many new objects, until the last of those who asked for it is done."""
    with _lock:
        # The thresholds that were there before anybody asked.
        _readers.append(_readers[0] if _readers else gc.get_threshold())
        gc.set_threshold(_NEW_OBJECTS, *_readers[0][1:])
    try:
        yield
    finally:
        with _lock:
            before = _readers.pop()
            if not _readers:
                gc.set_threshold(*before)
