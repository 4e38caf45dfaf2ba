"""Transactions: what they see, what they lock, and how they fail."""

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, select

from store.engine import (
    BUSY_SECONDS,
    LAZY_COMMITS,
    checkpoint,
    keep_log,
    open_engine,
    reading,
    run_writing,
    sqlite_path,
    writing,
)
from store.errors import StartError
from store.opening import Store
from store.tables import AppMeta, Company
from store.turns import Turnstile, Urgency

#: For faults that SQLite does not have.
on_postgresql = pytest.mark.parametrize("database_kind", ["postgresql"])


def test_a_block_commits_at_its_end(store: Store, company: Company) -> None:
    with store.reading() as session:
        assert session.get(Company, company.id).name == "Harbour Works"


def test_a_block_that_raises_leaves_nothing(engine: Engine) -> None:
    def add_and_raise() -> None:
        with writing(engine) as session:
            session.add(AppMeta(key="a", value="b"))
            session.flush()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        add_and_raise()
    with reading(engine) as session:
        assert session.get(AppMeta, "a") is None


def test_a_reader_cannot_write(engine: Engine) -> None:
    with reading(engine) as session:
        session.add(AppMeta(key="a", value="b"))
        with pytest.raises(DBAPIError):
            session.flush()
    with writing(engine) as session:
        session.add(AppMeta(key="a", value="b"))


def test_a_reader_sees_one_moment(engine: Engine) -> None:
    count = select(func.count()).select_from(AppMeta)
    with reading(engine) as reader:
        before = reader.execute(count).scalar_one()
        with writing(engine) as session:
            session.add(AppMeta(key="a", value="b"))
        assert reader.execute(count).scalar_one() == before


def test_the_disk_of_sqlite_is_used_with_care(sqlite_engine: Engine) -> None:
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "trusted_schema": 0}
    with reading(sqlite_engine) as session:
        assert {name: session.execute(text(f"PRAGMA {name}")).scalar_one() for name in wanted} == wanted


@pytest.mark.parametrize("url", ["postgresql+psycopg://u:hidden@h:port/db", "postgresql+psycopg:/u:hidden@h/db"])
def test_an_address_that_cannot_be_read_is_said_without_its_password(url: str) -> None:
    with pytest.raises(StartError, match="DATABASE_URL cannot be read") as told:
        open_engine(url)
    assert "hidden" not in str(told.value)


def test_two_that_open_a_new_file_at_once_both_may(tmp_path: Path) -> None:
    together = threading.Barrier(2, timeout=60)

    def open_at_once(path: Path) -> str:
        with closing(sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)) as connection:
            together.wait()
            keep_log(connection)
            connection.execute("CREATE TABLE IF NOT EXISTS told (number)")
            return str(connection.execute("PRAGMA journal_mode").fetchone()[0])

    with ThreadPoolExecutor(2) as pool:
        for number in range(25):
            assert list(pool.map(open_at_once, [tmp_path / f"{number}.db"] * 2)) == ["wal", "wal"]


def test_writers_and_a_long_reader_do_not_lock_each_other_out(engine: Engine) -> None:
    with writing(engine) as session:
        session.add(AppMeta(key="count", value="0"))

    def count_up(_: int) -> None:
        for _turn in range(5):
            with writing(engine) as session:
                row = session.exec(select(AppMeta).where(AppMeta.key == "count").with_for_update()).one()
                row.value = str(int(row.value) + 1)

    with reading(engine) as reader, ThreadPoolExecutor(8) as pool:
        assert reader.get_one(AppMeta, "count").value == "0"
        list(pool.map(count_up, range(8)))
    with reading(engine) as session:
        assert session.get_one(AppMeta, "count").value == "40"


def test_a_second_write_inside_the_first_is_a_named_mistake(sqlite_engine: Engine) -> None:
    with writing(sqlite_engine), pytest.raises(RuntimeError, match="already open"), writing(sqlite_engine):
        pass


def test_the_most_urgent_writer_goes_first() -> None:
    turnstile, order = Turnstile(), []
    threads = []

    def take(urgency: Urgency) -> None:
        with turnstile.turn(urgency, 60):
            order.append(urgency)

    with turnstile.turn(Urgency.PAGE, 60):
        for urgency in (Urgency.AGGREGATE, Urgency.PAGE, Urgency.EVENT):
            threads.append(threading.Thread(target=take, args=(urgency,)))
            threads[-1].start()
        deadline = time.monotonic() + 60
        while len(turnstile._waiting) < 3 and time.monotonic() < deadline:
            time.sleep(0.001)
    for thread in threads:
        thread.join(60)
    assert order == [Urgency.EVENT, Urgency.PAGE, Urgency.AGGREGATE]


def test_who_waits_too_long_for_a_turn_is_told() -> None:
    turnstile = Turnstile()
    with turnstile.turn(Urgency.PAGE, 1), ThreadPoolExecutor(1) as pool, pytest.raises(TimeoutError):
        pool.submit(lambda: turnstile.turn(Urgency.EVENT, 0.01).__enter__()).result()
    with turnstile.turn(Urgency.EVENT, 1):
        pass


@on_postgresql
def test_a_deadlock_is_tried_again_and_both_writers_succeed(engine: Engine) -> None:
    with writing(engine) as session:
        session.add_all([AppMeta(key="a", value=""), AppMeta(key="b", value="")])
    meet, attempts = threading.Barrier(2), []

    def write_both(keys: str) -> None:
        def work(session: Session) -> None:
            attempts.append(keys)
            for key in keys:
                row = session.exec(select(AppMeta).where(AppMeta.key == key).with_for_update()).one()
                row.value += keys[0]
                session.flush()
                if key == keys[0] and len(attempts) <= 2:
                    meet.wait(60)

        run_writing(engine, work)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write_both, ("ab", "ba")))
    assert len(attempts) == 3
    with reading(engine) as session:
        assert sorted(session.get_one(AppMeta, "a").value) == ["a", "b"]


@on_postgresql
def test_a_connection_lost_before_the_commit_is_tried_again(engine: Engine) -> None:
    attempts = []

    def work(session: Session) -> None:
        attempts.append(1)
        session.add(AppMeta(key="a", value=str(len(attempts))))
        session.flush()
        if len(attempts) == 1:
            pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
            with engine.connect() as other:
                other.execute(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
            session.execute(text("SELECT 1"))

    run_writing(engine, work)
    with reading(engine) as session:
        assert session.get_one(AppMeta, "a").value == "2"


def test_a_mistake_of_ours_is_not_tried_again(engine: Engine) -> None:
    attempts = []

    def work(session: Session) -> None:
        attempts.append(1)
        session.execute(text("SELECT * FROM no_such_table"))

    with pytest.raises(DBAPIError):
        run_writing(engine, work)
    assert len(attempts) == 1


def test_the_log_is_emptied_when_it_has_grown(sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("store.engine.WAL_BYTES", 100_000)
    with writing(sqlite_engine) as session:
        session.add_all(AppMeta(key=f"k{n}", value="x" * 1000) for n in range(300))
    log = Path(f"{sqlite_engine.url.database}-wal")
    assert log.stat().st_size > 100_000
    checkpoint(sqlite_engine)
    assert log.stat().st_size == 0


def test_emptying_the_log_does_not_wait_for_those_who_read(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.engine.WAL_BYTES", 100_000)
    log = Path(f"{sqlite_engine.url.database}-wal")
    with reading(sqlite_engine) as reader:
        reader.execute(text("SELECT count(*) FROM app_meta")).scalar()
        with writing(sqlite_engine) as session:
            session.add_all(AppMeta(key=f"k{n}", value="x" * 1000) for n in range(300))
        started = time.monotonic()
        checkpoint(sqlite_engine)
        # Otherwise it would wait, and all writers with it, for as long as a writer waits for another.
        assert time.monotonic() - started < BUSY_SECONDS
        assert log.stat().st_size > 100_000
    checkpoint(sqlite_engine)
    assert log.stat().st_size == 0
    with reading(sqlite_engine) as one, reading(sqlite_engine) as other:
        waits = {each.execute(text("PRAGMA busy_timeout")).scalar_one() for each in (one, other)}
    assert waits == {BUSY_SECONDS * 1000}


def test_lazy_commits_leave_the_log_alone_and_move_it_after_some(sqlite_engine: Engine) -> None:
    file = Path(str(sqlite_engine.url.database))
    checkpoint(sqlite_engine)
    moved = []
    for number in range(LAZY_COMMITS):
        before = file.read_bytes()
        entry = AppMeta(key=f"k{number}", value="x" * 20_000_000 if number == 0 else "")
        run_writing(sqlite_engine, partial(Session.add, instance=entry), lazily=True)
        moved.append(file.read_bytes() != before)
    assert moved == [False] * (LAZY_COMMITS - 1) + [True]


@on_postgresql
def test_postgresql_neither_compiles_statements_nor_starts_workers_for_them(engine: Engine) -> None:
    with reading(engine) as session:
        told = [session.execute(text(f"SHOW {name}")).scalar() for name in ("jit", "max_parallel_workers_per_gather")]
    assert told == ["off", "0"]


def test_an_error_does_not_show_what_was_to_be_stored(engine: Engine) -> None:
    def fail() -> None:
        with writing(engine) as session:
            session.add(AppMeta(key="a", value="hidden-value"))
            session.flush()
            session.execute(text("INSERT INTO app_meta VALUES (:k, :v)"), {"k": "a", "v": "hidden-value"})

    with pytest.raises(DBAPIError) as caught:
        fail()
    assert "hidden-value" not in str(caught.value)


def test_an_event_takes_the_lock_when_another_connection_lets_go(sqlite_engine: Engine) -> None:
    looked = threading.Event()
    held = sqlite3.connect(str(sqlite_path(sqlite_engine)), isolation_level=None, check_same_thread=False)
    held.execute("BEGIN IMMEDIATE")

    def add() -> int:
        looked.set()
        return run_writing(sqlite_engine, _timeout_and_note, Urgency.EVENT)

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(add)
        assert looked.wait(60)
        held.execute("COMMIT")
        # It looks by itself, for SQLite's own waiting would find the lock taken again.
        assert asked.result(60) == 0
    held.close()
    assert run_writing(sqlite_engine, _timeout_and_note) == 20_000


def test_an_event_is_refused_while_another_connection_never_lets_go(
    sqlite_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("store.engine.BUSY_SECONDS", 0.01)
    held = sqlite3.connect(str(sqlite_path(sqlite_engine)), isolation_level=None)
    held.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        run_writing(sqlite_engine, _timeout_and_note, Urgency.EVENT)
    held.close()
    assert run_writing(sqlite_engine, _timeout_and_note, Urgency.EVENT) == 0


def _timeout_and_note(session: Session) -> int:
    session.merge(AppMeta(key="event", value="1"))
    return int(session.connection().exec_driver_sql("PRAGMA busy_timeout").scalar_one())
