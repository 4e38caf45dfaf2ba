"""An account on X as the conformance suite meets it: every request fits X's published specifications, both of them."""

import json
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from connectors.contract import PostingSeen
from connectors.x import X
from tests.connectors.traits import Request, Told, Traits, check_agent, check_query, check_token_request

#: What X's published specifications say of the query parameters we use, by version and path.
SPECIFIED: dict[str, dict[str, dict[str, Any]]] = json.loads(Path(__file__).with_name("x_parameters.json").read_text())
#: Since 2.167 tweets are called posts; X takes both names and answers in those it was asked with.
RENAMED = {"2.166": {}, "2.167": {"tweet.fields": "post.fields"}}
QUERIES = {re.sub(r"\{\w+\}", r"\\d{1,19}", path): set(names) for path, names in SPECIFIED["2.166"].items()}


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
    path = re.sub(r"/users/\d+/", "/users/{id}/", request["path"])
    for version, paths in SPECIFIED.items():
        told = {RENAMED[version].get(name, name): value for name, value in query.items()}
        assert {name for name, rule in paths[path].items() if rule.get("required")} <= set(told), version
        for name, value in told.items():
            _check_value(value, paths[path][name], f"{version} {path} {name}")


def _check_value(value: str, rule: dict[str, Any], at: str) -> None:
    """One parameter against what the specification says of it."""
    parts = value.split(",") if "most_items" in rule else [value]
    assert 1 <= len(parts) <= rule.get("most_items", 1), at
    for part in parts:
        assert part in rule.get("one_of", [part]), f"{at}: {part}"
        assert re.search(rule.get("pattern", ""), part), f"{at}: {part}"
        if "between" in rule:
            assert rule["between"][0] <= int(part) <= rule["between"][1], f"{at}: {part}"


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
)
