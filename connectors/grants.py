"""Access granted in the browser: where to send the person, and what the code they bring back is exchanged for."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from authlib.common.security import generate_token
from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
from authlib.oauth2.rfc7636 import create_s256_code_challenge

from connectors import auth
from connectors.contract import Connector, OAuth, Token
from connectors.errors import AuthExpired, ConfigError
from connectors.http import Http

#: RFC 7636 allows 43 to 128 characters.
_VERIFIER_LENGTH = 96


@dataclass(frozen=True, slots=True)
class Granted:
    """What a code was exchanged for. `values` are the form's fields it fills; `refresh_ends_at` None where unknown."""

    token: Token
    scopes: tuple[str, ...]
    values: Mapping[str, object]
    refresh_ends_at: datetime | None


def oauth_of(kind: type[Connector[Any]]) -> OAuth:
    """How access to this platform is granted in the browser. Raises ConfigError where it is not."""
    if kind.oauth is None:
        raise ConfigError(f"{kind.label} has no sign-in of this kind")
    return kind.oauth


def new_verifier() -> str:
    """The secret half of a PKCE pair."""
    return str(generate_token(_VERIFIER_LENGTH))


def consent_url(
    spec: OAuth, client_id: str, *, redirect_uri: str, state: str, verifier: str, sandbox_url: str = ""
) -> str:
    """The platform's page that asks the person for consent (RFC 6749 4.1.1, RFC 7636 4.3)."""
    extra = dict(spec.extra)
    if spec.uses_pkce:
        extra |= {"code_challenge": create_s256_code_challenge(verifier), "code_challenge_method": "S256"}
    return str(
        prepare_grant_uri(
            placed(spec.authorize_url, sandbox_url),
            client_id=client_id,
            response_type="code",
            redirect_uri=redirect_uri,
            scope=" ".join(spec.scopes),
            state=state,
            **extra,
        )
    )


def placed(url: str, sandbox_url: str) -> str:
    """An address of a platform, or its place in the sandbox.

    >>> placed("https://x.com/i/oauth2/authorize", "http://127.0.0.1:8601")
    'http://127.0.0.1:8601/i/oauth2/authorize'
    >>> placed("https://x.com/i/oauth2/authorize", "")
    'https://x.com/i/oauth2/authorize'
    """
    if not sandbox_url:
        return url
    there = urlsplit(sandbox_url)
    return urlunsplit(urlsplit(url)._replace(scheme=there.scheme, netloc=there.netloc))


def exchange(
    kind: type[Connector[Any]], http: Http, client: auth.Client, code: str, *, redirect_uri: str, verifier: str
) -> Granted:
    """The tokens behind a code. A code is good once, so it is never sent twice. Raises ConnectorError."""
    spec = oauth_of(kind)
    http.conceal(code, verifier)
    extra = {"code": code, "redirect_uri": redirect_uri} | ({"code_verifier": verifier} if spec.uses_pkce else {})
    told = auth.code_answer(http, spec.token_url, client, extra, in_header=spec.client_in == "header")
    token = auth.token_from(told, http.now())
    values = dict(kind.granted(told))
    http.conceal(token.access_token, token.refresh_token, *(str(value) for value in values.values() if value))
    scopes = str(told.get("scope") or " ".join(spec.scopes)).replace(",", " ").split()
    if spec.refresh_days != 0 and not token.refresh_token:
        words = "The platform granted access without lasting permission. Grant it again."
        raise AuthExpired(words, cause="auth_expired")
    return Granted(token, tuple(scopes), values, _refresh_end(spec, told, token, http.now()))


def _refresh_end(spec: OAuth, told: Mapping[str, Any], token: Token, now: datetime) -> datetime | None:
    """When somebody has to sign in again, whatever is done until then."""
    seconds = told.get("refresh_token_expires_in")
    if isinstance(seconds, int) and seconds > 0:
        return now + timedelta(seconds=seconds)
    if spec.refresh_days == 0:
        return now + timedelta(days=spec.lasts_days) if spec.lasts_days else token.expires_at
    return now + timedelta(days=spec.refresh_days) if spec.refresh_days else None
