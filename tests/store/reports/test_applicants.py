"""The list of applicants: every combination of filters tells the truth, page by page, and reads what it shows."""

import itertools
import time
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial

import pytest
from sqlalchemy import event, text
from sqlmodel import select

from domain.filters import Filters
from domain.periods import Period
from store.reports.applicant import get_applicant
from store.reports.applicants import (
    Applicants,
    Place,
    count_applicants,
    list_applicants,
    list_ids,
    page_of_keys,
    search_applicants,
)
from store.reports.scope import find_company
from store.tables import Application, Referral
from store.tables.columns import new_id
from tests.store.applicant_bulk import fill

SOME = 2_000
WHOLE = Period(date(2024, 1, 1), date(2026, 1, 1))
PLATFORMS = ((), ("indeed",), ("monster", "x"), ("indeed", "linkedin"), ("referrals",))
STATES = ("", "applied", "withdrawn", "reviewed")
#: Milliseconds of database time that every list may take.
MOST_MS = 300


def plain(_row_id, name, email):
    return name, email


@contextmanager
def listed(store, number, referrals, **more):
    bulk = fill(store, number, referrals=referrals, **more)
    with store.reading() as session:
        yield session, find_company(session, bulk.company.id), bulk


def every(bulk):
    """All combinations of what can be asked."""
    asked = itertools.product(PLATFORMS, STATES, (None, True, False), (None, bulk.postings[3]))
    for platforms, state, referred, posting in asked:
        yield Applicants(WHOLE, Filters(platforms), state, posting, referred)


def test_every_combination_of_filters_tells_the_truth(store):
    with listed(store, SOME, SOME // 10) as (session, company, bulk):
        led_to = set(session.exec(select(Referral.application_id)))
        rows = sorted(session.exec(select(Application)), key=lambda row: (row.applied_at, row.id))
        for wanted in every(bulk):
            expected = [row.id for row in rows if _fits(row, wanted, led_to)]
            expected.reverse()
            found = list_ids(session, company, wanted, limit=40)
            assert found == expected[:40], wanted
            assert count_applicants(session, company, wanted, most=100) == min(101, len(expected)), wanted


def _fits(row, wanted, led_to):
    return (
        (not wanted.filters.platforms or row.source_platform in wanted.filters.platforms)
        and wanted.state in {"", row.stage}
        and wanted.posting_id in {None, row.posting_id}
        and (wanted.referred is None or wanted.referred == (row.id in led_to))
    )


@pytest.mark.parametrize("rising", [False, True])
def test_pages_follow_each_other_forth_and_back_without_gap_or_repeat(sqlite_store, rising):
    # All at one instant: the id tells them apart.
    with listed(sqlite_store, 500, 1, days=0) as (session, company, _bulk):
        wanted = Applicants(WHOLE, Filters(("indeed", "linkedin")), "rejected", is_oldest_first=rising)
        expected = list_ids(session, company, wanted, limit=1000)
        seen, place = [], None
        while rows := list_applicants(session, company, wanted, plain, place=place, limit=37):
            seen.append([row.id for row in rows])
            place = Place((rows[-1].applied_at, rows[-1].id))
        assert list(itertools.chain(*seen)) == expected
        for before, after in itertools.pairwise(seen):
            first = next(row for row in list_applicants(session, company, wanted, plain, limit=1000)
                         if row.id == after[0])  # fmt: skip
            back = Place((first.applied_at, first.id), is_end=True)
            assert [row.id for row in list_applicants(session, company, wanted, plain, place=back, limit=37)] == before


def test_no_list_walks_through_all_applications(store):
    with listed(store, SOME, SOME // 10) as (session, company, bulk):
        is_sqlite = store.engine.dialect.name == "sqlite"
        if not is_sqlite:
            # So few rows are read faster than any index: a million are not.
            session.execute(text("SET LOCAL enable_seqscan = off"))
        for wanted in every(bulk):
            page = page_of_keys(session, company, wanted, None, 50)
            told = str(page.compile(store.engine, compile_kwargs={"literal_binds": True}))
            explain = "EXPLAIN QUERY PLAN " if is_sqlite else "EXPLAIN "
            plan = "\n".join(str(row[-1]) for row in session.execute(text(explain + told.replace(":", "\\:"))))
            assert "SCAN applications" not in plan, plan
            assert "Seq Scan on applications" not in plan, plan
            if is_sqlite and (wanted.filters.platforms or wanted.state) and not wanted.posting_id:
                index = "sqlite_autoindex_applications_1" if wanted.referred else "ix_applications_listed"
                assert f"INDEX {index}" in plan, plan


def test_a_person_and_an_application_are_found_by_what_they_are_called_exactly(store):
    with listed(store, 300, 30) as (session, company, bulk):
        for sought in ((bulk.email_index, ""), ("", bulk.ref)):
            assert [row.id for row in search_applicants(session, company, sought, plain, limit=5)] == [bulk.one]
        assert search_applicants(session, company, ("e", "a"), plain, limit=5) == []
        found = get_applicant(session, company, bulk.one, plain)
        assert next((told.stage, told.told_by) for told in found.history) == ("applied", "file")
        assert len(found.referrals) == 1
    with store.reading() as session:
        assert get_applicant(session, _other(company), bulk.one, plain) is None


def _other(company):
    return replace(company, id=new_id())


@pytest.mark.faults
def test_a_million_applications_are_listed_counted_and_shown_in_time(store):
    with listed(store, 1_000_000, 100_000) as (session, company, bulk):
        middle = (datetime(2024, 6, 1, tzinfo=UTC), bulk.one)
        slow = {}
        list_ids(session, company, Applicants(WHOLE, Filters()), limit=50)
        for wanted in every(bulk):
            for place in (None, Place(middle), Place(middle, is_end=True)):
                ask = partial(list_applicants, session, company, wanted, plain, place=place, limit=51)
                slow[repr((wanted, place))] = quickest(store.engine, ask)
            ask = partial(count_applicants, session, company, wanted, most=10_000)
            slow[repr(("count", wanted))] = quickest(store.engine, ask)
        slow["one"] = quickest(store.engine, partial(get_applicant, session, company, bulk.one, plain))
        sought = (bulk.email_index, bulk.ref)
        slow["search"] = quickest(store.engine, partial(search_applicants, session, company, sought, plain, limit=50))
    worst = sorted(slow.items(), key=lambda one: -one[1])[:5]
    assert worst[0][1] < MOST_MS, worst


def quickest(engine, ask):
    """The least of five, where it has to be: what else the machine does meanwhile is not the database's time."""
    found = []
    for _ in range(5):
        with database_time(engine) as spent:
            ask()
        found.append(sum(spent))
        if found[-1] < MOST_MS:
            break
    return min(found)


@contextmanager
def database_time(engine):
    """Milliseconds that the database took for each statement, rows included as the driver fetches them."""
    spent, begun = [], []

    def before(*_args):
        begun.append(time.perf_counter())

    def after(*_args):
        spent.append((time.perf_counter() - begun.pop()) * 1000)

    event.listen(engine, "before_cursor_execute", before)
    event.listen(engine, "after_cursor_execute", after)
    try:
        yield spent
    finally:
        event.remove(engine, "before_cursor_execute", before)
        event.remove(engine, "after_cursor_execute", after)
