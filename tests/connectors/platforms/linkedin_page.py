"""LinkedIn Page as the conformance suite meets it."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

from connectors.contract import PostingSeen
from connectors.linkedin_page import LinkedInPage
from tests.connectors.traits import Request, Told, Traits, check_agent, check_token_request

#: Content is encoded, Rest.li's own brackets, colons and commas are not.
ENTITY = r"urn%3Ali%3Aorganization%3A\d+"
URN = r"urn%3Ali%3A(?:share|ugcPost)%3A\d+"
FINDER = rf"q=organizationalEntity&organizationalEntity={ENTITY}"
QUERIES = {
    "/rest/posts": [rf"author={ENTITY}&(?:q=author&)?count=\d+&(?:q=author&)?start=\d+&sortBy=CREATED"],
    "/rest/organizationalEntityShareStatistics": [
        rf"{FINDER}&timeIntervals=\(timeRange:\(start:\d{{13}},end:\d{{13}}\),timeGranularityType:DAY\)",
        rf"{FINDER}&(?:shares|ugcPosts)=List\({URN}(?:,{URN}){{0,49}}\)",
    ],
    "/rest/organizationAcls": ["q=roleAssignee&role=ADMINISTRATOR&state=APPROVED"],
    r"/rest/organizations/\d+": [""],
}


class SmallPage(LinkedInPage):
    """Lists posts by twenties."""

    posts_per_page = 20


def fields(told: Told) -> dict[str, Any]:
    """The app, its grant and the page."""
    names = ("client_id", "client_secret", "refresh_token", "organization_id", "api_version")
    return {name: told["linkedin_page"][name] for name in names}


def check_request(request: Request) -> None:
    """Versioned headers, Rest.li's encoding to the letter, and the token endpoint."""
    check_agent(request)
    if check_token_request(request):
        assert request["path"] == "/oauth/v2/accessToken"
        return
    headers = request["headers"]
    assert re.fullmatch(r"20\d{4}", headers["linkedin-version"])
    assert headers["x-restli-protocol-version"] == "2.0.0"
    assert request["method"] == "GET"
    forms = next((forms for path, forms in QUERIES.items() if re.fullmatch(path, request["path"])), [])
    assert any(re.fullmatch(form, request["query"]) for form in forms), request["query"]
    assert len(request["path"]) + len(request["query"]) < 4000


def requisition(seen: PostingSeen, paths: Mapping[str, str]) -> str:
    """By the tracked link in the post."""
    assert seen.kind == "post"
    assert seen.posted_at is not None
    links = [urlsplit(link) for link in seen.links]
    assert all(parse_qs(link.query)["utm_campaign"] == [seen.campaign] for link in links if link.query)
    return next((paths[link.path] for link in links if link.path in paths), "")


TRAITS = Traits(
    fields=fields,
    check_request=check_request,
    today="linkedin_today",
    account="organization_id",
    wrong={"client_secret": "canary-wrong-secret"},
    wrong_cause="key_invalid",
    data="/rest/",
    grant="linkedin_grant",
    paged="/rest/posts",
    access="linkedin_access",
    small_pages=SmallPage,
    requisition=requisition,
    connected="linkedin_page",
)
