"""Tokens for programs: who gets one, and what is refused."""

from collections.abc import Callable

import httpx
import pytest

from tests.launch import RunningApp
from tests.people import ADMIN, MANAGER, PASSWORD

Speak = Callable[[str], httpx.Client]
QUESTION = "/api/analytics/dashboard?dateRange=7d"


def test_it_gives_a_bearer_token_for_an_hour(nobody: httpx.Client) -> None:
    answer = nobody.post("/api/auth/token", json={"email": " Ada@ACME.example ", "password": PASSWORD})
    assert answer.status_code == 200
    body = answer.json()
    assert body["accessToken"].startswith("sb_")
    assert (body["tokenType"], body["expiresIn"]) == ("Bearer", 3600)
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(("email", "password"), [(ADMIN, "not the password at all"), ("nobody@x.example", PASSWORD)])
def test_it_refuses_a_wrong_pair_in_the_same_words(nobody: httpx.Client, email: str, password: str) -> None:
    headers = {"X-Forwarded-For": "198.51.100.20"}
    answer = nobody.post("/api/auth/token", json={"email": email, "password": password}, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["detail"] == "That e-mail and password do not match."


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        ('{"email":"a@b.example","password":"x"}', "text/plain", 415),
        ('{"email":"a@b.example","password":"x"', "application/json", 400),
        ('{"email":"a@b.example","email":"c@d.example","password":"x"}', "application/json", 400),
        ('{"email":"a@b.example","password":NaN}', "application/json", 400),
        ("[" * 100_00 + "]" * 100_00, "application/json", 400),
        ('{"email":"' + "a" * 70_000 + '"}', "application/json", 413),
        ('{"email":"a@b.example","password":"x","role":"admin"}', "application/json", 422),
        ('{"email":"\\ud800@b.example","password":"\\ud800"}', "application/json", 422),
        ('{"email":"a\\u0000@b.example","password":"x"}', "application/json", 401),
        ("[]", "application/json", 400),
    ],
)
def test_it_refuses_bodies_that_are_not_the_question(
    nobody: httpx.Client, content: str, kind: str, status: int
) -> None:
    headers = {"Content-Type": kind, "X-Forwarded-For": "198.51.100.21"}
    answer = nobody.post("/api/auth/token", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    assert "Traceback" not in answer.text


def test_it_names_the_unknown_field(nobody: httpx.Client) -> None:
    answer = nobody.post("/api/auth/token", json={"email": ADMIN, "password": PASSWORD, "role": "admin"})
    assert answer.json()["errors"] == [{"parameter": "role", "reason": "there is no such parameter"}]


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer sb_no", "Bearer " + "sb_" + "x" * 43, "Basic YTpi"])
def test_it_refuses_missing_and_malformed_tokens(nobody: httpx.Client, header: str) -> None:
    answer = nobody.get(QUESTION, headers={"Authorization": header} if header else {})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_it_refuses_a_token_in_the_address(nobody: httpx.Client) -> None:
    assert nobody.get(f"{QUESTION}&access_token=sb_{'x' * 43}").status_code == 400


def test_it_slows_guessing_down_without_locking_the_user_out(nobody: httpx.Client) -> None:
    def try_from(address: str, password: str) -> httpx.Response:
        headers = {"X-Forwarded-For": address}
        return nobody.post("/api/auth/token", json={"email": MANAGER, "password": password}, headers=headers)

    statuses = [try_from("203.0.113.5", "wrong password number n").status_code for _ in range(11)]
    assert statuses == [401] * 10 + [429]
    refused = try_from("203.0.113.5", PASSWORD)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 900
    assert try_from("203.0.113.6", PASSWORD).status_code == 200


def test_a_sixty_first_request_in_a_minute_waits(speaking_for: Speak) -> None:
    wanted = [422] * 60 + [429]
    for _ in range(5):
        client = speaking_for(MANAGER)
        answers = [client.get("/api/analytics/dashboard?nonsense=1") for _ in range(61)]
        if [answer.status_code for answer in answers] == wanted:
            break
        # On a busy machine the minute may be over before the last of them.
    assert [answer.status_code for answer in answers] == wanted
    assert int(answers[-1].headers["retry-after"]) <= 60


def test_the_program_writes_down_no_password_and_no_token(app: RunningApp, speaking_for: Speak) -> None:
    client = speaking_for(ADMIN)
    token = client.headers["Authorization"].removeprefix("Bearer ")
    client.get(QUESTION)
    database = b"".join(path.read_bytes() for path in app.data_dir.glob("sourceboard.db*"))
    for secret in (token, PASSWORD):
        assert secret not in app.told()
        assert secret.encode() not in database
