"""What the demo's syncs ask of the platforms: requests of twelve months, and seconds of thirty days for all at once."""

import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

from sqlalchemy import func
from sqlmodel import col, select

from actions.demo import seed_connections, seed_people, seed_postings
from actions.syncs import backfill
from actions.viewer import Viewer
from bench.databases import folder
from bench.figures import Figure, Scale
from connectors.registry import find_source
from sandbox.launch import running
from settings import load
from store.opening import Store, attach_store, open_store
from store.tables import ExternalPosting, PlatformConfig, PlatformSyncJob
from tests.launch import running_app

LATENCY_MS = 100
DAYS = 30
MOST_SECONDS = 60
PATIENCE = 600.0
LOOK_SECONDS = 0.2
#: A loop over postings asks for each posting and month.
MONTHS = 12


def run(scale: Scale) -> list[Figure]:
    """A full sync of every connection, then thirty days of all of them, against a sandbox that answers in 100 ms."""
    with ExitStack() as stack:
        latency = scale.runs(LATENCY_MS, 5)
        state = stack.enter_context(folder())
        sandbox = stack.enter_context(running(seed=7, state_dir=state, latency_ms=latency))
        data_dir = stack.enter_context(folder())
        settings = load({"SANDBOX": "1", "SANDBOX_PORT": sandbox.url.rsplit(":", 1)[1], "DATA_DIR": str(data_dir)})
        told = sandbox.control("credentials")
        store = open_store(settings)
        admin = seed_people(store, settings, told["company"], now=datetime.now(UTC)).admin
        seed_postings(store, admin, sandbox.control("postings"))
        store.close()
        port = settings.sandbox_port_text
        stack.enter_context(running_app(data_dir=data_dir, WORKERS="2", SANDBOX="1", SANDBOX_PORT=port))
        store = attach_store(settings)
        stack.callback(store.close)
        seed_connections(store, settings, admin, told)
        _await(store)
        figures = [_asked(store, config) for config in _sources(store)]
        seconds = _thirty_days(store, admin)
    return [
        Figure(f"{DAYS} days of all connections, answers after {latency} ms", seconds, "s", MOST_SECONDS),
        *figures,
    ]


def _sources(store: Store) -> list[PlatformConfig]:
    with store.reading() as session:
        configs = session.exec(select(PlatformConfig).order_by(col(PlatformConfig.number))).all()
    return [config for config in configs if find_source(config.connector) is not None]


def _asked(store: Store, config: PlatformConfig) -> Figure:
    """The requests of the connection's first, full sync, beside those of a loop over its postings."""
    with store.reading() as session:
        jobs = session.exec(select(PlatformSyncJob).where(PlatformSyncJob.config_id == config.id)).all()
        postings = session.exec(
            select(func.count()).select_from(ExternalPosting).where(ExternalPosting.config_id == config.id)
        ).one()
    requests, waited = sum(job.requests for job in jobs), sum(job.waited_seconds for job in jobs)
    note = f"{postings} postings or posts: {postings * MONTHS} requests one by one and month by month"
    note += f"; waited {waited:.0f} s" if waited else ""
    return Figure(f"{config.connector}: requests of twelve months", float(requests), "requests", note=note)


def _thirty_days(store: Store, admin: Viewer) -> float:
    now = datetime.now(UTC)
    end = now.date() + timedelta(days=1)
    started = time.monotonic()
    for config in _sources(store):
        backfill(store, admin, config.id, end - timedelta(days=DAYS), end, now=now)
    _await(store)
    return time.monotonic() - started


def _await(store: Store) -> None:
    """Until no sync job is under way. RuntimeError where one failed, or after ten minutes."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        with store.reading() as session:
            states = set(session.exec(select(PlatformSyncJob.state).distinct()))
        if states == {"completed"}:
            return
        if states & {"failed", "partial"}:
            raise RuntimeError("a sync failed")
        time.sleep(LOOK_SECONDS)
    raise RuntimeError("the syncs did not end")
