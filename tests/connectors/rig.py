"""Builds connectors against a sandbox or a scripted server, and keeps what they spent, waited for and brought."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from connectors.answers import Answer
from connectors.auth import MemoryTokens
from connectors.contract import (
    Account,
    ConnectorConfig,
    Counter,
    Limits,
    MetricsSource,
    Offered,
    Page,
    Session,
    Wait,
)
from connectors.errors import ConnectorError
from connectors.http import Http, Options, open_http
from connectors.registry import CONNECTORS, find_source
from domain.facts import Fact, Window
from sandbox.launch import Sandbox
from tests.connectors.traits import traits_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
Looked = TypeVar("Looked")
_HANDED_ON: dict[tuple[str, str], MemoryTokens] = {}


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

    def counters(self) -> list[Counter]:
        """The running totals of the last read."""
        return [counter for page in self.pages for counter in page.counters]


def config_values(sandbox: Sandbox, key: str) -> dict[str, Any]:
    """What an admin would type into the form."""
    try:
        return traits_of(key).fields(sandbox.control("credentials"))
    except KeyError as error:
        raise AssertionError(
            f"the sandbox tells no credentials {error} for {key}: see Control.credentials in sandbox/control.py"
        ) from None


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
        tokens = MemoryTokens(http.now)
        if key in CONNECTORS and traits_of(key).rotates:
            # Its refresh tokens are good once: a reader goes on with what the one before it was given.
            tokens = _HANDED_ON.setdefault((sandbox.url, key), tokens)
        source = connector(connector.config_model(**values), Session(http, tokens))
        yield Reader(source, http, spent, pauses)


def forget_tokens() -> None:
    """What the sandbox's own reset does, on our side."""
    _HANDED_ON.clear()


def window_of(sandbox: Sandbox, key: str, days: int, *, ending: int = 1) -> Window:
    """The last `days` days of the platform's own calendar, today included (`ending` days from today)."""
    today = today_of(sandbox, key)
    end = today + timedelta(days=ending)
    final_before = today - timedelta(days=source_of(key).lookback_days)
    return Window(end - timedelta(days=days), end, final_before)


def today_of(sandbox: Sandbox, key: str) -> date:
    """Today where the platform is."""
    name, clock = traits_of(key).today, sandbox.control("clock")
    assert name in clock, f"the sandbox's clock has no {name!r} for {key}: see Control._clock in sandbox/control.py"
    return date.fromisoformat(clock[name])


def on_one_day(sandbox: Sandbox, look: Callable[[Mapping[str, str]], Looked]) -> Looked:
    """What `look` finds, given the clock, while it stays the same day everywhere: looks again where a day ended."""
    while True:
        clock = sandbox.control("clock")
        found = look(clock)
        after = sandbox.control("clock")
        if all(after[name] == clock[name] for name in clock if name.endswith("_today")):
            return found


def source_of(key: str) -> type[MetricsSource[Any]]:
    """The connector of that key, which reports numbers."""
    found = find_source(key)
    assert found is not None
    return found


def sandbox_now(sandbox: Sandbox) -> datetime:
    """The instant it is in the sandbox."""
    return datetime.fromisoformat(sandbox.control("clock")["now"])


def final(facts: list[Fact]) -> dict[tuple[Any, ...], int]:
    """What a store holds after these facts: the last one of each key."""
    return {key_of(fact): fact.value for fact in facts}


def key_of(fact: Fact) -> tuple[Any, ...]:
    """What makes a fact the same as another."""
    return fact.metric, fact.day, fact.scope, fact.posting_ref, fact.breakdown, fact.currency, fact.hour


def assert_silent(sandbox: Sandbox, key: str, shown: object, caplog: pytest.LogCaptureFixture, *more: str) -> None:
    """Assert that neither the log nor what is shown holds a secret of the connection, or `more`."""
    values = config_values(sandbox, key)
    secrets = [values[name] for name in CONNECTORS[key].secret_fields() if name in values]
    secrets += traits_of(key).hidden(values)
    texts = repr(shown) + str(shown) + "".join(r.getMessage() + repr(r.__dict__) for r in caplog.records)
    for secret in filter(None, (*secrets, *more, "ya29.c.", "eyJ")):
        assert secret not in texts


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
