"""When something breaks inside: the visitor gets an id, the log gets the trace, and nothing of the inside gets out."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.launch import RunningApp, full_disk, running_app
from tests.people import ADMIN, PASSWORD, seed_data_dir
from tests.web.streams import open_stream, run_page, session_cookie

INSIDE = ("Traceback", "platform_configs", "sqlite3", "site-packages", "/store/")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """An app that loses a table after its start; its pool is told by the schema's own version."""
    data_dir = tmp_path_factory.mktemp("broken")
    seed_data_dir(data_dir)
    with running_app(data_dir=Path(data_dir)) as app:
        connection = sqlite3.connect(data_dir / "sourceboard.db")
        connection.execute("PRAGMA legacy_alter_table = ON")
        connection.execute("ALTER TABLE platform_configs RENAME TO lost")
        connection.commit()
        connection.close()
        yield app


def test_a_page_shows_an_id_and_nothing_else(broken: RunningApp) -> None:
    with open_stream(broken, cookie=session_cookie(broken, ADMIN)) as stream:
        heard = run_page(stream).everything
    assert "The log has more under" in heard
    assert not [word for word in INSIDE if word in heard]
    assert "no such table" in broken.told()


def test_a_route_answers_with_an_id_and_every_header(broken: RunningApp) -> None:
    with httpx.Client(base_url=broken.url, trust_env=False, timeout=120) as client:
        token = client.post("/api/auth/token", json={"email": ADMIN, "password": PASSWORD}).json()["accessToken"]
        answer = client.get("/api/analytics/dashboard?dateRange=7d", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in {500, 503}
    assert not [word for word in INSIDE if word in answer.text]
    assert "frame-ancestors 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-request-id"]


def test_a_full_disk_is_named_and_the_program_goes_on_once_there_is_room(broken: RunningApp) -> None:
    with httpx.Client(base_url=broken.url, trust_env=False, timeout=120) as client:
        with full_disk(broken):
            refused = client.post("/api/auth/token", json={"email": ADMIN, "password": PASSWORD})
        answer = client.post("/api/auth/token", json={"email": ADMIN, "password": PASSWORD})
    assert refused.status_code == 503
    assert "The database cannot be written: its disk is full" in refused.json()["detail"]
    assert refused.headers["retry-after"]
    assert answer.status_code == 200
