"""The clock with its worker processes, reading the sandbox: from a request to aggregates, with nobody's help."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from sqlalchemy import text
from sqlmodel import col, select, update

from jobs import clock
from jobs.enqueue import request_sync
from sandbox.launch import Sandbox
from settings import Settings
from store.opening import Store
from store.tables import Company, PlatformConfig, PlatformSyncJob
from store.writes.credentials import seal_secrets
from tests.conftest import TEST_KEYS
from tests.waiting import until

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def database_kind() -> str:
    """Processes are the same on both databases; the first test is run on both."""
    return "sqlite"


@pytest.fixture
def settings(database_url: str, tmp_path: Path, sandbox: Sandbox) -> Settings:
    """Two workers, reading the sandbox."""
    return Settings(
        database_url=database_url,
        data_directory=str(tmp_path),
        sandbox_text="1",
        sandbox_port_text=sandbox.url.rpartition(":")[2],
        encryption_key=TEST_KEYS,
        workers_text="2",
    )


@pytest.fixture
def indeed(store: Store, company: Company, sandbox: Sandbox) -> PlatformConfig:
    """A connection to the sandbox's Indeed."""
    told = sandbox.control("credentials")["indeed"]
    config = PlatformConfig(
        number=1,
        company_id=company.id,
        platform="indeed",
        connector="indeed",
        name="Indeed",
        settings={name: told[name] for name in ("client_id", "employer_id")} | {"per_posting": False},
        is_active=True,
        time_zone="America/Chicago",
        # Not yet due by itself.
        created_at=datetime.now(UTC) + timedelta(days=1),
    )
    config.credentials = seal_secrets(store.vault, config.id, {"client_secret": told["client_secret"]})
    with store.writing() as session:
        session.add(config)
    return config


@pytest.fixture
def ticking(settings: Settings, store: Store) -> Iterator[clock.Clock]:
    """A running clock."""
    started = clock.start(settings, store)
    try:
        yield started
    finally:
        started.stop()
        assert started.worker_pids() == []


def ask(store: Store, config: PlatformConfig, days: int) -> date:
    """Ask for so many days up to today, which is returned: after midnight it is another day."""
    today = datetime.now(UTC).date()
    with store.writing() as session:
        request_sync(
            session,
            config,
            sync_type="backfill",
            window=(today - timedelta(days=days), today),
            requested_by="ann@harbour.example",
            now=datetime.now(UTC),
        )
    return today


def job(store: Store) -> PlatformSyncJob:
    with store.reading() as session:
        return session.exec(select(PlatformSyncJob).order_by(col(PlatformSyncJob.number).desc())).first()  # type: ignore[return-value]


def totals(store: Store) -> dict[int, int]:
    with store.reading() as session:
        rows = session.execute(
            text("SELECT metric, SUM(value) FROM platform_analytics_aggregated WHERE grain = 1 GROUP BY metric")
        )
        return {metric: int(total) for metric, total in rows}


def count(store: Store, table: str) -> int:
    with store.reading() as session:
        return int(session.execute(text(f"SELECT COUNT(*) FROM {table}")).scalar_one())


@pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])
def test_a_requested_sync_becomes_aggregates_equal_to_the_truth(
    store: Store, indeed: PlatformConfig, sandbox: Sandbox, ticking: clock.Clock
) -> None:
    today = ask(store, indeed, days=20)
    until(lambda: job(store).state not in {"pending", "running"})
    assert (job(store).state, job(store).cause_code) == ("completed", "")
    until(lambda: count(store, "platform_analytics_aggregated") and not count(store, "dirty_days"))
    truth = sandbox.truth(today - timedelta(days=20), today, "indeed")
    wanted = {row["metric"]: row["value"] for row in truth["totals"] if row["platform"] == "indeed"}
    numbers = {"impressions": 1, "clicks": 3, "apply_starts": 4, "applications": 5, "spend": 14}
    assert totals(store) == {number: wanted[name] for name, number in numbers.items()}


def test_a_killed_worker_is_replaced_and_its_sync_resumed(
    store: Store, indeed: PlatformConfig, sandbox: Sandbox, ticking: clock.Clock
) -> None:
    # The request that hangs dies with the worker that made it; whoever resumes gets an answer.
    sandbox.plan("/ads", {"kind": "hang"}, repeat=1)
    ask(store, indeed, days=20)
    until(lambda: [script["left"] for script in sandbox.control("plan")] == [0], "the worker hangs in the middle")
    assert job(store).state == "running"
    os.kill(int(job(store).worker.rpartition(":")[2]), signal.SIGKILL)
    with store.writing() as session:
        session.execute(update(PlatformSyncJob).values(lease_until=datetime(2020, 1, 1, tzinfo=UTC)))
    until(lambda: job(store).state not in {"pending", "running"})
    assert job(store).state == "completed"
    # Who was killed, who finished, and perhaps one who gave the job back while the pool was replaced.
    assert job(store).fence >= 2


def test_stopping_the_clock_gives_back_what_runs(
    store: Store, indeed: PlatformConfig, sandbox: Sandbox, settings: Settings
) -> None:
    sandbox.plan("/ads", {"delay_ms": 1500, "pass": True}, repeat=3)
    started = clock.start(settings, store)
    ask(store, indeed, days=20)
    until(lambda: job(store).state == "running")
    started.stop()
    assert started.worker_pids() == []
    assert job(store).state in {"pending", "completed"}
    assert job(store).lease_until is None


def _lives(pid: int) -> bool:
    """Whether a process runs; one that nobody has taken note of yet has ended."""
    with suppress(psutil.NoSuchProcess):
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    return False


def test_workers_end_when_their_parent_is_killed(settings: Settings, store: Store) -> None:
    command = [sys.executable, "-m", "tests.jobs.orphans", settings.url, settings.data_directory]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(word) for word in parent.stdout.readline().split()]
        parent.kill()
    assert len(pids) >= 2
    until(lambda: not any(_lives(pid) for pid in pids))


def test_workers_import_no_pages_and_no_data_frames(ticking: clock.Clock) -> None:
    until(lambda: len(ticking.worker_pids()) >= 3)

    def libraries() -> str:
        return "".join(Path(f"/proc/{pid}/maps").read_text() for pid in ticking.worker_pids())

    until(lambda: "_psycopg" in libraries() or "sqlalchemy" in libraries())
    assert "/pandas/" not in libraries()
    assert "/pyarrow/" not in libraries()
