"""Who may ask the Graph API: app, page and person tokens, what they are exchanged for, and the proof of the secret."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.consent import Provider, Refused, consent_routes
from sandbox.credentials import Token, bearer, opaque
from sandbox.facebook_errors import GraphError, dead_token
from sandbox.social import PAGE_ID, PAGE_NAME
from sandbox.world import World

ISSUER, GRANT = "facebook", "facebook_grant"
SCOPES = frozenset({"pages_show_list", "pages_read_engagement", "read_insights", "public_profile"})
#: What a Page has to allow before it tells an app anything; "facebook_metadata" takes it back.
MANAGES = "pages_manage_metadata"
#: The versions that answer.
VERSIONS = tuple(f"v{number}.0" for number in range(19, 27))
SHORT, LONG = timedelta(hours=2), timedelta(days=60)
NEVER = timedelta(days=36_500)
PROVIDER = Provider(
    ISSUER, "Facebook", "/v25.0/dialog/oauth", lambda world: world.social.facebook_app, SCOPES, code_seconds=600
)


class _Version(Convertor[str]):
    """A version in a path: it tells Meta's paths from those of others."""

    regex = r"v\d+\.\d+"

    def convert(self, value: str) -> str:
        """As it stands."""
        return value

    def to_string(self, value: str) -> str:
        """As it stands."""
        return value


register_url_convertor("graph", _Version())


def routes(world: World) -> list[Route]:
    """The consent page, token exchange, introspection and the pages of a person."""
    tokens = Tokens(world)

    async def access_token(request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        try:
            return JSONResponse(tokens.exchanged({**request.query_params, **form}))
        except GraphError as error:
            return error.response()
        except Refused as error:
            return GraphError(100, error.description).response()

    def debug_token(request: Request) -> Response:
        try:
            return JSONResponse({"data": tokens.examined(request)})
        except GraphError as error:
            return error.response()

    def accounts(request: Request) -> Response:
        try:
            return JSONResponse(tokens.pages(request))
        except GraphError as error:
            return error.response()

    return [
        Route("/{version:graph}/oauth/access_token", access_token, methods=["GET", "POST"]),
        Route("/{version:graph}/debug_token", debug_token, methods=["GET"]),
        Route("/{version:graph}/me/accounts", accounts, methods=["GET"]),
        *consent_routes(PROVIDER, world),
    ]


class Tokens:
    """The tokens of the app, its one page and its one person."""

    def __init__(self, world: World) -> None:
        self.world, self.social = world, world.social

    @property
    def secret(self) -> str:
        """The app's secret."""
        return self.social.secret("facebook secret")

    def find(self, value: str) -> tuple[str, Token]:
        """("PAGE" or "USER", token). Raises GraphError 190."""
        authority, now = self.world.authority, self.world.clock.now()
        if GRANT in authority.revoked:
            raise dead_token(460)
        if value in {self.social.page_token, self.social.user_token}:
            kind = "PAGE" if value == self.social.page_token else "USER"
            more = frozenset() if "facebook_metadata" in authority.revoked else frozenset({MANAGES})
            return kind, Token(value, ISSUER, GRANT, SCOPES | more, now + (NEVER if kind == "PAGE" else LONG))
        token = authority.tokens.get(value)
        if token is None or token.issuer != ISSUER:
            raise dead_token(467)
        if now >= token.expires_at:
            raise dead_token(463)
        return ("PAGE" if token.employer else "USER"), token

    def authorise(self, request: Request) -> tuple[str, Token]:
        """The token of a request, in the query or the header, with its proof. Raises GraphError."""
        value = request.query_params.get("access_token") or bearer(request.headers)
        if not value:
            raise GraphError(104, "An access token is required to request this resource.")
        proof = request.query_params.get("appsecret_proof")
        wanted = hmac.new(self.secret.encode(), value.encode(), hashlib.sha256).hexdigest()
        if proof is not None and not hmac.compare_digest(proof, wanted):
            raise GraphError(100, "Invalid appsecret_proof provided in the API argument")
        found = self.find(value)
        # The app of this company has "require app secret" switched on.
        if proof is None:
            raise GraphError(100, "API calls from the server require an appsecret_proof argument")
        return found

    def exchanged(self, told: dict[str, str]) -> dict[str, Any]:
        """GET oauth/access_token: a code for a person's token, a short one for a long one."""
        if told.get("client_id") != self.social.facebook_app:
            raise GraphError(101, "Error validating application. Cannot get application info due to a system error.")
        if told.get("client_secret") != self.secret:
            raise GraphError(1, "Error validating client secret.")
        now = self.world.clock.now()
        if told.get("grant_type") == "fb_exchange_token":
            kind, token = self.find(told.get("fb_exchange_token", ""))
            if kind != "USER":
                raise GraphError(100, "The token to exchange is not a user token")
            return self._issued(token.scopes, LONG)
        code = self.world.consent.redeem(told, ISSUER, self.social.facebook_app, now)
        return self._issued(code.scopes, SHORT)

    def _issued(self, scopes: frozenset[str], life: timedelta) -> dict[str, Any]:
        token = Token(opaque("EAAU"), ISSUER, GRANT, scopes, self.world.clock.now() + life)
        self.world.authority.issue(token)
        return {"access_token": token.value, "token_type": "bearer", "expires_in": int(life.total_seconds())}

    def pages(self, request: Request) -> dict[str, Any]:
        """GET me/accounts: the pages of a person, each with a token of its own that does not end."""
        kind, person = self.authorise(request)
        if kind != "USER":
            raise GraphError(100, "(#100) Tried accessing nonexisting field (accounts) on node type (Page)")
        token = Token(opaque("EAAG"), ISSUER, GRANT, person.scopes, self.world.clock.now() + NEVER, PAGE_ID)
        self.world.authority.issue(token)
        page = {"access_token": token.value, "name": PAGE_NAME, "id": PAGE_ID, "tasks": ["ANALYZE", "ADVERTISE"]}
        fields = request.query_params.get("fields", "id,name,access_token").split(",")
        return {
            "data": [{name: page[name] for name in fields if name in page}],
            "paging": {"cursors": {"before": "QVFI1", "after": "QVFI1"}},
        }

    def examined(self, request: Request) -> dict[str, Any]:
        """GET debug_token: what a token is, asked with the app's own `id|secret`."""
        if (request.query_params.get("access_token") or bearer(request.headers)) != (
            f"{self.social.facebook_app}|{self.secret}"
        ):
            raise GraphError(190, "Invalid OAuth access token signature.")
        now = self.world.clock.now()
        base: dict[str, Any] = {"app_id": self.social.facebook_app, "application": "Sourceboard", "is_valid": False}
        try:
            kind, token = self.find(request.query_params.get("input_token", ""))
        except GraphError as error:
            known = {"code": 190, "message": error.error["message"], "subcode": error.error.get("error_subcode", 467)}
            return {**base, "error": known, "scopes": []}
        never = token.expires_at - now > LONG * 2
        page = {"profile_id": PAGE_ID} if kind == "PAGE" else {}
        return {
            **base,
            **page,
            "type": kind,
            "user_id": "10165432109876543",
            "is_valid": True,
            "issued_at": _seconds(now),
            "expires_at": 0 if never else _seconds(token.expires_at),
            "data_access_expires_at": _seconds(now + timedelta(days=90)),
            "scopes": sorted(token.scopes),
        }


def usage(calls: int) -> dict[str, str]:
    """The headers that say how much of the limits is used, in percent."""
    percent = min(calls // 50, 90)
    page = [{"type": "pages", "call_count": percent, "total_cputime": 2, "total_time": 3}]
    page[0]["estimated_time_to_regain_access"] = 0
    app = {"call_count": percent, "total_time": 3, "total_cputime": 2}
    return {"x-app-usage": json.dumps(app), "x-business-use-case-usage": json.dumps({PAGE_ID: page})}


def _seconds(instant: datetime) -> int:
    return int(instant.timestamp())
