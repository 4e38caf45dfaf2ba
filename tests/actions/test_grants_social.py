"""Facebook and X connected in the browser, synced, and read again with the tokens that came of it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest

from actions import connections, grants
from actions.viewer import ADMIN, Viewer
from jobs.enqueue import request_sync
from jobs.windows import today_in
from jobs.worker import run_once
from sandbox.launch import Sandbox
from settings import Settings
from store.opening import Store
from store.reports.access import list_access
from store.reports.scope import find_company
from store.tables import Company, PlatformConfig, User
from tests.jobs.conftest import settings_for

BACK = "http://127.0.0.1:8501" + grants.CALLBACK


@pytest.fixture
def admin(sqlite_store: Store, sqlite_company: Company) -> Viewer:
    user = User(company_id=sqlite_company.id, email="ann@harbour.example", role=ADMIN)
    with sqlite_store.writing() as session:
        session.add(user)
    return Viewer(user.id, sqlite_company.id, ADMIN, ADMIN, user.email)


@pytest.fixture
def settings(sqlite_store: Store, tmp_path: Path, sandbox: Sandbox) -> Settings:
    return settings_for(str(sqlite_store.engine.url), tmp_path, int(sandbox.url.rpartition(":")[2]))


def now() -> datetime:
    return datetime.now(UTC)


def connected(
    store: Store, settings: Settings, admin: Viewer, told: dict[str, Any], connector: str
) -> tuple[connections.Saved, grants.Waiting]:
    """A connection made by consent, its account chosen from what the grant reaches."""
    form = {name: told[connector][name] for name in ("client_id", "client_secret")}
    state = grants.begin(store, settings, admin, connector, form, back_to=BACK, now=now())
    address = grants.consent_address(store, admin, state, now=now())
    query = dict(parse_qsl(urlsplit(address).query))
    place, answered = address.partition("?")[0], query | {"answer": "allow"}
    back = httpx.post(place, data=answered, trust_env=False, timeout=60).headers["location"]
    answer = {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}
    grants.take_back(store, settings, admin, state, answer, now=now())
    waiting = grants.find_waiting(store, admin, state, now=now())
    assert waiting is not None
    assert waiting.words == ""
    kept = grants.find_kept(store, admin, state, waiting.choices[0].ref, now=now())
    assert kept is not None
    return connections.test_and_save(store, settings, admin, connector, {}, now=now(), grant=kept), waiting


def synced(store: Store, settings: Settings, config_id: object) -> str:
    with store.writing() as session:
        config = session.get_one(PlatformConfig, config_id)
        today = today_in(config.time_zone, now())
        window = (today - timedelta(days=2), today + timedelta(days=1))
        request_sync(session, config, sync_type="backfill", window=window, requested_by="clock", now=now())
    outcome = run_once(store, settings, "w1")
    assert outcome is not None
    return outcome.state


@pytest.mark.parametrize(("connector", "days"), [("facebook", 60), ("x", None)])
def test_consent_leads_to_numbers_again_and_again(
    sqlite_store: Store, settings: Settings, admin: Viewer, sandbox: Sandbox, connector: str, days: int | None
) -> None:
    told = sandbox.control("credentials")
    saved, waiting = connected(sqlite_store, settings, admin, told, connector)
    assert saved.refusal is None
    assert saved.is_active
    [choice] = waiting.choices
    assert saved.account is not None
    assert saved.account.ref == choice.ref
    assert synced(sqlite_store, settings, saved.config_id) == "completed"
    if connector == "x":
        sandbox.control("revoke", {"what": "x_access"})
    assert synced(sqlite_store, settings, saved.config_id) == "completed"
    with sqlite_store.reading() as session:
        scope = find_company(session, admin.company_id)
        assert scope is not None
        (access,) = list_access(session, scope).values()
    if days is None:
        assert access.refresh_ends_at is None
    else:
        assert access.refresh_ends_at is not None
        assert timedelta(days=days - 1) < access.refresh_ends_at - now() <= timedelta(days=days)


@pytest.mark.parametrize("connector", ["facebook", "x"])
def test_a_grant_that_was_taken_back_is_said_and_not_asked_for_again(
    sqlite_store: Store, settings: Settings, admin: Viewer, sandbox: Sandbox, connector: str
) -> None:
    saved, _ = connected(sqlite_store, settings, admin, sandbox.control("credentials"), connector)
    sandbox.control("revoke", {"what": f"{connector}_grant"})
    assert synced(sqlite_store, settings, saved.config_id) == "failed"
    asked = len(sandbox.log())
    assert synced(sqlite_store, settings, saved.config_id) == "failed"
    assert len(sandbox.log()) <= asked + 1
