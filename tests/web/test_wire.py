"""Requests as bytes: what is no request, what has no end, and what two servers would read differently."""

import socket
import threading
from collections.abc import Iterable

import pytest

from tests.launch import RunningApp

_OK = b"HTTP/1.1 200 "
_BAD = b"HTTP/1.1 400 "
_CHUNKED = b"POST /api/track HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n"
_TOLD = b"POST /api/track HTTP/1.1\r\nHost: {host}\r\nContent-Length: 4\r\n"


def answer(app: RunningApp, *parts: bytes | Iterable[bytes]) -> bytes:
    """What comes back until the server closes; it may do so while parts are still being sent."""
    host, _, port = app.host.partition(":")
    told: list[bytes] = []
    with socket.create_connection((host, int(port)), timeout=120) as connection:

        def listen() -> None:
            try:
                while heard := connection.recv(65_536):
                    told.append(heard)
            except ConnectionError:
                # Closed with bytes of ours unread: what was answered before may be lost with it.
                told.append(b"")

        listening = threading.Thread(target=listen, daemon=True)
        listening.start()
        try:
            for part in parts:
                for piece in (part,) if isinstance(part, bytes) else part:
                    connection.sendall(piece.replace(b"{host}", app.host.encode()))
        except ConnectionError:
            told.append(b"")
        listening.join(120)
        assert not listening.is_alive(), "the connection stays open"
    return b"".join(told)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /health/live HTTP/1.1\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: {host}\r\nHost: evil.example\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: {host}\r\n folded\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost : {host}\r\n\r\n",
        b"GET /health/live HTTP/1.1\nHost: {host}\n\n",
        b"GET /health\x00/live HTTP/1.1\r\nHost: {host}\r\n\r\n",
        b"GET /health/\xc3\xbc HTTP/1.1\r\nHost: {host}\r\n\r\n",
        b"GET /health/live HTTP/1.1\r\nHost: {host}\r\nX: a\x01b\r\n\r\n",
        b"BREW /health/live HTTP/1.1\r\nHost: {host}\r\n\r\n",
        _TOLD + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        _TOLD + b"Content-Length: 5\r\n\r\n{}{}",
        b"POST /api/track HTTP/1.1\r\nHost: {host}\r\nContent-Length: +4\r\n\r\n{}{}",
        b"POST /api/track HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        _CHUNKED + b"2\n{}\n0\n\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
def test_what_servers_could_read_differently_is_refused(app: RunningApp, request_bytes: bytes) -> None:
    assert answer(app, request_bytes).startswith(_BAD)


def test_a_request_of_an_old_program_needs_no_host(app: RunningApp) -> None:
    assert answer(app, b"GET /health/live HTTP/1.0\r\n\r\n").startswith(_OK)


def test_requests_sent_without_waiting_are_answered_in_turn(app: RunningApp) -> None:
    one = b"GET /health/live HTTP/1.1\r\nHost: {host}\r\n"
    assert answer(app, one + b"\r\n" + one + b"Connection: close\r\n\r\n").count(_OK) == 2


@pytest.mark.parametrize(
    ("begun", "piece"),
    [
        (b"GET /health/live?", b"q" * 65_536),
        (b"GET /health/live HTTP/1.1\r\nHost: {host}\r\nX: ", b"v" * 65_536),
        (b"GET /health/live HTTP/1.1\r\nHost: {host}\r\n", b"X: y\r\n" * 10_000),
        (_CHUNKED + b"2;", b"e" * 65_536),
        (_CHUNKED + b"2\r\n{}\r\n0\r\nT: ", b"v" * 65_536),
        (_CHUNKED + b"2\r\n{}\r\n0\r\n", b"T: y\r\n" * 10_000),
    ],
    ids=["address", "header", "headers", "chunk", "trailer", "trailers"],
)
def test_headers_without_end_are_cut_off(app: RunningApp, begun: bytes, piece: bytes) -> None:
    sent = 0

    def endless() -> Iterable[bytes]:
        nonlocal sent
        while sent < 64 * 2**20:
            sent += len(piece)
            yield piece

    heard = answer(app, begun, endless())
    # What a socket's buffers hold is on its way before anybody can refuse it.
    assert sent < 64 * 2**20, "all of it was taken"
    assert _OK not in heard
