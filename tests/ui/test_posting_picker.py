"""Choosing a posting where there are more than a list can hold: every one can be found, and what is chosen stays."""

from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from sqlalchemy import insert
from streamlit.testing.v1 import AppTest

from actions.running import use_store
from actions.viewer import Viewer
from settings import current
from store.opening import Store
from store.reports.posting_choices import MOST_CHOICES, Choices, PostingChoice
from store.tables import Company, JobPosting
from store.tables.columns import new_id
from tests.actions.import_scenes import admin_of
from ui.posting_picker import named

PATIENCE = 300
BEYOND = 5


def _screen() -> None:
    """Refer someone by itself; run by Streamlit from its source."""
    from datetime import UTC, datetime

    import streamlit as st

    from actions.running import running_store
    from domain.filters import Filters
    from domain.periods import named_period
    from store.reports.scope import find_company
    from ui import filters, guard, referral_forms
    from ui.filters import Chosen
    from ui.shell import View

    viewer, now = guard.require("admin"), datetime.now(UTC)
    with running_store().reading() as session:
        company = find_company(session, viewer.company_id)
    chosen = Chosen(filters.DEFAULT, named_period(filters.PERIODS[filters.DEFAULT], now.date()), Filters())
    referral_forms.draw(View(viewer, company, now, [], chosen, st.container(), 1))


def add_postings(store: Store, company: Company, number: int) -> None:
    """So many open postings called by their number."""
    blank = JobPosting(company_id=company.id, number=0).model_dump()
    rows = [
        blank | {"id": new_id(), "number": 1000 + one, "title": f"Nurse {one:04}", "requisition_ref": f"REQ-{one}"}
        for one in range(number)
    ]
    with store.writing() as session:
        session.connection().execute(insert(JobPosting.__table__), rows)


@pytest.fixture
def see(
    sqlite_store: Store, sqlite_company: Company, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[int], AppTest]]:
    """Call it with how many postings are open."""
    viewer: Viewer = admin_of(sqlite_store, sqlite_company)
    monkeypatch.setattr("ui.guard.require", lambda _role=None: viewer)
    use_store(sqlite_store)

    def run(number: int) -> AppTest:
        add_postings(sqlite_store, sqlite_company, number)
        app = AppTest.from_function(_screen, default_timeout=PATIENCE).run()
        assert not app.exception, app.exception
        return app

    yield run
    use_store(None)
    current.cache_clear()


def finders(app: AppTest) -> list[str]:
    return [each.label for each in app.text_input if each.label.startswith("Find a posting")]


def test_a_list_that_holds_all_needs_no_search(see: Callable[[int], AppTest]) -> None:
    app = see(3)
    assert finders(app) == []
    assert app.selectbox(key="refer_posting").options == ["Nurse 0000", "Nurse 0001", "Nurse 0002"]


def test_of_more_than_a_list_holds_every_posting_can_be_found_and_stays_chosen(see: Callable[[int], AppTest]) -> None:
    total = MOST_CHOICES + BEYOND
    app = see(total)
    assert finders(app) == [f"Find a posting ({MOST_CHOICES:,} of {total:,} listed)"]
    last = f"Nurse {total - 1:04} (REQ-{total - 1})"
    assert last not in app.selectbox(key="refer_posting").options
    app.text_input(key="refer_posting_find").set_value(f"req-{total - 1}").run()
    assert finders(app) == [f"Find a posting (1 of {total:,} listed)"]
    app.selectbox(key="refer_posting").select(last).run()
    for sought, listed in (("Nurse 0001", 2), ("", MOST_CHOICES + 1), ("no such one", 1)):
        app.text_input(key="refer_posting_find").set_value(sought).run()
        assert not app.exception, app.exception
        assert app.selectbox(key="refer_posting").value == last
        assert len(app.selectbox(key="refer_posting").options) == listed


def test_no_two_postings_have_one_name_in_a_list() -> None:
    ids = [UUID(int=number) for number in (1, 2, 3, 4)]
    told = [("Nurse", "REQ-1"), ("Nurse", "REQ-1"), ("Nurse", ""), ("Cook", "REQ-2")]
    found = Choices(tuple(PostingChoice(one, *words) for one, words in zip(ids, told, strict=True)), 4)
    assert named(found, in_full=False) == {
        "Nurse (REQ-1)": ids[0],
        "Nurse (REQ-1) 000002": ids[1],
        "Nurse (000003)": ids[2],
        "Cook": ids[3],
    }
    assert "Cook (REQ-2)" in named(found, in_full=True)
