"""People and connections for the actions, with a test platform behind them."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from actions import passwords
from actions.viewer import Viewer
from connectors.registry import CONNECTORS
from sandbox.launch import Sandbox
from settings import Settings
from store.opening import Store
from store.tables import Company
from store.tables.columns import new_id
from tests.jobs.conftest import settings_for
from tests.jobs.paced import Paced, PacedServer, paced_server


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    """That checking a password takes long is tried in test_passwords.py; elsewhere the least will do."""
    monkeypatch.setattr(passwords, "COST", 4)
    monkeypatch.setattr(passwords, "_NOBODY", passwords._NOBODY.replace("$12$", "$04$"))


@pytest.fixture(autouse=True)
def no_waiting_between_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own short retries need not take real seconds here."""
    monkeypatch.setattr("connectors.http._BACKOFF", lambda _state: 0.0)


@pytest.fixture
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    """The platforms, imitated: empty boards, no faults, today."""
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture
def platform(monkeypatch: pytest.MonkeyPatch) -> Iterator[PacedServer]:
    """A running test platform, known to the registry."""
    monkeypatch.setitem(CONNECTORS, "paced", Paced)
    with paced_server() as server:
        yield server


@pytest.fixture
def settings(database_url: str, tmp_path: Path, platform: PacedServer) -> Settings:
    """Settings that lead every connector to the test platform."""
    return settings_for(database_url, tmp_path, platform.port)


@pytest.fixture
def admin(company: Company) -> Viewer:
    """Somebody who may change things."""
    return Viewer(new_id(), company.id, "admin", "Ann", "ann@harbour.example")


@pytest.fixture
def manager(company: Company) -> Viewer:
    """Somebody who may look."""
    return Viewer(new_id(), company.id, "hiring_manager", "Ben", "ben@harbour.example")


@pytest.fixture
def outsider(store: Store) -> Viewer:
    """An admin of another company."""
    other = Company(number=2, name="Elsewhere", time_zone="UTC")
    with store.writing() as session:
        session.add(other)
    return Viewer(new_id(), other.id, "admin", "Cat", "cat@elsewhere.example")
