"""LinkedIn's versioned marketing API: the page's posts, their statistics in lists, and the page's days."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import company
from sandbox.credentials import Token, bearer
from sandbox.faults import asked_to_misbehave
from sandbox.linkedin_account import ISSUER, MEMBER, VERSIONS
from sandbox.linkedin_story import ORGANIZATION, SLUG, Activity, PagePost
from sandbox.world import World

ENTITY = f"urn:li:organization:{ORGANIZATION}"
STATISTICS = "organizationalEntityShareStatistics"
MOST_POSTS = 100
LONGEST_TARGET = 4096
DAY_MS = 86_400_000
_LIST = re.compile(r"List\(([^()]*)\)")
_INTERVALS = re.compile(r"\(timeRange:\(start:(\d+),end:(\d+)\),timeGranularityType:(DAY|MONTH)\)")
Handler = Callable[[Request, "Query"], dict[str, Any]]
#: Query parameters as they came, still encoded: Rest.li tells structure from content by what is encoded.
Query = dict[str, str]


class RestError(Exception):
    """A failure in LinkedIn's older envelope."""

    def __init__(self, status: int, code: str, message: str, service_code: int | None = None) -> None:
        super().__init__(message)
        self.body: dict[str, Any] = {"status": status, "code": code, "message": message}
        if service_code is not None:
            self.body["serviceErrorCode"] = service_code

    def response(self) -> Response:
        """As an answer."""
        return JSONResponse(self.body, self.body["status"])


def routes(world: World) -> list[Route]:
    """What lies under /rest."""
    api = PageApi(world)
    table: list[tuple[str, Handler, str]] = [
        ("/rest/posts", api.posts, "r_organization_social"),
        (f"/rest/{STATISTICS}", api.statistics, "rw_organization_admin"),
        ("/rest/organizationAcls", api.acls, "rw_organization_admin"),
        ("/rest/organizations/{number}", api.organization, "rw_organization_admin"),
    ]
    return [Route(path, api.guarded(handler, scope), methods=["GET"]) for path, handler, scope in table]


class PageApi:
    """The API of the one page there is."""

    def __init__(self, world: World) -> None:
        self.world = world

    def guarded(self, handler: Handler, scope: str) -> Callable[[Request], Response]:
        """The handler behind version, protocol, token and scope."""

        def serve(request: Request) -> Response:
            try:
                self.require(request, scope)
                if asked_to_misbehave(request) == "day_limit":
                    words = "Resource level throttle APPLICATION DAY limit for calls to this resource is reached."
                    return JSONResponse({"message": words, "serviceErrorCode": 101, "status": 429}, 429)
                answer = JSONResponse(handler(request, _query(request)))
            except RestError as error:
                answer = error.response()  # type: ignore[assignment]
            answer.headers["x-li-uuid"] = "AAYk" + self.world.linkedin_account.secret(str(request.url), 16)
            answer.headers["x-li-fabric"] = "prod-lor1"
            return answer

        return serve

    def require(self, request: Request, scope: str) -> None:
        """Version, protocol, token and scope. Raises RestError."""
        self._check_version(request)
        self._check_token(request, scope, request.url.path.split("/")[2])

    def _check_version(self, request: Request) -> None:
        version = request.headers.get("linkedin-version", "")
        if not version:
            raise RestError(
                400,
                "VERSION_MISSING",
                "A version must be present. Please specify a version by adding the LinkedIn-Version header.",
            )
        if version not in VERSIONS or asked_to_misbehave(request) == "version_sunset":
            raise RestError(426, "NONEXISTENT_VERSION", f"Requested version {version} is not active")
        if request.headers.get("x-restli-protocol-version") != "2.0.0":
            raise RestError(400, "ILLEGAL_ARGUMENT", "Unsupported X-RestLi-Protocol-Version")

    def _check_token(self, request: Request, scope: str, resource: str) -> Token:
        value, authority = bearer(request.headers) or "", self.world.authority
        token = authority.tokens.get(value)
        if token is None or token.issuer != ISSUER:
            raise RestError(401, "INVALID_ACCESS_TOKEN", "Invalid access token", 65600)
        if token.grant in authority.revoked:
            raise RestError(
                401, "REVOKED_ACCESS_TOKEN", "The token used in the request has been revoked by the user", 65601
            )
        if self.world.clock.now() >= token.expires_at:
            raise RestError(401, "EXPIRED_ACCESS_TOKEN", "The token used in the request has expired", 65602)
        if scope not in token.scopes:
            raise RestError(403, "ACCESS_DENIED", f"Not enough permissions to access: {resource}", 100)
        return token

    def posts(self, request: Request, query: Query) -> dict[str, Any]:
        """Posts by author, newest first; `paging.links` leads on."""
        if query.get("q") != "author" or unquote(query.get("author", "")) != ENTITY:
            raise RestError(403, "ACCESS_DENIED", "Not enough permissions to access: posts.FINDER-author", 100)
        count, start = _number(query, "count", 10), _number(query, "start", 0)
        if count > MOST_POSTS:
            raise RestError(400, "ILLEGAL_ARGUMENT", f"Param value {count} is invalid for parameter count")
        found, fault = self.world.linkedin.posts(), asked_to_misbehave(request)
        shown = max(start - count, 0) if fault == "duplicate_page" else start
        links = []
        if fault == "loop" or shown + count < len(found):
            after = start if fault == "loop" else shown + count
            href = f"/rest/posts?author={query['author']}&count={count}&q=author&start={after}"
            href += f"&sortBy={query['sortBy']}" if "sortBy" in query else ""
            links.append({"type": "application/json", "rel": "next", "href": href})
        elements = [_post(post) for post in found[shown : shown + count]]
        return {"elements": elements, "paging": {"start": start, "count": count, "links": links}}

    def statistics(self, request: Request, query: Query) -> dict[str, Any]:
        """The page in all, the page by day, or some of its posts."""
        if query.get("q") != "organizationalEntity":
            raise RestError(400, "ILLEGAL_ARGUMENT", "No finder was named")
        if unquote(query.get("organizationalEntity", "")) != ENTITY:
            words = f"Not enough permissions to access: {STATISTICS}.FINDER-organizationalEntity"
            raise RestError(403, "ACCESS_DENIED", words, 100)
        if len(str(request.url)) > LONGEST_TARGET:
            raise RestError(414, "URI_TOO_LONG", "Request URI is too long; use query tunnelling")
        lists = {name for name in ("shares", "ugcPosts") if name in query}
        if "timeIntervals" in query and lists:
            raise RestError(400, "ILLEGAL_ARGUMENT", "timeIntervals cannot be combined with shares or ugcPosts")
        if "timeIntervals" in query:
            elements = self._days(query["timeIntervals"])
        elif lists:
            elements = [element for name in sorted(lists) for element in self._of_posts(name, query[name])]
        else:
            elements = [_element(self.world.linkedin.page_on(self.world.linkedin.today()))]
        return {"paging": {"start": 0, "count": 10, "links": []}, "elements": elements}

    def _days(self, text: str) -> list[dict[str, Any]]:
        """The days (or months) of an interval with anything to tell, within the last twelve months."""
        found = _INTERVALS.fullmatch(text)
        if found is None:
            raise RestError(400, "ILLEGAL_ARGUMENT", f"Param value {text} is invalid for parameter timeIntervals")
        today = self.world.linkedin.today()
        day = max(_day(int(found[1])), _year_before(today))
        end = min(_day(int(found[2]) + DAY_MS - 1), today + timedelta(days=1))
        elements = []
        while day < end:
            activity = self.world.linkedin.page_on(day)
            if any(activity):
                start = _millis(day)
                when = {"start": start, "end": start + DAY_MS}
                elements.append({"timeRange": when, **_element(activity, people="uniqueImpressionsCounts")})
            day += timedelta(days=1)
        return elements

    def _of_posts(self, name: str, text: str) -> list[dict[str, Any]]:
        """Lifetime numbers of some posts; who had no activity is left out."""
        found = _LIST.fullmatch(text)
        if found is None or ":" in found[1]:
            raise RestError(400, "ILLEGAL_ARGUMENT", f"Param value {text} is invalid for parameter {name}")
        kind = "share" if name == "shares" else "ugcPost"
        known = {post.urn: post for post in self.world.linkedin.posts()}
        today, elements = self.world.linkedin.today(), []
        for urn in (unquote(part) for part in found[1].split(",")):
            post = known.get(urn)
            if post is None or not urn.startswith(f"urn:li:{kind}:"):
                words = "Unpermitted fields present in PARAMETER: Data Processing Exception while processing fields"
                words += f" [/{name}[0]]"
                raise RestError(403, "ACCESS_DENIED", words, 100)
            activity = post.through(today)
            if any(activity):
                elements.append({kind: urn, **_element(activity)})
        return elements

    def acls(self, _request: Request, query: Query) -> dict[str, Any]:
        """Which pages the member who granted access administers."""
        if query.get("q") != "roleAssignee":
            raise RestError(400, "ILLEGAL_ARGUMENT", "No finder was named")
        role = {"role": "ADMINISTRATOR", "state": "APPROVED", "organization": ENTITY}
        elements = [{**role, "roleAssignee": MEMBER}]
        return {"elements": elements, "paging": {"start": 0, "count": 10, "links": []}}

    def organization(self, request: Request, _query: Query) -> dict[str, Any]:
        """The page's own name."""
        if request.path_params["number"] != ORGANIZATION:
            raise RestError(404, "RESOURCE_NOT_FOUND", "Could not find entity")
        return {"id": int(ORGANIZATION), "localizedName": company.NAME, "vanityName": SLUG}


def _query(request: Request) -> Query:
    raw = request.scope["query_string"].decode("latin-1")
    if "%28" in raw or "%2C" in raw.upper():
        raise RestError(400, "ILLEGAL_ARGUMENT", "Invalid query parameters passed to request")
    pairs = (part.partition("=") for part in raw.split("&") if part)
    query = {name: value for name, _, value in pairs}
    # A URN's own colons are content, and content is encoded.
    if any(value.startswith("urn:") for value in query.values()):
        raise RestError(400, "ILLEGAL_ARGUMENT", "Syntax exception in path keys or query parameters")
    return query


def _number(query: Query, name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isdecimal():
        raise RestError(400, "ILLEGAL_ARGUMENT", f"Param value {text} is invalid for parameter {name}")
    return int(text)


def _post(post: PagePost) -> dict[str, Any]:
    posted = int(post.posted_at.timestamp() * 1000)
    title = post.posting.title if post.posting else "Our test hall"
    article = {"source": post.link, "title": title, "description": company.NAME, "thumbnail": "urn:li:image:C4E0A"}
    return {
        "id": post.urn,
        "author": ENTITY,
        "commentary": post.text,
        "createdAt": posted,
        "publishedAt": posted + 500,
        "lastModifiedAt": posted + 700,
        "lifecycleState": "PUBLISHED",
        "visibility": "PUBLIC",
        "isReshareDisabledByAuthor": False,
        "lifecycleStateInfo": {"isEditedByAuthor": False},
        "distribution": {"feedDistribution": "MAIN_FEED", "thirdPartyDistributionChannels": [], "targetEntities": []},
        "content": {"article": article},
    }


def _element(activity: Activity, people: str = "uniqueImpressionsCount") -> dict[str, Any]:
    told = {
        "impressionCount": activity.impressions,
        people: activity.unique,
        "clickCount": activity.clicks,
        "likeCount": activity.likes,
        "commentCount": 0,
        "shareCount": 0,
        "engagement": round((activity.clicks + activity.likes) / max(activity.impressions, 1), 6),
    }
    return {"organizationalEntity": ENTITY, "totalShareStatistics": told}


def _millis(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def _day(millis: int) -> date:
    try:
        return datetime.fromtimestamp(millis / 1000, UTC).date()
    except (OverflowError, OSError, ValueError):
        raise RestError(400, "ILLEGAL_ARGUMENT", "The time range is not one") from None


def _year_before(day: date) -> date:
    try:
        return day.replace(year=day.year - 1)
    except ValueError:
        return day.replace(year=day.year - 1, day=28)
