"""The page's WebSocket: who may open it, whose session it is, and whether it still is at every message."""

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.addressed import Names, cookie, header
from api.sessions import signed_in, visit_cookie_name
from settings import Settings

_LOG = structlog.get_logger(__name__)
_STREAM = "/_stcore/stream"
_POLICY_VIOLATION = 1008
#: Streamlit keeps the value of this header as the identity of a page session (`server.trustedUserHeaders`) and lets
#: nobody with another identity take the session up again by its id. Only we set it; what clients send is removed.
SESSION_HEADER = b"x-sourceboard-session"


async def guard_socket(app: ASGIApp, names: Names, settings: Settings, asgi: tuple[Scope, Receive, Send]) -> None:
    """Refuses sockets of other names and origins (403), and closes one whose session ended, at its next message."""
    scope, receive, send = asgi
    host, origin = header(scope, b"host"), header(scope, b"origin")
    is_foreign = bool(origin) and not names.is_own_origin(origin, host)
    if scope["path"] != _STREAM or not names.is_ours(host) or is_foreign:
        _LOG.warning("socket refused", host=host, origin=origin)
        await receive()
        await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
        return
    identity = await _identity(scope, settings)
    scope = {**scope, "headers": [*scope["headers"], (SESSION_HEADER, identity.encode("latin-1", "replace"))]}
    is_closed = False

    async def checked_receive() -> Message:
        nonlocal is_closed
        message = await receive()
        if message["type"] == "websocket.receive" and await _identity(scope, settings) != identity:
            is_closed = True
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return {"type": "websocket.disconnect", "code": _POLICY_VIOLATION}
        return message

    async def open_send(message: Message) -> None:
        if not is_closed:
            await send(message)

    await app(scope, checked_receive, open_send)


async def _identity(scope: Scope, settings: Settings) -> str:
    """Whose page session this is: the signed-in session and role, or the anonymous browser."""
    found = await signed_in(scope, settings)
    if found is not None:
        return f"{found.token_hash}:{found.viewer.role}"
    return f"anonymous:{cookie(scope, visit_cookie_name(settings))}"
