"""The clock: APScheduler with its jobs in memory. Every process may tick; the table of slots makes each moment happen
once.

Ticks run in worker processes, never in the one that serves pages: due syncs are taken up each second, events and
aggregates too, what is to be said to platforms every two, mails every three, due slots and housekeeping twice a minute.
"""

import logging
import sys
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime
from typing import Any

from apscheduler.schedulers.background import BackgroundScheduler

from jobs import ticks
from jobs.supervise import WorkerPool
from settings import Settings
from store.opening import Store

SYNC_SECONDS = 1
SETTLE_SECONDS = 1
SCHEDULE_SECONDS = 30
OUTBOX_SECONDS = 2
MAIL_SECONDS = 3
FOLLOW_SECONDS = 30
DRAIN_SECONDS = 25.0
#: A busy thread keeps the interpreter this long at most; the default of 5 ms makes routes wait.
SWITCH_SECONDS = 0.0005


class Clock:
    """A running clock with its worker processes."""

    def __init__(self, scheduler: Any, pool: WorkerPool | None) -> None:
        self._scheduler, self._pool = scheduler, pool

    def worker_pids(self) -> list[int]:
        """The processes that work."""
        return self._pool.pids() if self._pool else []

    def stop(self, patience: float = DRAIN_SECONDS) -> None:
        """No more ticks; syncs give back their jobs at the next page boundary. Returns within `patience` + 5 s."""
        if self._pool is None:
            return
        self._scheduler.remove_all_jobs()
        self._scheduler.shutdown(wait=False)
        self._pool.drain(patience)


def start(settings: Settings, _store: Store) -> Clock:
    """Start ticking on an open store (each worker opens its own), with `settings.workers` syncs side by side.

    With 0 workers this process ticks nothing.
    """
    sys.setswitchinterval(SWITCH_SECONDS)
    if settings.workers == 0:
        return Clock(None, None)
    logging.getLogger("apscheduler.scheduler").addFilter(_is_news)
    logging.getLogger("apscheduler.executors.default").addFilter(_shorten)
    # Three processes more than syncs, so that aggregates and slots wait neither for a long sync nor for a platform or a
    # mail server that takes its time. They are started when they are needed.
    pool = WorkerPool(settings.workers + 3, settings)
    scheduler = BackgroundScheduler(
        executors={"default": pool},
        job_defaults={"coalesce": True, "misfire_grace_time": None, "max_instances": 1},
        timezone=UTC,
        daemon=True,
    )
    for number in range(settings.workers):
        _tick(scheduler, ticks.sync_task, f"sync {number + 1}", SYNC_SECONDS)
    _tick(scheduler, ticks.settle_task, "settle", SETTLE_SECONDS)
    _tick(scheduler, ticks.schedule_task, "schedule", SCHEDULE_SECONDS)
    _tick(scheduler, ticks.outbox_task, "outbox", OUTBOX_SECONDS)
    _tick(scheduler, ticks.mail_task, "mail", MAIL_SECONDS)
    _tick(scheduler, ticks.follow_task, "follow", FOLLOW_SECONDS)
    scheduler.start()
    return Clock(scheduler, pool)


def _tick(scheduler: Any, task: Any, name: str, seconds: int) -> None:
    scheduler.add_job(task, "interval", id=name, name=name, seconds=seconds, next_run_time=datetime.now(UTC))


def _shorten(record: logging.LogRecord) -> bool:
    """A worker that dies takes the running ticks with it. One line each is enough: they start again by themselves."""
    if record.exc_info and isinstance(record.exc_info[1], BrokenProcessPool):
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.msg, record.exc_info, record.exc_text = "A worker process ended during %s", None, None
    return True


def _is_news(record: logging.LogRecord) -> bool:
    """A tick that finds its forerunner still at work is how a long sync looks from here."""
    return "maximum number of running instances" not in record.getMessage()
