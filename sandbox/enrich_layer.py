"""Enrich Layer: a company's postings on LinkedIn and their applicants, for credits; and the closed Proxycurl."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import company
from sandbox.credentials import bearer
from sandbox.faults import asked_to_misbehave
from sandbox.linkedin_account import KEYS
from sandbox.linkedin_guest import FLOOR, posting_at
from sandbox.linkedin_story import ORGANIZATION, SLUG, job_id
from sandbox.postings import Posting
from sandbox.world import World

HOST = "https://enrichlayer.com/api/v2"
PAGE = 20
COMPANY_URL = f"https://www.linkedin.com/company/{SLUG}"
NAMES = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    410: "Gone",
}
Handler = Callable[[Request], dict[str, Any]]


class EnrichError(Exception):
    """A refusal in the service's envelope."""

    def __init__(self, status: int, description: str) -> None:
        super().__init__(description)
        body = {"code": status, "description": description, "name": NAMES[status]}
        self.response = JSONResponse(body, status)


def routes(world: World) -> list[Route]:
    """Enrich Layer's /api/v2, and what is left of Proxycurl."""
    service = EnrichLayer(world)

    def closed(_request: Request) -> Response:
        return EnrichError(410, "Proxycurl has been shut down.").response

    return [
        Route("/api/v2/company/job", service.guarded(service.jobs, 2), methods=["GET"]),
        Route("/api/v2/company/job/count", service.guarded(service.count, 2), methods=["GET"]),
        Route("/api/v2/job", service.guarded(service.job, 2), methods=["GET"]),
        Route("/api/v2/credit-balance", service.guarded(service.balance, 0), methods=["GET"]),
        Route("/proxycurl/{rest:path}", closed, methods=["GET"]),
    ]


class EnrichLayer:
    """The API of one customer."""

    def __init__(self, world: World) -> None:
        self.world = world

    def guarded(self, handler: Handler, cost: int) -> Callable[[Request], Response]:
        """The handler behind key and credits."""

        def serve(request: Request) -> Response:
            known = self.world.linkedin_account.key("enrich_layer")
            try:
                if bearer(request.headers) != known or KEYS["enrich_layer"] in self.world.authority.revoked:
                    raise EnrichError(401, "Invalid API Key")
                if cost and asked_to_misbehave(request) == "credits_gone":
                    raise EnrichError(403, "Not enough credits, please top up")
                return JSONResponse(handler(request), headers={"x-enrichlayer-credit-cost": str(cost)})
            except EnrichError as error:
                return error.response

        return serve

    def jobs(self, request: Request) -> dict[str, Any]:
        """A page of the company's postings; the next one is an address of its own."""
        query, fault = request.query_params, asked_to_misbehave(request)
        if "pagination" not in query and query.get("search_id") != ORGANIZATION:
            raise EnrichError(400, "search_id must be the numerical id of a company")
        number = int(query.get("pagination", "1"))
        found = self.world.linkedin.jobs()
        shown = number - 1 if fault == "duplicate_page" else number
        page = found[(shown - 1) * PAGE : shown * PAGE]
        after = number if fault == "loop" else shown + 1 if shown * PAGE < len(found) else None
        before = number - 1 or None
        return {
            "job": [_brief(posting) for posting in page],
            "next_page_no": after,
            "next_page_api_url": f"{HOST}/company/job?pagination={after}" if after else None,
            "previous_page_no": before,
            "previous_page_api_url": f"{HOST}/company/job?pagination={before}" if before else None,
        }

    def count(self, _request: Request) -> dict[str, Any]:
        """How many there are."""
        return {"count": len(self.world.linkedin.jobs())}

    def job(self, request: Request) -> dict[str, Any]:
        """One posting. Its applicants are LinkedIn's public number, which ends at 200."""
        posting = posting_at(self.world, request.query_params.get("url", ""))
        if posting is None:
            raise EnrichError(404, "The requested job was not found")
        where = {"country": None, "region": None, "city": posting.location, "postal_code": None, "street": None}
        return {
            "linkedin_internal_id": job_id(posting),
            "title": posting.title,
            "job_description": f"{posting.title}, {posting.department}",
            "apply_url": None,
            "location": {**where, "latitude": None, "longitude": None},
            "company": {"name": company.NAME, "url": COMPANY_URL, "logo": None},
            "seniority_level": "Mid-Senior level",
            "industry": ["Robotics"],
            "employment_type": "Full-time",
            "job_functions": [posting.department],
            "total_applicants": min(self.world.linkedin.applicants(posting), FLOOR),
        }

    def balance(self, _request: Request) -> dict[str, Any]:
        """Credits left."""
        return {"credit_balance": 100_000}


def _brief(posting: Posting) -> dict[str, Any]:
    return {
        "company": company.NAME,
        "company_url": COMPANY_URL,
        "job_title": posting.title,
        "job_url": f"https://www.linkedin.com/jobs/view/{job_id(posting)}",
        "list_date": posting.opened_on.isoformat(),
        "location": posting.location,
    }
