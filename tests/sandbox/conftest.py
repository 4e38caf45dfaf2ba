"""One sandbox process for the folder, clean for every test, and callers that speak the platforms' tongue."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import httpx
import pytest

from sandbox.launch import Sandbox, running
from sandbox.server import Options, build_world
from sandbox.world import World

TODAY = date(2026, 11, 18)
SCOPES = "employer_access employer.advertising.campaign.read employer.advertising.campaign_report.read"


@pytest.fixture(scope="session")
def started() -> Iterator[Sandbox]:
    with running(today=TODAY) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def world() -> World:
    """The same company in this process, for who needs no wire. Tests only look at it."""
    return build_world(Options(today=TODAY), "http://127.0.0.1:1")


@pytest.fixture
def sb(started: Sandbox) -> Sandbox:
    started.reset()
    return started


@pytest.fixture
def today() -> date:
    return TODAY


@pytest.fixture
def credentials(sb: Sandbox) -> dict[str, Any]:
    return sb.control("credentials")


@pytest.fixture
def http(sb: Sandbox) -> Iterator[httpx.Client]:
    headers = {"user-agent": "sandbox-tests/1"}
    with httpx.Client(base_url=sb.url, headers=headers, timeout=60, trust_env=False) as client:
        yield client


class Ga4:
    """The Data API with a fresh access token."""

    def __init__(self, http: httpx.Client, account: dict[str, Any]) -> None:
        self.http, self.account = http, account
        self.path = f"/v1beta/properties/{account['property_id']}"
        self.sign_in()

    def sign_in(self) -> None:
        form = {"grant_type": "refresh_token", **self.account["oauth"]}
        self.token = self.http.post("/token", data=form).json()["access_token"]

    def call(self, method: str, body: Any) -> httpx.Response:
        return self.http.post(f"{self.path}:{method}", json=body, headers={"authorization": f"Bearer {self.token}"})

    def report(self, dimensions: str = "", metrics: str = "sessions", **more: Any) -> dict[str, Any]:
        answer = self.call("runReport", report_body(dimensions, metrics, **more))
        assert answer.status_code == 200, answer.text
        return answer.json()


def report_body(dimensions: str = "", metrics: str = "sessions", **more: Any) -> dict[str, Any]:
    return {
        "dateRanges": [{"startDate": "27daysAgo", "endDate": "today"}],
        "dimensions": [{"name": name} for name in dimensions.split()],
        "metrics": [{"name": name} for name in metrics.split()],
        **more,
    }


@pytest.fixture
def body_of() -> Any:
    return report_body


@pytest.fixture
def ga4(http: httpx.Client, credentials: dict[str, Any]) -> Ga4:
    return Ga4(http, credentials["ga4"])


class Indeed:
    """The advertising API with an employer's token."""

    def __init__(self, http: httpx.Client, account: dict[str, Any]) -> None:
        self.http, self.account = http, account
        self.token = self.issue(scope=SCOPES, employer=account["employer_id"]).json()["access_token"]

    def issue(self, **form: str) -> httpx.Response:
        keys = {"client_id": self.account["client_id"], "client_secret": self.account["client_secret"]}
        return self.http.post("/oauth/v2/tokens", data={"grant_type": "client_credentials", **keys, **form})

    def get(self, path: str, **params: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self.token}"}
        return self.http.get(f"/ads{path}", params=params or None, headers=headers)

    def campaigns(self) -> list[dict[str, Any]]:
        return self.get("/v1/campaigns", perPage=500).json()["data"]["Campaigns"]

    def entries(self, campaign_id: str, **params: Any) -> list[dict[str, Any]]:
        answer = self.get(f"/v1/campaigns/{campaign_id}/stats", **params)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]["entries"]

    def csv(self, day: date, end: date, version: str = "8") -> str:
        ordered = self.get("/v1/stats", startDate=str(day), endDate=str(end), v=version)
        assert ordered.status_code == 202, ordered.text
        location = ordered.headers["location"]
        assert self.get(location).status_code == 202
        return self.get(location).text


@pytest.fixture
def indeed(http: httpx.Client, credentials: dict[str, Any]) -> Indeed:
    return Indeed(http, credentials["indeed"])


def sums(truth: dict[str, Any]) -> dict[tuple[str, str], int]:
    return {(row["platform"], row["metric"]): row["value"] for row in truth["totals"]}


@pytest.fixture
def totals() -> Any:
    return sums
