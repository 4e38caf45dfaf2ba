"""`python -m bench.memory_sync KIND PAGES`: syncs in this process and prints its peak memory before and after."""

import json
import resource
import sys

from bench.databases import fresh_store
from bench.fact_server import serving
from bench.sync_bench import Bulk, connect, sync, toward
from connectors.registry import CONNECTORS


def main() -> None:
    """One page first, so that imports and caches are there; then all pages."""
    kind, pages = sys.argv[1], int(sys.argv[2])
    CONNECTORS[Bulk.key] = Bulk
    with serving(pages) as port, fresh_store(kind) as (store, settings):
        config = connect(store)
        place = toward(settings, port)
        sync(store, place, config, 1)
        before = _peak()
        sync(store, place, config, pages)
        print(json.dumps({"before": before, "peak": _peak()}))


def _peak() -> float:
    """Megabytes of this process at its highest."""
    told = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return told / (2**20 if sys.platform == "darwin" else 2**10)


if __name__ == "__main__":
    main()
