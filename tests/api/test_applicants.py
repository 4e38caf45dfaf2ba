"""One application by API: its history, its stage set by hand and taken back, for whom it may, and in whose company."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlmodel import select

from store.engine import open_engine
from store.keyring import Keyring
from store.opening import Store
from store.tables import Application, AuditEntry, JobPosting
from tests.api.inside import key_of, serving, speaking, viewer_of
from tests.conftest import copy_of, unlocked
from tests.people import ADMIN, MANAGER, OUTSIDER, PASSWORD, seed_people

EVIL = "<b>Ana</b> \u202egnp.exe 👩‍🚒"
HIRED = {"stage": "hired", "at": "2026-06-20T10:00:00Z"}
APPLIED = {"stage": "applied", "at": "2026-06-01T10:00:00Z"}


@pytest.fixture(scope="module")
def place(
    sqlite_template: Path, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, httpx.Client]]:
    engine = open_engine(copy_of(sqlite_template, tmp_path_factory.mktemp("applicants")))
    store = unlocked(engine, keyring)
    seed_people(store)
    with store.writing() as session:
        session.add(JobPosting(company_id=viewer_of(store, ADMIN).company_id, number=1, title="Welder"))
    with serving(store) as url, speaking(url, key_of(store)) as client:
        yield store, client
    engine.dispose()


def told(place, ref, *stages, **more):
    """The id of an application that was just told of."""
    store, client = place
    one = {"ref": ref, "stages": list(stages), "name": EVIL, "email": f"{ref}@mail.example", **more}
    assert client.post("/api/applications", json={"applications": [one]}).status_code == 200
    with store.reading() as session:
        return str(session.exec(select(Application.id).where(Application.external_ref == ref)).one())


def test_one_application_tells_its_stages_its_touches_and_what_owns_it(place):
    _, client = place
    one = told(place, "A-1", APPLIED, HIRED, source="Indeed")
    answer = client.get(f"/api/applications/{one}").json()
    assert (answer["application"]["stage"], answer["application"]["platform"]) == ("hired", "indeed")
    assert [(told["stage"], told["toldBy"], told["counts"]) for told in answer["history"]] == [
        ("applied", "api", True),
        ("hired", "api", True),
    ]
    assert [(touch["kind"], touch["platform"], touch["owns"]) for touch in answer["touches"]] == [
        ("declared", "indeed", True)
    ]
    assert EVIL not in str(answer)
    assert answer["application"]["candidateEmail"] == "A…@mail.example"


def test_a_look_at_the_name_in_full_is_written_down_with_whose_it_was(place):
    store, client = place
    one = told(place, "A-2", APPLIED)
    full = client.get(f"/api/applications/{one}", params={"personal": "true"}).json()
    assert full["application"]["candidateName"].startswith("<b>Ana</b>")
    with store.reading() as session:
        looks = session.exec(select(AuditEntry).where(AuditEntry.action == "personal_data.read")).all()
    assert looks[-1].facts == {"seen": [one]}
    with speaking(str(client.base_url), key_of(store, "applications:read")) as reader:
        assert reader.get(f"/api/applications/{one}", params={"personal": "true"}).status_code == 403
        assert EVIL not in reader.get(f"/api/applications/{one}").text


def test_a_mistaken_hire_is_taken_back_and_nothing_told_again_undoes_it(place):
    _, client = place
    one = told(place, "A-3", APPLIED, HIRED)
    done = client.post(f"/api/applications/{one}/stage", json={"stage": "interviewed", "at": "2026-06-10T09:00:00Z"})
    assert (done.status_code, done.json()["changed"]) == (200, 1)
    told(place, "A-3", APPLIED, HIRED)
    answer = client.get(f"/api/applications/{one}").json()
    assert answer["application"]["stage"] == "interviewed"
    assert answer["application"]["reachedAt"].keys() == {"applied", "interviewed"}
    by_hand = [line for line in answer["history"] if line["toldBy"] == "hand"]
    assert {line["teller"] for line in by_hand} == {"Ada"}
    assert [line["stage"] for line in by_hand if line["isTakenBack"]] == ["offered", "hired", "rejected", "withdrawn"]
    undone = client.post(f"/api/stage-changes/{done.json()['changeId']}/undo", json={})
    assert undone.json() == {"undone": 1}
    assert client.get(f"/api/applications/{one}").json()["application"]["stage"] == "hired"
    again = client.post(f"/api/stage-changes/{done.json()['changeId']}/undo", json={})
    assert (again.status_code, again.headers["content-type"]) == (409, "application/problem+json")


def test_many_are_changed_as_one_and_the_same_request_again_changes_nothing_more(place):
    _, client = place
    ids = [told(place, f"B-{number}", APPLIED) for number in range(3)]
    body = {"applications": [*ids, "01936f8e-7a4b-7c1d-8e2f-001122334455"], "stage": "rejected"}
    headers = {"Idempotency-Key": "bulk-1"}
    first = client.post("/api/stage-changes", json=body, headers=headers).json()
    assert (first["changed"], first["refused"]) == (3, {"unknown": 1})
    assert client.post("/api/stage-changes", json=body, headers=headers).json() == first
    assert client.post("/api/stage-changes", json=body).json()["unchanged"] == 3
    listed = client.get("/api/applications", params={"from": "2026-05-01", "to": "2026-07-01", "stage": "rejected"})
    assert {row["id"] for row in listed.json()["applications"]} >= set(ids)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"stage": "promoted"}, 422),
        ({"stage": "hired", "at": "2199-01-01T00:00:00Z"}, 422),
        ({"stage": "hired", "at": "0001-01-01T00:00:00+14:00"}, 422),
        ({"stage": "hired", "at": "9999-12-31T23:59:59-14:00"}, 422),
        ({"stage": "hired", "at": "2026-05-01T00:00:00Z"}, 422),
        ({"stage": "hired", "at": "2026-06-05T00:00:00"}, 422),
        ({}, 422),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_changes_nothing(place, body, status):
    _, client = place
    one = told(place, "A-4", APPLIED)
    answer = client.post(f"/api/applications/{one}/stage", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert client.get(f"/api/applications/{one}").json()["application"]["stage"] == "applied"


def test_a_key_for_repeats_belongs_to_the_address_it_was_sent_to(place):
    _, client = place
    key = {"Idempotency-Key": "one-key-two-applications"}
    first, second = told(place, "K-1", APPLIED), told(place, "K-2", APPLIED)
    done = client.post(f"/api/applications/{first}/stage", json=HIRED, headers=key)
    assert (done.status_code, done.json()["changed"]) == (200, 1)
    other = client.post(f"/api/applications/{second}/stage", json=HIRED, headers=key)
    assert other.status_code == 422
    assert other.json()["errors"][0]["parameter"] == "Idempotency-Key"
    again = client.post(f"/api/applications/{first}/stage", json=HIRED, headers=key)
    assert (again.json(), again.headers["idempotency-replayed"]) == (done.json(), "true")
    assert client.get(f"/api/applications/{second}").json()["application"]["stage"] == "applied"


def test_another_company_s_application_is_one_that_does_not_exist(place):
    store, client = place
    one = told(place, "A-5", APPLIED)
    change = client.post(f"/api/applications/{one}/stage", json={"stage": "reviewed"}).json()["changeId"]
    with speaking(str(client.base_url), key_of(store, email=OUTSIDER)) as outsider:
        assert outsider.get(f"/api/applications/{one}").status_code == 404
        assert outsider.post(f"/api/applications/{one}/stage", json={"stage": "hired"}).status_code == 404
        assert outsider.post(f"/api/stage-changes/{change}/undo", json={}).status_code == 404
        assert outsider.get("/api/stage-words").json() == {"words": []}
    assert client.get(f"/api/applications/{one}").json()["application"]["stage"] == "reviewed"
    assert client.get("/api/applications/nonsense").status_code == 404


def test_a_hiring_manager_reads_and_changes_nothing(place):
    _, client = place
    one = told(place, "A-6", APPLIED)
    signed_in = client.post("/api/auth/token", json={"email": MANAGER, "password": PASSWORD}).json()
    with speaking(str(client.base_url), signed_in["accessToken"]) as manager:
        assert manager.get(f"/api/applications/{one}").status_code == 200
        assert manager.get(f"/api/applications/{one}", params={"personal": "true"}).status_code == 403
        assert manager.post(f"/api/applications/{one}/stage", json={"stage": "hired"}).status_code == 403
        assert manager.post("/api/stage-words", json={"words": "x", "stage": ""}).status_code == 403


def test_words_for_stages_are_said_and_forgotten(place):
    _, client = place
    assert client.post("/api/stage-words", json={"words": "Trial-Day", "stage": "interviewed"}).json() == {
        "words": "trial day",
        "stage": "interviewed",
    }
    assert client.get("/api/stage-words").json() == {"words": [{"words": "trial day", "stage": "interviewed"}]}
    assert client.post("/api/stage-words", json={"words": "trial day", "stage": None}).status_code == 200
    assert client.get("/api/stage-words").json() == {"words": []}
    assert client.post("/api/stage-words", json={"words": "-", "stage": "hired"}).status_code == 422
