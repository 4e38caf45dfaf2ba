"""Deliveries over HTTP: who is taken, who is refused and how, and what is on the disk when they are answered."""

import base64
import hashlib
import hmac
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest

from actions.webhooks import OVERLAPS, change_secret, end_overlap, set_open
from sandbox.senders import PRIVATE, SENDERS
from store.tables import WebhookDelivery
from tests.api.deliveries import SECRET, address, admin, person, store_of

OTHER = SECRET.replace("b25l", "dHdv")


@pytest.fixture(scope="module")
def store(app):
    with store_of(app) as store:
        yield store


@pytest.fixture(scope="module")
def at(store):
    """An address of each platform."""
    found = {}

    def find(name):
        platform = SENDERS[name][0] if name in SENDERS else name
        if platform not in found:
            found[platform] = address(store, platform)
        return found[platform]

    return find


@pytest.fixture(scope="module")
def client(app):
    with httpx.Client(base_url=app.url, trust_env=False, timeout=60) as client:
        yield client


@pytest.fixture(scope="module", autouse=True)
def dripping(app, at):
    """A delivery whose body never comes, begun before all others: the ten seconds it is given pass beside them."""
    head = f"POST {at('x').path} HTTP/1.1\r\nHost: {app.host}\r\nContent-Length: 100\r\n\r\n"
    host, port = app.host.split(":")
    with socket.create_connection((host, int(port)), timeout=120) as connection:
        connection.sendall(head.encode() + b"{")
        yield connection


def until(condition):
    """Returns once it holds; fails after a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


@pytest.mark.parametrize("name", SENDERS)
def test_a_signed_delivery_is_on_the_disk_when_it_is_answered(at, client, name):
    where, who = at(name), person()
    before = len(where.inbox())
    answer = where.post(client, where.sent(name, who))
    after = where.inbox()
    assert (answer.status_code, answer.content) == (200, b"")
    assert len(after) == before + 1
    assert after[-1].state == "waiting"
    text = where.store.vault.open("webhook_inbox", after[-1].id, "body", after[-1].body.decode())
    assert isinstance(json.loads(text), dict)


def test_nobody_s_address_telephone_or_name_is_readable_in_the_database(app, at, client):
    who = person("quokka4711", name="Quokka Queensland")
    for name in SENDERS:
        where = at(name)
        answer = where.post(client, where.sent(name, who), headers={"X-Forwarded-For": "203.0.113.77"})
        assert answer.status_code == 200
    files = list(app.data_dir.glob("sourceboard.db*"))
    assert files
    stored = b"".join(path.read_bytes() for path in files)
    planted = [*PRIVATE.values(), "quokka4711@people.example", "Queensland"]
    assert [word for word in planted if word.encode() in stored] == []


def test_a_thousand_repeats_at_once_are_one_delivery(at, client):
    where = at("indeed_apply")
    delivery, before = where.sent("indeed_apply"), len(where.inbox())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: where.post(client, delivery), range(200)))
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.content for answer in answers} == {b""}
    assert len(where.inbox()) == before + 1
    with where.store.reading() as session:
        row = where.inbox()[-1]
        kept = session.get_one(WebhookDelivery, (row.company_id, row.config_id, row.delivery_ref))
    assert kept.repeats == 199


def test_the_same_id_with_another_body_keeps_the_first_and_is_counted(at, client):
    where, who = at("indeed_apply"), person()
    before = where.row().settings.get("conflicts", 0)
    for title in ("Welder", "Baker", "Welder"):
        assert where.post(client, where.sent("indeed_apply", person(who.ref, title=title))).status_code == 200
    row = where.inbox()[-1]
    text = where.store.vault.open("webhook_inbox", row.id, "body", row.body.decode())
    assert json.loads(text)["job"]["jobTitle"] == "Welder"
    assert where.row().settings["conflicts"] > before


@pytest.mark.parametrize("name", SENDERS)
def test_an_unsigned_or_wrongly_signed_delivery_is_not_taken(at, client, name):
    where = at(name)
    delivery, before = where.sent(name), len(where.inbox())
    without = client.post(where.path, content=delivery.body, headers={"Content-Type": "application/json"})
    wrong = SENDERS[name][1](OTHER, person(), datetime.now(UTC))
    assert (without.status_code, where.post(client, wrong).status_code) == (401, 401)
    if not delivery.path:
        assert where.post(client, delivery, content=delivery.body + b" ").status_code == 401
    assert len(where.inbox()) == before


def test_what_was_not_taken_is_counted_with_its_cause(store, client):
    where = address(store, "x")
    for _ in range(3):
        assert client.post(where.path, content=b"{}").status_code == 401
    until(lambda: where.row().refused == 3)
    assert where.row().last_refused_cause == "unsigned"


def test_an_address_without_a_secret_takes_nothing_and_says_when_to_come_back(store, client):
    where = address(store, "indeed", secret="")
    answer = client.post(where.path, content=b"{}")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert where.inbox() == []
    until(lambda: where.row().last_refused_cause == "secret_missing")


def test_all_addresses_that_are_not_there_answer_alike(store, at, client):
    known, shut, foreign = at("indeed_apply"), address(store, "indeed"), address(store, "indeed", company="Other")
    now = datetime.now(UTC)
    with store.reading() as session:
        viewer = admin(session)
    set_open(store, viewer, shut.endpoint_id, is_open=False, now=now)
    delivery = known.sent("indeed_apply")
    answers = [
        client.post(path, content=delivery.body, headers=dict(delivery.headers))
        for path in (
            shut.path,
            "/api/webhooks/indeed/nobody",
            "/api/webhooks/indeed/" + "x" * 32,
            f"/api/webhooks/ziprecruiter/{known.hook_id}",
            f"/api/webhooks/nobody/{known.hook_id}",
            f"/api/webhooks/company_website/{known.hook_id}",
            f"{known.path}/more",
            f"{known.path}/more/still",
            "/api/webhooks/indeed",
            "/api/webhooks/indeed/" + "x" * 500,
            "/api/webhooks/indeed/' OR 1=1--",
        )
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert client.post("/api/webhooks/indeed/%00", content=b"{}").status_code in {400, 404}
    assert len({answer.json()["detail"] for answer in answers}) == 1
    # Signed with the secret of one company, sent to another's address that has the same one: it is that company's.
    assert client.post(foreign.path, content=delivery.body, headers=dict(delivery.headers)).status_code == 200
    assert len(foreign.inbox()) == 1


BAD = {
    "empty": b"",
    "list": b"[1]",
    "nan": b'{"id": NaN}',
    "twice": b'{"id": "a", "id": "b"}',
    "deep": b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    "bytes": b'{"id": "\xff"}',
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
def test_a_signed_body_that_is_no_document_is_a_bad_request(at, client, body):
    where = at("x")
    before = len(where.inbox())
    signature = base64.b64encode(hmac.new(SECRET.encode(), body, hashlib.sha256).digest()).decode()
    headers = {"x-twitter-webhooks-signature": f"sha256={signature}"}
    assert client.post(where.path, content=body, headers=headers).status_code == 400
    assert len(where.inbox()) == before


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nul", "Ann\u0000 Ünal"),
        ("surrogate", "Ann \ud800"),
        ("long", "x" * 20_000),
        ("formula", '=HYPERLINK("http://127.0.0.1:9")'),
        ("sql", "'); DROP TABLE applications;--"),
    ],
)
def test_any_text_is_taken_as_text(at, client, name, words):
    where = at("indeed_apply")
    assert where.post(client, where.sent("indeed_apply", person(name=words, title=words))).status_code == 200


def test_one_byte_over_the_cap_is_too_large_and_the_cap_is_not(at, client):
    where = at("x")
    for size, status in ((64 * 1024 + 1, 413), (64 * 1024, 401)):
        assert client.post(where.path, content=b" " * size).status_code == status

    def endless():
        for _ in range(100):
            yield b" " * 4096

    assert client.post(where.path, content=endless()).status_code == 413


def test_a_resume_may_be_large_and_is_not_kept(at, client):
    where = at("indeed_apply")
    resume = {"file": {"data": "JVBERi0x" * 600_000}}
    who = person(more={"applicant": {"fullName": "Ann", "email": "large@people.example", "resume": resume}})
    delivery = where.sent("indeed_apply", who)
    assert len(delivery.body) > 4 * 2**20
    assert where.post(client, delivery).status_code == 200
    assert len(where.inbox()[-1].body) < 4096
    too_large = client.post(where.path, content=b" " * (10 * 2**20 + 1))
    assert too_large.status_code == 413


def test_a_body_that_drips_is_given_up(dripping):
    assert b" 408 " in dripping.recv(4096).split(b"\r\n")[0] + b" "


def test_a_compressed_body_is_not_taken(at, client):
    where = at("x")
    answer = where.post(client, where.sent("x"), headers={"Content-Encoding": "gzip"})
    assert answer.status_code == 415


def test_other_methods_are_refused(at, client):
    for name in ("indeed_apply", "facebook"):
        where = at(name)
        assert client.put(where.path, content=b"{}").status_code == 405
        assert client.delete(where.path).status_code == 405
        assert client.get(where.path).status_code == 405


def test_handshakes_are_answered(at, client):
    where = at("facebook")
    query = {"hub.mode": "subscribe", "hub.verify_token": where.hook_id, "hub.challenge": "1158201444"}
    answer = client.get(where.path, params=query)
    assert (answer.status_code, answer.text) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")
    assert client.get(where.path, params=query | {"hub.verify_token": "x"}).status_code == 403
    answer = client.get(at("x").path, params={"crc_token": "abc"})
    assert answer.json()["response_token"].startswith("sha256=")
    answer = client.get(at("linkedin").path, params={"challengeCode": "abc"})
    assert set(answer.json()) == {"challengeCode", "challengeResponse"}


def test_a_browser_s_and_a_program_s_delivery_are_judged_by_the_signature_alone(at, client):
    where = at("x")
    headers = {"Origin": "https://elsewhere.example", "Sec-Fetch-Site": "cross-site"}
    assert where.post(client, where.sent("x"), headers=headers).status_code == 200


def test_both_secrets_of_a_rotation_are_good_until_the_old_one_ends(store, client):
    where = address(store, "x")
    now = datetime.now(UTC)
    with store.reading() as session:
        viewer = admin(session)

    def status(secret):
        delivery = SENDERS["x"][1](secret, person(), datetime.now(UTC))
        return where.post(client, delivery).status_code

    assert (status(SECRET), status(OTHER)) == (200, 401)
    change_secret(store, viewer, where.endpoint_id, OTHER, overlap=OVERLAPS["1 day"], now=now)
    # Nothing is refused from the moment on that the new one is known; the old one all along.
    until(lambda: [status(SECRET), status(OTHER)] == [200, 200])
    end_overlap(store, viewer, where.endpoint_id, now=now)
    until(lambda: status(SECRET) == 401)
    assert status(OTHER) == 200
