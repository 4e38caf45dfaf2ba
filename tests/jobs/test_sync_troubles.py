"""A sync job that meets trouble: in which words it ends, when it is tried again, and what it leaves untouched."""

import json
import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import col, select, update

from domain.facts import Coverage, day_number
from settings import Settings
from store.opening import Store
from store.tables import PlatformConfig, ReadCoverage
from store.writes.credentials import seal_secrets
from tests.jobs.conftest import NOW
from tests.jobs.paced import PacedServer
from tests.jobs.syncing import ask, errors, job, run
from tests.jobs.tables import contents

Connect = Callable[..., PlatformConfig]


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
