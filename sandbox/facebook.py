"""Facebook's Graph API of one page: its posts, their insights, and the page's insights by Pacific day.

Metrics that Meta has switched off fail the whole request, on every version.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import facebook_graph
from sandbox.facebook_errors import GraphError, bad_metric, missing
from sandbox.facebook_graph import VERSIONS, Tokens, usage
from sandbox.faults import asked_to_misbehave
from sandbox.posts import Brought, Post
from sandbox.social import PACIFIC, PAGE_ID, PAGE_NAME
from sandbox.world import World

MOST_DAYS, REACH_BACK = 90, timedelta(days=730)
MOST_POSTS = 100
POST_METRICS: dict[str, Callable[[Brought], Any]] = {
    "post_media_view": lambda brought: brought.seen,
    "post_total_media_view_unique": lambda brought: brought.people,
    "post_clicks": lambda brought: brought.link_clicks + brought.other_clicks,
    "post_clicks_by_type": lambda brought: _without_zeros(
        {"link clicks": brought.link_clicks, "other clicks": brought.other_clicks}
    ),
    "post_reactions_by_type_total": lambda brought: _without_zeros({"like": brought.likes}),
}
PAGE_METRICS: dict[str, Callable[[Brought], int]] = {
    "page_media_view": lambda brought: brought.seen,
    "page_total_media_view_unique": lambda brought: brought.people,
    "page_post_engagements": lambda brought: brought.likes + brought.shares + brought.replies + brought.link_clicks,
}
_EXPANSION = re.compile(r"(\w+)(?:\.metric\(([^)]*)\))?(?:\{[^}]*\})?")
Handler = Callable[[Request], dict[str, Any]]


def routes(world: World) -> list[Route]:
    """The page's own edges; who may ask them stands in facebook_graph."""
    graph = Graph(world)
    table: list[tuple[str, Handler]] = [
        ("/{version:graph}/{node}/published_posts", graph.posts),
        ("/{version:graph}/{node}/posts", graph.posts),
        ("/{version:graph}/{node}/insights", graph.insights),
        ("/{version:graph}/{node}", graph.node),
    ]
    ours = [Route(path, graph.guarded(handler), methods=["GET"]) for path, handler in table]
    return [*facebook_graph.routes(world), *ours]


class Graph:
    """The page, its posts and their numbers."""

    def __init__(self, world: World) -> None:
        self.world, self.tokens, self.feed = world, Tokens(world), world.social.facebook

    def guarded(self, handler: Handler) -> Callable[[Request], Response]:
        """The handler behind version and token."""

        def serve(request: Request) -> Response:
            try:
                if request.path_params["version"] not in VERSIONS:
                    raise GraphError(2635, "(#2635) You are calling a deprecated version of the API.")
                kind, token = self.tokens.authorise(request)
                if not {"read_insights", "pages_read_engagement"} <= token.scopes:
                    raise GraphError(
                        10, "(#10) This endpoint requires the 'pages_read_engagement' permission", status=403
                    )
                if kind != "PAGE":
                    raise GraphError(190, "This method must be called with a Page Access Token")
                answer: Response = JSONResponse(handler(request))
            except GraphError as error:
                answer = error.response()
            for name, value in usage(len(self.world.journal.entries)).items():
                answer.headers[name] = value
            return answer

        return serve

    def node(self, request: Request) -> dict[str, Any]:
        """The page itself, or one of its posts."""
        node, fields = request.path_params["node"], _fields(request)
        if node == PAGE_ID:
            told: dict[str, Any] = {"id": PAGE_ID, "name": PAGE_NAME, "followers_count": 4310}
            return {name: value for name, value in told.items() if name in {*fields, "id"} or not fields}
        return self._post(self._found(node), fields, request)

    def posts(self, request: Request) -> dict[str, Any]:
        """Posts of the page, newest first; `paging.next` leads on as long as there is more."""
        self._require_page(request)
        limit = _whole(request, "limit", 25)
        if not 1 <= limit <= MOST_POSTS:
            raise GraphError(100, "(#100) limit should be between 1 and 100")
        since, until = _instant(request, "since"), _instant(request, "until")
        found = [
            post
            for post in self.feed.posts()
            if (since is None or post.posted_at >= since) and (until is None or post.posted_at < until)
        ]
        start = _offset(request.query_params.get("after", ""))
        fault = asked_to_misbehave(request)
        shown = max(start - limit, 0) if fault == "duplicate_page" else start
        fields = _fields(request) or {"id": "", "message": "", "created_time": ""}
        data = [self._post(post, fields, request) for post in found[shown : shown + limit]]
        after = start if fault == "loop" else shown + len(data)
        paging: dict[str, Any] = {"cursors": {"before": _cursor(shown), "after": _cursor(after)}}
        if fault == "loop" or after < len(found):
            paging["next"] = self._next(request, _cursor(after))
        return {"data": data, "paging": paging} if data else {"data": []}

    def insights(self, request: Request) -> dict[str, Any]:
        """Lifetime numbers of a post, or the page's days."""
        # Lists may be JSON too.
        metrics = re.findall(r"\w+", request.query_params.get("metric", ""))
        if not metrics:
            raise GraphError(3001, "(#3001) No metric was specified to be fetched.")
        node = request.path_params["node"]
        if node != PAGE_ID:
            return self._lifetime(self._found(node), metrics, request)
        self._require_alive(metrics, PAGE_METRICS)
        if request.query_params.get("period") != "day":
            raise GraphError(100, "(#100) The value must be a valid period for these metrics")
        since, until = self._days(request)
        data = [self._by_day(name, since, until) for name in metrics]
        return {"data": data, "paging": {"previous": self._next(request, ""), "next": self._next(request, "")}}

    def _days(self, request: Request) -> tuple[date, date]:
        since, until = _instant(request, "since"), _instant(request, "until")
        if since is None or until is None or until <= since:
            raise GraphError(100, "(#100) since param is not valid")
        if until - since > timedelta(days=MOST_DAYS, hours=1):
            raise GraphError(100, "(#100) There cannot be more than 90 days (7776000 s) between since and until")
        if since < self.world.clock.now() - REACH_BACK - timedelta(days=1):
            raise GraphError(100, "(#100) since param is too far in the past")
        return since.astimezone(PACIFIC).date(), until.astimezone(PACIFIC).date()

    def _by_day(self, name: str, day: date, end: date) -> dict[str, Any]:
        values, today = [], self.feed.today()
        while day < min(end, today + timedelta(days=1)):
            # The end of a Pacific day is the midnight of the next one, in UTC.
            ends = datetime.combine(day + timedelta(days=1), time_of_day(), PACIFIC).astimezone(UTC)
            values.append(
                {"value": PAGE_METRICS[name](self.feed.on(day)), "end_time": f"{ends:%Y-%m-%dT%H:%M:%S+0000}"}
            )
            day += timedelta(days=1)
        return _metric(name, "day", values, PAGE_ID)

    def _lifetime(self, post: Post, metrics: list[str], request: Request) -> dict[str, Any]:
        self._require_alive(metrics, POST_METRICS)
        brought = post.through(self.feed.today())
        node = f"{PAGE_ID}_{post.ref}"
        data = [_metric(name, "lifetime", [{"value": POST_METRICS[name](brought)}], node) for name in metrics]
        link = f"{self.world.base_url}{request.url.path}"
        return {"data": data, "paging": {"previous": f"{link}?since=1", "next": f"{link}?since=2"}}

    def _post(self, post: Post, fields: dict[str, str], request: Request) -> dict[str, Any]:
        node, link = f"{PAGE_ID}_{post.ref}", post.link
        brought = post.through(self.feed.today())
        told: dict[str, Any] = {
            "id": node,
            "message": f"{post.text} {link}".strip(),
            "created_time": f"{post.posted_at:%Y-%m-%dT%H:%M:%S+0000}",
            "updated_time": f"{post.posted_at:%Y-%m-%dT%H:%M:%S+0000}",
            "permalink_url": f"https://www.facebook.com/{PAGE_ID}/posts/{post.ref}",
            "status_type": "mobile_status_update",
            "is_published": True,
        }
        if brought.shares:
            told["shares"] = {"count": brought.shares}
        if link:
            # Links in attachments pass Facebook's own redirect first.
            told["attachments"] = {"data": [{"media_type": "link", "type": "share", "url": link, "title": post.text}]}
        shown = {name: value for name, value in told.items() if name in {*fields, "id"}}
        if "insights" in fields:
            metrics = [name for name in fields["insights"].split(",") if name]
            shown["insights"] = self._lifetime(post, metrics, request)
        return shown

    def _require_page(self, request: Request) -> None:
        if request.path_params["node"] != PAGE_ID:
            raise missing(request.path_params["node"])

    def _require_alive(self, metrics: list[str], known: dict[str, Any]) -> None:
        if any(name not in known or name in self.world.dead_metrics for name in metrics):
            raise bad_metric()

    def _found(self, node: str) -> Post:
        for post in self.feed.posts():
            if node == f"{PAGE_ID}_{post.ref}":
                return post
        raise missing(node)

    def _next(self, request: Request, after: str) -> str:
        """The same request further on; Meta writes the token into it."""
        token = request.query_params.get("access_token", self.world.social.page_token)
        url = request.url.include_query_params(access_token=token, **({"after": after} if after else {}))
        return f"https://graph.facebook.com{url.path}?{url.query}"


def _metric(name: str, period: str, values: list[dict[str, Any]], node: str) -> dict[str, Any]:
    described = {
        "title": name.replace("_", " ").capitalize(),
        "description": "",
        "id": f"{node}/insights/{name}/{period}",
    }
    return {"name": name, "period": period, "values": values, **described}


def _without_zeros(parts: dict[str, int]) -> dict[str, int]:
    return {name: count for name, count in parts.items() if count}


def _fields(request: Request) -> dict[str, str]:
    """Names asked for, with the metrics of an expansion: `id,insights.metric(a,b)`."""
    text = request.query_params.get("fields", "")
    return {found[1]: found[2] or "" for found in _EXPANSION.finditer(text)}


def _cursor(position: int) -> str:
    return base64.urlsafe_b64encode(f"QVFI:{position}".encode()).decode().rstrip("=")


def _offset(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        return int(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode().partition(":")[2])
    except ValueError:
        raise GraphError(100, "(#100) The After Cursor specified is not valid") from None


def _whole(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdecimal():
        raise GraphError(100, f"(#100) Param {name} must be an integer")
    return int(text)


def _instant(request: Request, name: str) -> datetime | None:
    """Unix seconds, or a Pacific date."""
    text = request.query_params.get(name)
    if not text:
        return None
    if text.isdecimal():
        return datetime.fromtimestamp(int(text), UTC)
    try:
        return datetime.combine(date.fromisoformat(text), time_of_day(), PACIFIC).astimezone(UTC)
    except ValueError:
        raise GraphError(100, f"(#100) {name} param is not valid") from None
