"""Which sites are tracked, remembered for a few seconds: however many ask at once, one looks."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Barrier

import pytest
from sqlalchemy import event

from actions import tracker
from actions.tracker import Sites, save_tracker
from actions.viewer import Viewer
from store.opening import Store
from store.reports.scope import find_company
from store.reports.tracker import find_tracker

ASKERS = 12


@pytest.fixture
def database_kind() -> str:
    """What is remembered does not depend on the database."""
    return "sqlite"


@pytest.fixture
def key(store: Store, admin: Viewer) -> str:
    """The key of a site that is heard."""
    save_tracker(store, admin, ["https://jobs.harbour.example"], "", now=datetime.now(UTC))
    with store.reading() as session:
        company = find_company(session, admin.company_id)
        state = find_tracker(session, company) if company else None
    assert state is not None
    return state.key


@pytest.fixture
def looks(store: Store) -> list[str]:
    """Statements that look a site up."""
    told: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_more: object) -> None:
        if "FROM tracker_sites" in statement:
            told.append(statement)

    event.listen(store.engine, "before_cursor_execute", note)
    return told


def test_many_who_ask_at_once_share_one_look(store: Store, key: str, looks: list[str]) -> None:
    sites, start = Sites(lambda: store), Barrier(ASKERS)

    def ask() -> str:
        start.wait(60)
        found = sites.find(key)
        return found.key if found else ""

    with ThreadPoolExecutor(ASKERS) as threads:
        assert {future.result(60) for future in [threads.submit(ask) for _ in range(ASKERS)]} == {key}
    # Who had not asked yet when the first was answered looks again.
    assert 1 <= len(looks) < ASKERS


def test_what_is_too_old_does_until_the_one_who_looks_again_is_back(
    store: Store, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracker, "CACHE_SECONDS", -1.0)
    monkeypatch.setattr(tracker, "GRACE_SECONDS", 600.0)
    sites = Sites(lambda: store)
    assert sites.recall(key) == (False, None)
    known = sites.find(key)
    assert known is not None
    assert [sites.recall(key) for _ in range(3)] == [(False, None), (True, known), (True, known)]
    origin = "https://jobs.harbour.example"
    assert (sites.recall_origin(origin), sites.find_origin(origin)) == (None, True)
    assert [sites.recall_origin(one) for one in (origin, origin, "https://evil.example")] == [None, True, False]


def test_an_unknown_key_is_remembered_too(store: Store, key: str, looks: list[str]) -> None:
    sites = Sites(lambda: store)
    assert sites.find("nobody's") is None
    assert (sites.recall("nobody's"), len(looks)) == ((True, None), 1)
