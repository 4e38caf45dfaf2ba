"""ScrapingBee: fetches LinkedIn's public pages for credits, extracts what it is asked for, headers tell how it went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.credentials import bearer
from sandbox.faults import asked_to_misbehave
from sandbox.linkedin_account import KEYS
from sandbox.linkedin_guest import WALL, GuestPage, guest_page, parsed_rules, posting_at
from sandbox.world import World

MAX_CREDITS, CONCURRENCY = 8_000_000, 200
SWITCHES = {"render_js", "premium_proxy", "stealth_proxy", "forward_headers", "json_response", "block_ads"} | {
    "block_resources",
    "transparent_status_code",
}
KNOWN = (
    SWITCHES
    | {"api_key", "url", "country_code", "extract_rules", "wait", "wait_for", "timeout", "cookies"}
    | {
        "wait_browser",
        "screenshot",
        "device",
    }
)
LOGIN = "https://www.linkedin.com/authwall?trk=bf&sessionRedirect="


@dataclass(frozen=True)
class Fetched:
    """What came of a target: LinkedIn's own status, where it led to, and the page."""

    status: int
    resolved: str
    page: GuestPage | None


def routes(world: World) -> list[Route]:
    """GET /api/v1/ and GET /api/v1/usage."""
    bee = Bee(world)
    return [
        Route("/api/v1/usage", bee.usage, methods=["GET"]),
        Route("/api/v1/", bee.fetch, methods=["GET"]),
        Route("/api/v1", bee.fetch, methods=["GET"]),
    ]


class Bee:
    """The API of one account."""

    def __init__(self, world: World) -> None:
        self.world = world

    def usage(self, request: Request) -> Response:
        """What is used of the month's credits; the renewal date has no zone."""
        refused = self._refused(request)
        if refused is not None and refused.status_code == 401 and asked_to_misbehave(request) != "credits_gone":
            return refused
        renewal = (self.world.clock.now() + timedelta(days=12)).replace(tzinfo=None)
        used = MAX_CREDITS if asked_to_misbehave(request) == "credits_gone" else 1_000_023
        told = {"max_api_credit": MAX_CREDITS, "used_api_credit": used, "max_concurrency": CONCURRENCY}
        return JSONResponse({**told, "current_concurrency": 1, "renewal_subscription_date": renewal.isoformat()})

    def fetch(self, request: Request) -> Response:
        """Fetch an address of LinkedIn's."""
        refused = self._refused(request) or self._bad(request)
        if refused is not None:
            return refused
        query = request.query_params
        fetched = self._fetched(request)
        cost = _cost(query)
        told = {"spb-initial-status-code": str(fetched.status), "spb-resolved-url": fetched.resolved}
        if fetched.status == 404:
            return JSONResponse({"message": "Target answered 404"}, 404, {**told, "spb-cost": str(cost)})
        if fetched.page is None:
            words = f"Error with your request, the target answered {fetched.status}. Try premium_proxy=True"
            return JSONResponse({"message": words}, 500, {**told, "spb-cost": "0"})
        told["spb-cost"] = str(cost)
        if "extract_rules" in query:
            return JSONResponse(fetched.page.extracted(parsed_rules(query["extract_rules"]) or {}), headers=told)
        if query.get("json_response", "").lower() == "true":
            wrapped = {"body": fetched.page.html(), "cost": cost, "initial-status-code": fetched.status, "type": "html"}
            return JSONResponse({**wrapped, "resolved-url": fetched.resolved, "headers": {}, "xhr": []}, headers=told)
        return HTMLResponse(fetched.page.html(), headers=told)

    def _fetched(self, request: Request) -> Fetched:
        url = request.query_params["url"]
        fault = asked_to_misbehave(request)
        # LinkedIn lets nobody in who comes from a data centre too often; better proxies get through.
        if fault == "blocked" and request.query_params.get("premium_proxy", "").lower() != "true":
            return Fetched(999, url, None)
        if fault == "authwall":
            return Fetched(200, LOGIN, WALL)
        posting = posting_at(self.world, url)
        if posting is None:
            return Fetched(404, url, None)
        forwards = request.query_params.get("forward_headers", "").lower() == "true"
        language = request.headers.get("spb-accept-language", "") if forwards else ""
        return Fetched(200, url, guest_page(self.world, posting, language))

    def _refused(self, request: Request) -> Response | None:
        key = bearer(request.headers) or request.query_params.get("api_key", "")
        known = self.world.linkedin_account.key("scrapingbee")
        if key != known or KEYS["scrapingbee"] in self.world.authority.revoked:
            return JSONResponse({"message": f"Invalid api key: {key[:4]}..."}, 401)
        if asked_to_misbehave(request) == "credits_gone":
            return JSONResponse({"message": "Monthly API calls limit reached: 1000"}, 401)
        return None

    def _bad(self, request: Request) -> Response | None:
        """Parameters are checked before anything is charged."""
        query: Any = request.query_params
        wrong = {name: ["Unknown field."] for name in query if name not in KNOWN}
        wrong |= {
            name: ["Not a valid boolean."]
            for name in SWITCHES & set(query)
            if query[name].lower() not in {"true", "false"}
        }
        if not query.get("url", "").startswith(("http://", "https://")):
            wrong["url"] = ["Not a valid URL."]
        if "extract_rules" in query and parsed_rules(query["extract_rules"]) is None:
            wrong["extract_rules"] = ["Not a valid JSON object."]
        return JSONResponse({"errors": wrong}, 400) if wrong else None


def _cost(query: Any) -> int:
    renders = query.get("render_js", "true").lower() != "false"
    if query.get("stealth_proxy", "").lower() == "true":
        return 75
    if query.get("premium_proxy", "").lower() == "true":
        return 25 if renders else 10
    return 5 if renders else 1
