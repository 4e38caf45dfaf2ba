"""Pages of people who were recommended: what they show, where they lead, and when they are over."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from actions.opting_out import NOT_ME
from actions.referrals import share_link
from store.tables import JobPosting, TrackingLink
from store.tables.columns import new_id
from tests.api.referred import HOME, Desk

EVIL = '<b onclick="x">Nurse</b> \u202e {link}'


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


def test_a_code_of_another_company_shows_that_company_alone(desk, app):
    other = Desk(app, 7302)
    made = other.refer()
    try:
        with desk.visitor() as visitor:
            shown = visitor.get(f"/r/{made.code}").text
    finally:
        other.store.close()
    assert "Harbour &amp; Sons 7302" in shown
    assert "Sons 7301" not in shown


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
    # In a window's title nothing ends what turns the direction: the company's name would be turned too.
    assert "\u202e" not in shown
