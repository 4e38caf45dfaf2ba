"""Access tokens: the protocols by Authlib, the transport by our client, one renewal for all who wait for it."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from authlib.oauth2 import OAuth2Client
from authlib.oauth2.rfc7523 import JWTBearerGrant
from authlib.oauth2.rfc7523.assertion import sign_jwt_bearer_assertion
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from connectors.answers import Answer, error_for, platform_words
from connectors.contract import Token, TokenCache
from connectors.errors import AuthExpired, ConfigError, ConnectorError, SchemaDrift, Transient
from connectors.http import Http

#: A token this close to its end is not used any more.
EARLY = timedelta(seconds=60)
_DEFAULT_LIFE = 3600
Fetch = Callable[[Token | None], Token]


class MemoryTokens:
    """A TokenCache for one process and one connection: what `check` uses before anything is saved."""

    def __init__(self, now: Callable[[], datetime], token: Token | None = None) -> None:
        self._now = now
        self._token = token

    @property
    def kept(self) -> Token | None:
        """The last token, good or not: where refresh tokens are good once, it is the only one that leads on."""
        return self._token

    def current(self) -> Token | None:
        """The token if it is good for another minute."""
        token = self._token
        return token if token is not None and token.expires_at - EARLY > self._now() else None

    def renew(self, used: str, fetch: Fetch) -> Token:
        """A token other than `used`: the kept one, or what `fetch` brings."""
        token = self.current()
        if token is None or token.access_token == used:
            token = self._token = fetch(self._token)
        return token


@dataclass(frozen=True)
class CachedBearer:
    """`connectors.http.Bearer` over a token cache and the grant that fills it."""

    tokens: TokenCache
    fetch: Fetch

    def token(self) -> str:
        """The cached token, or a new one. Raises ConnectorError."""
        token = self.tokens.current() or self.tokens.renew("", self.fetch)
        return token.access_token

    def renewed(self, used: str) -> str:
        """A token other than `used`. Raises ConnectorError."""
        return self.tokens.renew(used, self.fetch).access_token


@dataclass(frozen=True)
class ServiceAccount:
    """The parts of a Google service account's key file that signing needs. `key` never shows in a repr."""

    email: str
    key_id: str
    key: SecretStr

    @classmethod
    def parse(cls, text: str) -> "ServiceAccount":
        """From the key file's JSON. Raises ValueError with words for the person who pasted it."""
        try:
            told = json.loads(text)
        except ValueError:
            told = None
        if not isinstance(told, dict):
            raise ValueError("this is not the JSON key file of a service account")  # noqa: TRY004
        if told.get("type") != "service_account":
            raise ValueError('this key file is of another type: download a key of a service account ("JSON")')
        missing = [name for name in ("client_email", "private_key") if not isinstance(told.get(name), str)]
        if missing:
            raise ValueError(f"the key file lacks {' and '.join(missing)}")
        _signing_key(told["private_key"])
        return cls(told["client_email"], str(told.get("private_key_id", "")), SecretStr(told["private_key"]))


def _signing_key(pem: str) -> RSAKey:
    try:
        key = RSAKey.import_key(pem)
        if key.is_private:
            return key
    except (ValueError, TypeError, JoseError):
        pass
    raise ValueError("the key file's private key is damaged: paste the file unchanged")


def service_account_token(http: Http, url: str, account: ServiceAccount, scope: str) -> Token:
    """A token for a signed assertion (RFC 7523). The key file's own token_uri is not followed: `url` is ours."""
    http.conceal(account.key.get_secret_value())
    address = http.address(url)
    assertion = sign_jwt_bearer_assertion(
        _signing_key(account.key.get_secret_value()),
        issuer=account.email,
        audience=address,
        issued_at=int(http.now().timestamp()),
        claims={"scope": scope},
        header={"typ": "JWT", "kid": account.key_id},
        alg="RS256",
    )
    http.conceal(assertion)
    grant = _Grant(http, refused=ConfigError, refused_cause="key_invalid")
    return grant.fetch(url, JWTBearerGrant.GRANT_TYPE, {"assertion": assertion})


def refresh_token(http: Http, url: str, client: "Client", stored: str, *, in_header: bool = False) -> Token:
    """A token for a refresh token; the reply's own refresh token, or the one we have where it carries none.

    Not repeated after an unknown outcome: where refresh tokens are single-use, a second try would burn the family.
    """
    http.conceal(stored)
    grant = _Grant(http, AuthExpired, "auth_revoked", client=client, safe=False, in_header=in_header)
    token = grant.fetch(url, "refresh_token", {"refresh_token": stored})
    return Token(token.access_token, token.expires_at, token.refresh_token or stored)


def client_token(http: Http, url: str, client: "Client", extra: Mapping[str, str], *, in_header: bool = False) -> Token:
    """A token for the client's own credentials. `extra` are further form fields (scope, employer)."""
    grant = _Grant(http, refused=ConfigError, refused_cause="key_invalid", client=client, in_header=in_header)
    return grant.fetch(url, "client_credentials", extra)


def code_answer(http: Http, url: str, client: "Client", extra: Mapping[str, str], *, in_header: bool) -> dict[str, Any]:
    """The token endpoint's whole answer to an authorization code. Never repeated: a code is good once."""
    grant = _Grant(http, AuthExpired, "auth_revoked", client=client, safe=False, in_header=in_header)
    return grant.ask(url, "authorization_code", extra)


def token_from(told: Mapping[str, Any], asked_at: datetime) -> Token:
    """The token in a token endpoint's answer. Raises SchemaDrift."""
    access, rotated = told.get("access_token"), told.get("refresh_token")
    if not isinstance(access, str) or not access:
        raise SchemaDrift("the token endpoint's answer holds no access token")
    expires_at = asked_at + timedelta(seconds=_life(told.get("expires_in")))
    return Token(access, expires_at, rotated if isinstance(rotated, str) else "")


@dataclass(frozen=True)
class Client:
    """An OAuth client's id and secret, sent in the form. A public client has no secret."""

    client_id: str
    client_secret: SecretStr


@dataclass(frozen=True)
class _Grant:
    """One way to a token: who asks, what a refused grant means, and whether asking twice does harm."""

    http: Http
    refused: type[ConfigError] | type[AuthExpired]
    refused_cause: str
    client: Client | None = None
    safe: bool = True
    in_header: bool = False

    def fetch(self, url: str, grant_type: str, extra: Mapping[str, str]) -> Token:
        """A token from the token endpoint. Raises ConnectorError."""
        asked_at = self.http.now()
        token = token_from(self.ask(url, grant_type, extra), asked_at)
        self.http.conceal(token.access_token)
        return token

    def ask(self, url: str, grant_type: str, extra: Mapping[str, str]) -> dict[str, Any]:
        """The token endpoint's answer. Raises ConnectorError."""
        oauth = OAuth2Client(
            self,
            client_id=self.client.client_id if self.client else None,
            client_secret=self.client.client_secret.get_secret_value() if self.client else None,
            token_endpoint_auth_method=self._method(),
        )
        told: dict[str, Any] = oauth.fetch_token(url, grant_type=grant_type, **extra)
        return told

    def _method(self) -> Any:
        if self.client is None:
            return _no_client
        if not self.client.client_secret.get_secret_value():
            return "none"
        return "client_secret_basic" if self.in_header else "client_secret_post"

    def post(self, url: str, data: dict[str, str], headers: Mapping[str, str], auth: Any) -> "_TokenAnswer":
        """The one call Authlib makes on its session."""
        _, sent, body = auth.prepare("POST", url, dict(headers), "")
        form = {**data, **dict(_pairs(body))}
        answer = self.http.post_form(url, form, headers=sent, classify=self._classify, safe=self.safe)
        return _TokenAnswer(answer)

    def _classify(self, answer: Answer, now: datetime) -> ConnectorError | None:
        """RFC 6749 errors by their code; Google and Indeed give 400 and 401 for the same ones.

        A web page is nobody's refusal but a proxy's: credentials must not be blamed for it.
        """
        if answer.is_page and answer.status < 500:
            return SchemaDrift(platform_words(answer), cause="not_json")
        body = answer.peek()
        code = body.get("error") if isinstance(body, dict) else None
        if not isinstance(code, str):
            known = error_for(answer, now)
            return ConfigError(known.detail, cause="key_invalid") if isinstance(known, AuthExpired) else known
        words = platform_words(answer)
        if code in {"server_error", "temporarily_unavailable", "internal_failure"}:
            return Transient(words, cause="server_error")
        if code == "invalid_grant":
            return self.refused(words, cause=self.refused_cause)
        if code in {"invalid_client", "unauthorized_client"}:
            return ConfigError(words, cause="key_invalid")
        if code in {"invalid_scope", "access_denied"}:
            return ConfigError(words, cause="no_permission")
        if code == "invalid_request" and answer.status < 500:
            return ConfigError(words, cause="account_unknown")
        return error_for(answer, now) or SchemaDrift(f"{words}, in an answer that says success")


@dataclass(frozen=True)
class _TokenAnswer:
    """As much of a response as Authlib looks at; failures have been raised before."""

    answer: Answer

    @property
    def status_code(self) -> int:
        return self.answer.status

    def json(self) -> dict[str, Any]:
        return self.answer.decode(dict[str, Any])


def _no_client(_client: Any, _method: str, uri: str, headers: Any, body: str) -> tuple[str, Any, str]:
    """Client authentication of those who have none: the assertion says who they are."""
    return uri, headers, body


def _pairs(body: str) -> list[tuple[str, str]]:
    return parse_qsl(body, keep_blank_values=True)


def _life(told: object) -> int:
    """Seconds a token lives, between a minute and a day whatever the platform claims."""
    seconds = int(told) if isinstance(told, int | float | str) and str(told).isdecimal() else _DEFAULT_LIFE
    return min(max(seconds, 60), 86_400)
