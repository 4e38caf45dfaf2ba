"""The application under /api: its routes, and its errors as problem documents."""

from starlette.applications import Starlette

from api.analytics import ANALYTICS_ROUTES
from api.problems import HANDLERS
from api.syncs import SYNC_ROUTES
from api.tokens import TOKEN_ROUTES


def api() -> Starlette:
    """The sub-application mounted at /api."""
    return Starlette(routes=[*TOKEN_ROUTES, *ANALYTICS_ROUTES, *SYNC_ROUTES], exception_handlers=HANDLERS)
