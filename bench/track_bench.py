"""Tracked events, committed and then acknowledged, against a bare route that answers 204; 50 connections."""

import json
import random
from contextlib import ExitStack
from datetime import UTC, datetime

from sqlalchemy import text

from actions.tracker import save_tracker
from actions.users import add_company
from actions.viewer import Viewer
from bench.bare import serving
from bench.databases import KEY, KINDS, LABELS, fresh_store
from bench.events_bench import figures, in_turns, measure, port_of, wait_until_idle
from bench.figures import Figure, Scale
from bench.pouring import Poured, request_bytes
from store.opening import Store
from store.reports.scope import find_company
from store.reports.tracker import find_tracker
from store.tables import Company
from store.tables.columns import new_id
from tests.launch import RunningApp, running_app

EVENTS, QUICK_EVENTS = 20_000, 1_500
SITE = "https://jobs.bench.example"
#: No visitor sends more than a person does: those who did would be filtered.
VISITORS, PAGES = 2_000, 300
_WARM = 300
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def run(scale: Scale) -> list[Figure]:
    """Each database: the bare route, then events, in turns, on one machine."""
    return [figure for kind in KINDS for figure in _tracked(kind, scale.runs(EVENTS, QUICK_EVENTS))]


def _tracked(kind: str, count: int) -> list[Figure]:
    with ExitStack() as stack:
        store, settings = stack.enter_context(fresh_store(kind))
        key = _site(store)
        more = {"ENCRYPTION_KEY": KEY, "WORKERS": "0", "LOG_LEVEL": "warning", "TRUSTED_PROXIES": "127.0.0.1"}
        app = stack.enter_context(running_app(settings.database_url, settings.data_dir, **more))
        bare_port, bare_pid = stack.enter_context(serving())
        ours = _requests(app, key, count + _WARM)
        bare = [one.replace(b"/api/track", b"/take", 1) for one in ours[:count]]
        measure(bare_port, bare_pid, bare[:_WARM])
        measure(port_of(app), app.process.pid, ours[:_WARM])
        wait_until_idle(app.process.pid)
        plain, poured = in_turns((bare_port, bare_pid, bare), (port_of(app), app.process.pid, ours[_WARM:]))
        _must_be_stored(store, poured[0], count + _WARM)
    return figures(LABELS[kind], "tracked event", plain, poured)


def _site(store: Store) -> str:
    """The key of a new company's site."""
    now = datetime.now(UTC)
    company = Company(number=1, name="Bench", time_zone="UTC", currency="EUR")
    add_company(store, company, by="bench", now=now)
    viewer = Viewer(new_id(), company.id, "admin", "Ada", "ada@bench.example")
    save_tracker(store, viewer, [SITE], "/jobs/{posting}", now=now)
    with store.reading() as session:
        scope = find_company(session, company.id)
        state = find_tracker(session, scope) if scope else None
    if state is None:
        raise RuntimeError("the tracker was not set up")
    return state.key


def _requests(app: RunningApp, key: str, count: int) -> list[bytes]:
    chance, made = random.Random(4711), []
    for _ in range(count):
        visitor = chance.randrange(VISITORS)
        told = {"k": key, "e": "view", "p": f"/jobs/{chance.randrange(PAGES)}", "r": "www.google.com"}
        told |= {"s": chance.choice(["indeed", "linkedin", "newsletter"]), "m": "cpc", "c": "spring"}
        headers = {
            "Content-Type": "text/plain;charset=UTF-8",
            "Origin": SITE,
            "User-Agent": _AGENT,
            "X-Forwarded-For": f"198.51.{visitor // 250}.{visitor % 250}",
        }
        made.append(request_bytes(app.host, "/api/track", json.dumps(told).encode(), headers))
    return made


def _must_be_stored(store: Store, poured: Poured, count: int) -> None:
    if set(poured.counts) != {204}:
        raise RuntimeError(f"answers were {dict(poured.counts)}")
    with store.reading() as session:
        counts = "SELECT COUNT(*) FROM website_analytics WHERE filtered_reason = ''"
        stored = session.connection().execute(text(counts)).scalar_one()
    if stored != count:
        raise RuntimeError(f"{count} were acknowledged and {stored} stored and counted")
