"""The dashboard's answer equals sums over the days, for any period, grain and filter."""

import random
import uuid
from datetime import UTC, date, datetime, timedelta

import pytest

from domain.filters import Filters
from domain.metrics import FUNNEL
from domain.periods import GRAINS, Period, bucket_of, named_period
from store.reports.dashboard import get_dashboard
from store.reports.scope import find_company
from store.tables import Application, JobPosting, PlatformConfig
from tests.store.reports.seed import OFFERED, seed_aggregates, total

TODAY = date(2026, 3, 10)
NOW = datetime(2026, 3, 10, 11, 0, tzinfo=UTC)
HISTORY = Period(TODAY - timedelta(days=800), TODAY + timedelta(days=1))


@pytest.fixture
def known(store, company):
    with store.writing() as session:
        return seed_aggregates(session, company.number, HISTORY)


def ask(store, company, period, filters=Filters(), grain="day"):
    with store.reading() as session:
        return get_dashboard(session, find_company(session, company.id), period, filters, grain=grain, now=NOW)


def random_questions(count, seed):
    chance = random.Random(seed)
    for _ in range(count):
        start = HISTORY.start + timedelta(days=chance.randrange(380, 780))
        period = Period(start, min(start + timedelta(days=chance.randrange(1, 380)), HISTORY.end))
        platforms = tuple(sorted(chance.sample(sorted(OFFERED), chance.randrange(0, 3))))
        yield period, Filters(platforms), chance.choice(GRAINS)


def test_cards_funnel_and_sources_are_the_sums_of_the_covered_days(store, company, known):
    for period, filters, grain in random_questions(25, seed=7):
        answer = ask(store, company, period, filters, grain)
        cards = {card.id: card for card in answer.cards}
        for metric in ("views", "clicks", "applications", "hires"):
            assert cards[metric].value == total(known, metric, period, filters.platforms)
        assert {step.stage: step.value for step in answer.funnel} == {
            stage: total(known, stage, period, filters.platforms) for stage in FUNNEL
        }
        for row in answer.sources:
            assert row.applications == total(known, "applications", period, (row.platform,))


def test_the_points_of_every_trend_sum_to_its_source_and_gaps_are_gaps(store, company, known):
    for period, filters, grain in random_questions(25, seed=8):
        answer = ask(store, company, period, filters, grain)
        for trend in answer.trends:
            values = [point.value for point in trend.points if point.value is not None]
            assert sum(values) == total(known, "applications", period, (trend.platform,))
            for point in trend.points:
                days = [day for day in Period(point.start, point.end) if (trend.platform, "applications", day) in known]
                assert (point.value is None) == (not days)
                assert point.is_partial or len(days) == (point.end - point.start).days or point.value is None


def test_a_change_compares_complete_days_with_as_many_days_before(store, company, known):
    compared = 0
    for period, filters, grain in random_questions(15, seed=9):
        for card in ask(store, company, period, filters, grain).cards:
            if card.id not in {"views", "clicks", "applications", "hires"} or card.comparison.current is None:
                continue
            compared += 1
            assert card.comparison.current.end <= TODAY
            assert card.compared == total(known, card.id, card.comparison.current, filters.platforms)
            assert card.previous == total(known, card.id, card.comparison.previous, filters.platforms)
    assert compared > 15


def test_rates_and_costs_use_only_platforms_that_report_both_terms(store, company, known):
    period = named_period("30d", TODAY)
    cards = {card.id: card for card in ask(store, company, period).cards}
    rate, cost = cards["click_to_application_rate"], cards["cost_per_application"]
    both = ("company_website", "indeed")
    assert rate.platforms == both
    assert rate.numerator == total(known, "applications", period, both)
    assert rate.denominator == total(known, "clicks", period, both)
    assert cost.platforms == ("indeed",)
    assert cost.value == total(known, "spend", period) / total(known, "applications", period, ("indeed",))
    assert cost.currency == "EUR"


def test_shares_sum_to_a_hundred(store, company, known):
    for period, filters, grain in random_questions(20, seed=10):
        shares = [row.share for row in ask(store, company, period, filters, grain).sources if row.share is not None]
        applications = total(known, "applications", period, filters.platforms)
        assert round(sum(shares), 2) == (100.00 if applications else 0)


def test_a_company_without_data_has_no_numbers_and_no_zeros(store, company):
    answer = ask(store, company, named_period("30d", TODAY))
    assert {card.value for card in answer.cards} == {None}
    assert answer.sources == ()
    assert {step.value for step in answer.funnel} == {None}
    assert answer.performance.days_to_hire is None
    assert all(card.note for card in answer.cards)


def test_a_connection_that_was_never_synced_is_listed_as_a_gap(store, company):
    with store.writing() as session:
        session.add(
            PlatformConfig(number=1, company_id=company.id, platform="indeed", connector="indeed", is_active=True)
        )
    (row,) = ask(store, company, named_period("30d", TODAY)).sources
    assert (row.platform, row.applications, row.share, row.state) == ("indeed", None, None, "never")


def test_the_last_bucket_is_marked_so_far_until_it_is_over(store, company, known):
    trend = ask(store, company, Period(date(2026, 2, 2), TODAY + timedelta(days=1)), grain="week").trends[0]
    assert trend.points[-1].start == bucket_of(TODAY, "week").start
    assert trend.points[-1].is_partial


def test_medians_come_from_the_hires_and_first_applications_of_the_period(store, company):
    posting = JobPosting(company_id=company.id, number=1, title="Welder", opened_on=date(2026, 2, 20))
    late = JobPosting(company_id=company.id, number=2, title="Cook", opened_on=date(2025, 2, 20))

    def application(ref, on, hired=None, of=posting, source="indeed"):
        return Application(
            company_id=company.id,
            external_ref=ref,
            posting_id=of.id,
            source_platform=source,
            applied_at=on,
            hired_at=hired,
            stage="hired" if hired else "applied",
        )

    with store.writing() as session:
        session.add_all([posting, late])
        session.flush()
        session.add_all(
            [
                application("1", datetime(2026, 2, 23, 9, tzinfo=UTC), datetime(2026, 3, 5, 9, tzinfo=UTC)),
                application("2", datetime(2026, 2, 24, 9, tzinfo=UTC), datetime(2026, 3, 8, 9, tzinfo=UTC)),
                application("3", datetime(2025, 3, 1, 9, tzinfo=UTC), of=late, source="referrals"),
            ]
        )
    speed = ask(store, company, named_period("30d", TODAY)).performance
    assert speed.days_to_hire == 11
    assert speed.hires_measured == 2
    assert speed.days_to_first_application == 3
    assert speed.postings_measured == 1
    assert speed.open_postings == 2
    nobody = ask(store, company, named_period("30d", TODAY), Filters(("referrals",))).performance
    assert (nobody.days_to_hire, nobody.days_to_first_application) == (None, None)


def test_another_companys_numbers_never_appear(store, company, known):
    from store.engine import writing
    from store.tables import Company

    other = Company(number=2, name="Elsewhere")
    with writing(store.engine) as session:
        session.add(other)
    answer = ask(store, other, named_period("1y", TODAY))
    assert {card.value for card in answer.cards} == {None}
    with store.reading() as session:
        assert find_company(session, uuid.uuid4()) is None


def test_a_change_is_not_shown_against_days_that_were_not_read(store, company):
    fortnight = Period(TODAY - timedelta(days=13), TODAY + timedelta(days=1))
    with store.writing() as session:
        seed_aggregates(session, company.number, fortnight, gap=0.0)
    read, unread = (ask(store, company, named_period(name, TODAY)).cards[2] for name in ("7d", "30d"))
    assert read.change_ratio is not None
    assert (unread.change_ratio, unread.previous, unread.comparison.current) == (None, None, None)
    assert (
        unread.value
        == read.value
        + read.previous
        + ask(store, company, Period(TODAY - timedelta(days=13), TODAY - timedelta(days=12))).cards[2].value
    )
    assert "were not read in full" in unread.comparison.rule


def test_a_connection_that_reports_no_numbers_is_no_gap_and_never_stale(store, company):
    with store.writing() as session:
        for number, (connector, is_active) in enumerate((("indeed_job_sync", True), ("monster", False)), 1):
            session.add(
                PlatformConfig(
                    number=number,
                    company_id=company.id,
                    platform=connector.partition("_")[0],
                    connector=connector,
                    is_active=is_active,
                )
            )
    answer = ask(store, company, named_period("30d", TODAY))
    assert answer.sources == ()
    assert [entry.state for entry in answer.freshness] == ["connected", "inactive"]
