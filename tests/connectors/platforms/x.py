"""An account on X as the conformance suite meets it.

The names of parameters and fields are those that X's published specifications 2.166 and 2.167 share, or of the dialect
that we speak (2.166).
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from connectors.contract import PostingSeen
from connectors.x import X
from tests.connectors.traits import Request, Told, Traits, check_agent, check_query, check_token_request

QUERIES = {
    r"/2/users/me": set[str](),
    r"/2/users/\d{1,19}/tweets": {
        "max_results",
        "pagination_token",
        "exclude",
        "start_time",
        "end_time",
        "since_id",
        "until_id",
        "tweet.fields",
    },
    r"/2/tweets/analytics": {"ids", "start_time", "end_time", "granularity", "analytics.fields"},
}
FIELDS = {"created_at", "entities", "public_metrics", "non_public_metrics", "organic_metrics"}
ANALYTICS = {"impressions", "url_clicks", "engagements", "likes", "replies", "retweets", "shares", "timestamp", "id"}
INSTANT = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class SmallX(X):
    """Lists posts by tens."""

    posts_per_page = 10


def fields(told: Told) -> dict[str, Any]:
    """The client, the grant and the account."""
    return {name: told["x"][name] for name in ("client_id", "client_secret", "refresh_token", "user_id")}


def check_request(request: Request) -> None:
    """Names, types and bounds of X's specification; the client says who it is in the header."""
    check_agent(request)
    if check_token_request(request):
        assert request["path"] == "/2/oauth2/token"
        assert "client_secret" not in request["body"]
        return
    query = check_query(request, QUERIES)
    assert 5 <= int(query.get("max_results", 10)) <= 100
    assert set(filter(None, query.get("exclude", "").split(","))) <= {"replies", "retweets"}
    assert set(filter(None, query.get("tweet.fields", "").split(","))) <= FIELDS
    assert all(INSTANT.fullmatch(query[name]) for name in {"start_time", "end_time"} & set(query)), query
    if request["path"].endswith("/analytics"):
        assert {"ids", "start_time", "end_time", "granularity"} <= set(query)
        refs = query["ids"].split(",")
        assert 1 <= len(refs) <= 100
        assert all(re.fullmatch(r"\d{1,19}", ref) for ref in refs)
        assert query["granularity"] in {"hourly", "daily", "weekly", "total"}
        assert set(query["analytics.fields"].split(",")) <= ANALYTICS


def until_reset(now: datetime, seconds: int) -> dict[str, Any]:
    """The end of the window, in unix seconds."""
    headers = {"x-rate-limit-reset": str(int(now.timestamp()) + seconds), "x-rate-limit-remaining": "0"}
    body = {"title": "Too Many Requests", "detail": "Too Many Requests", "type": "about:blank", "status": 429}
    return {"status": 429, "headers": headers, "body": body}


def requisition(seen: PostingSeen, paths: Mapping[str, str]) -> str:
    """Our requisition by the address in a post."""
    return next((paths[path] for link in seen.links if (path := urlsplit(link).path) in paths), "")


TRAITS = Traits(
    fields=fields,
    check_request=check_request,
    today="x_today",
    wrong={"client_secret": "canary-wrong-secret"},
    wrong_cause="key_invalid",
    data="^/2/(users|tweets)",
    grant="x_grant",
    paged=r"^/2/users/\d+/tweets",
    access="x_access",
    rotates=True,
    account="user_id",
    small_pages=SmallX,
    long_days=366,
    requisition=requisition,
    connected="x",
    slow_down=(until_reset,),
    wait_seconds=20,
)
