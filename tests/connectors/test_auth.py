"""Tokens: kept, renewed, rotated, and never asked for twice where asking twice does harm."""

import json
from datetime import timedelta

import pytest
from pydantic import SecretStr

from connectors import auth
from connectors.auth import CachedBearer, Client, MemoryTokens
from connectors.contract import Token
from connectors.errors import AuthExpired, ConfigError, ConnectorError, RateLimited, SchemaDrift, Transient
from tests.connectors.rig import NOW, client
from tests.connectors.scripted import answer, saying, serving

URL = "https://api.example.test/token"
CLIENT = Client("app", SecretStr("canary&secret=ü"))


def reply(body: object, status: str = "200 OK") -> bytes:
    return answer(json.dumps(body).encode(), status)


def test_it_keeps_a_token_until_a_minute_before_its_end():
    now = [NOW]
    tokens = MemoryTokens(lambda: now[0])
    fetched = []

    def fetch(_stored: Token | None) -> Token:
        fetched.append(1)
        return Token(f"t{len(fetched)}", now[0] + timedelta(hours=1))

    bearer = CachedBearer(tokens, fetch)
    assert [bearer.token(), bearer.token()] == ["t1", "t1"]
    now[0] += timedelta(minutes=59, seconds=1)
    assert bearer.token() == "t2"
    assert bearer.renewed("t1") == "t2", "somebody else has renewed it already"
    assert bearer.renewed("t2") == "t3"


def test_it_sends_the_client_in_the_form_and_asks_for_what_it_needs():
    with serving(saying(reply({"access_token": "a", "expires_in": 3599}))) as server, client(server.url) as rig:
        token = auth.client_token(rig.http, URL, CLIENT, {"scope": "one two", "employer": "e1"})
    assert token == Token("a", NOW + timedelta(seconds=3599))
    body = server.requests[0].partition(b"\r\n\r\n")[2]
    assert body == (
        b"grant_type=client_credentials&scope=one+two&employer=e1&client_id=app&client_secret=canary%26secret%3D%C3%BC"
    )
    assert rig.spent == []


@pytest.mark.parametrize(("told", "kept"), [({}, "old"), ({"refresh_token": "new"}, "new")])
def test_it_keeps_a_refresh_token_unless_it_is_given_another(told, kept):
    body = {"access_token": "a", "expires_in": "3600", **told}
    with serving(saying(reply(body))) as server, client(server.url) as rig:
        assert auth.refresh_token(rig.http, URL, CLIENT, "old").refresh_token == kept


def test_it_does_not_send_a_refresh_token_again_after_an_unknown_outcome():
    cut = saying(b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{")
    with serving(cut) as server, client(server.url) as rig, pytest.raises(Transient):
        auth.refresh_token(rig.http, URL, CLIENT, "old")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("body", "status", "kind", "cause"),
    [
        ({"error": "invalid_grant", "error_description": "revoked"}, "400 Bad", AuthExpired, "auth_revoked"),
        ({"error": "invalid_client"}, "401 No", ConfigError, "key_invalid"),
        ({"error": "unauthorized_client"}, "401 No", ConfigError, "key_invalid"),
        ({"error": "invalid_scope"}, "400 Bad", ConfigError, "no_permission"),
        ({"error": "temporarily_unavailable"}, "400 Bad", Transient, "server_error"),
        ({"error": "whatever"}, "200 OK", SchemaDrift, "contract_error"),
        ({}, "401 No", ConfigError, "key_invalid"),
        ({}, "500 Oops", Transient, "server_error"),
        ({}, "429 Slow", RateLimited, "rate_limited"),
        ({}, "200 OK", SchemaDrift, "contract_error"),
        ([], "200 OK", SchemaDrift, "contract_error"),
        ({"access_token": 7}, "200 OK", SchemaDrift, "contract_error"),
    ],
)
def test_it_names_what_a_token_endpoint_refuses(body, status, kind, cause):
    told = saying(reply(body, status))
    with serving(told) as server, client(server.url) as rig, pytest.raises(ConnectorError) as caught:
        auth.refresh_token(rig.http, URL, CLIENT, "canary-old-refresh")
    assert type(caught.value) is kind
    assert caught.value.cause == cause
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("told", "seconds"), [(3600, 3600), ("1800", 1800), (None, 3600), (-5, 3600), (10**12, 86_400)]
)
def test_it_believes_only_a_sane_lifetime(told, seconds):
    body = {"access_token": "a", "expires_in": told}
    with serving(saying(reply(body))) as server, client(server.url) as rig:
        token = auth.client_token(rig.http, URL, CLIENT, {})
    assert token.expires_at == NOW + timedelta(seconds=seconds)


def test_it_never_shows_a_service_accounts_key():
    parsed = auth.ServiceAccount("a@x.test", "k", SecretStr("canary"))
    assert "canary" not in repr(parsed)
    assert "canary" not in repr(CLIENT)


def test_it_does_not_blame_the_credentials_for_a_proxys_page():
    page = answer(b"<!doctype html><p>Blocked", "403 Forbidden", kind="text/html")
    with serving(saying(page)) as server, client(server.url) as rig, pytest.raises(SchemaDrift) as caught:
        auth.refresh_token(rig.http, URL, CLIENT, "old")
    assert caught.value.cause == "not_json"
