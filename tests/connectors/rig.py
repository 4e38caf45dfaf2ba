"""Builds connectors against a sandbox or a scripted server, and keeps what they spent, waited for and brought."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from connectors.answers import Answer
from connectors.auth import MemoryTokens
from connectors.contract import (
    Account,
    ConnectorConfig,
    Limits,
    MetricsSource,
    Offered,
    Page,
    Session,
    Wait,
)
from connectors.errors import ConnectorError
from connectors.http import Http, Options, open_http
from connectors.registry import CONNECTORS
from domain.facts import Fact, Window
from sandbox.launch import Sandbox

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@dataclass
class Reader:
    """One connector, open, with everything it did."""

    source: MetricsSource[Any]
    http: Http
    spent: list[int]
    pauses: list[float]
    pages: list[Page] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)

    def read(self, window: Window, cursor: str = "") -> list[Fact]:
        """The facts of a whole read; pages and waits are kept too, also of a read that fails."""
        self.pages, self.waits = [], []
        for step in self.source.read(window, cursor):
            if isinstance(step, Wait):
                self.waits.append(step)
            else:
                self.pages.append(step)
        return [fact for page in self.pages for fact in page.facts]


def config_values(sandbox: Sandbox, key: str) -> dict[str, Any]:
    """What an admin would type into the form."""
    told = sandbox.control("credentials")
    site, indeed = told["ga4"], told["indeed"]
    if key == "company_website":
        return {
            "property_id": site["property_id"],
            "careers_path": site["careers_path"],
            "service_account_json": json.dumps(site["service_account"]),
            "apply_click_event": site["events"]["click"],
            "apply_start_event": site["events"]["apply_start"],
            "apply_complete_event": site["events"]["application"],
        }
    return {name: indeed[name] for name in ("client_id", "client_secret", "employer_id")}


@contextmanager
def reading(
    sandbox: Sandbox, key: str, *, connector: Any = None, options: Options | None = None, **changes: Any
) -> Iterator[Reader]:
    """A connector of the registry (or a subclass) on the sandbox; `changes` go into its config."""
    connector = connector or CONNECTORS[key]
    values = {**config_values(sandbox, key), **changes}
    options = replace(options or Options(), sandbox_url=sandbox.url)
    spent, pauses = [], []
    with open_http(connector, spend=lambda: spent.append(1), pause=pauses.append, options=options) as http:
        source = connector(connector.config_model(**values), Session(http, MemoryTokens(http.now)))
        yield Reader(source, http, spent, pauses)


def window_of(sandbox: Sandbox, key: str, days: int, *, ending: int = 1) -> Window:
    """The last `days` days of the platform's own calendar, today included (`ending` days from today)."""
    today = date.fromisoformat(
        sandbox.control("clock")["property_today" if key == "company_website" else "indeed_today"]
    )
    end = today + timedelta(days=ending)
    final_before = today - timedelta(days=CONNECTORS[key].lookback_days)
    return Window(end - timedelta(days=days), end, final_before)


class ProbeConfig(ConnectorConfig):
    """One secret."""

    key: SecretStr = SecretStr("canary-probe-key")


class Probe(MetricsSource[ProbeConfig]):
    """The smallest connector: for tests of the client under it."""

    key = "probe"
    platform = "other"
    label = "Probe"
    icon = ":material/science:"
    summary = "Tests."
    docs_url = ""
    hosts = ("api.example.test",)
    config_model = ProbeConfig
    metrics = (Offered("views"),)
    limits = Limits(1, 1)
    lookback_days = 1
    interval = "daily"

    def check(self) -> Account:
        raise NotImplementedError

    def read(self, window: Window, cursor: str = "") -> Iterator[Page | Wait]:
        raise NotImplementedError

    @classmethod
    def calls_for(cls, window: Window, *, items: int = 0) -> int:
        return 0

    @classmethod
    def classify(cls, answer: Answer, now: datetime) -> ConnectorError | None:
        return None


@dataclass
class Client:
    """An open client for the probe, with what it spent and waited for."""

    http: Http
    spent: list[int]
    pauses: list[float]


@contextmanager
def client(
    sandbox_url: str = "",
    *,
    connector: Any = Probe,
    on_pause: Callable[[float], None] | None = None,
    **options: Any,
) -> Iterator[Client]:
    """A client as connectors get it, on a scripted server."""
    spent, pauses = [], []

    def pause(seconds: float) -> None:
        pauses.append(seconds)
        if on_pause is not None:
            on_pause(seconds)

    asked = Options(sandbox_url=sandbox_url, **{"now": lambda: NOW, **options})
    with open_http(connector, spend=lambda: spent.append(1), pause=pause, options=asked) as http:
        yield Client(http, spent, pauses)
