"""The applicants' screen: page by page, one in full, set by hand and taken back, masked for who needs no names."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect
from sqlmodel import select

from actions.applications import Given, tell
from actions.users import find_user
from actions.viewer import Viewer
from settings import load
from store.opening import attach_store
from store.tables import Application, AuditEntry, JobPosting
from tests.launch import running_app
from tests.people import ADMIN, MANAGER, seed_data_dir
from tests.ui.screens import PATIENCE, choose, choose_row, downloaded, press, settle, show, told, write

EVIL = "=1+1 <b>Eve</b> [x](javascript:alert(1)) :red[y] \u202egnp"
NOW = datetime.now(UTC)
pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An app of its own with sixty applicants, twenty of whom were hired."""
    data_dir = tmp_path_factory.mktemp("applicants")
    people = seed_data_dir(data_dir)
    store = attach_store(load({"DATA_DIR": str(data_dir)}))
    with store.writing() as session:
        session.add(JobPosting(company_id=people.company.id, number=1, title="Nurse", requisition_ref="REQ-1"))
    user = find_user(store, ADMIN)
    viewer = Viewer(user.id, user.company_id, user.role, user.name, user.email)
    tell(store, viewer, [_given(number) for number in range(60)], now=NOW)
    with running_app(data_dir=data_dir) as app:
        yield app, store
    store.close()


def _given(number):
    applied = NOW - timedelta(days=5, minutes=number)
    stages = [("applied", applied), *([("hired", applied + timedelta(days=1))] if number % 3 == 0 else [])]
    return Given(f"A-{number}", stages, "REQ-1", name=EVIL, email=f"p{number}@mail.example", source="Indeed")


def one(store, ref="A-3"):
    with store.reading() as session:
        return session.exec(select(Application).where(Application.external_ref == ref)).one()


def deeds(store):
    with store.reading() as session:
        return [(row.action, row.actor) for row in session.exec(select(AuditEntry).order_by(AuditEntry.seq))]


def rows_of(page):
    return [row[6] for row in downloaded(page, "download_applicants")[1:]]


def test_pages_are_turned_and_a_search_finds_one_of_any_day(place, visit):
    app, _store = place
    page = visit(app, ADMIN, "/Applicants")
    expect(page.get_by_text("50 shown of 60.")).to_be_visible(timeout=PATIENCE)
    first = rows_of(page)
    settle(page)
    page.get_by_role("button", name="Next").click()
    expect(page.get_by_text("10 shown of 60.")).to_be_visible(timeout=PATIENCE)
    settle(page)
    assert [*first, *rows_of(page)] == [f"A-{number}" for number in range(60)]
    whole = downloaded(page, "download_all_applicants")
    assert [row[6] for row in whole[1:]] == [f"A-{number}" for number in range(60)]
    assert "p7@" not in str(whole)
    settle(page)
    page.get_by_role("button", name="Previous").click()
    expect(page.get_by_text("50 shown of 60.")).to_be_visible(timeout=PATIENCE)
    settle(page)
    assert rows_of(page) == first
    write(page.get_by_role("textbox", name="Search"), "P7@mail.example")
    expect(page.get_by_text("1 application of any day.")).to_be_visible(timeout=PATIENCE)
    settle(page)
    assert rows_of(page) == ["A-7"]


def test_all_that_match_are_set_back_by_hand_and_the_change_taken_back(place, visit):
    app, store = place
    page = visit(app, ADMIN, "/Applicants?applicants_stage=Hired")
    expect(page.get_by_text("20 shown of 20.")).to_be_visible(timeout=PATIENCE)
    all_of_them = press(page.get_by_text("Set their stage"), page.get_by_text("All that match the filters (20)"))
    press(all_of_them, page.get_by_role("button", name="Set 20 applicants to Reviewed")).click()
    told(page, "20 applicants set to Reviewed.")
    assert one(store).stage == "reviewed"
    assert one(store).hired_at is None
    press(page.get_by_role("tab", name="Changes by hand"), page.get_by_text("Choose a change to take it back"))
    take_back = page.get_by_role("button", name="Take it back from 20 applicants")
    choose_row(page.locator(".st-key-stage_changes [data-testid=stDataFrame]"), 1, take_back)
    take_back.click()
    told(page, "Taken back from 20 applicants.")
    assert one(store).stage == "hired"
    assert ("applicants.undo_change", ADMIN) in deeds(store)


def test_one_applicant_is_shown_with_history_and_touches_and_set_by_hand(place, visit):
    app, store = place
    page = visit(app, ADMIN, f"/Applicants?applicant={one(store).id}")
    expect(page.get_by_role("heading", name="Where they came from")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("It counts for Indeed")).to_be_visible()
    page.get_by_role("button", name="Show 1 name").click()
    expect(page.get_by_text("<b>Eve</b> [x](javascript:alert(1)) :red[y]")).to_be_visible(timeout=PATIENCE)
    assert page.locator('a[href^="javascript"]').count() == 0
    assert ("personal_data.read", ADMIN) in deeds(store)
    press(page.get_by_text("Set the stage"), page.get_by_role("combobox", name="Stage", exact=True))
    choose(page, page, "Stage", "Interviewed")
    page.get_by_role("button", name="Set to Interviewed").click()
    told(page, "1 applicant set to Interviewed.")
    assert (one(store).stage, one(store).hired_at) == ("interviewed", None)
    page.get_by_role("button", name="All applicants").click()
    expect(page.get_by_text("shown of 60.")).to_be_visible(timeout=PATIENCE)


def test_a_hiring_manager_sees_whom_nobody_can_tell_and_sets_nothing(place, visit):
    app, store = place
    page = visit(app, MANAGER, "/Applicants")
    expect(page.get_by_text("50 shown of 60.")).to_be_visible(timeout=PATIENCE)
    assert {row[1] for row in downloaded(page, "download_applicants")[1:]} == {"p…@mail.example"}
    for name in ("Show 50 names", "Set their stage"):
        expect(page.get_by_text(name)).to_have_count(0)
    expect(page.get_by_role("tab")).to_have_count(0)
    show(page, app, f"/Applicants?applicant={one(store).id}")
    expect(page.get_by_role("heading", name="Where they came from")).to_be_visible(timeout=PATIENCE)
    for name in ("Show 1 name", "Set the stage"):
        expect(page.get_by_text(name)).to_have_count(0)
    expect(page.get_by_text("Eve")).to_have_count(0)
    show(page, app, "/Applicants?applicant=nonsense")
    expect(page.get_by_text("There is no such applicant.")).to_be_visible(timeout=PATIENCE)
