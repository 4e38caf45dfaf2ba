"""SQLite's log moved beside the thread that writes: it begins anew, errors are told, and no thread stays."""

import shutil
import sqlite3
import threading
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine
from sqlmodel import Session

from store import log_moving
from store.engine import checkpoint, moving_beside, run_writing
from store.errors import DatabaseUnwritable
from store.tables import AppMeta


@pytest.fixture(autouse=True)
def few_commits(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same with fewer commits: sent to the disk after each, moved after four, at the latest with the sixth."""
    for name, number in (("FLUSHED_COMMITS", 1), ("MOVED_COMMITS", 4), ("MOST_COMMITS", 6)):
        monkeypatch.setattr(log_moving, name, number)


def commit_lazily(engine: Engine, numbers: range) -> None:
    """One row a commit."""
    for number in numbers:
        entry = AppMeta(key=f"lazy-{number}", value="x" * 1000)
        run_writing(engine, partial(Session.add, instance=entry), lazily=True)


def rows_in_file(engine: Engine, place: Path) -> int:
    """How many of the rows stand in the database's own file, its log left out."""
    copied = place / "without-log.db"
    shutil.copy(str(engine.url.database), copied)
    with closing(sqlite3.connect(copied)) as alone:
        (count,) = alone.execute("SELECT count(*) FROM app_meta WHERE key LIKE 'lazy-%'").fetchone()
    return int(count)


def threads() -> list[str]:
    """The threads that move logs."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("log_")]


def test_the_log_is_moved_by_another_thread_and_begins_anew(sqlite_engine: Engine, tmp_path: Path) -> None:
    checkpoint(sqlite_engine)
    log = Path(f"{sqlite_engine.url.database}-wal")
    with moving_beside(sqlite_engine):
        commit_lazily(sqlite_engine, range(3))
        assert rows_in_file(sqlite_engine, tmp_path) == 0
        assert len(threads()) == 1
        commit_lazily(sqlite_engine, range(3, 6))
        # With the sixth commit at the latest, all before it were moved.
        assert rows_in_file(sqlite_engine, tmp_path) >= 5
        grown = log.stat().st_size
        for first in range(6, 54, 6):
            commit_lazily(sqlite_engine, range(first, first + 6))
        # Eight times as much went through it.
        assert log.stat().st_size < 3 * grown
    assert rows_in_file(sqlite_engine, tmp_path) == 54
    assert threads() == []


def test_who_commits_hears_that_the_log_could_not_be_moved(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_mover: object) -> None:
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    monkeypatch.setattr(log_moving.LogMover, "_move", fail)
    with pytest.raises(DatabaseUnwritable), moving_beside(sqlite_engine):
        commit_lazily(sqlite_engine, range(6))
    assert threads() == []


def test_of_two_who_move_the_log_of_one_database_the_second_goes_on_alone(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    first, second = moving_beside(sqlite_engine), moving_beside(sqlite_engine)
    first.__enter__()
    with second:
        commit_lazily(sqlite_engine, range(2))
        first.__exit__(None, None, None)
        assert threads() == []
        commit_lazily(sqlite_engine, range(2, 9))
    checkpoint(sqlite_engine)
    assert rows_in_file(sqlite_engine, tmp_path) == 9


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_postgresql_has_no_log_of_ours_to_move(engine: Engine) -> None:
    with moving_beside(engine):
        commit_lazily(engine, range(7))
        assert threads() == []
