"""Glassdoor's old public API, for those whose key still works: ratings of employers and counts of open postings."""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import company
from sandbox.linkedin_account import KEYS
from sandbox.world import World

EMPLOYER_ID = 488_213
NEEDED = ("v", "format", "t.p", "t.k", "userip", "useragent", "action")


def routes(world: World) -> list[Route]:
    """GET /api/api.htm, where the action chooses."""

    def serve(request: Request) -> Response:
        query = request.query_params
        if any(name not in query for name in NEEDED) or query["format"] != "json":
            return _envelope("Bad-Request", None, 400)
        key = world.linkedin_account.key("glassdoor")
        if query["t.k"] != key or query["t.p"] != "20817" or KEYS["glassdoor"] in world.authority.revoked:
            return _envelope("Access-Denied", None, 200)
        if query["action"] == "employers":
            return _envelope("OK", _employers(query.get("q", "")))
        if query["action"] == "jobs-stats":
            return _envelope("OK", _open_postings(world))
        return _envelope("Access-Denied", None, 403)

    return [Route("/api/api.htm", serve, methods=["GET"])]


def _envelope(status: str, told: dict[str, Any] | None, code: int = 200) -> Response:
    return JSONResponse({"success": status == "OK", "status": status, "jsessionid": "", "response": told}, code)


def _employers(wanted: str) -> dict[str, Any]:
    rated = {
        "id": EMPLOYER_ID,
        "name": company.NAME,
        "website": "careers.halden.example",
        "isEEP": False,
        "exactMatch": wanted.casefold() == company.NAME.casefold(),
        "industry": "Robotics",
        "numberOfRatings": 812,
        # A number in some samples, text in others.
        "overallRating": "3.9",
        "ratingDescription": "Satisfied",
    }
    found = [rated] if wanted.casefold() in company.NAME.casefold() else []
    return {
        "attributionURL": "http://www.glassdoor.com/Reviews/halden-robotics-reviews-SRCH_KE0,15.htm",
        "currentPageNumber": 1,
        "totalNumberOfPages": 1,
        "totalRecordCount": len(found),
        "employers": found,
    }


def _open_postings(world: World) -> dict[str, Any]:
    today = world.company.company_today()
    cities = Counter(posting.location for posting in world.company.postings if posting.is_open(today))
    named = [{"id": number, "name": name, "numJobs": count} for number, (name, count) in enumerate(cities.items(), 1)]
    return {"attributionURL": "http://www.glassdoor.com/Job/index.htm", "cities": named, "states": {}, "jobTitles": []}
