"""Consent pages of the imitated platforms: codes are good once, refresh tokens that were replaced end their family."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

BACK = "http://127.0.0.1:9/auth/callback"
VERIFIER = "v" * 64
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
INDEED = {"scope": "employer_access offline_access", "response_type": "code", "redirect_uri": BACK, "state": "s t&=a"}


@pytest.fixture
def indeed_client(credentials: dict[str, Any]) -> dict[str, str]:
    told = credentials["indeed"]
    return {"client_id": told["client_id"], "client_secret": told["client_secret"]}


def test_who_allows_comes_back_with_a_code_that_is_good_once(http: httpx.Client, indeed_client: dict[str, str]) -> None:
    client = indeed_client
    code = _allowed(http, INDEED | {"client_id": client["client_id"]})
    form = client | {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    first = http.post("/oauth/v2/tokens", data=form)
    again = http.post("/oauth/v2/tokens", data=form)
    assert first.status_code == 200
    assert first.json()["refresh_token"]
    assert (again.status_code, again.json()["error"]) == (400, "invalid_grant")
    renewed = _refreshed(http, client, first.json()["refresh_token"])
    assert renewed.status_code == 400, "a code used twice ends what came of it"


def test_a_refresh_token_that_was_replaced_ends_its_family(http: httpx.Client, indeed_client: dict[str, str]) -> None:
    client = indeed_client
    code = _allowed(http, INDEED | {"client_id": client["client_id"]})
    form = client | {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK}
    first = http.post("/oauth/v2/tokens", data=form).json()["refresh_token"]
    second = _refreshed(http, client, first).json()["refresh_token"]
    assert second != first
    assert _refreshed(http, client, first).status_code == 400
    assert _refreshed(http, client, second).status_code == 400


def test_a_code_needs_its_verifier_and_its_address(http: httpx.Client, indeed_client: dict[str, str]) -> None:
    client = indeed_client
    asked = INDEED | {"client_id": client["client_id"], "code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    for told, status in (
        ({"redirect_uri": BACK}, 400),
        ({"redirect_uri": BACK + "x", "code_verifier": VERIFIER}, 400),
        ({"redirect_uri": BACK, "code_verifier": VERIFIER}, 200),
    ):
        form = client | {"grant_type": "authorization_code", "code": _allowed(http, asked), **told}
        assert http.post("/oauth/v2/tokens", data=form).status_code == status


def test_who_denies_comes_back_with_the_reason(http: httpx.Client, indeed_client: dict[str, str]) -> None:
    told = INDEED | {"client_id": indeed_client["client_id"], "answer": "deny"}
    back = http.post("/oauth/v2/authorize", data=told).headers["location"]
    query = parse_qs(urlsplit(back).query)
    assert query["error"] == ["access_denied"]
    assert query["state"] == ["s t&=a"]


@pytest.mark.parametrize("change", [{"client_id": "x"}, {"redirect_uri": "javascript:1"}, {"scope": "everything"}])
def test_what_cannot_be_asked_stays_on_the_platforms_page(
    http: httpx.Client, indeed_client: dict[str, str], change: dict[str, str]
) -> None:
    asked = INDEED | {"client_id": indeed_client["client_id"]} | change
    page = http.get("/oauth/v2/authorize", params=asked)
    assert page.status_code == 400
    assert "Allow" not in page.text


def _allowed(http: httpx.Client, asked: dict[str, str]) -> str:
    back = http.post("/oauth/v2/authorize", data=asked | {"answer": "allow"}).headers["location"]
    query = parse_qs(urlsplit(back).query)
    assert query["state"] == [asked["state"]]
    return query["code"][0]


def _refreshed(http: httpx.Client, client: dict[str, str], token: str) -> httpx.Response:
    form = client | {"grant_type": "refresh_token", "refresh_token": token}
    return http.post("/oauth/v2/tokens", data=form)
