"""The inbox: what may be meant is offered, and what was decided is told, to the company that decided it alone."""

from datetime import UTC, datetime

from sqlmodel import select

from actions import postings
from actions.viewer import ADMIN, Viewer
from store.opening import Store
from store.reports.inbox import list_decisions, list_suggestions
from store.reports.postings import list_waiting
from store.reports.scope import CompanyScope, find_company
from store.tables import Company, ExternalPosting, JobPosting, PlatformConfig
from store.tables.columns import new_id

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def scope_of(store: Store, company: Company) -> CompanyScope:
    with store.reading() as session:
        found = find_company(session, company.id)
    assert found is not None
    return found


def seed(store: Store, company: Company) -> ExternalPosting:
    config = PlatformConfig(number=1, company_id=company.id, platform="indeed", connector="indeed", is_active=True)
    with store.writing() as session:
        session.add(config)
        for number, title in enumerate(("Senior Welder", "Accountant"), 1):
            session.add(JobPosting(company_id=company.id, number=number, title=title, location="Bremen"))
        session.flush()
        seen = ExternalPosting(
            company_id=company.id, config_id=config.id, external_ref="p1", title="Senior Welder - Nights"
        )
        session.add(seen)
    return seen


def test_the_likeliest_posting_is_offered_and_another_companys_never(store: Store, company: Company) -> None:
    seed(store, company)
    other = Company(number=2, name="Elsewhere")
    with store.writing() as session:
        session.add(other)
        session.flush()
        session.add(JobPosting(company_id=other.id, number=1, title="Senior Welder - Nights"))
    with store.reading() as session:
        (waiting,) = list_waiting(session, scope_of(store, company))
        (found,) = list_suggestions(session, scope_of(store, company), waiting)
        welder = session.exec(
            select(JobPosting.id).where(JobPosting.company_id == company.id, JobPosting.title == "Senior Welder")
        ).one()
    assert found.key == welder
    assert found.reason == "2 of 2 words of the title"


def test_what_was_decided_is_told_newest_first_and_to_nobody_else(store: Store, company: Company) -> None:
    seen = seed(store, company)
    other = Company(number=2, name="Elsewhere")
    with store.writing() as session:
        session.add(other)
    admin = Viewer(new_id(), company.id, ADMIN, "Ann", "ann@harbour.example")
    with store.reading() as session:
        welder = session.exec(select(JobPosting.id).where(JobPosting.title == "Senior Welder")).one()
    postings.add_rule(store, admin, welder, "title", "contains", "welding", now=NOW)
    postings.link(store, admin, seen.number or 0, welder, now=NOW)
    with store.reading() as session:
        told = list_decisions(session, scope_of(store, company))
        assert list_decisions(session, scope_of(store, other)) == []
    assert [(each.action, each.actor) for each in told] == [
        ("posting.link", "ann@harbour.example"),
        ("posting.rule", "ann@harbour.example"),
    ]
    assert told[1].facts["pattern"] == "welding"
