"""Every parameter and every field is given what hurts: each has a status that the document tells.

On PostgreSQL, which takes less than SQLite does: that one is asked by Schemathesis.
"""

import copy
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from sqlmodel import select

from api.app import ENDPOINTS
from api.endpoints import Endpoint
from api.openapi import document, parameters_of
from store.opening import Store
from store.tables import Application, JobPosting
from tests.api.inside import key_of, serving, speaking
from tests.api.seeded import seed_numbers, seed_records
from tests.people import seed_people

NOW = datetime.now(UTC)
HOSTILE = ("\x00", "'; DROP TABLE companies;--", "%\\", "\u202e", "1e9")
#: Wrong by its form: not only text that means nothing.
WRONG = (None, 2**63, [], {"a": {"b": "\x00"}}, "\ud800")
REFUSED = {"limit": "1e9", "from": "0001-01-01", "to": "9999-12-31", "cursor": "'", "posting": "1 OR 1=1", "grain": "'"}
SOMEBODY = "01a2034c-c840-7f99-920a-0224c856efa8"
AT = "2026-06-01T10:00:00Z"
TOLD = document(ENDPOINTS)["paths"]
pytestmark = pytest.mark.parametrize("kept_store", ["postgresql"], indirect=True, scope="module")
GOOD: dict[str, Any] = {
    "tellApplications": {
        "applications": [
            dict.fromkeys(("ref", "posting", "postingTitle", "name", "source", "campaign", "link", "referral"), "a")
            | {"email": "a@b.example", "stages": [{"stage": "applied", "at": AT}]}
        ]
    },
    "makeReferral": {"posting": SOMEBODY, "name": "A", "email": "a@b.example", "note": "a", "referrer": "c@d.example"},
    "setStage": {"stage": "reviewed", "at": AT},
    "setStages": {"stage": "reviewed", "at": AT, "applications": [SOMEBODY], "movesDates": False},
    "undoStages": {},
    "setStageWord": {"words": "Screen", "stage": "reviewed"},
    "requestSync": {"platform": "monster", "syncType": "full"},
    # A field is missing: no platform is asked.
    "savePlatformConfig": {"connector": "indeed", "settings": {"clientId": "a"}, "name": "a", "id": SOMEBODY},
}
POSTS = [endpoint for endpoint in ENDPOINTS if endpoint.method == "POST" and endpoint.scope]
READS = [endpoint for endpoint in ENDPOINTS if endpoint.method == "GET"]


@dataclass(frozen=True)
class Place:
    """A client that may do everything, and ids that stand for something."""

    client: httpx.Client
    ids: dict[str, str]

    def path_of(self, endpoint: Endpoint) -> str:
        """The endpoint's path with ids in it."""
        return "/api" + re.sub(r"{(\w+)}", lambda found: self.ids.get(found[1], SOMEBODY), endpoint.path)


@pytest.fixture(scope="module")
def place(kept_store: Store) -> Iterator[Place]:
    """A company with numbers and records."""
    people = seed_people(kept_store)
    seed_numbers(kept_store, people, today=NOW.date())
    seed_records(kept_store, people, now=NOW)
    with kept_store.reading() as session:
        posting, application = session.exec(select(JobPosting.id)).first(), session.exec(select(Application.id)).first()
    ids = {"posting_id": str(posting), "application_id": str(application)}
    environ = {"SANDBOX": "1", "SANDBOX_PORT": "1", "API_EXPORTS": "50"}
    with serving(kept_store, **environ) as url, speaking(url, key_of(kept_store)) as client:
        yield Place(client, ids)


def judged(endpoint: Endpoint, answer: httpx.Response, asked: object) -> int:
    """The status, which the document must tell of; a refusal is a problem document."""
    statuses = TOLD[f"/api{endpoint.path}"][endpoint.method.lower()]["responses"]
    assert str(answer.status_code) in statuses, (asked, answer.status_code, answer.text)
    if answer.status_code >= 400:
        assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code


@pytest.mark.parametrize("endpoint", READS, ids=lambda endpoint: endpoint.name)
def test_every_parameter_stands_what_hurts(place: Place, endpoint: Endpoint) -> None:
    needed = {"metric": "clicks"} if endpoint.name == "query" else {}

    def ask(**params: str) -> int:
        answer = place.client.get(place.path_of(endpoint), params={**needed, **params})
        return judged(endpoint, answer, params)

    ask()
    assert ask(nobodys="1") == 422
    for parameter in parameters_of(endpoint.question):
        name = parameter["name"]
        for words in HOSTILE:
            ask(**{name: words})
        if name in REFUSED:
            assert ask(**{name: REFUSED[name]}) == 422


@pytest.mark.parametrize("endpoint", [each for each in ENDPOINTS if "{" in each.path], ids=lambda each: each.name)
def test_every_path_stands_what_hurts(place: Place, endpoint: Endpoint) -> None:
    for words in ("x", "%FF", "1%20OR%201=1", "%E2%80%AE", "0" * 3000, "{" + SOMEBODY + "}"):
        path = "/api" + re.sub(r"{\w+}", lambda _, words=words: words, endpoint.path)
        more = {} if endpoint.method == "GET" else {"json": GOOD.get(endpoint.name, {})}
        assert judged(endpoint, place.client.request(endpoint.method, path, **more), path) in {404, 422}


@pytest.mark.parametrize("endpoint", POSTS, ids=lambda endpoint: endpoint.name)
def test_every_field_stands_what_hurts(place: Place, endpoint: Endpoint) -> None:
    names = [field.alias or name for name, field in endpoint.question.model_fields.items()]
    body = GOOD.get(endpoint.name, dict.fromkeys(names, "a"))
    assert set(body) <= set(names)

    def ask(told: Any) -> int:
        headers = {"Content-Type": "application/json"}
        answer = place.client.post(place.path_of(endpoint), content=json.dumps(told), headers=headers)
        return judged(endpoint, answer, told)

    ask(body)
    assert ask({**body, "nobodys": 1}) == 422
    for name in names:
        for value in (*HOSTILE, *WRONG):
            ask({**body, name: value})
    for place_of in inner(body):
        for value in (*HOSTILE, *WRONG):
            ask(changed(body, place_of, value))


def inner(told: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where values stand that are no field of the body itself."""
    items = told.items() if isinstance(told, dict) else enumerate(told) if isinstance(told, list) else ()
    for name, value in items:
        if at:
            yield (*at, name)
        yield from inner(value, (*at, name))


def changed(told: Any, at: tuple[Any, ...], value: object) -> Any:
    """The same with another value there."""
    made = copy.deepcopy(told)
    holder = made
    for name in at[:-1]:
        holder = holder[name]
    holder[at[-1]] = value
    return made
