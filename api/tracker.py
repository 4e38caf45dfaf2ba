"""The career-site tracker: its script, and the events that pages of the company's sites send.

Whoever asks learns nothing from the answer: an unknown key, a page of another site and a crawler get the same 204 as
everybody else. The script is allowed on any page; what counts is decided here.
"""

import re
import time
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import anyio.to_thread
import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from actions.gathering import RETRY_SECONDS, NotStored
from actions.running import StoreUnavailable, running_store
from actions.tracker import Sites, TrackedEvent, keep_event
from actions.visitors import Headers, Visitors
from api.bodies import parse_object
from api.problems import problem
from domain.visits import KINDS, LONGEST_PATH
from settings import current
from store.errors import StoreError
from store.tables.columns import utc_now

SCRIPT_SECONDS = 3600
_FILE = Path(__file__).with_name("track.js")
#: Any page may load the script, and any page's event is taken: which site counts is looked up, not asked of browsers.
_ANYWHERE = {"cross-origin-resource-policy": "cross-origin"}
_COMMENT = re.compile(r"^\s*//.*$", re.MULTILINE)
_BEACONS = {"text/plain", "application/json", ""}

#: The headers of a request by their lower-case name.
Told = dict[bytes, str]
Word = Annotated[str, msgspec.Meta(max_length=200)]


class Beacon(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """What the script sends: key, event, path, referring host, UTM source, medium and campaign, utm_id, posting, and
    what the site calls the application."""

    k: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    e: str
    p: Annotated[str, msgspec.Meta(min_length=1, max_length=4 * LONGEST_PATH)]
    r: Annotated[str, msgspec.Meta(max_length=260)] = ""
    s: Word = ""
    m: Word = ""
    c: Word = ""
    i: Word = ""
    j: Word = ""
    a: Word = ""


@lru_cache(maxsize=1)
def script() -> tuple[bytes, str]:
    """The script without its comments and indentation, and its tag."""
    lines = (line.strip() for line in _COMMENT.sub("", _FILE.read_text("utf-8")).splitlines())
    body = "\n".join(line for line in lines if line).encode()
    return body, f'"{sha256(body).hexdigest()[:16]}"'


async def track_script(request: Request) -> Response:
    """GET /track.js."""
    body, tag = script()
    headers = {"Cache-Control": f"public, max-age={SCRIPT_SECONDS}", "ETag": tag, **_ANYWHERE}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="text/javascript", headers=headers)


class Track:
    """POST /api/track, as a bare ASGI application: it is asked more often than anything else."""

    def __init__(self) -> None:
        self._sites = Sites(running_store)
        self._visitors: Visitors | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers with 204 once the event is on the disk, or with what is wrong with the request."""
        told = {name: value.decode("latin-1") for name, value in scope["headers"]}
        origin = told.get(b"origin", "")
        answer: Response | None
        try:
            answer = await self._answer(scope, receive, told)
        except HTTPException as error:
            answer = problem(error.status_code, error.detail, dict(error.headers or {}))
        except (NotStored, StoreUnavailable, StoreError, TimeoutError):
            answer = problem(503, "The event was not kept. Try again in a moment.", {"Retry-After": str(RETRY_SECONDS)})
        allowed = await self._cors(origin, is_asking=scope["method"] == "OPTIONS")
        if answer is None:
            headers = [(name.encode(), value.encode()) for name, value in allowed.items()]
            await send({"type": "http.response.start", "status": 204, "headers": headers})
            await send({"type": "http.response.body", "body": b""})
            return
        answer.headers.update(allowed)
        await answer(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, told: Told) -> Response | None:
        """What is wrong with the request; None where nothing is: that is 204."""
        if scope["path"] != "/api/track":
            return problem(404, "There is nothing here.")
        if scope["method"] == "OPTIONS":
            return None
        if scope["method"] != "POST":
            return problem(405, "Events are POSTed.", {"Allow": "POST, OPTIONS"})
        if told.get(b"content-type", "").partition(";")[0].strip().lower() not in _BEACONS:
            raise HTTPException(415, "Send JSON, as text/plain or application/json.")
        headers = sender_of(scope, told)
        require_measure(headers.address)
        beacon = _beacon(await _body(receive))
        is_known, site = self._sites.recall(beacon.k)
        if not is_known:
            site = await anyio.to_thread.run_sync(self._sites.find, beacon.k)
        if site is None:
            return None
        now, origin = utc_now(), told.get(b"origin", "")
        visitors = self._visitors = self._visitors or Visitors(running_store, current().maxmind_db)
        if visitors.knows(site.company_id, now):
            visitor = visitors.see(site.company_id, site.key, headers, now=now)
        else:
            visitor = await anyio.to_thread.run_sync(lambda: visitors.see(site.company_id, site.key, headers, now=now))
        foreign = "" if origin in site.origins else origin[:300] or "unknown"
        await keep_event(site, _event(beacon), visitor, now=now, foreign=foreign)
        return None

    async def _cors(self, origin: str, *, is_asking: bool) -> dict[str, str]:
        """What lets pages of the companies' sites read the answer; beacons need none of it."""
        if not origin or len(origin) > 300:
            return _ANYWHERE
        is_heard = self._sites.recall_origin(origin)
        try:
            if is_heard is None:
                is_heard = await anyio.to_thread.run_sync(self._sites.find_origin, origin)
        except (StoreUnavailable, StoreError):
            return _ANYWHERE
        if not is_heard:
            return _ANYWHERE
        allowed = {"access-control-allow-origin": origin, "vary": "Origin"}
        if is_asking:
            allowed |= {
                "access-control-allow-methods": "POST",
                "access-control-allow-headers": "Content-Type",
                "access-control-max-age": "86400",
            }
        return _ANYWHERE | allowed


def sender_of(scope: Scope, told: Told) -> Headers:
    """What a request says about who sends it. DNT and Sec-GPC are a wish not to be followed."""
    purpose = told.get(b"sec-purpose", "") or told.get(b"purpose", "") or told.get(b"x-purpose", "")
    return Headers(
        address=scope["client"][0] if scope.get("client") else "",
        agent=told.get(b"user-agent", "")[:1000],
        purpose=purpose if purpose.lower().startswith(("prefetch", "preview", "prerender")) else "",
        refuses=told.get(b"sec-gpc") == "1" or told.get(b"dnt") == "1",
    )


class _Minute:
    """How much each address sent in this minute of the clock. A dict alone: it is asked thousands of times a second."""

    def __init__(self) -> None:
        self._minute, self._sent = -1, dict[str, int]()

    def count(self, address: str) -> tuple[int, int]:
        """Note one more: how many the address has sent in this minute, and the seconds until the next."""
        now = time.monotonic()
        if int(now // 60) != self._minute:
            self._minute, self._sent = int(now // 60), {}
        self._sent[address] = sent = self._sent.get(address, 0) + 1
        return sent, 60 - int(now % 60)


_MINUTE = _Minute()


def require_measure(address: str) -> None:
    """Raises 429 for an address that sends more than it may."""
    sent, seconds = _MINUTE.count(address)
    if sent > current().track_events_per_minute:
        raise HTTPException(429, "Too many events in this minute.", {"Retry-After": str(seconds)})


async def _body(receive: Receive) -> bytes:
    """The whole body; the gate caps it."""
    parts: list[bytes] = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise HTTPException(400, "The body is not whole.")
        parts.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(parts)


def _beacon(body: bytes) -> Beacon:
    try:
        found = msgspec.convert(parse_object(body), Beacon)
    except msgspec.ValidationError as error:
        raise HTTPException(400, f"This is no event: {str(error)[:200]}") from None
    if found.e not in KINDS:
        raise HTTPException(400, f"The event must be one of {', '.join(KINDS)}.")
    return found


def _event(told: Beacon) -> TrackedEvent:
    return TrackedEvent(told.e, told.p, told.r, told.s, told.m, told.c, told.i, told.j, told.a)


track: Any = Track()
