"""Asking for a sync, and how one stands."""

import uuid
from typing import Any

import anyio.to_thread
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from actions.running import running_store
from actions.syncs import sync_all
from actions.viewer import NotFound, Viewer
from api.answers import sync_job_answer
from api.bodies import read_json
from api.identity import require_viewer
from api.questions import SyncQuestion, from_body
from store.reports.scope import find_company
from store.reports.sync_jobs import find_sync_job
from store.tables.columns import utc_now

#: Of several jobs, the state that says most about when all will be done.
_SLOWEST = ("paused", "pending", "running")


async def sync(request: Request) -> Response:
    """POST /api/analytics/sync: 202 with the job that will do it, or is doing it already."""
    viewer = await require_viewer(request)
    asked = from_body(SyncQuestion, await read_json(request))
    platform = "" if asked.platform == "all" else asked.platform
    requests = await anyio.to_thread.run_sync(
        lambda: sync_all(running_store(), viewer, now=utc_now(), sync_type=asked.sync_type, platform=platform)
    )
    if not requests:
        raise NotFound("No connection of that kind is switched on.")
    states = {each.state for each in requests}
    answer: dict[str, Any] = {"status": next((state for state in _SLOWEST if state in states), requests[0].state)}
    if len(requests) == 1 and platform:
        answer["jobId"] = str(requests[0].job_id)
    else:
        answer["jobIds"] = [str(each.job_id) for each in requests]
    return JSONResponse(answer, 202, request.state.limits)


async def sync_job(request: Request) -> Response:
    """GET /api/sync-jobs/{id}: how one sync job of the viewer's company stands; 404 for anybody else's."""
    viewer = await require_viewer(request)
    job = await anyio.to_thread.run_sync(lambda: _find(viewer, request.path_params["job_id"]))
    return JSONResponse(job, headers=request.state.limits)


def _find(viewer: Viewer, job_id: str) -> dict[str, Any]:
    try:
        wanted = uuid.UUID(job_id)
    except ValueError:
        raise NotFound("There is no such sync job.") from None
    with running_store().reading() as session:
        company = find_company(session, viewer.company_id)
        job = find_sync_job(session, company, wanted) if company else None
    if job is None:
        raise NotFound("There is no such sync job.")
    return sync_job_answer(job)


SYNC_ROUTES = [
    Route("/analytics/sync", sync, methods=["POST"]),
    Route("/sync-jobs/{job_id}", sync_job, methods=["GET"]),
]
