"""The dashboard in a real browser: its numbers, its filters in the address, its file, and its live switch."""

import random
import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page, expect
from sqlmodel import col, select

from domain.periods import Period
from domain.platforms import BY_KEY
from store.tables import PlatformConfig, PlatformSyncJob
from tests.launch import RunningApp, full_disk
from tests.people import ADMIN, MANAGER
from tests.store.reports.seed import total
from tests.ui.scene import Scene, raise_number
from tests.ui.screens import PATIENCE, choose, downloaded, metric, press, query, runs, settle, show, source_rows, told

pytestmark = pytest.mark.browser
Visit = Callable[..., Page]


def last(scene: Scene, days: int) -> Period:
    end = scene.today + timedelta(days=1)
    return Period(end - timedelta(days=days), end)


def test_cards_show_the_period_to_the_last_digit(app: RunningApp, scene: Scene, visit: Visit):
    page = visit(app, MANAGER)
    for label, name in (("Views", "views"), ("Clicks", "clicks"), ("Applications", "applications"), ("Hires", "hires")):
        expect(metric(page, label)).to_have_text(f"{total(scene.known, name, last(scene, 30)):,}")


def test_a_chosen_period_and_platform_stand_in_the_address_and_change_the_numbers(app, scene, visit: Visit):
    page = visit(app, MANAGER)
    page.get_by_role("radio", name="90 days").or_(page.get_by_text("90 days", exact=True)).first.click()
    expect(metric(page, "Applications")).to_have_text(f"{total(scene.known, 'applications', last(scene, 90)):,}")
    expect(page).to_have_url(re.compile(r"period=90(\+|%20)days"))
    choose(page, page, re.compile("Platforms"), "Indeed")
    wanted = total(scene.known, "applications", last(scene, 90), ("indeed",))
    expect(metric(page, "Applications")).to_have_text(f"{wanted:,}")
    expect(page).to_have_url(re.compile(r"platform=Indeed"))
    page.reload()
    expect(metric(page, "Applications")).to_have_text(f"{wanted:,}", timeout=PATIENCE)


def test_what_the_address_asks_for_in_vain_is_said(app, scene, visit: Visit):
    page = visit(app, MANAGER)
    show(page, app, "/?period=7+moons&platform=Myspace")
    expect(page.get_by_text("“7 moons” in the address is not a period we know. Showing 30 days.")).to_be_visible()
    expect(page.get_by_text("“Myspace” in the address is not a platform we know")).to_be_visible()
    expect(metric(page, "Applications")).to_have_text(f"{total(scene.known, 'applications', last(scene, 30)):,}")


def test_the_file_holds_exactly_what_is_on_screen_for_any_filter(app, scene, visit: Visit):
    page = visit(app, MANAGER)
    chance = random.Random(11)
    labels = {BY_KEY[key].label: key for key in ("company_website", "indeed", "referrals")}
    for _ in range(20):
        start = scene.today - timedelta(days=chance.randrange(1, 380))
        end = min(scene.today, start + timedelta(days=chance.randrange(0, 60)))
        chosen = chance.sample(sorted(labels), chance.randrange(0, 4))
        show(page, app, query(start, end, chosen))
        keys = tuple(labels[label] for label in chosen)
        wanted = total(scene.known, "applications", Period(start, end + timedelta(days=1)), keys)
        expect(metric(page, "Applications")).to_have_text("—" if wanted is None else f"{wanted:,}")
        on_screen = source_rows(page)
        header, *rows = downloaded(page, "download_sources")
        assert header[:3] == ["Source", "Applications", "Share (%)"]
        in_file = {
            row[0]: (f"{int(row[1]):,}" if row[1] else "—", f"{float(row[2]):.2f}%" if row[2] else "—") for row in rows
        }
        assert in_file == on_screen
        for label, (shown, _) in on_screen.items():
            told = total(scene.known, "applications", Period(start, end + timedelta(days=1)), (labels[label],))
            assert shown == ("—" if told is None else f"{told:,}")


def test_the_live_switch_brings_new_numbers_without_running_the_page(app, scene, visit: Visit):
    page = visit(app, MANAGER)
    page.get_by_text("Live", exact=True).click()
    expect(page).to_have_url(re.compile("live=true"))
    settle(page)
    before, counted = runs(page), total(scene.known, "clicks", last(scene, 30))
    expect(metric(page, "Clicks")).to_have_text(f"{counted:,}")
    platform = next(
        key for key in ("indeed", "company_website") if (key, "clicks", scene.today - timedelta(days=1)) in scene.known
    )
    raise_number(scene, platform, "clicks", 1_000)
    scene.known[platform, "clicks", scene.today - timedelta(days=1)] += 1_000
    expect(metric(page, "Clicks")).to_have_text(f"{counted + 1_000:,}", timeout=60_000)
    assert runs(page) == before


def test_a_failed_connection_says_why_and_keeps_its_last_good_numbers(app, scene, visit: Visit):
    page = visit(app, ADMIN)
    expect(page.get_by_text("Indeed · Failed").first).to_be_visible()
    expect(page.get_by_text("The key or secret is wrong.")).to_be_visible()
    expect(page.get_by_text("The numbers shown are the last good ones")).to_be_visible()


def test_a_full_disk_is_named_and_all_goes_on_once_there_is_room(app, scene, visit: Visit):
    page = visit(app, ADMIN)
    with full_disk(app):
        page.get_by_role("button", name="Sync all").click()
        expect(page.get_by_text("Nothing was changed: the database cannot be written.")).to_be_visible()
    page.reload()
    settle(page)
    page.get_by_role("button", name="Sync all").click()
    told(page, re.compile(r"All connections: \d syncs? asked for|a sync is already under way"))


def test_sync_all_asks_and_says_so_in_a_toast(app, scene, visit: Visit):
    page = visit(app, ADMIN)
    page.get_by_role("button", name="Sync all").click()
    told(page, re.compile(r"All connections: \d syncs? asked for|a sync is already under way"))
    expect(page.get_by_text("Indeed · Syncing").first).to_be_visible()


def test_one_source_is_synced_by_the_button_of_its_row(app, scene, visit: Visit):
    forget_what_waits(scene, "company_website")
    page = visit(app, ADMIN)
    button = page.locator(".st-key-sync_company_website").get_by_role("button")
    button.click()
    told(page, "Company website: 1 sync asked for.")
    expect(page.get_by_text("Company website · Syncing").first).to_be_visible()
    expect(button).to_be_disabled()
    # What is fed by files has nothing to sync.
    expect(page.locator(".st-key-sync_referrals").get_by_role("button")).to_be_disabled()
    waiting = forget_what_waits(scene, "company_website")
    assert [(job.sync_type, job.requested_by) for job in waiting] == [("incremental", ADMIN)]


def forget_what_waits(scene: Scene, platform: str) -> list[PlatformSyncJob]:
    """Takes the syncs of a platform away that nobody has begun, whichever test asked for them; returns them."""
    store = scene.store()
    try:
        with store.writing() as session:
            of_it = select(PlatformConfig.id).where(PlatformConfig.platform == platform)
            waiting = (PlatformSyncJob.state == "pending", col(PlatformSyncJob.config_id).in_(of_it))
            found = list(session.exec(select(PlatformSyncJob).where(*waiting)))
            for job in found:
                session.delete(job)
        return found
    finally:
        store.close()


def test_a_hiring_manager_sees_no_admin_controls(app, scene, visit: Visit):
    page = visit(app, MANAGER)
    expect(page.get_by_role("button", name="Sync all")).to_have_count(0)
    expect(page.locator('[class*="st-key-sync_"]')).to_have_count(0)
    for name in ("Platforms", "Sync jobs", "Import"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    expect(page.get_by_role("link", name="Sources")).to_be_attached()


def test_a_gap_and_the_rows_behind_are_in_view_details(app, scene, visit: Visit):
    page = visit(app, MANAGER)
    press(page.get_by_text("View details"), page.locator(".st-key-download_figures"))
    header, *rows = downloaded(page, "download_figures")
    shown = {row[0]: dict(zip(header[1:], row[1:], strict=True)) for row in rows}
    for platform, label in (("indeed", "Indeed"), ("company_website", "Company website")):
        assert shown[label]["Applications"] == str(total(scene.known, "applications", last(scene, 30), (platform,)))
    assert shown["Company website"]["Impressions"] == "", "it does not report them: missing is not zero"
    doubt = "Company website, at its last sync: small counts are withheld to protect visitors."
    press(page.get_by_role("tab", name="Why this number"), page.get_by_text(doubt))
