"""Indeed's token endpoint and advertising API on the wire, and its sums against the truth."""

import base64
import csv
import io
from collections import Counter
from datetime import date, timedelta

import httpx
import pytest


def test_a_client_gets_a_token_that_represents_an_employer(indeed, credentials):
    answer = indeed.issue(scope="employer_access", employer=credentials["indeed"]["employer_id"])

    assert answer.status_code == 200
    assert answer.json() | {"access_token": ""} == {
        "access_token": "",
        "scope": "employer_access",
        "token_type": "Bearer",
        "expires_in": 3600,
    }
    assert answer.json()["access_token"].count(".") == 2


def test_the_clients_keys_may_come_in_the_basic_header(http, credentials):
    account = credentials["indeed"]
    keys = base64.b64encode(f"{account['client_id']}:{account['client_secret']}".encode()).decode()
    form = {"grant_type": "client_credentials", "scope": "employer_access"}

    assert http.post("/oauth/v2/tokens", data=form, headers={"authorization": f"Basic {keys}"}).is_success
    assert http.post("/oauth/v2/tokens", data=form, headers={"authorization": "Basic !!"}).status_code == 401


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({"client_secret": "wrong"}, 401, "invalid_client"),
        ({"scope": "employer_access everything"}, 400, "invalid_scope"),
        ({"scope": ""}, 400, "invalid_scope"),
        ({"employer": "someone-else"}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
    ],
)
def test_a_wrong_token_request_is_refused(indeed, form, status, error):
    answer = indeed.issue(**({"scope": "employer_access"} | form))

    assert (answer.status_code, answer.json()["error"]) == (status, error)


def test_the_app_knows_its_employers(indeed, http, credentials):
    answer = http.get("/v2/api/appinfo", headers={"authorization": f"Bearer {indeed.token}"})

    assert answer.json()["employers"] == [{"id": credentials["indeed"]["employer_id"], "name": "Halden Robotics"}]
    assert http.get("/v2/api/appinfo").status_code == 401


def test_campaigns_come_page_by_page_with_a_link_to_the_next(indeed):
    found, path = [], "/v1/campaigns?perPage=2"
    while path:
        answer = indeed.get(path).json()
        assert answer["meta"]["perPage"] == 2
        assert answer["meta"]["rootLocation"].endswith("/ads")
        assert len(answer["data"]["Campaigns"]) <= 2
        found += answer["data"]["Campaigns"]
        path = next((link["href"] for link in answer["meta"]["links"] if link["rel"] == "next"), None)

    assert found == indeed.campaigns()
    assert Counter(campaign["Status"] for campaign in found) == {"ACTIVE": 4, "PAUSED": 3, "DELETED": 2}
    assert all(campaign.keys() == {"Name", "Id", "Status"} for campaign in found)


def test_campaigns_narrow_by_status_ids_and_fields(indeed):
    deleted = indeed.get("/v1/campaigns", status="DELETED").json()["data"]["Campaigns"]
    assert {campaign["Status"] for campaign in deleted} == {"DELETED"}

    one = indeed.get("/v1/campaigns", campaignIds=deleted[0]["Id"], fields="Id").json()["data"]["Campaigns"]
    assert one == [{"Id": deleted[0]["Id"]}]


@pytest.mark.parametrize(
    ("path", "status", "kind"),
    [
        ("/v1/campaigns?perPage=501", 400, "INVALID_REQUEST"),
        ("/v1/campaigns?start=Av1none", 400, "INVALID_REQUEST"),
        ("/v1/campaigns?status=GONE", 400, "INVALID_REQUEST"),
        ("/v1/campaigns/Av1none", 404, "NOT_FOUND"),
        ("/v1/campaigns/Av1none/stats", 404, "NOT_FOUND"),
        ("/v1/stats?startDate=2026-11-01&endDate=2026-11-03", 400, "INVALID_REQUEST"),
        ("/v1/stats?startDate=2026-11-01&endDate=2026-11-02&v=9", 400, "INVALID_REQUEST"),
        ("/v1/stats/0000", 404, "NOT_FOUND"),
        ("/v1/account", 403, "INSUFFICIENT_SCOPE"),
    ],
)
def test_a_failure_keeps_the_envelope(indeed, path, status, kind):
    answer = indeed.get(path)

    assert answer.status_code == status
    body = answer.json()
    assert body["data"] is None
    assert body["meta"]["status"] == status
    assert body["meta"]["errors"][0]["type"] == kind


def test_a_bad_range_of_days_is_refused(indeed):
    path = f"/v1/campaigns/{indeed.campaigns()[0]['Id']}/stats"

    for first, end in (("2026-01-02", "2026-01-02"), ("2025-01-01", "2026-01-03"), ("1.1.2026", "2026-01-03")):
        assert indeed.get(path, startDate=first, endDate=end).status_code == 400
    assert indeed.get(path, startDate="2025-01-01", endDate="2026-01-02").status_code == 200


def test_without_the_prefix_a_token_or_an_own_agent_it_forbids(indeed, sb):
    headers = {"authorization": f"Bearer {indeed.token}"}
    for path, agent in (
        ("/v1/campaigns", "sourceboard/1"),
        ("/ads/v1/campaigns", "python-httpx/0.28"),
        ("/ads/v1/campaigns", "python-requests/2"),
        ("/ads/v1/campaigns", ""),
    ):
        answer = httpx.get(sb.url + path, headers=headers | {"user-agent": agent}, trust_env=False, timeout=60)
        assert answer.status_code == 403
        assert answer.headers["content-type"].startswith("text/html")

    indeed.token = "forged"
    assert indeed.get("/v1/campaigns").json()["meta"]["errors"][0]["type"] == "UNAUTHORIZED"


def test_a_token_without_an_employer_may_not_read_campaigns(indeed):
    indeed.token = indeed.issue(scope="employer.advertising.campaign.read").json()["access_token"]

    assert indeed.get("/v1/campaigns").status_code == 403


def test_daily_statistics_end_before_the_end_date_and_page_by_day(indeed):
    campaign = indeed.campaigns()[0]["Id"]
    days = [e["Date"] for e in indeed.entries(campaign, startDate="2026-10-01", endDate="2026-10-31", perPage=366)]
    assert days == [str(date(2026, 10, 1) + timedelta(days=n)) for n in range(30)]

    paged, path = [], f"/v1/campaigns/{campaign}/stats?startDate=2026-10-01&endDate=2026-10-31"
    while path:
        answer = indeed.get(path).json()
        paged += [entry["Date"] for entry in answer["data"]["entries"]]
        path = next((link["href"] for link in answer["meta"]["links"] if link["rel"] == "next"), None)
    assert paged == days


def test_a_merged_answer_is_the_sum_of_the_days(indeed):
    campaign = indeed.campaigns()[0]["Id"]
    span = {"startDate": "2026-10-01", "endDate": "2026-11-01", "perPage": 366}
    daily = indeed.entries(campaign, **span)
    merged = indeed.entries(campaign, **span, merge="true")

    assert len(merged) == 1
    for name in ("Clicks", "Impressions", "Conversions", "Applystarts", "OrganicClicks"):
        assert merged[0][name] == sum(entry[name] for entry in daily)
    assert merged[0]["Cost"] == pytest.approx(sum(entry["Cost"] for entry in daily))


def test_a_day_without_spend_has_no_currency(indeed):
    paused = next(c for c in indeed.campaigns() if c["Name"] == "Sales & Support")
    entries = indeed.entries(paused["Id"], startDate="2026-11-01", endDate="2026-11-19", perPage=366)

    assert {entry["CurrencyCode"] for entry in entries} == {None}
    assert sum(entry["Cost"] for entry in entries) == 0
    assert sum(entry["OrganicImpressions"] for entry in entries) > 0


def stat_sums(indeed, first, end):
    found = Counter()
    for campaign in indeed.campaigns():
        for entry in indeed.entries(campaign["Id"], startDate=str(first), endDate=str(end), perPage=500):
            found["impressions"] += entry["Impressions"] + entry["OrganicImpressions"]
            found["clicks"] += entry["Clicks"] + entry["OrganicClicks"]
            found["apply_starts"] += entry["Applystarts"] + entry["OrganicApplystarts"]
            found["applications"] += entry["Conversions"]
            found["spend"] += round(entry["Cost"] * 100)
    return dict(found)


@pytest.mark.parametrize(
    ("first", "end"),
    [
        (date(2025, 11, 19), date(2026, 11, 19)),
        (date(2026, 11, 10), date(2026, 11, 19)),
        (date(2026, 6, 15), date(2026, 7, 15)),
    ],
    ids=["a year", "the restated week", "the outage of the career site"],
)
def test_campaign_statistics_sum_to_the_truth(sb, indeed, totals, first, end):
    truth = totals(sb.truth(first, end, connected="indeed"))

    assert stat_sums(indeed, first, end) == {metric: value for (_, metric), value in truth.items()}


@pytest.mark.parametrize("age", [0, 1, 3, 7, 60])
def test_the_csv_of_a_day_sums_to_the_campaigns_and_to_the_truth_of_each_posting(sb, indeed, today, age):
    day = today - timedelta(days=age)
    by_campaign, by_posting = Counter(), Counter()
    for row in csv.DictReader(io.StringIO(indeed.csv(day, day + timedelta(days=1)))):
        cents = round(float(row["Spend (currency)"].removesuffix(" (USD)")) * 100)
        values = {
            "impressions": int(row["Impressions"]) + int(row["Organic Impressions"]),
            "clicks": float(row["Clicks"]) + float(row["Organic Clicks"]),
            "apply_starts": int(row["Apply Starts"]) + int(row["Organic Apply Starts"]),
            "applications": float(row["Conversions"]),
            "spend": cents,
        }
        assert float(row["Indeed Apply Conversions"]) <= float(row["Conversions"])
        by_campaign[row["Campaign ID"], "Clicks"] += float(row["Clicks"])
        by_campaign[row["Campaign ID"], "Cost"] += cents
        for metric, value in values.items():
            by_posting[metric, row["Job Reference Number"]] += value

    truth = sb.truth(day, day + timedelta(days=1), connected="indeed")["postings"]
    assert {k: v for k, v in by_posting.items() if v} == {
        (row["metric"], row["requisition"]): row["value"] for row in truth
    }
    for campaign in indeed.campaigns():
        span = {"startDate": str(day), "endDate": str(day + timedelta(days=1))}
        for entry in indeed.entries(campaign["Id"], **span):
            assert by_campaign[campaign["Id"], "Clicks"] == entry["Clicks"]
            assert by_campaign[campaign["Id"], "Cost"] == round(entry["Cost"] * 100)


def test_a_report_is_not_ready_as_often_as_told(sb, indeed):
    sb.control("quota", {"indeedReportPolls": 3})
    location = indeed.get("/v1/stats", startDate="2026-11-01", endDate="2026-11-02", v="6").headers["location"]

    assert [indeed.get(location).status_code for _ in range(4)] == [202, 202, 202, 200]
    assert indeed.get(location).headers["content-type"].startswith("text/csv")


@pytest.mark.parametrize("version", list("12345678"))
def test_each_version_of_the_csv_has_its_columns(indeed, version):
    header = indeed.csv(date(2026, 11, 2), date(2026, 11, 3), version).splitlines()[0].split(",")

    assert ("Campaign ID" in header) == (version not in "12")
    assert ("Ad ID" in header) == (version in "23")
    assert ("Organic Clicks" in header) == (version >= "6")
    assert ("Organic Conversions" in header) == (version >= "7")
    assert ("Employer Job ID (UUID)" in header) == (version == "8")


def test_the_postings_of_a_campaign_lead_to_requisitions(sb, indeed):
    known = {posting["requisition"]: posting for posting in sb.control("postings")}
    campaign = indeed.campaigns()[0]["Id"]
    pages = [indeed.get(f"/v1/campaigns/{campaign}/jobDetails", perPage=4, start=start).json() for start in (0, 4)]
    entries = [entry for page in pages for entry in page["data"]["entries"]]

    assert indeed.get(f"/v1/campaigns/{campaign}/jobCount").json()["data"] == len(entries) > 4
    assert all(known[entry["refNum"]]["title"] == entry["title"] for entry in entries)
    assert any(link["rel"] == "next" for link in pages[0]["meta"]["links"])


def test_a_campaign_knows_its_days_and_budget(indeed):
    campaign = indeed.campaigns()[0]["Id"]

    assert indeed.get(f"/v1/campaigns/{campaign}").json()["data"]["CurrencyCode"] == "USD"
    properties = indeed.get(f"/v1/campaigns/{campaign}/properties").json()["data"]
    assert properties["dateCreated"] <= properties["firstSpendDate"] < properties["lastSpendDate"]
    assert indeed.get(f"/v1/campaigns/{campaign}/budget").json()["data"]["budgetMonthlyLimit"] > 0


def test_every_call_but_the_usage_is_charged(sb, indeed):
    sb.control("log", method="DELETE")
    indeed.campaigns()
    indeed.get("/v1/campaigns/Av1none")
    indeed.get("/v1/apiquotausage", monthYear="112026")

    summary = sb.control("log")["summary"]
    assert (summary["count"], summary["charged_calls"], summary["at_most_minor"]) == (3, 2, 600)


def test_an_expired_or_revoked_client_is_turned_away(sb, indeed):
    sb.control("revoke", {"what": "indeed_access"})
    assert indeed.get("/v1/campaigns").status_code == 401
    assert indeed.issue(scope="employer_access").status_code == 200

    sb.control("revoke", {"what": "indeed_client"})
    assert indeed.issue(scope="employer_access").json()["error"] == "invalid_client"
