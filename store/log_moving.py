"""SQLite's log moved into the file beside the thread that writes: who brings a million rows waits for no disk."""

import os
import sqlite3
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from threading import Lock

#: Commits after which what is in the log is sent to the disk. Else the next one that waits for the disk, an event's,
#: would wait for all of them.
FLUSHED_COMMITS = 4
#: Commits after which the log is moved into the file: pages that several of them wrote are moved once.
MOVED_COMMITS = 48
#: Commits after which the thread that writes waits for the one that moves: the log has to end somewhere.
MOST_COMMITS = 64


class LogMover:
    """Moves the log of lazy commits into the database at `path`, as far as readers allow; keeps no writer out."""

    def __init__(self, path: Path) -> None:
        self._path, self._log = path, Path(f"{path}-wal")
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="log")
        self._lock, self._is_closed, self._commits = Lock(), False, 0
        self._flushing: Future[None] | None = None
        self._moving: Future[None] | None = None

    def count(self) -> None:
        """One lazy commit more, of any thread. Raises what moving has raised."""
        with self._lock:
            if not self._is_closed:
                self._count()

    def close(self) -> None:
        """Wait for the thread to end."""
        with self._lock:
            self._is_closed = True
        self._pool.shutdown(wait=True)

    def _count(self) -> None:
        self._commits += 1
        if self._moving is not None:
            if self._moving.done() or self._commits >= MOST_COMMITS:
                self._end_moving(self._moving)
        elif self._commits >= MOVED_COMMITS:
            self._moving = self._pool.submit(self._move)
        elif not self._commits % FLUSHED_COMMITS and (self._flushing is None or self._flushing.done()):
            self._flushing = self._pool.submit(self._flush)

    def _end_moving(self, moving: "Future[None]") -> None:
        """Move the little that was written meanwhile: only a log that is moved whole begins anew."""
        moving.result()
        self._moving, self._commits = None, 0
        self._move()

    def _move(self) -> None:
        # A connection of its own: of two that take turns in a pool, each finds what it remembers changed by the other.
        with closing(sqlite3.connect(self._path, timeout=20, isolation_level=None)) as connection:
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def _flush(self) -> None:
        # The log alone may be opened and closed: closing any handle of the database would drop this process's locks.
        with suppress(FileNotFoundError):
            handle = os.open(self._log, os.O_RDWR)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
