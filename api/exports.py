"""Files of a million rows, sent while they are read. A client that goes away, or stands still, ends the query."""

import threading
from functools import lru_cache
from typing import Annotated, Literal

import anyio
import anyio.to_thread
import structlog
from pydantic import BeforeValidator
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from actions.export import MEDIA, ExportFile
from actions.running import running_store
from actions.viewer import NotFound
from api.endpoints import Endpoint
from api.identity import Caller, admit
from api.questions import MetricName, OneOf, PeriodQuestion, from_query, parted
from domain.periods import local_day
from domain.spreadsheet import file_name
from settings import current
from store.reports.export import DATASETS, Wanted
from store.reports.scope import find_company

_LOG = structlog.get_logger(__name__)
#: A client that takes nothing for so long is gone: its query would hold the database's log back.
STALL_SECONDS = 60.0
_SCOPE = "metrics:read"


class ExportQuestion(PeriodQuestion):
    """Which rows of which data set, as which kind of file."""

    dataset: Annotated[str, OneOf(*DATASETS)] = "days"
    """days: totals by day, platform and metric. postings: the same by posting. facts: what each connection told."""
    format: Literal["csv", "parquet"] = "csv"
    """The kind of file."""
    metric: Annotated[tuple[MetricName, ...], BeforeValidator(parted)] = ()
    """Only these metrics, repeated or with commas."""


@lru_cache(maxsize=4)
def places(number: int) -> threading.BoundedSemaphore:
    """The places for exports at the same time in this process."""
    return threading.BoundedSemaphore(number)


class FileStream(Response):
    """Sends a file in the making. Its place is given back and its query ended however the sending ends."""

    def __init__(self, file: ExportFile, headers: dict[str, str], media_type: str) -> None:
        super().__init__(None, 200, headers, media_type)
        del self.headers["content-length"]
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an ASGI application."""
        try:
            async with anyio.create_task_group() as group:
                group.start_soon(_until_gone, receive, group.cancel_scope)
                await self._send(scope, send)
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._close)

    async def _send(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        is_wanted = scope["method"] != "HEAD"
        while is_wanted and (part := await anyio.to_thread.run_sync(self._file.next)):
            with anyio.move_on_after(STALL_SECONDS) as patience:
                await send({"type": "http.response.body", "body": part, "more_body": True})
            if patience.cancelled_caught:
                _LOG.warning("export abandoned, its reader stands still")
                return
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _close(self) -> None:
        self._file.close()
        places(current().api_exports).release()


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


async def export(request: Request) -> Response:
    """GET /api/export: the file, streamed; 503 with Retry-After while too many others are."""
    caller = await anyio.to_thread.run_sync(admit, request, _SCOPE)
    question = from_query(ExportQuestion, request)
    if not places(current().api_exports).acquire(blocking=False):
        raise HTTPException(503, "Other exports are under way. Try again in a moment.", {"Retry-After": "10"})
    try:
        file, name = await anyio.to_thread.run_sync(_open, caller, question)
    except BaseException:
        places(current().api_exports).release()
        raise
    headers = {**request.state.limits, "Content-Disposition": f'attachment; filename="{name}"'}
    return FileStream(file, headers, MEDIA[question.format])


def _open(caller: Caller, question: ExportQuestion) -> tuple[ExportFile, str]:
    store = running_store()
    with store.reading() as session:
        company = find_company(session, caller.viewer.company_id)
    if company is None:
        raise NotFound("There is no such company.")
    period = question.period(local_day(caller.now, company.time_zone))
    wanted = Wanted(period, question.filters, question.metric)
    name = file_name(question.dataset, company.name, period, ending=question.format)
    return ExportFile(store, company, question.dataset, wanted, question.format), name


EXPORTS = (
    Endpoint(
        method="GET",
        path="/export",
        name="export",
        title="Numbers as a file of any size",
        about="Sent while it is read. A file that ends early (the connection breaks off) is not whole. In CSV, text "
        "that a spreadsheet would run as a formula has an apostrophe before it.",
        group="Export",
        scope=_SCOPE,
        question=ExportQuestion,
        answer=None,
        handle=export,
        media=("text/csv", "application/vnd.apache.parquet"),
    ),
)
