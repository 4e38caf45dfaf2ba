"""Addresses registered at platforms: there and back over HTTP, with the sandbox asking and delivering as they do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from actions import connections, registrations, webhooks
from jobs.apply import apply_due
from jobs.registrations import MOST_ATTEMPTS
from store.reports.scope import find_company
from store.reports.webhooks import list_deliveries
from store.tables import PlatformConfig, PlatformToken, WebhookEndpoint
from store.writes.registrations import find_registration, locked, note
from tests.api.forwarding import forwarding
from tests.api.registrations.registered import CONNECTORS, until


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
    until(lambda: sandbox.control("hooks", {})["failed"] == {"x": 1})
    webhooks.set_open(at.store, at.viewer, at.endpoint_id, is_open=True, now=datetime.now(UTC))
    assert at.happen() == {}
    until(lambda: httpx.get(at.url(), params={"crc_token": "a"}, trust_env=False, timeout=60).status_code == 200)
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
    until(lambda: (at.settle(timedelta(hours=1)), at.held().state)[1] == "registered")
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
