"""Writes down how a platform answered, once a client is done with it."""

from datetime import datetime

import structlog
from sqlalchemy.exc import SQLAlchemyError

from connectors.http import Usage
from jobs.budgets import Spent
from store.engine import run_writing
from store.errors import StoreError
from store.opening import Store
from store.writes.health import Answers, add_answers

_LOG = structlog.get_logger(__name__)


def note_answers(store: Store, config_no: int, used: Usage, spent: Spent, now: datetime) -> None:
    """Add one client's answers to the connection's hour. Never raises: no sync fails for its own health record."""
    if not used.measured.answers:
        return
    measured, quota = used.measured, used.measured.quota
    seen = Answers(
        answers=measured.answers,
        failures=measured.failures,
        waits=used.waits + spent.waits,
        waited_ms=round((used.waited_seconds + spent.waited_seconds) * 1000),
        total_ms=measured.total_ms,
        slowest_ms=measured.slowest_ms,
        timings=dict(measured.timings),
        quota_left=quota.left if quota else None,
        quota_total=quota.total if quota else None,
        quota_resets_at=quota.resets_at if quota else None,
    )
    try:
        run_writing(store.engine, lambda session: add_answers(session, config_no, seen, now=now))
    except (SQLAlchemyError, StoreError):
        _LOG.warning("platform health not written", config=config_no)
