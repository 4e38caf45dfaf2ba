"""The tracker's script and its route: who may send what, what is kept of it, and what nobody can learn."""

import gzip
import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest
from sqlmodel import col, select

from actions.tracker import save_tracker, switch_tracker
from actions.viewer import Viewer
from api.tracker import script
from settings import load
from store.opening import attach_store
from store.tables import Company, EventDirtyDay, JobPosting, TrackerSite, VisitorSalt, WebsiteAnalytics
from store.tables.columns import new_id
from store.writes.links import make_link

HOME = "https://jobs.acme.example"
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36"
SECRETS = ("203.0.113.77", "X11; Linux x86_64", "ann@secret.example")


class Site:
    """The running app's tracker of Acme, and whoever sends to it."""

    def __init__(self, app):
        self.app = app
        self.store = attach_store(load({"DATA_DIR": str(app.data_dir)}))
        self.client = httpx.Client(base_url=app.url, trust_env=False, timeout=60)
        self.admin = self.company(7001)
        save_tracker(self.store, self.admin, [HOME], "/jobs/{posting}", now=datetime.now(UTC))
        with self.store.writing() as session:
            self.nurse = JobPosting(company_id=self.admin.company_id, number=9001, path="/jobs/nurse", slug="nurse")
            session.add(self.nurse)
        with self.store.reading() as session:
            where = col(TrackerSite.company_id) == self.admin.company_id
            self.key = session.exec(select(TrackerSite.key).where(where)).one()

    def company(self, number):
        """The admin of a company of its own: other tests count Acme's postings."""
        company = Company(number=number, name=f"Tracked {number}", time_zone="Europe/Amsterdam")
        with self.store.writing() as session:
            session.add(company)
        return Viewer(new_id(), company.id, "admin", "Ada", "ada@tracked.example")

    def send(self, body=None, *, origin=HOME, agent=CHROME, content=None, address="203.0.113.77", **told):
        headers = {"User-Agent": agent, "Content-Type": "text/plain;charset=UTF-8", "X-Forwarded-For": address}
        if origin:
            headers["Origin"] = origin
        headers |= {name.replace("_", "-"): value for name, value in told.pop("headers", {}).items()}
        body = {"k": self.key, "e": "view", "p": "/jobs/nurse"} | told if body is None else body
        content = json.dumps(body) if content is None else content
        return self.client.post("/api/track", headers=headers, content=content)

    def kept(self, **where):
        """Events, newest last."""
        with self.store.reading() as session:
            query = select(WebsiteAnalytics).order_by(col(WebsiteAnalytics.at), col(WebsiteAnalytics.id))
            for name, value in where.items():
                query = query.where(getattr(WebsiteAnalytics, name) == value)
            return list(session.exec(query))


@pytest.fixture(scope="module")
def site(app):
    site = Site(app)
    yield site
    site.client.close()
    site.store.close()


def test_the_script_is_small_and_any_page_may_load_it(nobody):
    answer = nobody.get("/track.js")
    assert answer.status_code == 200
    assert len(gzip.compress(answer.content)) < 2048
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["cross-origin-resource-policy"] == "cross-origin"
    assert "no-store" not in answer.headers["cache-control"]
    assert "set-cookie" not in answer.headers
    again = nobody.get("/track.js", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_the_script_keeps_nothing_in_the_browser():
    code = script()[0].decode()
    for word in ("cookie", "localStorage", "sessionStorage", "indexedDB", "caches"):
        assert word not in code
    assert "//" not in re.sub(r'"[^"]*"', "", code)


def test_an_event_is_on_the_disk_when_it_is_answered(site):
    answer = site.send(
        p="/jobs/nurse/?email=ann@secret.example#x", s="Indeed.com", m="CPC", c="Spring", r="www.google.com"
    )
    assert (answer.status_code, answer.content) == (204, b"")
    (event,) = site.kept(campaign="Spring")
    assert (event.path, event.source, event.medium, event.referrer_host) == (
        "/jobs/nurse", "indeed", "cpc", "www.google.com",
    )  # fmt: skip
    assert event.posting_id == site.nurse.id
    assert (event.agent, event.filtered_reason, event.country) == ("Chrome 140", "", "")
    with site.store.reading() as session:
        assert session.exec(select(EventDirtyDay).where(EventDirtyDay.company_id == site.admin.company_id)).first()


def test_address_and_agent_are_kept_nowhere(site):
    site.send(p="/apply/ann@secret.example", j="ann@secret.example-no-posting")
    site.store.engine.dispose()
    files = [path for path in site.app.data_dir.rglob("*") if path.is_file()]
    told = b"".join(path.read_bytes() for path in files) + site.app.told().encode()
    assert not [secret for secret in SECRETS if secret.encode() in told]
    assert b"Chrome 140" in told


def test_a_visitor_is_one_for_a_day_and_another_from_elsewhere(site):
    campaign, day = "visitors", datetime.now(UTC).date()
    for again in ("", "again"):
        campaign += again
        for address in ("203.0.113.77", "203.0.113.77", "203.0.113.78"):
            assert site.send(c=campaign, s="x", address=address).status_code == 204
        if datetime.now(UTC).date() == day:
            # No day has ended meanwhile.
            break
    first, second, third = (event.visitor for event in site.kept(campaign=campaign))
    assert first == second != third
    assert len(first) >= 16
    with site.store.reading() as session:
        salts = session.exec(select(VisitorSalt).where(VisitorSalt.company_id == site.admin.company_id)).all()
    assert salts
    assert all(each.salt.startswith("v1.") for each in salts), "one for a day"


@pytest.mark.parametrize(
    ("reason", "more"),
    [
        ("bot", {"agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"}),
        ("bot", {"agent": "curl/8.5.0"}),
        ("automated", {"agent": CHROME.replace("Chrome", "HeadlessChrome")}),
        ("no_agent", {"agent": ""}),
        ("prefetch", {"headers": {"Sec_Purpose": "prefetch;prerender"}}),
        ("origin", {"origin": "https://evil.example"}),
        ("origin", {"origin": "null"}),
        ("origin", {"origin": ""}),
        ("origin", {"origin": HOME + ".evil.example"}),
    ],
)
def test_what_does_not_count_is_kept_apart_with_its_reason(site, reason, more):
    before = len(site.kept(filtered_reason=reason))
    assert site.send(**more).status_code == 204
    after = site.kept(filtered_reason=reason)
    assert len(after) == before + 1
    assert after[-1].visitor == "" or reason == "origin"


def test_another_site_that_uses_the_key_is_named(site):
    site.send(origin="https://copycat.example:8443")
    assert "copycat.example" in {event.referrer_host for event in site.kept(filtered_reason="origin")}


@pytest.mark.parametrize("headers", [{"DNT": "1"}, {"Sec_GPC": "1"}])
def test_who_asks_not_to_be_followed_is_only_counted(site, headers):
    name = next(iter(headers))
    site.send(p=f"/private/{name}", s="indeed", c="private", r="www.linkedin.com", headers=headers)
    (event,) = site.kept(path=f"/private/{name}")
    assert (event.visitor, event.source, event.campaign, event.referrer_host, event.agent) == ("", "", "", "", "")


def test_an_unknown_key_learns_nothing_and_leaves_nothing(site):
    before = len(site.kept())
    known, unknown = site.send(), site.send(k="nobody's")
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert set(known.headers) == set(unknown.headers)
    assert len(site.kept()) == before + 1


def test_only_pages_of_the_sites_may_read_the_answer(site):
    def ask(origin):
        headers = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        return site.client.options("/api/track", headers=headers).headers

    assert ask(HOME)["access-control-allow-origin"] == HOME
    assert "access-control-allow-credentials" not in ask(HOME)
    assert "access-control-allow-origin" not in ask("https://evil.example")
    assert site.send().headers["access-control-allow-origin"] == HOME
    assert "access-control-allow-origin" not in site.send(origin="https://evil.example").headers


@pytest.mark.parametrize(
    ("status", "content"),
    [
        (400, b""),
        (400, b"[]"),
        (400, b"null"),
        (400, b'{"k": "x", "e": "view", "p": "/", "e": "view"}'),
        (400, b'{"k": "x", "e": "hire", "p": "/"}'),
        (400, b'{"k": "x", "e": "view", "p": "/", "z": 1}'),
        (400, b'{"k": "x", "e": "view", "p": 9223372036854775808}'),
        (400, b'{"k": "x", "e": "view", "p": NaN}'),
        (400, b'{"k": "x", "e": "view"}'),
        (400, b'{"k": "x", "e": "view", "p": "' + b"a" * 2_000 + b'"}'),
        (400, b"\xff\xfe"),
        (400, b"[" * 60_000),
        (400, b'{"k":' * 10_000),
        (413, b" " * (64 * 1024 + 1)),
    ],
)  # fmt: skip
def test_what_is_no_event_is_refused(site, status, content):
    answer = site.send(content=content)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"


def test_odd_letters_are_kept_as_what_a_database_takes(site):
    content = json.dumps({"k": site.key, "e": "view", "p": "/odd/\0\ud800x", "s": "\udfff", "c": "\u202eevil"})
    assert site.send(content=content.encode()).status_code == 204
    (event,) = [event for event in site.kept() if event.path.startswith("/odd/")]
    assert "\0" not in event.path
    event.path.encode()


@pytest.mark.parametrize("kind", ["text/html", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
def test_a_form_is_no_event(site, kind):
    headers = {"Content-Type": kind, "Origin": HOME, "User-Agent": CHROME}
    assert site.client.post("/api/track", headers=headers, content=b"{}").status_code == 415


def test_other_methods_are_not_allowed(site):
    answer = site.client.get("/api/track")
    assert (answer.status_code, answer.headers["content-type"]) == (405, "application/problem+json")
    assert answer.headers["allow"] == "POST, OPTIONS"
    assert site.client.put("/api/track", content=b"{}").status_code == 405


def test_a_link_that_a_page_passes_on_is_known_again(site):
    values = {"posting_id": site.nurse.id, "platform": "x", "campaign": "c", "target_url": HOME, "created_by": None}
    with site.store.writing() as session:
        link = make_link(session, site.admin.company_id, values, now=datetime.now(UTC))
    other = site.company(7002)
    with site.store.writing() as session:
        values |= {"posting_id": None}
        foreign = make_link(session, other.company_id, values, now=datetime.now(UTC))
    site.send(s="x", i=link.slug, c="passed on")
    site.send(s="x", i=foreign.slug, c="passed on")
    site.send(s="x", i="' OR 1=1 --", c="passed on")
    assert [event.link_id for event in site.kept(campaign="passed on")] == [link.id, None, None]


def test_only_an_application_sent_has_a_name(site):
    site.send(e="apply_start", a="A-1", s="named")
    site.send(e="apply_complete", a="A-2", s="named")
    assert [event.application_ref for event in site.kept(source="named")] == ["", "A-2"]


def test_many_at_once_are_all_kept(site):
    def one(number):
        return site.send(c="crowd", s="x", address=f"198.51.100.{number % 250}").status_code

    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(one, range(200)))
    assert answers.count(204) == 200
    assert len(site.kept(campaign="crowd")) == 200


def test_an_address_that_sends_too_much_is_told_to_wait(site):
    # A minute of the clock may end meanwhile, and the count with it: the next one is filled then.
    for _ in range(2_000):
        answer = site.send(k="nobody's", address="198.51.100.251")
        if answer.status_code == 429:
            break
    assert answer.status_code == 429
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert site.send(address="198.51.100.252").status_code == 204


def test_switched_off_it_keeps_nothing(site):
    outsider = site.company(7003)
    save_tracker(site.store, outsider, ["https://other.example"], "", now=datetime.now(UTC))
    switch_tracker(site.store, outsider, is_on=False, now=datetime.now(UTC))
    with site.store.reading() as session:
        key = session.exec(select(TrackerSite.key).where(TrackerSite.company_id == outsider.company_id)).one()
    assert site.send(k=key, origin="https://other.example").status_code == 204
    assert not site.kept(company_id=outsider.company_id)
