"""Referring on the screens: by name and by link, what one sees of one's own, and the desk."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect
from sqlmodel import select

from actions import referrals
from actions.referrals import Wanted
from actions.users import find_user
from actions.viewer import Viewer
from settings import load
from store.opening import attach_store
from store.tables import AuditEntry, JobPosting, Referral, TrackerSite
from store.writes.applications_told import PostingIndex, StageTold, Teller, Told, TouchTold, tell_application
from tests.launch import running_app
from tests.people import ADMIN, MANAGER, seed_data_dir
from tests.ui.screens import choose, choose_row, downloaded, press, settle, show, write

EVIL = "=1+1 <b>Eve</b> [x](javascript:alert(1)) :red[y]"
NOW = datetime.now(UTC)


class Desk:
    """An app of its own with two open postings."""

    def __init__(self, app, store, company_id, postings):
        self.app, self.store, self.company_id = app, store, company_id
        self.nurse, self.cook = postings

    def viewer(self, email):
        user = find_user(self.store, email)
        return Viewer(user.id, user.company_id, user.role, user.name, user.email)

    def refer(self, by, posting, name, email, days_ago=1):
        wanted = Wanted(posting.id, name, email, by_mail=False)
        return referrals.refer(self.store, self.viewer(by), wanted, now=NOW - timedelta(days=days_ago))

    def tell(self, ref, stage, made=None, link=None):
        at = NOW - timedelta(hours=5)
        by_code = TouchTold("referral", "c", at, "referrals", referral_id=made.id) if made else None
        by_link = TouchTold("link", "l", at, "referrals", link_id=link.id) if link else None
        with self.store.writing() as session:
            teller = Teller(self.company_id, self.store.vault, PostingIndex(session, self.company_id))
            touches = tuple(one for one in (by_code, by_link) if one)
            stages = (StageTold("applied", at), StageTold(stage, at + timedelta(hours=1)))
            told = Told("api", stages, refs=(("", ref),), posting_ref="R-Nurse", touches=touches)
            tell_application(session, teller, told, now=NOW)

    def deeds(self):
        with self.store.reading() as session:
            return [row.action for row in session.exec(select(AuditEntry).order_by(AuditEntry.seq))]


@pytest.fixture(scope="module")
def desk(tmp_path_factory):
    data_dir = tmp_path_factory.mktemp("referrals")
    people = seed_data_dir(data_dir)
    store = attach_store(load({"DATA_DIR": str(data_dir)}))
    postings = [
        JobPosting(
            company_id=people.company.id,
            number=number,
            title=title,
            requisition_ref=f"R-{title}",
            path=f"/jobs/{title}",
        )
        for number, title in ((501, "Nurse"), (502, "Cook"))
    ]
    with store.writing() as session:
        session.add_all(postings)
        session.add(
            TrackerSite(company_id=people.company.id, key="k", settings={"origins": ["https://jobs.acme.example"]})
        )
    with running_app(data_dir=data_dir) as app:
        yield Desk(app, store, people.company.id, postings)
    store.close()


def test_an_employee_refers_somebody_on_a_phone_and_reads_why_not_twice(desk, visit):
    page = visit(desk.app, MANAGER, f"/Refer_someone?posting={desk.nurse.id}", viewport={"width": 390, "height": 844})
    for words in ("Thank you for referring", "You have referred this person for this posting already"):
        write(page.get_by_role("textbox", name="Their name"), EVIL)
        write(page.get_by_role("textbox", name="Their e-mail address"), "Eve+x@People.example")
        write(page.get_by_role("textbox", name="A few words to them, if you like"), "Come!")
        page.get_by_role("button", name="Refer", exact=True).click()
        expect(page.get_by_text(words)).to_be_visible()
        # What was for one person is not there for the next; what was refused can be mended.
        kept = "" if words.startswith("Thank") else "Come!"
        expect(page.get_by_role("textbox", name="A few words to them, if you like")).to_have_value(kept)
    with desk.store.reading() as session:
        (row,) = session.exec(select(Referral)).all()
    assert desk.store.vault.open("referrals", row.id, "candidate_email", row.candidate_email) == "eve+x@people.example"
    show(page, desk.app, "/My_referrals")
    expect(page.get_by_text(EVIL)).to_be_visible()
    expect(page.get_by_text(re.compile("Waiting$")).filter(visible=True).first).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    withdraw = page.get_by_role("button", name="Withdraw this referral")
    press(page.get_by_role("button", name="Withdraw"), withdraw).click()
    expect(page.get_by_text(re.compile("Withdrawn$")).filter(visible=True).first).to_be_visible()


def test_an_own_link_is_made_once_and_who_applied_by_it_stands_under_my_referrals(desk, visit):
    page = visit(desk.app, MANAGER, "/Refer_someone?way=By+my+own+link")
    address = press(page.get_by_role("button", name="Get my link"), page.locator("code", has_text="/r/"))
    code = address.inner_text().strip().rpartition("/r/")[2]
    show(page, desk.app, "/Refer_someone?way=By+my+own+link")
    expect(page.locator("code", has_text=code)).to_be_visible()
    link = referrals.share_link(desk.store, desk.viewer(MANAGER), None, now=NOW)
    assert (link.code, link.is_new) == (code, False)
    desk.tell("L-1", "interviewed", link=link)
    show(page, desk.app, "/My_referrals")
    expect(page.get_by_text("Somebody who came by a link")).to_be_visible()
    expect(page.get_by_text(re.compile("In interviews$")).filter(visible=True).first).to_be_visible()
    expect(page.get_by_text("0 visits · 1 application")).to_be_visible()


def test_the_desk_masks_and_reveals_on_the_record_and_narrows_and_exports_safely(desk, visit):
    desk.refer(MANAGER, desk.cook, EVIL, "ann@people.example")
    hired = desk.refer(ADMIN, desk.nurse, "Bo Bo", "bo@people.example")
    desk.tell("H-1", "hired", made=hired)
    page = visit(desk.app, ADMIN, "/Referral_desk")
    expect(page.get_by_text(re.compile(r"1 to \d+ of \d+ referrals"))).to_be_visible()
    rows = downloaded(page, "download_referrals")
    assert rows[0][:4] == ["Candidate", "Posting", "Referrer", "State"]
    told = {row[10]: row for row in rows[1:]}
    assert told["b…@people.example"][3] == "Hired"
    assert not any(cell.startswith(("=", "+", "@", "-")) for row in rows[1:] for cell in row)
    assert "Eve" not in str(rows)
    choose(page, page, "State", "Hired")
    expect(page.get_by_text("1 to 1 of 1 referral.")).to_be_visible()
    write(page.get_by_role("textbox", name="Find"), "bo+2@people.example")
    expect(page.get_by_text("1 to 1 of 1 referral.")).to_be_visible()
    assert "personal_data.read" not in desk.deeds()
    reveal = page.get_by_role("button", name="Show name")
    choose_row(page.get_by_test_id("stDataFrame").first, 1, reveal)
    reveal.click()
    expect(page.get_by_role("heading", name="Bo Bo, bo")).to_be_visible()
    assert "personal_data.read" in desk.deeds()
    settle(page)
    applicant = page.get_by_role("link", name="Open the applicant").get_attribute("href") or ""
    with desk.store.reading() as session:
        key = session.get_one(Referral, hired.id).application_id
    assert applicant.endswith(f"Applicants?applicant={key}")
    for part in ("Rewards", "Rules", "Invitations", "Statistics"):
        page.get_by_test_id("stButtonGroup").first.get_by_text(part, exact=True).click()
        settle(page)
        expect(page.get_by_test_id("stException")).to_have_count(0)


def test_on_a_phone_the_buttons_of_the_desk_s_table_cover_no_words(desk, visit):
    desk.refer(MANAGER, desk.cook, "Pia Pim", "pia@people.example")
    page = visit(desk.app, ADMIN, "/Referral_desk", viewport={"width": 390, "height": 844})
    count = page.get_by_text(re.compile(r"1 to \d+ of \d+ referral"))
    expect(count).to_be_visible()
    settle(page)
    edge = "getBoundingClientRect()"
    ends = f"node => {{ const told = new Range(); told.selectNodeContents(node); return told.{edge}.right; }}"
    buttons = page.get_by_test_id("stElementToolbar").first
    assert count.evaluate(ends) <= buttons.evaluate(f"node => node.{edge}.left")
