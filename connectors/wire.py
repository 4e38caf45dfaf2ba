"""Sockets that reach only allowed hosts at public addresses, and that end when a request's time is up."""

import ssl
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpcore
import httpx

from connectors.addresses import Resolver, public_addresses
from connectors.errors import ConfigError

_CONNECT_SECONDS = 10.0


class DeadlineError(Exception):
    """The request's total time is used up, however busily bytes are dripping in."""


@dataclass
class Deadline:
    """When the running request must be over, on the monotonic clock."""

    at: float = float("inf")

    def left(self, timeout: float | None = None) -> float:
        """Seconds left, at most `timeout`. Raises DeadlineError when there are none."""
        left = self.at - time.monotonic()
        if left <= 0:
            raise DeadlineError
        return left if timeout is None else min(left, timeout)


@dataclass(frozen=True)
class Reach:
    """Where a connector may connect to: its platform's hosts on their one port, or the sandbox and nothing else."""

    hosts: frozenset[str]
    resolver: Resolver
    sandbox: tuple[str, int] | None = None
    deadline: Deadline = field(default_factory=Deadline)
    port: int = 443

    def addresses(self, host: str, port: int) -> list[str]:
        """The addresses to try for an allowed host and port. Raises ConfigError (blocked_address)."""
        if self.sandbox is not None:
            if (host, port) != self.sandbox:
                raise ConfigError(f"only the sandbox may be reached, not {host}:{port}", cause="blocked_address")
            return [host]
        if host not in self.hosts or port != self.port:
            raise ConfigError(f"{host}:{port} is not one of this platform's addresses", cause="blocked_address")
        return public_addresses(host, port, self.resolver, self.deadline.left(_CONNECT_SECONDS))


class _Stream(httpcore.NetworkStream):
    """A stream whose every step fits into the running request's deadline."""

    def __init__(self, inner: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._inner = inner
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, self._deadline.left(timeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._deadline.left(timeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Resolves, judges and connects in one step, so that the address judged is the address used.

    The pool keeps the name for TLS and the Host header; only the socket sees the address.
    """

    def __init__(self, reach: Reach) -> None:
        self._reach = reach
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        failure: Exception = httpcore.ConnectError(f"no address of {host} answers")
        for address in self._reach.addresses(host, port):
            left = self._reach.deadline.left(timeout)
            try:
                stream = self._plain.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
            else:
                return _Stream(stream, self._reach.deadline)
        raise failure


class _Body(httpx.SyncByteStream):
    """The body as it comes from the wire."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        self._stream.close()


class GuardedTransport(httpx.BaseTransport):
    """httpx over our own sockets: no proxy, no unix socket, no second opinion about where a name leads.

    httpcore's exceptions pass unchanged; `connectors.http` gives them their names.
    """

    def __init__(self, reach: Reach, tls: ssl.SSLContext) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls, max_connections=4, keepalive_expiry=30.0, network_backend=_Backend(reach)
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        answer = self._pool.handle_request(
            httpcore.Request(
                method=request.method,
                url=url,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer.stream))

    def close(self) -> None:
        self._pool.close()
