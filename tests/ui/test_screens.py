"""The other screens in a real browser: foreign text stays text, and nothing overflows a phone."""

import re
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import col, select

from actions.postings import save_posting
from actions.viewer import Viewer
from store.tables import User
from tests.launch import RunningApp
from tests.people import ADMIN, MANAGER
from tests.ui.scene import EVIL, Scene
from tests.ui.screens import PATIENCE, downloaded, open_dialog, press, show, told, write
from tests.waiting import until

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]
SCREENS = ("/", "/Sources", "/Postings", "/Platforms", "/Sync_jobs")


def test_a_title_is_text_and_never_a_link_a_script_or_a_directive(app: RunningApp, scene: Scene, visit: Visit):
    page = visit(app, ADMIN)
    dialogs: list[str] = []
    foreign: list[str] = []
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda request: foreign.append(request.url) if app.host not in request.url else None)
    for path in SCREENS:
        show(page, app, path)
    show(page, app, "/Postings?status=All")
    tab = page.get_by_role("tab", name="Waiting to be linked (2)")
    press(tab, page.get_by_text("Platforms know these under names of their own."))
    assert dialogs == []
    assert [url for url in foreign if not url.startswith(("data:", "blob:"))] == []
    assert page.locator('a[href^="javascript"], a[href*="127.0.0.1:9"]').count() == 0


def test_the_postings_file_equals_the_numbers_and_runs_no_formula(app: RunningApp, scene: Scene, visit: Visit):
    page = visit(app, MANAGER, "/Postings")
    header, *rows = downloaded(page, "download_postings")
    shown = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert shown["Staff nurse, night shift"]["Views"] == "40"
    assert shown["Staff nurse, night shift"]["Applications"] == "3"
    assert shown[f"'{EVIL}"]["Views"] == "80"


def test_a_hiring_manager_may_look_at_postings_and_change_none(app: RunningApp, scene: Scene, visit: Visit):
    page = visit(app, MANAGER, "/Postings")
    expect(page.get_by_role("button", name="New posting")).to_have_count(0)
    expect(page.get_by_role("tab")).to_have_count(0)


def test_a_posting_is_made_through_the_form(app: RunningApp, scene: Scene, visit: Visit):
    page = visit(app, ADMIN, "/Postings")
    dialog = open_dialog(page.get_by_role("button", name="New posting"))
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("A posting needs a title")).to_be_visible(timeout=PATIENCE)
    write(dialog.locator('input[aria-label="Title"]'), "Night porter")
    write(dialog.locator('input[aria-label="Requisition"]'), "REQ-9")
    dialog.get_by_role("button", name="Save").click()
    told(page, "Night porter is saved.")
    rows = downloaded(page, "download_postings")
    assert ["Night porter", "REQ-9", "Open"] in [row[:3] for row in rows]


def test_a_posting_is_archived_found_again_and_brought_back(app: RunningApp, scene: Scene, visit: Visit):
    made = add_posting(scene, {"title": "Harbour pilot", "department": "Quay", "requisition_ref": "REQ-77"})
    page = visit(app, ADMIN, f"/Postings?department=Quay&posting={made}")
    assert [row[:3] for row in downloaded(page, "download_postings")[1:]] == [["Harbour pilot", "REQ-77", "Open"]]
    card = page.locator(".st-key-posting")
    archive = page.get_by_role("button", name="Archive this posting")
    press(card.get_by_role("button", name="Archive"), archive).click()
    told(page, "Harbour pilot is archived.")
    expect(page.get_by_text("No posting is like that.")).to_be_visible()
    expect(card.get_by_text("Archived")).to_be_visible()
    expect(card.get_by_text("History (3)")).to_be_visible()
    card.get_by_role("button", name="Bring back").click()
    expect(card.get_by_role("button", name="Reopen")).to_be_visible()


def test_a_posting_leads_to_its_own_applicants_and_referrals(app: RunningApp, scene: Scene, visit: Visit):
    made = add_posting(scene, {"title": "Tug master", "requisition_ref": "REQ-78"})
    page = visit(app, ADMIN, f"/Postings?posting={made}")
    for link, path in (("Applicants of this posting", "/Applicants"), ("Referrals for this posting", "/Referral_desk")):
        lead = page.get_by_role("link", name=link)
        expect(lead).to_have_attribute("href", re.compile(f"posting={made}"))
        show(page, app, f"{path}?posting={made}")
        expect(page.get_by_role("combobox", name="Posting").first).to_have_value(re.compile("Tug master"))
        show(page, app, f"/Postings?posting={made}")


def test_an_address_of_a_posting_that_is_not_ours_says_so(app: RunningApp, scene: Scene, visit: Visit):
    page = visit(app, MANAGER, f"/Postings?posting={uuid.uuid4()}")
    expect(page.get_by_text("The posting in the address is not one of yours.")).to_be_visible()
    show(page, app, "/Postings?posting=%3Cb%3E")
    expect(page.get_by_text("The posting in the address is not one of yours.")).to_be_visible()


def test_a_note_is_written_below_the_trend_and_marked_in_it(app: RunningApp, scene: Scene, visit: Visit):
    page = visit(app, MANAGER, "/")
    write(press(page.get_by_text("Notes ("), page.get_by_label("Note", exact=True)), "Job fair <b>x</b>")
    page.get_by_role("button", name="Add a note").click()
    expect(page.get_by_text("Job fair <b>x</b> (Mo)")).to_be_visible()
    expect(page.get_by_text("A diamond marks what happened then")).to_be_visible()
    show(page, app, "/?notes=false")
    expect(page.get_by_text("A gap means that nothing was read")).to_be_visible()
    expect(page.get_by_text("A diamond marks what happened then")).to_have_count(0)


def add_posting(scene: Scene, values: dict[str, str]) -> uuid.UUID:
    store = scene.store()
    try:
        with store.reading() as session:
            user = session.exec(select(User).where(col(User.email) == ADMIN)).one()
        admin = Viewer(user.id, user.company_id, user.role, user.name, user.email)
        return save_posting(store, admin, values, now=datetime.now(UTC))
    finally:
        store.close()


def test_a_source_that_another_platform_owns_is_marked(app: RunningApp, scene: Scene, visit: Visit):
    page = visit(app, MANAGER, "/Sources")
    header, *rows = downloaded(page, "download_company_website_source")
    shown = {row[0]: dict(zip(header, row, strict=True)) for row in rows}
    assert shown["newsletter"]["Belongs to"] == ""
    assert shown["indeed"]["Belongs to"] == "Indeed"
    assert (shown["newsletter"]["Applications"], shown["indeed"]["Applications"]) == ("70", "30")


def test_the_history_says_what_failed_and_counts_in_its_file(app: RunningApp, scene: Scene, visit: Visit):
    page = visit(app, ADMIN, "/Sync_jobs?state=Failed")
    header, *rows = downloaded(page, "download_sync_jobs")
    job = dict(zip(header, rows[-1], strict=True))
    assert (job["Connection"], job["State"], job["Error"]) == ("Indeed", "Failed", "The key or secret is wrong.")
    counts = [job[name] for name in ("New", "Changed", "Unchanged", "Rejected", "Deleted")]
    assert counts == ["1000", "200", "30", "4", "3"]


def _fits(page: Page) -> bool:
    wide, seen = page.evaluate(
        "(() => { const main = document.querySelector('[data-testid=stMain]');"
        " return [main.scrollWidth, main.clientWidth] })()"
    )
    return bool(wide <= seen)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_no_screen_overflows(app: RunningApp, scene: Scene, visit: Visit, width: int, scheme: str):
    page = visit(app, ADMIN, viewport={"width": width, "height": 844}, color_scheme=scheme)
    for path in SCREENS:
        show(page, app, path)
        # A chart that is drawn into its place may be too wide for a moment.
        until(lambda: _fits(page), f"{path} fits into its width")
        expect(page.get_by_test_id("stException")).to_have_count(0)
