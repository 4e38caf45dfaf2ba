"""ZipRecruiter's partner job API and hiring signals: single postings by the employer's own id, no list, no numbers.

The bodies of answers and errors are unknown to us: those here are a choice, as is the shape of questions and features.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import company
from sandbox.boards import Ad, Board, secret_of
from sandbox.world import World

COUNTRIES = {"US", "CA", "AU"}
JOB_TYPES = {"full_time", "part_time", "contractor", "contract", "temporary", "other"}
QUESTION_TYPES = {"text", "date", "select", "multiselect", "upload"}
BOOSTS = ("single", "double", "triple")
EVENTS = {
    "received", "viewed", "contacted", "assessment", "interviewed", "offered", "prehire", "hired", "rejected",
    "unable_to_map",
}  # fmt: skip
REASONS = {
    "automatic", "closed", "failed_checks", "uncertified", "unresponsive", "out_of_area", "unavailable",
    "unqualified", "consider_for_other_role", "hired_for_other_role", "other",
}  # fmt: skip
FIELDS = {
    "job_id", "employer_id", "employer_name", "title", "description", "job_type", "country", "city", "state",
    "postal_code", "latitude", "longitude", "apply_url", "requirements", "compensation_min", "compensation_max",
    "compensation_currency", "partner_attributes",
}  # fmt: skip
Problem = tuple[str, ...]
Handler = Callable[[Request, dict[str, Any] | list[Any]], Response]


class RefusedError(Exception):
    """What the API answers with a status and its list of errors."""

    def __init__(self, status: int, *problems: Problem) -> None:
        super().__init__(status)
        self.status, self.problems = status, problems


def account_view(world: World) -> dict[str, str]:
    """What an admin types into the form."""
    seed = world.account.employer_id
    return {
        "api_key": secret_of(seed, "ziprecruiter"),
        "employer_id": "halden-robotics",
        "employer_name": company.NAME,
    }


def routes(world: World) -> list[Route]:
    """The job API under /partner/v0 and the signals under /hiring-signal/v0."""
    api = JobApi(world)

    def serve(handler: Handler) -> Callable[[Request], Any]:
        async def answered(request: Request) -> Response:
            try:
                api.authorise(request)
                return handler(request, _parsed(await request.body()))
            except RefusedError as error:
                return _refusal(error)

        return answered

    base = "/partner/v0/job"
    return [
        Route(base, serve(api.create), methods=["POST"]),
        Route(base, serve(api.update), methods=["PUT"]),
        Route(f"{base}/{{job_id:path}}/questions", serve(api.questions), methods=["POST", "PUT", "GET", "DELETE"]),
        Route(f"{base}/{{job_id:path}}/features", serve(api.features), methods=["POST", "GET"]),
        Route(f"{base}/{{job_id:path}}", serve(api.update), methods=["PUT"]),
        Route(f"{base}/{{job_id:path}}", serve(api.read), methods=["GET"]),
        Route(f"{base}/{{job_id:path}}", serve(api.close), methods=["DELETE"]),
        Route("/hiring-signal/v0/event", serve(api.signal), methods=["POST"]),
    ]


class JobApi:
    """One partner's postings."""

    def __init__(self, world: World) -> None:
        self.world = world

    @property
    def board(self) -> Board:
        """The postings, which a reset replaces."""
        return self.world.boards.ziprecruiter

    def authorise(self, request: Request) -> None:
        """The key stands straight after `Basic`, or as the user name of the usual encoding."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        key = account_view(self.world)["api_key"]
        if (
            scheme != "Basic"
            or key not in (value, _user_of(value))
            or "ziprecruiter_key" in self.world.authority.revoked
        ):
            raise RefusedError(401, ("invalid_key", "The API key is not valid."))

    def create(self, _request: Request, body: Any) -> Response:
        """POST /job: `job_id` must not exist."""
        told = _checked(body)
        if told["job_id"] in self.board.ads:
            raise RefusedError(409, ("duplicate_job", "A job with this job_id exists already."))
        ad = self.board.put(told["job_id"], told["job_id"], told, self.world.clock.now())
        return JSONResponse(_view(ad), 201)

    def update(self, request: Request, body: Any) -> Response:
        """PUT /job or /job/{id}: change it, or open it again."""
        named = request.path_params.get("job_id")
        told = _checked({**body, "job_id": named} if named and isinstance(body, dict) else body)
        self._known(told["job_id"])
        return JSONResponse(_view(self.board.put(told["job_id"], told["job_id"], told, self.world.clock.now())))

    def read(self, request: Request, _body: Any) -> Response:
        """GET /job/{id}."""
        return JSONResponse(_view(self._known(request.path_params["job_id"])))

    def close(self, request: Request, _body: Any) -> Response:
        """DELETE /job/{id}: close it."""
        self._known(request.path_params["job_id"])
        self.board.close(request.path_params["job_id"])
        return Response(status_code=204)

    def questions(self, request: Request, body: Any) -> Response:
        """/job/{id}/questions: what applicants are asked."""
        ad = self._known(request.path_params["job_id"])
        if request.method == "DELETE":
            ad.questions = []
        elif request.method in {"POST", "PUT"}:
            ad.questions = _asked(body)
        return JSONResponse({"questions": ad.questions})

    def features(self, request: Request, body: Any) -> Response:
        """/job/{id}/features: a boost, which cannot be taken back."""
        ad = self._known(request.path_params["job_id"])
        if request.method == "POST":
            wanted = body.get("TrafficBoost") if isinstance(body, dict) else None
            if wanted not in BOOSTS:
                raise RefusedError(422, ("invalid_request", "TrafficBoost is single, double or triple", "TrafficBoost"))
            if ad.boost:
                raise RefusedError(409, ("duplicate_feature", "This job is boosted already."))
            ad.boost = wanted
        return JSONResponse({"TrafficBoost": ad.boost} if ad.boost else {}, 201 if request.method == "POST" else 200)

    def signal(self, _request: Request, body: Any) -> Response:
        """POST /hiring-signal/v0/event."""
        _check_signal(body)
        self.board.tell(body)
        return JSONResponse({"success": True})

    def _known(self, job_id: str) -> Ad:
        if job_id not in self.board.ads:
            raise RefusedError(404, ("not_found", "There is no such job."))
        return self.board.ads[job_id]


def _view(ad: Ad) -> dict[str, Any]:
    return {**ad.body, "status": "open" if ad.is_open else "closed"}


def _parsed(raw: bytes) -> dict[str, Any] | list[Any]:
    if not raw:
        return {}
    try:
        parsed = json.loads(raw)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict | list):
        raise RefusedError(400, ("invalid_json", "The body is not JSON."))
    return parsed


def _checked(body: Any) -> dict[str, Any]:
    """The posting, or every field that is wrong with it."""
    if not isinstance(body, dict):
        raise RefusedError(400, ("invalid_json", "The body is not an object."))
    job_id = body.get("job_id")
    rules: tuple[tuple[str, bool, str], ...] = (
        ("job_id", isinstance(job_id, str) and 1 <= len(job_id) <= 64, "job_id has 1 to 64 characters"),
        ("employer_id", bool(body.get("employer_id")), "employer_id is required"),
        ("employer_name", bool(body.get("employer_name")), "employer_name is required"),
        ("title", len(str(body.get("title", ""))) >= 3, "title has at least 3 characters"),
        ("description", len(str(body.get("description", ""))) >= 25, "description has at least 25 characters"),
        ("job_type", body.get("job_type") in JOB_TYPES, "job_type is not known"),
        ("country", body.get("country") in COUNTRIES, "country must be US, CA or AU"),
        ("city", bool(body.get("city")), "city is required"),
        ("state", bool(body.get("state")), "state is required"),
        ("postal_code", "latitude" in body or _is_place(body), "postal_code is not one of this country"),
        ("apply_url", str(body.get("apply_url", "")).startswith("https://"), "apply_url must be an https address"),
        ("compensation_min", _is_amount(body.get("compensation_min")), "compensation_min is a whole number"),
        ("compensation_max", _is_amount(body.get("compensation_max")), "compensation_max is a whole number"),
        *((name, name in FIELDS, f"{name} is not a field") for name in body),
    )
    problems = [("invalid_request", words, name) for name, holds, words in rules if not holds]
    if problems:
        raise RefusedError(422, *problems)
    return body


def _is_place(body: dict[str, Any]) -> bool:
    patterns = {"US": r"\d{5}(-\d{4})?", "CA": r"[A-Z]\d[A-Z] ?\d[A-Z]\d", "AU": r"\d{4}"}
    pattern = patterns.get(str(body.get("country")), r".+")
    return re.fullmatch(pattern, str(body.get("postal_code", ""))) is not None


def _is_amount(value: Any) -> bool:
    return value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0)


def _asked(body: Any) -> list[dict[str, Any]]:
    asked = body.get("questions") if isinstance(body, dict) else None
    if not isinstance(asked, list):
        raise RefusedError(422, ("invalid_request", "questions is required", "questions"))
    for each in asked:
        if not isinstance(each, dict) or each.get("type") not in QUESTION_TYPES or not each.get("question"):
            raise RefusedError(422, ("invalid_request", "a question has a type and a text", "questions"))
        if len(str(each["question"])) > 255:
            raise RefusedError(422, ("invalid_request", "a question has at most 255 characters", "questions"))
    return asked


def _check_signal(body: Any) -> None:
    if not isinstance(body, dict) or not body.get("zr_application_id"):
        raise RefusedError(422, ("invalid_request", "zr_application_id is required", "zr_application_id"))
    if body.get("event") not in EVENTS:
        raise RefusedError(422, ("invalid_request", "event is not known", "event"))
    if body["event"] == "rejected" and body.get("reason") not in REASONS:
        raise RefusedError(422, ("invalid_request", "reason is required with rejected", "reason"))
    try:
        at = datetime.fromisoformat(str(body.get("event_timestamp")))
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise RefusedError(422, ("invalid_request", "event_timestamp is RFC 3339", "event_timestamp"))


def _refusal(error: RefusedError) -> Response:
    entries = [dict(zip(("code", "message", "field"), problem, strict=False)) for problem in error.problems]
    headers = {"www-authenticate": "Basic"} if error.status == 401 else None
    return JSONResponse({"errors": entries}, error.status, headers)


def _user_of(value: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode().removesuffix(":")
    except (binascii.Error, UnicodeDecodeError):
        return ""
