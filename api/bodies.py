"""Bodies that cannot hurt: capped in bytes and in time, strict JSON, nothing nested a thousand deep."""

import asyncio
import json
import re
import time
from collections.abc import Awaitable, Generator
from typing import Any, cast

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message, Receive, Scope

from api.addressed import header
from connectors.webhooks.registry import most_bytes
from domain.strict_json import strict_decoder

MAX_BYTES = 64 * 1024
MAX_SECONDS = 10.0
MAX_SECONDS_LARGE = 30.0
MAX_DEPTH = 20
_SURROGATE = re.compile("[\ud800-\udfff]")
_DECODER = strict_decoder()


def bounded(receive: Receive, scope: Scope) -> Receive:
    """`receive` that raises 413 above the path's cap, told or counted, and 408 when the body takes too long.

    The cap is 64 kB and the time 10 seconds, but for webhooks that may bring more.
    """
    cap = most_bytes(scope["path"]) or MAX_BYTES
    deadline = time.monotonic() + (MAX_SECONDS if cap == MAX_BYTES else MAX_SECONDS_LARGE)
    told = header(scope, b"content-length")
    seen = 0
    is_done = False

    async def next_message() -> Message:
        nonlocal seen, is_done
        if is_done:
            return await receive()
        if told.isdecimal() and int(told) > cap:
            raise HTTPException(413, f"The body is larger than {cap // 1024} kB.")
        begun = _Begun(receive())
        if begun.is_done:
            # Most bodies are there before anybody asks: a deadline costs more than reading them.
            message = begun.result
        else:
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
                    message = await begun
            except TimeoutError:
                raise HTTPException(408, "The body took too long.") from None
        seen += len(message.get("body", b""))
        is_done = not message.get("more_body", False)
        if seen > cap:
            raise HTTPException(413, f"The body is larger than {cap // 1024} kB.")
        return message

    return next_message


class _Begun:
    """A piece of work that is begun at once, and awaited only if it has to wait for something."""

    def __init__(self, work: Awaitable[Message]) -> None:
        self._steps = work.__await__()
        self.is_done = False
        try:
            self._waits_for = next(self._steps)
        except StopIteration as ended:
            self.result: Message = ended.value
            self.is_done = True

    def __await__(self) -> Generator[Any, None, Message]:
        try:
            while True:
                try:
                    yield self._waits_for
                except BaseException as error:  # noqa: BLE001 - a cancellation, say: it is the work's to hear
                    self._waits_for = self._steps.throw(error)
                else:
                    self._waits_for = next(self._steps)
        except StopIteration as ended:
            return cast("Message", ended.value)


async def read_json(request: Request) -> dict[str, Any]:
    """The body as a JSON object. Raises 415 for another content type, 400 for anything but a plain object, 422 for text
    that is none: half a surrogate pair, which no database and no answer can hold.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise HTTPException(415, "Send JSON with Content-Type: application/json.")
    body = await request.body()
    parsed = parse_object(body)
    # Bytes cannot spell one, only an escape can: most bodies need no second look.
    if b"\\u" in body and _SURROGATE.search(json.dumps(parsed, ensure_ascii=False)):
        raise HTTPException(422, "A text holds half a surrogate pair.")
    return parsed


def parse_object(body: bytes) -> dict[str, Any]:
    """A body as a JSON object. Raises 400 for anything else, whatever its content type says."""
    # Most bodies hold fewer brackets than may be nested: those need no second look.
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH:
        _require_shallow(body)
    try:
        parsed = _DECODER.decode(body.decode())
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "The body is not valid JSON.") from error
    if not isinstance(parsed, dict):
        raise HTTPException(400, "The body must be a JSON object.")
    return parsed


def _require_shallow(body: bytes) -> None:
    """Counts brackets without parsing: strings may hold some, so the cap is generous for what we accept."""
    depth = 0
    for byte in body:
        if byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                raise HTTPException(400, "The body is nested too deep.")
        elif byte in b"]}":
            depth -= 1
