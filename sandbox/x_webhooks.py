"""X's webhooks of the app, and its subscriptions to what an account does (X Activity API), with the app's token."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox.credentials import bearer
from sandbox.deliveries import is_here
from sandbox.hooks import XHook, answers_x, signing_secret
from sandbox.social import X_USER_ID
from sandbox.world import World
from sandbox.x_problems import TYPES, Problem, wrong_context

EVENTS = {"post.create", "post.delete", "follow.follow", "follow.unfollow", "profile.update.bio"}
LONGEST_URL = 200
Handler = Callable[[Request, dict[str, Any]], dict[str, Any]]


def routes(world: World) -> list[Route]:
    """Webhooks and subscriptions."""
    api = XWebhooks(world)
    table: list[tuple[str, str, Handler]] = [
        ("GET", "/2/webhooks", api.hooks),
        ("POST", "/2/webhooks", api.make),
        ("PUT", "/2/webhooks/{id}", api.check),
        ("DELETE", "/2/webhooks/{id}", api.remove),
        ("GET", "/2/activity/subscriptions", api.subscriptions),
        ("POST", "/2/activity/subscriptions", api.subscribe),
        ("DELETE", "/2/activity/subscriptions/{id}", api.unsubscribe),
    ]
    return [Route(path, api.guarded(handler), methods=[method]) for method, path, handler in table]


class XWebhooks:
    """What the app has registered."""

    def __init__(self, world: World) -> None:
        self.world, self.kept = world, world.hooks

    def guarded(self, handler: Handler) -> Callable[[Request], Any]:
        """The handler behind the app's token."""

        async def serve(request: Request) -> Response:
            value = bearer(request.headers) or ""
            try:
                if value != self.world.social.x_app_bearer:
                    raise wrong_context("app") if value in self.world.authority.tokens else Problem(401, "Unauthorized")
                body = _parsed(await request.body())
                # An address is asked its question meanwhile: never in the loop that serves everybody.
                return JSONResponse(await run_in_threadpool(handler, request, body))
            except Problem as problem:
                return problem.response()

        return serve

    def hooks(self, _request: Request, _body: dict[str, Any]) -> dict[str, Any]:
        """All of the app's webhooks."""
        data = [_told(hook) for hook in self.kept.x.values()]
        return {"data": data, "meta": {"result_count": len(data)}} if data else {"meta": {"result_count": 0}}

    def make(self, _request: Request, body: dict[str, Any]) -> dict[str, Any]:
        """A webhook, once its address has answered."""
        url = str(body.get("url", ""))
        if not is_here(url) or len(url) > LONGEST_URL:
            raise _refused("UrlValidationFailed", "The url does not meet the requirements.")
        if any(hook.url == url for hook in self.kept.x.values()):
            raise _refused("DuplicateUrlFailed", "Webhook URL already exists.")
        if len(self.kept.x) >= self.kept.x_most:
            raise _refused("WebhookLimitExceeded", "The maximum number of webhooks is reached.")
        if not answers_x(url, signing_secret(self.world, "x")):
            raise _refused("CrcValidationFailed", "CRC GET request is not valid.")
        now = self.world.clock.now()
        hook = XHook(str(1_900_000_000_000_000_000 + int(now.timestamp() * 1_000_000) % 10**17), url, now)
        self.kept.x[hook.id] = hook
        return {"data": _told(hook)}

    def check(self, request: Request, _body: dict[str, Any]) -> dict[str, Any]:
        """The question once more."""
        hook = self._found(request)
        hook.valid = answers_x(hook.url, signing_secret(self.world, "x"))
        if not hook.valid:
            raise _refused("CrcValidationFailed", "CRC GET request is not valid.")
        return {"data": {"valid": True}}

    def remove(self, request: Request, _body: dict[str, Any]) -> dict[str, Any]:
        """The webhook, and what was subscribed for it."""
        hook = self._found(request)
        del self.kept.x[hook.id]
        for name, one in list(self.kept.x_subscriptions.items()):
            if one["webhook_id"] == hook.id:
                del self.kept.x_subscriptions[name]
        return {"data": {"deleted": True}}

    def subscriptions(self, request: Request, _body: dict[str, Any]) -> dict[str, Any]:
        """Two to a page at first, so that who does not read on sees a part."""
        every = list(self.kept.x_subscriptions.values())
        start = int(request.query_params.get("pagination_token", "0"))
        page = every[start : start + 2]
        meta: dict[str, Any] = {"result_count": len(page)}
        if start + 2 < len(every):
            meta["next_token"] = str(start + 2)
        return {"data": page, "meta": meta} if page else {"meta": meta}

    def subscribe(self, _request: Request, body: dict[str, Any]) -> dict[str, Any]:
        """One kind of event of one account."""
        event, hook_id = str(body.get("event_type")), str(body.get("webhook_id"))
        user = str((body.get("filter") or {}).get("user_id"))
        if event not in EVENTS or user != X_USER_ID or hook_id not in self.kept.x:
            raise Problem(400, "Invalid Request", "The subscription is not valid.", f"{TYPES}/invalid-request")
        number = str(2_000_000 + len(self.kept.x_subscriptions))
        while number in self.kept.x_subscriptions:
            number = str(int(number) + 1)
        now = self.world.clock.now().isoformat()
        told = {"subscription_id": number, "event_type": event, "filter": {"user_id": user}, "webhook_id": hook_id}
        self.kept.x_subscriptions[number] = {**told, "created_at": now, "updated_at": now}
        return {"data": {"subscription": self.kept.x_subscriptions[number]}}

    def unsubscribe(self, request: Request, _body: dict[str, Any]) -> dict[str, Any]:
        """No more of it."""
        if self.kept.x_subscriptions.pop(request.path_params["id"], None) is None:
            raise Problem(404, "Not Found Error", "No such subscription.", f"{TYPES}/resource-not-found")
        return {"data": {"deleted": True}}

    def _found(self, request: Request) -> XHook:
        hook = self.kept.x.get(request.path_params["id"])
        if hook is None:
            raise Problem(404, "Not Found Error", "WebhookIdInvalid", f"{TYPES}/resource-not-found")
        return hook


def _told(hook: XHook) -> dict[str, Any]:
    created = hook.created_at.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    return {"id": hook.id, "url": hook.url, "valid": hook.valid, "created_at": created}


def _refused(reason: str, words: str) -> Problem:
    errors = [{"message": f"{reason}: {words}"}]
    detail = "One or more parameters to your request was invalid."
    return Problem(400, "Invalid Request", detail, f"{TYPES}/invalid-request", errors=errors)


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body or b"{}")
    except ValueError:
        told = None
    if not isinstance(told, dict):
        raise Problem(400, "Invalid Request", "The body is not a JSON object.", f"{TYPES}/invalid-request")
    return told
