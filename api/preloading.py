"""Tells the browser with the dashboard's page which modules it will need, so that it has them ready for the charts."""

from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.addressed import cookie
from api.sessions import session_cookie_name
from settings import Settings

#: Streamlit's elements on the dashboard, the largest first; a name that a later release drops is left out.
_ELEMENTS = ("PlotlyChart", "withFullScreenWrapper", "Multiselect", "ButtonGroup", "Checkbox", "Button", "PageLink")


def preload_header(static: Path) -> bytes:
    """The Link header's value for the modules found below Streamlit's folder of static files; empty for none."""
    found = (next(iter(sorted((static / "static" / "js").glob(f"{name}.*.js"))), None) for name in _ELEMENTS)
    return ", ".join(f"<./static/js/{file.name}>; rel=modulepreload" for file in found if file is not None).encode()


class Preloading:
    """ASGI middleware: the Link header on the dashboard's page. Only for who brings a session: others get a form."""

    def __init__(self, app: ASGIApp, settings: Settings, value: bytes) -> None:
        self.app = app
        self._cookie, self._value = session_cookie_name(settings), value

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes everything on; only the page at the root is changed."""
        is_page = scope["type"] == "http" and scope["path"] == "/" and self._value and cookie(scope, self._cookie)

        async def linked(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] == 200:
                message = {**message, "headers": [*message.get("headers", []), (b"link", self._value)]}
            await send(message)

        await self.app(scope, receive, linked if is_page else send)
