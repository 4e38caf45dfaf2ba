"""What each platform accepts as a request, written down briefly: unknown names and wrong types are refused."""

import json
import re
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

TEXT, FLAG, LONG = str, bool, re.compile(r"\d+")
NAMED = {"name": TEXT}
STRING_FILTER = {"matchType": TEXT, "value": TEXT, "caseSensitive": FLAG}
LIST_FILTER = {"values": [TEXT], "caseSensitive": FLAG}
FILTER: dict[str, Any] = {
    "filter": {"fieldName": TEXT, "stringFilter": STRING_FILTER, "inListFilter": LIST_FILTER},
}
FILTER["andGroup"] = FILTER["orGroup"] = {"expressions": [FILTER]}
FILTER["notExpression"] = FILTER
RUN_REPORT: dict[str, Any] = {
    "dateRanges": [{"startDate": TEXT, "endDate": TEXT}],
    "dimensions": [NAMED],
    "metrics": [NAMED],
    "dimensionFilter": FILTER,
    "orderBys": [{"dimension": {"dimensionName": TEXT, "orderType": TEXT}, "desc": FLAG}],
    "limit": LONG,
    "offset": LONG,
    "keepEmptyRows": FLAG,
    "returnPropertyQuota": FLAG,
}
BATCH = {"requests": [RUN_REPORT]}
QUERIES = {
    r"/ads/v1/campaigns": {"perPage", "start", "status", "type", "fields", "campaignIds"},
    r"/ads/v1/campaigns/[^/]+/stats": {"startDate", "endDate", "merge", "perPage", "start"},
    r"/ads/v1/stats": {"startDate", "endDate", "v"},
    r"/ads/v1/stats/[^/]+": {"v"},
    r"/v2/api/appinfo": set(),
}


def check_request(request: dict[str, Any]) -> None:
    """Assert that a request of the sandbox's log is one the platform knows."""
    path, method = request["path"], request["method"]
    assert request["headers"]["user-agent"].startswith("Sourceboard/"), request["headers"]["user-agent"]
    if path.endswith(":batchRunReports"):
        assert method == "POST"
        assert re.fullmatch(r"/v1beta/properties/\d+:batchRunReports", path)
        assert request["headers"]["content-type"] == "application/json"
        _check_batch(json.loads(request["body"]))
    elif path in {"/token", "/oauth/v2/tokens"}:
        assert method == "POST"
        assert request["headers"]["content-type"].startswith("application/x-www-form-urlencoded")
        form = dict(parse_qsl(request["body"]))
        assert form["grant_type"] in {
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "refresh_token",
            "client_credentials",
        }
    else:
        assert method == "GET"
        known = next(names for pattern, names in QUERIES.items() if re.fullmatch(pattern, path))
        query = dict(parse_qsl(request["query"]))
        assert set(query) <= known, query
        for name in {"startDate", "endDate"} & set(query):
            date.fromisoformat(query[name])


def _check_batch(body: Any) -> None:
    _check(body, BATCH, "body")
    assert 1 <= len(body["requests"]) <= 5
    for request in body["requests"]:
        assert len(request["dimensions"]) <= 9
        assert len(request["metrics"]) <= 10
        assert int(request["limit"]) <= 250_000


def _check(value: Any, shape: Any, at: str) -> None:
    if isinstance(shape, dict):
        assert isinstance(value, dict), at
        for name, part in value.items():
            assert name in shape, f"{at}.{name} is not a field"
            _check(part, shape[name], f"{at}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list), at
        for number, part in enumerate(value):
            _check(part, shape[0], f"{at}[{number}]")
    elif isinstance(shape, re.Pattern):
        assert isinstance(value, str), at
        assert shape.fullmatch(value), at
    else:
        assert isinstance(value, shape), at
