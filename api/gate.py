"""The gate: every request and socket passes here before Streamlit or a route of ours sees it."""

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.addressed import Names, cookie, header, headers, without
from api.bodies import bounded
from api.plain_pages import lost
from api.problems import problem
from api.sessions import VISIT_HOURS, cookie_line, new_visit, signed_in, visit_cookie_name
from api.sockets import SESSION_HEADER, guard_socket
from domain.addresses import client_address
from settings import Settings

_LOG = structlog.get_logger(__name__)
#: Headers only we may set, or that proxies set and we have read.
_STRIPPED = frozenset({SESSION_HEADER, b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"forwarded"})
_NEVER = frozenset({"TRACE", "CONNECT", "TRACK"})
_NOT_OURS = "This server does not answer to that name. Set PUBLIC_URL to the address visitors use."
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_MOUNTS = ("/api", "/auth", "/health", "/l", "/r", "/track.js", "/metrics")
#: Called by programs and browsers of other sites, each with a check of its own: signature, tracker key.
_OPEN_TO_OTHERS = ("/api/webhooks", "/api/track")
#: Loaded by pages of other sites, and kept by browsers as long as the answer itself says.
_FOR_OTHERS = ("/track.js", "/api/track")
_KEPT = ("/track.js",)
#: Strangers pass here on their way: they get no cookie of ours.
_ON_THE_WAY = ("/l", "/r")
#: Their pages say these themselves, more strictly than the app's.
_OWN_WORDS = frozenset({b"referrer-policy", b"content-security-policy"})
_UPLOADS = "/_stcore/upload_file"
_SIGNED_IN_ONLY = ("/media/", _UPLOADS)
_CLOSED = ("/_stcore/agent",)
#: Streamlit's own: what belongs to a page, the doors below which it says itself what is not there, and the single ones.
_PARTS = ("/_stcore/", "/static/", "/media/", "/component/")
_DOORS = ("/media/", "/component/", "/_stcore/bidi-components/", f"{_UPLOADS}/")
_STCORE = frozenset(f"/_stcore/{name}" for name in ("health", "host-config", "metrics", "script-health-check"))


#: What a browser is shown in place of a page; programs get a line.
_LOST = {404: ("There is nothing here", "The address may be mistyped, or its page is gone.")}
_BROKEN = "That did not work"
#: How an answer without content says so.
_NOTHING = (b"content-length", b"0")


@dataclass(frozen=True)
class House:
    """What the gate knows about the app: its settings, its pages' paths, Streamlit's files, and the headers to send."""

    settings: Settings
    pages: frozenset[str]
    files: frozenset[str]
    headers: tuple[tuple[bytes, bytes], ...]
    #: Applications that take thousands of requests a second, by their path: what stands between the gate and a route
    #: costs them more than they do themselves.
    direct: Mapping[str, ASGIApp] = field(default_factory=dict)

    @cached_property
    def names(self) -> Names:
        """The names this server answers to."""
        return Names(self.settings.public_url)

    @cached_property
    def trusted(self) -> tuple[str, ...]:
        """Addresses and networks of proxies that are believed about their visitors."""
        return tuple(part for part in self.settings.trusted_proxies.replace(",", " ").split() if part)


class Gate:
    """ASGI middleware: addresses, hosts, origins, closed paths, body limits, sessions, and headers on every answer."""

    def __init__(self, app: ASGIApp, house: House) -> None:
        self.app = app
        self.house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Lifespan, socket or request."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] == "http" and (direct := self.direct(scope["path"])):
            await self._serve_directly(direct, scope, receive, send)
            return
        told = cookie(scope, visit_cookie_name(self.house.settings))
        metrics = self._may_read_metrics(scope)
        scope = self._readdressed(scope)
        if scope["type"] == "websocket":
            await guard_socket(self.app, self.house.names, self.house.settings, (scope, receive, send))
            return
        answer = _Answer(self.house, scope, send, has_visit=bool(told))
        with structlog.contextvars.bound_contextvars(request_id=answer.request_id):
            refusal = self._refusal(scope, metrics=metrics) or await self._session_refusal(scope)
            if refusal is not None:
                await answer.refuse(*refusal)
                return
            if _is_below(scope["path"], _OWN_MOUNTS):
                receive = bounded(receive, scope)
            await self._run(self.app, scope, receive, answer)

    async def _run(self, app: ASGIApp, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        try:
            await app(scope, receive, answer.send)
        except Exception:
            if answer.is_started:
                raise
            _LOG.exception("request failed")
            words = f"Something went wrong on our side. The log has more under {answer.request_id}."
            await answer.refuse(500, words)

    def direct(self, path: str) -> ASGIApp | None:
        """The application that wants nothing in between; None for what goes through Streamlit's stack."""
        for mount, app in self.house.direct.items():
            if path.startswith(mount) and (len(path) == len(mount) or path[len(mount)] == "/"):
                return app
        return None

    async def _serve_directly(self, app: ASGIApp, scope: Scope, receive: Receive, send: Send) -> None:
        """Only what an application of programs needs: a name of ours, the sender's address, a bounded body, an id."""
        answer = _Answer(self.house, scope, send, has_visit=True, is_direct=True)
        # Never unbound: the server gives each request a task, and with it a context of its own.
        structlog.contextvars.bind_contextvars(request_id=answer.request_id)
        if scope["method"] in _NEVER:
            await answer.refuse(405, "Method not allowed")
        elif not self.house.names.is_ours(header(scope, b"host")):
            await answer.refuse(400, _NOT_OURS)
        else:
            scope = self._readdressed(scope)
            await self._run(app, scope, bounded(receive, scope), answer)

    def _readdressed(self, scope: Scope) -> Scope:
        """The scope with the visitor's address, and without headers nobody outside may set."""
        peer = scope["client"][0] if scope.get("client") else ""
        address = client_address(peer, headers(scope, b"x-forwarded-for"), self.house.trusted)
        port = scope["client"][1] if scope.get("client") else 0
        return {**scope, "client": (address, port), "headers": without(scope, _STRIPPED)}

    def _may_read_metrics(self, scope: Scope) -> bool:
        """By token from anywhere; without one only from this machine, and not through a proxy on it."""
        token = self.house.settings.metrics_token
        given = header(scope, b"authorization").removeprefix("Bearer ")
        if token and hmac.compare_digest(given.encode(), token.encode()):
            return True
        peer = scope["client"][0] if scope.get("client") else ""
        is_direct = not header(scope, b"x-forwarded-for") and not header(scope, b"forwarded")
        return is_direct and peer in {"127.0.0.1", "::1", "::ffff:127.0.0.1"} and not self.house.settings.public_url

    def _refusal(self, scope: Scope, *, metrics: bool) -> tuple[int, str] | None:
        path, method = scope["path"], scope["method"]
        if method in _NEVER:
            return 405, "Method not allowed"
        host = header(scope, b"host")
        if not self.house.names.is_ours(host) and not _is_below(path, ("/health",)):
            return 400, _NOT_OURS
        is_open = _is_below(path, _OPEN_TO_OTHERS)
        if method not in _SAFE_METHODS and not is_open and self._is_foreign(scope, host):
            return 403, "Requests from other sites are not accepted"
        if _is_below(path, ("/_stcore/metrics", "/metrics")) and not metrics:
            return 404, "Not found"
        return None if self._is_known(path) else (404, "Not found")

    def _is_foreign(self, scope: Scope, host: str) -> bool:
        origin = header(scope, b"origin")
        if origin in self.house.settings.cors_origins and _is_below(scope["path"], ("/api",)):
            return False
        if header(scope, b"sec-fetch-site") == "cross-site":
            return True
        return bool(origin) and not self.house.names.is_own_origin(origin, host)

    def _is_known(self, path: str) -> bool:
        """Streamlit answers unknown paths with its page and 200; we say that there is nothing."""
        if _is_below(path, _CLOSED) or any(part in path for part in ("\\", "..", "\x00")):
            return False
        if path in _ON_THE_WAY or path.startswith("/track.js/"):
            return False
        return (
            path.strip("/") in self.house.pages
            or path in self.house.files
            or path in _STCORE
            or path.startswith(_DOORS)
            or _is_below(path, _OWN_MOUNTS)
        )

    async def _session_refusal(self, scope: Scope) -> tuple[int, str] | None:
        if not scope["path"].startswith(_SIGNED_IN_ONLY) or scope["method"] == "OPTIONS":
            return None
        found = await signed_in(scope, self.house.settings)
        if found is None:
            return 401, "Sign in first"
        # Files are held in memory, and the one screen that takes any is the admins'.
        is_upload = scope["path"].startswith(_UPLOADS)
        return (403, "Only admins import files") if is_upload and not found.viewer.is_admin else None


class _Answer:
    """The sending side of one request: adds the headers, the request id, and the visit cookie to pages."""

    def __init__(self, house: House, scope: Scope, send: Send, *, has_visit: bool, is_direct: bool = False) -> None:
        self.request_id = secrets.token_hex(8)
        self.is_started = False
        self._house, self._scope, self._send, self._has_visit = house, scope, send, has_visit
        self._is_direct = is_direct
        self._is_lost = False

    async def send(self, message: Message) -> None:
        """Passes a message on, the first one with our headers."""
        if message["type"] == "http.response.start":
            self.is_started = True
            message = {**message, "headers": self._with_ours(list(message.get("headers", [])), message["status"])}
        await self._send(message)

    async def refuse(self, status: int, words: str) -> None:
        """Answers by itself: to programs with a problem document, to browsers with a page, else in plain text."""
        told, body, more = b"text/plain; charset=utf-8", words.encode(), []
        if _is_below(self._scope["path"], ("/api",)):
            told, body = b"application/problem+json", bytes(problem(status, words).body)
        elif status in {404, 500} and self._is_for_a_browser():
            self._is_lost = True
            found = lost(*_LOST.get(status, (_BROKEN, words)), status)
            told, body, more = b"text/html; charset=utf-8", bytes(found.body), found.raw_headers
        kind = [(b"content-type", told), (b"content-length", str(len(body)).encode())]
        kind += [pair for pair in more if pair[0] not in {key for key, _ in kind}]
        await self.send({"type": "http.response.start", "status": status, "headers": kind})
        await self._send({"type": "http.response.body", "body": b"" if self._scope["method"] == "HEAD" else body})

    def _is_for_a_browser(self) -> bool:
        """Whether somebody went to this address: their browser asks for a page, and not for a part of one."""
        is_part = self._scope["path"].startswith(_PARTS) or _is_below(self._scope["path"], _FOR_OTHERS)
        return "text/html" in header(self._scope, b"accept") and not is_part

    def _with_ours(self, given: list[tuple[bytes, bytes]], status: int) -> list[tuple[bytes, bytes]]:
        if self._is_direct and (status == 204 or _NOTHING in given):
            # An acknowledgement to a program: there is nothing that a browser could show or run.
            return [*given, (b"x-request-id", self.request_id.encode())]
        kind = next((value for key, value in given if key.lower() == b"content-type"), b"")
        is_page = kind.startswith(b"text/html")
        ours = [*self._house.headers, (b"x-request-id", self.request_id.encode())]
        path = self._scope["path"]
        is_own = _is_below(path, _OWN_MOUNTS) and not _is_below(path, _KEPT)
        is_private = is_page or is_own or path.startswith(_SIGNED_IN_ONLY)
        if _is_below(path, _FOR_OTHERS):
            ours = [pair for pair in ours if pair[0] != b"cross-origin-resource-policy"]
        if self._is_lost or _is_below(path, _ON_THE_WAY):
            theirs = {key.lower() for key, _ in given} & _OWN_WORDS
            ours = [pair for pair in ours if pair[0] not in theirs]
        set_by_us = {key for key, _ in ours} | {b"server"}
        if is_private and not any(key.lower() == b"cache-control" and b"no-store" in value for key, value in given):
            ours.append((b"cache-control", b"no-store"))
            set_by_us.add(b"cache-control")
        if is_page and not self._has_visit and not self._is_lost and not _is_below(path, _ON_THE_WAY):
            settings = self._house.settings
            line = cookie_line(settings, visit_cookie_name(settings), new_visit(), seconds=VISIT_HOURS * 3600)
            ours.append((b"set-cookie", line.encode()))
        return [(key, value) for key, value in given if key.lower() not in set_by_us] + ours


def _is_below(path: str, roots: tuple[str, ...]) -> bool:
    return any(path == root or path.startswith(root + "/") for root in roots)
