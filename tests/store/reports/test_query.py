"""The general question against sums made in plain Python, page by page, on both databases."""

import random
from dataclasses import replace
from datetime import date
from itertools import product
from uuid import uuid4

import pytest

from domain.facts import Origin, Scope, day_number
from domain.metrics import BY_NAME
from domain.periods import Period, buckets
from domain.platforms import BY_KEY
from store.reports.query import Query, Unanswerable, run_query
from store.reports.scope import find_company
from store.tables import BreakdownRow, JobPosting, PlatformConfig, PostingAggregate, RawFact
from tests.store.reports.seed import seed_aggregates

SPAN = Period(date(2026, 1, 20), date(2026, 4, 10))
ASKED = Period(date(2026, 1, 29), date(2026, 3, 17))
CUT = ("clicks", "applications", "spend")


def parts(grain, period=ASKED):
    return [period] if grain == "total" else buckets(period, grain)


def ask(store, company, query, *, limit=10_000, after=None):
    with store.reading() as session:
        scope = find_company(session, company.id)
        return run_query(session, scope, query, after=after, limit=limit)


def pages(store, company, query, *, limit):
    found, after = [], None
    while rows := ask(store, company, query, limit=limit, after=after):
        assert len(rows) <= limit
        found += rows
        after = rows[-1].key
    return found


@pytest.fixture
def known(store, company):
    with store.writing() as session:
        return seed_aggregates(session, company.number, SPAN, seed=11)


@pytest.mark.parametrize("grain", ["total", "day", "week", "month"])
@pytest.mark.parametrize("breakdown", [(), ("platform",)])
@pytest.mark.parametrize("platforms", [(), ("indeed", "referrals")])
def test_sums_of_aggregates_are_those_of_their_days(store, company, known, grain, breakdown, platforms):
    narrowed = {"platform": platforms} if platforms else {}
    rows = ask(store, company, Query(CUT, ASKED, grain, breakdown, narrowed))
    wanted: dict[tuple[object, ...], list[int]] = {}
    for part, ((platform, metric, day), value) in product(parts(grain), known.items()):
        if day in part and metric in CUT and (not platforms or platform in platforms):
            entry = wanted.setdefault((part.start, part.end, *((platform,) if breakdown else ()), metric), [0, 0])
            entry[0] += value
            entry[1] += 1
    told = {(row.start, row.end, *row.dimensions, row.metric): [row.value, row.covered_days] for row in rows}
    assert told == wanted
    assert {row.currency for row in rows if row.metric == "spend"} == {"EUR"}


def test_pages_are_the_whole_and_hold_nothing_twice(store, company, known):
    query = Query(CUT, ASKED, "day", ("platform",))
    whole = ask(store, company, query)
    assert pages(store, company, query, limit=7) == whole
    assert [row.key for row in whole] == sorted(row.key for row in whole)


@pytest.fixture
def by_posting(store, company):
    """{(posting number, platform, metric, day): value}; posting 0 waits to be linked."""
    chance = random.Random(3)
    known = {
        (posting, platform, metric, day): chance.randrange(0, 90)
        for posting, platform, metric in product((0, 1, 2, 3), ("indeed", "monster"), CUT)
        for day in SPAN
        if chance.random() < 0.3
    }
    with store.writing() as session:
        for number, (title, department) in enumerate((("Nurse", "Care"), ("Cook", "Köche"), ("Nurse", "Care")), 1):
            session.add(JobPosting(company_id=company.id, number=number, title=title, department=department))
        session.add_all(
            PostingAggregate(
                company_no=company.number,
                day=day_number(day),
                platform=BY_KEY[platform].number,
                metric=BY_NAME[metric].number,
                posting_no=posting,
                currency="EUR" if metric == "spend" else "",
                value=value,
            )
            for (posting, platform, metric, day), value in known.items()
        )
    return known


DEPARTMENTS = {0: "", 1: "Care", 2: "Köche", 3: "Care"}


@pytest.mark.parametrize("grain", ["total", "day", "week", "month"])
@pytest.mark.parametrize("breakdown", [("posting",), ("department",), ("platform", "department")])
def test_sums_by_posting_are_those_of_their_days(store, company, by_posting, grain, breakdown):
    query = Query(CUT, ASKED, grain, breakdown, {"platform": ("indeed",)} if grain == "week" else {})
    wanted: dict[tuple[object, ...], int] = {}
    for part, ((posting, platform, metric, day), value) in product(parts(grain), by_posting.items()):
        if day in part and (grain != "week" or platform == "indeed"):
            names = {"posting": posting, "department": DEPARTMENTS[posting], "platform": platform}
            key = (part.start, part.end, *(names[name] for name in breakdown), metric)
            wanted[key] = wanted.get(key, 0) + value
    rows = ask(store, company, query)
    assert {(row.start, row.end, *row.dimensions, row.metric): row.value for row in rows} == wanted
    assert pages(store, company, query, limit=5) == rows


def test_it_narrows_to_postings_and_their_departments(store, company, by_posting):
    some = ask(store, company, Query(("clicks",), ASKED, "total", (), {"posting": (1, 3)}))
    same = ask(store, company, Query(("clicks",), ASKED, "total", (), {"department": ("Care",)}))
    assert [row.value for row in some] == [row.value for row in same]
    assert ask(store, company, Query(("clicks",), ASKED, "total", (), {"posting": ()})) == []
    assert ask(store, company, Query(("clicks",), ASKED, "total", (), {"department": ("' OR 1=1 --",)})) == []


def test_sources_below_a_platform_are_told_by_source_and_by_medium(store, company):
    with store.writing() as session:
        site = PlatformConfig(number=1, company_id=company.id, platform="company_website", connector="company_website")
        session.add(site)
        session.flush()
        for number, (source, medium) in enumerate((("google", "cpc"), ("google", "organic"), ("mail", "mail")), 1):
            cut = BreakdownRow(number=number, company_no=1, config_no=1, kind="source", source=source, medium=medium)
            session.add(cut)
            session.flush()
            for day in (date(2026, 2, 1), date(2026, 2, 2)):
                session.add(
                    RawFact(
                        company_no=company.number,
                        config_no=1,
                        day=day_number(day),
                        metric=BY_NAME["views"].number,
                        scope=int(Scope.TOTAL),
                        origin=int(Origin.POLL),
                        breakdown=number,
                        value=10 * number,
                    )
                )
    rows = ask(store, company, Query(("views",), ASKED, "month", ("platform", "source")))
    assert [(row.dimensions, row.start, row.value) for row in rows] == [
        (("company_website", "google"), date(2026, 2, 1), 60),
        (("company_website", "mail"), date(2026, 2, 1), 60),
    ]
    mediums = ask(store, company, Query(("views",), ASKED, "total", ("medium",), {"source": ("google",)}))
    assert [(row.dimensions, row.value) for row in mediums] == [(("cpc",), 20), (("organic",), 40)]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"metrics": ("reach",), "grain": "week", "breakdown": ("platform",)}, "Reach does not add up over days"),
        ({"metrics": ("reach",), "grain": "day"}, "Reach does not add up over platforms"),
        ({"metrics": ("sessions",), "breakdown": ("platform", "posting")}, "Sessions does not add up over postings"),
        ({"metrics": ("clicks",), "breakdown": ("source", "posting")}, "sources by posting"),
        ({"metrics": ("clicks",), "breakdown": ("source", "paid")}, "ask for one"),
    ],
)
def test_it_refuses_to_add_up_what_does_not_add_up(asked, reason):
    with pytest.raises(Unanswerable, match=reason):
        Query(period=ASKED, **asked)


def test_another_company_has_no_rows(store, company, known, by_posting):
    with store.reading() as session:
        scope = find_company(session, company.id)
    stranger = replace(scope, id=uuid4(), number=2)
    with store.reading() as session:
        for breakdown in ((), ("posting",), ("source",)):
            assert run_query(session, stranger, Query(CUT, ASKED, "total", breakdown), limit=10) == []
