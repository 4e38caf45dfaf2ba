"""Publishing a posting in a real browser, against the sandbox: missing fields, refusal, success, taking it off."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from sandbox.launch import Sandbox
from settings import load
from store.opening import open_store
from store.tables import JobPosting
from tests.connectors.drafts import ADVERT, ads
from tests.jobs.board_scenes import connect_board
from tests.launch import RunningApp, running_app
from tests.people import ADMIN, MANAGER, seed_people
from tests.ui.screens import choose_row, open_dialog, press, settle, show, told, write

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]
#: The worker looks every two seconds, the screen too; the machine may be busy.
LONG = 120_000


@pytest.fixture(scope="module")
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    """The boards, imitated."""
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture(scope="module")
def working_app(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The product with a worker, two connections that publish, and one posting whose postal code is wrong."""
    data_dir = tmp_path_factory.mktemp("publishing")
    store = open_store(load({"DATA_DIR": str(data_dir)}))
    people = seed_people(store)
    connect_board(store, sandbox, people.company, "ziprecruiter", 1)
    connect_board(store, sandbox, people.company, "monster", 2)
    wrong = ADVERT.model_copy(update={"postal_code": "x", "city": ""})
    with store.writing() as session:
        session.add(
            JobPosting(
                company_id=people.company.id,
                number=1,
                title="Gripper engineer",
                requisition_ref="REQ-1",
                advert=wrong.model_dump(mode="json"),
                apply_url="https://jobs.acme.example/apply/1",
            )
        )
    store.close()
    port = sandbox.url.rpartition(":")[2]
    with running_app(data_dir=data_dir, WORKERS="1", SANDBOX="1", SANDBOX_PORT=port) as found:
        yield found


def open_posting(page: Page, app: RunningApp) -> None:
    """Choose the only posting in the table."""
    page.set_default_timeout(LONG)
    show(page, app, "/Postings")
    table = page.get_by_test_id("stDataFrame").first
    expect(table).to_be_visible(timeout=LONG)
    choose_row(table, 1, page.get_by_text("Published on"))


def line(page: Page, connection: str) -> Locator:
    """A connection's part of the posting's card."""
    return page.locator('[class*="st-key-presence_1_"]').filter(has_text=connection)


def save_advert(page: Page, **values: str) -> None:
    """Fill in the form and save it."""
    dialog = open_dialog(page.get_by_role("button", name="Advert"))
    expect(dialog.get_by_text("Questions to applicants")).to_be_visible(timeout=LONG)
    for label, text in values.items():
        write(dialog.locator(f'input[aria-label="{label.replace("_", " ")}"]'), text)
    dialog.get_by_role("button", name="Save").click()


def test_what_is_missing_is_said_before_anything_is_sent(working_app, sandbox, visit: Visit):
    page = visit(working_app, ADMIN)
    open_posting(page, working_app)
    zip_line = line(page, "ZipRecruiter")
    expect(zip_line.get_by_text("Not published").first).to_be_visible(timeout=LONG)
    zip_line.get_by_role("button", name="Publish").click()
    expect(zip_line.get_by_text("A city is needed.")).to_be_visible(timeout=LONG)
    assert ads(sandbox, "ziprecruiter") == {}


def test_a_refusal_stands_next_to_its_field_and_a_correction_goes_live(working_app, sandbox, visit: Visit):
    page = visit(working_app, ADMIN)
    open_posting(page, working_app)
    save_advert(page, City="Austin")
    told(page, "The advert is saved.")
    zip_line = line(page, "ZipRecruiter")
    zip_line.get_by_role("button", name="Publish").click()
    expect(zip_line.get_by_text("postal_code is not one of this country")).to_be_visible(timeout=LONG)
    expect(zip_line.get_by_text("Refused").first).to_be_visible(timeout=LONG)
    dialog = open_dialog(page.get_by_role("button", name="Advert"))
    expect(dialog.get_by_text("ZipRecruiter: postal_code is not one of this country")).to_be_visible(timeout=LONG)
    write(dialog.locator('input[aria-label="Country"]'), "Germany")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog.get_by_text("A country is two letters")).to_be_visible(timeout=LONG)
    write(dialog.locator('input[aria-label="Country"]'), "US")
    write(dialog.locator('input[aria-label="Postal code"]'), "78701")
    dialog.get_by_role("button", name="Save").click()
    expect(dialog).to_have_count(0, timeout=LONG)
    settle(page)
    zip_line.get_by_role("button", name="Publish").click()
    expect(zip_line.get_by_text("Live").first).to_be_visible(timeout=LONG)
    (ad,) = ads(sandbox, "ziprecruiter").values()
    assert "utm_source=ziprecruiter" in ad["body"]["apply_url"]


def test_taking_it_off_closes_it_there(working_app, sandbox, visit: Visit):
    page = visit(working_app, ADMIN)
    open_posting(page, working_app)
    monster = line(page, "Monster")
    monster.get_by_role("button", name="Publish").click()
    expect(monster.get_by_text("Live").first).to_be_visible(timeout=LONG)
    settle(page)
    monster.get_by_role("button", name="Take off").click()
    expect(monster.get_by_text("Closed").first).to_be_visible(timeout=LONG)
    assert [ad["is_open"] for ad in ads(sandbox, "monster").values()] == [False]


def test_a_hiring_manager_sees_where_it_stands_and_no_button(working_app, visit: Visit):
    page = visit(working_app, MANAGER)
    open_posting(page, working_app)
    expect(line(page, "ZipRecruiter")).to_be_visible(timeout=LONG)
    for name in ("Publish", "Update", "Take off", "Advert"):
        expect(page.get_by_role("button", name=name)).to_have_count(0, timeout=LONG)


def test_a_connection_without_numbers_is_connected_and_has_nothing_to_sync(working_app, visit: Visit):
    page = visit(working_app, ADMIN, "/Platforms")
    card = page.locator('[class*="st-key-connection_card_"]').filter(has_text="ZipRecruiter").first
    expect(card.get_by_text("Connected").first).to_be_visible(timeout=LONG)
    expect(card.get_by_text("ZipRecruiter has no endpoint for views")).to_be_visible(timeout=LONG)
    expect(card.get_by_role("button", name="Sync now")).to_have_count(0, timeout=LONG)
    press(card.get_by_role("button", name="More"), page.get_by_text("Switch on or off"))
    expect(page.get_by_text("Full sync, 12 months")).to_have_count(0, timeout=LONG)
