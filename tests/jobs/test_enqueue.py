"""Asking for syncs: one at a time for a connection, in the window that is due."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from domain.facts import day_of
from jobs.enqueue import request_sync
from jobs.worker import run_once
from settings import Settings
from store.engine import open_engine, writing
from store.opening import Store
from store.tables import Company, PlatformConfig, PlatformSyncJob, ReadCoverage
from tests.jobs.conftest import NOW
from tests.jobs.paced import Paced, PacedServer, register
from tests.waiting import answers_of

Connect = Callable[..., PlatformConfig]


def ask(store: Store, config: PlatformConfig, **values: Any) -> Any:
    told = {"sync_type": "incremental", "requested_by": "ann@harbour.example", "now": NOW} | values
    with store.writing() as session:
        return request_sync(session, config, **told)


def end(store: Store, state: str, **values: Any) -> None:
    with store.writing() as session:
        for job in session.exec(select(PlatformSyncJob).where(col(PlatformSyncJob.finished_at).is_(None))):
            job.state, job.finished_at = state, NOW
            for name, value in values.items():
                setattr(job, name, value)


def test_it_answers_a_second_request_with_the_active_job(
    store: Store, config: PlatformConfig, platform: PacedServer
) -> None:
    first, second = ask(store, config), ask(store, config)
    assert (first.is_new, second.is_new) == (True, False)
    assert second.job_id == first.job_id
    assert second.created_at == NOW


def test_it_numbers_jobs_in_the_order_of_asking(store: Store, connect: Connect, platform: PacedServer) -> None:
    numbers = [ask(store, connect()).number for _ in range(3)]
    assert numbers == [1, 2, 3]


def test_it_makes_the_first_sync_a_full_one(store: Store, config: PlatformConfig, platform: PacedServer) -> None:
    request = ask(store, config)
    assert request.sync_type == "full"
    assert (request.window_start, request.window_end) == (date(2025, 6, 15), date(2026, 6, 16))


def test_it_reads_the_lookback_again_when_nothing_is_missing(
    store: Store, config: PlatformConfig, platform: PacedServer
) -> None:
    ask(store, config)
    end(store, "completed")
    request = ask(store, config)
    assert request.sync_type == "incremental"
    assert (request.window_start, request.window_end) == (date(2026, 6, 12), date(2026, 6, 16))


def test_it_catches_up_the_days_that_were_missed_and_those_that_were_not_final(
    store: Store, config: PlatformConfig, platform: PacedServer
) -> None:
    ask(store, config, now=NOW - timedelta(days=16))
    end(store, "completed")
    assert ask(store, config).window_start == date(2026, 5, 27)


@pytest.mark.parametrize("state", ["partial", "failed"])
def test_it_reads_again_what_broken_incremental_syncs_left_out(
    store: Store, config: PlatformConfig, platform: PacedServer, state: str
) -> None:
    ask(store, config, now=NOW - timedelta(days=16))
    end(store, "completed")
    for days in (2, 1, 0):
        assert ask(store, config, now=NOW - timedelta(days=days)).window_start == date(2026, 5, 27)
        end(store, state)


def test_a_backfill_of_late_days_hides_none_that_were_missed(
    store: Store, config: PlatformConfig, platform: PacedServer
) -> None:
    ask(store, config, now=NOW - timedelta(days=16))
    end(store, "completed")
    ask(store, config, sync_type="backfill", window=(date(2026, 6, 13), date(2026, 6, 16)))
    end(store, "completed")
    assert ask(store, config).window_start == date(2026, 5, 27)


def test_every_day_is_read_once_more_when_it_is_final(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first sync is of a year: in one piece.
    monkeypatch.setattr(Paced, "chunk_days", 400)
    for day in range(6):
        at = NOW + timedelta(days=day)
        ask(store, config, now=at)
        run_once(store, settings, "w1", now=lambda at=at: at)  # type: ignore[misc]
    with store.reading() as session:
        kept = set(session.exec(select(ReadCoverage.day).where(ReadCoverage.provisional == 1)))
    assert {day_of(number) for number in kept} == {date(2026, 6, day) for day in (17, 18, 19, 20)}


def test_it_goes_on_with_the_rest_of_a_broken_first_sync(
    store: Store, config: PlatformConfig, platform: PacedServer
) -> None:
    ask(store, config)
    end(store, "partial", cursor={"chunks": [["2025-07-01", "2025-08-01"], ["2025-06-15", "2025-07-01"]]})
    request = ask(store, config, now=NOW + timedelta(days=1))
    with store.reading() as session:
        cursor = session.get_one(PlatformSyncJob, request.job_id).cursor
    assert request.sync_type == "full"
    assert cursor["chunks"] == [
        ["2026-06-12", "2026-06-17"],
        ["2025-07-01", "2025-08-01"],
        ["2025-06-15", "2025-07-01"],
    ]


def test_it_counts_days_in_the_zone_the_platform_reports_in(
    store: Store, connect: Connect, platform: PacedServer
) -> None:
    config = connect(time_zone="America/Los_Angeles")
    request = ask(store, config, sync_type="full", now=NOW.replace(hour=3))
    assert request.window_end == date(2026, 6, 15)


def test_it_takes_a_slot_once(store: Store, config: PlatformConfig, platform: PacedServer) -> None:
    first = ask(store, config, slot="daily:2026-06-15", requested_by="clock")
    end(store, "completed")
    again = ask(store, config, slot="daily:2026-06-15", requested_by="clock")
    assert (again.job_id, again.is_new, again.state) == (first.job_id, False, "completed")


@pytest.mark.parametrize(
    ("state", "cause", "by", "is_due"),
    [
        ("pending", "unreachable", "ann@harbour.example", True),
        ("paused", "", "ann@harbour.example", True),
        ("paused", "budget", "ann@harbour.example", True),
        ("paused", "quota", "ann@harbour.example", False),
        ("paused", "rate_limited", "ann@harbour.example", False),
        ("pending", "unreachable", "clock", False),
    ],
)
def test_it_cuts_short_only_our_own_waits_and_only_for_people(
    store: Store, config: PlatformConfig, platform: PacedServer, state: str, cause: str, by: str, is_due: bool
) -> None:
    ask(store, config)
    later = NOW + timedelta(minutes=10)
    with store.writing() as session:
        job = session.exec(select(PlatformSyncJob)).one()
        job.state, job.cause_code = state, cause
        job.next_attempt_at = later if state == "pending" else None
        job.paused_until = later if state == "paused" else None
    assert ask(store, config, requested_by=by).due_at == (NOW if is_due else later)


def test_it_refuses_windows_that_end_before_they_start(
    store: Store, config: PlatformConfig, platform: PacedServer
) -> None:
    with pytest.raises(ValueError, match="ends after it starts"):
        ask(store, config, sync_type="backfill", window=(date(2026, 1, 2), date(2026, 1, 2)))


def _ask_many(url: str, config_ids: list[Any], found: Any) -> None:
    register()
    engine = open_engine(url)
    for config_id in config_ids:
        with writing(engine) as session:
            config = session.get_one(PlatformConfig, config_id)
            request = request_sync(session, config, sync_type="incremental", requested_by="clock", now=NOW)
        found.put((config_id, request.job_id, request.number, request.is_new))


def test_it_makes_one_job_when_two_processes_ask_at_once(
    store: Store, company: Company, connect: Connect, database_url: str, platform: PacedServer, nursery: Any
) -> None:
    ids = [connect().id for _ in range(15)]
    found = nursery.Queue()
    processes = [nursery.Process(target=_ask_many, args=(database_url, ids, found)) for _ in range(2)]
    for process in processes:
        process.start()
    answers = answers_of(found, processes, 2 * len(ids))
    for process in processes:
        process.join(300)
    assert sorted({number for _, _, number, is_new in answers if is_new}) == list(range(1, 16))
    assert sum(is_new for *_, is_new in answers) == len(ids)
    assert {config_id: job_id for config_id, job_id, *_ in answers}.items() == {
        (config_id, job_id) for config_id, job_id, *_ in answers
    }
