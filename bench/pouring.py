"""Pours prepared HTTP requests over some connections kept open, and says what became of each."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Poured:
    """Status by the request's place (0 for none: the connection broke first), milliseconds of each, and the seconds."""

    statuses: dict[int, int] = field(default_factory=dict)
    times: list[float] = field(default_factory=list)
    waits: int = 0
    seconds: float = 0.0

    @property
    def counts(self) -> Counter[int]:
        """How many answers of each status."""
        return Counter(self.statuses.values())


class _Line(asyncio.Protocol):
    """One connection: sends the next request when the last one is answered. Answers have a Content-Length."""

    def __init__(self, take: Callable[[], tuple[int, bytes] | None], poured: Poured) -> None:
        self._take, self._poured = take, poured
        self._buffer = b""
        self._place: int | None = None
        self._started = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The first request."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._next()

    def _next(self) -> None:
        taken = self._take()
        if taken is None:
            self._transport.close()
            return
        self._place, request = taken
        self._started = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Part of an answer."""
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found or len(rest) < _length(head):
            return
        self._buffer = rest[_length(head) :]
        assert self._place is not None
        self._poured.statuses[self._place] = int(head[9:12])
        self._poured.waits += b"retry-after" in head.lower()
        self._poured.times.append((time.perf_counter() - self._started) * 1000)
        self._place = None
        self._next()

    def connection_lost(self, exc: Exception | None) -> None:
        """What was asked last may have been done or not."""
        del exc
        if self._place is not None:
            self._poured.statuses[self._place] = 0
        if not self.done.done():
            self.done.set_result(None)


def _length(head: bytes) -> int:
    at = head.lower().find(b"\r\ncontent-length:")
    return int(head[at + 17 :].split(b"\r\n", 1)[0]) if at >= 0 else 0


async def pour(
    host: str,
    port: int,
    requests: Sequence[bytes],
    *,
    connections: int = 50,
    on_answer: Callable[[Poured], None] | None = None,
) -> Poured:
    """Send each request once, in turn over all connections; returns when all are answered or broken.

    `on_answer` is called before each request is sent.
    """
    poured, places = Poured(), iter(range(len(requests)))
    alive = True

    def take() -> tuple[int, bytes] | None:
        if on_answer is not None:
            on_answer(poured)
        place = next(places, None) if alive else None
        return None if place is None else (place, requests[place])

    loop, started = asyncio.get_running_loop(), time.perf_counter()
    lines: list[_Line] = []
    for _ in range(connections):
        _, line = await loop.create_connection(lambda: _Line(take, poured), host, port)
        lines.append(line)
    await asyncio.wait([line.done for line in lines])
    poured.seconds = time.perf_counter() - started
    return poured


def request_bytes(host: str, path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """A POST as it goes over the wire."""
    told = {"Host": host, "Content-Length": str(len(body)), **headers}
    lines = "".join(f"{name}: {value}\r\n" for name, value in told.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body
