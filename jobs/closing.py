"""How a run of a sync job ends, and what is written down about it: states, causes, coverage, the error log."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import update
from sqlmodel import Session, col

from connectors.contract import Wait
from connectors.errors import CAUSES, ConnectorError, RateLimited
from connectors.registry import find_source
from domain.facts import day_number
from domain.metrics import metric
from jobs import windows
from jobs.lease import Claim, LostLease, holding
from store.engine import run_writing
from store.opening import Store
from store.tables import ErrorLog, PlatformConfig
from store.tables import PlatformSyncJob as Job
from store.writes.alerts import Trouble, raise_alert, settle_alerts
from store.writes.coverage import mark_failed
from store.writes.facts import place_of

Backoff = Callable[[int], timedelta]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state a run left its job in, and the cause where something went wrong."""

    state: str
    cause: str = ""


def complete(store: Store, claim: Claim, quality: list[str], now: datetime) -> Outcome:
    """Everything asked for was read. Raises LostLease."""

    def work(session: Session) -> None:
        config = session.get_one(PlatformConfig, claim.config_id)
        config.synced_at = now
        config.quality = {"flags": sorted(set(quality)), "as_of": now.isoformat()} if quality else {}
        session.add(config)
        session.execute(
            update(ErrorLog)
            .where(col(ErrorLog.config_id) == claim.config_id, col(ErrorLog.resolved_at).is_(None))
            .values(resolved_at=now)
        )
        settle_alerts(session, claim.config_id, now=now)

    holding(
        store.engine,
        claim,
        work,
        state="completed",
        finished_at=now,
        lease_until=None,
        cause_code="",
        detail="",
    )
    return Outcome("completed")


def park(store: Store, claim: Claim, wait: Wait, cursor: dict[str, object], now: datetime) -> Outcome:
    """The platform is preparing a report for longer than we wait in place. Raises LostLease."""
    holding(
        store.engine,
        claim,
        state="paused",
        paused_until=now + timedelta(seconds=wait.seconds),
        detail=wait.reason[:500],
        cursor=cursor,
        lease_until=None,
        waits=col(Job.waits) + 1,
        waited_seconds=col(Job.waited_seconds) + wait.seconds,
    )
    return Outcome("paused")


def pause(store: Store, claim: Claim, error: RateLimited, now: datetime, backoff: Backoff) -> Outcome:
    """The platform or a budget says wait until a given time. A platform that only ever says "slow down" is given up
    after `max_retries` pauses in which nothing was read."""
    if error.cause != "rate_limited":
        return _pause(store, claim, error, now, attempts=0)
    with store.reading() as session:
        job = session.get_one(Job, claim.job_id)
    if job.attempts >= job.max_retries:
        return fail(store, claim, error, now, backoff)
    return _pause(store, claim, error, now, attempts=1)


def _pause(store: Store, claim: Claim, error: RateLimited, now: datetime, *, attempts: int) -> Outcome:
    def work(session: Session) -> None:
        session.add(_entry(claim, error, now))

    try:
        holding(
            store.engine,
            claim,
            work,
            state="paused",
            paused_until=max(error.until, now),
            cause_code=error.cause,
            detail=error.detail,
            lease_until=None,
            attempts=col(Job.attempts) + attempts,
            waits=col(Job.waits) + 1,
            waited_seconds=col(Job.waited_seconds) + max((error.until - now).total_seconds(), 0.0),
        )
    except LostLease:
        return note_lost_lease(store, claim, now)
    return Outcome("paused", error.cause)


def fail(store: Store, claim: Claim, error: ConnectorError, now: datetime, backoff: Backoff) -> Outcome:
    """Try again after a backoff where the cause allows it; else end as failed, or partial where chunks were read."""
    with store.reading() as session:
        job = session.get_one(Job, claim.job_id)
    attempts = job.attempts + 1
    again = CAUSES[error.cause].retries and attempts <= job.max_retries
    remaining = windows.load_chunks(job.cursor.get("chunks"))
    is_partial = not again and 0 < len(remaining) < int(str(job.cursor.get("planned", 0)))

    def work(session: Session) -> None:
        session.add(_entry(claim, error, now))
        severity = CAUSES[error.cause].severity
        if severity == "critical":
            trouble = Trouble(claim.company_id, claim.config_id, error.cause, severity, error.detail)
            raise_alert(session, trouble, now=now)
        if not again:
            _mark_gaps(session, claim, remaining or [(job.window_start, job.window_end)], error.cause, now)

    state = "pending" if again else "partial" if is_partial else "failed"
    try:
        holding(
            store.engine,
            claim,
            work,
            state=state,
            attempts=attempts,
            cause_code=error.cause,
            detail=error.detail,
            next_attempt_at=now + backoff(attempts) if again else None,
            finished_at=None if again else now,
            lease_until=None,
        )
    except LostLease:
        return note_lost_lease(store, claim, now)
    return Outcome(state, error.cause)


def note_lost_lease(store: Store, claim: Claim, now: datetime) -> Outcome:
    """Another worker has the job, or it was ended from outside: nothing of ours was kept, and that is written down."""
    error = ConnectorError("This worker stood still for too long.", cause="lost_lease")
    run_writing(store.engine, lambda session: session.add(_entry(claim, error, now)))
    return Outcome("lost", "lost_lease")


def note_lost_worker(store: Store, claim: Claim, now: datetime) -> None:
    """The worker that held the job before us is gone."""
    error = ConnectorError("", cause="no_worker")
    run_writing(store.engine, lambda session: session.add(_entry(claim, error, now)))


def _mark_gaps(session: Session, claim: Claim, remaining: list[windows.Chunk], cause: str, now: datetime) -> None:
    """What could not be read and was never read before is a gap with a reason."""
    config = session.get_one(PlatformConfig, claim.config_id)
    connector = find_source(config.connector)
    if connector is None:
        return
    start, end = min(start for start, _ in remaining), max(end for _, end in remaining)
    days = range(day_number(start), day_number(end))
    # A running total was never to be had for a day that is over: nothing failed there.
    metrics = [metric(offered.metric).number for offered in connector.metrics if offered.counters != "always"]
    mark_failed(session, place_of(session, config), days, metrics, cause, now=now)


def _entry(claim: Claim, error: ConnectorError, now: datetime) -> ErrorLog:
    return ErrorLog(
        company_id=claim.company_id,
        config_id=claim.config_id,
        sync_job_id=claim.job_id,
        at=now,
        severity=CAUSES[error.cause].severity,
        cause_code=error.cause,
        detail=error.detail,
        context={"worker": claim.worker, "fence": claim.fence},
    )
