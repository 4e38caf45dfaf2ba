"""Postings and their links: by rule, by hand, and the days a changed link makes dirty."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text
from sqlmodel import select

from connectors.contract import Closed, PostingSeen
from domain.adverts import reference
from domain.facts import Fact, Origin, Scope, day_number
from store.opening import Store
from store.reports.inbox import preview_rule
from store.reports.scope import find_company
from store.tables import Company, DataVersion, ExternalPosting, JobPosting, TrackingLink
from store.writes.facts import FactWriter, Place
from store.writes.postings import (
    PostingUnknown,
    add_rule,
    close_posting,
    create_posting,
    edit_posting,
    ignore,
    link_by_hand,
    upsert_external_postings,
)

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)
DAY = date(2026, 3, 2)


def make(store: Store, company: Company, **values: object) -> JobPosting:
    with store.writing() as session:
        return create_posting(session, company.id, values, now=NOW)


def see(store: Store, place: Place, *seen: PostingSeen) -> tuple[int, int, int, int]:
    with store.writing() as session:
        counts = upsert_external_postings(session, place, seen, now=NOW)
    return counts.inserted, counts.updated, counts.unchanged, counts.linked


def external(store: Store, ref: str) -> ExternalPosting:
    with store.reading() as session:
        return session.exec(select(ExternalPosting).where(ExternalPosting.external_ref == ref)).one()


def count(store: Store, place: Place, ref: str, days: int = 2) -> None:
    """Facts of a posting on some days, read whole."""
    writer = FactWriter(place, Origin.POLL, 1)
    with store.writing() as session:
        told = [Fact("clicks", DAY + timedelta(days=n), 1, Scope.POSTING, ref) for n in range(days)]
        writer.write(session, told, now=NOW)
        writer.close(session, [Closed(("clicks",), Scope.POSTING, DAY, DAY + timedelta(days=5))], now=NOW)
        session.execute(text("DELETE FROM dirty_days"))


def dirty(store: Store) -> list[int]:
    with store.reading() as session:
        return list(session.execute(text("SELECT day FROM dirty_days ORDER BY day")).scalars())


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"requisition_ref": "REQ-7"}, {"requisition_ref": "req-7 "}),
        ({"path": "/jobs/welder"}, {"path": "/Jobs/Welder/"}),
        ({"path": "/jobs/welder"}, {"url": "https://careers.example/jobs/welder?utm_source=x"}),
        ({"slug": "welder-7"}, {"url": "https://careers.example/en/welder-7"}),
        ({"title": "Senior Welder"}, {"title": "senior  welder (m/w/d)"}),
    ],
)
def test_what_two_postings_have_in_common_links_them(
    store: Store, company: Company, place: Place, ours: dict[str, str], theirs: dict[str, str]
) -> None:
    posting = make(store, company, **{"title": "Another", **ours})
    assert see(store, place, PostingSeen("job-1", **theirs)) == (1, 0, 0, 1)
    assert (external(store, "job-1").posting_id, external(store, "job-1").linked_by) == (posting.id, "rule")


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"path": "/jobs/welder"}, {"links": ("https://careers.example/jobs/welder?utm_source=facebook",)}),
        (
            {"apply_url": "https://apply.example/7/form"},
            {"links": ("https://x.example/", "https://apply.example/7/form")},
        ),
        ({"requisition_ref": "REQ-7"}, {"campaign": "req-7"}),
        ({"slug": "welder-7"}, {"campaign": "welder-7"}),
    ],
)
def test_a_post_belongs_to_the_posting_that_its_link_leads_to(
    store: Store, company: Company, place: Place, ours: dict[str, str], theirs: dict[str, Any]
) -> None:
    posting = make(store, company, **{"title": "Another", **ours})
    see(store, place, PostingSeen("post-1", title="We are hiring!", kind="post", **theirs))
    found = external(store, "post-1")
    assert (found.posting_id, found.kind) == (posting.id, "post")


@pytest.mark.parametrize("link", ["https://hiring.example/l/ab3de5gh7", "https://a.example/jobs?utm_id=ab3de5gh7"])
def test_a_post_with_a_tracked_link_belongs_to_its_posting(
    store: Store, company: Company, place: Place, link: str
) -> None:
    posting = make(store, company, title="Welder")
    with store.writing() as session:
        session.add(TrackingLink(company_id=company.id, slug="ab3de5gh7", posting_id=posting.id, platform="facebook"))
    see(store, place, PostingSeen("post-1", kind="post", links=(link,)))
    assert external(store, "post-1").posting_id == posting.id


def test_a_rule_by_link_or_campaign_links_posts_and_its_preview_told_so(
    store: Store, company: Company, place: Place
) -> None:
    posting = make(store, company, title="Welder")
    see(store, place, PostingSeen("p1", kind="post", links=("https://a.example/", "https://b.example/fair")))
    see(store, place, PostingSeen("p2", kind="post", campaign="fair-2026"), PostingSeen("p3", kind="post"))
    with store.reading() as session:
        scope = find_company(session, company.id)
        assert scope is not None
        by_link = preview_rule(session, scope, "link", "contains", "/FAIR")
        by_campaign = preview_rule(session, scope, "campaign", "starts_with", "fair")
    assert [row.external_ref for row in by_link.fits] == ["p1"]
    assert [row.external_ref for row in by_campaign.fits] == ["p2"]
    for field, pattern in (("link", "/fair"), ("campaign", "fair")):
        with store.writing() as session:
            add_rule(
                session, company.id, posting.id, {"field": field, "match": "contains", "pattern": pattern}, now=NOW
            )
    assert [external(store, ref).posting_id for ref in ("p1", "p2", "p3")] == [posting.id, posting.id, None]
    with store.reading() as session:
        assert preview_rule(session, scope, "link", "contains", "/fair").others == 1


def test_a_title_that_two_postings_bear_links_to_neither(store: Store, company: Company, place: Place) -> None:
    make(store, company, title="Welder")
    make(store, company, title="Welder")
    assert see(store, place, PostingSeen("job-1", "Welder")) == (1, 0, 0, 0)


def test_seeing_a_posting_again_changes_only_what_is_told(store: Store, company: Company, place: Place) -> None:
    see(store, place, PostingSeen("job-1", "Welder", location="Kiel"), PostingSeen("job-2", "Cook"))
    assert see(store, place, PostingSeen("job-1", "Welder"), PostingSeen("job-2", "Chef")) == (0, 1, 1, 0)
    assert (external(store, "job-1").location, external(store, "job-2").title) == ("Kiel", "Chef")


def test_a_posting_made_later_finds_what_waits_and_counts_its_days_again(
    store: Store, company: Company, place: Place
) -> None:
    see(store, place, PostingSeen("job-1", "Welder"))
    count(store, place, "job-1")
    posting = make(store, company, title="Welder")
    assert external(store, "job-1").posting_id == posting.id
    assert dirty(store) == [day_number(DAY), day_number(DAY) + 1]


def test_many_links_at_once_mark_every_covered_day(store: Store, company: Company, place: Place) -> None:
    see(store, place, *(PostingSeen(f"job-{n}", requisition_ref="REQ-1") for n in range(50)))
    count(store, place, "job-1")
    make(store, company, title="Welder", requisition_ref="REQ-1")
    assert dirty(store) == [day_number(DAY) + n for n in range(5)]


def test_the_admins_rules_come_first_in_their_order(store: Store, company: Company, place: Place) -> None:
    make(store, company, title="Welder")
    one, two = make(store, company, title="One"), make(store, company, title="Two")
    with store.writing() as session:
        add_rule(
            session,
            company.id,
            two.id,
            {"field": "title", "match": "contains", "pattern": "weld", "position": 2},
            now=NOW,
        )
        add_rule(
            session,
            company.id,
            one.id,
            {"field": "external_ref", "match": "starts_with", "pattern": "JOB", "position": 1},
            now=NOW,
        )
    see(store, place, PostingSeen("job-1", "Welder"), PostingSeen("x-1", "Welder"))
    assert external(store, "job-1").posting_id == one.id
    assert external(store, "x-1").posting_id == two.id


def test_what_a_person_decided_no_rule_undoes(store: Store, company: Company, place: Place) -> None:
    posting = make(store, company, title="Welder")
    see(store, place, PostingSeen("job-1", "Welder"))
    count(store, place, "job-1")
    number = external(store, "job-1").number
    with store.writing() as session:
        link_by_hand(session, company.id, number, None, now=NOW)
    assert dirty(store) == [day_number(DAY), day_number(DAY) + 1]
    with store.writing() as session:
        edit_posting(session, company.id, posting.id, {"title": "WELDER"}, now=NOW)
    see(store, place, PostingSeen("job-1", "welder"))
    assert external(store, "job-1").posting_id is None


def test_an_ignored_posting_waits_no_more(store: Store, company: Company, place: Place) -> None:
    see(store, place, PostingSeen("job-1", "Welder"))
    with store.writing() as session:
        ignore(session, company.id, external(store, "job-1").number)
    make(store, company, title="Welder")
    assert external(store, "job-1").posting_id is None


def test_a_rule_without_a_posting_puts_aside_what_fits_and_what_is_put_back_stays_back(
    store: Store, company: Company, place: Place
) -> None:
    make(store, company, title="Our party")
    see(store, place, PostingSeen("p1", "A day in our hall", kind="post"), PostingSeen("p2", "Welder", kind="post"))
    with store.writing() as session:
        add_rule(session, company.id, None, {"field": "title", "match": "starts_with", "pattern": "a day in"}, now=NOW)
    see(store, place, PostingSeen("p3", "A day in our yard", kind="post"))
    assert [external(store, ref).is_ignored for ref in ("p1", "p2", "p3")] == [True, False, True]
    with store.writing() as session:
        ignore(session, company.id, external(store, "p1").number, is_ignored=False)
    see(store, place, PostingSeen("p1", "A day in our hall again", kind="post"))
    make(store, company, title="Something new")
    assert not external(store, "p1").is_ignored


def test_the_first_rule_that_fits_decides_whether_it_links_or_puts_aside(
    store: Store, company: Company, place: Place
) -> None:
    posting = make(store, company, title="Welder")
    aside = {"field": "title", "match": "contains", "pattern": "hall", "position": 2}
    with store.writing() as session:
        add_rule(session, company.id, None, aside, now=NOW)
        add_rule(session, company.id, posting.id, {**aside, "pattern": "hall welder", "position": 1}, now=NOW)
    see(store, place, PostingSeen("p1", "A hall welder", kind="post"), PostingSeen("p2", "Hall", kind="post"))
    assert (external(store, "p1").posting_id, external(store, "p1").is_ignored) == (posting.id, False)
    assert (external(store, "p2").posting_id, external(store, "p2").is_ignored) == (None, True)


def test_another_companys_postings_do_not_exist(store: Store, company: Company, place: Place) -> None:
    other = Company(number=2, name="Other")
    with store.writing() as session:
        session.add(other)
    theirs = make(store, other, title="Welder")
    see(store, place, PostingSeen("job-1", "Welder"))
    number = external(store, "job-1").number
    assert external(store, "job-1").posting_id is None
    with store.writing() as session:
        with pytest.raises(PostingUnknown):
            link_by_hand(session, company.id, number, theirs.id, now=NOW)
        with pytest.raises(PostingUnknown):
            link_by_hand(session, other.id, number, theirs.id, now=NOW)
        with pytest.raises(PostingUnknown):
            edit_posting(session, company.id, uuid4(), {}, now=NOW)


def test_postings_are_numbered_per_company_and_close_no_earlier_than_they_opened(
    store: Store, company: Company
) -> None:
    first, second = make(store, company, title="One", opened_on=DAY), make(store, company, title="Two")
    assert (first.number, second.number) == (1, 2)
    with store.writing() as session:
        closed = close_posting(session, company.id, first.id, DAY - timedelta(days=3), now=NOW)
    assert (closed.status, closed.closed_on) == ("closed", DAY)


def test_a_posting_has_no_other_columns(store: Store, company: Company) -> None:
    with pytest.raises(ValueError, match="company_id"):
        make(store, company, title="x", company_id=uuid4())


def test_what_is_remembered_of_the_numbers_is_old_when_postings_change(store: Store, company: Company) -> None:
    with store.writing() as session:
        session.add(DataVersion(company_no=company.number, company_id=company.id, version=7))

    def version() -> int:
        with store.reading() as session:
            return session.get_one(DataVersion, company.number).version

    posting = make(store, company, title="Welder")
    assert version() == 8
    for title, expected in (("Welder", 8), ("Senior welder", 9)):
        with store.writing() as session:
            edit_posting(session, company.id, posting.id, {"title": title}, now=NOW)
        assert version() == expected


def test_what_we_published_comes_back_under_the_name_we_gave_it(store: Store, company: Company, place: Place) -> None:
    made = make(store, company, title="Welder", requisition_ref="REQ 7")
    name = reference("REQ 7", made.number, made.id)
    assert see(store, place, PostingSeen(ref=name, requisition_ref=name.upper()))[3] == 1
    assert external(store, name).posting_id == made.id
