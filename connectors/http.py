"""The one HTTP client: total deadline, capped bodies, no redirects, fixed hosts, public addresses, quiet about secrets.

`open_http(connector, spend=…, pause=…)` makes one for a check or a read; the connector asks `get`, `post_json` and
`post_form` and gets an `Answer` or a ConnectorError. Retries, waits, budgets and the second try after a renewed token
happen here and nowhere else.
"""

import functools
import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self
from urllib.parse import urlencode

import httpcore
import httpx
import tenacity

from connectors.addresses import Resolver, is_loopback, resolve
from connectors.answers import Answer, Classify, check_kind, error_for
from connectors.bodies import read_body
from connectors.errors import AuthExpired, ConfigError, ConnectorError, RateLimited, Transient
from connectors.measuring import Measured, quota_of
from connectors.redaction import guard_logs, protect, redact, release, spellings
from connectors.wire import Deadline, DeadlineError, GuardedTransport, Reach

if TYPE_CHECKING:
    from connectors.contract import Connector

Accept = Literal["json", "csv", "xml", "any"]
_ACCEPTED: dict[Accept, str] = {
    "json": "application/json",
    "csv": "text/csv, application/json",
    "xml": "text/xml, application/soap+xml",
    "any": "application/json, */*;q=0.1",
}
USER_AGENT = "Sourceboard/0.1 (self-hosted recruiting analytics)"
_HEADERS = {"user-agent": USER_AGENT, "accept-encoding": "gzip", "connection": "keep-alive"}
#: Longest time one request may take in all, in seconds.
REQUEST_SECONDS = 60.0
#: The same for a token: others may be waiting for it.
TOKEN_SECONDS = 15.0
#: Longest wait in place; a longer one parks the job.
PATIENCE_SECONDS = 60.0
ATTEMPTS = 5
#: Google shuts a property out after ten server errors an hour: three tries leave it room.
SERVER_ERROR_ATTEMPTS = 3
_BACKOFF = tenacity.wait_random_exponential(multiplier=1, max=30)


class Bearer(Protocol):
    """Where access tokens come from."""

    def token(self) -> str:
        """A token believed to be good."""

    def renewed(self, used: str) -> str:
        """Another token than `used`, which the platform has refused."""


@dataclass
class Usage:
    """What a client has cost so far: requests sent, waits and their seconds, bytes of bodies after unpacking."""

    requests: int = 0
    waits: int = 0
    waited_seconds: float = 0.0
    bytes: int = 0
    measured: Measured = field(default_factory=Measured)


@dataclass(frozen=True)
class Ask:
    """One request. `safe`: repeating it does no harm. `spends`: it counts against the connection's budget. `seconds`:
    what one try may take in all. `may_be_missing`: that there is no such thing is an answer, and no failure."""

    method: Literal["GET", "POST", "PUT", "DELETE"]
    url: str
    params: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    bearer: Bearer | None = field(default=None, repr=False)
    accept: Accept = "json"
    safe: bool = True
    spends: bool = True
    classify: Classify | None = None
    seconds: float = REQUEST_SECONDS
    may_be_missing: bool = False


@dataclass(frozen=True)
class Options:
    """What tests and callers may set; the defaults are those of production."""

    sandbox_url: str = ""
    request_seconds: float = REQUEST_SECONDS
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    resolver: Resolver = resolve
    tls: ssl.SSLContext | None = None


class Http:
    """A client bound to one connector's hosts. Use from one thread; `close` it or use it in a `with`."""

    def __init__(
        self,
        connector: "type[Connector[Any]]",
        spend: Callable[[], None],
        pause: Callable[[float], None],
        options: Options,
    ) -> None:
        self.usage = Usage()
        self._connector = connector
        self._spend = spend
        self._pause = pause
        self._options = options
        self._sandbox = _sandbox_address(options.sandbox_url)
        self._deadline = Deadline()
        self._hurry_until: float | None = None
        self._secrets: list[str] = []
        where = (self._sandbox.host, _port(self._sandbox)) if self._sandbox else None
        reach = Reach(frozenset(connector.hosts), options.resolver, where, self._deadline, connector.port)
        # The transport alone: a client around it would add cookies, redirects and a third of the time.
        self._transport = GuardedTransport(reach, options.tls or _tls())
        self._timeouts = httpx.Timeout(options.request_seconds).as_dict()
        self._last_address: tuple[str, str] | None = None
        guard_logs()

    def __repr__(self) -> str:
        return f"<Http {self._connector.key} requests={self.usage.requests}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and forget the secrets."""
        self._transport.close()
        release(self._secrets)
        self._secrets = []

    def now(self) -> datetime:
        """The UTC instant, from the client's clock: a connector has none of its own."""
        return self._options.now()

    def conceal(self, *secrets: str) -> None:
        """Keep these out of every log record and error of this process while the client is open."""
        forms = [form for secret in secrets for form in spellings(secret)]
        self._secrets.extend(forms)
        protect(forms)

    @contextmanager
    def hurried(self, seconds: float) -> Iterator[None]:
        """Inside, everything together takes at most `seconds`, and nothing waits for a quota: for `check`."""
        before = self._hurry_until
        until = time.monotonic() + seconds
        self._hurry_until = until if before is None else min(before, until)
        try:
            yield
        finally:
            self._hurry_until = before

    def address(self, url: str) -> str:
        """The address a platform's URL really stands for: itself, or its place in the sandbox."""
        parsed = self._allowed(url)
        if self._sandbox is None:
            return str(parsed)
        return str(parsed.copy_with(scheme=self._sandbox.scheme, host=self._sandbox.host, port=self._sandbox.port))

    def get(
        self,
        url: str,
        params: Mapping[str, str] | None = None,
        *,
        bearer: Bearer | None = None,
        accept: Accept = "json",
    ) -> Answer:
        """GET. With `accept="csv"` a 200 must be CSV, any other success JSON. Raises ConnectorError."""
        return self.send(Ask("GET", url, params or {}, bearer=bearer, accept=accept))

    def post_json(self, url: str, body: object, *, bearer: Bearer | None = None) -> Answer:
        """POST a JSON body to an endpoint that only reads, so that it may be repeated. Raises ConnectorError."""
        content = json.dumps(body, separators=(",", ":"), allow_nan=False).encode()
        return self.send(Ask("POST", url, {}, content, {"content-type": "application/json"}, bearer))

    def post_form(
        self, url: str, form: Mapping[str, str], *, headers: Mapping[str, str], classify: Classify, safe: bool
    ) -> Answer:
        """POST a form to a token endpoint; it costs nothing of the budget. Raises ConnectorError."""
        content = urlencode(form).encode()
        ask = Ask("POST", url, {}, content, headers, safe=safe, spends=False, classify=classify, seconds=TOKEN_SECONDS)
        return self.send(ask)

    def send(self, ask: Ask) -> Answer:
        """The answer to `ask`; a refused token is renewed once and the request repeated once."""
        if ask.bearer is None:
            return self._persist(ask, "")
        token = self._concealed(ask.bearer.token())
        try:
            return self._persist(ask, token)
        except AuthExpired:
            refused = token
        return self._persist(ask, self._concealed(ask.bearer.renewed(refused)))

    def _concealed(self, token: str) -> str:
        if token not in self._secrets:
            self.conceal(token)
        return token

    def _persist(self, ask: Ask, token: str) -> Answer:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: self._may_retry(error, ask)),
            stop=self._is_enough,
            wait=self._wait_for,
            sleep=self._rest,
            reraise=True,
        )
        return retrying(self._once, ask, token)

    def _may_retry(self, error: BaseException, ask: Ask) -> bool:
        if isinstance(error, RateLimited):
            return self._hurry_until is None and (not error.announced or self._seconds_until(error) <= PATIENCE_SECONDS)
        return isinstance(error, Transient) and ask.safe

    def _is_enough(self, state: tenacity.RetryCallState) -> bool:
        error = state.outcome.exception() if state.outcome else None
        most = SERVER_ERROR_ATTEMPTS if getattr(error, "cause", "") == "server_error" else ATTEMPTS
        if self._hurry_until is not None:
            return state.attempt_number >= 2 or time.monotonic() + 2 > self._hurry_until
        return state.attempt_number >= most

    def _wait_for(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, RateLimited) and error.announced:
            return self._seconds_until(error)
        return min(_BACKOFF(state), 1.0) if self._hurry_until is not None else _BACKOFF(state)

    def _seconds_until(self, error: RateLimited) -> float:
        return max((error.until - self.now()).total_seconds(), 0.0)

    def _rest(self, seconds: float) -> None:
        self.usage.waits += 1
        self.usage.waited_seconds += seconds
        self._pause(seconds)

    def _once(self, ask: Ask, token: str) -> Answer:
        url = self._address_again(ask.url)
        if ask.spends:
            self._spend()
        answer = self._exchange(ask, url, token)
        classify = ask.classify or self._connector.classify
        error = classify(answer, self.now()) or error_for(answer, self.now())
        if error is not None:
            is_answer = ask.may_be_missing and error.cause == "account_unknown"
            self.usage.measured.failures += not (is_answer or isinstance(error, RateLimited))
            raise error
        check_kind(answer, ask.accept)
        return answer

    def _address_again(self, url: str) -> str:
        """`address`, remembered for the last URL: the pages of a read ask for the same one."""
        if self._last_address is None or url != self._last_address[0]:
            self._last_address = (url, self.address(url))
        return self._last_address[1]

    def _exchange(self, ask: Ask, url: str, token: str) -> Answer:
        headers = _HEADERS | {"accept": _ACCEPTED[ask.accept]}
        headers |= ask.headers
        if token:
            headers["authorization"] = f"Bearer {token}"
        request = httpx.Request(
            ask.method,
            url,
            params=dict(ask.params) or None,
            headers=headers,
            content=ask.content or None,
            extensions={"timeout": self._timeouts},
        )
        self._deadline.at = time.monotonic() + min(ask.seconds, self._options.request_seconds)
        if self._hurry_until is not None:
            self._deadline.at = min(self._deadline.at, self._hurry_until)
        self.usage.requests += 1
        started, measured = time.monotonic(), self.usage.measured
        try:
            with _named_failures(ask.url.partition("?")[0]):
                response = self._transport.handle_request(request)
                try:
                    body = read_body(response, self._connector.max_body_bytes, self._deadline)
                finally:
                    response.close()
        except ConnectorError:
            measured.failures += 1
            raise
        finally:
            measured.note(time.monotonic() - started)
        measured.quota = quota_of(response.headers) or measured.quota
        self.usage.bytes += len(body)
        return Answer(response.status_code, response.headers, body, ask.url.partition("?")[0])

    def _allowed(self, url: str) -> httpx.URL:
        """Parse with the parser that connects; refuse what is not one of the connector's own https addresses."""
        try:
            parsed = httpx.URL(url)
        except httpx.InvalidURL:
            parsed = httpx.URL("")
        fits = parsed.scheme == "https" and parsed.host in self._connector.hosts
        fits = fits and _port(parsed) == self._connector.port
        if not fits or parsed.userinfo:
            raise ConfigError(f"not an address of {self._connector.key}: {redact(url)[:200]}", cause="blocked_address")
        return parsed


def open_http(
    connector: "type[Connector[Any]]",
    *,
    spend: Callable[[], None],
    pause: Callable[[float], None],
    sandbox_url: str = "",
    options: Options | None = None,
) -> Http:
    """A client for one check or read of `connector`.

    `spend` is called before each request that counts and may raise RateLimited or block briefly; `pause(seconds)`
    waits in place. `sandbox_url` sends every request to that loopback address instead of the platform. Raises
    ConfigError when it is not loopback.
    """
    if options is None:
        options = Options(sandbox_url=sandbox_url)
    return Http(connector, spend, pause, options)


@functools.cache
def _tls() -> ssl.SSLContext:
    """Verifying context over the bundled authorities; made once, as it costs 20 ms."""
    return httpx.create_ssl_context(trust_env=False)


def _sandbox_address(sandbox_url: str) -> httpx.URL | None:
    if not sandbox_url:
        return None
    parsed = httpx.URL(sandbox_url)
    if parsed.scheme not in {"http", "https"} or not is_loopback(parsed.host):
        raise ConfigError(f"the sandbox must be at a loopback address: {sandbox_url}", cause="blocked_address")
    return parsed


def _port(url: httpx.URL) -> int:
    return url.port or (443 if url.scheme == "https" else 80)


@contextmanager
def _named_failures(url: str) -> Iterator[None]:
    """Give the transport's exceptions our names. Their own texts stay out: they may carry what was sent."""
    failure: ConnectorError
    try:
        yield
        return
    except DeadlineError:
        failure = Transient(f"{url}: no complete answer in time", cause="timeout")
    except (httpcore.ConnectTimeout, httpcore.PoolTimeout):
        failure = Transient(f"{url}: no connection in time", cause="timeout", was_sent=False)
    except (httpcore.TimeoutException, httpx.TimeoutException):
        failure = Transient(f"{url}: no answer in time", cause="timeout")
    except httpcore.ConnectError as error:
        failure = _connect_failure(url, error)
    except httpcore.RemoteProtocolError:
        failure = Transient(f"{url}: the answer broke off", cause="truncated")
    except (httpcore.NetworkError, httpcore.ProtocolError, httpx.HTTPError):
        failure = Transient(f"{url}: the connection failed")
    raise failure from None


def _connect_failure(url: str, error: httpcore.ConnectError) -> ConnectorError:
    cause = error.args[0] if error.args else None  # httpcore wraps the socket's own exception
    if isinstance(cause, ssl.SSLError) and not isinstance(cause, ssl.SSLEOFError):
        reason = getattr(cause, "verify_message", "") or cause.reason or "handshake failed"
        return ConfigError(f"{url}: {reason}", cause="tls")
    return Transient(f"{url}: no connection", was_sent=False)
