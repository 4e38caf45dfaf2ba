"""To a platform's consent page and back: both routes only lead on, what they find waits for the Platforms page."""

from collections.abc import Callable
from datetime import UTC, datetime
from urllib.parse import urlencode

import anyio.to_thread
import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from actions import grants
from actions.running import StoreUnavailable, running_store
from actions.viewer import NotAllowed, NotFound, Viewer
from api.sessions import signed_in
from settings import current

_CONNECT_SCRIPT = """(function () {
  const state = document.currentScript.dataset.state;
  window.location.assign("/auth/connect?state=" + encodeURIComponent(state));
})();
"""
_LONGEST = 4000
_LOG = structlog.get_logger(__name__)


async def connect(request: Request) -> Response:
    """Sends an admin to the consent page that they have just asked for."""
    state = request.query_params.get("state", "")[:200]

    def find(viewer: Viewer) -> Response:
        address = grants.consent_address(running_store(), viewer, state, now=datetime.now(UTC))
        return RedirectResponse(address, 303, {"Referrer-Policy": "no-referrer"})

    return await _answered(request, find)


async def callback(request: Request) -> Response:
    """Takes the code that a platform sends somebody back with, and goes on to the form."""
    query = {name: value[:_LONGEST] for name, value in request.query_params.items()}
    state = query.get("state", "")[:200]

    def take(viewer: Viewer) -> Response:
        grants.take_back(running_store(), current(), viewer, state, query, now=datetime.now(UTC))
        return RedirectResponse(f"/Platforms?{urlencode({'grant': state})}", 303)

    return await _answered(request, take)


async def _answered(request: Request, do: Callable[[Viewer], Response]) -> Response:
    found = await signed_in(request.scope, current())
    if found is None:
        return PlainTextResponse("Sign in to Sourceboard in this browser, then start again from Platforms.", 401)
    try:
        return await anyio.to_thread.run_sync(do, found.viewer)
    except NotAllowed as error:
        return PlainTextResponse(str(error), 403)
    except NotFound as error:
        return PlainTextResponse(str(error), 404)
    except (StoreUnavailable, SQLAlchemyError):
        _LOG.warning("grant not stored")
        return PlainTextResponse("The database cannot be reached. Try again in a moment.", 503, {"Retry-After": "5"})


async def connect_script(_request: Request) -> Response:
    """The script that a form puts on its page when its button to the platform was pressed."""
    return Response(_CONNECT_SCRIPT, media_type="text/javascript")


OAUTH_ROUTES = [
    Route("/connect", connect, methods=["GET"]),
    Route(grants.CALLBACK.removeprefix("/auth"), callback, methods=["GET"]),
    Route("/connect.js", connect_script, methods=["GET"]),
]
