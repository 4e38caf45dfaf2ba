"""Addresses registered at platforms: there and back over HTTP, with the sandbox asking and delivering as they do."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import select

from actions import connections, registrations, webhooks
from actions.demo_forms import demo_forms
from actions.viewer import HIRING_MANAGER, NotAllowed, NotFound, Viewer
from domain.registrations import Registration
from jobs.apply import apply_due
from jobs.registrations import MOST_ATTEMPTS, settle_registrations
from sandbox.launch import Sandbox, running
from settings import Settings, load
from store.opening import Store
from store.reports.scope import find_company
from store.reports.webhooks import EndpointRow, list_deliveries, list_endpoints
from store.tables import AuditEntry, ErrorLog, PlatformConfig, PlatformToken, WebhookEndpoint
from store.writes.registrations import find_registration, locked, note
from tests.api.deliveries import address, admin, store_of
from tests.api.forwarding import forwarding

CONNECTORS = {"x": "x", "facebook": "facebook", "linkedin": "linkedin_page"}


@dataclass
class Registered:
    """An endpoint of a connection to the sandbox, and what an admin does with it."""

    store: Store
    settings: Settings
    sandbox: Sandbox
    viewer: Viewer
    platform: str
    config_id: Any
    endpoint_id: Any
    answers: dict[str, str]
    secret: str

    def ask(self, **more: Any) -> None:
        registrations.register(
            self.store, self.settings, self.viewer, self.endpoint_id, self.answers, now=datetime.now(UTC), **more
        )

    def settle(self, later: timedelta = timedelta(0), settings: Settings | None = None) -> int:
        return settle_registrations(self.store, settings or self.settings, now=lambda: datetime.now(UTC) + later)

    def row(self) -> EndpointRow:
        with self.store.reading() as session:
            company = find_company(session, self.viewer.company_id)
            rows = list_endpoints(session, company, datetime.now(UTC))
        return next(row for row in rows if row.id == self.endpoint_id)

    def held(self) -> Registration:
        held = self.row().registration
        assert held is not None
        return held

    def troubles(self) -> list[tuple[str, bool]]:
        """What the error log has of it, and whether it is mended."""
        with self.store.reading() as session:
            found = session.exec(select(ErrorLog).where(ErrorLog.config_id == self.config_id)).all()
        return [(row.cause_code, row.resolved_at is not None) for row in found]

    def there(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.control("hooks")[self.platform]
        return found

    def happen(self) -> dict[str, int]:
        told: dict[str, int] = self.sandbox.control("happen", {"platform": self.platform})["statuses"]
        return told

    def url(self) -> str:
        return f"{self.settings.own_url}/api/webhooks/{self.platform}/{self.row().hook_id}"


@pytest.fixture(scope="module")
def started() -> Iterator[Sandbox]:
    with running(seed=11) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def store(app):
    with store_of(app) as store:
        yield store


@pytest.fixture
def sandbox(started):
    started.reset()
    return started


@pytest.fixture(scope="module")
def settings(app, started):
    return load(
        {
            "DATA_DIR": str(app.data_dir),
            "SANDBOX": "1",
            "SANDBOX_PORT": started.url.rsplit(":", 1)[1],
            "PORT": app.url.rsplit(":", 1)[1],
        }
    )


@pytest.fixture
def registered(store, settings, sandbox):
    """Call it with a platform for a new connection's endpoint, its secret set; gone again afterwards."""
    with store.reading() as session:
        viewer = admin(session)
    made = []

    def make(platform: str, secret: str = "") -> Registered:
        told, now = sandbox.control("credentials"), datetime.now(UTC)
        connector = CONNECTORS[platform]
        saved = connections.test_and_save(store, settings, viewer, connector, demo_forms(told)[connector], now=now)
        assert saved.is_active, saved.refusal
        endpoint_id = webhooks.open_endpoint(store, viewer, platform, config_id=saved.config_id, now=now)
        right = told[connector]["api_secret" if platform == "x" else "client_secret"]
        webhooks.change_secret(store, viewer, endpoint_id, secret or right, now=now)
        answers = {"x": {"api_key": told["x"]["api_key"]}, "linkedin": {"app_id": told["linkedin_page"]["app_id"]}}
        one = Registered(
            store, settings, sandbox, viewer, platform, saved.config_id, endpoint_id, answers.get(platform, {}), right
        )
        made.append(one)
        return one

    yield make
    for one in made:
        with store.reading() as session:
            is_there = session.get_one(PlatformConfig, one.config_id).deleted_at is None
        if is_there:
            connections.delete(store, viewer, one.config_id, now=datetime.now(UTC))
    settle_registrations(store, settings, now=lambda: datetime.now(UTC) + timedelta(days=1))


@pytest.mark.parametrize("platform", CONNECTORS)
def test_registered_asked_delivered_to_applied_and_removed_again(registered, platform):
    at = registered(platform)
    assert at.happen() == {}
    at.ask()
    assert at.held().state == "asked"
    assert at.settle() == 1
    held = at.held()
    assert (held.state, held.cause) == ("registered", "")
    assert held.since is not None
    assert held.due_at is not None
    assert [one["url"] for one in at.there()] == [at.url()]
    assert at.happen() == {"200": 1}
    with at.store.reading() as session:
        company = find_company(session, at.viewer.company_id)
    while apply_due(at.store, datetime.now(UTC)):
        pass
    with at.store.reading() as session:
        (delivery,) = list_deliveries(session, company, at.config_id)
    assert delivery.state == "applied"
    registrations.unregister(at.store, at.viewer, at.endpoint_id, now=datetime.now(UTC))
    at.settle()
    assert at.held().state == "removed"
    assert at.there() == []
    assert at.happen() == {}
    assert at.settle(timedelta(days=30)) == 0


def test_a_check_does_not_change_since_when_it_is_registered(registered):
    at = registered("facebook")
    at.ask()
    at.settle()
    since = at.held().since
    registrations.look_again(at.store, at.viewer, at.endpoint_id, now=datetime.now(UTC))
    at.settle(timedelta(minutes=1))
    assert (at.held().state, at.held().since) == ("registered", since)
    assert at.held().checked_at > since


def test_asking_again_has_the_address_checked_and_makes_no_second(registered, sandbox):
    at = registered("x")
    at.ask()
    at.settle()
    since = at.held().since
    at.ask()
    at.settle()
    assert at.held().since == since
    assert len(at.there()) == 1
    calls = [(entry["method"], entry["path"].rstrip("0123456789")) for entry in sandbox.log()]
    assert calls.count(("POST", "/2/webhooks")) == 1
    assert calls.count(("POST", "/2/activity/subscriptions")) == 4
    assert calls.count(("PUT", "/2/webhooks/")) == 1


def test_what_was_made_and_never_answered_is_found_again(registered, sandbox):
    at = registered("x")
    at.ask()
    sandbox.control("plan", {"route": "/2/webhooks", "method": "POST", "steps": [{"kind": "reset"}], "repeat": 1})
    at.settle()
    held = at.held()
    assert held.state == "asked"
    assert held.cause in {"unreachable", "truncated"}
    assert len(at.there()) == 1
    assert at.settle() == 0, "not before its time"
    at.settle(timedelta(minutes=1))
    assert at.held().state == "registered"
    assert len(at.there()) == 1
    assert at.happen() == {"200": 1}


@pytest.mark.parametrize("platform", ["x", "linkedin"])
def test_a_wrong_secret_fails_the_platform_s_question_and_the_right_one_registers_by_itself(registered, platform):
    at = registered(platform, "quite another secret")
    at.ask()
    at.settle()
    held = at.held()
    assert at.troubles() == [(held.cause, False)]
    # X has us prove the secret before it lists anything.
    assert (held.state, held.cause) == ("refused", "key_invalid" if platform == "x" else "handshake_failed")
    assert at.there() == []
    assert at.settle(timedelta(days=30)) == 0, "only a person can mend this"
    webhooks.change_secret(at.store, at.viewer, at.endpoint_id, at.secret, now=datetime.now(UTC))
    # The server believes the old secret for a second.
    for _ in range(60):
        at.settle(timedelta(minutes=1))
        if at.held().state == "registered":
            break
        registrations.look_again(at.store, at.viewer, at.endpoint_id, now=datetime.now(UTC))
    assert at.held().state == "registered"
    assert {is_mended for _, is_mended in at.troubles()} == {True}


def test_an_address_that_fails_later_is_said_so_and_recovers(registered, sandbox):
    at = registered("x")
    at.ask()
    at.settle()
    webhooks.set_open(at.store, at.viewer, at.endpoint_id, is_open=False, now=datetime.now(UTC))
    _until(lambda: sandbox.control("hooks", {})["failed"] == {"x": 1})
    webhooks.set_open(at.store, at.viewer, at.endpoint_id, is_open=True, now=datetime.now(UTC))
    assert at.happen() == {}
    _until(lambda: httpx.get(at.url(), params={"crc_token": "a"}, trust_env=False, timeout=60).status_code == 200)
    assert at.settle(timedelta(hours=7)) == 1
    assert at.held().state == "registered"
    assert at.happen() == {"200": 1}


def test_shut_it_is_taken_away_and_opened_it_comes_back(registered):
    at = registered("facebook")
    at.ask()
    at.settle()
    webhooks.set_open(at.store, at.viewer, at.endpoint_id, is_open=False, now=datetime.now(UTC))
    at.settle()
    assert at.held().state == "paused"
    assert at.there() == []
    webhooks.set_open(at.store, at.viewer, at.endpoint_id, is_open=True, now=datetime.now(UTC))
    _until(lambda: (at.settle(timedelta(hours=1)), at.held().state)[1] == "registered")
    connections.set_active(at.store, at.viewer, at.config_id, active=False, now=datetime.now(UTC))
    at.settle()
    assert (at.held().state, at.there()) == ("paused", [])


def test_a_deleted_connection_s_address_goes_first_and_then_its_credentials(registered):
    at = registered("linkedin")
    at.ask()
    at.settle()
    connections.delete(at.store, at.viewer, at.config_id, now=datetime.now(UTC))
    assert at.settle() == 1
    assert at.there() == []
    with at.store.reading() as session:
        assert session.get_one(PlatformConfig, at.config_id).credentials == ""
        assert session.get(PlatformToken, at.config_id) is None


def test_credentials_of_a_deleted_connection_go_even_if_the_platform_never_answers(registered, sandbox):
    at = registered("facebook")
    at.ask()
    at.settle()
    connections.delete(at.store, at.viewer, at.config_id, now=datetime.now(UTC))
    sandbox.control("plan", {"route": "/v25.0/", "steps": [{"kind": "503"}], "repeat": "always"})
    assert at.settle() == 1
    with at.store.reading() as session:
        assert session.get_one(PlatformConfig, at.config_id).credentials != "", "it is tried again"
        held = find_registration(session.get_one(WebhookEndpoint, at.endpoint_id))
    # As if it had been tried so often: the waits between are half an hour.
    with at.store.writing() as session:
        note(session, locked(session, at.endpoint_id), replace(held, attempts=MOST_ATTEMPTS - 1))
    assert at.settle(timedelta(days=1)) == 1
    assert at.settle(timedelta(days=2)) == 0
    with at.store.reading() as session:
        assert session.get_one(PlatformConfig, at.config_id).credentials == ""


def test_another_public_address_is_registered_and_the_former_one_goes(registered, app):
    at = registered("x")
    at.ask()
    at.settle()
    with forwarding(app.url) as elsewhere:
        moved = replace(at.settings, public_url=elsewhere)
        # X lets the app have one address: the former has to go first.
        assert at.settle(settings=moved) == 1
        assert at.held().cause == ""
        assert [one["url"].startswith(elsewhere) for one in at.there()] == [True]
        assert at.happen() == {"200": 1}
        at.settle()


def test_another_program_s_address_stays_unless_an_admin_says_otherwise(registered, store, settings, sandbox):
    at, theirs = registered("facebook"), address(store, "facebook")
    told = sandbox.control("credentials")["facebook"]
    token = f"{told['client_id']}|{told['client_secret']}"
    form = {"object": "page", "callback_url": settings.own_url + theirs.path, "verify_token": theirs.hook_id}
    with httpx.Client(base_url=sandbox.url, trust_env=False, timeout=60) as client:
        headers = {"authorization": f"Bearer {token}"}
        answer = client.post(f"/v25.0/{told['client_id']}/subscriptions", data=form, headers=headers)
    assert answer.json() == {"success": True}
    at.ask()
    at.settle()
    assert (at.held().state, at.held().cause) == ("taken", "address_taken")
    assert "127.0.0.1" in at.held().detail
    assert at.there()[0]["url"].endswith(theirs.path)
    registrations.unregister(at.store, at.viewer, at.endpoint_id, now=datetime.now(UTC))
    at.settle()
    assert at.there()[0]["url"].endswith(theirs.path), "what is not ours is not taken away"
    at.ask(may_replace=True)
    at.settle()
    assert at.held().state == "registered"
    assert [one["url"] for one in at.there()] == [at.url()]


def test_a_page_s_token_without_the_permission_says_which(registered, sandbox):
    at = registered("facebook")
    sandbox.control("revoke", {"what": "facebook_metadata"})
    at.ask()
    at.settle()
    assert (at.held().state, at.held().cause) == ("refused", "no_permission")
    assert "pages_manage_metadata" in at.held().detail


def test_a_platform_in_trouble_is_asked_again_later(registered, sandbox):
    at = registered("linkedin")
    at.ask()
    sandbox.control("plan", {"route": "/rest/organizationAcls", "steps": [{"kind": "503"}], "repeat": 5})
    at.settle()
    assert at.held().state == "asked"
    assert at.settle() == 0
    sandbox.control("plan", method="DELETE")
    at.settle(timedelta(hours=1))
    assert at.held().state == "registered"


def test_a_plan_without_room_is_said_so(registered, sandbox):
    first = registered("x")
    first.ask()
    first.settle()
    sandbox.control("revoke", {"what": "x_access"})
    with first.store.reading() as session:
        hook = session.get_one(WebhookEndpoint, first.endpoint_id).registered_ref
    assert hook
    # A webhook of the app that no connection of ours knows.
    with first.store.writing() as session:
        row = session.get_one(WebhookEndpoint, first.endpoint_id)
        row.hook_id, row.registered_ref, row.settings = "a" * 32, "", {}
        session.add(row)
    first.ask()
    _until(lambda: (first.settle(timedelta(hours=1)), first.held().cause)[1] != "")
    assert (first.held().state, first.held().cause) == ("refused", "address_limit")


def test_only_an_admin_of_the_company_may(registered, store):
    at = registered("facebook")
    manager = replace(at.viewer, role=HIRING_MANAGER)
    with store.reading() as session:
        stranger = admin(session, "Other")
    now = datetime.now(UTC)
    for act in (
        lambda viewer: registrations.register(store, at.settings, viewer, at.endpoint_id, {}, now=now),
        lambda viewer: registrations.unregister(store, viewer, at.endpoint_id, now=now),
        lambda viewer: registrations.look_again(store, viewer, at.endpoint_id, now=now),
    ):
        with pytest.raises(NotAllowed):
            act(manager)
        with pytest.raises(NotFound):
            act(stranger)
    with store.reading() as session:
        denied = session.exec(select(AuditEntry).where(AuditEntry.outcome == "denied")).all()
    assert {"webhook.register", "webhook.unregister", "webhook.look_again"} <= {row.action for row in denied}
    assert at.row().registration is None


@pytest.mark.parametrize(
    ("public_url", "words"),
    [("http://hiring.acme.com", "https only"), ("https://hiring.local", "from outside"), ("", "https only")],
)
def test_an_address_that_nobody_outside_reaches_is_refused_before_anybody_is_asked(
    registered, sandbox, public_url, words
):
    at = registered("x")
    real = replace(at.settings, public_url=public_url, sandbox_text="")
    before = len(sandbox.log())
    with pytest.raises(ValueError, match=words):
        registrations.register(at.store, real, at.viewer, at.endpoint_id, at.answers, now=datetime.now(UTC))
    assert at.settle() == 0
    assert len(sandbox.log()) == before


def test_what_is_missing_is_said_at_once(registered):
    at = registered("linkedin")
    now = datetime.now(UTC)
    with pytest.raises(ValueError, match="Number of your app"):
        registrations.register(at.store, at.settings, at.viewer, at.endpoint_id, {"app_id": "mine"}, now=now)
    connections.set_active(at.store, at.viewer, at.config_id, active=False, now=now)
    with pytest.raises(ValueError, match="Switch the connection on"):
        at.ask()


def _until(condition) -> None:
    deadline = datetime.now(UTC) + timedelta(seconds=90)
    while not condition():
        assert datetime.now(UTC) < deadline, "it never came true"
