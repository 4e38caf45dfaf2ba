"""Reads a response's body to its end: bounded in bytes after unpacking and in time."""

import zlib
from collections.abc import Iterator

import httpx

from connectors.errors import SchemaDrift, Transient
from connectors.wire import Deadline


def read_body(response: httpx.Response, cap: int, deadline: Deadline) -> bytearray:
    """The whole body, unpacked, at most `cap` bytes. Raises SchemaDrift, Transient or DeadlineError.

    It is unpacked in small pieces, so that a small answer cannot become a large one before it is measured.
    """
    coding = response.headers.get("content-encoding", "").strip().lower()
    if coding not in {"", "identity", "gzip", "x-gzip"}:
        raise SchemaDrift(f"content encoding {coding[:30]!r} was not asked for")
    body = bytearray()
    inflater = _Inflater() if coding.endswith("gzip") else None
    for chunk in response.iter_raw():
        deadline.left()
        for piece in inflater.pieces(chunk) if inflater else (chunk,):
            body += piece
            if len(body) > cap:
                raise SchemaDrift(f"more than {cap} bytes", cause="too_large")
    if inflater is not None and not inflater.is_complete:
        raise Transient("the packed answer broke off", cause="truncated")
    return body


class _Inflater:
    """Unpacks gzip in pieces of at most 64 kB, members one after another."""

    _PIECE = 64 * 1024

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self._fed = False

    @property
    def is_complete(self) -> bool:
        return self._inner.eof or not self._fed

    def pieces(self, chunk: bytes) -> Iterator[bytes]:
        waiting = chunk
        while waiting:
            if self._inner.eof:
                self._inner = zlib.decompressobj(wbits=31)
            self._fed = True
            try:
                piece = self._inner.decompress(waiting, self._PIECE)
            except zlib.error as error:
                raise SchemaDrift("the answer says gzip and is not") from error
            waiting = self._inner.unused_data if self._inner.eof else self._inner.unconsumed_tail
            if piece:
                yield piece
