"""The outermost layer: logs each request, lets the plan misbehave, and passes the rest on."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from sandbox import faults
from sandbox.credentials import bearer
from sandbox.journal import Entry
from sandbox.sockets import (
    TRANSPORT,
    App,
    Message,
    Receive,
    Scope,
    Send,
    captured,
    deliver,
    replayed,
)
from sandbox.world import World

CONTROL = "/_ctl"
CHARGED = "sandbox.charged"
MAX_BODY = 32 * 1024 * 1024
HANG_SECONDS = 600.0


class Front:
    """An ASGI application around the platforms'."""

    def __init__(self, app: App, world: World, latency_ms: int) -> None:
        self.app, self.world, self.latency = app, world, latency_ms / 1000

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection event."""
        if scope["type"] != "http" or scope["path"].startswith(CONTROL):
            await self.app(scope, receive, send)
            return
        body = await _read(receive)
        entry = self.world.journal.open(dict(scope), body, self.world.clock.now())
        started = time.monotonic()
        try:
            await self._serve(scope, (body, receive, send), entry)
        finally:
            entry.charged = bool(scope.get(CHARGED))
            entry.duration_ms = round((time.monotonic() - started) * 1000, 2)

    async def _serve(self, scope: Scope, channel: tuple[bytes, Receive, Send], entry: Entry) -> None:
        body, receive, send = channel
        step = self.world.plan.next_step(scope["method"], _target(scope))
        delay = self.latency + (step or {}).get("delay_ms", 0) / 1000
        if delay:
            await asyncio.sleep(delay)
        if step is None or step.get("pass") or not step.keys() - {"delay_ms"}:
            await self.app(scope, replayed(body), _noting(send, entry, self.world))
            return
        entry.fault = str(step.get("kind", "scripted"))
        if entry.fault in faults.ACTED:
            self._act(entry.fault, scope)
            await self.app(scope, replayed(body), _noting(send, entry, self.world))
        elif entry.fault in {"hang", "swallowed"}:
            if entry.fault == "swallowed":
                entry.status = (await captured(self.app, scope, body)).status
            await _until_gone(receive, HANG_SECONDS)
            scope[TRANSPORT].close()
        else:
            await self._misbehave(step, scope, (body, receive), entry)

    def _act(self, kind: str, scope: Scope) -> None:
        authority = self.world.authority
        value = bearer(_headers(scope))
        token = authority.tokens.get(value or "")
        if kind == "token_expired" and value is not None:
            authority.expire(value=value)
        elif kind == "token_revoked" and token is not None:
            authority.revoked.add(token.grant)
        scope[faults.FAULT] = kind

    async def _misbehave(
        self, step: dict[str, Any], scope: Scope, channel: tuple[bytes, Receive], entry: Entry
    ) -> None:
        body, receive = channel
        answer = faults.own_answer(step, scope["path"], self.world.clock.now())
        if answer is None:
            answer = faults.mangled(step, await captured(self.app, scope, body))
        if not any(name.lower() == "date" for name, _ in answer.headers):
            answer.headers = [("date", self.world.clock.http_date()), *answer.headers]
        entry.status = answer.status
        await deliver(scope[TRANSPORT], answer, faults.delivery(step, len(answer.body)))
        await _until_gone(receive, HANG_SECONDS)


def _noting(send: Send, entry: Entry, world: World) -> Send:
    async def noting(message: Message) -> None:
        if message["type"] == "http.response.start":
            entry.status = message["status"]
            date = (b"date", world.clock.http_date().encode("latin-1"))
            message["headers"] = [date, *(h for h in message.get("headers", []) if h[0].lower() != b"date")]
        await send(message)

    return noting


async def _read(receive: Receive) -> bytes:
    body: bytes = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return body
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > MAX_BODY:
            return body


async def _until_gone(receive: Receive, seconds: float) -> None:
    """Wait for the other side to leave."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


def _headers(scope: Scope) -> dict[str, str]:
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}


def _target(scope: Scope) -> str:
    query = scope["query_string"].decode("latin-1")
    return f"{scope['path']}?{query}" if query else str(scope["path"])
