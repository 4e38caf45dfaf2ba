"""X's API v2 of one account: its posts in both dialects, analytics by day, usage, limits and credits."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import company
from sandbox.credentials import bearer
from sandbox.faults import asked_to_misbehave
from sandbox.oauth_x import ISSUER
from sandbox.posts import Brought, Post
from sandbox.social import X_USER_ID, X_USERNAME
from sandbox.world import World
from sandbox.x_problems import Problem, capped, invalid, no_credits, not_found, not_yours, wrong_context

PRIVATE_DAYS = timedelta(days=30)
MOST_IDS = 100
BY_DAY = {"ids", "start_time", "end_time", "granularity", "analytics.fields"}
EXPANSIONS = {"expansions", "media.fields", "poll.fields", "user.fields", "place.fields"}
FIELDS = {"tweet.fields", "post.fields"}
TIMELINE = {"max_results", "pagination_token", "exclude", "start_time", "end_time", "since_id", "until_id"}
ANALYTICS: dict[str, Callable[[Brought], int]] = {
    "impressions": lambda brought: brought.seen,
    "url_clicks": lambda brought: brought.link_clicks,
    "engagements": lambda brought: brought.link_clicks + brought.other_clicks + brought.likes + brought.replies,
    "likes": lambda brought: brought.likes,
    "replies": lambda brought: brought.replies,
    "retweets": lambda brought: brought.shares,
}
Handler = Callable[[Request, str], dict[str, Any]]


def routes(world: World) -> list[Route]:
    """Everything under /2 but the tokens."""
    api = XApi(world)
    table: list[tuple[str, Handler, str, set[str]]] = [
        ("/2/users/me", api.me, "user", {"user.fields", "expansions", *FIELDS}),
        ("/2/users/by/username/{username}", api.by_username, "", {"user.fields", "expansions", *FIELDS}),
        ("/2/users/{id}/tweets", api.timeline, "", TIMELINE | FIELDS | EXPANSIONS),
        (
            "/2/tweets/analytics",
            api.analytics,
            "user",
            {"ids", "start_time", "end_time", "granularity", "analytics.fields"},
        ),
        ("/2/tweets/{id}", api.one, "", FIELDS | EXPANSIONS),
        ("/2/tweets", api.several, "", {"ids"} | FIELDS | EXPANSIONS),
        ("/2/usage/tweets", api.usage, "app", {"days", "usage.fields"}),
    ]
    return [Route(path, api.guarded(handler, needs, known), methods=["GET"]) for path, handler, needs, known in table]


class XApi:
    """The account's posts, and what X counts against it."""

    def __init__(self, world: World) -> None:
        self.world, self.feed = world, world.social.x

    def guarded(self, handler: Handler, needs: str, known: set[str]) -> Callable[[Request], Response]:
        """The handler behind token, context, window and the names of parameters."""

        def serve(request: Request) -> Response:
            left, resets, is_over = self.world.x_limits.take(self.world.clock.now())
            try:
                context = self._context(request)
                if is_over:
                    raise Problem(429, "Too Many Requests")
                if needs and context != needs:
                    raise wrong_context(needs)
                for name in request.query_params.keys() - known:
                    words = f"The query parameter [{name}] is not one of [{','.join(sorted(known))}]"
                    raise invalid(name, request.query_params[name], words)
                answer: Response = JSONResponse(handler(request, context))
            except Problem as problem:
                answer = problem.response()
            answer.headers["x-rate-limit-limit"] = str(self.world.x_limits.window)
            answer.headers["x-rate-limit-remaining"] = str(left)
            answer.headers["x-rate-limit-reset"] = str(resets)
            return answer

        return serve

    def _context(self, request: Request) -> str:
        value = bearer(request.headers) or ""
        if value == self.world.social.x_app_bearer:
            return "app"
        if self.world.authority.find(value, ISSUER, self.world.clock.now()) is None:
            raise Problem(401, "Unauthorized")
        return "user"

    def _charge(self, posts: int) -> None:
        """Reading posts costs credits and counts against the month's cap."""
        limits = self.world.x_limits
        limits.used += posts
        if limits.credits is not None:
            limits.credits = max(limits.credits - posts, 0)

    def _require_means(self) -> None:
        limits = self.world.x_limits
        if limits.credits is not None and limits.credits <= 0:
            raise no_credits()
        if limits.cap is not None and limits.used >= limits.cap:
            raise capped()

    def me(self, _request: Request, _context: str) -> dict[str, Any]:
        """Whose token this is."""
        return {"data": {"id": X_USER_ID, "name": company.NAME, "username": X_USERNAME}}

    def by_username(self, request: Request, context: str) -> dict[str, Any]:
        """The account of a name."""
        name = request.path_params["username"]
        if name.lower() != X_USERNAME:
            return {"errors": [not_found("user", "username", name)]}
        return self.me(request, context)

    def usage(self, request: Request, _context: str) -> dict[str, Any]:
        """Posts read this month."""
        days = request.query_params.get("days", "7")
        if not days.isdecimal() or not 1 <= int(days) <= 90:
            raise invalid("days", days, f"The `days` query parameter value [{days}] is not between 1 and 90")
        limits = self.world.x_limits
        cap = str(limits.cap if limits.cap is not None else 3_000_000)
        return {"data": {"project_id": "1", "project_cap": cap, "project_usage": str(limits.used), "cap_reset_day": 12}}

    def timeline(self, request: Request, context: str) -> dict[str, Any]:
        """The account's posts, newest first."""
        self._require_means()
        if request.path_params["id"] != X_USER_ID:
            return {"errors": [not_found("user", "id", request.path_params["id"])]}
        most, query = self._most(request), request.query_params
        since, until = _instant(request, "start_time"), _instant(request, "end_time")
        found = [
            post
            for post in self.feed.posts()
            if (since is None or post.posted_at >= since)
            and (until is None or post.posted_at < until)
            and int(query.get("since_id", 0)) < int(post.ref)
            and int(post.ref) < int(query.get("until_id", 10**20))
        ]
        start, fault = _position(query.get("pagination_token", "")), asked_to_misbehave(request)
        shown = max(start - most, 0) if fault == "duplicate_page" else start
        page = found[shown : shown + most]
        after = start if fault == "loop" else shown + len(page)
        meta: dict[str, Any] = {"result_count": len(page)}
        if page:
            meta |= {"newest_id": page[0].ref, "oldest_id": page[-1].ref}
        if fault == "loop" or after < len(found):
            meta["next_token"] = _token(after)
        answer = self._told(page, request, context)
        return {**answer, "meta": meta}

    def _most(self, request: Request) -> int:
        text = request.query_params.get("max_results", "10")
        if not text.isdecimal() or not 5 <= int(text) <= 100:
            words = f"The `max_results` query parameter value [{text}] is not between 5 and 100"
            raise invalid("max_results", text, words)
        return int(text)

    def several(self, request: Request, context: str) -> dict[str, Any]:
        """Posts by id; those that are not there come as errors, with 200."""
        return self._by_ids(self._ids(request), request, context)

    def one(self, request: Request, context: str) -> dict[str, Any]:
        """One post."""
        told = self._by_ids([request.path_params["id"]], request, context)
        return {**told, "data": told["data"][0]} if told.get("data") else told

    def _by_ids(self, refs: list[str], request: Request, context: str) -> dict[str, Any]:
        self._require_means()
        known = {post.ref: post for post in self.feed.posts()}
        told = self._told([known[ref] for ref in refs if ref in known], request, context)
        missing = [not_found("tweet", "ids", ref) for ref in refs if ref not in known]
        return {**told, "errors": [*told.get("errors", []), *missing]} if missing else told

    def _ids(self, request: Request) -> list[str]:
        text = request.query_params.get("ids", "")
        refs = [ref for ref in text.split(",") if ref]
        if not 1 <= len(refs) <= MOST_IDS or not all(ref.isdecimal() and len(ref) < 20 for ref in refs):
            raise invalid("ids", text[:100], f"size must be between 1 and {MOST_IDS}")
        return refs

    def analytics(self, request: Request, _context: str) -> dict[str, Any]:
        """Numbers of posts by day (or in all) between two instants."""
        self._require_means()
        refs, query = self._ids(request), request.query_params
        since, until = _instant(request, "start_time"), _instant(request, "end_time")
        if since is None or until is None or until <= since:
            raise invalid("start_time", query.get("start_time", ""), "start_time and end_time are a range")
        granularity = query.get("granularity", "total")
        if granularity not in {"daily", "total"}:
            raise invalid("granularity", granularity, "this sandbox knows daily and total")
        names = [name for name in query.get("analytics.fields", "impressions").split(",") if name in ANALYTICS]
        known = {post.ref: post for post in self.feed.posts()}
        self._charge(len([ref for ref in refs if ref in known]))
        data = [
            {"id": ref, "timestamped_metrics": self._buckets(known[ref], names, (since, until), granularity)}
            for ref in refs
            if ref in known
        ]
        errors = [not_found("tweet", "ids", ref) for ref in refs if ref not in known]
        return {name: part for name, part in (("data", data), ("errors", errors)) if part}

    def _buckets(
        self, post: Post, names: list[str], span: tuple[datetime, datetime], granularity: str
    ) -> list[dict[str, Any]]:
        day, last = max(span[0].date(), post.posted_on), (span[1] - timedelta(seconds=1)).date()
        days: list[tuple[date, Brought]] = []
        while day <= min(last, self.feed.today()):
            days.append((day, post.on(day)))
            day += timedelta(days=1)
        if granularity == "total":
            total = [sum(ANALYTICS[name](brought) for _, brought in days) for name in names]
            return [{"timestamp": _spelled(span[0]), "metrics": dict(zip(names, total, strict=True))}]
        return [
            {"timestamp": f"{day}T00:00:00Z", "metrics": {name: ANALYTICS[name](brought) for name in names}}
            for day, brought in days
        ]

    def _told(self, posts: list[Post], request: Request, context: str) -> dict[str, Any]:
        self._charge(len(posts))
        dialect = "post" if "post.fields" in request.query_params else "tweet"
        fields = set(request.query_params.get(f"{dialect}.fields", "").split(","))
        errors: list[dict[str, str]] = []
        data = [self._post(post, fields, dialect, errors if context == "user" else None) for post in posts]
        if context == "app":
            wanted = fields & {"non_public_metrics", "organic_metrics"}
            errors = [not_yours(post.ref, name) for post in posts for name in sorted(wanted)]
        return {name: part for name, part in (("data", data), ("errors", errors)) if part}

    def _post(self, post: Post, fields: set[str], dialect: str, errors: list[dict[str, str]] | None) -> dict[str, Any]:
        brought = post.through(self.feed.today())
        again = "repost_count" if dialect == "post" else "retweet_count"
        told: dict[str, Any] = {"id": post.ref, "text": _text(post), f"edit_history_{dialect}_ids": [post.ref]}
        public = {
            again: brought.shares,
            "reply_count": brought.replies,
            "like_count": brought.likes,
            "quote_count": 0,
            "bookmark_count": 0,
            "impression_count": brought.seen,
        }
        clicks = {"url_link_clicks": brought.link_clicks, "user_profile_clicks": brought.other_clicks}
        private = {
            "non_public_metrics": {"impression_count": brought.seen, **clicks, "engagements": sum(clicks.values())},
            "organic_metrics": {"impression_count": brought.seen, "like_count": brought.likes, **clicks},
        }
        more: dict[str, Any] = {
            "created_at": post.posted_at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "author_id": X_USER_ID,
            "public_metrics": public,
            "lang": "en",
        }
        if post.link:
            more["entities"] = {"urls": [_url(post)]}
        told |= {name: value for name, value in more.items() if name in fields}
        is_young = self.world.clock.now() - post.posted_at <= PRIVATE_DAYS
        for name in sorted(fields & private.keys()):
            if errors is not None and is_young:
                told[name] = private[name]
            elif errors is not None:
                errors.append(not_yours(post.ref, name))
        return told


def _text(post: Post) -> str:
    return f"{post.text} {_short(post)}" if post.link else post.text


def _short(post: Post) -> str:
    return f"https://t.co/{base64.urlsafe_b64encode(post.ref.encode()).decode()[-12:-2]}"


def _url(post: Post) -> dict[str, Any]:
    start = len(post.text) + 1
    short = _short(post)
    shown = post.link.removeprefix("https://")[:26] + "…"
    return {"start": start, "end": start + len(short), "url": short, "expanded_url": post.link, "display_url": shown}


def _token(position: int) -> str:
    return base64.b32encode(f"x:{position}".encode()).decode().lower().rstrip("=")


def _position(token: str) -> int:
    if not token:
        return 0
    try:
        return int(base64.b32decode(token.upper() + "=" * (-len(token) % 8)).decode().partition(":")[2])
    except ValueError:
        raise invalid("pagination_token", token, "The pagination_token is not valid") from None


def _instant(request: Request, name: str) -> datetime | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        instant = datetime(1, 1, 1)  # noqa: DTZ001 refused below
    if instant.tzinfo is None or instant < datetime(2010, 11, 6, tzinfo=UTC):
        raise invalid(name, text, f"Invalid '{name}':'{text}'. Must be RFC 3339 UTC, after 2010-11-06")
    return instant.astimezone(UTC)


def _spelled(instant: datetime) -> str:
    return instant.strftime("%Y-%m-%dT%H:%M:%SZ")
