"""Postings are made, changed and linked by admins of their company only."""

import uuid
from datetime import UTC, date, datetime

import pytest
from sqlmodel import select

from actions import postings
from actions.viewer import NotAllowed, NotFound, Viewer
from store.opening import Store
from store.reports.connections import list_connections
from store.reports.link_rules import list_link_rules
from store.reports.postings import list_waiting
from store.reports.scope import find_company
from store.tables import AuditEntry, ExternalPosting, JobPosting, PlatformConfig
from tests.people import People, seed_people

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def people(store: Store) -> People:
    return seed_people(store, now=NOW)


def viewer(company, role: str = "admin") -> Viewer:
    return Viewer(uuid.uuid4(), company.id, role, "Someone", f"{role}@acme.example")


def waiting(store: Store, people: People) -> int:
    """The number of an external posting that waits."""
    with store.writing() as session:
        config = PlatformConfig(
            number=1, company_id=people.company.id, platform="indeed", connector="indeed", name="Indeed"
        )
        session.add(config)
        session.flush()
        external = ExternalPosting(
            company_id=people.company.id, config_id=config.id, external_ref="x1", title="Night nurse"
        )
        session.add(external)
        session.flush()
        assert external.number is not None
        return external.number


def test_a_posting_is_made_changed_closed_and_reopened(store: Store, people: People):
    admin = viewer(people.company)
    made = postings.save_posting(store, admin, {"title": " Porter ", "opened_on": date(2026, 3, 1)}, now=NOW)
    postings.save_posting(store, admin, {"location": "Utrecht"}, posting_id=made, now=NOW)
    postings.close_posting(store, admin, made, date(2026, 3, 9), now=NOW)
    with store.reading() as session:
        held = session.get_one(JobPosting, made)
        assert (held.title, held.location, held.status) == ("Porter", "Utrecht", "closed")
        assert (held.opened_on, held.closed_on) == (date(2026, 3, 1), date(2026, 3, 9))
    postings.reopen_posting(store, admin, made, now=NOW)
    with store.reading() as session:
        held = session.get_one(JobPosting, made)
        assert (held.status, held.closed_on) == ("open", None)


@pytest.mark.parametrize(
    "values",
    [
        {"title": "  "},
        {"title": "x" * 501},
        {"title": "a", "opened_on": date(2026, 3, 2), "closed_on": date(2026, 3, 1)},
        {"title": "a", "target_hires": -1},
    ],
)
def test_values_that_make_no_posting_are_refused_in_words(store: Store, people: People, values):
    with pytest.raises(ValueError, match=r"\.$"):
        postings.save_posting(store, viewer(people.company), values, now=NOW)


def test_a_hiring_manager_is_refused_and_that_is_written_down(store: Store, people: People):
    number = waiting(store, people)
    manager = viewer(people.company, "hiring_manager")
    tries = (
        lambda: postings.save_posting(store, manager, {"title": "a"}, now=NOW),
        lambda: postings.link(store, manager, number, None, now=NOW),
        lambda: postings.ignore(store, manager, number, is_ignored=True, now=NOW),
        lambda: postings.delete_rule(store, manager, uuid.uuid4(), now=NOW),
    )
    for attempt in tries:
        with pytest.raises(NotAllowed):
            attempt()
    with store.reading() as session:
        denied = session.exec(select(AuditEntry).where(AuditEntry.outcome == "denied")).all()
    assert len(denied) == len(tries)


def test_another_companys_posting_answers_like_none(store: Store, people: People):
    made = postings.save_posting(store, viewer(people.company), {"title": "Porter"}, now=NOW)
    number = waiting(store, people)
    stranger = viewer(people.other)
    for attempt in (
        lambda: postings.save_posting(store, stranger, {"title": "b"}, posting_id=made, now=NOW),
        lambda: postings.close_posting(store, stranger, made, date(2026, 3, 9), now=NOW),
        lambda: postings.link(store, stranger, number, None, now=NOW),
        lambda: postings.ignore(store, stranger, number, is_ignored=True, now=NOW),
        lambda: postings.add_rule(store, stranger, made, "title", "equals", "x", now=NOW),
    ):
        with pytest.raises(NotFound):
            attempt()


def test_what_waits_is_linked_by_hand_put_aside_and_linked_by_rule(store: Store, people: People):
    admin = viewer(people.company)
    number = waiting(store, people)
    made = postings.save_posting(store, admin, {"title": "Porter"}, now=NOW)
    postings.ignore(store, admin, number, is_ignored=True, now=NOW)
    with store.reading() as session:
        company = find_company(session, people.company.id)
        assert company is not None
        assert list_waiting(session, company) == []
        assert [row.number for row in list_waiting(session, company, ignored=True)] == [number]
    postings.ignore(store, admin, number, is_ignored=False, now=NOW)
    postings.add_rule(store, admin, made, "title", "contains", "night", now=NOW)
    with store.reading() as session:
        assert session.get_one(ExternalPosting, number).posting_id == made
        rules = list_link_rules(session, company)
    assert [(rule.title, rule.field, rule.match, rule.pattern) for rule in rules] == [
        ("Porter", "title", "contains", "night")
    ]
    postings.delete_rule(store, admin, rules[0].id, now=NOW)
    postings.link(store, admin, number, None, now=NOW)
    with store.reading() as session:
        assert list_link_rules(session, company) == []
        assert session.get_one(ExternalPosting, number).posting_id is None


def test_a_rule_without_a_text_is_refused(store: Store, people: People):
    admin = viewer(people.company)
    made = postings.save_posting(store, admin, {"title": "Porter"}, now=NOW)
    for field, match, pattern in (("title", "contains", "  "), ("company", "equals", "x"), ("title", "like", "x")):
        with pytest.raises(ValueError, match="A rule"):
            postings.add_rule(store, admin, made, field, match, pattern, now=NOW)


def test_connections_are_listed_without_their_secrets_and_without_other_companies(store: Store, people: People):
    waiting(store, people)
    with store.reading() as session:
        ours, theirs = (find_company(session, company.id) for company in (people.company, people.other))
        assert ours is not None
        assert theirs is not None
        rows = list_connections(session, ours, NOW)
        assert [(row.name, row.state, row.has_secrets, row.job) for row in rows] == [
            ("Indeed", "inactive", False, None)
        ]
        assert list_connections(session, theirs, NOW) == []
