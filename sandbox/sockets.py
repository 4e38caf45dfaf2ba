"""Answers below HTTP's rules: cut short, dripped, reset, or with a length that is a lie."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

TRANSPORT = "sandbox.transport"


class TransportProtocol(H11Protocol):
    """uvicorn's own protocol, which also lets the application reach the connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        inner = self.app

        async def app(scope: Any, receive: Any, send: Any) -> None:
            scope[TRANSPORT] = self.transport
            await inner(scope, receive, send)

        self.app = app


@dataclass
class Answer:
    """A whole HTTP answer in memory."""

    status: int = 200
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def without(self, *names: str) -> list[tuple[str, str]]:
        """The headers but for some."""
        return [(name, value) for name, value in self.headers if name.lower() not in names]


@dataclass(frozen=True)
class Delivery:
    """How an answer reaches the wire: where it is cut, how slowly, in what framing and with what end."""

    truncate_at: int | None = None
    drip_bytes: int = 0
    drip_interval: float = 0.0
    chunked: bool = False
    reset: bool = False


async def captured(app: App, scope: Scope, body: bytes) -> Answer:
    """What the application would have answered."""
    answer = Answer()

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
            answer.headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in message["headers"]]
        elif message["type"] == "http.response.body":
            answer.body += message.get("body", b"")

    await app(scope, replayed(body), send)
    return answer


def replayed(body: bytes) -> Receive:
    """A receive channel that hands out a body already read."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> Message:
        if waiting:
            return waiting.pop()
        await asyncio.Event().wait()
        raise AssertionError("an answered request asked for more")

    return receive


async def deliver(transport: asyncio.Transport, answer: Answer, how: Delivery) -> None:
    """Write the answer byte by byte to the connection and end it; the promised length is always the full one."""
    head, payload = _framed(answer, how)
    if how.truncate_at is not None:
        payload = payload[: how.truncate_at]
    transport.write(head)
    step = how.drip_bytes or len(payload) or 1
    for start in range(0, len(payload), step):
        if transport.is_closing():
            return
        transport.write(payload[start : start + step])
        if how.drip_interval:
            await asyncio.sleep(how.drip_interval)
    if how.reset:
        # A moment for the kernel to send what is written: a reset throws away the rest.
        await asyncio.sleep(0.05)
        reset(transport)
    else:
        transport.close()


def reset(transport: asyncio.Transport) -> None:
    """End the connection with a TCP reset."""
    raw: socket.socket = transport.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


def _framed(answer: Answer, how: Delivery) -> tuple[bytes, bytes]:
    headers = answer.without("content-length", "transfer-encoding", "connection")
    payload = answer.body
    if how.chunked:
        headers.append(("transfer-encoding", "chunked"))
        payload = f"{len(payload):x}\r\n".encode() + payload + b"\r\n0\r\n\r\n"
    else:
        headers.append(("content-length", str(len(payload))))
    headers.append(("connection", "close"))
    phrase = HTTPStatus(answer.status).phrase if answer.status in HTTPStatus._value2member_map_ else "Unknown"
    lines = [f"HTTP/1.1 {answer.status} {phrase}", *(f"{name}: {value}" for name, value in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"), payload
