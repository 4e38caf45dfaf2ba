"""Who may address this server: hosts and origins that are ours, and what a request says about itself."""

from collections.abc import Collection
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.types import Scope

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
#: A longer Host header names nobody: names have at most 253 letters.
_LONGEST_KNOWN = 300
_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}


@dataclass(frozen=True, slots=True)
class Names:
    """The names this server answers to. Without PUBLIC_URL: loopback and addresses, which nobody else can name."""

    public_url: str = ""

    def is_ours(self, host: str) -> bool:
        """Whether a Host header names this server."""
        return _is_ours(host, self.public_url) if len(host) <= _LONGEST_KNOWN else False

    def is_own_origin(self, origin: str, host: str) -> bool:
        """Whether an Origin header is a page of ours: the origin addressed, or that of PUBLIC_URL."""
        own = {place for scheme in ("http", "https") if (place := _place(f"{scheme}://{host}"))}
        if self.public_url and (place := _place(self.public_url)):
            own.add(place)
        return _place(origin) in own


@lru_cache(maxsize=512)
def _is_ours(host: str, public_url: str) -> bool:
    try:
        parsed = urlsplit(f"//{host}")
        name, _ = (parsed.hostname or "").rstrip("."), parsed.port
    except ValueError:
        return False
    if not name or parsed.username is not None or parsed.path or parsed.query or parsed.fragment:
        return False
    if name in _LOOPBACK:
        return True
    if public_url:
        return name == (urlsplit(public_url).hostname or "").rstrip(".")
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _place(url: str) -> tuple[str, str, int] | None:
    try:
        parsed = urlsplit(url)
        port = parsed.port or _DEFAULT_PORTS.get(parsed.scheme)
    except ValueError:
        return None
    if parsed.scheme not in {"http", "https"} or not parsed.hostname or port is None:
        return None
    return parsed.scheme, parsed.hostname.rstrip("."), port


def header(scope: Scope, name: bytes) -> str:
    """The first value of a header, "" when absent. Names are lower case."""
    for key, value in scope["headers"]:  # asked of every request, many times: a generator would cost twice as much
        if key == name:
            return str(value, "latin-1")
    return ""


def headers(scope: Scope, name: bytes) -> list[str]:
    """All values of a header, in order."""
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def cookie(scope: Scope, name: str) -> str:
    """The value of a cookie; "" when absent, or when two have that name (one of them is somebody else's)."""
    found = [
        value.strip()
        for line in headers(scope, b"cookie")
        for key, separator, value in (part.strip().partition("=") for part in line.split(";"))
        if separator and key == name
    ]
    return found[0] if len(found) == 1 else ""


def without(scope: Scope, names: Collection[bytes]) -> list[tuple[bytes, bytes]]:
    """The headers, those called `names` left out."""
    return [pair for pair in scope["headers"] if pair[0] not in names]
