"""Tracked events, committed and then acknowledged, against a bare route that answers 204; 50 connections."""

import json
import random
from datetime import UTC, datetime

from sqlalchemy import text

from actions.tracker import save_tracker
from actions.viewer import Viewer
from bench.against_bare import Asked, compare
from bench.databases import KINDS
from bench.figures import Figure, Scale
from bench.pouring import request_bytes
from store.opening import Store
from store.reports.scope import find_company
from store.reports.tracker import find_tracker
from tests.launch import RunningApp

SITE = "https://jobs.bench.example"
PATH = "/api/track"
#: No visitor sends more than a person does: those who did would be filtered.
VISITORS, PAGES = 20_000, 300
_AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"


def run(scale: Scale) -> list[Figure]:
    """Each database: the bare route and events in turns, alone, then beside a company at work."""
    return [figure for kind in KINDS for figure in compare(kind, scale, _events, TRUSTED_PROXIES="127.0.0.1")]


def _events(store: Store, app: RunningApp, viewer: Viewer) -> Asked:
    save_tracker(store, viewer, [SITE], "/jobs/{posting}", now=datetime.now(UTC))
    with store.reading() as session:
        scope = find_company(session, viewer.company_id)
        state = find_tracker(session, scope) if scope else None
    if state is None:
        raise RuntimeError("the tracker was not set up")
    key, chance = state.key, random.Random(4711)

    def stored() -> int:
        with store.reading() as session:
            counts = "SELECT COUNT(*) FROM website_analytics WHERE filtered_reason = ''"
            return int(session.connection().execute(text(counts)).scalar_one())

    return Asked("tracked event", PATH, lambda count: _requests(app, key, count, chance), stored)


def _requests(app: RunningApp, key: str, count: int, chance: random.Random) -> list[bytes]:
    made = []
    for _ in range(count):
        visitor = chance.randrange(VISITORS)
        told = {"k": key, "e": "view", "p": f"/jobs/{chance.randrange(PAGES)}", "r": "www.google.com"}
        told |= {"s": chance.choice(["indeed", "linkedin", "newsletter"]), "m": "cpc", "c": "spring"}
        headers = {
            "Content-Type": "text/plain;charset=UTF-8",
            "Origin": SITE,
            "User-Agent": _AGENT,
            "X-Forwarded-For": f"198.{18 + visitor // 65_536}.{visitor // 256 % 256}.{visitor % 256}",
        }
        made.append(request_bytes(app.host, PATH, json.dumps(told).encode(), headers))
    return made
