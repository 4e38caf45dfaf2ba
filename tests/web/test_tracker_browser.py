"""A page of another site with the snippet, in a real browser: numbers move, and the browser keeps nothing."""

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlmodel import col, select

from actions.links import make_links
from actions.tracker import save_tracker
from actions.viewer import Viewer
from domain.metrics import BY_NAME
from jobs.aggregate import aggregate_due
from jobs.project import project_due
from jobs.track import track_due
from settings import load
from store.opening import attach_store
from store.tables import AggregatedFact, Company, JobPosting, TrackerSite, WebsiteAnalytics
from store.tables.columns import new_id
from tests.launch import RunningApp
from tests.waiting import until

PATIENCE = 120.0
#: Headless Chromium says so in its user agent, and would rightly be filtered.
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
NOTHING_KEPT = """async () => [document.cookie, localStorage.length, sessionStorage.length,
    (await indexedDB.databases()).length, (await caches.keys()).length]"""


class Career:
    """A career site on a port of its own, and what the app has heard of it."""

    def __init__(self, app: RunningApp, number: int) -> None:
        self.app = app
        self.store = attach_store(load({"DATA_DIR": str(app.data_dir)}))
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()
        self.company = Company(number=number, name=f"Career {number}")
        with self.store.writing() as session:
            session.add(self.company)
            session.flush()
            self.nurse = JobPosting(company_id=self.company.id, number=1, title="Nurse", path="/jobs/nurse")
            session.add(self.nurse)
        self.admin = Viewer(new_id(), self.company.id, "admin", "Ada", "ada@career.example")
        save_tracker(self.store, self.admin, [self.url], "/jobs/{posting}", now=datetime.now(UTC))
        with self.store.reading() as session:
            where = col(TrackerSite.company_id) == self.company.id
            self.key = session.exec(select(TrackerSite.key).where(where)).one()

    def close(self) -> None:
        """Stop the site."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(PATIENCE)
        self.store.close()

    def heard(self, at_least: int, **where: str) -> list[WebsiteAnalytics]:
        """Events once there are so many; the test fails when they do not come."""
        deadline = time.monotonic() + PATIENCE
        while True:
            with self.store.reading() as session:
                query = select(WebsiteAnalytics).where(WebsiteAnalytics.company_id == self.company.id)
                for name, value in where.items():
                    query = query.where(getattr(WebsiteAnalytics, name) == value)
                found = list(session.exec(query.order_by(col(WebsiteAnalytics.at), col(WebsiteAnalytics.id))))
            if len(found) >= at_least:
                return found
            assert time.monotonic() < deadline, f"{len(found)} of {at_least} events with {where}"
            time.sleep(0.05)

    def total(self, metric: str) -> int:
        """A metric's counted number over all days, after what a tick of the clock does."""
        now = datetime.now(UTC)
        track_due(self.store, now)
        project_due(self.store, now)
        aggregate_due(self.store, now, {}, seconds=600)
        with self.store.reading() as session:
            rows = session.exec(
                select(AggregatedFact.value).where(
                    AggregatedFact.company_no == self.company.number,
                    AggregatedFact.grain == 1,
                    AggregatedFact.metric == BY_NAME[metric].number,
                )
            )
            return sum(rows)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        career = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                done = '<p data-sourceboard="apply-complete">Thanks</p>' if "/thanks" in self.path else ""
                body = (
                    f'<!doctype html><script defer src="{career.app.url}/track.js" data-site="{career.key}"></script>'
                    f'<button data-sourceboard="apply-start">Apply</button><a href="/jobs/nurse/thanks">Send</a>{done}'
                    '<p id="works"></p><script>addEventListener("load", () => works.textContent = "works")</script>'
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args: object) -> None:
                """Silent."""

        return Handler


@pytest.fixture(scope="module")
def career(app: RunningApp) -> Iterator[Career]:
    """One for all: the app remembers for seconds which sites it hears, and would not hear another one at once."""
    career = Career(app, 7201)
    yield career
    career.close()


class Visitor:
    """A fresh browser profile's page, what it sent to the tracker, and the errors it met."""

    def __init__(self, browser: Browser, script: str = "") -> None:
        self.context = browser.new_context(user_agent=PERSON)
        if script:
            self.context.add_init_script(script)
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE * 1000)
        self.sent: list[str] = []
        self.errors: list[str] = []
        self.page.on("request", lambda request: self.sent.append(request.url) if "/api/track" in request.url else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, url: str) -> Page:
        """Open a page, and see that it works."""
        self.page.goto(url)
        expect(self.page.locator("#works")).to_have_text("works", timeout=PATIENCE * 1000)
        return self.page


@pytest.fixture
def visit(browser: Browser) -> Iterator[object]:
    opened: list[Visitor] = []

    def make(script: str = "") -> Visitor:
        opened.append(Visitor(browser, script))
        return opened[-1]

    yield make
    for visitor in opened:
        visitor.context.close()


def test_a_visit_makes_the_numbers_move_and_leaves_nothing_in_the_browser(career, visit):
    visitor = visit()
    page = visitor.open(f"{career.url}/jobs/nurse?utm_source=Indeed&utm_medium=cpc&utm_campaign=Spring")
    page.get_by_role("button", name="Apply").click()
    page.get_by_role("link", name="Send").click()
    expect(page.get_by_text("Thanks")).to_be_visible(timeout=PATIENCE * 1000)
    career.heard(1, kind="apply_complete")
    kinds = sorted(event.kind for event in career.heard(4, posting_id=career.nurse.id))
    assert kinds == ["apply_complete", "apply_start", "view", "view"]
    assert page.evaluate(NOTHING_KEPT) == ["", 0, 0, 0, 0]
    assert visitor.context.cookies() == []
    events = career.heard(4)
    assert {event.source for event in events} == {"indeed", ""}
    # A visitor is another one on another day, and one may end meanwhile.
    days = len({event.at.astimezone(UTC).date() for event in events})
    assert len({event.visitor for event in events}) == days
    assert [career.total(name) for name in ("views", "apply_starts", "applications", "sessions")] == [2, 1, 1, days]
    assert visitor.errors == []


def test_pages_that_a_script_shows_are_views_too(career, visit):
    visitor = visit()
    page = visitor.open(f"{career.url}/spa/one")
    career.heard(1, path="/spa/one")
    page.evaluate("history.pushState({}, '', '/spa/two')")
    career.heard(1, path="/spa/two")
    page.evaluate("history.replaceState({}, '', '/spa/two?tab=1#x')")
    page.evaluate("history.pushState({}, '', '/spa/three')")
    career.heard(1, path="/spa/three")
    page.go_back()
    assert len(career.heard(2, path="/spa/two")) == 2
    page.evaluate("sourceboard('apply_complete', {posting: 'nurse', application: 'A-77'})")
    (event,) = career.heard(1, application_ref="A-77")
    assert event.path == "/spa/two"
    assert visitor.errors == []


@pytest.mark.parametrize(
    "asks",
    [
        "Object.defineProperty(Navigator.prototype, 'doNotTrack', {get: () => '1'})",
        "Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', {get: () => true})",
    ],
)
def test_who_asks_not_to_be_tracked_sends_nothing(career, visit, asks):
    visitor = visit(asks)
    page = visitor.open(f"{career.url}/asked")
    page.get_by_role("button", name="Apply").click()
    page.evaluate("history.pushState({}, '', '/asked/more')")
    # The script has run to its end: had it stayed, this would be its function.
    assert page.evaluate("typeof window.sourceboard") == "undefined"
    assert visitor.sent == []
    assert visitor.errors == []


@pytest.mark.parametrize("blocked", ["**/track.js", "**/api/track"])
def test_a_blocked_tracker_leaves_the_page_as_it_is(career, visit, blocked):
    visitor = visit()
    visitor.page.route(blocked, lambda route: route.abort())
    page = visitor.open(f"{career.url}/blocked")
    page.get_by_role("button", name="Apply").click()
    page.evaluate("history.pushState({}, '', '/blocked/more')")
    assert page.evaluate("location.pathname") == "/blocked/more"
    assert visitor.errors == []
    assert career.heard(0, path="/blocked") == []


def test_a_browser_in_which_everything_throws_leaves_the_page_as_it_is(career, visit):
    broken = (
        "navigator.sendBeacon = () => { throw new Error('beacon') }; window.fetch = () => { throw new Error('fetch') }"
    )
    visitor = visit(broken)
    page = visitor.open(f"{career.url}/broken")
    page.get_by_role("button", name="Apply").click()
    page.evaluate("history.pushState({}, '', '/broken/more')")
    page.evaluate("sourceboard('apply_start')")
    assert page.evaluate("location.pathname") == "/broken/more"
    assert visitor.errors == []


def test_without_beacons_events_are_fetched_away(career, visit):
    visitor = visit("delete Navigator.prototype.sendBeacon")
    visitor.open(f"{career.url}/fetched")
    career.heard(1, path="/fetched")
    assert visitor.errors == []


def test_a_link_s_click_and_the_visit_it_brings_are_told_apart_and_joined(career, visit):
    wanted = [(career.nurse.id, f"{career.url}/jobs/nurse")]
    viewer = Viewer(None, career.company.id, "admin", "Ada", "ada@career.example")
    (slug,) = make_links(career.store, viewer, wanted, ["linkedin"], "Fair", now=datetime.now(UTC))
    visitor = visit()
    page = visitor.open(f"{career.app.url}/l/{slug}")
    assert page.url.startswith(f"{career.url}/jobs/nurse?utm_source=linkedin")
    (event,) = career.heard(1, campaign="fair")
    assert event.link_id is not None
    assert (event.source, event.referrer_host) == ("linkedin", "")
    until(lambda: career.total("clicks") == 1, "the click is counted")
