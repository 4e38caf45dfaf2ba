"""`python -m bench.syncing CONNECTION PORT PAGES`: one sync after the other of the database that the settings name.

The worker is the product's; the platform is `bench.fact_server` on PORT. Ends politely on SIGTERM.
"""

import signal
import sys
import threading
import uuid
from datetime import UTC, datetime, timedelta

import structlog

import logs
from bench.fact_server import FIRST
from bench.sync_bench import Bulk, toward
from connectors.registry import CONNECTORS
from jobs.enqueue import request_sync
from jobs.garbage import collect_seldom
from jobs.worker import run_once
from settings import current
from store.opening import attach_store
from store.tables import PlatformConfig


def main() -> None:
    """Ask for a sync, carry it out, and again."""
    config_id, port, pages = uuid.UUID(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    is_ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: is_ended.set())
    settings = current()
    logs.configure("warning")
    CONNECTORS[Bulk.key] = Bulk
    collect_seldom()  # as a worker process does when it starts
    store = attach_store(settings)
    place, window = toward(settings, port), (FIRST, FIRST + timedelta(days=pages))
    while not is_ended.is_set():
        with store.writing() as session:
            config = session.get_one(PlatformConfig, config_id)
            now = datetime.now(UTC)
            request_sync(session, config, sync_type="backfill", window=window, requested_by="bench", now=now)
        outcome = run_once(store, place, "bench", is_stopping=is_ended.is_set)
        if outcome is None or (outcome.state != "completed" and not is_ended.is_set()):
            structlog.get_logger(__name__).error("the sync did not end well", outcome=str(outcome))
            sys.exit(1)
    store.close()


if __name__ == "__main__":
    main()
