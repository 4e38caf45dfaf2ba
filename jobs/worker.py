"""The worker: takes one due sync job, keeps its lease alive while it runs, and sees it to its end."""

import threading
from collections.abc import Callable
from datetime import datetime
from types import TracebackType
from typing import Self

import structlog
from sqlalchemy.exc import SQLAlchemyError

from connectors.errors import ConnectorError
from jobs import closing, sync
from jobs.lease import HEARTBEAT_SECONDS, Claim, LostLease, beat, claim_next, note_sign_of_life
from jobs.signals import Signals
from settings import Settings
from store.errors import StoreError
from store.opening import Store
from store.tables import PlatformSyncJob
from store.tables.columns import utc_now

log = structlog.get_logger("jobs.worker")


def run_once(
    store: Store,
    settings: Settings,
    worker: str,
    *,
    now: Callable[[], datetime] = utc_now,
    is_stopping: Callable[[], bool] = lambda: False,
) -> closing.Outcome | None:
    """Take the next due job and carry it out; None when nothing is due.

    1. Claim: a conditional UPDATE; also a job whose lease ran out, because its worker is gone.
    2. Give up on a job that has brought down its workers again and again.
    3. Run it (jobs/sync.py) with a heartbeat beside it.
    """
    claim = claim_next(store.engine, worker, now())
    if claim is None:
        return None
    note_sign_of_life(store.engine, worker, f"sync {claim.number}", now())
    signals = Signals(is_stopping)
    with Heartbeat(store, claim, signals):
        outcome = _given_up(store, claim, now()) or sync.run(store, settings, claim, signals, now=now)
    log.info("sync job ended", job=str(claim.job_id), state=outcome.state, cause=outcome.cause)
    note_sign_of_life(store.engine, worker, "", now())
    return outcome


def _given_up(store: Store, claim: Claim, now: datetime) -> closing.Outcome | None:
    if not claim.was_lost:
        return None
    closing.note_lost_worker(store, claim, now)
    with store.reading() as session:
        job = session.get_one(PlatformSyncJob, claim.job_id)
    if job.attempts <= job.max_retries:
        return None
    return closing.fail(store, claim, ConnectorError("", cause="no_worker"), now, sync.backoff)


class Heartbeat:
    """Prolongs the lease every few seconds while the block runs; sets `signals.lost` when it is gone."""

    def __init__(self, store: Store, claim: Claim, signals: Signals) -> None:
        self._store, self._claim, self._signals = store, claim, signals
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._beat, name=f"heartbeat {claim.number}", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()

    def _beat(self) -> None:
        while not self._done.wait(HEARTBEAT_SECONDS):
            try:
                beat(self._store.engine, self._claim)
            except LostLease:
                # Also after a regular end, when the row is closed before this thread hears of it: then nobody asks.
                self._signals.lost.set()
                return
            except (SQLAlchemyError, StoreError, TimeoutError):
                # The next beat may reach the database; if none does, the lease ends by itself.
                log.warning("a heartbeat was missed", job=str(self._claim.job_id), exc_info=True)
