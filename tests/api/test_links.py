"""Short addresses: counted, sent on with UTM words, and never to anywhere but the company's own sites."""

from datetime import UTC, datetime

import httpx
import pytest
from sqlmodel import select, update

from actions.links import make_links, switch_link
from actions.tracker import save_tracker
from actions.viewer import NotAllowed, NotFound, Viewer
from settings import load
from store.opening import attach_store
from store.tables import Company, JobPosting, LinkClick, TrackingLink
from store.tables.columns import new_id

HOME = "https://jobs.acme.example"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
#: Where links must never lead, however it is spelled.
EVIL = (
    "https://evil.example/",
    "//evil.example/",
    "http://jobs.acme.example/",
    "https://jobs.acme.example@evil.example/",
    "https://jobs.acme.example.evil.example/",
    "https://jobs.acme.example:444/",
    "https://evil.example\\@jobs.acme.example/",
    "https://jobs.acme.example\\.evil.example/",
    "https://evil.example#@jobs.acme.example/",
    "https:/\\evil.example/",
    "https:evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "https://jobs.acme.example\r\nSet-Cookie: a=b",
    "https://jobs.acme.example\t@evil.example",
    "https://xn--jobs-acme.example/",
    "https://jobs.acmе.example/",
    "/jobs",
    "",
)


class Desk:
    """A company whose recruiters share links, in the running app."""

    def __init__(self, app, number):
        self.store = attach_store(load({"DATA_DIR": str(app.data_dir)}))
        self.client = httpx.Client(base_url=app.url, trust_env=False, timeout=60, headers={"User-Agent": CHROME})
        company = Company(number=number, name=f"Desk {number}")
        with self.store.writing() as session:
            session.add(company)
            session.flush()
            self.nurse = JobPosting(
                company_id=company.id, number=1, title="Nurse", apply_url=f"{HOME}/jobs/nurse?a=1#f"
            )
            session.add(self.nurse)
        self.admin = Viewer(new_id(), company.id, "admin", "Ada", "ada@desk.example")
        save_tracker(self.store, self.admin, [HOME], "", now=datetime.now(UTC))

    def link(self, platform="linkedin", campaign="Spring Fair", target=f"{HOME}/jobs/nurse?a=1#f"):
        """A new link's slug."""
        wanted = [(self.nurse.id, target)]
        viewer = Viewer(None, self.admin.company_id, "admin", "Ada", "ada@desk.example")
        (slug,) = make_links(self.store, viewer, wanted, [platform], campaign, now=datetime.now(UTC))
        return slug

    def row(self, slug):
        with self.store.reading() as session:
            return session.exec(select(TrackingLink).where(TrackingLink.slug == slug)).one()

    def clicks(self, **where):
        with self.store.reading() as session:
            query = select(LinkClick)
            for name, value in where.items():
                query = query.where(getattr(LinkClick, name) == value)
            return list(session.exec(query))

    def point(self, slug, target):
        """What nobody can do on a screen: another target in the database."""
        with self.store.writing() as session:
            session.execute(update(TrackingLink).where(TrackingLink.slug == slug).values(target_url=target))


@pytest.fixture(scope="module")
def desk(app):
    desk = Desk(app, 7101)
    yield desk
    desk.client.close()
    desk.store.close()


def test_a_link_counts_and_leads_to_its_posting_with_utm_words(desk):
    slug = desk.link()
    answer = desk.client.get(f"/l/{slug}", headers={"Referer": "https://www.linkedin.com/feed?x=secret"})
    assert answer.status_code == 302
    words = f"utm_source=linkedin&utm_medium=social&utm_campaign=spring-fair&utm_id={slug}"
    assert answer.headers["location"] == f"{HOME}/jobs/nurse?a=1&{words}#f"
    assert "no-store" in answer.headers["cache-control"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers
    (click,) = desk.clicks(link_id=desk.row(slug).id)
    assert (click.filtered_reason, click.referrer_host, click.agent) == ("", "www.linkedin.com", "Chrome 140")
    assert desk.row(slug).clicks == 1


@pytest.mark.parametrize(
    ("reason", "headers"),
    [
        ("bot", {"User-Agent": "LinkedInBot/1.0 (compatible; Mozilla/5.0; +http://www.linkedin.com)"}),
        ("bot", {"User-Agent": "Slackbot-LinkExpanding 1.0 (+https://api.slack.com/robots)"}),
        ("prefetch", {"Sec-Purpose": "prefetch"}),
    ],
)
def test_previews_and_crawlers_are_sent_on_and_counted_apart(desk, reason, headers):
    slug = desk.link(campaign=f"preview {reason} {len(headers)} {headers.get('User-Agent', '')[:5]}")
    assert desk.client.get(f"/l/{slug}", headers=headers).status_code == 302
    (click,) = desk.clicks(link_id=desk.row(slug).id)
    assert click.filtered_reason == reason
    assert desk.row(slug).clicks == 0


def test_looking_at_the_head_counts_nothing(desk):
    slug = desk.link(campaign="head")
    assert desk.client.head(f"/l/{slug}").status_code == 302
    assert desk.clicks(link_id=desk.row(slug).id) == []


def test_who_asks_not_to_be_followed_is_only_counted(desk):
    slug = desk.link(campaign="gpc")
    desk.client.get(f"/l/{slug}", headers={"Sec-GPC": "1", "Referer": "https://a.example/"})
    (click,) = desk.clicks(link_id=desk.row(slug).id)
    assert (click.visitor, click.agent, click.referrer_host, click.filtered_reason) == ("", "", "", "")
    assert desk.row(slug).clicks == 1


def test_the_same_link_is_made_once(desk):
    assert desk.link(campaign="Once") == desk.link(campaign=" once ")
    assert desk.link(platform="indeed", campaign="once") != desk.link(campaign="once")


@pytest.mark.parametrize("target", EVIL)
def test_a_link_to_another_site_cannot_be_made(desk, target):
    with pytest.raises(ValueError, match="is not on one of your sites"):
        desk.link(campaign="evil", target=target)


@pytest.mark.parametrize("target", EVIL)
def test_a_link_leads_nowhere_else_even_if_the_database_says_so(desk, target):
    slug = desk.link(campaign="pointed")
    desk.point(slug, target)
    try:
        answer = desk.client.get(f"/l/{slug}")
        assert answer.status_code == 410
        assert "location" not in answer.headers
    finally:
        desk.point(slug, f"{HOME}/jobs/nurse?a=1#f")


@pytest.mark.parametrize("more", ["?url=https://evil.example", "?next=//evil.example", "?utm_source=evil"])
def test_nothing_in_the_query_changes_where_it_leads(desk, more):
    slug = desk.link(campaign="query")
    assert desk.client.get(f"/l/{slug}{more}").headers["location"] == desk.client.get(f"/l/{slug}").headers["location"]


@pytest.mark.parametrize("name", ["nosuchnot", "NOSUCHNOT", "a", "a" * 5000, "%00", "%ff", "' OR 1=1 --", "b" * 65])
def test_an_unknown_address_is_not_found(desk, name):
    answer = desk.client.get(f"/l/{name}")
    assert answer.status_code == 404
    assert "set-cookie" not in answer.headers


def test_a_path_below_or_none_is_not_found(desk):
    slug = desk.link(campaign="below")
    for path in (f"/l/{slug}/more", "/l", "/l/", "/r", "/r/", f"/l/{slug}/..%2f"):
        assert desk.client.get(path).status_code == 404, path


def test_a_switched_off_link_says_so_and_counts_no_more(desk):
    slug = desk.link(campaign="ended")
    switch_link(desk.store, desk.admin, desk.row(slug).id, is_on=False, now=datetime.now(UTC))
    answer = desk.client.get(f"/l/{slug}")
    assert answer.status_code == 410
    assert "This link has ended" in answer.text
    assert desk.clicks(link_id=desk.row(slug).id) == []
    switch_link(desk.store, desk.admin, desk.row(slug).id, is_on=True, now=datetime.now(UTC))
    assert desk.client.get(f"/l/{slug}").status_code == 302


def test_another_site_may_not_post_to_a_link(desk):
    slug = desk.link(campaign="post")
    assert desk.client.post(f"/l/{slug}").status_code == 405
    assert desk.client.post(f"/l/{slug}", headers={"Origin": "https://evil.example"}).status_code == 403


def test_hiring_managers_and_other_companies_cannot_touch_links(desk):
    slug = desk.link(campaign="rights")
    manager = Viewer(new_id(), desk.admin.company_id, "hiring_manager", "Mo", "mo@desk.example")
    outsider = Viewer(new_id(), new_id(), "admin", "Otto", "otto@other.example")
    now = datetime.now(UTC)
    with pytest.raises(NotAllowed):
        make_links(desk.store, manager, [(desk.nurse.id, HOME)], ["x"], "", now=now)
    with pytest.raises(NotAllowed):
        switch_link(desk.store, manager, desk.row(slug).id, is_on=False, now=now)
    with pytest.raises(NotFound):
        switch_link(desk.store, outsider, desk.row(slug).id, is_on=False, now=now)


def test_words_of_ones_own_are_no_platform(desk):
    for word in ("Indeed", "indeed.com", "google", ""):
        with pytest.raises(ValueError, match="one of the platforms"):
            desk.link(platform=word)
