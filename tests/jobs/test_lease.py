"""Who holds a sync job, by the database's clock."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select as plain_select
from sqlmodel import col, select, update

from jobs.enqueue import request_sync
from jobs.lease import Claim, LostLease, beat, claim_next, count_due, database_now, holding, release
from store.engine import open_engine
from store.opening import Store
from store.tables import PlatformConfig, PlatformSyncJob
from tests.jobs.conftest import NOW
from tests.jobs.paced import PacedServer
from tests.waiting import answers_of

Connect = Callable[..., PlatformConfig]


@pytest.fixture
def job_of(store: Store, connect: Connect, platform: PacedServer) -> Callable[..., None]:
    def make(**values: Any) -> None:
        told = {"sync_type": "full", "requested_by": "clock", "now": NOW} | values
        config = connect()
        with store.writing() as session:
            request_sync(session, config, **told)

    return make


def take(store: Store, worker: str = "w1", now: datetime = NOW) -> Claim:
    claim = claim_next(store.engine, worker, now)
    assert claim is not None
    return claim


def run_out(store: Store) -> None:
    """Let the leases end, as time would."""
    with store.writing() as session:
        session.execute(update(PlatformSyncJob).values(lease_until=datetime(2020, 1, 1, tzinfo=UTC)))


def test_the_databases_clock_reads_as_an_instant(store: Store) -> None:
    before = datetime.now(UTC)
    with store.reading() as session:
        now, later = session.execute(plain_select(database_now(), database_now(30))).one()
    assert before - timedelta(seconds=1) < now < datetime.now(UTC) + timedelta(seconds=1)
    assert timedelta(seconds=29) < later - now < timedelta(seconds=60)


def test_a_job_is_claimed_once(store: Store, job_of: Any) -> None:
    job_of()
    claim = take(store)
    assert claim.fence == 1
    assert not claim.was_lost
    assert claim_next(store.engine, "w2", NOW) is None


def test_small_syncs_go_before_full_ones(store: Store, job_of: Any, connect: Connect) -> None:
    job_of()
    job_of(sync_type="incremental", window=(NOW.date(), NOW.date() + timedelta(days=1)), now=NOW + timedelta(hours=1))
    assert take(store, now=NOW + timedelta(hours=2)).number == 2


def test_a_job_waits_for_its_time(store: Store, job_of: Any) -> None:
    job_of()
    with store.writing() as session:
        session.execute(update(PlatformSyncJob).values(next_attempt_at=NOW + timedelta(minutes=1)))
    assert claim_next(store.engine, "w1", NOW) is None
    with store.reading() as session:
        assert count_due(session, NOW + timedelta(minutes=1)) == 1


def test_a_paused_job_goes_on_at_its_time(store: Store, job_of: Any) -> None:
    job_of()
    claim = take(store)
    holding(store.engine, claim, state="paused", paused_until=NOW + timedelta(minutes=5), lease_until=None)
    assert claim_next(store.engine, "w1", NOW) is None
    assert take(store, now=NOW + timedelta(minutes=5)).fence == 2


def test_a_job_whose_worker_is_gone_is_taken_over_and_the_old_holder_fenced(store: Store, job_of: Any) -> None:
    job_of()
    old = take(store)
    run_out(store)
    new = take(store, "w2")
    assert new.was_lost
    assert new.fence == old.fence + 1
    with pytest.raises(LostLease):
        beat(store.engine, old)
    beat(store.engine, new)


def test_a_holder_whose_lease_ran_out_may_not_write_even_if_nobody_took_over(store: Store, job_of: Any) -> None:
    job_of()
    claim = take(store)
    run_out(store)
    with pytest.raises(LostLease):
        holding(store.engine, claim, pages=99)
    with store.reading() as session:
        assert session.exec(select(PlatformSyncJob)).one().pages == 0


def test_what_is_written_under_a_lost_lease_is_rolled_back(store: Store, job_of: Any) -> None:
    job_of()
    old = take(store)

    def work(session: Any) -> None:
        session.execute(update(PlatformSyncJob).values(detail="written by a ghost"))

    run_out(store)
    with pytest.raises(LostLease):
        holding(store.engine, old, work)
    with store.reading() as session:
        assert session.exec(select(PlatformSyncJob)).one().detail == ""


def test_a_released_job_is_due_at_once(store: Store, job_of: Any) -> None:
    job_of()
    release(store.engine, take(store), NOW)
    assert take(store).fence == 2


def _claim_all(url: str, worker: str, found: Any) -> None:
    engine = open_engine(url)
    while claim := claim_next(engine, worker, NOW):
        found.put(claim.number)
    found.put(None)


def test_three_processes_never_claim_the_same_job(
    store: Store, job_of: Any, connect: Connect, database_url: str, nursery: Any
) -> None:
    for _ in range(40):
        job_of()
    found = nursery.Queue()
    processes = [nursery.Process(target=_claim_all, args=(database_url, f"w{n}", found)) for n in range(3)]
    for process in processes:
        process.start()
    claimed = [number for number in answers_of(found, processes, 40 + len(processes)) if number is not None]
    for process in processes:
        process.join(300)
    assert sorted(claimed) == list(range(1, 41))
    with store.reading() as session:
        fences = session.exec(select(col(PlatformSyncJob.fence))).all()
    assert set(fences) == {1}
