"""The analytics routes: the dashboard's numbers, and what lies below each platform."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any

import anyio.to_thread
import msgspec
from sqlmodel import Session
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actions.running import running_store
from actions.viewer import NotFound, Viewer
from api.answers import breakdown_answer, dashboard_answer
from api.identity import require_viewer
from api.questions import DashboardQuestion, from_query
from domain.periods import local_day
from store.reports.dashboard import get_dashboard
from store.reports.scope import CompanyScope, find_company
from store.reports.shapes import Dashboard
from store.reports.sources import SourceBreakdown, list_breakdowns
from store.tables.columns import utc_now

#: What a platform may be split by below itself.
_KINDS = ("source", "campaign", "paid")
_Answer = Callable[[Session, Dashboard, CompanyScope], dict[str, Any]]


async def dashboard(request: Request) -> Response:
    """GET /api/analytics/dashboard"""
    return await _answered(request, lambda _, found, company: dashboard_answer(found, company))


async def platform_breakdown(request: Request) -> Response:
    """GET /api/analytics/platform-breakdown"""
    return await _answered(request, _with_sources)


async def _answered(request: Request, answer: _Answer) -> Response:
    viewer = await require_viewer(request)
    question = from_query(DashboardQuestion, request)
    now = utc_now()
    body, version = await anyio.to_thread.run_sync(lambda: _ask(viewer, question, answer, now))
    headers = {**request.state.limits, "ETag": f'"{version}-{hashlib.sha256(body).hexdigest()[:24]}"'}
    # `private` beside `no-store` would be idle; asking again with the tag still saves the body.
    if headers["ETag"] in [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]:
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _ask(viewer: Viewer, question: DashboardQuestion, answer: _Answer, now: datetime) -> tuple[bytes, int]:
    with running_store().reading() as session:
        company = find_company(session, viewer.company_id)
        if company is None:
            raise NotFound("There is no such company.")
        period = question.period(local_day(now, company.time_zone))
        grain = question.trend_grain(period)
        found = get_dashboard(session, company, period, question.filters, grain=grain, now=now)
        return msgspec.json.encode(answer(session, found, company)), company.version


def _with_sources(session: Session, found: Dashboard, company: CompanyScope) -> dict[str, Any]:
    below: dict[str, Any] = {}
    for row in found.sources:
        entries: list[SourceBreakdown] = []
        for kind in _KINDS:
            entries += list_breakdowns(session, company, found.period, row.platform, kind)
        below[row.platform] = entries
    return breakdown_answer(found, company, below)


ANALYTICS_ROUTES = [
    Route("/analytics/dashboard", dashboard, methods=["GET"]),
    Route("/analytics/platform-breakdown", platform_breakdown, methods=["GET"]),
]
