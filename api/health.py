"""Is the process alive, and can it serve?"""

import anyio.to_thread
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from actions.running import StoreUnavailable, has_room, running_store


async def live(_request: Request) -> Response:
    """200 while the event loop turns."""
    return JSONResponse({"status": "live"})


async def ready(_request: Request) -> Response:
    """200 when the database answers and its disk has room, else 503 with what is missing."""
    database = await anyio.to_thread.run_sync(_database_state)
    is_ready = database == "ok"
    body = {"status": "ready" if is_ready else "not ready", "database": database}
    return JSONResponse(body, 200 if is_ready else 503, None if is_ready else {"Retry-After": "5"})


def _database_state() -> str:
    try:
        with running_store().reading() as session:
            session.connection().execute(text("SELECT 1"))
    except (StoreUnavailable, SQLAlchemyError):
        return "unreachable"
    return "ok" if has_room() else "disk full"


HEALTH_ROUTES = [Route("/live", live), Route("/ready", ready)]
