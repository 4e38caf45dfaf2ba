"""Asking for a sync, and how syncs stand."""

import uuid
from datetime import date, datetime
from typing import Annotated

from actions.syncs import sync_all
from actions.viewer import NotFound
from api.answers import Answer
from api.cursors import Pager
from api.endpoints import Asking, Endpoint, Reading
from api.questions import Nothing, OneOf, PageQuestion, PlatformKey, SyncQuestion
from store.reports.sync_jobs import SyncJobRow, find_sync_job, list_sync_jobs
from store.tables.work import SYNC_STATES

GROUP = "Syncs"
#: Of several jobs, the state that says most about when all will be done.
_SLOWEST = ("paused", "pending", "running")


class SyncAnswer(Answer, omit_defaults=True):
    """The job that will do it, or is doing it already; `jobIds` where all platforms were asked."""

    status: str
    job_id: str | None = None
    job_ids: list[str] | None = None


class SyncJobAnswer(Answer):
    """How one sync job stands. The window's end is not included."""

    job_id: uuid.UUID
    platform: str
    connection: str
    sync_type: str
    status: str
    cause: str | None
    detail: str | None
    window_start: date
    window_end: date
    attempts: int
    pages: int
    facts: int
    inserted: int
    updated: int
    unchanged: int
    deleted: int
    rejected: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    paused_until: datetime | None
    next_attempt_at: datetime | None


class SyncJobsAnswer(Answer):
    """Sync jobs, newest first."""

    sync_jobs: list[SyncJobAnswer]
    next_cursor: str | None


class SyncJobsQuestion(PageQuestion):
    """Which sync jobs."""

    platform: PlatformKey | None = None
    """Only this platform's."""
    status: Annotated[str, OneOf(*SYNC_STATES)] | None = None
    """Only those in this state."""


def sync(asking: Asking, question: SyncQuestion) -> SyncAnswer:
    """Ask for a sync; one under way is answered, not doubled."""
    platform = "" if question.platform == "all" else question.platform
    requests = sync_all(asking.store, asking.viewer, now=asking.now, sync_type=question.sync_type, platform=platform)
    if not requests:
        raise NotFound("No connection of that kind is switched on.")
    states = {each.state for each in requests}
    status = next((state for state in _SLOWEST if state in states), requests[0].state)
    if len(requests) == 1 and platform:
        return SyncAnswer(status=status, job_id=str(requests[0].job_id))
    return SyncAnswer(status=status, job_ids=[str(each.job_id) for each in requests])


def sync_jobs(reading: Reading, question: SyncJobsQuestion) -> SyncJobsAnswer:
    """The history of sync jobs."""
    pager = Pager(reading.store, question, "syncs", reading.company.id)
    rows = list_sync_jobs(
        reading.session,
        reading.company,
        state=question.status or "",
        platform=question.platform or "",
        before=pager.after[0] if pager.after else None,
        limit=pager.wanted,
    )
    page, following = pager.cut(rows, lambda row: (row.number,))
    return SyncJobsAnswer(sync_jobs=[sync_job_answer(row) for row in page], next_cursor=following)


def sync_job(reading: Reading, _question: Nothing) -> SyncJobAnswer:
    """One sync job of the viewer's company."""
    try:
        wanted = uuid.UUID(reading.path["job_id"])
    except ValueError:
        raise NotFound("There is no such sync job.") from None
    job = find_sync_job(reading.session, reading.company, wanted)
    if job is None:
        raise NotFound("There is no such sync job.")
    return sync_job_answer(job)


def sync_job_answer(job: SyncJobRow) -> SyncJobAnswer:
    """How one sync job stands."""
    return SyncJobAnswer(
        job_id=job.id,
        platform=job.platform,
        connection=job.label,
        sync_type=job.sync_type,
        status=job.state,
        cause=job.cause_code or None,
        detail=job.detail or None,
        window_start=job.window_start,
        window_end=job.window_end,
        attempts=job.attempts,
        pages=job.pages,
        facts=job.facts,
        inserted=job.inserted,
        updated=job.updated,
        unchanged=job.unchanged,
        deleted=job.deleted,
        rejected=job.rejected,
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        paused_until=job.paused_until,
        next_attempt_at=job.next_attempt_at,
    )


SYNCS = (
    Endpoint(
        method="POST",
        path="/analytics/sync",
        name="requestSync",
        title="Ask for a sync",
        about="Answers at once with the job that will do it, or is doing it already.",
        group=GROUP,
        scope="syncs:write",
        question=SyncQuestion,
        answer=SyncAnswer,
        ask=sync,
        status=202,
        refusals={404: "No connection of that kind is switched on."},
    ),
    Endpoint(
        method="GET",
        path="/sync-jobs",
        name="listSyncJobs",
        title="Sync jobs, newest first",
        group=GROUP,
        scope="syncs:read",
        question=SyncJobsQuestion,
        answer=SyncJobsAnswer,
        ask=sync_jobs,
    ),
    Endpoint(
        method="GET",
        path="/sync-jobs/{job_id}",
        name="getSyncJob",
        title="How one sync job stands",
        group=GROUP,
        scope="syncs:read",
        answer=SyncJobAnswer,
        ask=sync_job,
        refusals={404: "There is no such sync job."},
    ),
)
