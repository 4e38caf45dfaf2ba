"""Who asks the API, whether they may, and how often."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session
from starlette.exceptions import HTTPException
from starlette.requests import Request

from actions.running import running_store
from actions.sign_in import find_signed_in
from actions.tokens import Bearer, find_bearer
from actions.viewer import Viewer
from api.addressed import cookie
from api.limits import meter
from api.sessions import session_cookie_name
from domain.access import scopes_of
from settings import Settings, current
from store.tables.columns import utc_now

_TOKEN_PARAMETERS = frozenset({"token", "access_token", "accessToken", "api_key", "apikey", "key"})
_READING = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, when, and what their key allows."""

    viewer: Viewer
    scopes: frozenset[str]
    now: datetime


def admit(request: Request, scope: str, session: Session | None = None) -> Caller:
    """Who asks: a bearer key, or for reading the signed-in browser. Blocks on the database.

    Raises 400, 401, 403 (the key lacks `scope`) or 429 with the reason. The limits are put into
    `request.state.limits` for the answer's headers. Keys are looked up in `session` where one is open anyway.
    """
    if _TOKEN_PARAMETERS & set(request.query_params):
        raise HTTPException(400, "Send the key in the Authorization header, not in the address.")
    settings, now = current(), utc_now()
    bearer = _find(request, settings, now, session)
    if bearer is None:
        raise HTTPException(401, "Sign in, or send an API key as bearer token.", {"WWW-Authenticate": "Bearer"})
    _take_turn(request, bearer, settings)
    if scope not in bearer.scopes:
        challenge = f'Bearer error="insufficient_scope", scope="{scope}"'
        raise HTTPException(403, f"This needs the scope {scope}.", {"WWW-Authenticate": challenge})
    return Caller(bearer.viewer, bearer.scopes, now)


def _take_turn(request: Request, bearer: Bearer, settings: Settings) -> None:
    limit = meter(settings.api_requests_per_minute)
    left, seconds = limit.take(bearer.token_hash)
    limits = {
        "RateLimit-Limit": str(limit.per_minute),
        "RateLimit-Remaining": str(max(0, left)),
        "RateLimit-Reset": str(seconds),
    }
    request.state.limits = limits
    if left < 0:
        raise HTTPException(429, "Too many requests in this minute.", {"Retry-After": str(seconds)})


def _find(request: Request, settings: Settings, now: datetime, session: Session | None) -> Bearer | None:
    given = request.headers.getlist("authorization")
    if given:
        scheme, _, token = given[0].partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer":
            return None
        return find_bearer(running_store(), token.strip(), now=now, session=session)
    if request.method not in _READING:
        return None
    token = cookie(request.scope, session_cookie_name(settings))
    signed_in = find_signed_in(running_store(), settings, token, now=now) if token else None
    if signed_in is None:
        return None
    scopes = scopes_of(is_admin=signed_in.viewer.is_admin)
    return Bearer(signed_in.viewer, signed_in.token_hash, scopes)
