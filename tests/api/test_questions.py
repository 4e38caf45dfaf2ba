"""Bad questions get their status, pages are the whole, tags hold as long as the data, and a POST happens once."""

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from sqlmodel import col, select

from actions.annotations import add_note
from actions.postings import save_posting
from store.engine import open_engine
from store.keyring import Keyring
from store.opening import Store
from store.tables import DataVersion, IdempotentRequest, PlatformSyncJob
from tests.api.inside import key_of, serving, speaking, viewer_of
from tests.api.seeded import seed_numbers, seed_records
from tests.conftest import copy_of, unlocked
from tests.people import ADMIN, OUTSIDER, seed_people

NOW = datetime.now(UTC)
INJECTION = "'; DROP TABLE companies;--"


@pytest.fixture(scope="module")
def place(
    sqlite_template: Path, keyring: Keyring, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Store, httpx.Client]]:
    """A store with numbers and records, and a client whose key may do everything."""
    engine = open_engine(copy_of(sqlite_template, tmp_path_factory.mktemp("questions")))
    store = unlocked(engine, keyring)
    people = seed_people(store)
    seed_numbers(store, people, today=NOW.date())
    seed_records(store, people, now=NOW)
    with serving(store, SANDBOX="1", SANDBOX_PORT="1") as url, speaking(url, key_of(store)) as client:
        yield store, client
    engine.dispose()


@pytest.fixture
def client(place) -> httpx.Client:
    return place[1]


@pytest.fixture
def store(place) -> Store:
    return place[0]


QUERY = "/api/analytics/query"


@pytest.mark.parametrize(
    ("path", "params", "named"),
    [
        (QUERY, {}, "metric"),
        (QUERY, {"metric": "conversions"}, "metric"),
        (QUERY, {"metric": INJECTION}, "metric"),
        (QUERY, {"metric": "clicks", "breakdown": INJECTION}, "breakdown"),
        (QUERY, {"metric": "clicks", "breakdown": "platform,posting,department,location"}, "breakdown"),
        (QUERY, {"metric": "clicks", "breakdown": "posting,source"}, "metric"),
        (QUERY, {"metric": "reach", "grain": "total"}, "metric"),
        (QUERY, {"metric": "clicks", "limit": "1e9"}, "limit"),
        (QUERY, {"metric": "clicks", "limit": str(2**63)}, "limit"),
        (QUERY, {"metric": "clicks", "limit": "0"}, "limit"),
        (QUERY, {"metric": "clicks", "limit": "-1"}, "limit"),
        (QUERY, {"metric": "clicks", "limit": "NaN"}, "limit"),
        (QUERY, {"metric": "clicks", "from": "0001-01-01", "to": "0001-02-01"}, "period"),
        (QUERY, {"metric": "clicks", "from": "9999-12-30", "to": "9999-12-31"}, "to"),
        (QUERY, {"metric": "clicks", "from": "99999-12-30", "to": "2026-01-01"}, "from"),
        (QUERY, {"metric": "clicks", "posting": "1 OR 1=1"}, "posting"),
        (QUERY, {"metric": "clicks", "department": "a\x00b"}, "department"),
        (QUERY, {"metric": "clicks", "department": "x" * 201}, "department"),
        (QUERY, {"metric": "clicks", "cursor": "x"}, "cursor"),
        (QUERY, {"metric": "clicks", "cursor": "x" * 2001}, "cursor"),
        (QUERY, {"metric": "clicks", "sort": "clicks;drop"}, "sort"),
        ("/api/postings", {"status": "everything"}, "status"),
        ("/api/applications", {"stage": INJECTION}, "stage"),
        ("/api/applications", {"personal": "maybe"}, "personal"),
        ("/api/sync-jobs", {"platform": "nowhere"}, "platform"),
        ("/api/sync-jobs", {"cursor": "AAAA"}, "cursor"),
        ("/api/metrics", {"anything": "1"}, "anything"),
        ("/api/export", {"format": "xlsx"}, "format"),
        ("/api/export", {"dataset": "../../etc/passwd"}, "dataset"),
    ],
)
def test_it_names_the_parameter_it_cannot_use(client, path, params, named) -> None:
    answer = client.get(path, params=params)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["parameter"] == named


@pytest.mark.parametrize("name", ["department", "source", "campaign", "recruiter"])
def test_injected_words_are_only_words(client, name) -> None:
    for words in (INJECTION, "%' OR 1=1--", "_", "' UNION SELECT 1--"):
        answer = client.get(QUERY, params={"metric": "clicks", name: words})
        assert (answer.status_code, answer.json()["rows"]) == (200, [])
    assert client.get("/api/postings", params={"search": "%"}).json()["postings"] == []


def test_a_key_in_the_address_is_refused(client) -> None:
    assert client.get("/api/metrics", params={"key": "sb_x"}).status_code == 400


@pytest.mark.parametrize(
    ("path", "params", "rows", "per_page"),
    [
        (QUERY, {"metric": "clicks,applications", "grain": "day", "breakdown": "platform"}, "rows", 13),
        (QUERY, {"metric": "clicks", "breakdown": ["posting", "platform"], "grain": "week"}, "rows", 4),
        ("/api/postings", {}, "postings", 3),
        ("/api/applications", {}, "applications", 2),
        ("/api/sync-jobs", {}, "syncJobs", 2),
    ],
)
def test_pages_are_the_whole_and_hold_nothing_twice(client, path, params, rows, per_page) -> None:
    whole = client.get(path, params={**params, "limit": 1000}).json()
    assert whole["nextCursor"] is None
    found, cursor, pages = [], None, 0
    while cursor or not pages:
        more = {"cursor": cursor} if cursor else {}
        page = client.get(path, params={**params, "limit": per_page, **more}).json()
        assert len(page[rows]) <= per_page
        found, cursor, pages = found + page[rows], page["nextCursor"], pages + 1
    assert found == whole[rows]
    assert pages > 1


def _apply(client, store) -> None:
    told = {"ref": f"later-{uuid.uuid4()}", "stages": [{"stage": "applied", "at": NOW.isoformat()}]}
    assert client.post("/api/applications", json={"applications": [told]}).status_code == 200


def _advertise(client, store) -> None:
    for title in ("Aardvark keeper", "Zookeeper"):
        save_posting(store, viewer_of(store, ADMIN), {"title": title}, now=NOW)


def _sync(client, store) -> None:
    assert client.post("/api/analytics/sync", json={"platform": "indeed"}).status_code == 202
    _finish_syncs(store)


@pytest.mark.parametrize(
    ("path", "rows", "key", "add"),
    [
        ("/api/applications", "applications", "id", _apply),
        ("/api/postings", "postings", "id", _advertise),
        ("/api/sync-jobs", "syncJobs", "jobId", _sync),
    ],
)
def test_what_is_added_between_two_pages_moves_no_row_to_another(client, store, path, rows, key, add) -> None:
    before = [row[key] for row in client.get(path, params={"limit": 1000}).json()[rows]]
    found, cursor = [], None
    while cursor or not found:
        page = client.get(path, params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
        found, cursor = [*found, *(row[key] for row in page[rows])], page["nextCursor"]
        if len(found) <= 4:
            add(client, store)
    assert [one for one in found if one in before] == before
    assert len(set(found)) == len(found)


def test_a_cursor_is_good_for_its_own_question_only(client) -> None:
    cursor = client.get(QUERY, params={"metric": "clicks", "grain": "day", "limit": 3}).json()["nextCursor"]
    again = client.get(QUERY, params={"metric": "clicks", "grain": "day", "limit": 9, "cursor": cursor})
    assert again.status_code == 200
    for params in (
        {"metric": "views", "grain": "day", "cursor": cursor},
        {"metric": "clicks", "grain": "day", "cursor": cursor[:-2] + "AA"},
    ):
        assert client.get(QUERY, params=params).status_code == 422


@pytest.mark.parametrize("path", ["/api/analytics/dashboard", "/api/analytics/funnel", "/api/sync-jobs"])
def test_a_tag_holds_until_the_data_changes(client, store, path) -> None:
    first = client.get(path)
    headers = {"If-None-Match": f'"other", W/{first.headers["etag"]}'}
    again = client.get(path, headers=headers)
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert again.headers["ratelimit-limit"]
    if path == "/api/sync-jobs":
        return
    with store.writing() as session:
        version = session.exec(select(DataVersion)).one()
        version.version += 1
        session.add(version)
    assert client.get(path, headers=headers).status_code == 200


def test_an_edited_posting_changes_the_tag_of_what_shows_postings(client, store) -> None:
    first = client.get("/api/postings")
    posting = uuid.UUID(first.json()["postings"][0]["id"])
    save_posting(store, viewer_of(store, ADMIN), {"title": "Nurse, nights"}, posting_id=posting, now=NOW)
    answer = client.get("/api/postings", headers={"If-None-Match": first.headers["etag"]})
    assert answer.status_code == 200
    assert "Nurse, nights" in answer.text


def test_a_connection_that_fails_changes_the_tag_of_the_dashboard(client, store) -> None:
    first = client.get("/api/analytics/dashboard")
    with store.writing() as session:
        job = session.exec(select(PlatformSyncJob).order_by(col(PlatformSyncJob.number).desc())).first()
        assert job is not None
        job.state, job.cause_code = "failed", "unexpected"
        session.add(job)
    answer = client.get("/api/analytics/dashboard", headers={"If-None-Match": first.headers["etag"]})
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        ('{"platform":"all"}', "text/plain", 415),
        ('{"platform":"all"}', "application/x-www-form-urlencoded", 415),
        ('{"platform":"all"', "application/json", 400),
        ('{"platform":"all","platform":"all"}', "application/json", 400),
        ("[" * 100_000, "application/json", 400),
        ('{"platform":NaN}', "application/json", 400),
        ("[]", "application/json", 400),
        ('{"platform":"all","companyId":"x"}', "application/json", 422),
        ('{"platform":1}', "application/json", 422),
        ('{"platform":"all\\u0000"}', "application/json", 422),
        ('{"platform":"\\ud800"}', "application/json", 422),
        ('{"\\ud800":1,"platform":"all"}', "application/json", 422),
        ('{"platform":1e999}', "application/json", 400),
    ],
)
def test_bodies_that_are_not_the_question_are_refused(client, content, kind, status) -> None:
    answer = client.post("/api/analytics/sync", content=content.encode(), headers={"Content-Type": kind})
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": "half-a-pair"}])
@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("/api/platform-configs", '{"connector":"indeed","settings":{"clientId":"\\ud800"}}'),
        ("/api/platform-configs", '{"connector":"indeed","settings":{"\\udfff":[{"deep":"x"}]}}'),
        ("/api/mcp", '{"jsonrpc":"2.0","id":"\\ud800","method":"ping"}'),
    ],
)
def test_half_a_surrogate_pair_is_refused_wherever_it_stands(client, path, content, headers) -> None:
    answer = client.post(path, content=content, headers={"Content-Type": "application/json", **headers})
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")


def test_a_whole_pair_is_text(client) -> None:
    content = '{"jsonrpc":"2.0","id":"\\ud83d\\ude92","method":"ping"}'
    answer = client.post("/api/mcp", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["id"]) == (200, "\U0001f692")


@pytest.mark.parametrize("told", ["1e999", "-1e999", "Infinity"])
def test_a_number_without_end_is_no_json(client, told) -> None:
    content = f'{{"jsonrpc":"2.0","id":{told},"method":"ping"}}'
    answer = client.post("/api/mcp", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_another_method_is_told_of_all_there_are(client) -> None:
    answer = client.patch("/api/platform-configs", json={})
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert client.head("/api/platform-configs").status_code == 200


def test_a_repeated_post_gets_the_first_answer_and_does_nothing_twice(client, store) -> None:
    headers = {"Idempotency-Key": "repeat-1"}
    body = {"platform": "indeed", "syncType": "incremental"}
    first = client.post("/api/analytics/sync", json=body, headers=headers)
    assert first.status_code == 202, first.text
    _finish_syncs(store)
    again = client.post("/api/analytics/sync", json=body, headers=headers)
    assert (again.status_code, again.json()) == (202, first.json())
    assert again.headers["idempotency-replayed"] == "true"
    fresh = client.post("/api/analytics/sync", json=body, headers={"Idempotency-Key": "repeat-2"})
    assert fresh.json()["jobId"] != first.json()["jobId"]
    other = client.post("/api/analytics/sync", json={"platform": "all"}, headers=headers)
    assert other.status_code == 422
    _finish_syncs(store)


def test_a_refusal_is_repeated_too(client) -> None:
    headers = {"Idempotency-Key": "refused-1"}
    first = client.post("/api/analytics/sync", json={"platform": "monster"}, headers=headers)
    again = client.post("/api/analytics/sync", json={"platform": "monster"}, headers=headers)
    assert (first.status_code, again.status_code) == (404, 404)
    assert again.json() == first.json()
    assert again.headers["content-type"] == "application/problem+json"


def test_of_many_at_once_one_does_it(client, store) -> None:
    answers: list[httpx.Response] = []

    def ask() -> None:
        headers = {"Idempotency-Key": "race"}
        answers.append(client.post("/api/analytics/sync", json={"platform": "indeed"}, headers=headers))

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    statuses = sorted(answer.status_code for answer in answers)
    assert set(statuses) <= {202, 409}
    assert len({answer.text for answer in answers if answer.status_code == 202}) == 1
    assert all(answer.headers["retry-after"] for answer in answers if answer.status_code == 409)
    _finish_syncs(store)


def test_a_request_that_died_half_way_can_be_sent_again_later(client, store) -> None:
    headers = {"Idempotency-Key": "died"}
    body = {"platform": "indeed"}
    first = client.post("/api/analytics/sync", json=body, headers=headers).json()
    _finish_syncs(store)
    with store.writing() as session:
        kept = session.exec(select(IdempotentRequest).order_by(col(IdempotentRequest.made_at).desc())).first()
        assert kept is not None
        kept.status, kept.made_at = None, datetime.now(UTC)
        session.add(kept)
    assert client.post("/api/analytics/sync", json=body, headers=headers).status_code == 409
    with store.writing() as session:
        kept.made_at = datetime.now(UTC) - timedelta(minutes=5)
        session.merge(kept)
    again = client.post("/api/analytics/sync", json=body, headers=headers)
    assert again.status_code == 202
    assert again.json()["jobId"] != first["jobId"]
    _finish_syncs(store)


@pytest.mark.parametrize("key", ["", "two words", "ü", "x" * 256])
def test_a_key_for_repeats_is_short_and_printable(client, key) -> None:
    answer = client.post(
        "/api/analytics/sync", json={"platform": "all"}, headers={"Idempotency-Key": key.encode("latin-1")}
    )
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["parameter"] == "Idempotency-Key"


#: The same in every process: tests are shared out by their names.
NOBODYS = "01a2034c-c840-7f99-920a-0224c856efa8"


@pytest.mark.parametrize("path", ["/api/metrics/", "/api//metrics", f"/api/sync-jobs/{NOBODYS}/more", "/api/"])
def test_other_paths_are_problems(client, path) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")


def _finish_syncs(store: Store) -> None:
    with store.writing() as session:
        for job in session.exec(select(PlatformSyncJob).where(col(PlatformSyncJob.state) == "pending")):
            job.state = "completed"
            session.add(job)


def test_what_happened_is_told_by_day_to_the_company_alone(client, store) -> None:
    admin = viewer_of(store, ADMIN)
    day = NOW.date() - timedelta(days=2)
    made = save_posting(store, admin, {"title": "Told of", "opened_on": day, "recruiter": "Ida"}, now=NOW)
    add_note(store, admin, day, "Job fair", now=NOW)
    params = {"from": day.isoformat(), "to": (day + timedelta(days=1)).isoformat()}
    found = client.get("/api/analytics/annotations", params=params).json()["annotations"]
    assert {(one["day"], one["kind"], one["words"], one["by"]) for one in found} >= {
        (day.isoformat(), "hand", "Job fair", "Ada"),
        (day.isoformat(), "opened", "Opened: Told of", ""),
    }
    listed = client.get("/api/postings", params={"recruiter": "Ida"}).json()["postings"]
    assert [(one["id"], one["slug"], one["pathPattern"]) for one in listed] == [(str(made), "", "")]
    with speaking(str(client.base_url), key_of(store, email=OUTSIDER)) as other:
        assert other.get("/api/analytics/annotations", params=params).json()["annotations"] == []
