"""Who may ask what: keys by scope, roles, nobody, another company; and what a key is once it is revoked."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlmodel import col, select

from actions import tokens
from actions.tokens import find_bearer, make_key, make_token, revoke_key
from actions.viewer import NotAllowed, NotFound
from api.app import ENDPOINTS
from domain.access import BY_NAME
from store.engine import open_engine
from store.keyring import Keyring
from store.opening import Store
from store.tables import ApiKey, AuditEntry, User
from tests.api.inside import key_of, serving, speaking, viewer_of
from tests.api.seeded import CANDIDATE, seed_numbers, seed_records
from tests.conftest import copy_of, unlocked
from tests.people import ADMIN, MANAGER, OUTSIDER, PASSWORD, seed_people

NOW = datetime.now(UTC)
GUARDED = [endpoint for endpoint in ENDPOINTS if endpoint.scope]
READS = [endpoint for endpoint in GUARDED if endpoint.method == "GET"]
BODIES = {
    "requestSync": {"platform": "all"},
    "tellApplications": {
        "applications": [{"ref": "a", "stages": [{"stage": "applied", "at": "2026-06-01T10:00:00Z"}]}]
    },
    "savePlatformConfig": {"connector": "indeed", "settings": {}},
}
NEEDED = {"query": {"metric": "clicks"}, "exportPayout": {"payout": "P1"}}


def path_of(endpoint, job_id="01a2034c-c840-7f99-920a-0224c856efa8") -> str:
    return "/api" + re.sub(r"\{\w+_id\}", str(job_id), endpoint.path)


def asked(client: httpx.Client, endpoint) -> httpx.Response:
    if endpoint.method == "POST":
        return client.post(path_of(endpoint), json=BODIES.get(endpoint.name, {}))
    return client.get(path_of(endpoint), params=NEEDED.get(endpoint.name))


@pytest.fixture(scope="module")
def place(
    sqlite_template: Path, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Store, str]]:
    """The API's address, its store, and the id of a sync job of Acme."""
    engine = open_engine(copy_of(sqlite_template, tmp_path_factory.mktemp("access")))
    store = unlocked(engine, keyring)
    people = seed_people(store)
    seed_numbers(store, people, today=NOW.date())
    job = seed_records(store, people, now=NOW)
    with serving(store, SANDBOX="1", SANDBOX_PORT="1") as url:
        yield url, store, str(job)
    engine.dispose()


@pytest.mark.parametrize("endpoint", GUARDED, ids=lambda endpoint: endpoint.name)
def test_nobody_is_told_anything(place, endpoint) -> None:
    url, _, _ = place
    with speaking(url) as client:
        answer = asked(client, endpoint)
    assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("endpoint", GUARDED, ids=lambda endpoint: endpoint.name)
def test_a_key_without_the_scope_is_refused_by_its_name(place, endpoint) -> None:
    url, store, _ = place
    others = [scope for scope in BY_NAME if scope != endpoint.scope]
    with speaking(url, key_of(store, *others)) as client:
        answer = asked(client, endpoint)
    assert answer.status_code == 403
    assert endpoint.scope in answer.json()["detail"]
    assert "insufficient_scope" in answer.headers["www-authenticate"]


@pytest.mark.parametrize("endpoint", READS, ids=lambda endpoint: endpoint.name)
def test_a_key_with_just_the_scope_is_answered(place, endpoint) -> None:
    url, store, job = place
    with speaking(url, key_of(store, endpoint.scope)) as client:
        answer = client.get(path_of(endpoint, job), params=NEEDED.get(endpoint.name))
    is_of_another_thing = endpoint.name == "exportPayout" or (
        "_id}" in endpoint.path and "{job_id}" not in endpoint.path
    )
    assert answer.status_code == (404 if is_of_another_thing else 200), answer.text


@pytest.mark.parametrize("endpoint", READS, ids=lambda endpoint: endpoint.name)
def test_another_company_is_told_nothing_of_ours(place, endpoint) -> None:
    url, store, job = place
    with speaking(url, key_of(store, email=OUTSIDER)) as client:
        answer = client.get(path_of(endpoint, job), params=NEEDED.get(endpoint.name))
    names_one_thing = "{" in endpoint.path or endpoint.name == "exportPayout"
    assert answer.status_code == (404 if names_one_thing else 200), answer.text
    words = answer.content.decode("utf-8", "replace")
    assert not [word for word in ("Nurse", "Köchin", "Q. Q.", "REQ-", "Acme") if word in words]


def test_another_companys_posting_answers_like_none(place) -> None:
    url, store, _ = place
    with speaking(url, key_of(store)) as ours, speaking(url, key_of(store, email=OUTSIDER)) as theirs:
        posting = ours.get("/api/postings").json()["postings"][0]["id"]
        assert ours.get(f"/api/postings/{posting}").status_code == 200
        found, missing = theirs.get(f"/api/postings/{posting}"), theirs.get("/api/postings/" + "0" * 32)
        assert (found.status_code, found.json()) == (missing.status_code, missing.json())
        narrowed = theirs.get("/api/analytics/query", params={"metric": "clicks", "posting": posting})
        assert narrowed.json()["rows"] == []


def test_a_hiring_managers_token_reads_numbers_and_writes_nothing(place) -> None:
    url, store, _ = place
    token = make_token(store, MANAGER, PASSWORD, address="192.0.2.1", now=NOW)
    with speaking(url, token) as client:
        statuses = {endpoint.name: asked(client, endpoint).status_code for endpoint in GUARDED}
    allowed = {"metrics:read", "applications:read", "syncs:read"}
    for endpoint in GUARDED:
        wanted = {200, 404} if endpoint.scope in allowed else {403}
        assert statuses[endpoint.name] in wanted, endpoint.name


def test_names_are_masked_unless_they_are_asked_for_with_the_right_to(place) -> None:
    url, store, _ = place
    with speaking(url, key_of(store, "applications:read")) as client:
        masked = client.get("/api/applications")
        assert masked.json()["applications"][0]["candidateName"] == "Q. Q."
        assert client.get("/api/referrals").json()["referrals"][0]["candidateEmail"] == "q…@example.org"
        assert client.get("/api/applications", params={"personal": "true"}).status_code == 403
        assert not [each for each in CANDIDATE if each in masked.text]
    with speaking(url, key_of(store, "applications:read", "applications:personal")) as client:
        full = client.get("/api/applications", params={"personal": "true"}).json()["applications"][0]
    assert (full["candidateName"], full["candidateEmail"]) == CANDIDATE
    with store.reading() as session:
        last = session.exec(select(AuditEntry).where(col(AuditEntry.action) == "personal_data.read")).all()
    assert [entry.actor for entry in last] == [ADMIN]


def test_a_revoked_an_expired_and_a_demoted_key_stop_at_once(place) -> None:
    url, store, _ = place
    admin = viewer_of(store, ADMIN)
    made = make_key(store, admin, "soon gone", ["metrics:read", "configs:read"], now=NOW)
    with speaking(url, made.key) as client:
        assert client.get("/api/metrics").status_code == 200
        assert client.get("/api/platform-configs").status_code == 200
        _set_role(store, ADMIN, "hiring_manager")
        try:
            assert client.get("/api/metrics").status_code == 200
            assert client.get("/api/platform-configs").status_code == 403
        finally:
            _set_role(store, ADMIN, "admin")
        with pytest.raises(NotFound):
            revoke_key(store, viewer_of(store, OUTSIDER), made.id, now=NOW)
        revoke_key(store, admin, made.id, now=NOW)
        assert client.get("/api/metrics").status_code == 401
        with pytest.raises(NotFound):
            revoke_key(store, admin, made.id, now=NOW)
    short = make_key(store, admin, "a day", ["metrics:read"], days=1, now=NOW)
    assert find_bearer(store, short.key, now=NOW + timedelta(hours=23)) is not None
    assert find_bearer(store, short.key, now=NOW + timedelta(hours=25)) is None


def test_a_key_is_stored_as_a_hash_and_its_use_is_noted(place) -> None:
    _, store, _ = place
    made = make_key(store, viewer_of(store, ADMIN), "  report\x00s ", ["metrics:read"], now=NOW)
    find_bearer(store, made.key, now=NOW)
    with store.reading() as session:
        kept = session.exec(select(ApiKey).where(col(ApiKey.id) == made.id)).one()
    assert (kept.name, kept.prefix, kept.used_at) == ("reports", made.key[:7], NOW)
    assert made.key not in kept.model_dump_json()
    find_bearer(store, made.key, now=NOW + tokens.USED_EVERY / 2)
    with store.reading() as session:
        assert session.exec(select(ApiKey.used_at).where(col(ApiKey.id) == made.id)).one() == NOW


@pytest.mark.parametrize(
    ("name", "scopes", "days"),
    [("", ["metrics:read"], None), ("x", [], None), ("x", ["everything"], None), ("x", ["metrics:read"], 0)],
)
def test_a_key_needs_a_name_known_scopes_and_a_life(place, name, scopes, days) -> None:
    _, store, _ = place
    with pytest.raises(ValueError):
        make_key(store, viewer_of(store, ADMIN), name, scopes, days=days, now=NOW)


def test_only_admins_make_and_revoke_keys(place) -> None:
    _, store, _ = place
    with pytest.raises(NotAllowed):
        make_key(store, viewer_of(store, MANAGER), "mine", ["metrics:read"], now=NOW)
    made = make_key(store, viewer_of(store, ADMIN), "theirs", ["metrics:read"], now=NOW)
    with pytest.raises(NotAllowed):
        revoke_key(store, viewer_of(store, MANAGER), made.id, now=NOW)


def _set_role(store: Store, email: str, role: str) -> None:
    with store.writing() as session:
        user = session.exec(select(User).where(col(User.email) == email)).one()
        user.role = role
        session.add(user)
