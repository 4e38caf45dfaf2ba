"""The demo: the same sign-ins at every start, and what its tracker, links, webhooks and referral desk begin with."""

import stat
from datetime import UTC, datetime

import pytest
from sqlmodel import select

from actions.demo import ADMIN_EMAIL, PASSWORD_FILE, seed_people
from actions.demo_referrals import seed_referrals
from actions.demo_visits import clicked_until, heard_until, seed_visits
from actions.demo_webhooks import seed_webhooks
from actions.passwords import verify_password
from actions.webhooks import set_open
from settings import load
from store.tables import (
    JobPosting,
    LinkClick,
    Mail,
    PlatformConfig,
    Referral,
    RewardRule,
    User,
    WebsiteAnalytics,
)

NOW = datetime(2026, 5, 20, 9, tzinfo=UTC)
TOLD = {"name": "Halden Robotics", "time_zone": "Europe/Berlin"}


@pytest.fixture
def database_kind() -> str:
    """Nothing here differs between databases."""
    return "sqlite"


def seed(store, tmp_path, **more):
    return seed_people(store, load({"DATA_DIR": str(tmp_path), **more}), TOLD, now=datetime.now(UTC)).password


def password_fits(store, password):
    with store.reading() as session:
        users = session.exec(select(User)).all()
    return len(users) == 2 and all(verify_password(password, user.password_hash) for user in users)


def test_a_second_start_prints_the_same_password_and_it_fits(store, tmp_path):
    first = seed(store, tmp_path)
    with store.reading() as session:
        before = session.exec(select(User.password_changed_at).where(User.email == ADMIN_EMAIL)).one()
    assert seed(store, tmp_path) == first
    assert password_fits(store, first)
    with store.reading() as session:
        # Who is signed in stays so: the password was not set anew.
        assert session.exec(select(User.password_changed_at).where(User.email == ADMIN_EMAIL)).one() == before
    assert stat.S_IMODE((tmp_path / PASSWORD_FILE).stat().st_mode) == 0o600


def test_a_password_of_one_s_own_goes_before_the_kept_one_and_leaves_it(store, tmp_path):
    kept = seed(store, tmp_path)
    own = "a password of mine"
    assert seed(store, tmp_path, DEMO_PASSWORD=own) == own
    assert password_fits(store, own)
    assert seed(store, tmp_path) == kept
    assert password_fits(store, kept)


def test_an_empty_file_is_as_good_as_none(store, tmp_path):
    (tmp_path / PASSWORD_FILE).write_text("\n", "utf-8")
    (tmp_path / PASSWORD_FILE).chmod(0o644)
    made = seed(store, tmp_path)
    assert len(made) >= 12
    assert password_fits(store, made)
    assert stat.S_IMODE((tmp_path / PASSWORD_FILE).stat().st_mode) == 0o600


@pytest.fixture
def demo(store, tmp_path):
    """The demo's people, one posting, and a connection to X."""
    settings = load({"DATA_DIR": str(tmp_path), "SANDBOX": "1"})
    people = seed_people(store, settings, TOLD, now=NOW)
    with store.writing() as session:
        posting = JobPosting(company_id=people.admin.company_id, number=1, title="Welder", requisition_ref="REQ-1")
        posting.path, posting.slug, posting.status = "/jobs/welder", "welder", "open"
        config = PlatformConfig(
            number=1, company_id=people.admin.company_id, platform="x", connector="x", is_active=True, checked_at=NOW
        )
        session.add_all([posting, config])
    return store, settings, people.admin, posting.id


VISITS = {
    "origin": "https://careers.halden.example",
    "since": "2026-05-01T00:00:00+00:00",
    "links": [{"platform": "other", "campaign": "career-fair", "requisition": "REQ-1"}],
    "beacons": [
        {
            "at": f"2026-05-02T10:00:0{second}+00:00",
            "visitor": 7,
            "agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
            "body": {"e": event, "p": "/jobs/welder", "s": "linkedin", "m": "social", "c": "spring"},
        }
        for second, event in enumerate(("view", "apply_start"))
    ],
    "clicks": [
        {
            "at": "2026-05-02T11:00:00+00:00",
            "platform": "other",
            "campaign": "career-fair",
            "requisition": "REQ-1",
            "agent": "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
            "visitor": 8,
        }
    ],
}


def test_visits_and_clicks_are_kept_as_the_tracker_would_have_kept_them(demo):
    store, _, admin, posting_id = demo
    site = seed_visits(store, admin, VISITS)
    with store.reading() as session:
        events = session.exec(select(WebsiteAnalytics).order_by(WebsiteAnalytics.at)).all()
        (click,) = session.exec(select(LinkClick)).all()
    assert [(row.kind, row.posting_id, row.source, row.filtered_reason) for row in events] == [
        ("view", posting_id, "linkedin", ""),
        ("apply_start", posting_id, "linkedin", ""),
    ]
    assert len({row.visitor for row in events}) == 1
    assert (click.filtered_reason, click.visitor) == ("bot", "")
    assert heard_until(store, admin) == events[-1].at
    assert set(site.links) == {"other/career-fair"}


def test_what_was_kept_at_the_last_start_is_not_kept_once_more(demo):
    store, _, admin, _ = demo
    seed_visits(store, admin, VISITS)
    later = [{**VISITS["beacons"][0], "at": "2026-05-02T10:30:00+00:00"}]
    seed_visits(store, admin, {**VISITS, "beacons": [*VISITS["beacons"], *later]})
    with store.reading() as session:
        heard = session.exec(select(WebsiteAnalytics)).all()
        clicks = session.exec(select(LinkClick)).all()
    assert (len(heard), len(clicks)) == (3, 1)
    assert heard_until(store, admin) == datetime(2026, 5, 2, 10, 30, tzinfo=UTC)
    assert clicked_until(store, admin) == clicks[0].at


def test_a_demo_in_which_somebody_tidied_up_starts_again(demo):
    store, settings, admin, posting_id = demo
    seed_visits(store, admin, VISITS)
    with store.writing() as session:
        session.get_one(JobPosting, posting_id).status = "archived"
    assert seed_visits(store, admin, {**VISITS, "beacons": []}).links == {}
    told = {"x": {"api_secret": "a secret of X's", "api_key": "key-1"}}
    (made,) = seed_webhooks(store, settings, admin, told, now=NOW)
    set_open(store, admin, made.endpoint_id, is_open=False, now=NOW)
    assert seed_webhooks(store, settings, admin, told, now=NOW) == []
    elsewhere = load({"DATA_DIR": str(settings.data_dir), "SANDBOX": "1", "PUBLIC_URL": "https://hiring.acme.com"})
    set_open(store, admin, made.endpoint_id, is_open=True, now=NOW)
    assert seed_webhooks(store, elsewhere, admin, told, now=NOW) == []


def test_who_is_recommended_is_entered_once_and_nobody_is_written_to(demo):
    store, _, admin, _ = demo
    told = [
        {"name": "Ann", "email": "ann@people.example", "requisition": "REQ-1", "sent_at": NOW.isoformat(), "by": 0},
        {"name": "Bob", "email": "bob@people.example", "requisition": "REQ-9", "sent_at": NOW.isoformat(), "by": 1},
    ]
    assert [seed_referrals(store, admin, told, now=NOW) for _ in range(2)] == [1, 0]
    with store.reading() as session:
        assert len(session.exec(select(Referral)).all()) == 1
        assert len(session.exec(select(RewardRule)).all()) == 2
        assert session.exec(select(Mail)).all() == []
