"""Postings are published by admins of their company only, with our link, and every problem has its field."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import select

from actions import postings, publishing
from actions.viewer import NotAllowed, NotFound, Viewer
from jobs.outbox import send_next
from sandbox.launch import Sandbox
from settings import Settings
from store.opening import Store
from store.reports.outbox import list_backlogs, list_presences
from store.reports.scope import CompanyScope, find_company
from store.tables import AuditEntry, Company, JobPosting, OutboxEntry, PlatformConfig, TrackerSite, TrackingLink
from tests.connectors.drafts import ADVERT, ads
from tests.jobs.board_scenes import connect_board, make_posting
from tests.jobs.conftest import settings_for

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)


@pytest.fixture
def database_kind() -> str:
    """What differs between databases is tried with the outbox itself."""
    return "sqlite"


@pytest.fixture
def settings(database_url: str, tmp_path, sandbox: Sandbox) -> Settings:
    """Settings that lead to the sandbox."""
    found = settings_for(database_url, tmp_path, int(sandbox.url.rpartition(":")[2]))
    return replace(found, public_url="https://sourceboard.acme.example")


@pytest.fixture
def posting(store: Store, company: Company) -> uuid.UUID:
    """One with an advert, and an address where one applies."""
    made = make_posting(store, company)
    with store.writing() as session:
        session.get_one(JobPosting, made).apply_url = "https://jobs.acme.example/apply/7?lang=en"
    return made


@pytest.fixture
def board(store: Store, sandbox: Sandbox, company: Company) -> PlatformConfig:
    """A connection to ZipRecruiter."""
    return connect_board(store, sandbox, company, "ziprecruiter")


def scope(store: Store, company: Company) -> CompanyScope:
    with store.reading() as session:
        found = find_company(session, company.id)
    assert found is not None
    return found


def send_all(store: Store, settings: Settings) -> None:
    while send_next(store, settings, "w1", now=lambda: NOW) is not None:
        pass


def advert(**changes: Any) -> dict[str, Any]:
    return {**ADVERT.model_dump(mode="json"), "apply_url": "https://jobs.acme.example/apply/7", **changes}


def test_a_posting_is_published_with_its_utm_words(store, settings, admin, company, posting, board, sandbox):
    asked = publishing.publish(store, settings, admin, posting, board.id, now=NOW)
    assert (asked.state, dict(asked.problems)) == ("waiting", {})
    send_all(store, settings)
    (ad,) = ads(sandbox, "ziprecruiter").values()
    assert ad["ref"].startswith("REQ-1-")
    assert ad["body"]["apply_url"] == (
        "https://jobs.acme.example/apply/7?lang=en&utm_source=ziprecruiter&utm_medium=job-board&utm_campaign=req-1"
    )
    with store.reading() as session:
        (presence,) = list_presences(session, scope(store, company), posting)
    assert (presence.status, presence.connection) == ("live", "ZipRecruiter")
    assert presence.saying is not None
    assert (presence.saying.kind, presence.saying.state) == ("publish", "done")


def test_our_tracked_link_is_put_in_where_it_may_lead_there(store, settings, admin, company, posting, board, sandbox):
    with store.writing() as session:
        session.add(TrackerSite(company_id=company.id, key="k", settings={"origins": ["https://jobs.acme.example"]}))
    for _ in range(2):
        publishing.publish(store, settings, admin, posting, board.id, now=NOW)
        send_all(store, settings)
    with store.reading() as session:
        link = session.exec(select(TrackingLink)).one()
    assert (link.platform, link.campaign, link.posting_id) == ("ziprecruiter", "req-1", posting)
    (ad,) = ads(sandbox, "ziprecruiter").values()
    assert ad["body"]["apply_url"] == f"https://sourceboard.acme.example/l/{link.slug}"
    assert (ad["made"], ad["updates"]) == (1, 1), "publishing what stands already is an update"


def test_without_an_address_that_others_reach_the_link_is_not_ours(store, settings, admin, company, posting, board):
    with store.writing() as session:
        session.add(TrackerSite(company_id=company.id, key="k", settings={"origins": ["https://jobs.acme.example"]}))
    publishing.publish(store, replace(settings, public_url=""), admin, posting, board.id, now=NOW)
    with store.reading() as session:
        assert session.exec(select(TrackingLink)).all() == []
        entry = session.exec(select(OutboxEntry)).one()
    assert str(entry.payload["apply_url"]).startswith("https://jobs.acme.example/apply/7")


def test_what_is_missing_is_said_at_once_and_nothing_is_sent(store, settings, admin, company, board):
    with store.writing() as session:
        bare = JobPosting(company_id=company.id, number=9, title="Bare")
        session.add(bare)
    asked = publishing.publish(store, settings, admin, bare.id, board.id, now=NOW)
    assert asked.state == ""
    assert {"description", "city", "country", "apply_url"} <= set(asked.problems)
    with store.reading() as session:
        assert session.exec(select(OutboxEntry)).all() == []


def test_a_refusal_comes_back_by_field_and_a_correction_goes_out(
    store, settings, admin, company, posting, board, sandbox
):
    assert publishing.save_advert(store, admin, posting, advert(postal_code="x"), now=NOW) == {}
    publishing.publish(store, settings, admin, posting, board.id, now=NOW)
    send_all(store, settings)
    with store.reading() as session:
        (presence,) = list_presences(session, scope(store, company), posting)
    assert presence.status == ""
    assert presence.saying is not None
    assert presence.saying.problems == {"postal_code": "postal_code is not one of this country"}
    assert publishing.save_advert(store, admin, posting, advert(), now=NOW) == {}
    publishing.publish(store, settings, admin, posting, board.id, now=NOW)
    send_all(store, settings)
    assert len(ads(sandbox, "ziprecruiter")) == 1


def test_closing_takes_it_off_and_publishing_opens_it_again(store, settings, admin, company, posting, board, sandbox):
    for act, is_open in ((publishing.publish, True), (publishing.close, False), (publishing.publish, True)):
        act(store, settings, admin, posting, board.id, now=NOW)
        send_all(store, settings)
        (ad,) = ads(sandbox, "ziprecruiter").values()
        assert (ad["is_open"], ad["made"]) == (is_open, 1)


def test_a_posting_keeps_its_name_at_a_platform_when_its_requisition_changes(
    store, settings, admin, company, posting, board, sandbox
):
    publishing.publish(store, settings, admin, posting, board.id, now=NOW)
    send_all(store, settings)
    with store.writing() as session:
        session.get_one(JobPosting, posting).requisition_ref = "REQ-2"
    publishing.publish(store, settings, admin, posting, board.id, now=NOW)
    send_all(store, settings)
    (ad,) = ads(sandbox, "ziprecruiter").values()
    assert ad["ref"].startswith("REQ-1-")
    assert ad["body"]["partner_attributes"] == {"requisition": "REQ-2"}


def test_what_could_not_be_sent_is_on_the_connections_card(store, settings, admin, company, posting, board, sandbox):
    sandbox.control("revoke", {"what": "ziprecruiter_key"})
    publishing.publish(store, settings, admin, posting, board.id, now=NOW)
    send_all(store, settings)
    with store.reading() as session:
        backlog = list_backlogs(session, scope(store, company))[board.id]
    assert (backlog.waiting, backlog.given_up, backlog.cause_code) == (1, 0, "key_invalid")
    sandbox.control("revoke", {"what": "ziprecruiter_key", "restore": True})
    publishing.again(store, admin, posting, board.id, now=NOW)
    send_all(store, settings)
    with store.reading() as session:
        assert list_backlogs(session, scope(store, company)) == {}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"country": "Germany"}, "country"),
        ({"salary_min": -1}, "salary_min"),
        ({"salary_min": 9, "salary_max": 5}, "salary_max"),
        ({"salary_min": 9, "salary_currency": ""}, "salary_currency"),
        ({"apply_url": "javascript:alert(1)"}, "apply_url"),
        ({"apply_url": "https://evil@jobs.example/"}, "apply_url"),
        ({"employment_type": "serf"}, "employment_type"),
        ({"questions": [{"text": "?", "kind": "select"}]}, "questions"),
        ({"description": "x" * 40_000}, "description"),
    ],
)
def test_an_advert_that_cannot_be_kept_says_at_which_field(store, admin, posting, changes, field):
    problems = publishing.save_advert(store, admin, posting, advert(**changes), now=NOW)
    assert set(problems) == {field}
    assert problems[field].endswith(".")


def test_a_hiring_manager_may_not(store, settings, manager, posting, board):
    for act in (publishing.publish, publishing.close):
        with pytest.raises(NotAllowed):
            act(store, settings, manager, posting, board.id, now=NOW)
    with pytest.raises(NotAllowed):
        publishing.save_advert(store, manager, posting, advert(), now=NOW)
    with pytest.raises(NotAllowed):
        publishing.again(store, manager, posting, board.id, now=NOW)
    with store.reading() as session:
        assert session.exec(select(OutboxEntry)).all() == []
        denied = [entry.action for entry in session.exec(select(AuditEntry)) if entry.outcome == "denied"]
    assert denied == ["posting.publish", "posting.unpublish", "posting.advert", "posting.publish_again"]


def test_another_company_finds_neither_posting_nor_connection(store, settings, admin, outsider, posting, board):
    with pytest.raises(NotFound, match="posting"):
        publishing.publish(store, settings, outsider, posting, board.id, now=NOW)
    with pytest.raises(NotFound, match="posting"):
        publishing.save_advert(store, outsider, posting, advert(), now=NOW)
    theirs = make_posting(store, Company(id=outsider.company_id, number=2, name="x", time_zone="UTC"))
    with pytest.raises(NotFound, match="connection"):
        publishing.publish(store, settings, outsider, theirs, board.id, now=NOW)


def test_where_nothing_can_be_published_it_is_said(store, settings, admin, company, posting, board):
    with store.writing() as session:
        other = PlatformConfig(number=2, company_id=company.id, platform="indeed", connector="indeed", is_active=True)
        session.add(other)
        session.get_one(PlatformConfig, board.id).is_active = False
    with pytest.raises(ValueError, match="Nothing can be published"):
        publishing.publish(store, settings, admin, posting, other.id, now=NOW)
    with pytest.raises(ValueError, match="switched off"):
        publishing.publish(store, settings, admin, posting, board.id, now=NOW)


def test_a_closed_posting_is_not_published(store, settings, admin: Viewer, posting, board):
    with store.writing() as session:
        session.get_one(JobPosting, posting).status = "closed"
    with pytest.raises(ValueError, match="open posting"):
        publishing.publish(store, settings, admin, posting, board.id, now=NOW)


def test_closing_a_posting_takes_it_off_wherever_it_stands(store, settings, admin, company, posting, board, sandbox):
    monster = connect_board(store, sandbox, company, "monster", 2)
    publishing.publish(store, settings, admin, posting, board.id, now=NOW)
    send_all(store, settings)
    publishing.publish(store, settings, admin, posting, monster.id, now=NOW)
    postings.close_posting(store, admin, posting, NOW.date(), now=NOW)
    send_all(store, settings)
    assert [ad["is_open"] for ad in ads(sandbox, "ziprecruiter").values()] == [False]
    assert ads(sandbox, "monster") == {}, "what was still waiting was sent after all"
    postings.close_posting(store, admin, posting, NOW.date(), now=NOW)
    assert send_next(store, settings, "w1", now=lambda: NOW) is None


def test_a_change_after_publishing_is_noticed(store, settings, admin, company, posting, board):
    publishing.publish(store, settings, admin, posting, board.id, now=NOW)
    send_all(store, settings)

    def is_outdated() -> bool:
        with store.reading() as session:
            (presence,) = list_presences(session, scope(store, company), posting)
        return presence.is_outdated

    with store.writing() as session:
        session.get_one(JobPosting, posting).updated_at = NOW - timedelta(days=1)
    assert not is_outdated()
    postings.save_posting(store, admin, {"title": "Gripper lead"}, posting_id=posting, now=NOW + timedelta(hours=1))
    assert is_outdated()
    publishing.publish(store, settings, admin, posting, board.id, now=NOW + timedelta(hours=2))
    assert not is_outdated()
