"""A worker killed while it publishes: exactly one posting stands at the platform, and we know of it."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jobs.outbox import send_next
from sandbox.launch import Sandbox
from settings import Settings
from store.opening import Store
from store.tables import Company
from tests.connectors.drafts import ads
from tests.jobs.board_scenes import ask, connect_board, draft_of, entry_of, make_posting, standings
from tests.jobs.conftest import settings_for
from tests.jobs.doomed_outbox import work
from tests.jobs.test_outbox import NOW, let_holds_end
from tests.waiting import answers_of

#: Claimed and not sent; taken by the platform and not recorded; recorded.
_ALWAYS = ("after 1", "answer 1", "after 2")
_MORE = ("before 1", "answer 2", "before 2")
POINTS = [*_ALWAYS, *(pytest.param(point, marks=pytest.mark.faults) for point in _MORE)]


@pytest.fixture
def settings(database_url: str, tmp_path: Path, sandbox: Sandbox) -> Settings:
    """Settings that lead to the sandbox."""
    return settings_for(database_url, tmp_path, int(sandbox.url.rpartition(":")[2]))


@pytest.fixture
def start(nursery: Any, database_url: str, tmp_path: Path, settings: Settings) -> Callable[[str], Any]:
    """Runs a worker on the test's database until it kills itself at the point named, or is done."""

    def run(kill_at: str = "") -> Any:
        told = {
            "url": database_url,
            "data_dir": str(tmp_path),
            "port": int(settings.sandbox_port_text),
            "kill_at": kill_at,
            "now": NOW.isoformat(),
        }
        report = nursery.Queue()
        process = nursery.Process(target=work, args=(told, report))
        process.start()
        process.join(300)
        return process, report

    return run


@pytest.mark.kill
@pytest.mark.parametrize("point", POINTS)
def test_a_killed_worker_leaves_exactly_one_posting(
    store: Store, company: Company, settings: Settings, sandbox: Sandbox, start: Callable[[str], Any], point: str
) -> None:
    board = connect_board(store, sandbox, company, "ziprecruiter")
    posting = make_posting(store, company)
    entry = ask(store, board, posting, draft_of(), now=NOW)
    worker, _ = start(point)
    assert worker.exitcode == -signal.SIGKILL
    held = entry_of(store, entry).state
    assert held == {"before 1": "waiting", "after 2": "done"}.get(point, "sending")
    let_holds_end(store)
    while send_next(store, settings, "survivor", now=lambda: NOW) is not None:
        pass
    assert entry_of(store, entry).state == "done"
    assert [(ad["made"], ad["is_open"]) for ad in ads(sandbox, "ziprecruiter").values()] == [(1, True)]
    assert len(ads(sandbox, "ziprecruiter")["REQ-1-0f3a9c"]["questions"]) == 1
    assert standings(store) == {"REQ-1-0f3a9c": ("live", posting)}
    posts = [request for request in sandbox.log() if request["method"] == "POST"]
    assert len(posts) == 1, "it was sent again without need"


@pytest.mark.kill
@pytest.mark.parametrize(("key", "point"), [("indeed_job_sync", "answer 2"), ("monster", "answer 1")])
def test_where_there_is_no_look_up_sending_again_makes_no_second_one(
    store: Store,
    company: Company,
    settings: Settings,
    sandbox: Sandbox,
    start: Callable[[str], Any],
    key: str,
    point: str,
) -> None:
    board = connect_board(store, sandbox, company, key)
    posting = make_posting(store, company)
    entry = ask(store, board, posting, draft_of(), now=NOW)
    worker, _ = start(point)
    assert worker.exitcode == -signal.SIGKILL
    assert len(ads(sandbox, key)) == 1, "it was killed before the platform had it"
    assert standings(store) == {}
    let_holds_end(store)
    while send_next(store, settings, "survivor", now=lambda: NOW) is not None:
        pass
    assert entry_of(store, entry).state == "done"
    assert [ad["made"] for ad in ads(sandbox, key).values()] == [1]
    assert set(standings(store)) == {"REQ-1-0f3a9c"}


def test_an_undisturbed_worker_reaches_every_point(
    store: Store, company: Company, settings: Settings, sandbox: Sandbox, start: Callable[..., Any]
) -> None:
    board = connect_board(store, sandbox, company, "ziprecruiter")
    ask(store, board, make_posting(store, company), draft_of(), now=NOW)
    worker, report = start()
    assert worker.exitcode == 0
    reached = answers_of(report, [worker], 1)[0]
    assert reached["answer"] == 2
    assert reached["before"] == reached["after"] >= 2
