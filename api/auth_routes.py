"""Into and out of a session: the routes that set and delete the cookie, and the two scripts that lead to them."""

from datetime import UTC, datetime
from urllib.parse import urlsplit

import anyio.to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from actions import sign_in
from actions.running import StoreUnavailable, running_store
from api.addressed import cookie
from api.sessions import cookie_line, session_cookie_name, visit_cookie_name
from settings import Settings, current

#: The ticket stands in the script's own element; the page asked for is where the browser is.
_ENTER_SCRIPT = """(function () {
  const here = document.currentScript;
  const at = window.location;
  const query = new URLSearchParams(at.search);
  query.delete("setup");
  const rest = query.toString();
  const next = at.pathname + (rest ? "?" + rest : "");
  at.replace("/auth/enter?ticket=" + encodeURIComponent(here.dataset.ticket) + "&next=" + encodeURIComponent(next));
})();
"""
_LEAVE_SCRIPT = """(function () {
  const form = document.createElement("form");
  form.method = "post";
  form.action = "/auth/logout";
  document.body.appendChild(form);
  form.submit();
})();
"""


async def enter(request: Request) -> Response:
    """Exchanges a one-time ticket for the session cookie and goes to the page that was asked for."""
    settings = current()
    ticket = request.query_params.get("ticket", "")[:200]
    if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return PlainTextResponse("Sign in from Sourceboard's own page.", 403)
    visit = cookie(request.scope, visit_cookie_name(settings))
    address = request.client.host if request.client else ""
    try:
        token = await anyio.to_thread.run_sync(_enter, settings, ticket, visit, address)
    except (StoreUnavailable, SQLAlchemyError):
        return PlainTextResponse("The database cannot be reached. Try again in a moment.", 503, {"Retry-After": "5"})
    answer = RedirectResponse(safe_next(request.query_params.get("next", "/")), 303)
    if token is not None:
        seconds = settings.session_hours * 3600
        line = cookie_line(settings, session_cookie_name(settings), token, seconds=seconds)
        answer.headers.append("set-cookie", line)
    return answer


def _enter(settings: Settings, ticket: str, visit: str, address: str) -> str | None:
    return sign_in.enter(running_store(), settings, ticket, visit=visit, address=address, now=datetime.now(UTC))


async def logout(request: Request) -> Response:
    """Ends the session on the server, deletes the cookie and what the browser has stored, and goes home."""
    settings = current()
    name = session_cookie_name(settings)
    try:
        await anyio.to_thread.run_sync(_leave, settings, cookie(request.scope, name))
    except (StoreUnavailable, SQLAlchemyError):
        return PlainTextResponse("The database cannot be reached. Try again in a moment.", 503, {"Retry-After": "5"})
    answer = RedirectResponse("/", 303, {"Clear-Site-Data": '"cache", "storage"'})
    answer.headers.append("set-cookie", cookie_line(settings, name, "", seconds=0))
    return answer


def _leave(settings: Settings, token: str) -> None:
    if token:
        sign_in.leave(running_store(), settings, token, now=datetime.now(UTC))


def safe_next(wanted: str) -> str:
    """The path and query of a page here; "/" for whatever could lead somewhere else.

    >>> safe_next("/Platforms?period=30d")
    '/Platforms?period=30d'
    >>> [safe_next(trick) for trick in ("//evil.example", "https://evil.example/", "/\\\\evil.example", "/auth/logout")]
    ['/', '/', '/', '/']
    """
    try:
        parsed = urlsplit(wanted)
    except ValueError:
        return "/"
    is_plain = wanted.startswith("/") and not wanted.startswith("//") and "\\" not in wanted and wanted.isprintable()
    if not is_plain or parsed.netloc or parsed.scheme or parsed.path.startswith(("/auth", "/api", "//")):
        return "/"
    return parsed.path + (f"?{parsed.query}" if parsed.query else "")


async def enter_script(_request: Request) -> Response:
    """The script that a signed-in form puts on its page."""
    return Response(_ENTER_SCRIPT, media_type="text/javascript")


async def leave_script(_request: Request) -> Response:
    """The script that "Sign out" puts on its page."""
    return Response(_LEAVE_SCRIPT, media_type="text/javascript")


AUTH_ROUTES = [
    Route("/enter", enter, methods=["GET"]),
    Route("/logout", logout, methods=["POST"]),
    Route("/enter.js", enter_script, methods=["GET"]),
    Route("/leave.js", leave_script, methods=["GET"]),
]
