"""Slots: each moment once, whoever ticks, whatever the clocks do."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import col, select, update

from jobs.schedule import daily_instant, latest_slot
from jobs.ticks import request_due_syncs, tidy_daily
from store.engine import open_engine
from store.keyring import Keyring
from store.opening import Store
from store.tables import ClockSlot, Company, ErrorLog, PlatformConfig, PlatformSyncJob, SessionRow, SignInAttempt, User
from store.vault import Vault
from tests.conftest import TEST_KEYS
from tests.jobs.conftest import NOW
from tests.jobs.paced import Paced, PacedServer, register
from tests.waiting import answers_of

Connect = Callable[..., PlatformConfig]


def finish(store: Store) -> None:
    with store.writing() as session:
        session.execute(update(PlatformSyncJob).values(state="completed", finished_at=NOW))


def jobs(store: Store) -> list[PlatformSyncJob]:
    with store.reading() as session:
        return list(session.exec(select(PlatformSyncJob).order_by(col(PlatformSyncJob.number))))


@pytest.fixture
def daily(monkeypatch: pytest.MonkeyPatch, platform: PacedServer) -> None:
    monkeypatch.setattr(Paced, "interval", "daily")


def test_an_hourly_connection_is_asked_once_an_hour(
    store: Store, config: PlatformConfig, platform: PacedServer
) -> None:
    asked = []
    for minutes in (0, 1, 30, 59, 60, 61, 120):
        asked.append(request_due_syncs(store, NOW + timedelta(minutes=minutes)))
        finish(store)
    assert asked == [1, 0, 0, 0, 1, 0, 1]


def test_missed_hours_are_caught_up_by_one_sync(store: Store, config: PlatformConfig, platform: PacedServer) -> None:
    assert request_due_syncs(store, NOW) == 1
    finish(store)
    assert request_due_syncs(store, NOW + timedelta(days=3)) == 1
    assert request_due_syncs(store, NOW + timedelta(days=3, minutes=5)) == 0
    assert len(jobs(store)) == 2


def test_a_new_connection_waits_for_its_next_slot(store: Store, connect: Connect, platform: PacedServer) -> None:
    connect(created_at=NOW + timedelta(minutes=5))
    assert request_due_syncs(store, NOW + timedelta(minutes=10)) == 0
    assert request_due_syncs(store, NOW + timedelta(minutes=60)) == 1


@pytest.mark.parametrize(
    "values", [{"is_active": False}, {"deleted_at": NOW}, {"connector": ""}, {"connector": "no longer known"}]
)
def test_only_active_connections_are_asked(
    store: Store, connect: Connect, platform: PacedServer, values: dict[str, Any]
) -> None:
    connect(**values)
    assert request_due_syncs(store, NOW) == 0


def test_a_slot_that_meets_a_sync_under_way_is_spent(
    store: Store, config: PlatformConfig, platform: PacedServer
) -> None:
    request_due_syncs(store, NOW)
    assert request_due_syncs(store, NOW + timedelta(hours=1)) == 0
    assert len(jobs(store)) == 1


ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.usefixtures("daily")
def test_each_local_date_of_a_year_has_one_daily_sync(zone: str) -> None:
    begin, end = datetime(2025, 12, 30, tzinfo=UTC), datetime(2027, 1, 3, tzinfo=UTC)
    seen: list[str] = []
    moment = begin
    while moment < end:
        key = latest_slot("daily", zone, moment).key
        if not seen or seen[-1] != key:
            seen.append(key)
        moment += timedelta(minutes=10)
    first = date.fromisoformat(seen[0].removeprefix("daily:"))
    assert seen == [f"daily:{first + timedelta(days=n)}" for n in range(len(seen))]
    assert len(seen) >= 369


@pytest.mark.parametrize(
    ("zone", "day", "local"),
    [
        ("Europe/Berlin", date(2026, 3, 29), "03:00"),
        ("Europe/Berlin", date(2026, 10, 25), "02:00"),
        ("America/New_York", date(2026, 3, 8), "03:00"),
        ("America/New_York", date(2026, 11, 1), "02:00"),
        ("Australia/Lord_Howe", date(2026, 10, 4), "02:30"),
        ("Australia/Lord_Howe", date(2026, 4, 5), "02:00"),
        ("America/Santiago", date(2026, 9, 6), "02:00"),
        ("America/Santiago", date(2026, 4, 5), "02:00"),
    ],
)
def test_the_daily_moment_on_the_days_the_clocks_change(zone: str, day: date, local: str) -> None:
    moment = daily_instant(day, zone).astimezone(ZoneInfo(zone))
    assert (moment.date(), f"{moment:%H:%M}") == (day, local)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.usefixtures("daily")
def test_ticking_through_both_changes_of_the_clocks_asks_once_a_date(
    store: Store, company: Company, connect: Connect, zone: str
) -> None:
    with store.writing() as session:
        session.execute(update(Company).values(time_zone=zone))
    connect(created_at=datetime(2025, 1, 1, tzinfo=UTC))
    asked = 0
    for change in (datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 10, 3, tzinfo=UTC)):
        for hours in range(0, 4 * 24, 3):
            asked += request_due_syncs(store, change + timedelta(hours=hours))
            finish(store)
    slots = [job.slot for job in jobs(store)]
    assert len(set(slots)) == len(slots) == asked
    assert asked in {8, 9, 10}


def _tick_through(url: str, moments: list[datetime], told: Any) -> None:
    register()
    engine = open_engine(url)
    store = Store(engine, Vault(Keyring.parse(TEST_KEYS)))
    for moment in moments:
        told.put(request_due_syncs(store, moment))
        with store.writing() as session:
            session.execute(
                update(PlatformSyncJob)
                .where(col(PlatformSyncJob.created_at) <= moment)
                .values(state="completed", finished_at=moment)
            )
    told.put(None)


def test_two_clocks_take_each_of_fifty_slots_once(
    store: Store, config: PlatformConfig, database_url: str, platform: PacedServer, nursery: Any
) -> None:
    moments = [NOW + timedelta(hours=number) for number in range(50)]
    told = nursery.Queue()
    processes = [nursery.Process(target=_tick_through, args=(database_url, moments, told)) for _ in range(2)]
    for process in processes:
        process.start()
    answers_of(told, processes, 2 * (len(moments) + 1))
    for process in processes:
        process.join(300)
    with store.reading() as session:
        slots = session.exec(select(col(ClockSlot.slot))).all()
    made = [job.slot for job in jobs(store)]
    assert len(slots) == 50
    assert len(made) == len(set(made))


def test_housekeeping_runs_once_a_day_and_deletes_what_has_passed(store: Store, company: Company) -> None:
    user = User(company_id=company.id, email="ann@harbour.example")
    old, day = NOW - timedelta(days=400), timedelta(days=1)
    with store.writing() as session:
        session.add(user)
        session.flush()
        for token, expires in (("gone", NOW - 2 * day), ("alive", NOW + day)):
            session.add(
                SessionRow(token_hash=token, company_id=company.id, user_id=user.id, seen_at=NOW, expires_at=expires)
            )
        session.add(SignInAttempt(email_hash="x", at=NOW - 2 * day))
        session.add(ErrorLog(company_id=company.id, at=old, cause_code="timeout"))
        session.add(ErrorLog(company_id=company.id, at=NOW, cause_code="timeout"))
        session.add(ClockSlot(job_key="sync:1", slot="old", taken_at=NOW - 40 * day))
    assert tidy_daily(store, NOW)
    assert not tidy_daily(store, NOW + timedelta(hours=1))
    with store.reading() as session:
        assert session.exec(select(col(SessionRow.token_hash))).all() == ["alive"]
        assert session.exec(select(SignInAttempt)).all() == []
        assert [entry.at for entry in session.exec(select(ErrorLog))] == [NOW]
        assert [slot.job_key for slot in session.exec(select(ClockSlot))] == ["tidy"]
