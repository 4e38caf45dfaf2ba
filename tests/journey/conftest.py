"""The demo company as it stands after its first syncs, made by the ordinary actions against the sandbox."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from actions.demo import seed_applications, seed_connections, seed_people, seed_postings
from actions.demo_referrals import seed_referrals
from actions.demo_visits import seed_visits
from actions.viewer import Viewer
from connectors.registry import CONNECTORS
from domain.periods import local_day
from jobs.aggregate import aggregate_due
from jobs.project import project_due
from jobs.signals import Signals
from jobs.track import track_due
from jobs.worker import run_once
from sandbox.launch import Sandbox, running
from settings import Settings, load
from store.engine import open_engine
from store.opening import Store
from tests.conftest import copy_of, one_database, unlocked

_TRUTHS: dict[tuple[str, date, date, str], dict[str, Any]] = {}


@dataclass(frozen=True)
class Demo:
    """A demo company with all its numbers home."""

    store: Store
    settings: Settings
    sandbox: Sandbox
    admin: Viewer
    #: The company's day when its first platform was asked: a later one may come before the last test has looked.
    today: date

    def truth(self, first: date, end: date, connected: str) -> dict[str, Any]:
        """What the product must show for [first, end). The past is asked once: it is the same beside both databases."""
        if end >= local_day(datetime.now(UTC), "Europe/Berlin"):
            return self.sandbox.truth(first, end, connected)
        asked = (self.sandbox.url, first, end, connected)
        if asked not in _TRUTHS:
            _TRUTHS[asked] = self.sandbox.truth(first, end, connected)
        return _TRUTHS[asked]

    def settle(self, most: int = 200) -> None:
        """Runs every due sync job, then projects and aggregates until nothing is left."""
        for _ in range(most):
            if run_once(self.store, self.settings, "test") is None:
                break
        for _ in range(most):
            now = datetime.now(UTC)
            if (
                not project_due(self.store, now)
                + track_due(self.store, now)
                + aggregate_due(self.store, now, seconds=600)
            ):
                return
        pytest.fail("the aggregates never settled")


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory):
    """The sandbox for the session."""
    with running(seed=7, state_dir=tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture(scope="session")
def unhurried() -> Iterator[None]:
    """Platforms that let us ask as often and as soon as we like: how we wait for them is tried elsewhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Signals, "pause", lambda _signals, _seconds: None)
        for connector in CONNECTORS.values():
            patch.setattr(connector, "limits", replace(connector.limits, requests=100_000))
        yield


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def demo(request, unhurried, sandbox, keyring, tmp_path_factory) -> Iterator[Demo]:
    """People, postings, connections, synced facts, imported applications, aggregates. Tests only look at it."""
    folder = tmp_path_factory.mktemp("demo")
    # X's refresh tokens are good once: the demo before this one used them up.
    sandbox.reset()
    today = local_day(datetime.now(UTC), "Europe/Berlin")
    with ExitStack() as stack:
        engine = open_engine(_database_url(request, folder, stack))
        stack.callback(engine.dispose)
        store = unlocked(engine, keyring)
        port = sandbox.url.rsplit(":", 1)[1]
        environment = {
            "SANDBOX": "1",
            "SANDBOX_PORT": port,
            "DATA_DIR": str(folder),
            "DEMO_PASSWORD": "a demo password",
        }
        settings = load(environment)
        told = sandbox.control("credentials")
        people = seed_people(store, settings, told["company"], now=datetime.now(UTC))
        seed_postings(store, people.admin, sandbox.control("postings"))
        seed_connections(store, settings, people.admin, told)
        seed_applications(store, people.admin, told, sandbox.control("ats.csv"))
        seed_referrals(store, people.admin, sandbox.control("referrals"), now=datetime.now(UTC))
        seed_visits(store, people.admin, sandbox.control("visits"))
        made = Demo(store, settings, sandbox, people.admin, today)
        made.settle()
        yield made


def _database_url(request: pytest.FixtureRequest, folder: Path, stack: ExitStack) -> str:
    if request.param == "sqlite":
        return copy_of(request.getfixturevalue("sqlite_template"), folder)
    databases = contextmanager(one_database)
    return stack.enter_context(
        databases(request.getfixturevalue("postgres"), request.getfixturevalue("postgres_template"))
    )
