"""Connections by API: the platform is asked before anything is saved, and no secret ever comes back."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from sandbox.launch import running
from store.engine import open_engine
from store.keyring import Keyring
from store.opening import Store
from store.tables import PlatformConfig
from store.writes.credentials import open_secrets
from tests.api.inside import key_of, serving, speaking
from tests.conftest import copy_of, unlocked
from tests.people import OUTSIDER, seed_people

PATH = "/api/platform-configs"


@pytest.fixture(scope="module")
def place(
    sqlite_template: Path, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, str, dict[str, str]]]:
    """A store, the API's address, and settings that the sandbox's Indeed accepts."""
    engine = open_engine(copy_of(sqlite_template, tmp_path_factory.mktemp("configs")))
    store = unlocked(engine, keyring)
    seed_people(store)
    with running(state_dir=tmp_path_factory.mktemp("sandbox")) as sandbox:
        told = sandbox.control("credentials")["indeed"]
        form = {"clientId": told["client_id"], "clientSecret": told["client_secret"], "employerId": told["employer_id"]}
        with serving(store, SANDBOX="1", SANDBOX_PORT=sandbox.url.rsplit(":", 1)[1]) as url:
            yield store, url, form
    engine.dispose()


@pytest.fixture
def client(place) -> Iterator[httpx.Client]:
    store, url, _ = place
    with speaking(url, key_of(store)) as made:
        yield made


def stored(store: Store) -> list[PlatformConfig]:
    with store.reading() as session:
        return list(session.exec(select(PlatformConfig)))


def test_what_the_platform_refuses_is_not_saved(place, client) -> None:
    store, _, form = place
    wrong = {**form, "clientSecret": "no-such-secret-7391"}
    answer = client.post(PATH, json={"connector": "indeed", "settings": wrong})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["cause"] == "key_invalid"
    assert answer.json()["detail"]
    assert "no-such-secret-7391" not in answer.text
    assert stored(store) == []


@pytest.mark.parametrize(
    ("settings", "parameter"),
    [({}, "settings.employerId"), ({"employerId": "e", "surprise": 1}, "settings.surprise")],
)
def test_a_form_that_is_none_names_its_fields(place, client, settings, parameter) -> None:
    store, _, _ = place
    answer = client.post(PATH, json={"connector": "indeed", "settings": settings})
    assert answer.status_code == 422
    assert answer.json()["cause"] == "config_invalid"
    assert parameter in [each["parameter"] for each in answer.json()["errors"]]
    assert stored(store) == []


def test_it_tests_saves_changes_and_never_tells_the_secret(place, client) -> None:
    store, url, form = place
    body = {"connector": "indeed", "settings": form, "name": "Our Indeed", "rateLimit": 500}
    made = client.post(PATH, json=body, headers={"Idempotency-Key": "make-indeed"})
    assert made.status_code == 201, made.text
    told = made.json()
    assert (told["platform"], told["isActive"], told["rateLimit"]) == ("indeed", True, 500)
    assert told["settings"]["employerId"] == form["employerId"]
    assert "clientSecret" in told["secrets"]
    again = client.post(PATH, json=body, headers={"Idempotency-Key": "make-indeed"})
    assert (again.status_code, again.json()) == (201, told)
    assert len(stored(store)) == 1

    changes = {key: value for key, value in form.items() if key != "clientSecret"}
    changed = client.post(
        PATH, json={"connector": "indeed", "id": told["id"], "settings": changes, "name": "Renamed", "isActive": False}
    )
    assert (changed.status_code, changed.json()["name"], changed.json()["isActive"]) == (200, "Renamed", False)
    config = stored(store)[0]
    assert open_secrets(store.vault, config)["client_secret"] == form["clientSecret"]
    listed = client.get(PATH)
    assert [each["id"] for each in listed.json()["platformConfigs"]] == [told["id"]]
    for answer in (made, changed, listed):
        assert form["clientSecret"] not in answer.text
        assert "credentials" not in answer.text

    with speaking(url, key_of(store, email=OUTSIDER)) as outsider:
        assert outsider.get(PATH).json() == {"platformConfigs": []}
        foreign = outsider.post(PATH, json={"connector": "indeed", "id": told["id"], "settings": form})
        assert foreign.status_code == 404


def test_insisting_saves_it_switched_off(place, client) -> None:
    _, _, form = place
    wrong = {**form, "clientSecret": "still-wrong"}
    answer = client.post(PATH, json={"connector": "indeed", "settings": wrong, "insist": True})
    assert (answer.status_code, answer.json()["isActive"]) == (201, False)


@pytest.mark.parametrize(
    "more",
    [
        {"rateLimit": 2**63},
        {"rateLimit": 0},
        {"spendLimitMinor": -1},
        {"name": "x" * 121},
        {"id": "1 OR 1=1"},
        {"companyId": "x"},
        {"settings": []},
        {"connector": "nowhere"},
    ],
)
def test_other_bad_values_are_refused_by_name(place, client, more) -> None:
    body = {"connector": "indeed", "settings": {}, **more}
    answer = client.post(PATH, json=body)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == next(iter(more))
