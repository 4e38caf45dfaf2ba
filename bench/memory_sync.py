"""`python -m bench.memory_sync KIND PAGES`: syncs in this process; prints its memory before and at its peak (Linux)."""

import json
import sys
from pathlib import Path

from bench.databases import fresh_store
from bench.fact_server import serving
from bench.sync_bench import Bulk, connect, sync, toward
from connectors.registry import CONNECTORS
from jobs.garbage import collect_seldom


def main() -> None:
    """One page first, so that imports and caches are there; then all pages."""
    kind, pages = sys.argv[1], int(sys.argv[2])
    CONNECTORS[Bulk.key] = Bulk
    collect_seldom()  # as a worker process does when it starts
    with serving(pages) as port, fresh_store(kind) as (store, settings):
        config = connect(store)
        place = toward(settings, port)
        sync(store, place, config, 1)
        before = status("VmRSS")
        highest_anew()
        sync(store, place, config, pages)
        print(json.dumps({"before": before, "peak": status("VmHWM")}))


def highest_anew() -> None:
    """From here on the highest (VmHWM) is counted anew."""
    Path("/proc/self/clear_refs").write_text("5", "utf-8")


def status(name: str) -> float:
    """Megabytes of this process as Linux tells them: VmRSS now, VmHWM the highest so far.

    Not `ru_maxrss`: that begins with the memory of the process which started this one, and hides what is added.
    """
    lines = Path("/proc/self/status").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{name}:"))


if __name__ == "__main__":
    main()
