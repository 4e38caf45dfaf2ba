"""One sync job: what it keeps, how it waits, and in which words it ends."""

import json
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select, update

from domain.facts import Coverage, day_number
from jobs.enqueue import SyncRequest, request_sync
from jobs.worker import run_once
from settings import Settings
from store.opening import Store
from store.tables import ErrorLog, PlatformConfig, PlatformSyncJob, ReadCoverage
from store.writes.credentials import seal_secrets
from tests.jobs.conftest import NOW
from tests.jobs.paced import Paced, PacedServer
from tests.jobs.tables import contents

Connect = Callable[..., PlatformConfig]
WINDOW = (date(2026, 6, 1), date(2026, 6, 13))


@pytest.fixture(autouse=True)
def no_waiting_between_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The client's own short retries need not take real seconds here."""
    monkeypatch.setattr("connectors.http._BACKOFF", lambda _state: 0.0)


def ask(store: Store, config: PlatformConfig, **values: Any) -> SyncRequest:
    told: dict[str, Any] = {"sync_type": "backfill", "window": WINDOW, "requested_by": "clock", "now": NOW} | values
    with store.writing() as session:
        return request_sync(session, config, **told)


def run(store: Store, settings: Settings, now: datetime = NOW, **values: Any) -> Any:
    return run_once(store, settings, "w1", now=lambda: now, **values)


def job(store: Store) -> PlatformSyncJob:
    with store.reading() as session:
        return session.exec(select(PlatformSyncJob).order_by(col(PlatformSyncJob.number).desc())).first()  # type: ignore[return-value]


def errors(store: Store) -> list[ErrorLog]:
    with store.reading() as session:
        return list(session.exec(select(ErrorLog).order_by(col(ErrorLog.at))))


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


STORM = 40


@pytest.mark.parametrize(
    ("headers", "state", "cause"),
    [
        ({"Retry-After": "600"}, "paused", "rate_limited"),
        ({"Retry-After": "Mon, 15 Jun 2126 12:10:00 GMT"}, "paused", "rate_limited"),
        ({}, "paused", "rate_limited"),
        ({"Retry-After": "soon"}, "paused", "rate_limited"),
    ],
)
def test_too_many_requests_pause_the_job_with_the_cause(
    store: Store,
    settings: Settings,
    config: PlatformConfig,
    platform: PacedServer,
    headers: dict[str, str],
    state: str,
    cause: str,
) -> None:
    platform.plan = [(429, headers, "{}")] * STORM
    ask(store, config)
    now = datetime.now(UTC)
    assert run(store, settings, now).state == state
    stopped = job(store)
    assert (stopped.state, stopped.cause_code) == (state, cause)
    assert stopped.paused_until is not None
    assert now < stopped.paused_until <= now + timedelta(minutes=16)
    assert len(platform.paths) <= 6
    assert [entry.cause_code for entry in errors(store)] == [cause]


def test_a_storm_of_429_is_given_up_until_the_next_slot(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    platform.plan = [(429, {}, "{}")] * 1000
    ask(store, config)
    now, states = datetime.now(UTC), []
    for _ in range(10):
        outcome = run(store, settings, now)
        if outcome is None:
            break
        states.append(outcome.state)
        now += timedelta(hours=1)
    assert states == ["paused"] * 5 + ["failed"]
    assert job(store).cause_code == "rate_limited"


def test_a_passing_failure_is_tried_again_with_growing_patience(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(random, "uniform", lambda _low, high: high)
    platform.plan = [(503, {}, "{}")] * 3000
    ask(store, config)
    now, delays = NOW, []
    for _ in range(5):
        assert run(store, settings, now).state == "pending"
        waiting = job(store)
        assert waiting.cause_code == "server_error"
        assert waiting.next_attempt_at is not None
        delays.append((waiting.next_attempt_at - now).total_seconds())
        now = waiting.next_attempt_at
    assert delays == [15, 30, 60, 120, 240]
    assert run(store, settings, now).state == "failed"
    assert len(errors(store)) == 6


def test_days_never_read_are_gaps_with_the_reason_when_a_sync_fails(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    ask(store, config, window=(date(2026, 6, 9), date(2026, 6, 13)))
    run(store, settings)
    platform.plan = [(403, {}, "{}")]
    ask(store, config)
    assert run(store, settings).state == "failed"
    with store.reading() as session:
        rows = session.exec(select(ReadCoverage).where(col(ReadCoverage.scope) == 1)).all()
    state_of = {row.day: (row.state, row.cause_code) for row in rows}
    cause = job(store).cause_code
    assert state_of[day_number(date(2026, 6, 1))] == (int(Coverage.FAILED), cause)
    assert state_of[day_number(date(2026, 6, 10))] == (int(Coverage.READ), "")


def test_a_failure_after_some_chunks_leaves_a_partial_sync(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    told = [(200, {}, _page(platform, number)) for number in range(3)]
    platform.plan = [*told, (403, {}, "{}")]
    ask(store, config)
    assert run(store, settings).state == "partial"
    assert {row[1] for row in contents(store)["facts"]} == {day_number(date(2026, 6, day)) for day in range(9, 13)}


def _page(platform: PacedServer, number: int) -> str:
    return json.dumps(platform._page({"start": "2026-06-09", "end": "2026-06-13", "page": str(number)}))


@pytest.mark.parametrize(
    ("answer", "cause"),
    [
        ((200, {"Content-Type": "text/html"}, "<!doctype html><title>Sign in</title>"), "not_json"),
        ((200, {}, '{"facts": [["clicks"'), "contract_error"),
        ((200, {}, '{"facts": null}'), "unexpected"),
        ((200, {}, "[]"), "contract_error"),
    ],
)
def test_a_wrong_answer_is_never_read_as_zero(
    store: Store,
    settings: Settings,
    config: PlatformConfig,
    platform: PacedServer,
    answer: tuple[int, dict[str, str], str],
    cause: str,
) -> None:
    ask(store, config)
    run(store, settings)
    before = contents(store)["facts"]
    platform.plan = [answer] * 30
    ask(store, config)
    outcome = run(store, settings)
    assert outcome.state in {"failed", "pending"}
    assert outcome.cause == cause
    assert contents(store)["facts"] == before
    assert job(store).pages == 0


def test_an_error_is_resolved_by_the_next_good_sync(
    store: Store, settings: Settings, config: PlatformConfig, platform: PacedServer
) -> None:
    platform.plan = [(403, {}, "{}")]
    ask(store, config)
    run(store, settings)
    assert errors(store)[0].resolved_at is None
    ask(store, config)
    run(store, settings)
    assert errors(store)[0].resolved_at == NOW


def test_a_revoked_sign_in_fails_at_once_and_asks_the_token_address_once(
    store: Store, settings: Settings, connect: Connect, platform: PacedServer
) -> None:
    config = connect(settings={"signs_in": True})
    platform.is_revoked = True
    for _ in range(3):
        ask(store, config)
        assert run(store, settings).state == "failed"
        assert job(store).cause_code == "auth_revoked"
    assert platform.token_calls == 1


def test_a_signed_in_read_keeps_its_token_for_the_next(
    store: Store, settings: Settings, connect: Connect, platform: PacedServer
) -> None:
    config = connect(settings={"signs_in": True})
    for _ in range(2):
        ask(store, config)
        assert run(store, settings).state == "completed"
    assert platform.token_calls == 1


def test_an_expired_token_is_renewed_once_in_the_middle(
    store: Store, settings: Settings, connect: Connect, platform: PacedServer
) -> None:
    config = connect(settings={"signs_in": True})
    platform.plan = [(401, {}, "{}")]
    ask(store, config)
    assert run(store, settings).state == "completed"
    assert platform.token_calls == 2


def test_credentials_sealed_for_another_row_are_refused(
    store: Store, settings: Settings, config: PlatformConfig, connect: Connect, platform: PacedServer
) -> None:
    other = connect()
    with store.writing() as session:
        session.execute(
            update(PlatformConfig)
            .where(col(PlatformConfig.id) == config.id)
            .values(credentials=seal_secrets(store.vault, other.id, {"key": "first"}))
        )
    ask(store, config)
    assert run(store, settings).state == "failed"
    assert job(store).cause_code == "key_invalid"
    assert platform.paths == []


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
    _until(lambda: len(platform.paths) >= 4)
    with store.writing() as session:
        session.execute(update(PlatformSyncJob).values(lease_until=datetime(2020, 1, 1, tzinfo=UTC)))
    platform.stall_from = 0
    assert run_once(store, settings, "w2", now=lambda: NOW).state == "completed"  # type: ignore[union-attr]
    finished = contents(store)
    platform.gate.set()
    thread.join(120)
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


def _until(holds: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)
