"""Indeed's OAuth v2 token endpoint and the application's own information."""

from __future__ import annotations

import base64
import binascii
import secrets
from urllib.parse import parse_qsl, unquote

import jwt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import company
from sandbox.consent import Provider, Refused, consent_routes
from sandbox.credentials import TOKEN_SECONDS, Token, bearer, expiry
from sandbox.oauth_google import OAuthError
from sandbox.world import World

ISSUER = "indeed"
CAMPAIGN_SCOPES = {"employer.advertising.campaign.read", "employer.advertising.campaign"}
REPORT_SCOPES = {"employer.advertising.campaign_report.read"}
ACCOUNT_SCOPES = {"employer.advertising.account.read", "employer.advertising.account"}
SCOPES = {
    "employer_access",
    "email",
    "offline_access",
    "employer.hosted_job",
    "employer.advertising.subaccount.read",
    *CAMPAIGN_SCOPES,
    *REPORT_SCOPES,
    *ACCOUNT_SCOPES,
}
PROVIDER = Provider(
    ISSUER,
    "Indeed",
    "/oauth/v2/authorize",
    lambda world: world.account.indeed_client_id,
    frozenset(SCOPES),
    employer=lambda world: world.account.employer_id,
)


def routes(world: World) -> list[Route]:
    """POST /oauth/v2/tokens and GET /v2/api/appinfo."""

    async def tokens(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            issued, refresh = _grant(world, form, request.headers.get("authorization", ""))
        except OAuthError as error:
            return error.response()
        except Refused as error:
            return OAuthError(400, error.error, error.description).response()
        answer = {
            "access_token": issued.value,
            "scope": " ".join(sorted(issued.scopes)),
            "token_type": "Bearer",
            "expires_in": TOKEN_SECONDS,
        }
        return JSONResponse({**answer, "refresh_token": refresh} if refresh else answer)

    async def appinfo(request: Request) -> Response:
        token = world.authority.find(bearer(request.headers) or "", ISSUER, world.clock.now())
        if token is None:
            return OAuthError(401, "invalid_token", "The access token is missing, expired or revoked.").response()
        employer = {"id": world.account.employer_id, "name": company.NAME}
        return JSONResponse({"client_id": world.account.indeed_client_id, "employers": [employer]})

    return [
        Route("/oauth/v2/tokens", tokens, methods=["POST"]),
        Route("/v2/api/appinfo", appinfo, methods=["GET"]),
        *consent_routes(PROVIDER, world),
    ]


def _grant(world: World, form: dict[str, str], authorization: str) -> tuple[Token, str]:
    """The access token of any of the three ways, and the refresh token where offline access was granted."""
    _require_client(world, form, authorization)
    kind, now = form.get("grant_type"), world.clock.now()
    if kind == "client_credentials":
        return _client_credentials(world, form), ""
    if kind == "authorization_code":
        code = world.consent.redeem(form, ISSUER, world.account.indeed_client_id, now)
        refresh = world.consent.new_family(code, "indeed-rt-") if code.is_offline else ""
        return _issue(world, code.scopes, code.employer, "indeed_grant"), refresh
    if kind == "refresh_token":
        if "indeed_grant" in world.authority.revoked:
            raise OAuthError(400, "invalid_grant", "The refresh token was revoked.")
        family = world.consent.family(form.get("refresh_token", ""), ISSUER)
        return _issue(world, family.scopes, family.employer, "indeed_grant"), world.consent.rotate(family, "indeed-rt-")
    raise OAuthError(400, "unsupported_grant_type", f"Unknown grant_type: {kind}")


def _issue(world: World, scopes: frozenset[str], employer: str | None, grant: str) -> Token:
    token = Token(_jwt(world, scopes), ISSUER, grant, scopes, expiry(world.clock.now()), employer or None)
    return world.authority.issue(token)


def _require_client(world: World, form: dict[str, str], authorization: str) -> None:
    client_id, client_secret = _basic(authorization) or (form.get("client_id"), form.get("client_secret"))
    account = world.account
    known = client_id == account.indeed_client_id and client_secret == account.indeed_client_secret
    if not known or "indeed_client" in world.authority.revoked:
        raise OAuthError(401, "invalid_client", "Client authentication failed.")


def _client_credentials(world: World, form: dict[str, str]) -> Token:
    scopes = frozenset(form.get("scope", "").split())
    if not scopes or not scopes <= SCOPES:
        unknown = ", ".join(sorted(scopes - SCOPES)) or "(none)"
        raise OAuthError(400, "invalid_scope", f"The requested scope is invalid or unknown: {unknown}")
    employer = form.get("employer")
    if employer is not None and employer != world.account.employer_id:
        raise OAuthError(400, "invalid_request", "The client may not represent this employer.")
    return _issue(world, scopes, employer, "indeed_client")


def _basic(authorization: str) -> tuple[str, str] | None:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, client_secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return "", ""
    return unquote(client_id), unquote(client_secret)


def _jwt(world: World, scopes: frozenset[str]) -> str:
    now = int(world.clock.now().timestamp())
    claims = {
        "iss": "https://secure.indeed.com",
        "sub": world.account.indeed_client_id,
        "azp": world.account.indeed_client_id,
        "scope": " ".join(sorted(scopes)),
        "iat": now,
        "exp": now + TOKEN_SECONDS,
        "jti": secrets.token_hex(12),
    }
    headers = {"kid": world.account.private_key_id}
    return jwt.encode(claims, world.account.private_key, algorithm="RS256", headers=headers)
