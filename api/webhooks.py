"""Where platforms deliver: POST /api/webhooks/{platform}/{hook_id}, and GET for their handshakes.

Plain ASGI, below a mount of its own: nothing stands between the gate and the signature. A delivery is answered after
it is committed; a repeat is answered like the first. An unknown address, another company's and one that is shut are
one answer.
"""

import asyncio
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

import anyio.to_thread
import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from actions.gathering import RETRY_SECONDS, NotStored
from actions.running import StoreUnavailable, running_store
from actions.webhooks import Door, find_door, list_addresses, note_refusals, take_in
from api.problems import problem
from api.strangers import Strangers
from connectors.webhooks.contract import Delivery, Receiver, Refused, Request
from connectors.webhooks.registry import find_receiver
from store.errors import StoreError
from store.tables.columns import utc_now

_LOG = structlog.get_logger(__name__)
#: How long a secret that was taken away may still be believed.
DOOR_SECONDS = 1.0
_MOST_DOORS = 2_000
#: Refusals are written down this often at most, for each endpoint.
_REFUSAL_SECONDS = 1.0
#: A body larger than this is checked outside the event loop.
_LARGE = 128 * 1024
_LONGEST_NAME = 200


@dataclass(slots=True)
class _Memory:
    """What this process knows of endpoints for a second, and refusals not yet written down."""

    doors: "OrderedDict[tuple[str, str], tuple[float, Door | None]]" = field(default_factory=OrderedDict)
    asking: "dict[tuple[str, str], asyncio.Task[Door | None]]" = field(default_factory=dict)
    refusals: dict[str, list[str]] = field(default_factory=dict)
    tasks: set["asyncio.Task[None]"] = field(default_factory=set)


_MEMORY = _Memory()


async def _addresses() -> frozenset[tuple[str, str]]:
    return await anyio.to_thread.run_sync(list_addresses, running_store())


_STRANGERS = Strangers(_addresses)


async def webhooks(scope: Scope, receive: Receive, send: Send) -> None:
    """The application mounted at /api/webhooks."""
    try:
        status, body, kind = await _answer(scope, receive)
    except _Refusal as error:
        if error.door is not None:
            _note(error.door, error.told.cause)
        wait = {"Retry-After": str(RETRY_SECONDS)} if error.told.status == 503 else None
        await problem(error.told.status, error.told.words, wait)(scope, receive, send)
        return
    except HTTPException as error:
        await problem(error.status_code, error.detail, dict(error.headers or {}))(scope, receive, send)
        return
    except ClientDisconnect:
        return
    except (NotStored, StoreUnavailable, StoreError, SQLAlchemyError, TimeoutError) as error:
        _LOG.warning("a delivery was not stored", reason=type(error).__name__)
        wait = {"Retry-After": str(RETRY_SECONDS)}
        await problem(503, "The delivery cannot be stored now. Send it again.", wait)(scope, receive, send)
        return
    told = [(b"content-length", str(len(body)).encode())]
    if body:
        told.append((b"content-type", kind))
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": body if scope["method"] != "HEAD" else b""})


Reply = tuple[int, bytes, bytes]
_TAKEN: Reply = (200, b"", b"")


class _Refusal(Exception):
    def __init__(self, told: Refused, door: Door | None = None) -> None:
        super().__init__(told.words)
        self.told, self.door = told, door


_NOWHERE = Refused(404, "unknown", "There is nothing at this address.")


async def _answer(scope: Scope, receive: Receive) -> Reply:
    parts = scope["path"].split("/")[3:]
    method = scope["method"]
    receiver = find_receiver(parts[0]) if 2 <= len(parts) <= 3 else None
    if receiver is None or any(len(part) > _LONGEST_NAME or "\x00" in part for part in parts):
        raise _Refusal(_NOWHERE)
    key = parts[2] if len(parts) == 3 else ""
    if key and not receiver.has_key_in_url:
        raise _Refusal(_NOWHERE)
    door = await _find(parts[0], parts[1], scope)
    if door is None:
        raise _Refusal(_NOWHERE)
    if method not in {"POST", "GET", "HEAD"}:
        raise HTTPException(405, "Deliveries are POSTed.", {"Allow": "GET, HEAD, POST"})
    if not door.secrets:
        raise _Refusal(Refused(503, "secret_missing", "This address has no secret yet, so nothing is taken."), door)
    try:
        if method != "POST":
            return _shake(receiver, scope, door)
        return await _deliver(receiver, scope, receive, (door, key))
    except Refused as error:
        raise _Refusal(error, door) from None
    except HTTPException as error:
        causes = {413: "too_large", 408: "too_slow"}
        raise _Refusal(
            Refused(error.status_code, causes.get(error.status_code, "refused"), error.detail), door
        ) from None


async def _deliver(receiver: Receiver, scope: Scope, receive: Receive, at: tuple[Door, str]) -> Reply:
    door, key = at
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    if headers.get("content-encoding", "identity") != "identity":
        raise Refused(415, "encoded", "Send the body as it is, without a content encoding.")
    body = await _body(receive)
    request = Request(headers, body, utc_now(), key)
    if len(body) > _LARGE:
        delivery = await anyio.to_thread.run_sync(_checked, receiver, request, door)
    else:
        delivery = _checked(receiver, request, door)
    fate = await take_in(running_store().vault, door, delivery, body, now=request.now)
    if fate == "conflict":
        _LOG.warning("a delivery came again with another body", platform=door.platform)
    return _TAKEN


def _checked(receiver: Receiver, request: Request, door: Door) -> Delivery:
    receiver.verify(request, door.secrets)
    return receiver.read(request)


def _shake(receiver: Receiver, scope: Scope, door: Door) -> Reply:
    query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True, max_num_fields=20))
    found = receiver.shake(query, door.hook_id, door.secrets[0])
    if found is None:
        raise HTTPException(405, "Deliveries are POSTed.", {"Allow": "POST"})
    body, kind = found
    return 200, body.encode(), kind.encode()


async def _body(receive: Receive) -> bytes:
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return parts[0] if len(parts) == 1 else b"".join(parts)


async def _find(platform: str, hook_id: str, scope: Scope) -> Door | None:
    key = (platform, hook_id)
    known = _MEMORY.doors.get(key)
    if known is not None and known[0] > time.monotonic():
        return known[1]
    if known is None or known[1] is None:
        visitor = scope["client"][0] if scope.get("client") else ""
        if not await _STRANGERS.has(key, visitor):
            return None
    asking = _MEMORY.asking.get(key)
    if asking is None:
        # One asks for all who wait: a second is over for fifty at once.
        asking = asyncio.get_running_loop().create_task(_look(key), name="find door")
        _MEMORY.asking[key] = asking
        asking.add_done_callback(lambda _: _MEMORY.asking.pop(key, None))
    return await asyncio.shield(asking)


async def _look(key: tuple[str, str]) -> Door | None:
    clock = time.monotonic()
    door = await anyio.to_thread.run_sync(find_door, running_store(), *key, utc_now())
    _MEMORY.doors[key] = (clock + DOOR_SECONDS, door)
    _MEMORY.doors.move_to_end(key)
    while len(_MEMORY.doors) > _MOST_DOORS:
        _MEMORY.doors.popitem(last=False)
    return door


def _note(door: Door, cause: str) -> None:
    """Count a refusal; written down with others of the next second, so that a flood of them costs next to nothing."""
    name = str(door.endpoint_id)
    waiting = _MEMORY.refusals.get(name)
    if waiting is not None:
        waiting.append(cause)
        return
    _MEMORY.refusals[name] = [cause]
    task = asyncio.get_running_loop().create_task(_write_down(door), name="refusals")
    _MEMORY.tasks.add(task)
    task.add_done_callback(_MEMORY.tasks.discard)


async def _write_down(door: Door) -> None:
    await asyncio.sleep(_REFUSAL_SECONDS)
    causes = _MEMORY.refusals.pop(str(door.endpoint_id))
    _LOG.warning("deliveries were refused", platform=door.platform, times=len(causes), cause=causes[-1])
    try:
        await note_refusals(door, len(causes), causes[-1], now=utc_now())
    except (NotStored, SQLAlchemyError):
        _LOG.warning("refusals were not counted", times=len(causes))
