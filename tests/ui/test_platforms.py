"""Connecting through the form, in a real browser, against the sandbox: refusals, success, progress, delete."""

import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from sandbox.launch import Sandbox
from tests.launch import RunningApp, running_app
from tests.people import ADMIN, MANAGER, seed_data_dir
from tests.ui.screens import PATIENCE, downloaded, metric, open_dialog, pick, press, settle, show, told, write

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]


@pytest.fixture(scope="module")
def sandbox(sandbox_process: Sandbox) -> Sandbox:
    """The platforms, imitated."""
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture(scope="module")
def working_app(sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """The product with a worker and nothing connected yet."""
    data_dir = tmp_path_factory.mktemp("platforms")
    seed_data_dir(data_dir)
    port = sandbox.url.rpartition(":")[2]
    with running_app(data_dir=data_dir, WORKERS="2", SANDBOX="1", SANDBOX_PORT=port) as found:
        yield found


@pytest.fixture(scope="module")
def keys(sandbox: Sandbox) -> dict[str, Any]:
    """What the imitated platforms accept."""
    found: dict[str, Any] = sandbox.control("credentials")
    return found


def fill(page: Page, label: str, text: str) -> None:
    write(page.get_by_role("dialog").locator(f'input[aria-label^="{label}"]'), text)


def open_form(page: Page, platform: str) -> None:
    pick(page.get_by_role("button", name="Connect a platform"), platform)
    expect(page.get_by_role("dialog")).to_be_visible()
    settle(page)


def save(page: Page) -> None:
    page.get_by_role("dialog").get_by_role("button", name="Test and save").click()


def test_nothing_connected_says_what_to_do_next(working_app, visit: Visit):
    page = visit(working_app, ADMIN)
    expect(page.get_by_text("No platform is connected yet.")).to_be_visible()
    press(page.get_by_role("link", name="Connect a platform"), page.get_by_role("heading", name="Platforms"))


def test_the_form_says_which_field_is_wrong_and_saves_nothing(working_app, keys, visit: Visit):
    page = visit(working_app, ADMIN, "/Platforms")
    open_form(page, "Company website")
    fill(page, "Property ID", "G-ABC123")
    save(page)
    expect(page.get_by_text("This is a measurement ID")).to_be_visible(timeout=PATIENCE)
    page.reload()
    expect(page.get_by_text("No platform is connected yet.")).to_be_visible(timeout=PATIENCE)


def test_a_refusal_is_in_the_platforms_own_words_and_can_be_saved_inactive_only(working_app, keys, visit: Visit):
    page = visit(working_app, ADMIN, "/Platforms")
    open_form(page, "Indeed")
    fill(page, "Client ID", keys["indeed"]["client_id"])
    fill(page, "Client secret", "not the secret")
    fill(page, "Employer ID", keys["indeed"]["employer_id"])
    save(page)
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("The key or secret is wrong.")).to_be_visible(timeout=PATIENCE)
    expect(dialog.get_by_text("The platform's own words")).to_be_visible()
    settle(page)
    dialog.get_by_role("button", name="Save anyway, inactive").click()
    expect(dialog).to_have_count(0, timeout=PATIENCE)
    card = page.locator('[class*="st-key-connection_card_"]').filter(has_text="Indeed")
    expect(card.get_by_text("Inactive").first).to_be_visible()
    expect(card.get_by_role("button", name="Sync now")).to_be_disabled()
    assert "not the secret" not in page.content()


def test_connecting_syncing_and_the_numbers_of_the_truth(working_app, sandbox, keys, visit: Visit):
    page = visit(working_app, ADMIN, "/Platforms")
    open_form(page, "Company website")
    fill(page, "Property ID", keys["ga4"]["property_id"])
    fill(page, "Service account key", json.dumps(keys["ga4"]["service_account"]))
    for event, name in (
        ("apply button clicked", "click"),
        ("application begun", "apply_start"),
        ("application sent", "application"),
    ):
        fill(page, f"Events: {event}", keys["ga4"]["events"][name])
    save(page)
    told(page, "Company website is connected to")
    card = page.locator('[class*="st-key-connection_card_"]').filter(has_text="Company website")
    # Where an hour begins just now, its sync is under way by itself.
    expect(card.get_by_text(re.compile("Never synced|Syncing|Completed")).first).to_be_visible()
    settle(page)
    card.get_by_role("button", name="Sync now").click()
    told(page, re.compile("Company website: (1 sync asked for|a sync is already under way)"))
    expect(card.get_by_text("Completed").first).to_be_visible(timeout=120_000)
    # days that the platform will not restate any more
    end = datetime.now(UTC).date() - timedelta(days=10)
    start = end - timedelta(days=40)
    show(page, working_app, f"/?period=Custom&from={start}&to={end - timedelta(days=1)}")
    truth = sandbox.control(f"truth?from={start}&to={end}&connected=company_website")
    wanted = {row["metric"]: row["value"] for row in truth["totals"] if row["platform"] == "company_website"}
    for label, name in (("Views", "views"), ("Clicks", "clicks"), ("Applications", "applications")):
        expect(metric(page, label)).to_have_text(f"{wanted[name]:,}", timeout=60_000)


def test_before_a_full_sync_its_calls_and_worst_cost_are_shown(working_app, visit: Visit):
    page = visit(working_app, ADMIN, "/Platforms")
    card = page.locator('[class*="st-key-connection_card_"]').filter(has_text="Company website")
    pick(card.get_by_role("button", name="More"), "Full sync, 12 months")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Calls at most")).to_be_visible(timeout=PATIENCE)
    settle(page)
    assert int(dialog.get_by_test_id("stMetricValue").first.inner_text().replace(",", "")) > 0
    expect(dialog.get_by_role("button", name="Start the full sync")).to_be_visible()


def test_the_history_counts_what_the_sync_did(working_app, visit: Visit):
    page = visit(working_app, ADMIN, "/Sync_jobs")
    header, *rows = downloaded(page, "download_sync_jobs")
    jobs = [dict(zip(header, row, strict=True)) for row in rows]
    job = next(job for job in jobs if job["State"] == "Completed")
    assert job["Connection"] == "Company website"
    counted = sum(int(job[name]) for name in ("New", "Changed", "Unchanged", "Rejected"))
    assert int(job["Facts"]) == counted > 0
    assert int(job["Requests"]) > 0


def test_a_secret_is_never_filled_in_again(working_app, keys, visit: Visit):
    page = visit(working_app, ADMIN, "/Platforms")
    card = page.locator('[class*="st-key-connection_card_"]').filter(has_text="Company website")
    pick(card.get_by_role("button", name="More"), "Edit")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_be_visible(timeout=PATIENCE)
    settle(page)
    field = dialog.locator('input[aria-label^="Service account key"]')
    expect(field).to_have_value("")
    expect(field).to_have_attribute("type", "password")
    expect(dialog.locator('input[aria-label^="Property ID"]')).to_have_value(keys["ga4"]["property_id"])
    save(page)
    told(page, "Company website is connected to")


def test_deleting_keeps_the_numbers_unless_asked(working_app, visit: Visit):
    page = visit(working_app, ADMIN, "/Platforms")
    card = page.locator('[class*="st-key-connection_card_"]').filter(has_text="Indeed")
    pick(card.get_by_role("button", name="More"), "Delete")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("The numbers it brought stay.")).to_be_visible(timeout=PATIENCE)
    settle(page)
    dialog.get_by_role("button", name="Delete the connection").click()
    told(page, "Indeed is deleted.")
    expect(card).to_have_count(0, timeout=PATIENCE)


def grant(page: Page, app: RunningApp, platform: str) -> None:
    """Through the platform's own page and back to the form."""
    page.get_by_role("dialog").get_by_role("button", name=f"Connect with {platform}").click()
    page.get_by_role("button", name="Allow").click(timeout=60_000)
    page.wait_for_url(re.compile(re.escape(app.url) + "/Platforms"), timeout=60_000)
    expect(page.get_by_text("Access was granted").first).to_be_visible(timeout=PATIENCE)
    settle(page)


def test_access_granted_in_the_browser_connects_the_employer_chosen_there(working_app, keys, visit: Visit):
    page = visit(working_app, ADMIN, "/Platforms")
    open_form(page, "Indeed")
    fill(page, "Client ID", keys["indeed"]["client_id"])
    fill(page, "Client secret", keys["indeed"]["client_secret"])
    grant(page, working_app, "Indeed")
    expect(page.get_by_role("dialog").locator('input[aria-label^="Employer ID"]')).to_have_value(
        keys["indeed"]["employer_id"]
    )
    save(page)
    told(page, "Indeed is connected to")
    card = page.locator('[class*="st-key-connection_card_"]').filter(has_text="Indeed")
    expect(card.get_by_text("Access was granted until")).to_be_visible()
    assert keys["indeed"]["client_secret"] not in page.content()


def test_a_grant_taken_back_says_so_and_reconnecting_goes_on(working_app, sandbox, visit: Visit):
    sandbox.control("revoke", {"what": "indeed_grant"})
    sandbox.control("revoke", {"what": "indeed_access"})
    page = visit(working_app, ADMIN, "/Platforms")
    card = page.locator('[class*="st-key-connection_card_"]').filter(has_text="Indeed")
    card.get_by_role("button", name="Sync now").click()
    expect(card.get_by_text("The platform does not let us in any more")).to_be_visible(timeout=120_000)
    sandbox.control("revoke", {"what": "indeed_grant", "restore": True})
    open_dialog(card.get_by_role("button", name="Reconnect"))
    grant(page, working_app, "Indeed")
    save(page)
    told(page, "Indeed is connected to")
    expect(card.get_by_text("The platform does not let us in any more")).to_have_count(0, timeout=PATIENCE)


def test_google_offers_the_properties_that_were_granted(working_app, keys, visit: Visit):
    page = visit(working_app, ADMIN, "/Platforms")
    open_form(page, "Company website")
    fill(page, "Name", "Second site")
    fill(page, "OAuth client ID", keys["ga4"]["oauth"]["client_id"])
    fill(page, "OAuth client secret", keys["ga4"]["oauth"]["client_secret"])
    grant(page, working_app, "Google")
    chosen = page.get_by_role("dialog").locator('input[aria-label^="Property ID"]')
    expect(chosen).to_have_value(keys["ga4"]["property_id"])
    fill(page, "Name", "Second site")
    save(page)
    told(page, "Second site is connected to")


def test_who_denies_access_reads_that_nothing_was_connected(working_app, keys, visit: Visit):
    page = visit(working_app, ADMIN, "/Platforms")
    open_form(page, "Indeed")
    fill(page, "Client ID", keys["indeed"]["client_id"])
    fill(page, "Client secret", keys["indeed"]["client_secret"])
    page.get_by_role("dialog").get_by_role("button", name="Connect with Indeed").click()
    page.get_by_role("button", name="Deny").click(timeout=60_000)
    expect(page.get_by_text("Nothing was connected.")).to_be_visible(timeout=60_000)
    expect(page.get_by_text("access_denied")).to_be_visible()


@pytest.mark.parametrize("path", ["/Platforms", "/Sync_jobs"])
def test_a_hiring_manager_is_refused(working_app, visit: Visit, path: str):
    page = visit(working_app, MANAGER)
    page.goto(working_app.url + path)
    expect(page.get_by_text("You are not allowed to see this page.")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_role("button", name=re.compile("Sync|Connect"))).to_have_count(0)


def test_what_may_break_terms_is_connected_only_by_who_answers_for_it(working_app, keys, visit: Visit):
    page = visit(working_app, ADMIN, "/Platforms")
    open_form(page, "LinkedIn postings by Lix")
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("LinkedIn's user agreement forbids")).to_be_visible()
    fill(page, "API key", keys["lix"]["api_key"])
    fill(page, "LinkedIn company ID", keys["lix"]["organization_id"])
    save(page)
    expect(dialog.get_by_text("Read the warning and agree to it")).to_be_visible(timeout=PATIENCE)
    settle(page)
    dialog.get_by_text("I have read the warning and answer for it").first.click()
    settle(page)
    save(page)
    told(page, "is connected to Halden Robotics")
