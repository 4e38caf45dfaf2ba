"""The database engine: pragmas, pool, time-outs, and the two kinds of transaction."""

import sqlite3
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

import psycopg
from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError
from sqlmodel import Session
from tenacity import Retrying, retry_if_exception, stop_after_attempt, stop_after_delay, wait_random_exponential

from store.errors import DatabaseUnwritable, StartError
from store.turns import Turnstile, Urgency

__all__ = [
    "NOT_NOW",
    "Urgency",
    "checkpoint",
    "is_sqlite",
    "keep_log",
    "naming_errors",
    "open_engine",
    "reading",
    "run_writing",
    "sqlite_path",
    "writing",
]

#: How long a writer waits for another before it gives up. Write transactions are meant to last under 50 ms.
BUSY_SECONDS = 20
#: How often a writer whom somebody waits for looks whether another process has let go.
PROMPT_SECONDS = 0.0005
#: The log is moved into the file when it reaches this many pages (of 4 kB), if `checkpoint` did not do it before.
WAL_PAGES = 4_000
WAL_BYTES = 64 * 2**20
#: Of commits that do not wait for the disk, each at most a few megabytes: the log is moved after so many. Pages that
#: several of them wrote are moved once, and the disk is waited for as often as it is moved.
LAZY_COMMITS = 32
_PRAGMAS = (
    "PRAGMA synchronous = FULL",
    "PRAGMA foreign_keys = ON",
    "PRAGMA secure_delete = ON",
    "PRAGMA temp_store = MEMORY",
    "PRAGMA cache_size = -16000",
    f"PRAGMA wal_autocheckpoint = {WAL_PAGES}",
    f"PRAGMA journal_size_limit = {WAL_BYTES}",
    "PRAGMA trusted_schema = OFF",
)
#: Statements here take milliseconds: compiling one or starting workers for it takes longer than it does.
_SERVER_SETTINGS = (
    "-c statement_timeout=120000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=120000 -c timezone=UTC "
    "-c jit=off -c max_parallel_workers_per_gather=0"
)
_UNWRITABLE_SQLITE = {sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
_UNWRITABLE_STATES = {"53100", "25006"}  # disk_full, read_only_sql_transaction
_PASSING_STATES = {"40001", "40P01", "55P03"}  # serialization_failure, deadlock_detected, lock_not_available
_LOST_STATES = {"57P01", "57P02", "57P03", "08000", "08003", "08006"}  # shut down, or the connection is gone
_PASSING_SQLITE = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}

#: What is met by a write that can be left out, and does not stop what it was to note: no room, no turn, no answer.
NOT_NOW = (DatabaseUnwritable, TimeoutError, OperationalError, sqlite3.OperationalError)

_turnstiles: "weakref.WeakKeyDictionary[Any, Turnstile]" = weakref.WeakKeyDictionary()
_lazy_commits: "weakref.WeakKeyDictionary[Any, int]" = weakref.WeakKeyDictionary()
Result = TypeVar("Result")


def open_engine(url: str) -> Engine:
    """An engine for `url`, of SQLite or PostgreSQL (psycopg). Connects to nothing yet. Raises StartError."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        raise StartError(
            "DATABASE_URL cannot be read. Write it as postgresql://host:5432/name, with user:password@ before the host."
        ) from None
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed,
            hide_parameters=True,
            pool_size=8,
            max_overflow=24,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False, "isolation_level": None},
        )
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin_on_sqlite)
    else:
        engine = create_engine(
            parsed,
            hide_parameters=True,
            pool_size=8,
            max_overflow=24,
            pool_pre_ping=True,
            pool_recycle=1800,
            connect_args={
                "options": _SERVER_SETTINGS,
                "connect_timeout": 5,
                "application_name": "sourceboard",
                "keepalives_idle": 30,
            },
        )
    event.listen(engine, "handle_error", _name_error)
    _turnstiles[engine.pool] = Turnstile()
    return engine


def is_sqlite(bind: Engine | Connection | Session) -> bool:
    """Whether statements go to SQLite."""
    target = bind.get_bind() if isinstance(bind, Session) else bind
    return target.dialect.name == "sqlite"


def sqlite_path(engine: Engine) -> Path | None:
    """The file of an SQLite database; None for PostgreSQL and for a database in memory."""
    database = engine.url.database
    return Path(database) if is_sqlite(engine) and database and database != ":memory:" else None


@contextmanager
def reading(engine: Engine) -> Iterator[Session]:
    """A session that sees one moment of the database and cannot write."""
    options: dict[str, Any] = {"access": "read"}
    if not is_sqlite(engine):
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with Session(engine.execution_options(**options), expire_on_commit=False, autoflush=False) as session:
        yield session


@contextmanager
def writing(engine: Engine, urgency: Urgency = Urgency.PAGE) -> Iterator[Session]:
    """A write transaction: committed at the end of the block, rolled back when it raises.

    Raises DatabaseUnwritable where the disk is full or read-only, TimeoutError when other threads of this process
    do not let go. Keep it under 50 ms.
    """
    with _turn(engine, urgency), Session(_bind_of(engine, urgency), expire_on_commit=False) as session:
        # Begins here, not at the first statement: what is read in the block is what is written upon.
        session.connection()
        yield session
        session.commit()


def run_writing(
    engine: Engine, work: Callable[[Session], Result], urgency: Urgency = Urgency.PAGE, *, lazily: bool = False
) -> Result:
    """Run `work` in a write transaction, up to three times where the database only asks to try again.

    That is: deadlock, serialization failure, lock time-out, busy, connection lost before the commit. A connection
    lost during the commit is raised, for the outcome is unknown. `lazily`: the commit does not wait for the disk, so
    that a power cut (not a kill) may undo it as a whole; for what can be made again from what is safe on the disk.
    """
    attempts = Retrying(
        retry=retry_if_exception(_is_passing),
        wait=wait_random_exponential(multiplier=0.05, max=1),
        stop=stop_after_attempt(3),
        reraise=True,
    )
    bind = engine.execution_options(lazily=True) if lazily else _bind_of(engine, urgency)
    result: Result = attempts(_work_once, bind, work, urgency)
    if lazily and is_sqlite(engine):
        _count_lazy(engine)
    return result


def _bind_of(engine: Engine, urgency: Urgency) -> Engine:
    """The engine as transactions of this urgency use it."""
    return engine.execution_options(prompt=True) if urgency is Urgency.EVENT and is_sqlite(engine) else engine


def _count_lazy(engine: Engine) -> None:
    """Move the log into the file for every few lazy commits, which leave that to us; the file's size does not say."""
    done = _lazy_commits.get(engine.pool, 0) + 1
    _lazy_commits[engine.pool] = done % LAZY_COMMITS
    if done >= LAZY_COMMITS:
        with naming_errors():
            checkpoint(engine)


def checkpoint(engine: Engine) -> None:
    """Move SQLite's log into the file and empty it, unless somebody still reads from it. Nothing on PostgreSQL."""
    if not is_sqlite(engine):
        return
    raw = engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        path = sqlite_path(engine)
        log = Path(f"{path}-wal")
        if path and log.exists() and log.stat().st_size > WAL_BYTES:
            # It keeps writers out while it waits for readers: so it waits for none.
            patience = cursor.execute("PRAGMA busy_timeout").fetchone()[0]
            cursor.execute("PRAGMA busy_timeout = 0")
            try:
                cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            finally:
                cursor.execute(f"PRAGMA busy_timeout = {patience}")
    finally:
        raw.close()


def _work_once(engine: Engine, work: Callable[[Session], Result], urgency: Urgency) -> Result:
    with _turn(engine, urgency), Session(engine, expire_on_commit=False) as session:
        connection = session.connection()
        if not is_sqlite(engine) and connection.get_execution_options().get("lazily"):
            connection.exec_driver_sql("SET LOCAL synchronous_commit = off")
        result = work(session)
        session.flush()
        try:
            session.commit()
        except DBAPIError as error:
            if error.connection_invalidated:
                error.add_note("The connection broke during the commit: it is not known whether it happened.")
                error.outcome_unknown = True  # type: ignore[attr-defined]
            raise
        return result


@contextmanager
def _turn(engine: Engine, urgency: Urgency) -> Iterator[None]:
    turnstile = _turnstiles.get(engine.pool) if is_sqlite(engine) else None
    with turnstile.turn(urgency, BUSY_SECONDS) if turnstile else nullcontext():
        yield


def _is_passing(error: BaseException) -> bool:
    if getattr(error, "outcome_unknown", False):
        return False
    original = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(original, psycopg.Error):
        lost = isinstance(original, psycopg.OperationalError) and (original.sqlstate or "57P01") in _LOST_STATES
        return original.sqlstate in _PASSING_STATES or lost
    return getattr(original, "sqlite_errorcode", 0) & 0xFF in _PASSING_SQLITE


@contextmanager
def naming_errors() -> Iterator[None]:
    """For blocks that speak to the driver itself: an unwritable database has the same name there."""
    try:
        yield
    except (sqlite3.Error, psycopg.Error) as error:
        named = _unwritable(error)
        if named is None:
            raise
        raise named from error


def _name_error(context: ExceptionContext) -> DatabaseUnwritable | None:
    reads = context.connection is not None and context.connection.get_execution_options().get("access") == "read"
    return None if reads else _unwritable(context.original_exception)


def _unwritable(error: BaseException) -> DatabaseUnwritable | None:
    if isinstance(error, sqlite3.Error):
        fits = getattr(error, "sqlite_errorcode", 0) & 0xFF in _UNWRITABLE_SQLITE
    else:
        fits = isinstance(error, psycopg.Error) and error.sqlstate in _UNWRITABLE_STATES
    if not fits:
        return None
    return DatabaseUnwritable(
        f"The database cannot be written: {error}. Make room on its disk or correct its rights; "
        "nothing was changed, and work goes on by itself."
    )


def keep_log(connection: sqlite3.Connection) -> None:
    """Have SQLite write ahead into a log, so that readers and a writer do not wait for each other.

    A new file changes to it once. Of two that change it at the same moment SQLite refuses one at once, whatever its
    time-out: each holds what the other waits for. So it is asked again, for as long as writers wait.
    """
    attempts = Retrying(
        retry=retry_if_exception(_is_passing),
        wait=wait_random_exponential(multiplier=0.001, max=0.1),
        stop=stop_after_delay(BUSY_SECONDS),
        reraise=True,
    )
    attempts(connection.execute, "PRAGMA journal_mode = WAL").close()


def _set_pragmas(connection: sqlite3.Connection, _record: Any) -> None:
    keep_log(connection)
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    # SQLite's own knows A to Z only: a search for "köchin" would not find "KÖCHIN".
    connection.create_function("lower", 1, _lower, deterministic=True)


def _lower(text: Any) -> Any:
    return text.lower() if isinstance(text, str) else text


def _begin_on_sqlite(connection: Connection) -> None:
    """Writers lock at once: a read that turns into a write would fail with BUSY_SNAPSHOT, time-out or not."""
    reads = connection.get_execution_options().get("access") == "read"
    if connection.info.get("query_only", False) != reads:
        connection.exec_driver_sql(f"PRAGMA query_only = {int(reads)}")
        connection.info["query_only"] = reads
    is_prompt = connection.get_execution_options().get("prompt", False)
    if connection.info.get("prompt", False) != is_prompt:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {0 if is_prompt else BUSY_SECONDS * 1000}")
        connection.info["prompt"] = is_prompt
    # Who commits lazily moves the log into the file after the transaction, not with it: see `_count_lazy`.
    level, pages = ("NORMAL", 0) if connection.get_execution_options().get("lazily") else ("FULL", WAL_PAGES)
    if connection.info.get("synchronous", "FULL") != level:
        connection.exec_driver_sql(f"PRAGMA synchronous = {level}")
        connection.exec_driver_sql(f"PRAGMA wal_autocheckpoint = {pages}")
        connection.info["synchronous"] = level
    if is_prompt:
        _lock_promptly(connection)
    else:
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _lock_promptly(connection: Connection) -> None:
    """BEGIN IMMEDIATE, tried again and again.

    SQLite's own waiting looks ever more seldom, up to ten times a second: beside a sync, which takes the lock again
    milliseconds after it let go, those who wait would hardly ever find it free.
    """
    driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
    end = time.monotonic() + BUSY_SECONDS
    with naming_errors():
        while True:
            try:
                driver.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF not in _PASSING_SQLITE or time.monotonic() > end:
                    raise
                time.sleep(PROMPT_SECONDS)
            else:
                return
