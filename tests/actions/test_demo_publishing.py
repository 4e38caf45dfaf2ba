"""The demo publishes a few postings, and starting it again publishes no second ones."""

from datetime import UTC, datetime

import pytest

from actions.demo import seed_postings
from actions.demo_publishing import MOST, seed_publishing
from jobs.outbox import send_next
from tests.connectors.drafts import ads
from tests.jobs.board_scenes import connect_board
from tests.jobs.conftest import settings_for


@pytest.fixture
def database_kind() -> str:
    """What differs between databases is tried with the outbox itself."""
    return "sqlite"


def test_starting_the_demo_twice_publishes_once(store, company, admin, sandbox, database_url, tmp_path):
    settings = settings_for(database_url, tmp_path, int(sandbox.url.rpartition(":")[2]))
    connect_board(store, sandbox, company, "indeed_job_sync", 1)
    connect_board(store, sandbox, company, "monster", 2)
    told = sandbox.control("postings")
    for _ in range(2):
        seed_postings(store, admin, told)
        assert seed_publishing(store, settings, admin, told) == 2 * MOST
        states = []
        while (state := send_next(store, settings, "w1", now=lambda: datetime.now(UTC))) is not None:
            states.append(state)
        assert states == ["done"] * (2 * MOST)
    for key in ("indeed_job_sync", "monster"):
        assert [ad["made"] for ad in ads(sandbox, key).values()] == [1] * MOST
