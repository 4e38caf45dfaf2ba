"""How requests come off the wire: uvicorn's protocol for a connection, with what it does not do by itself.

The parser is httptools, in C: h11, in Python, took half of what an event costs. Unlike h11 it has no limits of its own.
"""

import asyncio
import socket
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

#: Of a request line with its headers, of a chunk's head, and of what follows the last chunk; as h11 has it.
MOST_HEAD_BYTES = 64 * 1024
_TOO_LONG = "The request's headers are too long."


def careful(protocol: Any) -> Any:
    """The class of connections that uvicorn would use, sending at once, and bounded where it is httptools'."""
    bases = (_Bounded, protocol) if issubclass(protocol, HttpToolsProtocol) else (protocol,)
    return type("Careful", (_Prompt, *bases), {})


class _Prompt:
    """Sends small packets at once.

    Streamlit listens on a socket that asyncio does not take for TCP, so that nobody sets TCP_NODELAY: every answer on
    a connection that is kept open then waits 40 ms for the visitor's acknowledgement of its first packet.
    """

    def connection_made(self, transport: asyncio.Transport) -> None:
        connection = transport.get_extra_info("socket")
        if connection is not None and connection.family in {socket.AF_INET, socket.AF_INET6}:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super().connection_made(transport)  # type: ignore[misc]


class _Bounded(HttpToolsProtocol):
    """Ends a connection that sends headers without end, and refuses requests that name no host, or several.

    What counts is how much came since the parser last understood something; bodies are bounded by the gate.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        # Before the parser is made, which asks for the methods below once.
        self._pending = self._head = 0
        super().__init__(*given, **named)

    def data_received(self, data: bytes) -> None:
        """Raises nothing: what cannot be read is answered with 400, and the connection closed."""
        if self.transport.is_closing():
            return
        self._pending += len(data)
        super().data_received(data)
        if self._pending > MOST_HEAD_BYTES and not self.transport.is_closing():
            self.logger.warning(_TOO_LONG)
            self.send_400_response(_TOO_LONG)

    def on_message_begin(self) -> None:
        self._head = 0
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Also called for what follows a chunked body."""
        self._head += len(name) + len(value)
        if self._head > 2 * MOST_HEAD_BYTES:
            raise ValueError(_TOO_LONG)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._pending = 0
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and self.parser.get_http_version() != "1.0"):
            raise ValueError("A request names one host.")
        super().on_headers_complete()

    def on_chunk_header(self) -> None:
        self._pending = 0

    def on_body(self, body: bytes) -> None:
        self._pending = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._pending = 0
        super().on_message_complete()
