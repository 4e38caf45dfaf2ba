"""A worker process that kills itself, with SIGKILL, at one named point of a sync. Run by tests/jobs/test_kill.py.

Points are counted while the process works: `answer` (an HTTP answer has been read), `before` and `after` (a commit),
`statement` (about to be executed). The product knows nothing of this: points hang on SQLAlchemy's events and on the
client's `send`.
"""

import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from connectors.http import Http
from jobs.worker import run_once
from store.opening import attach_store
from tests.jobs.conftest import settings_for
from tests.jobs.paced import register

reached: Counter[str] = Counter()


def _point(name: str, kill_at: str) -> None:
    reached[name] += 1
    if f"{name} {reached[name]}" == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)


def _arm(engine: Engine, kill_at: str) -> None:
    commit, send = engine.dialect.do_commit, Http.send

    def do_commit(connection: Any) -> None:
        _point("before", kill_at)
        commit(connection)
        _point("after", kill_at)

    def sent(self: Http, ask: Any) -> Any:
        answer = send(self, ask)
        _point("answer", kill_at)
        return answer

    engine.dialect.do_commit = do_commit  # type: ignore[method-assign]
    Http.send = sent  # type: ignore[method-assign]
    event.listen(engine, "before_cursor_execute", lambda *_: _point("statement", kill_at))


def work(told: dict[str, Any], report: Any) -> None:
    """Work until nothing is due, or until `kill_at`; then report how often each point was reached."""
    register()
    settings = settings_for(told["url"], Path(told["data_dir"]), told["port"])
    store = attach_store(settings)
    _arm(store.engine, told["kill_at"])
    while run_once(store, settings, f"doomed:{os.getpid()}") is not None:
        pass
    report.put(dict(reached))
