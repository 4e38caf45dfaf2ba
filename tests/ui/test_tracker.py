"""The screens of the tracker and of links: set up by hand, followed live, and their files safe to open."""

from datetime import UTC, datetime

import httpx
import pytest
from playwright.sync_api import expect
from sqlmodel import select

from domain.metrics import BY_NAME
from settings import load
from store.opening import attach_store
from store.tables import AggregatedFact, JobPosting, TrackerSite
from store.tables.columns import new_id
from store.writes.links import make_link
from store.writes.tracker import insert_events, save_site
from tests.launch import running_app
from tests.people import ADMIN, MANAGER, seed_data_dir
from tests.ui.screens import choose, choose_row, downloaded, open_dialog, press, saved, show, told, write
from tests.waiting import until
from ui import qr

EVIL = '=HYPERLINK("http://127.0.0.1:9/p") [x](javascript:alert(1)) <b>:red[y]</b>'
SITE = "https://jobs.acme.example"
#: Milliseconds: a busy machine takes its time.
LONG = 90_000
PERSON = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", "Origin": SITE}


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """An app of its own: what these tests set up would be in others' numbers."""
    data_dir = tmp_path_factory.mktemp("tracked")
    people = seed_data_dir(data_dir)
    store = attach_store(load({"DATA_DIR": str(data_dir)}))
    with store.writing() as session:
        for number, title in ((1, "Nurse"), (2, EVIL)):
            session.add(JobPosting(company_id=people.company.id, number=number, title=title, path=f"/jobs/{number}"))
    with running_app(data_dir=data_dir, WORKERS="1") as app:
        yield app, store, people.company.id
    store.close()


def event(company_id, **more):
    return {
        "id": new_id(), "company_id": company_id, "at": datetime.now(UTC), "kind": "view", "posting_id": None,
        "path": "/jobs/1", "source": "indeed", "medium": "", "campaign": "", "referrer_host": "", "visitor": "v",
        "country": "NL", "agent": "Firefox 128", "filtered_reason": "", "link_id": None, "referral_id": None,
        "application_ref": "", "told_at": None,
    } | more  # fmt: skip


def test_an_admin_sets_the_tracker_up_and_sees_events_arrive(tracked, visit):
    app, store, company_id = tracked
    page = visit(app, ADMIN, "/Links")
    page.set_default_timeout(LONG)
    expect(page.get_by_text("Links lead only to your own sites")).to_be_visible(timeout=LONG)
    show(page, app, "/Tracker")
    write(page.get_by_role("textbox", name="Sites, one to a line"), "http://jobs.acme.example")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is not the address of a site")).to_be_visible(timeout=LONG)
    write(page.get_by_role("textbox", name="Sites, one to a line"), f"{SITE}/careers\njobs.acme.example")
    write(page.get_by_role("textbox", name="Address of a posting"), "/jobs/{slug}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("A path pattern holds")).to_be_visible(timeout=LONG)
    write(page.get_by_role("textbox", name="Address of a posting"), "/jobs/{posting}")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Nothing has arrived yet")).to_be_visible(timeout=LONG)
    with store.reading() as session:
        site = session.exec(select(TrackerSite)).one()
    assert site.settings == {"origins": [SITE], "path_pattern": "/jobs/{posting}"}
    snippet = page.get_by_text(f'{app.url}/track.js" data-site="{site.key}"')
    press(page.get_by_role("tab", name="Set up"), snippet)
    press(page.get_by_role("tab", name="Arriving"), page.get_by_text("Nothing has arrived yet"))
    with store.writing() as session:
        insert_events(session, [event(company_id, filtered_reason="bot", agent=EVIL)])
    seen = {"k": site.key, "e": "view", "p": "/jobs/1"}
    assert httpx.post(f"{app.url}/api/track", json=seen, headers=PERSON, trust_env=False, timeout=60).status_code == 204
    # Without a click: the panel asks again by itself, and the workers count.
    expect(page.get_by_text("Events are arriving")).to_be_visible(timeout=LONG)
    assert wait_for_views(store) == 1
    expect(page.get_by_text("Page views, 24 hours")).to_be_visible(timeout=LONG)
    show(page, app, "/Tracker")
    press(page.get_by_role("tab", name="Filtered (1)"), page.locator(".st-key-download_filtered"))
    rows = downloaded(page, "download_filtered")
    assert rows[1][:2] == ["Crawler or other program", f"'{EVIL}"]


def wait_for_views(store):
    """The counted views of today, once there are any."""
    wanted = (AggregatedFact.grain == 1, AggregatedFact.metric == BY_NAME["views"].number, AggregatedFact.value > 0)

    def counted():
        with store.reading() as session:
            return session.exec(select(AggregatedFact.value).where(*wanted)).first()

    until(counted, "the view is counted", seconds=LONG / 1000)
    return counted()


def test_links_are_made_many_at_a_time_in_words_that_do_not_split(tracked, visit):
    app, store, company_id = tracked
    with store.writing() as session:
        save_site(session, company_id, "key", {"origins": [SITE]}, now=datetime.now(UTC))
    page = visit(app, ADMIN, "/Links")
    page.set_default_timeout(LONG)
    make_links(page, ["Nurse", EVIL], ["LinkedIn", "Indeed"], "Spring Fair")
    told(page, "4 links ready to share")
    expect(page.get_by_text("4 links, 0 clicks")).to_be_visible(timeout=LONG)
    rows = downloaded(page, "download_links")
    assert {row[2] for row in rows[1:]} == {"spring-fair"}
    assert {row[1] for row in rows[1:]} == {"LinkedIn", "Indeed"}
    assert f"'{EVIL}" in {row[0] for row in rows[1:]}
    assert all(row[6].startswith(f"{app.url}/l/") for row in rows[1:])
    make_links(page, ["Nurse"], ["Facebook"], "springfair", then=False)
    expect(page.get_by_text("Two spellings split its numbers")).to_be_visible(timeout=LONG)


def make_links(page, postings, platforms, campaign, *, then=True):
    form = open_dialog(page.get_by_role("button", name="New links"))
    choose(page, form, "Postings", *postings)
    choose(page, form, "Platforms", *platforms)
    choose(page, form, "Campaign", campaign)
    if then:
        form.get_by_role("button", name=f"Make {len(postings) * len(platforms)} link").click()


def test_a_hiring_manager_sees_links_and_makes_none(tracked, visit):
    app, store, company_id = tracked
    values = {"posting_id": None, "platform": "x", "campaign": "board", "target_url": SITE, "created_by": None}
    with store.writing() as session:
        make_link(session, company_id, values, now=datetime.now(UTC))
    page = visit(app, MANAGER, "/Links")
    page.set_default_timeout(LONG)
    expect(page.get_by_text("Choose a row for its address")).to_be_visible(timeout=LONG)
    expect(page.get_by_role("button", name="New links")).to_have_count(0, timeout=LONG)
    assert any(row[2] == "board" for row in downloaded(page, "download_links"))
    choose_row(page.get_by_test_id("stDataFrame"), 1, page.get_by_text("QR code as SVG"))
    expect(page.get_by_role("button", name="Switch off")).to_have_count(0, timeout=LONG)
    address = page.locator(".st-key-link code").inner_text().strip()
    assert address in {told[6] for told in downloaded(page, "download_links")}
    assert saved(page, "qr_svg") == qr.svg(address).encode()
    assert saved(page, "qr_png") == qr.png(address)
