"""A posting's life: archived and back, its closing day, its names, its history, and who follows it."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import col, select

from actions import links, postings, publishing
from actions.viewer import NotAllowed, NotFound, Viewer
from domain.filters import Filters
from domain.periods import Period
from jobs.posting_days import close_due_postings
from settings import Settings
from store.opening import Store
from store.reports.paths import list_fitting_paths
from store.reports.posting_choices import list_choices
from store.reports.posting_page import Change, list_changes, list_known_as
from store.reports.postings import list_known, list_postings
from store.reports.scope import CompanyScope, find_company
from store.reports.tracker import find_tracked_site
from store.tables import (
    Application,
    AuditEntry,
    Company,
    ExternalPosting,
    JobPosting,
    OutboxEntry,
    PlatformConfig,
    TrackerSite,
    TrackingLink,
    WebsiteAnalytics,
)
from store.writes.outbox import Standing, Wish, ask_for, stand
from store.writes.postings_found import PostingIndex
from tests.actions.import_scenes import admin_of

#: Half past eleven at night in Berlin.
NOW = datetime(2026, 3, 10, 22, 30, tzinfo=UTC)
TODAY = date(2026, 3, 10)
both = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])


@pytest.fixture
def database_kind() -> str:
    """One is enough where nothing but our own rules is tried."""
    return "sqlite"


def make(store: Store, admin: Viewer, title: str = "Nurse", **values) -> uuid.UUID:
    return postings.save_posting(store, admin, {"title": title, **values}, now=NOW)


def held(store: Store, posting_id: uuid.UUID) -> JobPosting:
    with store.reading() as session:
        return session.get_one(JobPosting, posting_id)


def scope(store: Store, company: Company) -> CompanyScope:
    with store.reading() as session:
        found = find_company(session, company.id)
    assert found is not None
    return found


def history(store: Store, company: Company, posting_id: uuid.UUID) -> list[tuple[str, str, str, str]]:
    """(field, before, after, actor), the oldest first."""
    with store.reading() as session:
        found: list[Change] = list_changes(session, scope(store, company), posting_id)
    return [(one.field, one.before, one.after, one.actor) for one in reversed(found)]


def listed(store: Store, company: Company, status: str = "", **narrowed: list[str]) -> list[str]:
    period = Period(TODAY, TODAY + timedelta(days=1))
    with store.reading() as session:
        rows = list_postings(session, scope(store, company), period, Filters(), status=status, narrowed=narrowed)
    return [row.title for row in rows]


def connection(store: Store, company: Company) -> PlatformConfig:
    config = PlatformConfig(number=1, company_id=company.id, platform="monster", connector="monster", name="Monster")
    with store.writing() as session:
        session.add(config)
    return config


def published(store: Store, company: Company, posting_id: uuid.UUID) -> PlatformConfig:
    """As if it had been published on Monster a while ago."""
    config = connection(store, company)
    with store.writing() as session:
        wish = Wish(company.id, config.id, "publish", "n-1", {"title": "Nurse"}, "ann@x.example", posting_id)
        entry = ask_for(session, wish, now=NOW - timedelta(days=3))
        entry.state, entry.finished_at = "done", NOW - timedelta(days=3)
        session.add(entry)
        session.add(
            ExternalPosting(
                company_id=company.id,
                config_id=config.id,
                external_ref="n-1",
                posting_id=posting_id,
                linked_by="hand",
                status="live",
                status_at=NOW - timedelta(days=3),
            )
        )
    return config


def asked(store: Store) -> list[tuple[str, str]]:
    with store.reading() as session:
        return [(entry.kind, entry.state) for entry in session.exec(select(OutboxEntry).order_by(col(OutboxEntry.id)))]


@both
def test_an_archived_posting_leaves_lists_and_choices_and_comes_back_closed(
    store: Store, admin: Viewer, company: Company
) -> None:
    made = make(store, admin, path="/jobs/nurse", department="Care")
    published(store, company, made)
    postings.archive_posting(store, admin, made, now=NOW)
    gone = held(store, made)
    assert (gone.status, gone.closed_on) == ("archived", TODAY)
    assert asked(store) == [("publish", "done"), ("close", "waiting")], "it still stands on a platform"
    assert (listed(store, company, "open"), listed(store, company, "archived")) == ([], ["Nurse"])
    with store.reading() as session:
        assert list_choices(session, scope(store, company), statuses=("open",)).shown == ()
        assert list_known(session, scope(store, company))["department"] == []
    postings.unarchive_posting(store, admin, made, now=NOW)
    assert held(store, made).status == "closed"
    postings.reopen_posting(store, admin, made, now=NOW)
    assert (held(store, made).status, held(store, made).closed_on) == ("open", None)
    with store.reading() as session:
        deeds = session.exec(select(AuditEntry.action).where(AuditEntry.outcome == "ok").order_by(col(AuditEntry.seq)))
        assert list(deeds)[-3:] == ["posting.archive", "posting.unarchive", "posting.reopen"]


def test_nobody_but_an_admin_of_the_company_archives(
    store: Store, settings: Settings, admin: Viewer, manager: Viewer, outsider: Viewer
) -> None:
    made = make(store, admin)
    for deed in (postings.archive_posting, postings.unarchive_posting, postings.reopen_posting):
        with pytest.raises(NotAllowed):
            deed(store, manager, made, now=NOW)
        with pytest.raises(NotFound):
            deed(store, outsider, made, now=NOW)
    postings.archive_posting(store, admin, made, now=NOW)
    with pytest.raises((ValueError, NotFound)):
        publishing.publish(store, settings, admin, made, uuid.uuid4(), now=NOW)


def test_links_of_an_archived_posting_lead_on_and_no_new_ones_are_made(store: Store, company: Company) -> None:
    admin = admin_of(store, company)
    made = make(store, admin, path="/jobs/nurse")
    with store.writing() as session:
        session.add(TrackerSite(company_id=company.id, key="k", settings={"origins": ["https://a.example"]}))
    wanted = [(made, "https://a.example/jobs/nurse")]
    (slug,) = links.make_links(store, admin, wanted, ["indeed"], "", now=NOW)
    postings.archive_posting(store, admin, made, now=NOW)
    with store.reading() as session:
        assert session.exec(select(TrackingLink).where(TrackingLink.slug == slug)).one().disabled_at is None
    with pytest.raises(ValueError, match="archived"):
        links.make_links(store, admin, wanted, ["linkedin"], "", now=NOW)


@both
def test_what_an_archived_posting_is_called_finds_it_until_another_one_is_called_so(
    store: Store, admin: Viewer, company: Company
) -> None:
    old = make(store, admin, requisition_ref="REQ-1", slug="nurse", path="/jobs/nurse")
    with store.writing() as session:
        session.add(TrackerSite(company_id=company.id, key="k", settings={"origins": ["https://a.example"]}))
    postings.archive_posting(store, admin, old, now=NOW)

    def found() -> list[uuid.UUID | None]:
        with store.reading() as session:
            site = find_tracked_site(session, "k")
            assert site is not None
            index = PostingIndex(session, company.id)
            return [site.find_posting("", "/jobs/nurse"), index.find("req-1", ""), index.find("", "nurse")]

    assert found() == [old] * 3
    new = make(store, admin, requisition_ref="REQ-1", slug="nurse", path="/jobs/nurse")
    assert found() == [new] * 3
    with pytest.raises(ValueError, match="Requisition REQ-1 is that of “Nurse” already"):
        postings.unarchive_posting(store, admin, old, now=NOW)
    with store.writing() as session:
        config = PlatformConfig(number=7, company_id=company.id, platform="indeed", connector="indeed")
        session.add(config)
        session.flush()
        late = ExternalPosting(company_id=company.id, config_id=config.id, external_ref="i-1", requisition_ref="REQ-1")
        session.add(late)
    postings.save_posting(store, admin, {"location": "Kiel"}, posting_id=new, now=NOW)
    with store.reading() as session:
        assert (
            session.exec(select(ExternalPosting.posting_id).where(ExternalPosting.external_ref == "i-1")).one() == new
        )


def test_a_new_opening_of_an_archived_title_does_not_get_the_old_ones_numbers(
    store: Store, admin: Viewer, company: Company
) -> None:
    old = make(store, admin, "Cook")
    postings.archive_posting(store, admin, old, now=NOW)
    config = connection(store, company)
    with store.writing() as session:
        session.add(ExternalPosting(company_id=company.id, config_id=config.id, external_ref="m-1", title="Cook"))
    postings.save_posting(store, admin, {"location": "Kiel"}, posting_id=old, now=NOW)
    with store.reading() as session:
        assert session.exec(select(ExternalPosting)).one().posting_id is None


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"title": "Two", "requisition_ref": "req-1"}, "Requisition req-1 is that of “One” already."),
        ({"title": "Two", "slug": "one"}, "Slug one is that of “One” already."),
        ({"title": "Two", "slug": "a/b"}, "Slug is one part of an address"),
        ({"title": "Two", "path": "/"}, "Path leads to the whole site"),
        ({"title": "Two", "path": "/jobs/*"}, "Path names one page"),
        ({"title": "Two", "path_pattern": "/*/*"}, "Path pattern would fit every page"),
        ({"title": "Two", "path_pattern": "/a*b*"}, "has one \\* in a part at most"),
        ({"title": "Two", "apply_url": "javascript:alert(1)"}, "Apply address is an https address"),
        ({"title": "Two", "department": "x" * 201}, "Department has at most 200 letters"),
        ({"title": "Two", "status": "gone"}, "Status is a word we do not know"),
        ({"title": "Two", "status": "closed", "closed_on": date(2026, 3, 12)}, "lies ahead although"),
    ],
)
def test_what_makes_no_posting_is_refused_with_its_field(store: Store, admin: Viewer, values, said: str) -> None:
    make(store, admin, "One", requisition_ref="REQ-1", slug="one")
    with pytest.raises(ValueError, match=said):
        postings.save_posting(store, admin, values, now=NOW)


def test_a_posting_keeps_its_own_names_when_it_is_saved_again(store: Store, admin: Viewer) -> None:
    made = make(store, admin, requisition_ref="REQ-1", slug="one")
    same = {"title": "Nurse", "requisition_ref": "REQ-1", "slug": "one", "target_hires": 3}
    postings.save_posting(store, admin, same, posting_id=made, now=NOW)
    assert held(store, made).target_hires == 3


@both
def test_a_posting_closes_when_its_last_day_is_over_in_its_company(
    store: Store, admin: Viewer, company: Company
) -> None:
    made = make(store, admin, closed_on=TODAY)
    published(store, company, made)
    assert held(store, made).status == "open"
    assert close_due_postings(store, NOW) == 0, "it is still today in Berlin"
    assert close_due_postings(store, NOW + timedelta(hours=1)) == 1
    assert close_due_postings(store, NOW + timedelta(hours=2)) == 0
    assert (held(store, made).status, held(store, made).closed_on) == ("closed", TODAY)
    assert asked(store) == [("publish", "done"), ("close", "waiting")]
    assert history(store, company, made)[-1] == ("status", "open", "closed", "closing day")


def test_a_closing_day_that_is_over_closes_at_once_and_reopening_forgets_it(store: Store, admin: Viewer) -> None:
    made = make(store, admin, opened_on=date(2026, 3, 1))
    postings.save_posting(store, admin, {"closed_on": date(2026, 3, 9)}, posting_id=made, now=NOW)
    assert (held(store, made).status, held(store, made).closed_on) == ("closed", date(2026, 3, 9))
    postings.reopen_posting(store, admin, made, now=NOW)
    assert (held(store, made).status, held(store, made).closed_on) == ("open", None)
    with pytest.raises(ValueError, match="cannot close before it opens"):
        postings.save_posting(store, admin, {"closed_on": date(2026, 2, 9)}, posting_id=made, now=NOW)


@both
def test_every_change_is_written_down_with_who_and_what(store: Store, admin: Viewer, company: Company) -> None:
    made = make(store, admin, opened_on=date(2026, 3, 1))
    config = published(store, company, made)
    postings.save_posting(
        store, admin, {"title": "Night nurse", "target_hires": 1, "location": "Kiel"}, posting_id=made, now=NOW
    )
    publishing.save_advert(store, admin, made, {"city": "Kiel"}, now=NOW + timedelta(minutes=1))
    with store.writing() as session:
        external = session.exec(select(ExternalPosting).where(ExternalPosting.config_id == config.id)).one()
        stand(session, external, Standing("closed"), now=NOW + timedelta(minutes=2))
        stand(session, external, Standing("closed", "again"), now=NOW + timedelta(minutes=3))
    told = history(store, company, made)
    assert told[0] == ("status", "", "open", admin.email)
    assert sorted(told[1:3]) == [
        ("location", "", "Kiel", admin.email),
        ("title", "Nurse", "Night nurse", admin.email),
    ]
    assert told[3][0] == "advert"
    assert "city" in told[3][2]
    assert told[4:] == [("standing:monster", "live", "closed", "Monster")]
    with store.reading() as session:
        (known,) = list_known_as(session, scope(store, company), made)
    assert (known.platform, known.external_ref, known.linked_by, known.status) == ("monster", "n-1", "hand", "closed")


@both
def test_pages_that_fit_the_pattern_are_the_postings_and_are_shown_before_it_is_saved(
    store: Store, admin: Viewer, company: Company
) -> None:
    other = make(store, admin, "Cook")
    paths = [
        ("/de/jobs/nurse-7", None),
        ("/en/jobs/nurse-7/apply", None),
        ("/de/jobs/nurse-8", other),
        ("/about", None),
    ]
    with store.writing() as session:
        session.add(TrackerSite(company_id=company.id, key="k", settings={"origins": ["https://a.example"]}))
        for path, posting_id in paths:
            session.add(WebsiteAnalytics(company_id=company.id, at=NOW, path=path, posting_id=posting_id))
        session.add(WebsiteAnalytics(company_id=company.id, at=NOW, path="/de/jobs/nurse-9", filtered_reason="bot"))
        session.add(WebsiteAnalytics(company_id=company.id, at=NOW - timedelta(days=9), path="/de/jobs/nurse-5"))
    with store.reading() as session:
        found, heard = list_fitting_paths(
            session, scope(store, company), "/*/jobs/nurse-*", since=NOW - timedelta(days=7)
        )
    assert heard == 4
    assert sorted((one.path, one.events, one.posting) for one in found) == [
        ("/de/jobs/nurse-7", 1, ""),
        ("/de/jobs/nurse-8", 1, "Cook"),
        ("/en/jobs/nurse-7/apply", 1, ""),
    ]
    made = make(store, admin, path_pattern="/*/jobs/nurse-*")
    with store.reading() as session:
        site = find_tracked_site(session, "k")
    assert site is not None
    assert site.find_posting("", "", "", "/fr/jobs/Nurse-11/apply") == made
    assert site.find_posting("", "", "", "/fr/jobs/cook") is None
    make(store, admin, "Third", path_pattern="/fr/jobs/*")
    with store.reading() as session:
        site = find_tracked_site(session, "k")
    assert site is not None
    assert site.find_posting("", "", "", "/fr/jobs/nurse-11") is None, "two postings claim it"


def test_a_page_that_waited_is_linked_by_the_pattern(store: Store, admin: Viewer, company: Company) -> None:
    config = connection(store, company)
    with store.writing() as session:
        session.add(
            ExternalPosting(
                company_id=company.id, config_id=config.id, external_ref="/de/jobs/nurse-7", path="/de/jobs/nurse-7"
            )
        )
    made = make(store, admin, path_pattern="/*/jobs/nurse-*")
    with store.reading() as session:
        assert session.exec(select(ExternalPosting)).one().posting_id == made


@both
def test_postings_are_narrowed_by_what_they_have_in_common(store: Store, admin: Viewer, company: Company) -> None:
    make(store, admin, "A", department="Care", recruiter="Ida")
    make(store, admin, "B", department="Care", recruiter="Bo")
    make(store, admin, "C", department="IT", hiring_manager="Lu", location="Kiel")
    assert listed(store, company, department=["Care"]) == ["A", "B"]
    assert listed(store, company, department=["Care", "IT"], recruiter=["Bo"]) == ["B"]
    assert listed(store, company, location=["Kiel"], hiring_manager=["Lu"]) == ["C"]
    with store.reading() as session:
        assert list_known(session, scope(store, company)) == {
            "department": ["Care", "IT"],
            "location": ["Kiel"],
            "recruiter": ["Bo", "Ida"],
            "hiring_manager": ["Lu"],
        }


def test_applications_that_waited_are_linked_when_a_posting_is_saved(
    store: Store, admin: Viewer, company: Company
) -> None:
    made = make(store, admin)
    with store.writing() as session:
        session.add(Application(company_id=company.id, external_ref="a-1", posting_ref="REQ-9", applied_at=NOW))
    postings.save_posting(store, admin, {"requisition_ref": "REQ-9"}, posting_id=made, now=NOW)
    with store.reading() as session:
        assert session.exec(select(Application)).one().posting_id == made
