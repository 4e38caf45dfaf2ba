"""The GA4 Data API on the wire."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from sandbox.launch import running
from sandbox.server import Options, build_app, build_world
from tests.loops import run


def test_a_report_has_googles_shape_with_every_cell_a_string(ga4):
    report = ga4.report(
        "date pagePath",
        "screenPageViews sessions bounceRate averageSessionDuration",
        limit="3",
        returnPropertyQuota=True,
    )

    assert report["kind"] == "analyticsData#runReport"
    assert report["dimensionHeaders"] == [{"name": "date"}, {"name": "pagePath"}]
    assert [h["type"] for h in report["metricHeaders"]] == [
        "TYPE_INTEGER",
        "TYPE_INTEGER",
        "TYPE_FLOAT",
        "TYPE_SECONDS",
    ]
    assert report["metadata"] == {"currencyCode": "USD", "timeZone": "America/New_York"}
    assert len(report["rows"]) == 3 < report["rowCount"]
    cells = [c["value"] for r in report["rows"] for c in (*r["dimensionValues"], *r["metricValues"])]
    assert all(isinstance(cell, str) for cell in cells)
    assert report["rows"][0]["dimensionValues"][0]["value"].isdigit()
    assert report["propertyQuota"]["tokensPerDay"]["consumed"] == 1


def test_an_empty_answer_has_headers_and_neither_rows_nor_a_row_count(ga4, credentials):
    first, last = credentials["history"]["outage"]

    report = ga4.report("date", dateRanges=[{"startDate": first, "endDate": last}])

    assert "rows" not in report
    assert "rowCount" not in report
    assert report["dimensionHeaders"] == [{"name": "date"}]


def test_the_days_around_the_outage_have_rows(ga4, credentials):
    last = credentials["history"]["outage"][1]

    report = ga4.report("date", dateRanges=[{"startDate": last, "endDate": "today"}])

    days = [row["dimensionValues"][0]["value"] for row in report["rows"]]
    assert last.replace("-", "") not in days
    assert len(days) == 150


def test_a_session_over_several_pages_counts_once_without_the_page_dimension(ga4):
    by_page = ga4.report("pagePath")
    whole = ga4.report()

    assert sum(int(row["metricValues"][0]["value"]) for row in by_page["rows"]) > int(
        whole["rows"][0]["metricValues"][0]["value"]
    )


def test_rates_come_from_the_counts_beside_them(ga4):
    row = ga4.report("", "sessions engagedSessions bounceRate engagementRate")["rows"][0]
    sessions, engaged, bounced, engaged_rate = (float(cell["value"]) for cell in row["metricValues"])

    assert bounced == (sessions - engaged) / sessions
    assert engaged_rate == engaged / sessions
    assert 0.02 < bounced < 0.5


def test_events_split_by_name_add_up_to_all_events_and_key_events_are_completions(ga4):
    by_name = {
        row["dimensionValues"][0]["value"]: [int(cell["value"]) for cell in row["metricValues"]]
        for row in ga4.report("eventName", "eventCount keyEvents screenPageViews")["rows"]
    }
    total = [int(c["value"]) for c in ga4.report("", "eventCount keyEvents screenPageViews")["rows"][0]["metricValues"]]

    assert [sum(column) for column in zip(*by_name.values(), strict=True)] == total
    assert by_name["apply_complete"][0] == by_name["apply_complete"][1] == total[1] > 0
    assert by_name["page_view"][0] == by_name["page_view"][2] == total[2]
    assert by_name["apply_click"][0] > by_name["apply_start"][0] > by_name["apply_complete"][0]


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ({"stringFilter": {"value": "INDEED"}}, {"indeed", "Indeed"}),
        ({"stringFilter": {"value": "Indeed", "caseSensitive": True}}, {"Indeed"}),
        ({"stringFilter": {"matchType": "BEGINS_WITH", "value": "link"}}, {"linkedin", "LinkedIn"}),
        ({"stringFilter": {"matchType": 3, "value": ".COM"}}, {"kununu.com"}),
        ({"stringFilter": {"matchType": "CONTAINS", "value": "glass"}}, {"glassdoor"}),
        ({"stringFilter": {"matchType": "FULL_REGEXP", "value": "bin."}}, {"bing"}),
        ({"stringFilter": {"matchType": "PARTIAL_REGEXP", "value": "^goo"}}, {"google"}),
        ({"inListFilter": {"values": ["BING", "google"]}}, {"bing", "google"}),
        ({"inListFilter": {"values": ["Indeed"], "caseSensitive": True}}, {"Indeed"}),
        ({"emptyFilter": {}}, {"(not set)"}),
    ],
)
def test_each_kind_of_filter_keeps_what_it_names(ga4, condition, kept):
    report = ga4.report("sessionSource", dimensionFilter={"filter": {"fieldName": "sessionSource", **condition}})

    assert {row["dimensionValues"][0]["value"] for row in report["rows"]} == kept


def test_filters_combine_with_and_or_and_not(ga4):
    def source(value):
        return {"filter": {"fieldName": "sessionSource", "stringFilter": {"value": value}}}

    either = {"orGroup": {"expressions": [source("bing"), source("indeed")]}}
    not_paid = {"notExpression": {"filter": {"fieldName": "sessionMedium", "stringFilter": {"value": "cpc"}}}}
    report = ga4.report(
        "sessionSource sessionMedium", dimensionFilter={"andGroup": {"expressions": [either, not_paid]}}
    )

    assert {tuple(c["value"] for c in row["dimensionValues"]) for row in report["rows"]} == {
        ("bing", "organic"),
        ("indeed", "organic"),
        ("Indeed", "organic"),
    }


def test_rows_come_in_the_order_asked_for_and_pages_do_not_overlap(ga4):
    orders = [
        {"metric": {"metricName": "screenPageViews"}, "desc": True},
        {"dimension": {"dimensionName": "pagePath", "orderType": "ALPHANUMERIC"}},
    ]
    whole = ga4.report("pagePath", "screenPageViews", orderBys=orders)["rows"]
    pages = [
        row
        for offset in range(0, len(whole), 7)
        for row in ga4.report("pagePath", "screenPageViews", orderBys=orders, limit=7, offset=str(offset))["rows"]
    ]

    values = [(-int(r["metricValues"][0]["value"]), r["dimensionValues"][0]["value"]) for r in whole]
    assert values == sorted(values)
    assert pages == whole


def test_an_offset_beyond_the_end_leaves_the_row_count_and_no_rows(ga4):
    report = ga4.report("pagePath", offset=100_000)

    assert "rows" not in report
    assert report["rowCount"] > 30


def test_several_date_ranges_add_a_dimension_that_names_them(ga4):
    ranges = [
        {"startDate": "14daysAgo", "endDate": "8daysAgo", "name": "before"},
        {"startDate": "7daysAgo", "endDate": "yesterday"},
    ]
    report = ga4.report("", dateRanges=ranges)

    assert report["dimensionHeaders"] == [{"name": "dateRange"}]
    assert {row["dimensionValues"][0]["value"] for row in report["rows"]} == {"before", "date_range_1"}


def test_totals_count_a_session_once_however_often_the_rows_do(ga4):
    report = ga4.report("pagePath", metricAggregations=["TOTAL"])
    whole = ga4.report()["rows"][0]["metricValues"]

    assert report["totals"][0]["metricValues"] == whole
    assert report["totals"][0]["dimensionValues"] == [{"value": "RESERVED_TOTAL"}]


def test_a_batch_answers_each_request_in_turn_and_one_bad_one_fails_it(ga4, body_of):
    good, other = body_of("date", "sessions"), body_of("", "screenPageViews")
    answer = ga4.call("batchRunReports", {"requests": [good, other]}).json()

    assert answer["kind"] == "analyticsData#batchRunReports"
    assert [report["metricHeaders"][0]["name"] for report in answer["reports"]] == [
        "sessions",
        "screenPageViews",
    ]

    refused = ga4.call("batchRunReports", {"requests": [good, body_of("", "pageViews")]})
    assert refused.status_code == 400
    assert ga4.call("batchRunReports", {"requests": [good] * 6}).status_code == 400


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"metrics": [{"name": "pageViews"}]}, "Field pageViews is not a valid metric."),
        ({"dimensions": [{"name": "source"}]}, "Field source is not a valid dimension."),
        ({"metrics": [{"name": "advertiserAdImpressions"}]}, "Please remove pagePath to make the request"),
        ({"dimension": []}, 'Unknown name "dimension": Cannot find field.'),
        ({"dateRanges": [{"start": "today"}]}, "Unknown name \"start\" at 'dateRanges[0]'"),
        ({"dateRanges": [{"startDate": "2026-13-01", "endDate": "today"}]}, "Invalid date"),
        ({"dateRanges": [{"startDate": "today", "endDate": "yesterday"}]}, "must be before or the same"),
        ({"dateRanges": []}, "date ranges"),
        ({"limit": "many"}, "Invalid value at 'limit'"),
        ({"limit": -1}, "must not be negative"),
        ({"metricFilter": {"filter": {"fieldName": "sessions"}}}, "metricFilter is not offered"),
        ({"orderBys": [{"metric": {"metricName": "keyEvents"}}]}, "keyEvents in orderBys"),
        ({"property": "properties/9"}, "must match"),
        (
            {"dimensionFilter": {"filter": {"fieldName": "pagePath", "numericFilter": {}}}},
            "numeric filters do not apply",
        ),
        ({"dimensionFilter": {"filter": {"fieldName": "nope", "emptyFilter": {}}}}, "Field nope"),
    ],
)
def test_a_bad_request_is_refused_in_googles_words(ga4, body_of, changes, words):
    answer = ga4.call("runReport", body_of("pagePath") | changes)

    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert words in error["message"]


def test_names_are_taken_in_snake_case_too(ga4):
    body = {
        "date_ranges": [{"start_date": "7daysAgo", "end_date": "today"}],
        "metrics": [{"name": "sessions"}],
        "return_property_quota": True,
    }

    assert "propertyQuota" in ga4.call("runReport", body).json()


def test_it_refuses_a_caller_without_a_good_token(ga4, body_of):
    ga4.token = "ya29.forged"
    answer = ga4.call("runReport", body_of())

    assert answer.status_code == 401
    error = answer.json()["error"]
    assert error["status"] == "UNAUTHENTICATED"
    assert error["errors"][0]["reason"] == "authError"


def test_it_refuses_another_property_and_a_switched_off_api(sb, ga4, body_of):
    own = ga4.path
    ga4.path = "/v1beta/properties/1"
    assert "sufficient permissions" in ga4.call("runReport", body_of()).json()["error"]["message"]

    ga4.path = own
    sb.control("revoke", {"what": "google_service"})
    error = ga4.call("runReport", body_of()).json()["error"]
    assert (error["code"], error["details"][0]["reason"]) == (403, "SERVICE_DISABLED")

    sb.control("revoke", {"what": "google_service", "restore": True})
    assert ga4.call("runReport", body_of()).status_code == 200


def test_tokens_run_out_and_say_which_bucket(sb, ga4, body_of):
    sb.control("quota", {"tokensPerDay": 2})
    body = body_of(returnPropertyQuota=True)
    balances = [ga4.call("runReport", body).json()["propertyQuota"]["tokensPerDay"] for _ in range(2)]

    assert balances == [{"consumed": 1, "remaining": 1}, {"consumed": 1}]
    refused = ga4.call("runReport", body)
    assert refused.status_code == 429
    assert refused.json()["error"]["status"] == "RESOURCE_EXHAUSTED"
    assert "per day" in refused.json()["error"]["message"]
    assert "retry-after" not in refused.headers


def test_hourly_tokens_come_back_in_the_next_hour(sb, ga4, body_of):
    sb.control("quota", {"tokensPerProjectPerHour": 1})
    assert [ga4.call("runReport", body_of()).status_code for _ in range(2)] == [200, 429]

    sb.control("clock", {"offset": 3600})
    ga4.sign_in()

    assert ga4.call("runReport", body_of()).status_code == 200


def test_too_many_requests_at_once_are_refused(sb, ga4, body_of):
    sb.control("quota", {"concurrentRequests": 0})

    error = ga4.call("runReport", body_of()).json()["error"]

    assert error["status"] == "RESOURCE_EXHAUSTED"
    assert error["message"].startswith("Exhausted concurrent requests quota.")


def test_it_answers_side_by_side_callers(ga4, body_of):
    bodies = [body_of("date pagePath", "screenPageViews", offset=n) for n in range(6)]

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda body: ga4.call("runReport", body), bodies))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["rowCount"] for answer in answers}) == 1


def test_metadata_lists_every_name_a_report_accepts(ga4, body_of):
    headers = {"authorization": f"Bearer {ga4.token}"}
    listed = ga4.http.get(f"{ga4.path}/metadata", headers=headers).json()

    names = [dimension["apiName"] for dimension in listed["dimensions"]]
    assert {"date", "pagePath", "sessionSource", "eventName"} <= set(names)
    for chosen in (names[:9], names[-9:]):
        assert ga4.call("runReport", body_of(" ".join(chosen), "sessions", limit=1)).status_code == 200
    assert "screenPageViews" in {metric["apiName"] for metric in listed["metrics"]}
    assert ga4.http.get("/v1beta/properties/0/metadata", headers=headers).status_code == 200


@pytest.mark.parametrize("body", [b"{", b"[]", b'"x"'])
def test_a_body_that_is_no_message_is_refused(ga4, body):
    answer = ga4.http.post(f"{ga4.path}:runReport", content=body, headers={"authorization": f"Bearer {ga4.token}"})

    assert answer.status_code == 400
    assert json.loads(answer.content)["error"]["message"].startswith("Invalid JSON payload")


def test_equal_seeds_and_days_give_equal_answers_in_different_processes(sb, ga4, today):
    mine = ga4.report("date sessionSource", "sessions keyEvents")
    with running(today=today) as twin, httpx.Client(base_url=twin.url, trust_env=False, timeout=60) as http:
        account = twin.control("credentials")["ga4"]
        theirs = type(ga4)(http, account).report("date sessionSource", "sessions keyEvents")

        assert theirs == mine
        assert twin.control("truth")["totals"] == sb.control("truth")["totals"]
        assert twin.control("ats.csv") == sb.control("ats.csv")


def test_another_seed_tells_another_story(sb, today, totals):
    other = build_world(Options(seed=8, today=today), sb.url)

    async def truth():
        transport = httpx.ASGITransport(build_app(other), client=("127.0.0.1", 5000))
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
            return (await client.get("/_ctl/truth")).json()

    theirs = totals(run(truth()))
    assert theirs
    assert theirs != totals(sb.control("truth"))
