"""That what holds our requests to the platforms' specifications does find what is wrong with one."""

import copy
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest

from connectors.company_website import SCOPE
from connectors.ga4_facts import readings
from tests.connectors import extract_specs
from tests.connectors.specified import specification
from tests.connectors.traits import Request, traits_of

EVENTS = {"clicks": ("apply_click",), "applications": ("apply_complete", "generate_lead")}
Change = Callable[[dict[str, Any]], Any]


def ask_google(change: Change = lambda _body: None) -> Request:
    """A batch as we send it, after a change."""
    specs = [reading.spec for reading in readings("/jobs", EVENTS, "customEvent:job_id")]
    body = copy.deepcopy({"requests": [spec.request("2026-11-01", "2026-11-30", 0, 100) for spec in specs]})
    change(body["requests"][-1])
    return {
        "method": "POST",
        "path": "/v1beta/properties/313131313:batchRunReports",
        "query": "",
        "headers": {"user-agent": "Sourceboard/1", "content-type": "application/json"},
        "body": json.dumps(body),
    }


def ask(path: str, **query: str) -> Request:
    """A GET."""
    return {
        "method": "GET",
        "path": path,
        "query": urlencode(query),
        "headers": {"user-agent": "Sourceboard/1"},
        "body": "",
    }


def test_it_accepts_what_we_send():
    traits_of("company_website").check_request(ask_google())
    days = {"startDate": "2026-11-01", "endDate": "2026-11-02"}
    for request in (
        ask("/ads/v1/campaigns", perPage="500", start="a1"),
        ask("/ads/v1/campaigns/a1/stats", **days, merge="false", perPage="366"),
        ask("/ads/v1/campaigns/a1/jobDetails", perPage="500"),
        ask("/ads/v1/stats", **days, v="8"),
        ask("/ads/v1/stats/68dd", v="8"),
    ):
        traits_of("indeed").check_request(request)
    traits_of("x").check_request(ask("/2/users/12/tweets", max_results="100"))


@pytest.mark.parametrize(
    "change",
    [
        lambda report: report.update(dimensionsFilter={}),
        lambda report: report.update(limit=100),
        lambda report: report.update(keepEmptyRows="false"),
        lambda report: report["dimensions"].append({"apiName": "date"}),
        lambda report: report["dimensions"].append("date"),
        lambda report: report.update(metrics={"name": "eventCount"}),
        lambda report: report["orderBys"][0]["dimension"].update(orderType="ALPHABETIC"),
        lambda report: report["dimensionFilter"]["andGroup"]["expressions"][1]["notExpression"].update(fieldName="x"),
        lambda report: report.update(dimensions=[{"name": f"d{number}"} for number in range(10)]),
    ],
)
def test_it_finds_what_google_does_not_know(change: Change):
    with pytest.raises(AssertionError):
        traits_of("company_website").check_request(ask_google(change))


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/ads/v1/campaign", {}),
        ("/v1/campaigns", {}),
        ("/ads/v1/campaigns", {"page": "2"}),
        ("/ads/v1/campaigns", {"perPage": "many"}),
        ("/ads/v1/campaigns/a1/stats", {"startDate": "01.11.2026"}),
        ("/ads/v1/campaigns/a1/stats", {"startDate": "2026-11-31"}),
        ("/ads/v1/campaigns/a1/stats", {"merge": "no"}),
        ("/ads/v1/campaigns/a1/jobDetails", {"page": "1"}),
        ("/ads/v1/stats", {"startDate": "2026-11-01", "v": "8"}),
        ("/ads/v1/stats/68dd", {"v": "9"}),
    ],
)
def test_it_finds_what_indeed_does_not_know(path: str, query: dict[str, str]):
    with pytest.raises(AssertionError):
        traits_of("indeed").check_request(ask(path, **query))


@pytest.mark.parametrize(
    "query", [{"max_result": "10"}, {"max_results": "101"}, {"max_results": "ten"}, {"tweet.fields": "metrics"}]
)
def test_it_finds_what_x_does_not_know(query: dict[str, str]):
    with pytest.raises((AssertionError, ValueError)):
        traits_of("x").check_request(ask("/2/users/12/tweets", **query))


def test_it_asks_for_a_scope_the_call_knows():
    assert SCOPE in specification("ga4_requests.json")["call"]["scopes"]


def test_it_extracts_all_that_a_message_can_hold(tmp_path, monkeypatch, capsys):
    told = {
        "discoveryVersion": "v1",
        "revision": "20260101",
        "resources": {
            "properties": {
                "methods": {
                    "batchRunReports": {
                        "httpMethod": "POST",
                        "path": "v1/{+property}:x",
                        "parameters": {"property": {"pattern": "^properties/[^/]+$"}},
                        "scopes": ["s"],
                    }
                }
            }
        },
        "schemas": {
            "BatchRunReportsRequest": {"properties": {"parts": {"type": "array", "items": {"$ref": "Part"}}}},
            "Part": {
                "properties": {
                    "again": {"$ref": "Part"},
                    "size": {"type": "string", "format": "int64"},
                    "kind": {"type": "string", "enum": ["A", "B"]},
                }
            },
            "Unrelated": {"properties": {}},
        },
    }
    monkeypatch.setattr(extract_specs, "PLACE", tmp_path)
    (tmp_path / "told.json").write_text(json.dumps(told))
    extract_specs.main([str(tmp_path / "told.json")])
    assert capsys.readouterr().out == "ga4_requests.json: revision 20260101\n"
    assert json.loads((tmp_path / "ga4_requests.json").read_text())["messages"] == {
        "BatchRunReportsRequest": {"parts": [{"message": "Part"}]},
        "Part": {"again": {"message": "Part"}, "kind": {"one_of": ["A", "B"]}, "size": "int64"},
    }
