"""Asking for syncs over the API: who may, and whose jobs are seen."""

import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import httpx
import pytest
from sqlmodel import col, select

from settings import load
from store.opening import Store, attach_store
from store.tables import Company, PlatformConfig, PlatformSyncJob
from tests.launch import RunningApp
from tests.people import ADMIN, MANAGER, OUTSIDER

Speak = Callable[[str], httpx.Client]


@pytest.fixture
def store(app: RunningApp) -> Iterator[Store]:
    """The app's own database, beside it."""
    opened = attach_store(load({"DATA_DIR": str(Path(app.data_dir))}))
    yield opened
    opened.close()


@pytest.fixture
def job_id(store: Store) -> str:
    """A finished sync job of Acme."""
    now = datetime.now(UTC)
    with store.writing() as session:
        company = session.exec(select(Company).where(col(Company.name) == "Acme")).one()
        number = len(session.exec(select(PlatformConfig)).all()) + 1
        config = PlatformConfig(number=number, company_id=company.id, platform="indeed", connector="", name="Indeed")
        config.deleted_at = now
        session.add(config)
        session.flush()
        job = PlatformSyncJob(
            number=number,
            company_id=company.id,
            config_id=config.id,
            slot=str(number),
            state="completed",
            window_start=date(2026, 3, 1),
            window_end=date(2026, 3, 8),
            facts=12,
        )
        session.add(job)
        return str(job.id)


def test_it_tells_how_a_sync_job_stands(speaking_for: Speak, job_id: str) -> None:
    answer = speaking_for(MANAGER).get(f"/api/sync-jobs/{job_id}")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["jobId"], body["status"], body["platform"], body["facts"]) == (job_id, "completed", "indeed", 12)


def test_another_companys_job_answers_like_none(speaking_for: Speak, job_id: str) -> None:
    outsider = speaking_for(OUTSIDER)
    theirs = outsider.get(f"/api/sync-jobs/{job_id}")
    none = outsider.get(f"/api/sync-jobs/{uuid.uuid4()}")
    assert theirs.status_code == none.status_code == 404
    assert theirs.json() == none.json()
    assert outsider.get("/api/sync-jobs/..%2f..").status_code == 404


def test_a_hiring_manager_may_not_ask_for_a_sync(speaking_for: Speak, store: Store) -> None:
    answer = speaking_for(MANAGER).post("/api/analytics/sync", json={"platform": "all", "syncType": "full"})
    assert answer.status_code == 403


def test_it_says_so_when_nothing_is_connected(speaking_for: Speak) -> None:
    answer = speaking_for(ADMIN).post("/api/analytics/sync", json={"platform": "indeed", "syncType": "incremental"})
    assert answer.status_code == 404
    assert "switched on" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {"platform": "nowhere", "syncType": "full"},
        {"platform": "all", "syncType": "backfill"},
        {"platform": "all", "companyId": "x"},
        {},
    ],
)
def test_it_refuses_questions_it_does_not_know(speaking_for: Speak, body: dict[str, str]) -> None:
    assert speaking_for(ADMIN).post("/api/analytics/sync", json=body).status_code == 422


def test_a_cookie_is_not_enough_to_change_anything(nobody: httpx.Client) -> None:
    nobody.cookies.set("sourceboard", "x" * 43)
    assert nobody.post("/api/analytics/sync", json={"platform": "all"}).status_code == 401
