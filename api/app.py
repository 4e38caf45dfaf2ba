"""The API under /api: routes, and errors as problem documents (RFC 9457)."""

from starlette.applications import Starlette


def api() -> Starlette:
    """The sub-application mounted at /api."""
    return Starlette(routes=[])
