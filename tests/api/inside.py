"""The API served over HTTP from this process, beside a store of the test's own."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import httpx
import pytest
import uvicorn
from sqlmodel import col, select
from starlette.applications import Starlette
from starlette.routing import Mount

from actions.running import use_store
from actions.tokens import make_key
from actions.viewer import Viewer
from api.app import api
from api.problems import HANDLERS
from domain.access import BY_NAME
from settings import current
from store.opening import Store
from store.tables import User
from tests.people import ADMIN

START_SECONDS = 180.0


def viewer_of(store: Store, email: str) -> Viewer:
    """A user as the one who acts."""
    with store.reading() as session:
        user = session.exec(select(User).where(col(User.email) == email)).one()
    return Viewer(user.id, user.company_id, user.role, user.name, user.email)


def key_of(store: Store, *scopes: str, email: str = ADMIN) -> str:
    """A fresh key made by an admin; with every scope where none is named."""
    return make_key(store, viewer_of(store, email), "test", scopes or tuple(BY_NAME), now=datetime.now(UTC)).key


def speaking(url: str, key: str = "") -> httpx.Client:
    """A client that carries a key."""
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.Client(base_url=url, trust_env=False, timeout=60, headers=headers)


@contextmanager
def serving(store: Store, **environ: str) -> Iterator[str]:
    """The address of the API on `store`, with settings as given; nobody is slowed down."""
    chosen = {"API_REQUESTS_PER_MINUTE": "1000000", **environ}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in chosen.items():
            patch.setenv(name, value)
        current.cache_clear()
        use_store(store)
        app = Starlette(routes=[Mount("/api", app=api(current().cors_origins))], exception_handlers=HANDLERS)
        server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="off", ws="none")
        )
        thread = threading.Thread(target=server.run, name="api", daemon=True)
        thread.start()
        try:
            deadline = time.monotonic() + START_SECONDS
            while not server.started and time.monotonic() < deadline:
                time.sleep(0.01)
            assert server.started
            yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(START_SECONDS)
            use_store(None)
    current.cache_clear()
