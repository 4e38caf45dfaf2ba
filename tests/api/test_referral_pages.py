"""Pages of people who were recommended: what they show, where they lead, and what strangers cannot find out."""

import itertools
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from sqlmodel import col, select

from actions.invitations import invite
from actions.opting_out import NOT_ME, STOP, token_of
from actions.referrals import Wanted, refer, share_link
from actions.tracker import save_tracker
from actions.viewer import Viewer
from api.guessing import MOST_BY_ONE
from api.referral_pages import NOBODY
from settings import Settings, load
from store.opening import attach_store
from store.reports.landing import find_landing
from store.tables import AuditEntry, Company, JobPosting, LinkClick, Mail, MailSuppression, Referral, TrackingLink, User
from store.tables.columns import new_id
from tests.store.plans import watching

HOME = "https://jobs.acme.example"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
EVIL = '<b onclick="x">Nurse</b> \u202e {link}'
MAILS = Settings(smtp_url="smtp://127.0.0.1:9", public_url="https://hiring.example")
_addresses = (f"198.51.{third}.{fourth}" for third, fourth in itertools.product(range(100), range(1, 250)))


class Desk:
    """A company that refers people, in the running app."""

    def __init__(self, app, number):
        self.store = attach_store(load({"DATA_DIR": str(app.data_dir)}))
        self.url = app.url
        company = Company(number=number, name=f"Harbour & Sons {number}", time_zone="Europe/Berlin")
        with self.store.writing() as session:
            session.add(company)
            session.flush()
            self.nurse = JobPosting(
                company_id=company.id,
                number=1,
                title="Nurse, <nights>",
                department="Care",
                location="Utrecht",
                apply_url=f"{HOME}/jobs/nurse?a=1#f",
                advert={"description": "You care.\n\n<script>alert(1)</script>"},
            )
            user = User(
                company_id=company.id, email=f"ada{number}@acme.example", name="Ada <i>Lovelace</i>", role="admin"
            )
            session.add_all([self.nurse, user])
        self.ada = Viewer(user.id, company.id, "admin", user.name, user.email)
        save_tracker(self.store, self.ada, [HOME], "", now=datetime.now(UTC))
        self.people = itertools.count(1)

    def visitor(self, address=None, **headers):
        """A browser at an address of its own, so that one test's guesses are not another's."""
        told = {"User-Agent": CHROME, "X-Forwarded-For": address or next(_addresses), **headers}
        return httpx.Client(base_url=self.url, trust_env=False, timeout=60, headers=told)

    def refer(self, name="Sam Lind"):
        """A new referral, made at an hour of its own: nobody refers many people in one."""
        number = next(self.people)
        wanted = Wanted(self.nurse.id, name, f"sam{number}+jobs@mail.example", by_mail=False)
        return refer(self.store, self.ada, wanted, now=datetime.now(UTC) - timedelta(hours=900 - number))

    def change(self, referral_id, **values):
        with self.store.writing() as session:
            row = session.get_one(Referral, referral_id)
            for name, value in values.items():
                setattr(row, name, value)
            session.add(row)

    def row(self, referral_id):
        with self.store.reading() as session:
            return session.get_one(Referral, referral_id)

    def clicks(self, **where):
        with self.store.reading() as session:
            query = select(LinkClick)
            for name, value in where.items():
                query = query.where(getattr(LinkClick, name) == value)
            return list(session.exec(query))

    def token(self, purpose, referral_id):
        return f"/r/{purpose}/{token_of(self.store.vault, purpose, referral_id)}"


@pytest.fixture(scope="module")
def desk(app):
    desk = Desk(app, 7301)
    yield desk
    desk.store.close()


def test_the_page_shows_the_posting_and_who_recommends_it_but_not_the_candidate(desk):
    made = desk.refer("Samuel Q. Lindqvist")
    with desk.visitor() as visitor:
        answer = visitor.get(f"/r/{made.code}")
    assert answer.status_code == 200
    for shown in (
        "Nurse, &lt;nights&gt;",
        "Care · Utrecht",
        "You care.",
        "Ada &lt;i&gt;Lovelace&lt;/i&gt;",
        "Harbour &amp;",
    ):
        assert shown in answer.text
    assert f'href="/r/{made.code}/apply"' in answer.text
    assert "<script" not in answer.text
    assert "<nights>" not in answer.text
    assert "Lindqvist" not in answer.text
    assert "mail.example" not in answer.text
    until = made.expires_at
    assert f"deleted after {until.day} {until:%B %Y} unless you apply" in re.sub(r"</?bdi[^>]*>", "", answer.text)


def test_the_page_runs_nothing_loads_nothing_and_is_kept_by_nobody(desk):
    made = desk.refer()
    with desk.visitor() as visitor:
        pages = [visitor.get(f"/r/{made.code}"), visitor.get("/r/nobody"), visitor.get("/l/nobodyhas")]
        pages.append(visitor.get(desk.token(NOT_ME, made.id)))
    for answer in pages:
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy
        assert "script-src" not in policy
        assert answer.headers.get_list("content-security-policy") == [policy]
        assert "no-store" in answer.headers["cache-control"]
        assert "noindex" in answer.headers["x-robots-tag"]
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers
    assert {page.headers["referrer-policy"] for page in pages} == {"no-referrer", "same-origin"}


def test_applying_leads_to_the_posting_with_the_code_and_is_the_click(desk):
    made = desk.refer()
    with desk.visitor() as visitor:
        visitor.get(f"/r/{made.code}")
        assert desk.clicks(referral_id=made.id) == [], "a program that checks mails looks at every address in them"
        visitor.head(f"/r/{made.code}")
        head = visitor.head(f"/r/{made.code}/apply")
        assert (head.status_code, desk.clicks(referral_id=made.id)) == (302, [])
        answer = visitor.get(f"/r/{made.code}/apply")
    words = f"utm_source=referrals&utm_medium=referral&utm_id={made.code}"
    assert answer.headers["location"] == f"{HOME}/jobs/nurse?a=1&{words}#f"
    assert answer.headers["referrer-policy"] == "no-referrer"
    (click,) = desk.clicks(referral_id=made.id)
    assert (click.filtered_reason, click.agent) == ("", "Chrome 140")


def test_a_program_that_follows_the_link_is_counted_apart(desk):
    made = desk.refer()
    with desk.visitor(**{"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}) as robot:
        assert robot.get(f"/r/{made.code}/apply").status_code == 302
    (click,) = desk.clicks(referral_id=made.id)
    assert click.filtered_reason == "bot"


def test_a_code_is_known_in_any_spelling_people_give_it(desk):
    made = desk.refer()
    with desk.visitor() as visitor:
        for spelled in (made.code.upper(), made.code.replace("-", ""), made.code.replace("-", " ")):
            answer = visitor.get(f"/r/{spelled}")
            assert answer.status_code == 200
            assert f'href="/r/{made.code}/apply"' in answer.text
        assert f"utm_id={made.code}" in visitor.get(f"/r/{made.code.upper()}/apply").headers["location"]


def test_a_personal_link_looks_the_same_without_a_candidate(desk):
    shared = share_link(desk.store, desk.ada, desk.nurse.id, now=datetime.now(UTC))
    with desk.visitor() as visitor:
        answer = visitor.get(f"/r/{shared.code}")
        assert answer.status_code == 200
        assert "Nurse, &lt;nights&gt;" in answer.text
        assert "recommends this opening" in answer.text
        assert "has your name" not in answer.text
        assert visitor.get(f"/r/{shared.code}/apply").status_code == 302
    (click,) = desk.clicks(link_id=shared.id)
    assert click.filtered_reason == ""


def test_a_personal_link_to_everything_leads_to_the_site(desk):
    shared = share_link(desk.store, desk.ada, None, now=datetime.now(UTC))
    with desk.visitor() as visitor:
        assert "Openings at Harbour" in visitor.get(f"/r/{shared.code}").text
        assert visitor.get(f"/r/{shared.code}/apply").headers["location"].startswith(f"{HOME}/?utm") or visitor.get(
            f"/r/{shared.code}/apply"
        ).headers["location"].startswith(f"{HOME}?utm")


def test_somebody_elses_tracking_link_is_no_personal_link(desk):
    with desk.store.writing() as session:
        session.add(
            TrackingLink(company_id=desk.ada.company_id, slug="plainlink", platform="indeed", target_url=f"{HOME}/x")
        )
    with desk.visitor() as visitor:
        assert visitor.get("/r/plainlink").status_code == 404


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"withdrawn_at": datetime(2026, 1, 1, tzinfo=UTC)}, "taken back"),
        ({"declined_at": datetime(2026, 1, 1, tzinfo=UTC)}, "taken back"),
        ({"expires_at": datetime(2026, 1, 1, tzinfo=UTC)}, "limited time"),
    ],
)
def test_a_code_that_is_over_says_so_and_names_nobody(desk, values, words):
    made = desk.refer()
    desk.change(made.id, **values)
    with desk.visitor() as visitor:
        for path in (f"/r/{made.code}", f"/r/{made.code}/apply"):
            answer = visitor.get(path)
            assert answer.status_code == 410
            assert words in answer.text
            assert "Ada" not in answer.text
            assert "location" not in answer.headers
    assert desk.clicks(referral_id=made.id) == []


def test_a_closed_posting_says_so(desk):
    made = desk.refer()
    with desk.store.writing() as session:
        posting = JobPosting(company_id=desk.ada.company_id, number=99, title="Gone", status="closed")
        session.add(posting)
    desk.change(made.id, posting_id=posting.id, person_index="")
    with desk.visitor() as visitor:
        answer = visitor.get(f"/r/{made.code}")
        assert (answer.status_code, "no longer advertised" in answer.text) == (410, True)


def test_a_merged_code_goes_on_working_for_the_one_that_was_kept(desk):
    kept, gone = desk.refer(), desk.refer()
    desk.change(gone.id, merged_into=kept.id)
    with desk.visitor() as visitor:
        assert f'href="/r/{kept.code}/apply"' in visitor.get(f"/r/{gone.code}").text
        assert f"utm_id={kept.code}" in visitor.get(f"/r/{gone.code}/apply").headers["location"]
    assert len(desk.clicks(referral_id=kept.id)) == 1


@pytest.mark.parametrize("target", ["https://evil.example/", "//evil.example", "javascript:alert(1)", "", "/jobs"])
def test_nobody_is_led_to_another_site_even_if_the_database_says_so(desk, target):
    with desk.store.writing() as session:
        posting = JobPosting(
            company_id=desk.ada.company_id, number=200 + len(target), title="Elsewhere", apply_url=target
        )
        session.add(posting)
    made = desk.refer()
    desk.change(made.id, posting_id=posting.id)
    with desk.visitor() as visitor:
        shown = visitor.get(f"/r/{made.code}")
        assert "no way to apply online" in shown.text
        assert "/apply" not in shown.text
        answer = visitor.get(f"/r/{made.code}/apply?url=https://evil.example")
        assert answer.status_code == 410
        assert "location" not in answer.headers
    assert desk.clicks(referral_id=made.id) == []


@pytest.mark.parametrize("name", ["nosuchnot", "NOSUCH-NOT", "a", "a" * 5000, "%ff", "' OR 1=1 --", "b" * 65, "not-me"])
def test_an_unknown_code_is_not_found(desk, name):
    with desk.visitor() as visitor:
        for path in (f"/r/{name}", f"/r/{name}/apply"):
            answer = visitor.get(path)
            # "not-me" before "apply" is that page, for a token nobody was sent.
            assert answer.status_code == (200 if path == "/r/not-me/apply" else 404)


def test_a_path_below_or_none_is_not_found(desk):
    made = desk.refer()
    with desk.visitor() as visitor:
        for path in ("/r", "/r/", f"/r/{made.code}/more", f"/r/{made.code}/apply/x", f"/r/{made.code}/..%2f"):
            assert visitor.get(path).status_code == 404, path
        assert visitor.post(f"/r/{made.code}").status_code == 405


def lock_out(guesser):
    """Try codes until the answer is to wait; that answer, and how many came before it. A minute may end between."""
    for tried in range(5 * MOST_BY_ONE):
        answer = guesser.get(f"/r/bcdfg-hjkmn-prst{tried:x}")
        if answer.status_code == 429:
            return answer, tried
        assert answer.status_code == 404
    raise AssertionError("nobody is slowed down")


def test_who_tries_codes_has_to_wait_and_others_do_not(desk):
    made = desk.refer()
    with desk.visitor() as guesser, desk.visitor() as honest:
        for _ in range(5):
            refused, tried = lock_out(guesser)
            found = guesser.get(f"/r/{made.code}")
            if found.status_code == 429:
                break
        assert (found.status_code, found.text) == (429, refused.text), "a code found on the way looks like a miss"
        assert tried <= 2 * MOST_BY_ONE
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert honest.get(f"/r/{made.code}").status_code == 200
        assert honest.get("/r/bcdfg-hjkmn-prstv").status_code == 404


def test_every_miss_looks_the_same_and_is_looked_up_in_the_same_way(desk):
    shapes = ["bcdfg-hjkmn-prstv", "a" * 60, "zz", "x" * 500, "%01"]
    bodies, asked = set(), set()
    for shape in shapes:
        with desk.visitor() as visitor:
            answer = visitor.get(f"/r/{shape}")
        bodies.add((answer.status_code, answer.text))
    for code in ("bcdfg-hjkmn-prstv", "zz", NOBODY):
        with desk.store.reading() as session, watching(session) as seen:
            assert find_landing(session, code, now=datetime.now(UTC)) is None
        asked.add(tuple(statement for statement, *_ in seen))
    assert len(bodies) == 1
    assert len(asked) == 1


def test_not_me_ends_the_referral_and_forgets_who_it_was(desk):
    made = desk.refer("Wrong Person")
    with desk.store.writing() as session:
        row = session.get_one(Referral, made.id)
        invited = invite(session, desk.store, row, now=datetime.now(UTC), settings=MAILS)
    path = desk.token(NOT_ME, made.id)
    with desk.visitor() as visitor:
        asked = visitor.get(path)
        assert 'method="post"' in asked.text
        assert desk.row(made.id).declined_at is None, "looking does nothing: programs look at all addresses in a mail"
        done = [visitor.post(path), visitor.post(path)]
        never = visitor.post(f"/r/{NOT_ME}/{'0' * 64}")
    assert [answer.status_code for answer in (*done, never)] == [200, 200, 200]
    assert done[0].text == done[1].text == never.text
    row = desk.row(made.id)
    assert row.declined_at is not None
    assert (row.candidate_name, row.candidate_email, row.email_index, row.person_index) == ("", "", "", "")
    with desk.store.reading() as session:
        mail = session.get_one(Mail, invited.mail_id)
        assert (mail.state, mail.cause_code, mail.recipient, mail.body) == ("refused", "forgotten", "", "")
        reasons = session.exec(
            select(MailSuppression.reason).where(MailSuppression.company_id == desk.ada.company_id)
        ).all()
        assert reasons.count("not_me") == 2, "the address and the mailbox behind it"
        deeds = session.exec(select(AuditEntry).where(col(AuditEntry.target) == str(made.id))).all()
    assert [deed.action for deed in deeds].count("referral.decline") == 1
    with desk.visitor() as visitor:
        assert visitor.get(f"/r/{made.code}").status_code == 410


def test_one_click_of_a_mail_program_ends_all_messages(desk):
    made = desk.refer()
    path = desk.token(STOP, made.id)
    with desk.visitor() as program:
        assert program.get(path).status_code == 200
        answer = program.post(path, data={"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert program.post(f"/r/{STOP}/{'f' * 64}", data={"List-Unsubscribe": "One-Click"}).text == answer.text
    row = desk.row(made.id)
    assert row.declined_at is None, "they may still apply"
    with desk.store.writing() as session:
        again = invite(session, desk.store, session.get_one(Referral, made.id), now=datetime.now(UTC), settings=MAILS)
    assert (again.mail_id, again.reason) == (None, "suppressed")


def test_a_token_is_good_for_one_thing_and_one_referral(desk):
    one, two = desk.refer(), desk.refer()
    mark = token_of(desk.store.vault, NOT_ME, one.id)[32:]
    with desk.visitor() as visitor:
        for path in (
            f"/r/{NOT_ME}/{token_of(desk.store.vault, STOP, one.id)}",
            f"/r/{NOT_ME}/{two.id.hex}{mark}",
            f"/r/{NOT_ME}/{one.code}",
            f"/r/{NOT_ME}/{one.id.hex}{mark.upper()}X",
        ):
            assert visitor.post(path).status_code == 200
    assert desk.row(one.id).declined_at is desk.row(two.id).declined_at is None


def test_another_site_cannot_press_the_button(desk):
    made = desk.refer()
    with desk.visitor() as visitor:
        foreign = visitor.post(desk.token(NOT_ME, made.id), headers={"Origin": "https://evil.example"})
    assert foreign.status_code == 403
    assert desk.row(made.id).declined_at is None


def test_a_code_of_another_company_shows_that_company_alone(desk, app):
    other = Desk(app, 7302)
    made = other.refer()
    try:
        with desk.visitor() as visitor:
            shown = visitor.get(f"/r/{made.code}").text
    finally:
        other.store.close()
    assert "Harbour &amp; Sons 7302" in shown
    assert "7301" not in shown


def test_expiry_is_to_the_second(desk):
    made = desk.refer()
    desk.change(made.id, expires_at=datetime.now(UTC) + timedelta(hours=1))
    with desk.visitor() as visitor:
        assert visitor.get(f"/r/{made.code}").status_code == 200
        desk.change(made.id, expires_at=datetime.now(UTC) - timedelta(seconds=1))
        assert visitor.get(f"/r/{made.code}").status_code == 410


def test_names_that_are_markup_or_turn_around_are_shown_as_text(desk):
    with desk.store.writing() as session:
        posting = JobPosting(id=new_id(), company_id=desk.ada.company_id, number=300, title=EVIL, apply_url=f"{HOME}/e")
        session.add(posting)
    made = desk.refer()
    desk.change(made.id, posting_id=posting.id)
    with desk.visitor() as visitor:
        shown = visitor.get(f"/r/{made.code}").text
    assert "<b onclick" not in shown
    assert "&lt;b onclick=&quot;x&quot;&gt;Nurse&lt;/b&gt;" in shown
