"""Google's token endpoint: a signed assertion or a refresh token becomes an access token."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.consent import Provider, Refused, consent_routes
from sandbox.credentials import GA4_SCOPE, TOKEN_SECONDS, Token, expiry, opaque
from sandbox.world import World

ISSUER = "google"
JWT_GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
REAL_TOKEN_URI = "https://oauth2.googleapis.com/token"
API_AUDIENCE = "https://analyticsdata.googleapis.com/"
SCOPES = {GA4_SCOPE, "https://www.googleapis.com/auth/analytics"}
MAX_LIFETIME = 3600
SKEW = 300
PROVIDER = Provider(
    ISSUER, "Google", "/o/oauth2/v2/auth", lambda world: world.account.oauth_client_id, frozenset({GA4_SCOPE})
)


class OAuthError(Exception):
    """A refusal in the flat shape of RFC 6749."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status, self.error, self.description = status, error, description

    def response(self) -> JSONResponse:
        """The refusal as an HTTP answer."""
        return JSONResponse({"error": self.error, "error_description": self.description}, self.status)


def routes(world: World) -> list[Route]:
    """The token endpoint, and the page that asks for consent."""

    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            issued = _grant(world, form)
        except OAuthError as error:
            return error.response()
        except Refused as error:
            return OAuthError(400, error.error, error.description).response()
        answer: dict[str, Any] = {
            "access_token": issued.value,
            "expires_in": TOKEN_SECONDS - 1,
            "token_type": "Bearer",
        }
        if form.get("grant_type") != JWT_GRANT:
            answer["scope"] = " ".join(sorted(issued.scopes))
        if form.get("grant_type") == "authorization_code":
            code = world.consent.codes[form["code"]]
            if code.is_offline:
                answer["refresh_token"] = world.consent.new_family(code, "1//0")
        return JSONResponse(answer)

    return [Route("/token", token, methods=["POST"]), *consent_routes(PROVIDER, world)]


def _grant(world: World, form: dict[str, str]) -> Token:
    kind = form.get("grant_type", "")
    if kind == JWT_GRANT:
        scopes, grant = _assertion(world, form.get("assertion", "")), "google_service_account"
    elif kind == "refresh_token":
        scopes, grant = _refresh(world, form), "google_refresh"
    elif kind == "authorization_code":
        _require_client(world, form)
        code = world.consent.redeem(form, ISSUER, world.account.oauth_client_id, world.clock.now())
        scopes, grant = code.scopes, "google_refresh"
    else:
        raise OAuthError(400, "unsupported_grant_type", f"Invalid grant_type: {kind}")
    now = world.clock.now()
    return world.authority.issue(Token(opaque("ya29.c."), ISSUER, grant, scopes, expiry(now)))


def _assertion(world: World, assertion: str) -> frozenset[str]:
    if "google_service_account" in world.authority.revoked:
        raise OAuthError(400, "invalid_grant", "Invalid grant: account not found")
    try:
        claims = _verified(world, assertion, [f"{world.base_url}/token", REAL_TOKEN_URI])
    except jwt.InvalidSignatureError:
        raise OAuthError(400, "invalid_grant", "Invalid JWT Signature.") from None
    except jwt.InvalidIssuerError:
        raise OAuthError(400, "invalid_grant", "Invalid grant: account not found") from None
    except jwt.InvalidAudienceError:
        raise OAuthError(
            400, "invalid_grant", "Invalid JWT: Failed audience check. The audience must be the token endpoint."
        ) from None
    except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
        raise OAuthError(
            400,
            "invalid_grant",
            "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. "
            "Check your iat and exp values in the JWT claim.",
        ) from None
    except jwt.InvalidTokenError as error:
        raise OAuthError(400, "invalid_grant", f"Invalid JWT: {error}") from None
    scopes = frozenset(str(claims.get("scope", "")).split())
    if not scopes:
        raise OAuthError(400, "invalid_scope", "Invalid OAuth scope or ID token audience provided.")
    return scopes


def _verified(world: World, assertion: str, audiences: list[str]) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(
        assertion,
        world.account.private_key.public_key(),
        algorithms=["RS256"],
        audience=audiences,
        issuer=world.account.client_email,
        options={"require": ["iss", "iat", "exp"], "verify_exp": False, "verify_iat": False},
    )
    _check_lifetime(world, int(claims["iat"]), int(claims["exp"]))
    return claims


def _check_lifetime(world: World, issued_at: int, expires_at: int) -> None:
    """A signer whose clock is the machine's stays welcome while the sandbox's own clock is shifted."""
    if not 0 < expires_at - issued_at <= MAX_LIFETIME:
        raise jwt.ExpiredSignatureError
    for instant in (world.clock.now(), world.clock.real_now()):
        now = instant.timestamp()
        if issued_at - SKEW <= now < expires_at + SKEW:
            return
    raise jwt.ExpiredSignatureError


def _require_client(world: World, form: dict[str, str]) -> None:
    account = world.account
    if form.get("client_id") != account.oauth_client_id or "google_client" in world.authority.revoked:
        raise OAuthError(401, "invalid_client", "The OAuth client was not found.")
    if form.get("client_secret") != account.oauth_client_secret:
        raise OAuthError(401, "invalid_client", "The provided client secret is invalid.")


def _refresh(world: World, form: dict[str, str]) -> frozenset[str]:
    _require_client(world, form)
    told = form.get("refresh_token", "")
    if told in world.consent.families:
        world.consent.family(told, ISSUER)
    elif told != world.account.refresh_token:
        raise OAuthError(400, "invalid_grant", "Token has been expired or revoked.")
    if "google_refresh" in world.authority.revoked:
        raise OAuthError(400, "invalid_grant", "Token has been expired or revoked.")
    wanted = frozenset(form.get("scope", GA4_SCOPE).split())
    if not wanted <= {GA4_SCOPE}:
        raise OAuthError(400, "invalid_scope", "Some requested scopes were invalid.")
    return wanted


def may_read(scopes: frozenset[str]) -> bool:
    """Whether scopes are enough for reports."""
    return bool(scopes & SCOPES)


def self_signed_scopes(world: World, value: str) -> frozenset[str]:
    """Scopes of a JWT the service account signed for the API itself. Raises jwt.InvalidTokenError."""
    if "google_service_account" in world.authority.revoked:
        raise jwt.InvalidTokenError
    claims: dict[str, Any] = jwt.decode(
        value,
        world.account.private_key.public_key(),
        algorithms=["RS256"],
        issuer=world.account.client_email,
        options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "require": ["iat", "exp"]},
    )
    _check_lifetime(world, int(claims["iat"]), int(claims["exp"]))
    scopes = frozenset(str(claims.get("scope", "")).split())
    return scopes or (frozenset({GA4_SCOPE}) if claims.get("aud") == API_AUDIENCE else frozenset())
