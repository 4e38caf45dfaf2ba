"""LinkedIn's OAuth: consent, codes, and refresh tokens that do not rotate and end a year after the first grant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.consent import Provider, Refused, consent_routes
from sandbox.credentials import Token, opaque
from sandbox.linkedin_account import ACCESS_DAYS, ISSUER, REFRESH_DAYS, SCOPES, grant_ends
from sandbox.world import World

GRANT = "linkedin_grant"
PROVIDER = Provider(
    ISSUER, "LinkedIn", "/oauth/v2/authorization", lambda world: world.linkedin_account.client_id, SCOPES
)


def routes(world: World) -> list[Route]:
    """The consent page, POST /oauth/v2/accessToken and POST /oauth/v2/introspectToken."""

    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            return JSONResponse(_granted(world, form))
        except Refused as error:
            status = 401 if error.error == "invalid_client" else 400
            return JSONResponse({"error": error.error, "error_description": error.description}, status)

    async def introspect(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            _require_client(world, form)
        except Refused as error:
            return JSONResponse({"error": error.error, "error_description": error.description}, 401)
        return JSONResponse(_introspected(world, form.get("token", "")))

    return [
        Route("/oauth/v2/accessToken", token, methods=["POST"]),
        Route("/oauth/v2/introspectToken", introspect, methods=["POST"]),
        *consent_routes(PROVIDER, world),
    ]


def _granted(world: World, form: dict[str, str]) -> dict[str, object]:
    _require_client(world, form)
    now, kind = world.clock.now(), form.get("grant_type")
    if kind == "authorization_code":
        code = world.consent.redeem(form, ISSUER, world.linkedin_account.client_id, now)
        refresh = world.consent.new_family(code, f"AQV{int(now.timestamp()):x}.")
        scopes, left = code.scopes, timedelta(days=REFRESH_DAYS)
    elif kind == "refresh_token":
        refresh = form.get("refresh_token", "")
        scopes, left = refreshed(world, refresh)
    else:
        raise Refused("unsupported_grant_type", f"Unknown grant_type: {kind}")
    access = Token(opaque("AQX"), ISSUER, GRANT, scopes, now + timedelta(days=ACCESS_DAYS))
    world.authority.issue(access)
    return {
        "access_token": access.value,
        "expires_in": ACCESS_DAYS * 86_400,
        "refresh_token": refresh,
        "refresh_token_expires_in": int(left.total_seconds()),
        "scope": ",".join(sorted(scopes)),
    }


def refreshed(world: World, refresh: str) -> tuple[frozenset[str], timedelta]:
    """What a refresh token grants, and how long it still does: refreshing does not prolong it. Raises Refused."""
    if refresh == world.linkedin_account.refresh_token:
        scopes, left = SCOPES, grant_ends(world)
    else:
        family = world.consent.family(refresh, ISSUER)
        began = datetime.fromtimestamp(int(refresh.removeprefix("AQV").partition(".")[0], 16), UTC)
        scopes, left = family.scopes, began + timedelta(days=REFRESH_DAYS) - world.clock.now()
    if GRANT in world.authority.revoked or left <= timedelta(0):
        raise Refused(
            "invalid_grant", "The provided authorization grant or refresh token is invalid, expired or revoked."
        )
    return scopes, left


def _require_client(world: World, form: dict[str, str]) -> None:
    account = world.linkedin_account
    known = form.get("client_id") == account.client_id and form.get("client_secret") == account.client_secret
    if not known or "linkedin_client" in world.authority.revoked:
        raise Refused("invalid_client", "Client authentication failed")


def _introspected(world: World, value: str) -> dict[str, object]:
    token = world.authority.tokens.get(value)
    if token is None or token.issuer != ISSUER:
        return {"active": False}
    live = world.authority.find(value, ISSUER, world.clock.now()) is not None
    return {
        "active": live,
        "status": "active" if live else "revoked" if token.grant in world.authority.revoked else "expired",
        "expires_at": int(token.expires_at.timestamp()),
        "scope": ",".join(sorted(token.scopes)),
        "client_id": world.linkedin_account.client_id,
        "auth_type": "3L",
    }
