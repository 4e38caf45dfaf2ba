"""Asking for a sync of the test platform, running it, and what it left; for tests of sync jobs."""

from datetime import date, datetime
from typing import Any

from sqlmodel import col, select

from jobs.enqueue import SyncRequest, request_sync
from jobs.worker import run_once
from settings import Settings
from store.opening import Store
from store.tables import ErrorLog, PlatformConfig, PlatformSyncJob
from tests.jobs.conftest import NOW

WINDOW = (date(2026, 6, 1), date(2026, 6, 13))


def ask(store: Store, config: PlatformConfig, **values: Any) -> SyncRequest:
    """Ask for the window's days to be read; `values` are other arguments of `request_sync`."""
    told: dict[str, Any] = {"sync_type": "backfill", "window": WINDOW, "requested_by": "clock", "now": NOW} | values
    with store.writing() as session:
        return request_sync(session, config, **told)


def run(store: Store, settings: Settings, now: datetime = NOW, **values: Any) -> Any:
    """What came of one due job, None where none is due."""
    return run_once(store, settings, "w1", now=lambda: now, **values)


def job(store: Store) -> PlatformSyncJob:
    """The newest job."""
    with store.reading() as session:
        return session.exec(select(PlatformSyncJob).order_by(col(PlatformSyncJob.number).desc())).first()  # type: ignore[return-value]


def errors(store: Store) -> list[ErrorLog]:
    """The error log, oldest first."""
    with store.reading() as session:
        return list(session.exec(select(ErrorLog).order_by(col(ErrorLog.at))))
