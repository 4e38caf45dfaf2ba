"""The application under /api: its routes, and its errors as problem documents."""

from starlette.applications import Starlette

from api.analytics import ANALYTICS
from api.endpoints import Endpoint
from api.problems import HANDLERS
from api.syncs import SYNCS
from api.tokens import TOKENS

ENDPOINTS: tuple[Endpoint, ...] = (*ANALYTICS, *SYNCS, *TOKENS)


def api() -> Starlette:
    """The sub-application mounted at /api."""
    return Starlette(routes=[endpoint.route() for endpoint in ENDPOINTS], exception_handlers=HANDLERS)
