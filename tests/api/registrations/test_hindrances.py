"""What stands in the way of registering an address, and how that is told and got over."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlmodel import select

from actions import connections, registrations
from actions.viewer import HIRING_MANAGER, NotAllowed, NotFound
from store.tables import AuditEntry, WebhookEndpoint
from tests.api.deliveries import address, admin
from tests.api.registrations.registered import until


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
    until(lambda: (first.settle(timedelta(hours=1)), first.held().cause)[1] != "")
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


def test_a_secret_typed_where_a_key_belongs_is_not_stored(registered):
    at = registered("x")
    at.answers["api_key"] = f" {at.secret} "
    with pytest.raises(ValueError, match="this is the secret"):
        at.ask()
    assert at.row().registration is None


def test_what_lies_open_beside_an_address_is_the_key_alone(registered):
    at = registered("x")
    at.ask()
    at.settle()
    with at.store.reading() as session:
        row = session.get_one(WebhookEndpoint, at.endpoint_id)
        lying = json.dumps(row.settings)
        sealed = row.secret
    assert at.held().state == "registered"
    assert at.answers["api_key"] in lying
    # The secret beside it, and the token that both bring, are another matter.
    assert at.secret not in lying + sealed
    assert at.sandbox.control("credentials")["x"]["app_bearer"] not in lying


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
