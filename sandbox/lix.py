"""Lix: LinkedIn's search for postings, and single ones, seen through somebody's account; a bare key, credits a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import company
from sandbox.faults import asked_to_misbehave
from sandbox.linkedin_account import KEYS
from sandbox.linkedin_story import ORGANIZATION, SLUG, job_id
from sandbox.postings import Posting
from sandbox.world import World

PAGE = 10
COMPANY = "com.linkedin.voyager.deco.jobs.web.shared.WebJobPostingCompany"
DAY_MS = 86_400_000


class LixError(Exception):
    """A refusal in Lix's envelope."""

    def __init__(self, status: int, kind: str, message: str = "") -> None:
        super().__init__(message)
        told = {"type": kind, **({"message": message} if message else {})}
        self.response = JSONResponse({"error": told}, status)


def routes(world: World) -> list[Route]:
    """What a reader of postings needs of api.lix-it.com/v1."""
    lix = Lix(world)
    table = {
        "/v1/li/linkedin/search/jobs": lix.search,
        "/v1/enrich/job": lix.job,
        "/v1/account/balances": lix.balances,
        "/v1/account/allowances/daily": lix.allowances,
    }
    return [Route(path, lix.guarded(handler), methods=["GET"]) for path, handler in table.items()]


class Lix:
    """The API of one customer."""

    def __init__(self, world: World) -> None:
        self.world = world

    def guarded(self, handler: Callable[[Request], dict[str, Any]]) -> Callable[[Request], Response]:
        """The handler behind the key, which comes without a scheme or in the query."""

        def serve(request: Request) -> Response:
            key = request.headers.get("authorization") or request.query_params.get("api_key", "")
            fault = asked_to_misbehave(request)
            try:
                if key != self.world.linkedin_account.key("lix") or KEYS["lix"] in self.world.authority.revoked:
                    raise LixError(401, "api_error", "The API key is not valid")
                if fault == "credits_gone":
                    raise LixError(402, "api_error", "You have no credits left")
                if fault == "day_limit":
                    raise LixError(402, "daily_limit", "You have reached your daily limit")
                if fault == "queued":
                    raise LixError(503, "queued", "The request was queued, try again in a few minutes")
                if "viewer_id" in request.query_params:
                    raise LixError(407, "viewer_invalid", "This LinkedIn account is not connected")
                return JSONResponse(handler(request))
            except LixError as error:
                return error.response

        return serve

    def search(self, request: Request) -> dict[str, Any]:
        """A page of LinkedIn's own search; where it begins stands in LinkedIn's address."""
        asked = urlsplit(request.query_params.get("url", ""))
        if asked.hostname != "www.linkedin.com" or not asked.path.startswith("/jobs/search"):
            raise LixError(400, "params_invalid", "url must be a LinkedIn jobs search URL")
        query = parse_qs(asked.query)
        found = self.world.linkedin.jobs() if query.get("f_C") == [ORGANIZATION] else []
        start, fault = int(query.get("start", ["0"])[0]), asked_to_misbehave(request)
        total = len(found) + (start if fault == "loop" else 0)
        first = 0 if fault == "loop" else start
        shown = [self._posting(posting, is_bare=fault == "bare_list") for posting in found[first : first + PAGE]]
        return {"jobPostings": shown, "paging": {"count": PAGE, "start": start, "total": total}}

    def job(self, request: Request) -> dict[str, Any]:
        """One posting."""
        number = request.query_params.get("job_id", "")
        if not number:
            raise LixError(400, "params_invalid", "job_id is required")
        found = next((each for each in self.world.company.postings if job_id(each) == number), None)
        if found is None:
            raise LixError(404, "unknown_record", "There is no such job")
        return {"jobPosting": self._posting(found, is_bare=False)}

    def balances(self, _request: Request) -> dict[str, Any]:
        """Credits left."""
        return {"emailBalance": 10_000, "linkedInBalance": 50_000}

    def allowances(self, _request: Request) -> dict[str, Any]:
        """Requests left today."""
        midnight = (int(self.world.clock.now().timestamp()) // 86_400 + 1) * 86_400
        return {"requestsRemaining": 10_000, "refreshesAt": midnight}

    def _posting(self, posting: Posting, *, is_bare: bool) -> dict[str, Any]:
        """LinkedIn's inner representation. `views` and `applies` may be missing: nobody has promised them."""
        story = self.world.linkedin
        listed = int(posting.opened_on.toordinal() - 719_163) * DAY_MS
        name = {"name": company.NAME, "universalName": SLUG, "url": f"https://www.linkedin.com/company/{SLUG}"}
        counts = {} if is_bare else {"applies": story.applicants(posting), "views": story.views(posting)}
        return {
            "jobPostingId": int(job_id(posting)),
            "title": posting.title,
            "formattedLocation": posting.location,
            "jobState": "LISTED" if posting.is_open(story.today()) else "CLOSED",
            "jobPostingUrl": f"https://www.linkedin.com/jobs/view/{job_id(posting)}/",
            "listedAt": listed,
            "originalListedAt": listed,
            "description": {"text": f"{posting.title}, {posting.department}"},
            "companyDetails": {COMPANY: {"companyResolutionResult": name}},
            **counts,
        }
