"""The two cookies: `visit` ties a sign-in ticket to one browser, `session` is the signed-in browser."""

import secrets
from datetime import UTC, datetime

import anyio.to_thread
from sqlalchemy.exc import SQLAlchemyError
from starlette.types import Scope

from actions.running import StoreUnavailable, running_store
from actions.sign_in import SignedIn, find_signed_in
from api.addressed import cookie
from settings import Settings

VISIT_HOURS = 12


def session_cookie_name(settings: Settings) -> str:
    """`__Host-` binds the cookie to this host, and browsers accept it by https only."""
    return "__Host-sourceboard" if settings.is_https else "sourceboard"


def visit_cookie_name(settings: Settings) -> str:
    """The name of the cookie that every visitor gets."""
    return "__Host-sourceboard-visit" if settings.is_https else "sourceboard-visit"


def cookie_line(settings: Settings, name: str, value: str, *, seconds: int) -> str:
    """A Set-Cookie value: for this host only, unreadable by scripts, not sent from other sites' forms."""
    secure = "; Secure" if settings.is_https else ""
    return f"{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"


def new_visit() -> str:
    """A random value for the visit cookie."""
    return secrets.token_urlsafe(24)


async def signed_in(scope: Scope, settings: Settings) -> SignedIn | None:
    """The live session whose cookie a request carries; None for nobody, and while the database is away."""
    token = cookie(scope, session_cookie_name(settings))
    if not token:
        return None
    try:
        return await anyio.to_thread.run_sync(_find, settings, token)
    except (StoreUnavailable, SQLAlchemyError):
        return None


def _find(settings: Settings, token: str) -> SignedIn | None:
    return find_signed_in(running_store(), settings, token, now=datetime.now(UTC))
