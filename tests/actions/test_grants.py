"""Access granted in the browser: bound to who asked, good once, and never lost to a refresh token that rotates."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx
import pytest
from sqlmodel import select

from actions import connections, grants
from actions.viewer import ADMIN, HIRING_MANAGER, NotAllowed, NotFound, Viewer
from sandbox.launch import Sandbox
from settings import Settings
from store.opening import Store
from store.reports.access import list_access
from store.reports.scope import find_company
from store.tables import AuditEntry, Company, OAuthRequest, PlatformConfig, User
from tests.jobs.conftest import settings_for

BACK = "http://127.0.0.1:8501" + grants.CALLBACK


@pytest.fixture
def settings(database_url: str, tmp_path: Path, sandbox: Sandbox) -> Settings:
    return settings_for(database_url, tmp_path, int(sandbox.url.rpartition(":")[2]))


@pytest.fixture
def admin(store: Store, company: Company) -> Viewer:
    return _person(store, company, ADMIN)


@pytest.fixture
def keys(sandbox: Sandbox) -> dict[str, Any]:
    found: dict[str, Any] = sandbox.control("credentials")
    return found


def _person(store: Store, company: Company, role: str, name: str = "ann") -> Viewer:
    user = User(company_id=company.id, email=f"{name}@harbour.example", role=role)
    with store.writing() as session:
        session.add(user)
    return Viewer(user.id, company.id, role, role, user.email)


def _now() -> datetime:
    return datetime.now(UTC)


def asked(store: Store, settings: Settings, viewer: Viewer, keys: dict[str, Any], **more: Any) -> str:
    form = {"client_id": keys["indeed"]["client_id"], "client_secret": keys["indeed"]["client_secret"]}
    return grants.begin(store, settings, viewer, "indeed", form, back_to=BACK, now=_now(), **more)


def consented(store: Store, viewer: Viewer, state: str, answer: str = "allow") -> dict[str, str]:
    """What the platform sends the browser back with."""
    address = grants.consent_address(store, viewer, state, now=_now())
    query = dict(parse_qsl(urlsplit(address).query))
    place = address.partition("?")[0]
    with httpx.Client(trust_env=False, timeout=60) as browser:
        assert browser.get(address).status_code == 200
        back = browser.post(place, data=query | {"answer": answer}).headers["location"]
    assert back.startswith(BACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(back).query).items()}


def granted(store: Store, settings: Settings, viewer: Viewer, keys: dict[str, Any], **more: Any) -> str:
    state = asked(store, settings, viewer, keys, **more)
    grants.take_back(store, settings, viewer, state, consented(store, viewer, state), now=_now())
    return state


def saved(store: Store, settings: Settings, viewer: Viewer, state: str, **more: Any) -> connections.Saved:
    kept = grants.find_kept(store, viewer, state, "", now=_now())
    assert kept is not None
    return connections.test_and_save(store, settings, viewer, "indeed", {}, now=_now(), grant=kept, **more)


def test_what_was_granted_connects_and_says_until_when(
    store: Store, settings: Settings, admin: Viewer, keys: dict[str, Any]
) -> None:
    state = granted(store, settings, admin, keys)
    waiting = grants.find_waiting(store, admin, state, now=_now())
    assert waiting is not None
    assert waiting.values["employer_id"] == keys["indeed"]["employer_id"]
    assert "offline_access" in waiting.scopes
    assert not {"client_secret", "refresh_token"} & set(waiting.values)
    assert saved(store, settings, admin, state).is_active
    with store.reading() as session:
        scope = find_company(session, admin.company_id)
        assert scope is not None
        (access,) = list_access(session, scope).values()
    assert access.refresh_ends_at is not None
    assert timedelta(days=59) < access.refresh_ends_at - _now() <= timedelta(days=60)
    assert not access.is_ending(_now())
    assert access.is_ending(_now() + timedelta(days=50))


def test_a_refresh_token_that_rotates_survives_every_test_and_change(
    store: Store, settings: Settings, sandbox: Sandbox, admin: Viewer, keys: dict[str, Any]
) -> None:
    """The platform ends the whole family when a replaced token comes back: each of these steps refreshes once."""
    first = saved(store, settings, admin, granted(store, settings, admin, keys))
    for change in ({}, {"per_posting": False}, {"per_posting": True}, {}):
        sandbox.control("revoke", {"what": "indeed_access"})
        form = {**_stored(store), **change}
        again = connections.test_and_save(store, settings, admin, "indeed", form, now=_now(), config_id=first.config_id)
        assert again.refusal is None
        assert again.is_active


def _stored(store: Store) -> dict[str, object]:
    with store.reading() as session:
        return dict(session.exec(select(PlatformConfig)).one().settings)


def test_a_state_is_good_once_for_who_asked_and_not_for_ever(
    store: Store, settings: Settings, admin: Viewer, company: Company, keys: dict[str, Any]
) -> None:
    state = asked(store, settings, admin, keys)
    answer = consented(store, admin, state)
    with store.writing() as session:
        elsewhere = Company(number=2, name="Elsewhere")
        session.add(elsewhere)
    colleague, stranger = _person(store, company, ADMIN, "bea"), _person(store, elsewhere, ADMIN, "cat")
    for other in (colleague, stranger):
        with pytest.raises(NotFound):
            grants.take_back(store, settings, other, state, answer, now=_now())
    with pytest.raises(NotFound):
        grants.take_back(store, settings, admin, state, answer, now=_now() + grants.PATIENCE)
    with pytest.raises(NotFound):
        grants.take_back(store, settings, admin, state + "x", answer, now=_now())
    grants.take_back(store, settings, admin, state, answer, now=_now())
    with pytest.raises(NotFound):
        grants.take_back(store, settings, admin, state, answer, now=_now())


@pytest.mark.parametrize("answer", [{"error": "access_denied"}, {}, {"code": "made-up"}])
def test_what_brings_no_access_says_why_and_connects_nothing(
    store: Store, settings: Settings, admin: Viewer, keys: dict[str, Any], answer: dict[str, str]
) -> None:
    state = asked(store, settings, admin, keys)
    grants.take_back(store, settings, admin, state, answer, now=_now())
    waiting = grants.find_waiting(store, admin, state, now=_now())
    assert waiting is not None
    assert waiting.words
    assert waiting.cure
    assert grants.find_kept(store, admin, state, "", now=_now()) is None


def test_nothing_secret_is_stored_in_clear_or_by_its_name(
    store: Store, settings: Settings, admin: Viewer, keys: dict[str, Any]
) -> None:
    state = granted(store, settings, admin, keys)
    kept = grants.find_kept(store, admin, state, "", now=_now())
    assert kept is not None
    with store.reading() as session:
        row = session.exec(select(OAuthRequest)).one()
        entries = session.exec(select(AuditEntry)).all()
    written = row.model_dump_json() + "".join(entry.model_dump_json() for entry in entries)
    secrets = (state, keys["indeed"]["client_secret"], kept.token.access_token, kept.token.refresh_token)
    assert not [secret for secret in secrets if secret in written]


def test_only_admins_may_ask_and_only_with_a_client(
    store: Store, settings: Settings, admin: Viewer, company: Company, keys: dict[str, Any]
) -> None:
    manager = _person(store, company, HIRING_MANAGER, "ben")
    with pytest.raises(NotAllowed):
        asked(store, settings, manager, keys)
    with pytest.raises(ValueError, match="INDEED_CLIENT_ID"):
        grants.begin(store, settings, admin, "indeed", {}, back_to=BACK, now=_now())


def test_the_callback_sends_back_only_to_the_address_that_was_asked_with(
    store: Store, settings: Settings, admin: Viewer, keys: dict[str, Any]
) -> None:
    state = asked(store, settings, admin, keys)
    query = dict(parse_qsl(urlsplit(grants.consent_address(store, admin, state, now=_now())).query))
    assert query["redirect_uri"] == BACK
    assert query["response_type"] == "code"
    assert query["state"] == state
