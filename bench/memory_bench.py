"""Memory: fifty open sessions, and what a sync of a million facts adds to the process that carries it out."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

from bench.databases import KINDS, LABELS
from bench.fact_server import PAGE_FACTS
from bench.figures import Figure, Scale
from bench.live import Live, living, proportional, resident
from tests.web.streams import open_stream, run_page

SESSIONS = 50
MOST_SESSIONS_MB, MOST_SYNC_MB = 500, 100
SYNC_FACTS, QUICK_SYNC_FACTS = 1_000_000, 50_000
SYNC_SECONDS = 400


def run(scale: Scale) -> list[Figure]:
    """Sessions on the default database, the sync on both."""
    pages = (QUICK_SYNC_FACTS if scale.is_quick else SYNC_FACTS) // PAGE_FACTS
    return [*_sessions(scale.runs(SESSIONS, 10)), *(_sync(kind, pages) for kind in KINDS)]


def _sessions(number: int) -> list[Figure]:
    """Open sessions that have each drawn the dashboard twice and stay connected."""
    with living(WORKERS="2") as live, ExitStack() as streams:
        first = live.process.memory_info().rss / 2**20
        for _ in range(number):
            stream = streams.enter_context(open_stream(live.app, cookie=live.cookie))
            for query in ("", "period=1%20year"):
                run_page(stream, query=query)
        return list(_told(live, number, first))


def _told(live: Live, number: int, first: float) -> Iterator[Figure]:
    children = live.process.children(recursive=True)
    served = resident([live.process])
    note = f"{first:.0f} MB before the first"
    yield Figure(f"{number} open sessions, the serving process", served, "MB resident", MOST_SESSIONS_MB, note=note)
    whole = proportional([live.process, *children])
    note = "what they share counted once; not part of the target"
    yield Figure(f"{number} open sessions, with {len(children)} worker processes", whole, "MB", note=note)


def _sync(kind: str, pages: int) -> Figure:
    """Peak of a process that syncs so many pages, over its peak after a sync of one page."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.memory_sync", kind, str(pages)],
        capture_output=True,
        text=True,
        timeout=SYNC_SECONDS,
        check=True,
        cwd=Path(__file__).resolve().parent.parent,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    facts = f"{pages * PAGE_FACTS:,}".replace(",", " ")
    note = f"{told['before']:.0f} MB before, peak {told['peak']:.0f} MB"
    return Figure(
        f"{LABELS[kind]}: a sync of {facts} facts", told["peak"] - told["before"], "MB", MOST_SYNC_MB, note=note
    )
