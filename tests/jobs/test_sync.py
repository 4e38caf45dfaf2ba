"""One sync job: what it keeps, how it waits, and who may go on with it."""

import threading
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select, update

from domain.facts import Coverage, day_number
from jobs.worker import run_once
from settings import Settings
from store.opening import Store
from store.tables import PlatformConfig, PlatformSyncJob
from tests.jobs.conftest import NOW
from tests.jobs.paced import Paced, PacedServer
from tests.jobs.syncing import ask, errors, job, run
from tests.jobs.tables import contents
from tests.waiting import until

Connect = Callable[..., PlatformConfig]


def test_it_brings_everything_and_says_so(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    ask(store, config)
    outcome = run(store, settings)
    done = job(store)
    assert (outcome.state, done.state, done.finished_at) == ("completed", "completed", NOW)
    assert (done.pages, done.facts, done.inserted, done.requests) == (9, 48, 48, 9)
    assert done.lease_until is None
    with store.reading() as session:
        assert session.get_one(PlatformConfig, config.id).synced_at == NOW
    held = contents(store)
    assert len(held["facts"]) == 48
    assert {row[5] for row in held["coverage"]} == {int(Coverage.READ)}
    assert len(held["dirty"]) == 12
    assert held["postings"] == [("p0", "Posting p0"), ("p1", "Posting p1")]


def test_it_reads_the_newest_days_first(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    ask(store, config)
    run(store, settings)
    starts = [path.split("start=")[1][:10] for path in platform.paths]
    assert starts == ["2026-06-09"] * 3 + ["2026-06-05"] * 3 + ["2026-06-01"] * 3


def test_a_second_read_of_the_same_numbers_changes_nothing(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    ask(store, config)
    run(store, settings)
    before = contents(store)["facts"]
    ask(store, config)
    run(store, settings)
    again = job(store)
    assert (again.inserted, again.updated, again.unchanged, again.deleted) == (0, 0, 48, 0)
    assert contents(store)["facts"] == before


def test_what_the_platform_no_longer_reports_is_gone(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    ask(store, config)
    run(store, settings)
    platform.postings, platform.offset = 1, 5
    ask(store, config)
    run(store, settings)
    again = job(store)
    assert (again.updated, again.deleted) == (36, 12)
    assert len(contents(store)["facts"]) == 36


def test_days_the_platform_may_still_restate_are_provisional(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    ask(store, config)
    run(store, settings)
    first = day_number(date(2026, 6, 12))
    assert {row[1] for row in contents(store)["facts"] if row[10]} == {first}


def test_a_short_wait_is_waited_in_place(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    platform.waits = 2
    ask(store, config)
    assert run(store, settings).state == "completed"
    assert job(store).waits == 2
    assert job(store).waited_seconds == pytest.approx(0.1)


def test_a_long_wait_parks_the_job_and_it_goes_on_later(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    platform.waits, platform.wait_seconds = 1, 600
    ask(store, config)
    assert run(store, settings).state == "paused"
    parked = job(store)
    assert (parked.paused_until, parked.cause_code) == (NOW + timedelta(minutes=10), "")
    assert run(store, settings) is None
    assert run(store, settings, NOW + timedelta(minutes=10)).state == "completed"
    assert len(contents(store)["facts"]) == 48


def test_a_connection_switched_off_meanwhile_is_not_read(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    ask(store, config)
    with store.writing() as session:
        session.execute(update(PlatformConfig).values(is_active=False))
    assert run(store, settings).state == "failed"
    assert platform.paths == []


def test_the_budget_parks_the_job_and_says_so(
    store: Store, settings: Settings, connect: Connect, platform: PacedServer
) -> None:
    config = connect(rate_limit=4)
    ask(store, config)
    now = datetime.now(UTC)
    assert run(store, settings, now).state == "paused"
    stopped = job(store)
    assert (stopped.cause_code, stopped.pages) == ("budget", 4)
    assert stopped.paused_until is not None
    assert stopped.paused_until > now + timedelta(minutes=50)


def test_spending_is_recorded_and_bounded(
    store: Store, settings: Settings, connect: Connect, platform: PacedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Paced, "limits", type(Paced.limits)(requests=1000, seconds=60, cost_minor=300))
    config = connect(spend_limit_minor=1000)
    ask(store, config)
    assert run(store, settings, datetime.now(UTC)).state == "paused"
    stopped = job(store)
    assert (stopped.cause_code, stopped.spent_minor, stopped.pages) == ("budget", 900, 3)


def test_a_large_page_is_written_in_slices_and_its_cursor_last(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.sync.SLICE", 3)
    ask(store, config)
    assert run(store, settings).state == "completed"
    done = job(store)
    assert (done.pages, done.facts, done.inserted) == (9, 48, 48)


def test_a_process_that_stops_gives_the_job_back_at_the_page_boundary(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    ask(store, config)
    outcome = run(store, settings, is_stopping=lambda: len(platform.paths) >= 4)
    assert outcome.state == "pending"
    waiting = job(store)
    assert (waiting.state, waiting.pages, waiting.attempts) == ("pending", 4, 0)
    assert run(store, settings).state == "completed"
    assert len(platform.paths) == 9
    assert len(contents(store)["facts"]) == 48


def test_long_syncs_let_others_pass_between_chunks(
    store: Store, settings: Settings, connect: Connect, platform: PacedServer
) -> None:
    first, second = ask(store, connect()).number, ask(store, connect()).number
    ended = []
    while outcome := run_once(store, settings, "w1"):
        ended.append(outcome.state)
    assert ended == ["pending"] * 4 + ["completed"] * 2
    with store.reading() as session:
        fences = session.exec(select(col(PlatformSyncJob.number), col(PlatformSyncJob.fence))).all()
    assert sorted(fences) == [(first, 3), (second, 3)]


def test_a_worker_whose_job_was_taken_over_keeps_nothing(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    platform.gate.clear()
    platform.stall_from = 4
    ask(store, config)
    ended: list[Any] = []
    thread = threading.Thread(target=lambda: ended.append(run(store, settings)))
    thread.start()
    until(lambda: len(platform.paths) >= 4)
    with store.writing() as session:
        session.execute(update(PlatformSyncJob).values(lease_until=datetime(2020, 1, 1, tzinfo=UTC)))
    platform.stall_from = 0
    assert run_once(store, settings, "w2", now=lambda: NOW).state == "completed"  # type: ignore[union-attr]
    finished = contents(store)
    platform.gate.set()
    thread.join(300)
    assert ended[0].cause == "lost_lease"
    assert contents(store) == finished
    assert (job(store).worker, job(store).state) == ("w2", "completed")
    assert sorted(entry.cause_code for entry in errors(store)) == ["lost_lease", "no_worker"]


def test_a_job_that_kills_its_workers_is_given_up(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    ask(store, config)
    with store.writing() as session:
        session.execute(
            update(PlatformSyncJob).values(state="running", attempts=5, lease_until=datetime(2020, 1, 1, tzinfo=UTC))
        )
    assert run(store, settings).state == "failed"
    assert job(store).cause_code == "no_worker"
    assert platform.paths == []
