"""Where Facebook tells the app of Pages, and which Pages tell the app: the two halves of its webhooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.credentials import bearer
from sandbox.deliveries import is_here
from sandbox.facebook_errors import GraphError, missing
from sandbox.facebook_graph import MANAGES, VERSIONS, Tokens
from sandbox.hooks import AppHook, answers_facebook
from sandbox.social import PAGE_ID
from sandbox.world import World

Handler = Callable[[Request, dict[str, str]], dict[str, Any]]


def routes(world: World) -> list[Route]:
    """The app's subscriptions, and the Page's apps."""
    edges = Edges(world)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "subscriptions", edges.of_app),
        ("POST", "subscriptions", edges.subscribe),
        ("DELETE", "subscriptions", edges.unsubscribe),
        ("GET", "subscribed_apps", edges.of_page),
        ("POST", "subscribed_apps", edges.tell_app),
        ("DELETE", "subscribed_apps", edges.tell_no_more),
    ]
    return [
        Route(f"/{{version:graph}}/{{node}}/{edge}", edges.guarded(handler), methods=[method])
        for method, edge, handler in table
    ]


class Edges:
    """One app, one Page."""

    def __init__(self, world: World) -> None:
        self.world, self.tokens, self.kept = world, Tokens(world), world.hooks

    def guarded(self, handler: Handler) -> Callable[[Request], Any]:
        """The handler behind the version; parameters may stand in the query or in a form."""

        async def serve(request: Request) -> Response:
            form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
            try:
                if request.path_params["version"] not in VERSIONS:
                    raise GraphError(2635, "(#2635) You are calling a deprecated version of the API.")
                # The address is asked its question meanwhile.
                told = await run_in_threadpool(handler, request, {**request.query_params, **form})
                return JSONResponse(told)
            except GraphError as error:
                return error.response()

        return serve

    def of_app(self, request: Request, _told: dict[str, str]) -> dict[str, Any]:
        """What the app is told of, and where."""
        self._require_app(request)
        hook = self.kept.facebook
        if hook is None:
            return {"data": []}
        fields = [{"name": name, "version": "v25.0"} for name in hook.fields]
        return {"data": [{"object": "page", "callback_url": hook.url, "active": hook.active, "fields": fields}]}

    def subscribe(self, request: Request, told: dict[str, str]) -> dict[str, Any]:
        """One address an app; another one takes its place once it has answered."""
        self._require_app(request)
        url, token = told.get("callback_url", ""), told.get("verify_token", "")
        if told.get("object") != "page" or not url:
            raise GraphError(100, "(#100) The parameter object is required")
        if not is_here(url) or not answers_facebook(url, token):
            words = "(#2200) Callback verification failed with the following errors: curl_errno = 0; HTTP Status Code"
            raise GraphError(2200, f"{words} = 403; HTTP Message = Forbidden")
        fields = [name for name in told.get("fields", "").split(",") if name]
        self.kept.facebook = AppHook(url, token, fields)
        return {"success": True}

    def unsubscribe(self, request: Request, told: dict[str, str]) -> dict[str, Any]:
        """Nothing is told any more."""
        self._require_app(request)
        if told.get("object") in {"page", None}:
            self.kept.facebook = None
        return {"success": True}

    def of_page(self, request: Request, _told: dict[str, str]) -> dict[str, Any]:
        """The apps that the Page tells."""
        self._require_page(request)
        app = {
            "id": self.world.social.facebook_app,
            "name": "Sourceboard",
            "subscribed_fields": self.kept.facebook_page,
        }
        return {"data": [app] if self.kept.facebook_page else []}

    def tell_app(self, request: Request, told: dict[str, str]) -> dict[str, Any]:
        """The Page tells the app."""
        self._require_page(request)
        names = [name for name in told.get("subscribed_fields", "").split(",") if name]
        if not names:
            raise GraphError(100, "(#100) The parameter subscribed_fields is required.")
        self.kept.facebook_page[:] = names
        return {"success": True}

    def tell_no_more(self, request: Request, _told: dict[str, str]) -> dict[str, Any]:
        """The Page tells the app nothing."""
        self._require_page(request)
        self.kept.facebook_page.clear()
        return {"success": True}

    def _require_app(self, request: Request) -> None:
        social = self.world.social
        value = request.query_params.get("access_token") or bearer(request.headers)
        if value != f"{social.facebook_app}|{self.tokens.secret}":
            raise GraphError(15, "(#15) This method must be called with an app access_token.")
        if request.path_params["node"] != social.facebook_app:
            raise missing(request.path_params["node"])

    def _require_page(self, request: Request) -> None:
        kind, token = self.tokens.authorise(request)
        if request.path_params["node"] != PAGE_ID:
            raise missing(request.path_params["node"])
        if kind != "PAGE":
            raise GraphError(210, "(#210) A page access token is required to request this resource.")
        if MANAGES not in token.scopes:
            words = "(#200) To subscribe to the feed field, one of these permissions is needed: pages_manage_metadata."
            raise GraphError(200, words, status=403)
