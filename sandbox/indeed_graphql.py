"""Indeed's GraphQL: postings in and out (Job Sync), how they stand, and what became of applicants (Disposition Sync).

Operations are validated against the part of the schema that was seen. Nearly all failures are 200 with `errors`.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from graphql import GraphQLError, GraphQLResolveInfo, build_schema, graphql_sync
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from sandbox.boards import Ad
from sandbox.credentials import bearer
from sandbox.indeed import FORBIDDEN_HTML, ROBOT_AGENTS
from sandbox.oauth_indeed import ISSUER
from sandbox.world import World

MOST_JOBS, MOST_DISPOSITIONS = 100, 25
#: Postings in a call → calls a second.
RATES = {"one": 150, "some": 30, "many": 1}
#: A posting is looked at for so long before it is shown.
REVIEW = timedelta(seconds=60)
IRI = "iri://apis.indeed.com/EmployerJob/"
STATUSES = (
    "NEW REVIEW LIKED CONTACTED SCREEN POSITIVELY_SCREENED ASSESS_QUALIFICATIONS INTERVIEW VERIFY_ELIGIBILITY"
    " BACKGROUND_CHECK OFFER_MADE OFFER_DECLINED HIRED ONBOARDED NOT_SELECTED WITHDRAWN INCOMPLETE JOB_INACTIVE"
    " JOB_CLOSED UNABLE_TO_MAP"
)
SCHEMA = build_schema(
    f"""
    interface Node {{ id: ID! }}
    type Query {{ node(id: ID!): Node nodes(ids: [ID!]!): [Node]! }}
    type Mutation {{ jobsIngest: JobsIngestMutation! partnerDisposition: PartnerDispositionMutation! }}

    type JobsIngestMutation {{
      createSourcedJobPostings(input: CreateSourcedJobPostingsInput!): CreatePayload
      expireSourcedJobsBySourcedPostingId(input: ExpireSourcedJobsBySourcedPostingIdInput!): ExpirePayload
    }}
    type CreatePayload {{ results: [CreateResult!] }}
    type CreateResult {{ jobPosting: SourcedJobPosting }}
    type SourcedJobPosting {{ sourcedPostingId: ID! employerJobId: ID }}
    type ExpirePayload {{ results: [ExpireResult!] }}
    type ExpireResult {{ trackingKey: String }}

    input CreateSourcedJobPostingsInput {{ jobPostings: [PostingInput!]! }}
    input PostingInput {{ body: BodyInput! metadata: MetadataInput! applyMethod: ApplyInput }}
    input BodyInput {{
      title: String! description: String! descriptionFormatting: Formatting location: LocationInput!
      salary: SalaryInput benefits: [String!]
    }}
    enum Formatting {{ RICH_FORMATTING TEXT }}
    input LocationInput {{ country: String! cityRegionPostal: String! streetAddress: String }}
    input SalaryInput {{ currency: String period: String minimumMinor: Int maximumMinor: Int }}
    input MetadataInput {{
      jobSource: SourceInput! jobPostingId: String! jobRequisitionId: String datePublished: String! url: String!
      contacts: [ContactInput!]
    }}
    input SourceInput {{ companyName: String! sourceName: String! sourceType: String! }}
    input ContactInput {{ contactType: [String!]! contactInfo: ContactInfoInput! }}
    input ContactInfoInput {{ contactName: String contactEmail: String }}
    input ApplyInput {{ indeedApply: IndeedApplyInput }}
    input IndeedApplyInput {{
      apiToken: String postUrl: String! jobMeta: String phoneRequired: Needed coverLetterRequired: Needed
      resumeRequired: Needed applyQuestions: String
    }}
    enum Needed {{ YES OPTIONAL NO }}
    input ExpireSourcedJobsBySourcedPostingIdInput {{ jobs: [ExpireJobInput!]! }}
    input ExpireJobInput {{ sourcedPostingId: ID! }}

    type EmployerJob implements Node {{ id: ID! seats: [Seat!] seatsConnection: SeatsConnection }}
    type SeatsConnection {{ seats: [Seat!] }}
    type Seat {{ jobPost: JobPost }}
    type JobPost {{ status: PostStatus }}
    type PostStatus {{ globalStatus: GlobalStatus surfaceStatuses: [SurfaceStatus!] }}
    type GlobalStatus {{ lifecycleStatus: Lifecycle isIndeedApplyActive: Boolean }}
    enum Lifecycle {{ PENDING ACTIVE INACTIVE }}
    type SurfaceStatus {{ isRejected: Boolean isSponsorshipRequired: Boolean isMissingRequiredSponsorship: Boolean }}

    type PartnerDispositionMutation {{ send(input: SendPartnerDispositionInput!): SendPayload }}
    type SendPayload {{ numberGoodDispositions: Int failedDispositions: [FailedDisposition!] }}
    type FailedDisposition {{ identifiedBy: IdentifiedBy rationale: String }}
    type IdentifiedBy {{ indeedApplyID: ID ittk: String universalApplyId: ID alternateIdentifier: Alternate }}
    type Alternate {{ jobIdentifier: String jobSeekerIdentifier: String }}
    input SendPartnerDispositionInput {{ dispositions: [DispositionInput!]! }}
    input DispositionInput {{
      dispositionStatus: DispositionStatus! rawDispositionStatus: String! rawDispositionDetails: String
      identifiedBy: IdentifiedByInput! atsName: String! applicationSourceName: String statusChangeDateTime: String!
    }}
    input IdentifiedByInput {{
      indeedApplyID: ID ittk: String universalApplyId: ID alternateIdentifier: AlternateInput
    }}
    input AlternateInput {{ jobIdentifier: String! jobSeekerIdentifier: String! }}
    enum DispositionStatus {{ {STATUSES} }}
    """
)


def routes(world: World) -> list[Route]:
    """POST /graphql."""
    api = JobSync(world)

    async def graphql(request: Request) -> Response:
        agent = request.headers.get("user-agent", "").lower()
        if not agent or agent.startswith(ROBOT_AGENTS):
            return HTMLResponse(FORBIDDEN_HTML, 403)
        body = await request.body()
        return await run_in_threadpool(api.answer, request, body)

    return [Route("/graphql", graphql, methods=["POST"])]


class JobSync:
    """One client's postings."""

    def __init__(self, world: World) -> None:
        self.world = world

    def answer(self, request: Request, raw: bytes) -> Response:
        """One operation; its failures stand in the body."""
        try:
            self._authorise(request)
            told = json.loads(raw)
            query, variables = str(told["query"]), told.get("variables") or {}
        except GraphQLError as error:
            return _failed(error)
        except (ValueError, KeyError, TypeError):
            return _failed(GraphQLError("The request is not a GraphQL operation.", extensions=_code("BAD_REQUEST")))
        if self._is_too_fast(variables):
            return JSONResponse({"errors": [{"message": "Too many requests."}]}, 429)
        result = graphql_sync(
            SCHEMA, query, self._roots(), variable_values=variables, operation_name=told.get("operationName")
        )
        errors = [_spelled(error) for error in result.errors or []]
        return JSONResponse({"data": result.data, **({"errors": errors} if errors else {})})

    def _authorise(self, request: Request) -> None:
        token = self.world.authority.find(bearer(request.headers) or "", ISSUER, self.world.clock.now())
        if token is None:
            raise GraphQLError("The access token is missing, expired or revoked.", extensions=_code("UNAUTHENTICATED"))
        if "employer_access" not in token.scopes or token.employer is None:
            raise GraphQLError("Client is not authorized.", extensions=_code("FORBIDDEN"), path=["jobsIngest"])

    def _is_too_fast(self, variables: Any) -> bool:
        given = variables.get("input") if isinstance(variables, dict) else None
        postings = given.get("jobPostings") if isinstance(given, dict) else None
        if not isinstance(postings, list):
            return False
        size = "one" if len(postings) == 1 else "some" if len(postings) <= 10 else "many"
        key = (int(self.world.clock.now().timestamp()), size)
        calls = self.world.boards.calls
        calls[key] = calls.get(key, 0) + 1
        return calls[key] > RATES[size]

    def _roots(self) -> dict[str, Any]:
        return {
            "node": lambda _info, id: self._node(id),  # noqa: A006 - GraphQL's own name
            "nodes": lambda _info, ids: [self._node(each) for each in ids],
            "jobsIngest": {
                "createSourcedJobPostings": self._create,
                "expireSourcedJobsBySourcedPostingId": self._expire,
            },
            "partnerDisposition": {"send": self._send},
        }

    def _create(self, _info: GraphQLResolveInfo[Any], input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
        if not 1 <= len(input["jobPostings"]) <= MOST_JOBS:
            raise GraphQLError(f"1 to {MOST_JOBS} jobPostings are allowed.", extensions=_code("BAD_REQUEST"))
        board, now = self.world.boards.indeed, self.world.clock.now()
        results: list[dict[str, Any]] = []
        for posting in input["jobPostings"]:
            problem = _problem(posting)
            if problem:
                results.append({"jobPosting": partial(_refuse, problem=problem)})
                continue
            ref = posting["metadata"]["jobPostingId"]
            known = board.ads.get(ref)
            ad = board.put(ref, known.id if known else str(uuid.uuid4()), posting, now)
            results.append({"jobPosting": {"sourcedPostingId": ad.id, "employerJobId": _iri(ad)}})
        return {"results": results}

    def _expire(self, _info: GraphQLResolveInfo[Any], input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
        by_id = {ad.id: ad for ad in self.world.boards.indeed.ads.values()}
        unknown = [job["sourcedPostingId"] for job in input["jobs"] if job["sourcedPostingId"] not in by_id]
        if unknown:
            raise GraphQLError(f"No posting {unknown[0]}.", extensions=_code("NOT_FOUND"))
        for job in input["jobs"]:
            self.world.boards.indeed.close(by_id[job["sourcedPostingId"]].ref)
        return {"results": [{"trackingKey": uuid.uuid4().hex} for _ in input["jobs"]]}

    def _node(self, node_id: str) -> dict[str, Any]:
        found = next((ad for ad in self.world.boards.indeed.ads.values() if _iri(ad) == node_id), None)
        if found is None:
            raise GraphQLError("The node was not found.", extensions=_code("NOT_FOUND"))
        shown = self.world.clock.now() - datetime.fromisoformat(found.opened_at) >= REVIEW
        lifecycle = ("ACTIVE" if shown else "PENDING") if found.is_open else "INACTIVE"
        surface = {"isRejected": False, "isSponsorshipRequired": False, "isMissingRequiredSponsorship": False}
        status = {
            "globalStatus": {"lifecycleStatus": lifecycle, "isIndeedApplyActive": False},
            "surfaceStatuses": [surface],
        }
        seats = [{"jobPost": {"status": status}}]
        return {"__typename": "EmployerJob", "id": node_id, "seats": seats, "seatsConnection": {"seats": seats}}

    def _send(self, _info: GraphQLResolveInfo[Any], input: dict[str, Any]) -> dict[str, Any]:  # noqa: A002
        told = input["dispositions"]
        if not 1 <= len(told) <= MOST_DISPOSITIONS:
            raise GraphQLError(f"1 to {MOST_DISPOSITIONS} dispositions are allowed.", extensions=_code("BAD_REQUEST"))
        failed = []
        for each in told:
            rationale = _rationale(each)
            if rationale:
                failed.append({"identifiedBy": each["identifiedBy"], "rationale": rationale})
            else:
                self.world.boards.indeed.tell(each)
        return {"numberGoodDispositions": len(told) - len(failed), "failedDispositions": failed}


def _iri(ad: Ad) -> str:
    return f"{IRI}{ad.id}"


def _refuse(_info: object, *, problem: tuple[str, str]) -> None:
    name, words = problem
    raise GraphQLError(words, extensions={**_code("BAD_USER_INPUT"), "field": name})


def _problem(posting: dict[str, Any]) -> tuple[str, str] | None:
    """The first thing that is wrong with a posting: where, and Indeed's words."""
    body, metadata = posting["body"], posting["metadata"]
    salary = body.get("salary") or {}
    rules: tuple[tuple[str, Callable[[], bool], str], ...] = (
        ("body.title", lambda: bool(body["title"].strip()), "title must not be blank"),
        ("body.description", lambda: len(body["description"]) >= 30, "description is too short"),
        ("body.location.country", lambda: bool(re.fullmatch(r"[A-Z]{2}", body["location"]["country"])), "country"),
        (
            "body.location.cityRegionPostal",
            lambda: "nowhere" not in body["location"]["cityRegionPostal"],
            "cityRegionPostal could not be resolved to a place",
        ),
        (
            "body.salary.minimumMinor",
            lambda: salary.get("minimumMinor", 0) <= salary.get("maximumMinor", 2**31),
            "salary minimum is above its maximum",
        ),
        ("metadata.jobPostingId", lambda: bool(metadata["jobPostingId"]), "jobPostingId must not be blank"),
        ("metadata.url", lambda: metadata["url"].startswith("https://"), "url must be an https address"),
        (
            "metadata.datePublished",
            lambda: bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d)?Z", metadata["datePublished"])),
            "datePublished is not a date",
        ),
    )
    return next(((name, words) for name, holds, words in rules if not holds()), None)


def _rationale(told: dict[str, Any]) -> str:
    if len([value for value in told["identifiedBy"].values() if value]) != 1:
        return "identifiedBy has exactly one field"
    ref = told["identifiedBy"].get("indeedApplyID")
    if ref is not None and not re.fullmatch(r"[0-9a-f]{64}", ref):
        return "indeedApplyID is not known"
    try:
        at = datetime.fromisoformat(told["statusChangeDateTime"])
    except ValueError:
        return "statusChangeDateTime is not a date"
    return "" if at.tzinfo else "statusChangeDateTime needs a zone"


def _code(name: str) -> dict[str, Any]:
    return {"code": name, "classification": "ExecutionAborted", "serviceName": "jobs-ingest"}


def _spelled(error: GraphQLError) -> dict[str, Any]:
    """As Indeed spells an error: what the library found wrong with the operation itself has a code too."""
    told = dict(error.formatted)
    if not error.extensions:
        told["extensions"] = _code("GRAPHQL_PARSE_FAILED" if error.path is None else "INTERNAL_SERVER_ERROR")
    return told


def _failed(error: GraphQLError) -> Response:
    return JSONResponse({"data": None, "errors": [_spelled(error)]})
