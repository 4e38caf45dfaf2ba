"""A process that aggregates and kills itself, with SIGKILL, before or after its n-th commit.

`python -m tests.jobs.doomed_aggregation URL WHAT N`: WHAT is due or rebuild; of an odd N the commit is still done.
"""

import os
import signal
import sys
from typing import Any, cast

from jobs.aggregate import aggregate_due, rebuild
from store.engine import open_engine
from store.opening import Store
from store.vault import Vault
from tests.store.fact_scenes import DECLARED, NOW


def main() -> None:
    """Aggregate until the end or the kill."""
    url, what, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
    engine = open_engine(url)
    commit = engine.dialect.do_commit
    done = 0

    def do_commit(connection: Any) -> None:
        nonlocal done
        if done == number // 2 and number % 2 == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        commit(connection)
        if done == number // 2:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1

    engine.dialect.do_commit = do_commit  # type: ignore[method-assign,assignment]
    store = Store(engine, cast(Vault, None))
    if what == "due":
        aggregate_due(store, NOW, DECLARED)
    else:
        rebuild(store, None, NOW, DECLARED)


if __name__ == "__main__":
    main()
