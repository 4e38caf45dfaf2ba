"""A platform for tests: a connector over real HTTP, and the server it reads, which can stall, refuse and count."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qs, urlsplit

from pydantic import Field, SecretStr

from connectors.auth import CachedBearer
from connectors.contract import (
    Account,
    Closed,
    ConnectorConfig,
    Limits,
    MetricsSource,
    Offered,
    Page,
    PostingSeen,
    Token,
    Wait,
)
from connectors.errors import AuthExpired, ConfigError
from connectors.registry import CONNECTORS
from domain.facts import Fact, Scope, Window

HOST = "https://paced.example"


class PacedConfig(ConnectorConfig):
    """What the test platform asks for."""

    account: str = Field(default="acme", title="Account", description="Any name but 'nobody'.")
    key: SecretStr = Field(default=SecretStr(""), title="Key", description="The secret.")
    signs_in: bool = Field(default=False, title="Signs in", description="Reads with a token.")


class Paced(MetricsSource[PacedConfig]):
    """Pages of made-up facts."""

    key: ClassVar[str] = "paced"
    platform: ClassVar[str] = "indeed"
    label: ClassVar[str] = "Paced"
    icon: ClassVar[str] = ":material/speed:"
    summary: ClassVar[str] = "For tests."
    docs_url: ClassVar[str] = "https://paced.example/docs"
    hosts: ClassVar[tuple[str, ...]] = ("paced.example",)
    config_model: ClassVar[type[ConnectorConfig]] = PacedConfig
    metrics: ClassVar[tuple[Offered, ...]] = (Offered("clicks", postings=True), Offered("applications"))
    limits: ClassVar[Limits] = Limits(requests=100_000, seconds=60)
    lookback_days: ClassVar[int] = 3
    interval: ClassVar[Literal["hourly", "daily"]] = "hourly"
    chunk_days: ClassVar[int] = 4

    def check(self) -> Account:
        """Name the account."""
        if self.config.account == "nobody":
            raise ConfigError("No account is called nobody.", cause="account_unknown")
        told = self._get("check", {})
        return Account(ref=self.config.account, label=str(told["label"]), time_zone="Europe/Berlin", currency="EUR")

    def read(self, window: Window, cursor: str = "") -> Iterator[Page | Wait]:
        """Pages by number; the server says how many there are, and when to wait."""
        if cursor == "end":
            return
        number = int(cursor or 0)
        while True:
            asked = {"start": window.start.isoformat(), "end": window.end.isoformat(), "page": str(number)}
            told = self._get("read", asked)
            if told.get("wait"):
                yield Wait(told["wait"], str(number), "the report is being made")
                continue
            facts = [
                Fact(metric, date.fromisoformat(day), value, Scope.POSTING if ref else Scope.TOTAL, ref)
                for metric, day, value, ref in told["facts"]
            ]
            number += 1
            is_last = number >= told["pages"]
            yield Page(
                facts, "end" if is_last else str(number), self._postings(facts), self._closed(window) if is_last else ()
            )
            if is_last:
                return

    @classmethod
    def calls_for(cls, window: Window, *, items: int = 0) -> int:
        """One call a page."""
        return 3

    def _get(self, path: str, params: dict[str, str]) -> Any:
        bearer = CachedBearer(self.session.tokens, self._fetch) if self.config.signs_in else None
        return self.session.http.get(f"{HOST}/{path}", params, bearer=bearer).decode(dict)

    def _fetch(self, stored: Token | None) -> Token:
        refresh = stored.refresh_token if stored else self.config.key.get_secret_value()
        answer = self.session.http.post_form(
            f"{HOST}/token", {"refresh": refresh}, headers={}, classify=_refused, safe=False
        )
        told = answer.decode(dict)
        return Token(told["access"], datetime.now(UTC) + timedelta(seconds=told["seconds"]), told["refresh"])

    @staticmethod
    def _postings(facts: list[Fact]) -> tuple[PostingSeen, ...]:
        return tuple(PostingSeen(ref, f"Posting {ref}") for ref in sorted({fact.posting_ref for fact in facts} - {""}))

    @staticmethod
    def _closed(window: Window) -> tuple[Closed, ...]:
        return (
            Closed(("clicks", "applications"), Scope.TOTAL, window.start, window.end),
            Closed(("clicks",), Scope.POSTING, window.start, window.end),
        )


def _refused(answer: Any, _now: datetime) -> Any:
    return AuthExpired("invalid_grant", cause="auth_revoked") if answer.status == 400 else None


def register() -> None:
    """Make the connector known to this process."""
    CONNECTORS.setdefault("paced", Paced)


@dataclass
class PacedServer:
    """A running test platform. Behaviour is set by attributes, requests are counted."""

    port: int = 0
    pages: int = 3
    postings: int = 2
    offset: int = 0
    #: Answers to give instead, first come first served: (status, headers, body).
    plan: list[tuple[int, dict[str, str], str]] = field(default_factory=list)
    #: Set to let requests pass; cleared they stall.
    gate: threading.Event = field(default_factory=threading.Event)
    #: Requests from this one on (counting from 1) stall while the gate is shut; 0 for none.
    stall_from: int = 0
    waits: int = 0
    wait_seconds: float = 0.05
    token_calls: int = 0
    token_seconds: float = 3600
    token_delay: float = 0.0
    refresh: str = "first"
    is_revoked: bool = False
    paths: list[str] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, path: str, form: str) -> tuple[int, dict[str, str], str]:
        """What to say to one request."""
        with self.lock:
            self.paths.append(path)
            self.times.append(time.monotonic())
            number = len(self.paths)
        if self.stall_from and number >= self.stall_from:
            self.gate.wait(60)
        parts = urlsplit(path)
        if parts.path == "/token":
            return self._token(parse_qs(form)["refresh"][0])
        with self.lock:
            if self.plan:
                return self.plan.pop(0)
            if parts.path == "/read" and self.waits:
                self.waits -= 1
                return 200, {}, json.dumps({"wait": self.wait_seconds})
        if parts.path == "/check":
            return 200, {}, json.dumps({"label": "Acme at Paced"})
        return 200, {}, json.dumps(self._page({name: values[0] for name, values in parse_qs(parts.query).items()}))

    def _page(self, asked: dict[str, str]) -> dict[str, Any]:
        start, end = date.fromisoformat(asked["start"]), date.fromisoformat(asked["end"])
        days = [start + timedelta(days=n) for n in range((end - start).days)]
        number, facts = int(asked["page"]), []
        for index, day in enumerate(days):
            if index % self.pages != number:
                continue
            base = day.toordinal() % 97 + self.offset
            facts += [["clicks", day.isoformat(), base * 10, ""], ["applications", day.isoformat(), base, ""]]
            facts += [["clicks", day.isoformat(), base + n, f"p{n}"] for n in range(self.postings)]
        return {"facts": facts, "pages": self.pages}

    def _token(self, refresh: str) -> tuple[int, dict[str, str], str]:
        time.sleep(self.token_delay)
        with self.lock:
            self.token_calls += 1
            # Refresh tokens are good once; the second use of one betrays a thief.
            if self.is_revoked or refresh != self.refresh:
                self.is_revoked = True
                return 400, {}, json.dumps({"error": "invalid_grant"})
            self.refresh = f"refresh-{self.token_calls}"
            told = {"access": f"access-{self.token_calls}", "refresh": self.refresh, "seconds": self.token_seconds}
            return 200, {}, json.dumps(told)


@contextmanager
def paced_server() -> Iterator[PacedServer]:
    """A test platform on a free port."""
    state = PacedServer()
    state.gate.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer("")

        def do_POST(self) -> None:
            self._answer(self.rfile.read(int(self.headers["content-length"])).decode())

        def _answer(self, form: str) -> None:
            status, headers, body = state.answer(self.path, form)
            content = body.encode()
            self.send_response(status)
            for name, value in ({"Content-Type": "application/json"} | headers).items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

        def handle(self) -> None:
            try:
                super().handle()
            except ConnectionError:
                self.close_connection = True

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield state
    finally:
        state.gate.set()
        server.shutdown()
        server.server_close()
        thread.join()
