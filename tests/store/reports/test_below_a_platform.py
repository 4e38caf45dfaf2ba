"""Breakdowns, postings, sync history and explanations: each from facts written as they are told."""

import uuid
from datetime import UTC, date, datetime, time, timedelta

import pytest

from domain.facts import Coverage, Origin, Scope, day_number
from domain.filters import Filters
from domain.metrics import BY_NAME
from domain.periods import Period
from domain.platforms import BY_KEY
from store.reports.explain import explain
from store.reports.postings import find_posting, list_postings, list_waiting
from store.reports.scope import find_company
from store.reports.sources import list_breakdowns
from store.reports.sync_jobs import find_sync_job, list_sync_jobs
from store.tables import (
    AggregatedFact,
    Application,
    BreakdownRow,
    ExternalPosting,
    JobPosting,
    PlatformConfig,
    PlatformSyncJob,
    PostingAggregate,
    RawFact,
    ReadCoverage,
)

MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))
NOON = datetime(2026, 3, 20, 12, tzinfo=UTC)


def fact(company_no, config_no, metric, day, value, **more):
    return RawFact(
        company_no=company_no,
        config_no=config_no,
        day=day_number(day),
        metric=BY_NAME[metric].number,
        scope=more.pop("scope", Scope.TOTAL),
        origin=more.pop("origin", Origin.POLL),
        value=value,
        **more,
    )


@pytest.fixture
def site(store, company):
    """The career site with two UTM sources on two days, and one day outside the period."""
    config = PlatformConfig(
        number=1, company_id=company.id, platform="company_website", connector="company_website", name="Careers"
    )
    with store.writing() as session:
        session.add(config)
        session.flush()
        google = BreakdownRow(company_no=1, config_no=1, kind="source", source="google", medium="organic")
        indeed = BreakdownRow(
            company_no=1,
            config_no=1,
            kind="source",
            source="Indeed",
            medium="cpc",
            campaign="Spring",
            source_platform=3,
        )
        session.add_all([google, indeed])
        session.flush()
        for day, visits, others in ((date(2026, 3, 1), 5, 2), (date(2026, 3, 31), 6, 3), (date(2026, 4, 1), 100, 100)):
            session.add(fact(1, 1, "views", day, visits, breakdown=google.number))
            session.add(fact(1, 1, "applications", day, others, breakdown=indeed.number))
            session.add(
                ReadCoverage(
                    company_no=1,
                    config_no=1,
                    day=day_number(day),
                    metric=BY_NAME["views"].number,
                    scope=Scope.TOTAL,
                    origin=Origin.POLL,
                    state=Coverage.READ,
                    as_of=NOON,
                )
            )
    return config


def test_sources_below_a_platform_are_summed_over_the_period_and_name_their_owner(store, company, site):
    with store.reading() as session:
        rows = list_breakdowns(session, find_company(session, company.id), MARCH, "company_website", "source")
    assert [(row.source, row.medium, row.campaign, row.owner, row.values) for row in rows] == [
        ("google", "organic", "", "", {"views": 11}),
        ("Indeed", "cpc", "Spring", "indeed", {"applications": 5}),
    ]


def test_money_of_two_currencies_is_never_added_up(store, company, site):
    with store.writing() as session:
        spring = BreakdownRow(company_no=1, config_no=1, kind="campaign", campaign="Spring")
        session.add(spring)
        session.flush()
        for currency, value in (("EUR", 500), ("USD", 700)):
            for day in (date(2026, 3, 1), date(2026, 3, 2)):
                session.add(fact(1, 1, "spend", day, value, currency=currency))
                session.add(fact(1, 1, "spend", day, value, currency=currency, breakdown=spring.number))
        session.add(fact(1, 1, "clicks", date(2026, 3, 1), 9, breakdown=spring.number))
        session.add(
            ReadCoverage(
                company_no=1,
                config_no=1,
                day=day_number(date(2026, 3, 1)),
                metric=BY_NAME["spend"].number,
                scope=Scope.TOTAL,
                origin=Origin.POLL,
                state=Coverage.READ,
                as_of=NOON,
            )
        )
    with store.reading() as session:
        scope = find_company(session, company.id)
        rows = list_breakdowns(session, scope, MARCH, "company_website", "campaign")
        why = explain(session, scope, MARCH, "spend")
    assert [(row.campaign, row.currency, row.values) for row in rows] == [
        ("Spring", "USD", {"spend": 1400}),
        ("Spring", "EUR", {"clicks": 9, "spend": 1000}),
    ]
    assert [(told.currency, told.total) for told in why.told] == [("EUR", 1000), ("USD", 1400)]


def test_an_explanation_names_what_was_told_and_what_was_asked(store, company, site):
    with store.writing() as session:
        session.add(
            AggregatedFact(
                company_no=1,
                grain=1,
                metric=BY_NAME["views"].number,
                period_start=day_number(MARCH.start),
                platform=BY_KEY["company_website"].number,
                value=5,
            )
        )
    with store.reading() as session:
        why = explain(session, find_company(session, company.id), MARCH, "views")
    assert why.counted == (("Company website", 5, ""),)
    (told,) = why.told
    assert (told.connection, told.origin, told.total, told.days_read, told.days_failed) == ("Careers", "poll", 11, 2, 0)
    assert (told.first_day, told.last_day, told.as_of) == (date(2026, 3, 1), date(2026, 3, 31), NOON)
    with store.reading() as session, pytest.raises(KeyError):
        explain(session, find_company(session, company.id), MARCH, "conversions")


@pytest.fixture
def postings(store, company):
    welder = JobPosting(company_id=company.id, number=1, title="Welder 50%", requisition_ref="REQ-1", department="Yard")
    cook = JobPosting(company_id=company.id, number=2, title="Köchin", requisition_ref="REQ-2", status="closed")
    with store.writing() as session:
        session.add_all([welder, cook])
        for platform, metric, currency, value in (
            ("indeed", "clicks", "", 7),
            ("company_website", "clicks", "", 4),
            ("indeed", "spend", "USD", 900),
            ("indeed", "spend", "EUR", 100),
        ):
            session.add(
                PostingAggregate(
                    company_no=1,
                    day=day_number(MARCH.start),
                    platform=BY_KEY[platform].number,
                    metric=BY_NAME[metric].number,
                    posting_no=1,
                    currency=currency,
                    value=value,
                )
            )
    return welder, cook


def test_a_posting_has_its_numbers_by_platform_and_currencies_apart(store, company, postings):
    with store.reading() as session:
        scope = find_company(session, company.id)
        rows = {row.number: row for row in list_postings(session, scope, MARCH, Filters())}
        only = find_posting(session, scope, MARCH, Filters(("indeed",)), postings[0].id)
        before = Period(MARCH.start - timedelta(days=9), MARCH.start)
        earlier = find_posting(session, scope, before, Filters(), postings[0].id)
    assert rows[1].values == {"clicks": 11}
    assert rows[1].spend == {"USD": 900, "EUR": 100}
    assert rows[1].by_platform == {"indeed": {"clicks": 7}, "company_website": {"clicks": 4}}
    assert rows[2].values == {}
    assert only.values == {"clicks": 7}
    assert earlier.values == {}


def test_hires_are_zero_where_somebody_applied_and_unknown_where_nobody_is_known_to(store, company, postings):
    begin = datetime.combine(MARCH.start, time(12), UTC)
    applied = Application(company_id=company.id, posting_id=postings[0].id, external_ref="A", applied_at=begin)
    with store.writing() as session:
        session.add(applied)
    with store.reading() as session:
        scope = find_company(session, company.id)
        rows = {row.number: row for row in list_postings(session, scope, MARCH, Filters())}
        before = Period(MARCH.start - timedelta(days=9), MARCH.start)
        earlier = find_posting(session, scope, before, Filters(), postings[0].id)
    reached = {"interviews": 0, "offers": 0, "hires": 0}
    assert rows[1].values == {"clicks": 11, **reached}
    assert rows[1].by_platform["indeed"] == {"clicks": 7, **reached}
    assert rows[2].values == {}
    assert earlier.values == {}, "nobody had applied yet"


@pytest.mark.parametrize(
    ("search", "found"),
    [("welder", [1]), ("50%", [1]), ("%", [1]), ("_", []), ("' OR 1=1--", []), ("req-2", [2]), ("KÖCHIN", [2])],
)
def test_a_search_is_literal_text(store, company, postings, search, found):
    with store.reading() as session:
        rows = list_postings(session, find_company(session, company.id), MARCH, Filters(), search=search)
    assert [row.number for row in rows] == found


def test_postings_are_filtered_by_state_and_bounded_by_company(store, company, postings):
    with store.reading() as session:
        scope = find_company(session, company.id)
        assert [row.number for row in list_postings(session, scope, MARCH, Filters(), status="closed")] == [2]
        assert find_posting(session, scope, MARCH, Filters(), uuid.uuid4()) is None


def test_external_postings_wait_until_they_are_linked_or_ignored(store, company, site, postings):
    with store.writing() as session:
        for ref, linked, ignored in (("a", None, False), ("b", postings[0].id, False), ("c", None, True)):
            session.add(
                ExternalPosting(
                    company_id=company.id,
                    config_id=site.id,
                    external_ref=ref,
                    posting_id=linked,
                    is_ignored=ignored,
                    first_seen_at=NOON,
                )
            )
    with store.reading() as session:
        scope = find_company(session, company.id)
        assert [row.external_ref for row in list_waiting(session, scope)] == ["a"]
        assert [row.external_ref for row in list_waiting(session, scope, ignored=True)] == ["c"]


def test_sync_history_is_newest_first_and_another_companys_job_is_not_found(store, company, site):
    from store.tables import Company

    jobs = [
        PlatformSyncJob(
            number=number,
            company_id=company.id,
            config_id=site.id,
            slot=str(number),
            state=state,
            window_start=MARCH.start,
            window_end=MARCH.end,
            started_at=NOON,
            finished_at=NOON + timedelta(seconds=number),
        )
        for number, state in ((1, "failed"), (2, "completed"))
    ]
    other = Company(number=2, name="Elsewhere")
    with store.writing() as session:
        session.add_all([*jobs, other])
    with store.reading() as session:
        scope = find_company(session, company.id)
        assert [(row.state, row.seconds) for row in list_sync_jobs(session, scope)] == [("completed", 2), ("failed", 1)]
        assert [row.state for row in list_sync_jobs(session, scope, state="failed")] == ["failed"]
        assert find_sync_job(session, scope, jobs[0].id).state == "failed"
        assert find_sync_job(session, find_company(session, other.id), jobs[0].id) is None
