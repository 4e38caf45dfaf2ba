"""What the app is made of: routes, middleware, and the lifespan that opens the store and starts the clock."""

import asyncio
import gc
import importlib
import logging
import secrets
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio.to_thread
import streamlit
import structlog
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config
from streamlit import logger as streamlit_logger
from streamlit.source_util import page_icon_and_name
from uvicorn import Config
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

import logs
from actions.ports import require_free_port
from actions.running import start_store, stop_store
from actions.users import has_users, make_setup_link
from api.app import api
from api.auth_routes import AUTH_ROUTES
from api.browser_policy import security_headers
from api.gate import Gate, House
from api.health import HEALTH_ROUTES
from api.links import LINK_ROUTES
from api.metrics import metrics
from api.oauth_routes import OAUTH_ROUTES
from api.preloading import Preloading, preload_header
from api.referral_pages import REFERRAL_ROUTES
from api.sockets import SESSION_HEADER
from api.tracker import track, track_script
from api.webhooks import webhooks
from api.wire import careful
from settings import Settings, SettingsError, current
from store.errors import DatabaseUnreachable, DatabaseUnwritable, StartError
from store.opening import Store

ROOT = Path(__file__).parent
SCRIPT = str(ROOT / "Home.py")
#: A busy page thread gives the interpreter back this often (seconds), so that routes are answered meanwhile.
SWITCH_SECONDS = 0.0005
#: New objects that set off a collection beside Streamlit's own; Python's 700 are those of a few requests under way.
NEW_OBJECTS = 10_000
RETRY_SECONDS = 5.0
_LOG = structlog.get_logger(__name__)


def routes() -> list[BaseRoute]:
    """Our routes, all under mounts: an unknown path beside them would be answered with the page."""
    return [
        Mount("/api/webhooks", app=webhooks),
        Route("/api/track", track),
        Mount("/api", app=api(_settings_or_exit().cors_origins)),
        Mount("/auth", routes=[*AUTH_ROUTES, *OAUTH_ROUTES]),
        Mount("/health", routes=HEALTH_ROUTES),
        Route("/metrics", metrics),
        Route("/track.js", track_script),
        # An address with a slash too many is nobody's: sent on, its code would travel by http.
        Mount("/l", app=Router(LINK_ROUTES, redirect_slashes=False)),
        Mount("/r", app=Router(REFERRAL_ROUTES, redirect_slashes=False)),
    ]


def middleware() -> list[Middleware]:
    """The outermost first. Leaves the program with one sentence when a setting cannot be used."""
    settings = _settings_or_exit()
    logs.configure(settings.log_level)
    logs.hide(*settings.secrets)
    _adopt_streamlit_logs()
    # Streamlit compares this identity when a page session is taken up again by its id.
    config.set_option("server.trustedUserHeaders", {SESSION_HEADER.decode(): "session"})
    preload = preload_header(Path(streamlit.__file__).parent / "static")
    return [
        Middleware(Starting),
        Middleware(Gate, house=_house(settings)),
        Middleware(Preloading, settings=settings, value=preload),
    ]


@asynccontextmanager
async def lifespan(_app: streamlit.App) -> AsyncIterator[dict[str, Any]]:
    """Opens the store and starts the jobs; stops both. A database that does not answer is tried again meanwhile."""
    settings = current()
    sys.setswitchinterval(SWITCH_SECONDS)
    parts = _Parts(settings)
    retry: asyncio.Task[None] | None = None
    try:
        await anyio.to_thread.run_sync(parts.open)
    except DatabaseUnreachable as error:
        _LOG.warning("database unreachable, starting without it", reason=str(error))
        retry = asyncio.create_task(parts.keep_trying(), name="open-store")
    threading.Thread(target=_warm, name="warm", daemon=True).start()
    try:
        yield {}
    finally:
        if retry is not None:
            retry.cancel()
        await anyio.to_thread.run_sync(parts.close)


def _warm() -> None:
    """Loads what pages import before the first visitor asks, and leaves it out of garbage collection from then on.

    Streamlit collects after every page run: walking through all that is imported took longer than the run itself.
    """
    import plotly.graph_objects as go

    importlib.import_module("ui.dashboard")
    go.Figure([go.Scatter(), go.Pie(), go.Bar()]).to_json()
    gc.collect()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, 20, 20)


def _adopt_streamlit_logs() -> None:
    """Streamlit gives each of its loggers a handler of its own, which would write past the redaction."""

    def adopt(logger: logging.Logger) -> None:
        logger.handlers.clear()
        logger.propagate = True

    streamlit_logger.setup_formatter = adopt
    streamlit_logger.update_formatter()
    # All it says is that a thread of ours is no page run.
    logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").disabled = True


def note_script_error(error: Exception) -> bool:
    """Logs what a page raised; the visitor sees an id to ask about, and nothing of the inside but a full disk."""
    error_id = secrets.token_hex(4)
    _LOG.error("page failed", exc_info=error, error_id=error_id)
    told = "Something went wrong on our side."
    if isinstance(error, DatabaseUnwritable):
        told = "Nothing was changed: the database cannot be written. Its disk is full, or its rights are wrong."
    streamlit.error(f"{told} The log has more under {error_id}.", icon=":material/error:")
    return True


class _Parts:
    """What runs beside the pages: the store and the clock with its pool of workers."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._clock: Any = None

    def open(self) -> None:
        """Raises StartError."""
        store = start_store(self._settings)
        _tell_setup_link(self._settings, store)
        if self._settings.workers:
            from jobs import clock  # the pool's processes import this module too, and need no clock

            self._clock = clock.start(self._settings, store)

    async def keep_trying(self) -> None:
        """Opens the store as soon as the database answers; any other refusal to start is logged and final."""
        while True:
            await asyncio.sleep(RETRY_SECONDS)
            try:
                await anyio.to_thread.run_sync(self.open)
            except DatabaseUnreachable:
                continue
            except StartError as error:
                _LOG.critical("store refused", reason=str(error))
                return
            _LOG.info("database reached")
            return

    def close(self) -> None:
        """Stops the clock first: its jobs write."""
        if self._clock is not None:
            self._clock.stop()
        stop_store()


class Starting:
    """Under uvicorn, a refusal to start is one sentence, and what uvicorn adds below any app is taken away."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Concerns only the lifespan."""
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)
            return
        server_config = _put_uvicorn_right(receive, self.app)

        async def tell(message: Message) -> None:
            error = sys.exception()
            if message["type"] == "lifespan.startup.failed" and isinstance(error, StartError):
                message = {**message, "message": f"Sourceboard cannot start. {error}"}
            await send(message)

        try:
            if server_config is not None:
                _require_port(server_config)
        except StartError as error:
            await receive()
            await send({"type": "lifespan.startup.failed", "message": f"Sourceboard cannot start. {error}"})
            return
        try:
            await self.app(scope, receive, tell)
        except StartError:
            return


class Front:
    """Lets what goes to programs' applications past Streamlit's stack, which costs as much as they do themselves."""

    def __init__(self, gate: Gate, app: Any) -> None:
        self.gate = gate
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The gate for what it serves directly, the app for everything else."""
        is_direct = scope["type"] == "http" and self.gate.direct(scope["path"]) is not None
        await (self.gate if is_direct else self.app)(scope, receive, send)


def _require_port(server_config: Config) -> None:
    """Under uvicorn's own command the port is taken only after the start: too late not to have made a database.

    Raises StartError. Where a parent process or Streamlit has taken the port already, there is nothing to ask.
    """
    command = Path(sys.argv[0])
    is_own_command = "uvicorn" in {command.stem, command.parent.name}
    is_ours_to_take = server_config.workers == 1 and not server_config.should_reload
    if is_own_command and is_ours_to_take and server_config.fd is None and server_config.uds is None:
        require_free_port(server_config.port, host=server_config.host, variable="--port")


def _put_uvicorn_right(receive: Receive, gate: ASGIApp) -> Config | None:
    """No Server header, no belief in X-Forwarded-For from loopback (TRUSTED_PROXIES says whom to believe), no delay,
    and programs' requests straight to the gate.

    All is done below the app; uvicorn's configuration can be reached from an app only through this receive.
    """
    server_config = getattr(getattr(receive, "__self__", None), "config", None)
    if not isinstance(server_config, Config):
        return None
    # Started by uvicorn, Streamlit does not know the port that the set-up link names.
    config.set_option("server.port", server_config.port)
    server_config.encoded_headers = [pair for pair in server_config.encoded_headers if pair[0] != b"server"]
    if isinstance(server_config.loaded_app, ProxyHeadersMiddleware):
        server_config.loaded_app = server_config.loaded_app.app
    if isinstance(gate, Gate):
        server_config.loaded_app = Front(gate, server_config.loaded_app)
    server_config.http_protocol_class = careful(server_config.http_protocol_class)
    return server_config


def _settings_or_exit() -> Settings:
    try:
        return current()
    except SettingsError as error:
        raise SystemExit(f"Sourceboard cannot start. {error}") from None


def _house(settings: Settings) -> House:
    static = Path(streamlit.__file__).parent / "static"
    pages = {page_icon_and_name(page)[1] for page in (ROOT / "pages").glob("*.py")}
    return House(
        settings=settings,
        pages=frozenset({"", *pages}),
        files=frozenset(f"/{file.relative_to(static).as_posix()}" for file in static.rglob("*") if file.is_file()),
        headers=tuple(security_headers((static / "index.html").read_text("utf-8"), is_https=settings.is_https)),
        direct={"/api/webhooks": webhooks, "/api/track": track},
    )


def _tell_setup_link(settings: Settings, store: Store) -> None:
    """Prints the one-time link while nobody can sign in. It is not logged: logs are kept and sent around."""
    if has_users(store):
        return
    base = settings.public_url.rstrip("/") or f"http://localhost:{config.get_option('server.port')}"
    link = f"{base}/?setup={make_setup_link(store, now=datetime.now(UTC))}"
    sys.stderr.write(f"\nSourceboard is not set up yet. Open this link within 24 hours:\n\n  {link}\n\n")
    sys.stderr.flush()
