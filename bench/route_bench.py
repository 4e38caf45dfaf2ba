"""A route's p99 while the worker processes carry out the demo's full syncs, against the same route at rest."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime

import httpx
from sqlalchemy import text

from actions.demo import seed_connections, seed_people
from bench.databases import folder
from bench.figures import Figure, Scale, p50, p99
from sandbox.launch import running
from settings import load
from store.opening import Store, attach_store, open_store
from tests.launch import running_app

ROUTES = ("/health/live", "/health/ready")
MOST_RATIO = 3
REST_ANSWERS, QUICK_REST_ANSWERS = 600, 60
REST_SECONDS = 40.0
#: Below this a p99 means nothing.
LEAST_ANSWERS = 100
SYNC_SECONDS = 240.0
LOOK_SECONDS = 0.5
#: Between two requests, so that the asking itself does not fill a core.
PAUSE_SECONDS = 0.004


def run(scale: Scale) -> list[Figure]:
    """At rest; during the syncs and the aggregation that follows; at rest again."""
    answers = scale.runs(REST_ANSWERS, QUICK_REST_ANSWERS)
    with ExitStack() as stack:
        sandbox = stack.enter_context(running(seed=7, state_dir=stack.enter_context(folder())))
        data_dir = stack.enter_context(folder())
        settings = load({"SANDBOX": "1", "SANDBOX_PORT": sandbox.url.rsplit(":", 1)[1], "DATA_DIR": str(data_dir)})
        told = sandbox.control("credentials")
        store = open_store(settings)
        people = seed_people(store, settings, told["company"], now=datetime.now(UTC))
        store.close()
        port = settings.sandbox_port_text
        app = stack.enter_context(running_app(data_dir=data_dir, WORKERS="2", SANDBOX="1", SANDBOX_PORT=port))
        client = stack.enter_context(httpx.Client(base_url=app.url, trust_env=False, timeout=20))
        store = attach_store(settings)
        stack.callback(store.close)
        _ask(client, _for(20))
        rest = _ask(client, _for(answers))
        seed_connections(store, settings, people.admin, told)
        started = time.monotonic()
        busy = _ask(client, _while_busy(store, SYNC_SECONDS))
        note = f"{_must_have_synced(store):,} facts in {time.monotonic() - started:.0f} s".replace(",", " ")
        again = _ask(client, _for(answers))
    return [figure for route in ROUTES for figure in _told(route, rest[route] + again[route], busy[route], note)]


def _told(route: str, rest: list[float], busy: list[float], note: str) -> list[Figure]:
    if min(len(rest), len(busy)) < LEAST_ANSWERS:
        raise RuntimeError(f"{route}: {len(rest)} answers at rest and {len(busy)} during the sync are too few")
    ratio = p99(busy) / p99(rest)
    medians = f"medians {p50(busy):.1f} and {p50(rest):.1f} ms"
    return [
        Figure(f"{route}: p99 during a sync, against rest", ratio, "×", MOST_RATIO, note=note),
        Figure(f"{route}: p99 during a sync", p99(busy), "ms", note=f"{p99(rest):.1f} ms at rest; {medians}"),
    ]


def _ask(client: httpx.Client, goes_on: Callable[[], bool]) -> dict[str, list[float]]:
    """Milliseconds of every answer, the routes in turns, one request at a time."""
    times: dict[str, list[float]] = {route: [] for route in ROUTES}
    while goes_on():
        for route in ROUTES:
            started = time.perf_counter()
            client.get(route).raise_for_status()
            times[route].append((time.perf_counter() - started) * 1000)
            time.sleep(PAUSE_SECONDS)
    return times


def _for(answers: int) -> Callable[[], bool]:
    """So many rounds, unless that takes too long."""
    end, left = time.monotonic() + REST_SECONDS, iter(range(answers))
    return lambda: next(left, None) is not None and time.monotonic() < end


def _while_busy(store: Store, most: float) -> Callable[[], bool]:
    """While there is something to sync or to aggregate; the database is asked twice a second."""
    end = time.monotonic() + most
    looked = {"at": 0.0}

    def goes_on() -> bool:
        now = time.monotonic()
        if now - looked["at"] < LOOK_SECONDS:
            return True
        looked["at"] = now
        return now < end and _is_busy(store)

    return goes_on


def _is_busy(store: Store) -> bool:
    with store.reading() as session:
        found = session.connection().execute(
            text(
                "SELECT (SELECT COUNT(*) FROM platform_sync_jobs WHERE state IN ('pending', 'running', 'paused'))"
                " + (SELECT COUNT(*) FROM dirty_days)"
            )
        )
        return bool(found.scalar_one())


def _must_have_synced(store: Store) -> int:
    """Facts that came in; RuntimeError where a sync did not end well."""
    with store.reading() as session:
        run = session.connection().execute
        states = run(text("SELECT DISTINCT state FROM platform_sync_jobs")).scalars().all()
        if set(states) != {"completed"}:
            raise RuntimeError(f"the syncs ended as {', '.join(states)}")
        return int(run(text("SELECT COUNT(*) FROM platform_analytics_raw")).scalar_one())
