"""Every fault the sandbox can act out, met by a whole sync: the state it ends in, its cause, and the numbers kept."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from connectors.errors import CAUSES
from connectors.http import Http, Options, open_http
from jobs import sessions
from jobs.enqueue import request_sync
from jobs.worker import run_once
from sandbox.faults import KINDS, OWN
from sandbox.launch import Sandbox
from settings import Settings
from store.opening import Store
from store.tables import Company, ErrorLog, PlatformConfig, PlatformSyncJob, RawFact
from store.writes.credentials import forget_token, seal_secrets
from tests.jobs.conftest import settings_for

CAMPAIGNS = "/ads/v1/campaigns"
AGAIN, GIVEN_UP, WAITING, DONE = "pending", "failed", "paused", "completed"
#: How a sync ends that meets the fault on every request: state, and the causes that name it.
ENDS: dict[str, tuple[str, set[str]]] = {
    "429_seconds": (WAITING, {"rate_limited"}),
    "429_date": (WAITING, {"rate_limited"}),
    "429_plain": (WAITING, {"rate_limited"}),
    "500": (AGAIN, {"server_error"}),
    "502": (AGAIN, {"server_error"}),
    "503": (AGAIN, {"server_error"}),
    "truncated": (AGAIN, {"truncated"}),
    "chunked_cut": (AGAIN, {"truncated"}),
    "reset": (AGAIN, {"unreachable", "truncated"}),
    "drip": (AGAIN, {"timeout"}),
    "hang": (AGAIN, {"timeout"}),
    "swallowed": (AGAIN, {"timeout"}),
    "html": (AGAIN, {"not_json"}),
    "null": (GIVEN_UP, {"contract_error"}),
    "empty": (GIVEN_UP, {"contract_error"}),
    "garbage": (GIVEN_UP, {"contract_error"}),
    "mislabelled_gzip": (GIVEN_UP, {"contract_error"}),
    "gzip_bomb": (GIVEN_UP, {"too_large"}),
    "redirect": (AGAIN, {"not_json"}),
    "loop": (GIVEN_UP, {"page_loop"}),
    "token_revoked": (GIVEN_UP, {"key_invalid"}),
    "token_expired": (DONE, {""}),
    "duplicate_page": (DONE, {""}),
}
#: Faults that pass: the platform acts them out once, and then all is well.
ONCE = {"token_expired", "duplicate_page"}


@pytest.fixture
def database_kind() -> str:
    """What a fault means does not depend on the database."""
    return "sqlite"


@pytest.fixture
def patience() -> dict[str, float]:
    """Seconds that the client gives a request; a test about answers that never end shortens them."""
    return {"seconds": 30.0}


@pytest.fixture
def settings(
    database_url: str, tmp_path: Path, sandbox: Sandbox, patience: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> Settings:
    """Settings that lead to the sandbox, with a client that waits for no platform's quota."""

    def impatient(kind: Any, *, spend: Callable[[], None], pause: Callable[[float], None], sandbox_url: str) -> Http:
        del pause
        options = Options(sandbox_url=sandbox_url, request_seconds=patience["seconds"])
        return open_http(kind, spend=spend, pause=lambda _: None, options=options)

    monkeypatch.setattr(sessions, "open_http", impatient)
    return settings_for(database_url, tmp_path, int(sandbox.url.rpartition(":")[2]))


@pytest.fixture
def indeed(store: Store, company: Company, sandbox: Sandbox) -> PlatformConfig:
    """A connection to the sandbox's Indeed."""
    told = sandbox.control("credentials")["indeed"]
    config = PlatformConfig(
        number=1,
        company_id=company.id,
        platform="indeed",
        connector="indeed",
        settings={name: told[name] for name in ("client_id", "employer_id")} | {"per_posting": False},
        is_active=True,
        time_zone="America/Chicago",
    )
    config.credentials = seal_secrets(store.vault, config.id, {"client_secret": told["client_secret"]})
    with store.writing() as session:
        session.add(config)
    return config


def sync(store: Store, settings: Settings, config: PlatformConfig) -> PlatformSyncJob:
    now = datetime.now(UTC)
    last = now.date() - timedelta(days=20)
    with store.writing() as session:
        window = (last - timedelta(days=3), last)
        asked = request_sync(session, config, sync_type="backfill", window=window, requested_by="ann", now=now)
    run_once(store, settings, "w1")
    with store.reading() as session:
        return session.get_one(PlatformSyncJob, asked.job_id)


def facts(store: Store) -> dict[tuple[int, ...], int]:
    with store.reading() as session:
        rows = session.exec(select(RawFact)).all()
    return {(row.day, row.metric, row.scope, row.breakdown): row.value for row in rows}


def test_every_fault_of_the_plan_has_an_end() -> None:
    assert set(ENDS) == KINDS - OWN


@pytest.mark.parametrize("kind", sorted(ENDS))
def test_a_fault_ends_in_its_state_and_words_and_spoils_nothing(
    store: Store,
    settings: Settings,
    indeed: PlatformConfig,
    sandbox: Sandbox,
    patience: dict[str, float],
    kind: str,
) -> None:
    assert sync(store, settings, indeed).state == DONE
    before = facts(store)
    assert before
    if kind in {"drip", "hang", "swallowed"}:
        # For ever, as far as the client goes. Were anything else as slow, it would end the same way.
        patience["seconds"] = 0.25
    if kind == "token_revoked":
        with store.writing() as session:
            forget_token(session, indeed.id)
    step: dict[str, Any] = {"kind": kind} | ({"seconds": 300} if kind in {"429_seconds", "429_date"} else {})
    if kind == "drip":
        # No byte is late by itself, and the whole never comes.
        step["drip"] = {"bytes": 1, "interval_ms": 50}
    sandbox.plan(CAMPAIGNS, step, repeat=1 if kind in ONCE else "always")
    job = sync(store, settings, indeed)
    state, causes = ENDS[kind]
    assert (job.state, job.cause_code in causes) == (state, True), (job.state, job.cause_code, job.detail)
    assert facts(store) == before
    if state == DONE:
        return
    assert CAUSES[job.cause_code].words
    assert CAUSES[job.cause_code].retries == (state != GIVEN_UP)
    with store.reading() as session:
        assert [entry.cause_code for entry in session.exec(select(ErrorLog))] == [job.cause_code]
