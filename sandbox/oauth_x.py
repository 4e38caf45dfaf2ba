"""X's OAuth: consent with PKCE, codes that live 30 seconds, two-hour tokens, refresh tokens that are good once.

The grant that exists from the start has refresh tokens that carry their number, signed, so that a restarted sandbox
knows them again; an older one that comes back ends the grant.
"""

from __future__ import annotations

import base64
import binascii
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.consent import Provider, Refused, consent_routes
from sandbox.credentials import Token, opaque
from sandbox.world import World

ISSUER, GRANT = "x", "x_grant"
SCOPES = frozenset({"tweet.read", "users.read", "offline.access"})
ACCESS_SECONDS = 7200
PROVIDER = Provider(
    ISSUER,
    "X",
    "/i/oauth2/authorize",
    lambda world: world.social.x_client,
    SCOPES,
    code_seconds=30,
    wants_pkce=True,
)
INVALID = Refused("invalid_request", "Value passed for the token was invalid.")


def routes(world: World) -> list[Route]:
    """The consent page, the token endpoints and the end of a grant."""

    async def token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            _require_client(world, request, (world.social.x_client, world.social.secret("x secret", 50)))
            return JSONResponse(_granted(world, form))
        except Refused as error:
            status = 401 if error.error == "unauthorized_client" else 400
            return JSONResponse({"error": error.error, "error_description": error.description}, status)

    async def app_token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            _require_client(world, request, (world.social.x_api_key, world.social.x_api_secret))
        except Refused:
            words = {"code": 99, "label": "authenticity_token_error", "message": "Unable to verify your credentials"}
            return JSONResponse({"errors": [words]}, 403)
        if form.get("grant_type") != "client_credentials":
            return JSONResponse({"errors": [{"code": 170, "message": "Missing required parameter: grant_type"}]}, 403)
        return JSONResponse({"token_type": "bearer", "access_token": world.social.x_app_bearer})

    async def revoke(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        world.authority.expire(value=form.get("token", ""))
        return JSONResponse({"revoked": True})

    return [
        Route("/2/oauth2/token", token, methods=["POST"]),
        Route("/2/oauth2/revoke", revoke, methods=["POST"]),
        Route("/oauth2/token", app_token, methods=["POST"]),
        *consent_routes(PROVIDER, world),
    ]


def _granted(world: World, form: dict[str, str]) -> dict[str, Any]:
    kind, now = form.get("grant_type"), world.clock.now()
    if kind == "authorization_code":
        code = world.consent.redeem(form, ISSUER, world.social.x_client, now)
        scopes, refresh = code.scopes, world.consent.new_family(code, "bWRX") if code.is_offline else ""
    elif kind == "refresh_token":
        scopes, refresh = _rotated(world, form.get("refresh_token", ""))
    else:
        raise Refused("unsupported_grant_type", f"Unknown grant_type: {kind}")
    access = Token(opaque("Q0Mz"), ISSUER, GRANT, scopes, now + timedelta(seconds=ACCESS_SECONDS))
    world.authority.issue(access)
    told = {"token_type": "bearer", "expires_in": ACCESS_SECONDS, "access_token": access.value}
    told |= {"scope": " ".join(sorted(scopes))}
    return told | {"refresh_token": refresh} if refresh else told


def _rotated(world: World, value: str) -> tuple[frozenset[str], str]:
    """What a refresh token grants, and the next one. Raises Refused."""
    if GRANT in world.authority.revoked:
        raise INVALID
    number = world.social.number_of(value)
    if number is None:
        try:
            family = world.consent.family(value, ISSUER)
        except Refused:
            raise INVALID from None
        return family.scopes, world.consent.rotate(family, "bWRX")
    if world.x_number is not None and number != world.x_number:
        # Somebody else holds an older token: all of them end.
        world.authority.revoked.add(GRANT)
        raise INVALID
    world.x_number = number + 1
    return SCOPES, world.social.x_refresh(number + 1)


def _require_client(world: World, request: Request, pair: tuple[str, str]) -> None:
    """A confidential client says who it is in the header, each half encoded."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    try:
        client, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        client = secret = ""
    known = (unquote(client), unquote(secret)) == pair
    if scheme.lower() != "basic" or not known or "x_client" in world.authority.revoked:
        raise Refused("unauthorized_client", "Missing valid authorization header")
