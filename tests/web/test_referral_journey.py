"""A referral from the first click to payroll: by mail, over a career site, to a hire and what it earns."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlmodel import col, select

from actions.tokens import make_key
from actions.viewer import Viewer
from domain.metrics import BY_NAME
from domain.platforms import BY_KEY
from settings import load
from store.opening import Store, attach_store
from store.tables import AggregatedFact, Company, JobPosting, Referral, RewardRule, TrackerSite, User
from tests.jobs.postbox import Postbox, mail_server
from tests.launch import RunningApp, free_port, running_app
from tests.people import ADMIN, MANAGER, seed_data_dir
from tests.ui.screens import choose_row, downloaded, enter, metric, press, settle, show, source_rows, write
from tests.waiting import until
from tests.web import screens

#: Seconds for what workers do on a busy machine.
PATIENCE = 180.0
#: Headless Chromium says so in its user agent, and would rightly be filtered.
PERSON = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
CANDIDATE = "sam.lind@people.example"


@contextmanager
def career_site(app_url: str, key: str) -> Iterator[str]:
    """A company's own site with our snippet: one posting, an application form and a page that says thanks."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            done = (
                '<p data-sourceboard="apply-complete" data-application="A-77">Thanks</p>'
                if "thanks" in self.path
                else ""
            )
            body = (
                f'<!doctype html><script defer src="{app_url}/track.js" data-site="{key}"></script><h1>Nurse</h1>'
                f'<button data-sourceboard="apply-start">Apply</button><a href="/jobs/nurse/thanks">Send</a>{done}'
            ).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: object) -> None:
            """Silent."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join(60)


class Journey:
    """The running product with its mail server and the career site, and what is stored by now."""

    def __init__(self, app: RunningApp, store: Store, box: Postbox, company: Company, posting: JobPosting) -> None:
        self.app, self.store, self.box, self.company, self.posting = app, store, box, company, posting

    def referral(self) -> Referral:
        """The one referral."""
        with self.store.reading() as session:
            return session.exec(select(Referral)).one()

    def total(self, metric: str) -> int:
        """A metric of the referrals platform, as the dashboard counts it."""
        with self.store.reading() as session:
            rows = session.exec(
                select(AggregatedFact.value).where(
                    AggregatedFact.company_no == self.company.number,
                    AggregatedFact.grain == 1,
                    AggregatedFact.platform == BY_KEY["referrals"].number,
                    AggregatedFact.metric == BY_NAME[metric].number,
                )
            )
            return sum(rows)

    def key(self) -> str:
        """An API key of the admin's."""
        with self.store.reading() as session:
            user = session.exec(select(User).where(col(User.email) == ADMIN)).one()
        viewer = Viewer(user.id, user.company_id, user.role, user.name, user.email)
        return make_key(self.store, viewer, "ATS", ["applications:write"], now=datetime.now(UTC)).key


@pytest.fixture
def journey(tmp_path: Path) -> Iterator[Journey]:
    """A company with a posting on its own site and a reward for a hire; workers run."""
    people = seed_data_dir(tmp_path)
    store = attach_store(load({"DATA_DIR": str(tmp_path)}))
    port, box = free_port(), Postbox()
    url = f"http://127.0.0.1:{port}"
    with ExitStack() as stack:
        stack.callback(store.close)
        smtp = stack.enter_context(mail_server(box))
        site = stack.enter_context(career_site(url, "journey"))
        posting = JobPosting(
            company_id=people.company.id, number=1, title="Nurse", requisition_ref="REQ-1", path="/jobs/nurse"
        )
        rule = {"amount_minor": 150_000, "currency": "EUR", "name": "Bonus"}
        with store.writing() as session:
            session.add(posting)
            session.add(RewardRule(company_id=people.company.id, **rule))
            settings = {"origins": [site], "path_pattern": "/jobs/{posting}"}
            session.add(TrackerSite(company_id=people.company.id, key="journey", settings=settings))
        environ = {"SMTP_URL": f"smtp://127.0.0.1:{smtp}", "PUBLIC_URL": url, "MAIL_FROM": "jobs@acme.example"}
        app = stack.enter_context(running_app(data_dir=tmp_path, WORKERS="1", PORT=str(port), **environ))
        yield Journey(app, store, box, people.company, posting)


@pytest.fixture
def person(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Call it for a fresh browser of somebody's."""
    contexts: list[BrowserContext] = []

    def come(**more: Any) -> Page:
        contexts.append(browser.new_context(**more))
        page = contexts[-1].new_page()
        page.set_default_timeout(PATIENCE * 1000)
        return page

    expect.set_options(timeout=PATIENCE * 1000)
    yield come
    expect.set_options(timeout=screens.PATIENCE)
    for context in contexts:
        context.close()


def test_a_referral_goes_from_an_invitation_over_the_career_site_to_payroll(
    journey: Journey, person: Callable[..., Page]
) -> None:
    mo, sam, ada = person(), person(user_agent=PERSON), person()

    enter(mo, journey.app, MANAGER, f"/Refer_someone?posting={journey.posting.id}")
    write(mo.get_by_role("textbox", name="Their name"), "Sam Lind")
    write(mo.get_by_role("textbox", name="Their e-mail address"), CANDIDATE)
    mo.get_by_role("button", name="Refer", exact=True).click()
    expect(mo.get_by_text("Thank you for referring Sam Lind.")).to_be_visible()

    until(lambda: journey.box.taken, "the invitation arrives", PATIENCE)
    (addresses, message) = journey.box.taken[0]
    assert addresses == [CANDIDATE]
    body = message.get_body(("plain",))
    assert body is not None
    link = re.search(rf"{re.escape(journey.app.url)}/r/{journey.referral().code}", body.get_content())
    assert link is not None

    sam.goto(link.group())
    expect(sam.get_by_role("heading", name="Nurse")).to_be_visible()
    expect(sam.get_by_text("Mo", exact=False).first).to_be_visible()
    sam.get_by_role("link", name=re.compile("apply", re.IGNORECASE)).or_(
        sam.get_by_role("button", name=re.compile("apply", re.IGNORECASE))
    ).first.click()
    sam.wait_for_url(re.compile(r"/jobs/nurse\?.*utm_id="))
    sam.get_by_role("button", name="Apply").click()
    sam.get_by_role("link", name="Send").click()
    expect(sam.get_by_text("Thanks")).to_be_visible()

    until(lambda: journey.referral().status == "applied", "the referral has applied", PATIENCE)
    show(mo, journey.app, "/My_referrals")
    expect(mo.get_by_text(re.compile("Applied$")).filter(visible=True).first).to_be_visible()
    expect(mo.get_by_text("when the person is hired")).to_be_visible()
    until(lambda: journey.total("applications") == 1, "an application of referrals is counted", PATIENCE)
    enter(ada, journey.app, ADMIN, "/")
    expect(metric(ada, "Applications")).to_have_text("1")
    assert source_rows(ada)["Referrals"][0] == "1"

    stages = [{"stage": stage, "at": datetime.now(UTC).isoformat()} for stage in ("interviewed", "hired")]
    told = {"applications": [{"ref": "A-77", "posting": "REQ-1", "stages": stages}]}
    bearer = {"Authorization": f"Bearer {journey.key()}"}
    answer = httpx.post(f"{journey.app.url}/api/applications", json=told, headers=bearer, timeout=60, trust_env=False)
    assert answer.json() == {"inserted": 0, "known": 1}
    assert journey.referral().status == "hired"
    until(lambda: journey.total("hires") == 1, "a hire of referrals is counted", PATIENCE)
    show(ada, journey.app, "/")
    expect(metric(ada, "Hires")).to_have_text("1")

    show(ada, journey.app, "/Referral_desk?part=Rewards")
    approve = ada.get_by_role("button", name="Approve 1 reward")
    choose_row(ada.get_by_test_id("stDataFrame").first, 0, approve)
    approve.click()
    expect(approve).to_have_count(0)
    settle(ada)
    put = ada.get_by_role("button", name="Put all approved into a payout")
    press(ada.get_by_test_id("stButtonGroup").get_by_text("Approved", exact=True), put).click()
    pay = ada.locator('[class*="st-key-pay_P"] button')
    expect(pay).to_be_visible()
    key = re.search(r"st-key-(payout_P\S+_csv)", ada.locator('[class*="_csv"]').first.get_attribute("class") or "")
    assert key is not None
    (head, row) = downloaded(ada, key.group(1))
    line = dict(zip(head, row, strict=True))
    assert "1500.00" in line.values()
    assert {"Mo", "EUR"} <= set(line.values())
    pay.click()
    expect(ada.get_by_text("Paid", exact=True).first).to_be_visible()
    until(lambda: journey.referral().reward_status == "paid", "the reward is paid", PATIENCE)
    until(lambda: journey.total("spend") == 150_000, "what was paid is spend of referrals", PATIENCE)
    show(mo, journey.app, "/My_referrals")
    expect(mo.get_by_text(re.compile("^Paid .*:$"))).to_be_visible()
    # Admins may have been told of the reward, once a day; whoever was referred got one message.
    assert journey.box.recipients().count(CANDIDATE) == 1
