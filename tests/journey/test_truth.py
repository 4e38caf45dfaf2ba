"""From the wire to the report: what the product shows equals what the sandbox's model says, to the last digit."""

from collections import defaultdict
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import select

from domain.facts import day_of
from domain.filters import Filters
from domain.metrics import BY_NUMBER as METRICS
from domain.periods import Period, named_period
from domain.platforms import BY_NUMBER as PLATFORMS
from jobs.aggregate import rebuild
from store.reports.dashboard import get_dashboard
from store.reports.scope import find_company
from store.tables import AggregatedFact, JobPosting, PlatformSyncJob, PostingAggregate

#: The first test of each database pays for the whole demo: a year of every platform.
pytestmark = pytest.mark.timeout(1500)

#: All that the demo connects, as the truth knows it; job boards that report no numbers are not among them.
CONNECTED = "company_website,indeed,ats,facebook,x,linkedin_page,lix,enrich_layer,scrapingbee,tracker,links,desk"

#: Running totals at the platform: no day before the first reading is known, and none may be made up.
UNDATED = {("facebook", "clicks"), ("linkedin", "views")}


#: What only the tracker, the links and the referral desk can have told.
LIVE = {
    ("company_website", "views"),
    ("company_website", "sessions"),
    ("other", "clicks"),
    ("referrals", "referrals_sent"),
}


def shown_by_day(demo, period):
    """{(platform, metric, currency, day): value} as aggregated."""
    with demo.store.reading() as session:
        rows = session.exec(select(AggregatedFact).where(AggregatedFact.grain == 1)).all()
    return {
        (PLATFORMS[row.platform].key, METRICS[row.metric].name, row.currency, day_of(row.period_start)): row.value
        for row in rows
        if day_of(row.period_start) in period
    }


def true_by_day(demo, period):
    """The same from the truth, zeros left out."""
    truth = demo.truth(period.start, period.end, CONNECTED)
    return {
        (row["platform"], row["metric"], row["currency"] or "", date.fromisoformat(row["day"])): row["value"]
        for row in truth["days"]
        if row["value"] and (row["platform"], row["metric"]) not in UNDATED
    }


def test_every_platform_metric_and_day_of_a_year_equals_the_truth(demo):
    today = demo.today
    period = Period(today - timedelta(days=360), today - timedelta(days=1))
    with demo.store.reading() as session:
        jobs = session.exec(select(PlatformSyncJob)).all()
    assert {job.state for job in jobs} == {"completed"}
    shown = {key: value for key, value in shown_by_day(demo, period).items() if value}
    true = true_by_day(demo, period)
    wrong = {
        key: (shown.get(key), true.get(key)) for key in shown.keys() | true.keys() if shown.get(key) != true.get(key)
    }
    by_metric = defaultdict(int)
    for platform, metric, *_ in wrong:
        by_metric[platform, metric] += 1
    assert not wrong, (dict(by_metric), sorted(wrong.items(), key=str)[:5])
    assert len(true) > 5000


def test_what_the_tracker_and_the_links_heard_is_part_of_these_numbers(demo):
    today = demo.today
    period = Period(today - timedelta(days=14), today - timedelta(days=1))
    polled = demo.truth(period.start, period.end, CONNECTED.removesuffix(",tracker,links,desk"))
    told = {(row["platform"], row["metric"], date.fromisoformat(row["day"])): row["value"] for row in polled["days"]}
    shown = shown_by_day(demo, period)
    changed = {
        (platform, metric)
        for (platform, metric, _, day), value in shown.items()
        if (platform, metric) not in UNDATED and told.get((platform, metric, day), 0) != value
    }
    assert changed >= LIVE
    assert {platform for platform, _ in changed} == {"company_website", "other", "referrals"}


def test_cards_sources_and_funnel_of_every_named_period_equal_the_truth(demo):
    now = datetime.now(UTC)
    for name in ("7d", "30d", "90d", "1y"):
        period = named_period(name, demo.today)
        totals = defaultdict(int)
        by_source = defaultdict(int)
        for row in demo.truth(period.start, period.end, CONNECTED)["totals"]:
            if (row["platform"], row["metric"]) in UNDATED:
                continue
            totals[row["metric"]] += row["value"]
            if row["metric"] == "applications":
                by_source[row["platform"]] += row["value"]
        with demo.store.reading() as session:
            company = find_company(session, demo.admin.company_id)
            answer = get_dashboard(session, company, period, Filters(), grain="day", now=now)
        cards = {card.id: card for card in answer.cards}
        for metric in ("views", "clicks", "applications", "hires"):
            assert cards[metric].value == totals[metric], (name, metric)
        assert {step.stage: step.value for step in answer.funnel} == {
            stage: totals[stage]
            for stage in ("impressions", "clicks", "apply_starts", "applications", "interviews", "hires")
        }
        assert {row.platform: row.applications for row in answer.sources if row.applications} == {
            platform: value for platform, value in by_source.items() if value
        }
        assert cards["cost_per_application"].numerator == totals["spend"]


def test_postings_equal_the_truth_on_every_day_they_were_read_for(demo):
    today = demo.today
    period = Period(today - timedelta(days=360), today - timedelta(days=1))
    true = defaultdict(int)
    for row in demo.truth(period.start, period.end, CONNECTED)["postings"]:
        true[row["platform"], row["metric"], row["requisition"], date.fromisoformat(row["day"])] += row["value"]
    with demo.store.reading() as session:
        names = {row.number: row.requisition_ref for row in session.exec(select(JobPosting))}
        rows = session.exec(select(PostingAggregate).where(PostingAggregate.posting_no != 0)).all()
    shown = defaultdict(int)
    for row in rows:
        if day_of(row.day) in period:
            shown[PLATFORMS[row.platform].key, METRICS[row.metric].name, names[row.posting_no], day_of(row.day)] += (
                row.value
            )
    read = {(platform, metric, day) for platform, metric, _, day in shown}
    expected = {key: value for key, value in true.items() if value and (key[0], key[1], key[3]) in read}
    assert {key: value for key, value in shown.items() if value} == expected
    assert len(expected) > 1000


def test_rebuilding_everything_changes_nothing(demo):
    def rows():
        with demo.store.reading() as session:
            return {
                (row.grain, row.metric, row.period_start, row.platform, row.currency): (row.value, row.percentage)
                for row in session.exec(select(AggregatedFact))
            }

    before = rows()
    rebuild(demo.store)
    assert rows() == before
