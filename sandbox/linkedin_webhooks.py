"""LinkedIn's subscriptions to what happens on a page: one by the app, the member and the page."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.deliveries import is_here
from sandbox.hooks import answers_linkedin, signing_secret
from sandbox.linkedin_account import MEMBER
from sandbox.linkedin_page import ENTITY, PageApi, RestError
from sandbox.world import World

_KEY = re.compile(
    r"/rest/eventSubscriptions/\(developerApplication:([^,:]+),user:([^,:]+),entity:([^,:]+),"
    r"eventType:ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS\)"
)
SCOPE = "rw_organization_admin"
LASTS = timedelta(days=365)


def routes(world: World) -> list[Route]:
    """A subscription by its key."""
    subscriptions = Subscriptions(world)
    return [Route("/rest/eventSubscriptions/{key:path}", subscriptions.serve, methods=["GET", "PUT", "DELETE"])]


class Subscriptions:
    """Those of the one member there is."""

    def __init__(self, world: World) -> None:
        self.world, self.kept, self.api = world, world.hooks.linkedin, PageApi(world)

    async def serve(self, request: Request) -> Response:
        """Behind version, token and scope, like every call; the address is asked its question meanwhile."""
        body = await request.body()
        method: Callable[[str, bytes], Response] = getattr(self, request.method.lower())
        try:
            self.api.require(request, SCOPE)
            return await run_in_threadpool(method, self._key(request), body)
        except RestError as error:
            return error.response()

    def get(self, key: str, _body: bytes) -> Response:
        """Where its notifications go."""
        if key not in self.kept:
            raise RestError(404, "RESOURCE_NOT_FOUND", "Could not find entity")
        ends = int((self.world.clock.now() + LASTS).timestamp() * 1000)
        told: dict[str, Any] = {"webhook": self.kept[key], "expiresAt": ends, "entity": ENTITY}
        return JSONResponse(told)

    def put(self, key: str, body: bytes) -> Response:
        """Made, or changed, once the address has answered."""
        try:
            url = str(json.loads(body)["webhook"])
        except (ValueError, KeyError, TypeError):
            raise RestError(400, "ILLEGAL_ARGUMENT", "webhook is required") from None
        if not is_here(url) or not answers_linkedin(url, signing_secret(self.world, "linkedin")):
            raise RestError(400, "ILLEGAL_ARGUMENT", "This URL did not pass the security challenge check")
        self.kept[key] = url
        return Response(status_code=204)

    def delete(self, key: str, _body: bytes) -> Response:
        """No more notifications."""
        if self.kept.pop(key, None) is None:
            raise RestError(404, "RESOURCE_NOT_FOUND", "Could not find entity")
        return Response(status_code=204)

    def _key(self, request: Request) -> str:
        """The key as it came: the URNs in it are encoded, its own structure is not. Raises RestError."""
        path = str(request.scope["raw_path"].decode("latin-1")).partition("?")[0]
        found = _KEY.fullmatch(path)
        if found is None:
            raise RestError(400, "ILLEGAL_ARGUMENT", "Syntax exception in path keys or query parameters")
        wanted = (f"urn%3Ali%3AdeveloperApplication%3A{self.world.linkedin_account.app_id}", MEMBER, ENTITY)
        given = found.groups()
        if given[0] != wanted[0] or [part.replace("%3A", ":") for part in given[1:]] != list(wanted[1:]):
            raise RestError(403, "ACCESS_DENIED", "Not enough permissions to access: eventSubscriptions", 100)
        return path
