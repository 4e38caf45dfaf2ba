"""Google Analytics Data API v1beta: runReport, batchRunReports and metadata over the model's sessions."""

from __future__ import annotations

import json
from typing import Any

import jwt
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sandbox import company
from sandbox.credentials import GA4_SCOPE, bearer
from sandbox.faults import asked_to_misbehave
from sandbox.ga4_fields import DIMENSIONS, KEY_EVENTS, METRICS
from sandbox.ga4_report import Reporter, render, rendered
from sandbox.ga4_request import ReportRequest, normalised, read_report
from sandbox.google_errors import (
    GoogleError,
    invalid_argument,
    permission_denied,
    scope_insufficient,
    service_disabled,
    unauthenticated,
)
from sandbox.oauth_google import may_read, self_signed_scopes
from sandbox.world import World

ISSUER = "google"
MAX_BATCH = 5
#: What a report says of itself that was thresholded, lumped together and made from a sample.
BLURRED = {
    "subjectToThresholding": True,
    "dataLossFromOtherRow": True,
    "samplingMetadatas": [{"samplesReadCount": "500000", "samplingSpaceSize": "2000000"}],
}


def routes(world: World) -> list[Route]:
    """The routes of the imitated API."""
    api = AnalyticsData(world)
    return [
        Route("/v1beta/properties/{property_id}/metadata", api.metadata, methods=["GET"]),
        Route("/v1beta/properties/{call}", api.call, methods=["POST"]),
        Route("/v1beta/accountSummaries", api.summaries, methods=["GET"]),
    ]


class AnalyticsData:
    """The API of one property."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.reporter = Reporter(world.company)

    async def call(self, request: Request) -> Response:
        """POST properties/{id}:runReport or :batchRunReports."""
        property_id, _, method = request.path_params["call"].partition(":")
        if method not in {"runReport", "batchRunReports"}:
            return JSONResponse({"error": {"code": 404, "message": "Method not found.", "status": "NOT_FOUND"}}, 404)
        try:
            self._authorise(request, property_id)
            body = _json_object(await request.body())
            with self.world.quota.request():
                answer = await run_in_threadpool(self._answer, request, body, method)
        except GoogleError as error:
            return error.response()
        return JSONResponse(answer)

    async def summaries(self, request: Request) -> Response:
        """GET accountSummaries of the Admin API: one account, one property."""
        account = self.world.account
        try:
            self._authorise(request, account.property_id)
        except GoogleError as error:
            return error.response()
        owner = f"accounts/{account.project_number}"
        mine = {"property": f"properties/{account.property_id}", "displayName": "Careers", "parent": owner}
        named = {"name": f"accountSummaries/{account.project_number}", "account": owner, "displayName": company.NAME}
        mine |= {"propertyType": "PROPERTY_TYPE_ORDINARY"}
        return JSONResponse({"accountSummaries": [named | {"propertySummaries": [mine]}]})

    async def metadata(self, request: Request) -> Response:
        """GET properties/{id}/metadata; property 0 has the universal names."""
        property_id = request.path_params["property_id"]
        try:
            self._authorise(request, self.world.account.property_id if property_id == "0" else property_id)
        except GoogleError as error:
            return error.response()
        return JSONResponse(
            {
                "name": f"properties/{property_id}/metadata",
                "dimensions": [
                    {"apiName": name, "uiName": ui_name, "description": ui_name, "category": "General"}
                    | ({"customDefinition": True} if name.startswith("customEvent:") else {})
                    for name, (ui_name, _) in DIMENSIONS.items()
                ],
                "metrics": [
                    {
                        "apiName": name,
                        "uiName": ui_name,
                        "description": ui_name,
                        "type": kind,
                        "category": "General",
                    }
                    for name, (ui_name, kind, _) in METRICS.items()
                ],
            }
        )

    def _authorise(self, request: Request, property_id: str) -> None:
        value = bearer(request.headers)
        if value is None:
            raise unauthenticated()
        token = self.world.authority.find(value, ISSUER, self.world.clock.now())
        scopes = token.scopes if token else _self_signed(self.world, value)
        if scopes is None:
            raise unauthenticated()
        if not may_read(scopes):
            raise scope_insufficient()
        if "google_service" in self.world.authority.revoked:
            raise service_disabled(self.world.account.project_number)
        allowed = property_id == self.world.account.property_id
        if not allowed or "google_permission" in self.world.authority.revoked:
            raise permission_denied()

    def _answer(self, request: Request, body: dict[str, Any], method: str) -> dict[str, Any]:
        name = f"properties/{self.world.account.property_id}"
        today = self.world.company.property_today()
        if method == "runReport":
            checked = read_report(normalised(body, "RunReportRequest"), name, today)
            return self._report(checked, asked_to_misbehave(request))
        inner = normalised(body, "BatchRunReportsRequest").get("requests", [])
        if not 1 <= len(inner) <= MAX_BATCH:
            raise invalid_argument(f"A batch must have between 1 and {MAX_BATCH} requests.")
        # One bad request fails the whole batch: the reply has no place for an error of one report.
        all_checked = [read_report(item, name, today) for item in inner]
        reports = [self._report(checked, asked_to_misbehave(request)) for checked in all_checked]
        return {"reports": reports, "kind": "analyticsData#batchRunReports"}

    def _report(self, request: ReportRequest, fault: str | None) -> dict[str, Any]:
        now = self.world.clock.now()
        self.world.quota.check(now)
        rows = self.reporter.rows(request)
        offset, count = request.offset, len(rows)
        if fault == "duplicate_page":
            offset = max(0, offset - request.limit)
        if fault == "loop":
            offset, count = 0, request.offset + 2 * request.limit
        page = rows[offset : offset + request.limit]
        report = render(request, page, count)
        if fault == "blurred":
            report["metadata"] |= BLURRED
        if request.wants_totals and rows:
            key = tuple("RESERVED_TOTAL" for _ in request.dimensions)
            report["totals"] = rendered([(key, self.reporter.grand_total(request))], request.metrics)
        quota = self.world.quota.take(_cost(request, len(page)), now)
        if request.return_quota:
            report["propertyQuota"] = quota
        return report


def _cost(request: ReportRequest, rows: int) -> int:
    """Tokens a report costs: more for long ranges and many rows, most under ten."""
    days = sum((span.last - span.first).days + 1 for span in request.ranges)
    return 1 + min(days, 500) // 90 + rows // 4000


def _self_signed(world: World, value: str) -> frozenset[str] | None:
    """Google also takes a JWT signed by the service account itself in place of an access token."""
    try:
        return self_signed_scopes(world, value)
    except jwt.InvalidTokenError:
        return None


def _json_object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body or b"{}")
    except ValueError:
        raise invalid_argument("Invalid JSON payload received. Unexpected token.") from None
    if not isinstance(parsed, dict):
        raise invalid_argument("Invalid JSON payload received. Root element must be a message.")
    return parsed


def account_view(world: World) -> dict[str, Any]:
    """What a company needs to connect its property."""
    account = world.account
    return {
        "property_id": account.property_id,
        "service_account": account.key_file(world.base_url),
        "oauth": {
            "client_id": account.oauth_client_id,
            "client_secret": account.oauth_client_secret,
            "refresh_token": account.refresh_token,
        },
        "scope": GA4_SCOPE,
        "events": {
            "click": "apply_click",
            "apply_start": "apply_start",
            "application": KEY_EVENTS[0],
        },
    }
