"""The store of this process: opened at start, or tried again in the background while the database is away."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from shutil import disk_usage

from settings import Settings
from store.engine import sqlite_path
from store.opening import Store, open_store

LEAST_FREE_BYTES = 16 * 2**20


class StoreUnavailable(RuntimeError):
    """The database cannot be reached now; it is being tried again."""


@dataclass(slots=True)
class _Running:
    store: Store | None = None
    reason: str = "starting"
    lock: threading.Lock = field(default_factory=threading.Lock)


_RUNNING = _Running()


def start_store(settings: Settings) -> Store:
    """Opens the process's store once. Raises what `open_store` raises; a second call returns the open one."""
    with _RUNNING.lock:
        if _RUNNING.store is None:
            try:
                _RUNNING.store = open_store(settings)
            except Exception as error:
                _RUNNING.reason = type(error).__name__
                raise
            _RUNNING.reason = ""
        return _RUNNING.store


def use_store(store: Store | None) -> None:
    """Makes `store` the process's store (None forgets it): for tests and commands."""
    _RUNNING.store = store
    _RUNNING.reason = "" if store else "stopped"


def running_store() -> Store:
    """The process's store. Raises StoreUnavailable while the database is away."""
    if _RUNNING.store is None:
        raise StoreUnavailable(_RUNNING.reason)
    return _RUNNING.store


def has_room() -> bool:
    """Whether SQLite's disk has room for another sync; its log takes small writes for a while after that."""
    path = sqlite_path(running_store().engine)
    return not path or disk_usage(Path(path).parent).free >= LEAST_FREE_BYTES


def stop_store() -> None:
    """Closes the process's store and its connections."""
    with _RUNNING.lock:
        if _RUNNING.store is not None:
            _RUNNING.store.engine.dispose()
        _RUNNING.store = None
        _RUNNING.reason = "stopped"
