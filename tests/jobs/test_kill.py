"""Workers killed in the middle: what is stored is the old or the new, and the next run finishes as if undisturbed."""

import os
import signal
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import col, select, update

from jobs import lease
from jobs.enqueue import request_sync
from jobs.worker import run_once
from settings import Settings
from store.opening import Store
from store.tables import Company, ErrorLog, PlatformConfig, PlatformSyncJob
from tests.jobs.conftest import NOW
from tests.jobs.doomed import work
from tests.jobs.paced import PacedServer
from tests.jobs.tables import contents
from tests.waiting import answers_of, until

WINDOW = (date(2025, 1, 1), date(2025, 1, 13))
Connect = Callable[..., PlatformConfig]

#: A sync of 3 chunks of 3 pages: 9 answers, 19 commits, about 100 statements.
_ALL = (
    [f"answer {number}" for number in range(1, 10)]
    + [f"{side} {number}" for number in range(1, 19) for side in ("before", "after")]
    + [f"statement {number}" for number in range(4, 96, 9)]
)
_ALWAYS = {"answer 2", "before 4", "after 4", "answer 7", "after 7", "before 16"}
POINTS = [pytest.param(point, marks=[] if point in _ALWAYS else [pytest.mark.faults]) for point in _ALL]


def ask(store: Store, config: PlatformConfig, **values: Any) -> None:
    told: dict[str, Any] = {"sync_type": "backfill", "window": WINDOW, "requested_by": "clock", "now": NOW} | values
    with store.writing() as session:
        request_sync(session, config, **told)


Start = Callable[..., Any]


@pytest.fixture
def start(nursery: Any, database_url: str, tmp_path: Path, platform: PacedServer) -> Start:
    """Starts a worker on the test's database; `told` is where it reports."""

    def run(kill_at: str = "") -> Any:
        told = {"url": database_url, "data_dir": str(tmp_path), "port": platform.port, "kill_at": kill_at}
        report = nursery.Queue()
        process = nursery.Process(target=work, args=(told, report))
        process.start()
        return process, report

    return run


def let_leases_end(store: Store) -> None:
    """As half a minute would."""
    with store.writing() as session:
        session.execute(
            update(PlatformSyncJob)
            .where(col(PlatformSyncJob.state) == "running")
            .values(lease_until=datetime(2020, 1, 1, tzinfo=UTC))
        )


def finish(store: Store, settings: Settings) -> None:
    for _ in range(20):
        if run_once(store, settings, "survivor") is None:
            return
    raise AssertionError("the sync never ended")


def job(store: Store) -> PlatformSyncJob:
    with store.reading() as session:
        return session.exec(select(PlatformSyncJob)).one()


def expected(platform: PacedServer) -> list[tuple[Any, ...]]:
    """Day, metric, posting and value of every fact the platform would tell."""
    told = []
    for start_on, end in ((1, 5), (5, 9), (9, 13)):
        for page in range(platform.pages):
            asked = {"start": f"2025-01-{start_on:02}", "end": f"2025-01-{end:02}", "page": str(page)}
            told += [(day, metric, ref, value) for metric, day, value, ref in platform._page(asked)["facts"]]
    return sorted(told)


def stored(store: Store) -> list[tuple[Any, ...]]:
    names = {3: "clicks", 5: "applications"}
    return sorted(
        (date.fromordinal(row[1] + date(1970, 1, 1).toordinal()).isoformat(), names[row[2]], row[4], row[9])
        for row in contents(store)["facts"]
    )


@pytest.mark.kill
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_worker_leaves_nothing_half_done(
    store: Store,
    company: Company,
    config: PlatformConfig,
    settings: Settings,
    platform: PacedServer,
    start: Start,
    point: str,
) -> None:
    ask(store, config)
    worker, _ = start(point)
    worker.join(300)
    assert worker.exitcode == -signal.SIGKILL
    halfway = stored(store)
    assert set(halfway) <= set(expected(platform)), "a fact that the platform never told"
    pages = job(store).pages
    assert len(halfway) == job(store).facts, "facts and counts were not committed together"
    let_leases_end(store)
    finish(store, settings)
    done = job(store)
    assert done.state == "completed"
    assert stored(store) == expected(platform)
    assert (done.facts, done.inserted, done.pages) == (48, 48, 9), f"after {pages} pages"
    held = contents(store)
    assert {row[5:7] for row in held["coverage"]} == {(1, 0)}
    assert len(held["coverage"]) == 12 * 3
    assert len(held["dirty"]) == 12


def test_an_undisturbed_run_of_the_same_worker_reaches_every_point(
    store: Store, config: PlatformConfig, platform: PacedServer, start: Start
) -> None:
    ask(store, config)
    worker, report = start()
    reached = answers_of(report, [worker], 1)[0]
    worker.join(300)
    assert worker.exitcode == 0
    assert reached["answer"] == 9
    # More where it took so long that the lease was prolonged.
    assert reached["before"] == reached["after"] >= 19
    assert reached["statement"] >= 95
    assert stored(store) == expected(platform)


@pytest.mark.kill
def test_a_frozen_worker_is_fenced_when_it_wakes(
    store: Store,
    company: Company,
    config: PlatformConfig,
    settings: Settings,
    platform: PacedServer,
    start: Start,
) -> None:
    platform.gate.clear()
    platform.stall_from = 5
    ask(store, config)
    worker, _ = start()
    try:
        until(lambda: len(platform.paths) >= 5)
        os.kill(worker.pid, signal.SIGSTOP)
        platform.stall_from = 0
        let_leases_end(store)
        finish(store, settings)
        finished = contents(store)
        os.kill(worker.pid, signal.SIGCONT)
        platform.gate.set()
        worker.join(300)
        assert worker.exitcode == 0
    finally:
        worker.kill()
    assert contents(store) == finished
    assert (job(store).state, job(store).worker) == ("completed", "survivor")
    with store.reading() as session:
        causes = session.exec(select(col(ErrorLog.cause_code))).all()
    assert sorted(causes) == ["lost_lease", "no_worker"]


def test_a_living_worker_keeps_its_lease_while_the_platform_is_slow(
    store: Store,
    config: PlatformConfig,
    settings: Settings,
    platform: PacedServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("jobs.worker.HEARTBEAT_SECONDS", 0.05)
    platform.gate.clear()
    platform.stall_from = 2
    ask(store, config)
    thread = threading.Thread(target=lambda: run_once(store, settings, "slow"))
    thread.start()
    until(lambda: len(platform.paths) >= 2)
    first = job(store).lease_until
    assert first is not None
    until(lambda: (job(store).lease_until or first) > first)
    assert lease.claim_next(store.engine, "greedy", datetime.now(UTC)) is None
    platform.gate.set()
    thread.join(300)
    assert job(store).state == "completed"


def test_a_database_restart_in_the_middle_is_survived(
    store: Store, config: PlatformConfig, settings: Settings, platform: PacedServer, database_kind: str
) -> None:
    if database_kind != "postgresql":
        pytest.skip("SQLite has no server to lose")
    platform.gate.clear()
    platform.stall_from = 4
    ask(store, config)
    thread = threading.Thread(target=lambda: run_once(store, settings, "w1"))
    thread.start()
    until(lambda: len(platform.paths) >= 4)
    with store.engine.connect() as connection:
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )
    platform.gate.set()
    thread.join(300)
    let_leases_end(store)
    finish(store, settings)
    assert job(store).state == "completed"
    assert stored(store) == expected(platform)
