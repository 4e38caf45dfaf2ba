"""Copies of an SQLite database, made while it is in use."""

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

KEPT = 10


def back_up(database: Path, folder: Path, revision: str) -> Path:
    """Copy `database` into `folder`, readable by us alone, and keep the last ten. Returns the copy's path.

    The copy appears under its name only when it is whole. Raises OSError or sqlite3.Error, and leaves nothing behind.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%fZ")
    copy = folder / f"sourceboard-{stamp}-{revision or 'none'}.db"
    unfinished = copy.with_suffix(".part")
    try:
        os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(unfinished)) as target:
            source.backup(target, pages=4096)
            _forget_salts(target)
            # A copy in WAL mode would need its own -wal file beside it.
            target.execute("PRAGMA journal_mode = DELETE")
        with unfinished.open("rb") as written:
            os.fsync(written.fileno())
        unfinished.rename(copy)
    finally:
        unfinished.unlink(missing_ok=True)
    for old in sorted(folder.glob("sourceboard-*.db"))[:-KEPT]:
        old.unlink(missing_ok=True)
    return copy


def _forget_salts(copy: sqlite3.Connection) -> None:
    """The salts of visitors' hashes live for two days; in a copy they would live as long as the copy."""
    if copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'visitor_salts'").fetchone():
        copy.execute("PRAGMA secure_delete = ON")
        copy.execute("DELETE FROM visitor_salts")
        copy.commit()
