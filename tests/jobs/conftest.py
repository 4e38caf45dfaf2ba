"""Connections to a test platform, on both databases."""

import itertools
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.registry import CONNECTORS
from sandbox.launch import Sandbox
from settings import Settings
from store.opening import Store
from store.tables import Company, PlatformConfig
from store.writes.credentials import seal_secrets
from tests.conftest import TEST_KEYS
from tests.jobs.paced import Paced, PacedServer, paced_server

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


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


def settings_for(database_url: str, data_dir: Path, port: int) -> Settings:
    """Settings of a process that works on this database with this test platform."""
    return Settings(
        database_url=database_url,
        data_directory=str(data_dir),
        sandbox_text="1",
        sandbox_port_text=str(port),
        encryption_key=TEST_KEYS,
    )


@pytest.fixture
def connect(store: Store, company: Company) -> Callable[..., PlatformConfig]:
    """Makes an active connection to the test platform."""
    numbers = itertools.count(1)

    def make(**values: object) -> PlatformConfig:
        config = PlatformConfig(
            number=next(numbers),
            company_id=company.id,
            platform="indeed",
            connector="paced",
            name="Paced",
            is_active=True,
            time_zone="Europe/Berlin",
            created_at=datetime(2026, 1, 1, tzinfo=UTC),
        )
        config.credentials = seal_secrets(store.vault, config.id, {"key": "first"})
        for name, value in values.items():
            setattr(config, name, value)
        with store.writing() as session:
            session.add(config)
        return config

    return make


@pytest.fixture
def config(connect: Callable[..., PlatformConfig]) -> PlatformConfig:
    """One connection."""
    return connect()
