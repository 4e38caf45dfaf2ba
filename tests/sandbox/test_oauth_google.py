"""Google's token endpoint."""

import time

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
SCOPE = "https://www.googleapis.com/auth/analytics.readonly"


@pytest.fixture
def key_file(credentials):
    return credentials["ga4"]["service_account"]


def signed(key_file, key=None, **changes):
    now = int(time.time())
    claims = {
        "iss": key_file["client_email"],
        "scope": SCOPE,
        "aud": key_file["token_uri"],
        "iat": now,
        "exp": now + 3600,
    }
    kept = {name: value for name, value in (claims | changes).items() if value is not None}
    headers = {"kid": key_file["private_key_id"]}
    return jwt.encode(kept, key or key_file["private_key"], algorithm="RS256", headers=headers)


def exchanged(http, assertion):
    return http.post("/token", data={"grant_type": GRANT, "assertion": assertion})


def test_a_signed_assertion_becomes_an_access_token_without_a_refresh_token(http, key_file):
    answer = exchanged(http, signed(key_file))

    assert answer.status_code == 200
    assert answer.json().keys() == {"access_token", "expires_in", "token_type"}


def test_googles_own_audience_is_accepted_too(http, key_file):
    assert exchanged(http, signed(key_file, aud="https://oauth2.googleapis.com/token")).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"iss": "someone@else.example"}, "invalid_grant", "account not found"),
        ({"aud": "https://else.example/token"}, "invalid_grant", "audience"),
        ({"iat": int(time.time()) - 9000, "exp": int(time.time()) - 5400}, "invalid_grant", "short-lived token"),
        ({"exp": int(time.time()) + 90_000}, "invalid_grant", "short-lived token"),
        ({"scope": None}, "invalid_scope", "Invalid OAuth scope"),
        ({"iat": None}, "invalid_grant", "Invalid JWT"),
    ],
)
def test_a_wrong_claim_is_refused(http, key_file, changes, error, words):
    answer = exchanged(http, signed(key_file, **changes))

    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert words in answer.json()["error_description"]


def test_a_signature_of_another_key_is_refused(http, key_file):
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )

    answer = exchanged(http, signed(key_file, other))

    assert answer.json() == {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}


def test_a_token_of_another_scope_may_not_read_reports(http, key_file, ga4, body_of):
    scope = "https://www.googleapis.com/auth/drive"
    ga4.token = exchanged(http, signed(key_file, scope=scope)).json()["access_token"]

    answer = ga4.call("runReport", body_of())

    assert answer.status_code == 403
    assert "insufficient authentication scopes" in answer.json()["error"]["message"]


def test_a_refresh_token_becomes_an_access_token(http, credentials):
    answer = http.post("/token", data={"grant_type": "refresh_token", **credentials["ga4"]["oauth"]})

    assert answer.status_code == 200
    assert answer.json()["scope"] == SCOPE
    assert "refresh_token" not in answer.json()


@pytest.mark.parametrize(
    ("changes", "status", "error"),
    [
        ({"client_id": "nobody"}, 401, "invalid_client"),
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"refresh_token": "1//gone"}, 400, "invalid_grant"),
        ({"scope": "https://www.googleapis.com/auth/drive"}, 400, "invalid_scope"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_wrong_refresh_is_refused(http, credentials, changes, status, error):
    form = {"grant_type": "refresh_token", **credentials["ga4"]["oauth"], **changes}
    answer = http.post("/token", data=form)

    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_a_revoked_refresh_token_ends_its_access_tokens_and_gives_no_new_one(sb, ga4, body_of, http, credentials):
    sb.control("revoke", {"what": "google_refresh"})

    assert ga4.call("runReport", body_of()).status_code == 401
    answer = http.post("/token", data={"grant_type": "refresh_token", **credentials["ga4"]["oauth"]})
    assert answer.json()["error_description"] == "Token has been expired or revoked."


def test_a_deleted_service_account_is_not_found(sb, http, key_file):
    sb.control("revoke", {"what": "google_service_account"})

    assert "account not found" in exchanged(http, signed(key_file)).json()["error_description"]


def test_access_tokens_end_after_an_hour_of_the_sandboxs_clock(sb, ga4, body_of):
    assert ga4.call("runReport", body_of()).status_code == 200

    sb.control("clock", {"offset": 3601})

    assert ga4.call("runReport", body_of()).status_code == 401


def test_a_signer_with_the_real_time_is_welcome_while_the_clock_is_shifted(sb, http, key_file):
    sb.control("clock", {"offset": 5 * 86_400})

    assert exchanged(http, signed(key_file)).status_code == 200
