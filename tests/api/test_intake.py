"""Applications told by API: entered once whatever the order, their source resolved, nothing half-done."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlmodel import select

import actions.applications
from actions.applications import Given
from store.engine import open_engine
from store.keyring import Keyring
from store.opening import Store
from store.tables import Application, ApplicationTouch, AuditEntry, JobPosting, TrackingLink, User
from tests.api.inside import key_of, serving, speaking, viewer_of
from tests.conftest import copy_of, unlocked
from tests.people import ADMIN, seed_people

PATH = "/api/applications"
NOW = datetime(2026, 6, 2, tzinfo=UTC)
APPLIED = {"stage": "applied", "at": "2026-06-01T10:00:00Z"}
HIRED = {"stage": "hired", "at": "2026-07-01T10:00:00+02:00"}


@pytest.fixture
def place(sqlite_template: Path, keyring: Keyring, tmp_path: Path) -> Iterator[tuple[Store, httpx.Client]]:
    engine = open_engine(copy_of(sqlite_template, tmp_path))
    store = unlocked(engine, keyring)
    seed_people(store)
    company = viewer_of(store, ADMIN).company_id
    posting = JobPosting(company_id=company, number=1, title="Welder", requisition_ref="REQ-1")
    with store.writing() as session:
        session.add(posting)
        session.flush()
        session.add(TrackingLink(company_id=company, slug="ab3de5gh7", posting_id=posting.id, platform="facebook"))
    with serving(store) as url, speaking(url, key_of(store)) as client:
        yield store, client
    engine.dispose()


def tell(client: httpx.Client, *applications: dict[str, Any]) -> httpx.Response:
    return client.post(PATH, json={"applications": list(applications)})


def told(store: Store) -> list[Application]:
    with store.reading() as session:
        return list(session.exec(select(Application).order_by(Application.external_ref)))


def test_an_application_is_entered_once_in_whatever_order(place: tuple[Store, httpx.Client]) -> None:
    store, client = place
    late = {"ref": "A-1", "posting": "REQ-1", "stages": [HIRED], "email": "ana@mail.example"}
    early = {"ref": "A-1", "stages": [APPLIED], "source": "Indeed", "name": "Anastasia"}
    assert tell(client, late).json() == {"inserted": 1, "known": 0}
    assert tell(client, early, early).json() == {"inserted": 0, "known": 2}
    assert tell(client, late).json() == {"inserted": 0, "known": 1}
    (row,) = told(store)
    assert (row.source_platform, row.stage, row.posting_ref) == ("indeed", "hired", "REQ-1")
    assert row.applied_at.isoformat() == "2026-06-01T10:00:00+00:00"
    assert row.hired_at is not None
    assert row.hired_at.isoformat() == "2026-07-01T08:00:00+00:00"
    assert "Anastasia" not in row.candidate_name, "names are sealed"
    assert "@" not in row.candidate_email, "addresses are sealed"


def test_every_touch_is_kept_and_the_surest_owns_it(place: tuple[Store, httpx.Client]) -> None:
    store, client = place
    tell(client, {"ref": "A-1", "stages": [APPLIED], "source": "Career fair", "link": "ab3de5gh7"})
    tell(client, {"ref": "A-2", "stages": [APPLIED], "link": "of-somebody-else"})
    assert [row.source_platform for row in told(store)] == ["facebook", "other"]
    with store.reading() as session:
        kinds = sorted(touch.kind for touch in session.exec(select(ApplicationTouch)))
    assert kinds == ["declared", "link"]


def test_which_of_many_cannot_be_used_is_said_and_nothing_that_only_follows(
    place: tuple[Store, httpx.Client],
) -> None:
    _, client = place
    good = {"ref": "A-1", "stages": [APPLIED]}
    for bad, place_in, words in (
        ({"ref": "A-2", "stages": [{"stage": "promoted", "at": APPLIED["at"]}]}, "stages[0].stage", "Input should be"),
        ({"ref": "A-2", "stages": [APPLIED], "unknown": 1}, "unknown", "there is no such parameter"),
        ({"ref": "A-2", "stages": []}, "stages", "at least 1 item"),
    ):
        errors = tell(client, good, bad).json()["errors"]
        assert [error["parameter"] for error in errors] == ["applications"], errors
        assert errors[0]["reason"].startswith(f"applications[1].{place_in}: ")
        assert words in errors[0]["reason"]


@pytest.mark.parametrize(
    "bad",
    [
        {"ref": "", "stages": [APPLIED]},
        {"ref": "\x00", "stages": [APPLIED]},
        {"ref": "A-2", "stages": []},
        {"ref": "A-2", "stages": [{"stage": "promoted", "at": "2026-06-01T10:00:00Z"}]},
        {"ref": "A-2", "stages": [{"stage": "applied", "at": "2026-06-01T10:00:00"}]},
        {"ref": "A-2", "stages": [{"stage": "applied", "at": "0001-01-01T00:00:00+14:00"}]},
        {"ref": "A-2", "stages": [{"stage": "applied", "at": "9999-12-31T23:59:59Z"}]},
        {"ref": "A-2", "stages": [APPLIED], "unknown": 1},
    ],
)
def test_one_bad_application_refuses_the_request_and_nothing_is_half_done(
    place: tuple[Store, httpx.Client], bad: dict[str, Any]
) -> None:
    store, client = place
    answer = tell(client, {"ref": "A-1", "stages": [APPLIED]}, bad)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert told(store) == []


@pytest.mark.parametrize("code", ["\x00", "ab3de\x005gh7", "' OR 1=1 --", "\u202e", "x" * 300])
def test_a_code_that_is_none_says_nothing(store: Store, code: str) -> None:
    seed_people(store)
    given = Given("A-1", [("applied", NOW)], posting=code, title=code, campaign=code, link=code, referral=code)
    assert actions.applications.tell(store, viewer_of(store, ADMIN), [given], now=NOW).inserted == 1
    with store.reading() as session:
        assert session.exec(select(ApplicationTouch)).all() == []


def test_the_same_request_again_gets_the_same_answer(place: tuple[Store, httpx.Client]) -> None:
    store, client = place
    body = {"applications": [{"ref": "A-1", "stages": [APPLIED]}]}
    first = client.post(PATH, json=body, headers={"Idempotency-Key": "k-1"})
    again = client.post(PATH, json=body, headers={"Idempotency-Key": "k-1"})
    assert first.json() == again.json() == {"inserted": 1, "known": 0}
    assert len(told(store)) == 1


def test_a_key_without_the_scope_tells_nothing_and_that_it_was_told_is_written_down(
    place: tuple[Store, httpx.Client],
) -> None:
    store, client = place
    with speaking(str(client.base_url), key_of(store, "applications:read")) as reader:
        assert tell(reader, {"ref": "A-1", "stages": [APPLIED]}).status_code == 403
    tell(client, {"ref": "A-1", "stages": [APPLIED]})
    with store.reading() as session:
        told_by = session.exec(select(AuditEntry).where(AuditEntry.action == "applications.tell")).all()
        assert [entry.outcome for entry in told_by] == ["ok"]
        assert session.exec(select(User).where(User.email == told_by[0].actor)).first() is not None
