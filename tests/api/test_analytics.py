"""The questions about numbers: shapes, parameters, companies."""

from collections.abc import Callable

import httpx
import pytest

from tests.people import ADMIN, MANAGER, ZONE

Speak = Callable[[str], httpx.Client]


@pytest.fixture
def client(speaking_for: Speak) -> httpx.Client:
    return speaking_for(MANAGER)


@pytest.mark.parametrize(("name", "days"), [("7d", 7), ("30d", 30), ("90d", 90), ("1y", 365)])
def test_it_answers_named_periods_in_the_agreed_shape(client: httpx.Client, name: str, days: int) -> None:
    answer = client.get("/api/analytics/dashboard", params={"dateRange": name})
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert set(body) == {
        "period",
        "metrics",
        "sourceBreakdown",
        "applicationTrends",
        "hiringFunnel",
        "performanceMetrics",
        "lastUpdated",
    }
    assert body["period"]["days"] == days
    assert len(body["metrics"]) == 6
    assert {"id", "title", "unit", "value", "previous", "changeRatio"} <= set(body["metrics"][0])
    assert [step["stage"] for step in body["hiringFunnel"]] == [
        "impressions",
        "clicks",
        "apply_starts",
        "applications",
        "interviews",
        "hires",
    ]


def test_it_takes_from_as_inclusive_and_to_as_exclusive(client: httpx.Client) -> None:
    params = {"from": "2026-03-01", "to": "2026-04-01", "grain": "week", "platform": "indeed,referrals"}
    period = client.get("/api/analytics/dashboard", params=params).json()["period"]
    assert (period["from"], period["to"], period["lastDay"], period["days"]) == (
        "2026-03-01",
        "2026-04-01",
        "2026-03-31",
        31,
    )
    assert (period["grain"], period["timeZone"]) == ("week", ZONE)


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("dateRange=8d", "dateRange"),
        ("from=0001-01-01&to=9999-12-31", "period"),
        ("from=2026-03-01&to=2026-03-01", "period"),
        ("from=2026-03-02&to=2026-03-01", "period"),
        ("from=2026-03-01", "period"),
        ("from=1772323200&to=1772409600", "from"),
        ("from=2026-13-01&to=2026-14-01", "from"),
        ("dateRange=7d&from=2026-03-01&to=2026-03-05", "period"),
        ("from=2019-01-01&to=2026-01-01", "period"),
        ("from=2030-01-01&to=2031-01-01", "to"),
        ("platform=indeed%27%3B%20DROP%20TABLE%20users--", "platform"),
        ("platform=", "platform"),
        ("grain=hour", "grain"),
        ("dateRange=7d&sort=clicks", "sort"),
        ("dateRange=7d&dateRange=30d", "dateRange"),
    ],
)
def test_it_names_the_parameter_it_cannot_use(client: httpx.Client, query: str, named: str) -> None:
    answer = client.get(f"/api/analytics/dashboard?{query}")
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["parameter"] == named


def test_it_saves_the_body_when_nothing_changed(client: httpx.Client) -> None:
    first = client.get("/api/analytics/dashboard?dateRange=30d")
    again = client.get("/api/analytics/dashboard?dateRange=30d", headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert again.content == b""
    other = client.get("/api/analytics/dashboard?dateRange=7d", headers={"If-None-Match": first.headers["etag"]})
    assert other.status_code == 200


def test_it_tells_how_many_requests_are_left(client: httpx.Client) -> None:
    answer = client.get("/api/analytics/dashboard?dateRange=7d")
    assert answer.headers["ratelimit-limit"] == "60"
    assert int(answer.headers["ratelimit-remaining"]) == 59


def test_the_breakdown_has_the_same_sources(client: httpx.Client) -> None:
    sources = client.get("/api/analytics/dashboard?dateRange=30d").json()["sourceBreakdown"]
    platforms = client.get("/api/analytics/platform-breakdown?dateRange=30d").json()["platforms"]
    assert [row["platform"] for row in platforms] == [row["platform"] for row in sources]


@pytest.mark.parametrize("path", ["/api/analytics/dashboard", "/api/analytics/platform-breakdown"])
def test_nobody_gets_no_numbers(nobody: httpx.Client, path: str) -> None:
    answer = nobody.get(path)
    assert answer.status_code == 401
    assert "metrics" not in answer.text


def test_unknown_paths_and_methods_are_problems_too(speaking_for: Speak) -> None:
    admin = speaking_for(ADMIN)
    assert admin.get("/api/nothing").json()["status"] == 404
    assert admin.put("/api/analytics/dashboard").json()["status"] == 405
