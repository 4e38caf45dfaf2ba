"""A process with a clock that prints its workers and waits to be killed. Run by tests/jobs/test_clock.py."""

import sys
import time

from jobs import clock
from settings import Settings
from store.opening import attach_store
from tests.conftest import TEST_KEYS


def main() -> None:
    """Start, tell, wait."""
    settings = Settings(
        database_url=sys.argv[1], data_directory=sys.argv[2], encryption_key=TEST_KEYS, workers_text="1"
    )
    ticking = clock.start(settings, attach_store(settings))
    deadline = time.monotonic() + 180
    while len(ticking.worker_pids()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    sys.stdout.write(" ".join(str(pid) for pid in ticking.worker_pids()) + "\n")
    sys.stdout.flush()
    time.sleep(600)


if __name__ == "__main__":
    main()
