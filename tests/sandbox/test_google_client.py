"""Google's own client library, unmodified, reads the sandbox."""

from collections import Counter
from datetime import date, timedelta

import pytest
from google.analytics.data_v1beta import BetaAnalyticsDataClient
from google.analytics.data_v1beta.services.beta_analytics_data.transports.rest import (
    BetaAnalyticsDataRestTransport,
)
from google.analytics.data_v1beta.types import (
    BatchRunReportsRequest,
    DateRange,
    Dimension,
    Filter,
    FilterExpression,
    Metric,
    OrderBy,
    RunReportRequest,
)
from google.api_core.exceptions import BadRequest, Forbidden, TooManyRequests
from google.oauth2 import service_account

FIRST, AUTUMN, END = date(2025, 10, 20), date(2026, 9, 1), date(2026, 11, 19)
SCOPE = "https://www.googleapis.com/auth/analytics.readonly"


@pytest.fixture
def make_client(sb, credentials, monkeypatch):
    # google-auth asks iamcredentials.googleapis.com for allowed regions beside every first call, and
    # has no switch for it: an https proxy that refuses keeps the tests off the outside network.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    made = []

    def make(*, self_signed=False):
        key_file = credentials["ga4"]["service_account"]
        account = service_account.Credentials.from_service_account_info(key_file, scopes=[SCOPE])
        transport = BetaAnalyticsDataRestTransport(
            host=sb.url.removeprefix("http://"),
            url_scheme="http",
            credentials=account,
            always_use_jwt_access=self_signed,
        )
        client = BetaAnalyticsDataClient(transport=transport)
        made.append(client)
        return client

    yield make
    for client in made:
        client.transport.close()


@pytest.fixture
def property_name(credentials):
    return f"properties/{credentials['ga4']['property_id']}"


def starts_with(text):
    condition = Filter.StringFilter(
        match_type=Filter.StringFilter.MatchType.BEGINS_WITH, value=text, case_sensitive=True
    )
    return FilterExpression(filter=Filter(field_name="pagePath", string_filter=condition))


def is_an_event(*names):
    wanted = Filter.InListFilter(values=list(names))
    return FilterExpression(filter=Filter(field_name="eventName", in_list_filter=wanted))


def batch(name, first):
    """A stretch in one batch: pages, sessions, and events by source."""
    events = is_an_event("apply_click", "apply_start", "apply_complete")
    on_careers_pages = FilterExpression(and_group={"expressions": [starts_with("/jobs"), events]})
    asked = (
        (
            "date pagePath sessionSource sessionMedium sessionCampaignName",
            "screenPageViews",
            starts_with("/jobs"),
        ),
        (
            "date sessionSource",
            "sessions engagedSessions userEngagementDuration bounceRate",
            starts_with("/jobs"),
        ),
        ("date eventName sessionSource", "eventCount", on_careers_pages),
    )
    reports = [
        RunReportRequest(
            property=name,
            date_ranges=[DateRange(start_date=str(first), end_date=str(END - timedelta(days=1)))],
            dimensions=[Dimension(name=n) for n in dimensions.split()],
            metrics=[Metric(name=n) for n in metrics.split()],
            dimension_filter=kept,
            limit=250_000,
        )
        for dimensions, metrics, kept in asked
    ]
    return BatchRunReportsRequest(property=name, requests=reports)


def added_up(reports):
    pages, sessions, events = reports
    found = Counter({"views": sum(int(row.metric_values[0].value) for row in pages.rows)})
    for row in sessions.rows:
        for name, cell in zip(("sessions", "engaged_sessions", "engagement_seconds"), row.metric_values, strict=False):
            found[name] += int(cell.value)
    words = {"apply_click": "clicks", "apply_start": "apply_starts", "apply_complete": "applications"}
    for row in events.rows:
        found[words[row.dimension_values[1].value]] += int(row.metric_values[0].value)
    return dict(found)


@pytest.mark.parametrize(
    ("first", "self_signed"),
    [(FIRST, False), (AUTUMN, True)],
    ids=["thirteen months by token exchange", "autumn by self-signed token"],
)
def test_its_totals_equal_the_truth_of_the_career_site(sb, make_client, property_name, totals, first, self_signed):
    client = make_client(self_signed=self_signed)
    reports = client.batch_run_reports(batch(property_name, first)).reports

    truth = totals(sb.truth(first, END, connected="company_website"))

    assert added_up(reports) == {metric: value for (_, metric), value in truth.items()}
    assert truth["company_website", "applications"] > 400


def test_without_the_sources_that_others_own_its_totals_equal_the_truth_of_all_connections(
    sb, make_client, property_name, totals
):
    events = make_client().run_report(batch(property_name, FIRST).requests[2])
    kept = Counter()
    for row in events.rows:
        _, event, source = (cell.value for cell in row.dimension_values)
        is_owned = source.lower() == "indeed" or (
            event == "apply_complete" and source.lower() in {"linkedin", "glassdoor", "referral"}
        )
        kept[event] += 0 if is_owned else int(row.metric_values[0].value)

    truth = totals(sb.truth(FIRST, END))

    assert kept["apply_click"] == truth["company_website", "clicks"]
    assert kept["apply_start"] == truth["company_website", "apply_starts"]
    assert kept["apply_complete"] == truth["company_website", "applications"]


def test_it_pages_through_a_report_without_losing_or_repeating_a_row(make_client, property_name):
    client = make_client()
    names = ("date", "pagePath", "sessionSource")

    def page(offset, limit):
        return client.run_report(
            RunReportRequest(
                property=property_name,
                date_ranges=[DateRange(start_date="30daysAgo", end_date="yesterday")],
                dimensions=[Dimension(name=n) for n in names],
                metrics=[Metric(name="screenPageViews")],
                order_bys=[OrderBy(dimension={"dimension_name": n}) for n in names],
                offset=offset,
                limit=limit,
            )
        )

    whole = page(0, 100_000)
    pieces = [row for offset in range(0, whole.row_count, 400) for row in page(offset, 400).rows]

    assert [str(row) for row in pieces] == [str(row) for row in whole.rows]
    keys = [tuple(cell.value for cell in row.dimension_values) for row in whole.rows]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys) == whole.row_count > 1000


def test_it_raises_its_own_errors(sb, make_client, property_name):
    client = make_client()
    request = RunReportRequest(
        property=property_name,
        date_ranges=[DateRange(start_date="7daysAgo", end_date="today")],
        metrics=[Metric(name="pageViews")],
    )
    with pytest.raises(BadRequest, match="Field pageViews is not a valid metric"):
        client.run_report(request)

    request.metrics[0].name = "sessions"
    request.property = "properties/1"
    with pytest.raises(Forbidden, match="sufficient permissions for this property"):
        client.run_report(request)

    request.property = property_name
    sb.control("quota", {"tokensPerHour": 0})
    with pytest.raises(TooManyRequests, match="Exhausted property tokens per hour"):
        client.run_report(request)
