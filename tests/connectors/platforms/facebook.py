"""A Facebook page as the conformance suite meets it."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from connectors.contract import PostingSeen
from connectors.facebook import Facebook
from tests.connectors.traits import Request, Told, Traits, check_agent, check_query

PROOF = {"appsecret_proof"}
QUERIES = {
    r"/v25\.0/\d+": {"fields", *PROOF},
    r"/v25\.0/\d+/published_posts": {"fields", "limit", "since", "after", *PROOF},
    r"/v25\.0/\d+/insights": {"metric", "period", "since", "until", *PROOF},
    r"/v25\.0/me/accounts": {"fields", "limit", "after", *PROOF},
    r"/v25\.0/debug_token": {"input_token"},
    r"/v25\.0/oauth/access_token": {"grant_type", "client_id", "client_secret", "fb_exchange_token"},
}


class SmallFacebook(Facebook):
    """Lists posts by forties."""

    posts_per_page = 40


def fields(told: Told) -> dict[str, Any]:
    """The app, the page's own token, and a memory as long as the story."""
    page = told["facebook"]
    names = ("client_id", "client_secret", "page_id")
    return {name: page[name] for name in names} | {"access_token": page["page_token"], "posts_days": 700}


def check_request(request: Request) -> None:
    """The page's edges, always with the proof of the app's secret, never with a token in the address."""
    check_agent(request)
    query = check_query(request, QUERIES)
    assert "access_token" not in query
    if "debug_token" not in request["path"] and "oauth" not in request["path"]:
        assert re.fullmatch(r"[0-9a-f]{64}|\*+.*", query["appsecret_proof"]), query["appsecret_proof"]
    if request["path"].endswith("/insights"):
        assert query["period"] == "day"
        assert 0 < int(query["until"]) - int(query["since"]) <= 90 * 86_400
    if "limit" in query:
        assert 1 <= int(query["limit"]) <= 100


def throttled(_now: datetime, seconds: int) -> dict[str, Any]:
    """The limit of a page, with the minutes until it is over."""
    minutes = -(-seconds // 60)
    usage = f'{{"1":[{{"type":"pages","call_count":100,"estimated_time_to_regain_access":{minutes}}}]}}'
    words = "(#80001) There have been too many calls to this Page account. Wait a bit and try again."
    error = {"message": words, "type": "OAuthException", "code": 80001, "fbtrace_id": "A"}
    return {"status": 400, "headers": {"x-business-use-case-usage": usage}, "body": {"error": error}}


def requisition(seen: PostingSeen, paths: Mapping[str, str]) -> str:
    """Our requisition by the address in a post."""
    return next((paths[path] for link in seen.links if (path := urlsplit(link).path) in paths), "")


TRAITS = Traits(
    fields=fields,
    check_request=check_request,
    today="facebook_today",
    wrong={"client_secret": "canary-wrong-secret"},
    wrong_cause="key_invalid",
    data=r"^/v25\.0/\d",
    grant="facebook_grant",
    paged=r"^/v25\.0/\d+/published_posts",
    account="page_id",
    small_pages=SmallFacebook,
    long_days=200,
    requisition=requisition,
    connected="facebook",
    slow_down=(throttled,),
    wait_seconds=60,
)
