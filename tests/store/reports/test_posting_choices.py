"""Postings to choose from: by title, by what is searched for, and how many there are in all."""

import pytest

from store.reports.posting_choices import list_choices
from store.tables import Company, JobPosting
from tests.store.plans import plans_of, whole_reads
from tests.store.reports.test_inbox import scope_of

TITLES = ("Cook", "Baker", "Örtliche Leitung", "Driver", "Nurse")


@pytest.fixture
def postings(store, company):
    """Five open postings by title, a closed and an archived one, and another company's."""
    with store.writing() as session:
        other = Company(number=77, name="Elsewhere", time_zone="UTC", currency="EUR")
        session.add(other)
        session.flush()
        rows = [
            JobPosting(company_id=company.id, number=100 + number, title=title, requisition_ref=f"REQ-{number}")
            for number, title in enumerate(TITLES)
        ]
        ended = [
            JobPosting(company_id=company.id, number=200, title="Welder", status="closed"),
            JobPosting(company_id=company.id, number=201, title="Welder", status="archived"),
            JobPosting(company_id=other.id, number=300, title="Cook"),
        ]
        session.add_all([*rows, *ended])
    return {row.title: row.id for row in rows}


def asked(store, company, **how):
    with store.reading() as session:
        found = list_choices(session, scope_of(store, company), **how)
    return [one.title for one in found.shown], found.total


@pytest.mark.usefixtures("postings")
def test_a_list_holds_so_many_by_title_and_says_how_many_there_are(store, company):
    is_open = {"statuses": ("open",)}
    shown, total = asked(store, company, **is_open)
    assert (sorted(shown), total) == (sorted(TITLES), 5)
    assert asked(store, company, **is_open, limit=5) == (shown, 5)
    assert asked(store, company, **is_open, limit=3) == (shown[:3], 5)
    assert asked(store, company, **is_open, limit=0) == ([], 5)
    assert asked(store, company)[1] == 7


@pytest.mark.parametrize("text", ["leitung", "LEITUNG", "req-2"])
@pytest.mark.usefixtures("postings")
def test_what_is_searched_for_is_found_beyond_the_list(store, company, text):
    assert asked(store, company, statuses=("open",), search=text, limit=1) == (["Örtliche Leitung"], 5)
    assert asked(store, company, statuses=("open",), search="100%") == ([], 5)


def test_what_is_chosen_stays_whatever_is_searched_for_but_nobody_else_s_comes_in(store, company, postings):
    keep = [postings["Nurse"]]
    assert asked(store, company, search="Cook", keep=keep) == (["Nurse", "Cook"], 7)
    assert asked(store, company, search="Nurse", keep=keep) == (["Nurse"], 7)
    assert asked(store, company, statuses=("closed",), keep=keep) == (["Welder"], 1)


@pytest.mark.usefixtures("postings")
def test_only_the_company_s_postings_are_looked_through(store, company):
    scope = scope_of(store, company)
    for how in ({}, {"search": "Cook", "limit": 1}, {"statuses": ("open",), "limit": 2}):
        for plan in plans_of(store, lambda session, how=how: list_choices(session, scope, **how)):
            assert whole_reads(plan, "job_postings") == []
