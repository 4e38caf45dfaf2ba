"""Bringing a database to the schema at start, and everything that must stop it."""

import shutil
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, inspect, text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from store import backup, migrate
from store.engine import open_engine, reading, writing
from store.errors import DatabaseUnreachable, StartError
from store.migrate import check_schema, find_revision, newest_revision, prepare
from store.tables import AuditEntry
from tests.store.launch_prepare import prepare_here


@pytest.fixture
def empty(empty_database_url: str) -> Iterator[Engine]:
    """An engine on a database with nothing in it."""
    engine = open_engine(empty_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Engine]:
    """An SQLite database of the first schema, with a row."""
    engine = open_engine(f"sqlite:///{tmp_path / 'old.db'}")
    with engine.connect() as connection, connection.begin():
        command.upgrade(migrate._config(connection), "0001")
        connection.execute(text("INSERT INTO app_meta VALUES ('kept', 'yes')"))
    yield engine
    engine.dispose()


@pytest.fixture
def launch(nursery: Any) -> Callable[..., Any]:
    """Call it with an engine, a folder and, for a death on the way, a number of statements: the process is running."""

    def start(engine: Engine, data_dir: Path, statements: int | None = None) -> Any:
        url = engine.url.render_as_string(hide_password=False)
        process = nursery.Process(target=prepare_here, args=(url, data_dir, statements))
        process.start()
        return process

    return start


def test_the_migrations_make_exactly_the_tables_of_the_models(engine: Engine) -> None:
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []


def test_the_migrations_make_the_checks_and_partial_indexes_too(engine: Engine) -> None:
    inspector = inspect(engine)
    for table in SQLModel.metadata.sorted_tables:
        wanted = {c.name for c in table.constraints if type(c).__name__ == "CheckConstraint" and c.name}
        assert wanted <= {check["name"] for check in inspector.get_check_constraints(table.name)}, table.name
        partial = {i.name for i in table.indexes if i.dialect_options[engine.dialect.name]["where"] is not None}
        found = {
            index["name"]
            for index in inspector.get_indexes(table.name)
            if index.get("dialect_options", {}).get(f"{engine.dialect.name}_where") is not None
        }
        assert partial <= found, table.name


def test_facts_keep_no_hidden_row_id_on_sqlite(sqlite_engine: Engine) -> None:
    with reading(sqlite_engine) as session:
        made = session.execute(text("SELECT sql FROM sqlite_master WHERE name = 'platform_analytics_raw'")).scalar_one()
    assert made.rstrip().endswith("WITHOUT ROWID")


def test_preparing_twice_changes_nothing(empty: Engine, tmp_path: Path) -> None:
    assert find_revision(empty) is None
    prepare(empty, tmp_path)
    assert find_revision(empty) == newest_revision()
    prepare(empty, tmp_path)
    check_schema(empty)


def test_processes_that_start_at_once_migrate_once(empty: Engine, tmp_path: Path, launch: Callable[..., Any]) -> None:
    starters = [launch(empty, tmp_path) for _ in range(3)]
    for starter in starters:
        starter.join(300)
        assert starter.exitcode == 0
    check_schema(empty)


@pytest.mark.kill
@pytest.mark.parametrize("statements", [1, 25, 60])
def test_a_migration_that_is_killed_leaves_nothing_or_everything(
    empty: Engine, tmp_path: Path, statements: int, launch: Callable[..., Any]
) -> None:
    killed = launch(empty, tmp_path, statements)
    killed.join(300)
    assert killed.exitcode == -signal.SIGKILL
    assert find_revision(empty) is None
    prepare(empty, tmp_path)
    check_schema(empty)


@pytest.mark.kill
def test_an_upgrade_that_is_killed_leaves_the_old_schema(
    old: Engine, tmp_path: Path, launch: Callable[..., Any]
) -> None:
    killed = launch(old, tmp_path, 2)
    killed.join(300)
    assert killed.exitcode == -signal.SIGKILL
    assert find_revision(old) == "0001"
    prepare(old, tmp_path)
    check_schema(old)


def test_a_backup_is_made_before_a_migration_that_has_something_to_do(old: Engine, tmp_path: Path) -> None:
    prepare(old, tmp_path)
    (copy,) = (tmp_path / "backups").iterdir()
    assert copy.name.endswith("-0001.db")
    assert copy.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT value FROM app_meta WHERE key = 'kept'").fetchone() == ("yes",)
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0001",)
    prepare(old, tmp_path)
    assert list((tmp_path / "backups").iterdir()) == [copy]


def test_the_last_ten_backups_are_kept(sqlite_engine: Engine, tmp_path: Path) -> None:
    path = Path(str(sqlite_engine.url.database))
    made = [backup.back_up(path, tmp_path / "backups", f"{number:04}") for number in range(12)]
    assert sorted((tmp_path / "backups").iterdir()) == made[2:]


def test_a_backup_that_cannot_be_made_stops_the_migration(old: Engine, tmp_path: Path) -> None:
    (tmp_path / "backups").write_text("in the way")
    with pytest.raises(StartError, match="No backup could be made"):
        prepare(old, tmp_path)
    assert find_revision(old) == "0001"


@pytest.mark.parametrize("stumbles", ["in the database", "in our own code"])
def test_a_broken_migration_says_so_and_changes_nothing(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stumbles: str
) -> None:
    with engine.connect() as connection, connection.begin():
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))

    def upgrade(config: Any, _revision: str) -> None:
        connection = config.attributes["connection"]
        connection.execute(text("ALTER TABLE companies ADD COLUMN half_done INTEGER"))
        if stumbles == "in our own code":
            raise KeyError("half_done")
        connection.execute(text("SELECT no_such_function(1)"))

    monkeypatch.setattr(command, "upgrade", upgrade)
    with pytest.raises(StartError, match=r"no_such_function|half_done") as refused:
        prepare(engine, tmp_path)
    assert "Nothing was changed" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "half_done" not in {column["name"] for column in inspect(engine).get_columns("companies")}
    assert find_revision(engine) == "0001"


def test_a_newer_schema_is_refused(engine: Engine, tmp_path: Path) -> None:
    with writing(engine) as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StartError, match="newer Sourceboard"):
        prepare(engine, tmp_path)
    with pytest.raises(StartError, match="newer Sourceboard"):
        check_schema(engine)


def test_the_tables_of_another_program_are_left_alone(empty: Engine, tmp_path: Path) -> None:
    with empty.begin() as connection:
        connection.execute(text("CREATE TABLE invoices (id integer)"))
    with pytest.raises(StartError, match="another program"):
        prepare(empty, tmp_path)
    assert inspect(empty).get_table_names() == ["invoices"]


def test_an_old_schema_is_refused_where_nobody_may_migrate(old: Engine) -> None:
    with pytest.raises(StartError, match="not been migrated"):
        check_schema(old)


def test_a_damaged_file_is_refused_and_not_touched(sqlite_engine: Engine, tmp_path: Path) -> None:
    path = Path(str(sqlite_engine.url.database))
    sqlite_engine.dispose()
    content = bytearray(path.read_bytes())
    for place in range(8192, len(content), 4096):
        content[place : place + 64] = b"\xff" * 64
    path.write_bytes(content)
    with pytest.raises(StartError, match="damaged"):
        prepare(sqlite_engine, tmp_path)
    assert path.read_bytes() == content


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "letter.db"
    path.write_text("Dear reader, " * 500)
    engine = open_engine(f"sqlite:///{path}")
    with pytest.raises(StartError, match="damaged"):
        prepare(engine, tmp_path)
    engine.dispose()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    engine = open_engine(f"sqlite:///{tmp_path / 'file' / 'data' / 's.db'}")
    with pytest.raises(StartError, match="cannot be written"):
        prepare(engine, tmp_path / "file" / "data")
    engine.dispose()


def test_a_server_that_does_not_answer_is_named_without_its_password(tmp_path: Path) -> None:
    engine = open_engine("postgresql+psycopg://me:hidden@127.0.0.1:1/none")
    with pytest.raises(DatabaseUnreachable) as caught:
        prepare(engine, tmp_path)
    assert "hidden" not in str(caught.value)
    engine.dispose()


def test_the_database_can_be_read_by_us_alone(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'data' / 's.db'}")
    prepare(engine, tmp_path / "data")
    with writing(engine) as session:
        session.execute(text("INSERT INTO app_meta VALUES ('a', 'b')"))
        for path in (tmp_path / "data").iterdir():
            assert path.stat().st_mode & 0o077 == 0, path
    engine.dispose()


@pytest.mark.parametrize("change", ["UPDATE audit_log SET actor = 'nobody'", "DELETE FROM audit_log"])
def test_the_audit_log_only_grows(engine: Engine, change: str) -> None:
    with writing(engine) as session:
        session.add(AuditEntry(actor="ana", action="signed in"))
    with engine.connect() as connection, pytest.raises(DBAPIError, match="only grows"):
        connection.execute(text(change))
    with reading(engine) as session:
        assert session.execute(text("SELECT actor FROM audit_log")).scalars().all() == ["ana"]


def test_a_backup_restores_by_being_put_back(old: Engine, tmp_path: Path) -> None:
    prepare(old, tmp_path)
    (copy,) = (tmp_path / "backups").iterdir()
    shutil.copyfile(copy, tmp_path / "restored.db")
    engine = open_engine(f"sqlite:///{tmp_path / 'restored.db'}")
    prepare(engine, tmp_path)
    check_schema(engine)
    engine.dispose()
