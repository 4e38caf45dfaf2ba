"""Who asks the API, and how often they may."""

import threading
import time
from dataclasses import dataclass, field

import anyio.to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request

from actions.running import running_store
from actions.tokens import Bearer, find_bearer
from actions.viewer import Viewer
from api.sessions import signed_in
from settings import current
from store.tables.columns import utc_now

REQUESTS_PER_MINUTE = 60
_TOKEN_PARAMETERS = frozenset({"token", "access_token", "accessToken", "api_key", "apikey", "key"})


@dataclass(slots=True)
class Meter:
    """Counts requests a key made in its current minute. In memory: each process has its own."""

    limit: int = REQUESTS_PER_MINUTE
    most_keys: int = 10_000
    _counts: dict[str, tuple[float, int]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, key: str, now: float) -> tuple[int, int]:
        """Notes a request; returns how many are left (-1: refused) and the seconds until the count starts again.

        >>> meter = Meter(limit=2)
        >>> [meter.take("a", 10.0), meter.take("a", 11.0), meter.take("a", 12.0), meter.take("a", 70.0)]
        [(1, 60), (0, 59), (-1, 58), (1, 60)]
        """
        with self._lock:
            start, count = self._counts.get(key, (now, 0))
            if now - start >= 60:
                start, count = now, 0
            if len(self._counts) >= self.most_keys:
                self._counts = {name: kept for name, kept in self._counts.items() if now - kept[0] < 60}
            if len(self._counts) < self.most_keys or key in self._counts:
                self._counts[key] = (start, count + 1)
            return max(-1, self.limit - count - 1), max(1, round(start + 60 - now))


_METER = Meter()


async def require_viewer(request: Request) -> Viewer:
    """Who asks: a bearer token, or for reading the signed-in browser. Raises 400, 401 or 429 with the reason.

    The limits are put into `request.state.limits` for the answer's headers.
    """
    if _TOKEN_PARAMETERS & set(request.query_params):
        raise HTTPException(400, "Send the token in the Authorization header, not in the address.")
    bearer = await _find(request)
    if bearer is None:
        raise HTTPException(
            401, "Sign in, or send a bearer token from /api/auth/token.", {"WWW-Authenticate": "Bearer"}
        )
    left, seconds = _METER.take(bearer.token_hash, time.monotonic())
    limits = {
        "RateLimit-Limit": str(REQUESTS_PER_MINUTE),
        "RateLimit-Remaining": str(max(0, left)),
        "RateLimit-Reset": str(seconds),
    }
    if left < 0:
        raise HTTPException(429, "Too many requests in this minute.", {**limits, "Retry-After": str(seconds)})
    request.state.limits = limits
    return bearer.viewer


async def _find(request: Request) -> Bearer | None:
    given = request.headers.getlist("authorization")
    if given:
        scheme, _, token = given[0].partition(" ")
        if len(given) > 1 or scheme.lower() != "bearer":
            return None
        return await anyio.to_thread.run_sync(lambda: find_bearer(running_store(), token.strip(), now=utc_now()))
    if request.method not in {"GET", "HEAD"}:
        return None
    session = await signed_in(request.scope, current())
    return Bearer(session.viewer, session.token_hash) if session else None
