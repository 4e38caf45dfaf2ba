"""The demo company as it stands after its first syncs, made by the ordinary actions against the sandbox."""

from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from actions.demo import seed_applications, seed_connections, seed_people, seed_postings
from actions.viewer import Viewer
from jobs.aggregate import aggregate_due
from jobs.project import project_due
from jobs.worker import run_once
from sandbox.launch import Sandbox, running
from settings import Settings, load
from store.opening import Store


@dataclass(frozen=True)
class Demo:
    """A demo company with all its numbers home."""

    store: Store
    settings: Settings
    sandbox: Sandbox
    admin: Viewer

    def settle(self, most: int = 200) -> None:
        """Runs every due sync job, then projects and aggregates until nothing is left."""
        for _ in range(most):
            if run_once(self.store, self.settings, "test") is None:
                break
        for _ in range(most):
            now = datetime.now(UTC)
            if not project_due(self.store, now) + aggregate_due(self.store, now):
                return
        pytest.fail("the aggregates never settled")


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory):
    """The sandbox for the session."""
    with running(seed=7, state_dir=tmp_path_factory.mktemp("sandbox")) as started:
        yield started


@pytest.fixture
def demo(store, sandbox, tmp_path) -> Demo:
    """People, connections, synced facts, imported applications, aggregates."""
    sandbox.reset()
    port = sandbox.url.rsplit(":", 1)[1]
    settings = load(
        {"SANDBOX": "1", "SANDBOX_PORT": port, "DATA_DIR": str(tmp_path), "DEMO_PASSWORD": "a demo password"}
    )
    told = sandbox.control("credentials")
    people = seed_people(store, settings, told["company"], now=datetime.now(UTC))
    seed_postings(store, people.admin, sandbox.control("postings"))
    seed_connections(store, settings, people.admin, told)
    seed_applications(store, people.admin, told, sandbox.control("ats.csv"))
    made = Demo(store, settings, sandbox, people.admin)
    made.settle()
    return made
