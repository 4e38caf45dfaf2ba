"""Brings a database to this program's schema at start, or refuses with words that say what to do."""

import errno
import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import structlog
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError

from store.backup import back_up
from store.engine import is_sqlite, sqlite_path
from store.errors import DatabaseUnreachable, DatabaseUnwritable, StartError

log = structlog.get_logger("store.migrate")
_LOCK_NUMBER = 0x5B0A_4D19  # any number nobody else on this PostgreSQL uses
_OURS = "platform_analytics_raw"


def prepare(engine: Engine, data_dir: Path) -> None:
    """Check the database and migrate it. Safe to call from several processes at once.

    In order: the file is sound, nobody else prepares it, it is ours and not newer, a backup is made where a
    migration has something to do (SQLite), the revisions run in one transaction. Raises StartError.
    """
    path = sqlite_path(engine)
    if path is not None:
        _make_room(path, data_dir)
    with _only_one(engine, data_dir) as connection:
        if path is not None:
            check_file(path)
        revision = _checked_revision(connection)
        if revision == newest_revision():
            return
        if path is not None and revision is not None:
            _back_up_first(path, data_dir / "backups", revision)
        _migrate(connection)


def check_schema(engine: Engine) -> None:
    """Refuse a database whose schema is not exactly this program's. Raises StartError."""
    if find_revision(engine) != newest_revision():
        raise StartError("The database has not been migrated yet. Start Sourceboard itself first.")


def find_revision(engine: Engine) -> str | None:
    """The schema's revision; None where nothing has ever been stored. Makes no file.

    Raises StartError for a database that is damaged, foreign or newer than this program.
    """
    path = sqlite_path(engine)
    if path is not None:
        if not path.exists():
            return None
        check_file(path)
    with _connected(engine) as connection:
        return _checked_revision(connection)


def newest_revision() -> str:
    """The revision this program works with."""
    return str(_scripts().get_current_head())


def check_file(path: Path) -> None:
    """Refuse a damaged SQLite file. Changes nothing. Raises StartError."""
    if not path.exists() or path.stat().st_size == 0:
        return
    try:
        with closing(sqlite3.connect(path, timeout=20)) as connection:
            found = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError) and "unable to open" in str(error):
            raise StartError(f"{path} cannot be opened: {error}. Correct the rights of the file.") from error
        found = str(error)
    if found != "ok":
        raise StartError(
            f"The database {path} is damaged ({found}). Nothing was changed. Move it away with its -wal and -shm "
            "files and restore the newest file from the backups folder."
        )


def _scripts() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config())


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


def _make_room(path: Path, data_dir: Path) -> None:
    """The folder and an empty file that only we can read; SQLite gives its log the same rights."""
    try:
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Never opened by hand once it exists: closing it would drop the locks of SQLite's own connections in this
        # process (POSIX), and the next process to close the database would delete the log under our feet.
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        elif not os.access(path, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        (data_dir / "migrate.lock").touch(0o600)
    except OSError as error:
        raise StartError(
            f"The data folder {data_dir} or the database {path} cannot be written: {error.strerror}. "
            "Correct the rights, or set DATA_DIR to another folder."
        ) from error


@contextmanager
def _only_one(engine: Engine, data_dir: Path) -> Iterator[Connection]:
    """A connection outside any transaction, held by one preparing process at a time."""
    if is_sqlite(engine):
        with (data_dir / "migrate.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            path = sqlite_path(engine)
            if path is not None:
                check_file(path)
            with _connected(engine) as connection:
                yield connection
        return
    with _connected(engine) as connection:
        connection.execute(text("SET lock_timeout = '120s'"))
        connection.execute(text("SELECT pg_advisory_lock(:number)"), {"number": _LOCK_NUMBER})
        connection.commit()
        try:
            yield connection
        finally:
            # The session ends with the connection, and with it the lock and its time-outs.
            connection.invalidate()


@contextmanager
def _connected(engine: Engine) -> Iterator[Connection]:
    try:
        connection = engine.connect()
    except OperationalError as error:
        where = engine.url.render_as_string(hide_password=True)
        raise DatabaseUnreachable(f"The database {where} does not answer: {error.orig}") from error
    with connection:
        yield connection


def _checked_revision(connection: Connection) -> str | None:
    """The schema's revision, None for an empty database. Raises StartError for foreign and for newer ones."""
    tables = set(inspect(connection).get_table_names())
    revision = MigrationContext.configure(connection).get_current_revision() if tables else None
    connection.rollback()
    if revision is None:
        if tables - {"alembic_version"}:
            raise StartError(
                "The database already holds tables of another program. Nothing was changed. "
                "Give Sourceboard a database of its own in DATABASE_URL."
            )
        return None
    known = {script.revision for script in _scripts().walk_revisions()}
    if revision in known:
        return revision
    if _OURS in tables:
        raise StartError(
            f"The database was made by a newer Sourceboard (schema {revision}; this one knows "
            f"{newest_revision()}). Nothing was changed. Start the newer program, or restore the backup "
            "that it made before it changed the schema."
        )
    raise StartError("The database belongs to another program. Nothing was changed.")


def _back_up_first(path: Path, folder: Path, revision: str) -> None:
    try:
        back_up(path, folder, revision)
    except (OSError, sqlite3.Error) as error:
        raise StartError(
            f"No backup could be made in {folder} ({error}), so the database was not migrated. "
            "Make room and start again."
        ) from error


def _migrate(connection: Connection) -> None:
    sqlite = connection.dialect.name == "sqlite"
    if sqlite:
        # Copying a table drops the old one; with foreign keys on, that would delete what refers to it.
        _outside_transaction(connection, "PRAGMA foreign_keys = OFF")
    else:
        connection.execute(text("SET statement_timeout = 0"))
        connection.commit()
    try:
        with connection.begin():
            command.upgrade(_config(connection), "head")
            if sqlite and connection.exec_driver_sql("PRAGMA foreign_key_check").first():
                raise StartError("The migration would break references between tables. Nothing was changed.")
    except DatabaseUnwritable as error:
        raise StartError(
            f"The database could not be migrated: {_first_line(error.__cause__ or error)}. Nothing was changed. "
            "Make room on its disk or correct its rights, then start again."
        ) from error
    except StartError:
        raise
    except Exception as error:
        # Whatever a revision stumbles over: it and all before it are rolled back together.
        log.exception("migration failed")
        raise StartError(
            f"The database could not be brought to the schema of this version ({_first_line(error)}). Nothing was "
            "changed. Start the version that ran before, and report this with what the log says."
        ) from error
    finally:
        if sqlite:
            _outside_transaction(connection, "PRAGMA foreign_keys = ON")


def _first_line(error: BaseException) -> str:
    """What went wrong, without the statement, and without lines that may quote what is stored."""
    told = str(error.orig if isinstance(error, DBAPIError) and error.orig else error).strip()
    return told.splitlines()[0].rstrip(".") if told else type(error).__name__


def _outside_transaction(connection: Connection, pragma: str) -> None:
    driver = connection.connection.driver_connection
    if driver is not None:
        driver.execute(pragma)
    connection.rollback()
