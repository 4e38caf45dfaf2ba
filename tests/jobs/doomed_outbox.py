"""A worker process that kills itself, with SIGKILL, at one named point of sending; for tests/jobs/test_outbox_kill.py.

Points are those of tests/jobs/doomed.py: `answer` (an HTTP answer has been read), `before` and `after` (a commit).
"""

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from jobs.outbox import send_next
from store.opening import attach_store
from tests.jobs import doomed
from tests.jobs.conftest import settings_for


def work(told: dict[str, Any], report: Any) -> None:
    """Send until nothing is due, or until `kill_at`; then report how often each point was reached."""
    settings = settings_for(told["url"], Path(told["data_dir"]), told["port"])
    store = attach_store(settings)
    now = datetime.fromisoformat(told["now"])
    doomed._arm(store.engine, told["kill_at"])
    while send_next(store, settings, f"doomed:{os.getpid()}", now=lambda: now) is not None:
        pass
    report.put(dict(doomed.reached))
