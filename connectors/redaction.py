"""Takes secrets out of whatever may be read later: log records, exceptions, the platform's own words."""

import logging
import re
import threading
from collections import Counter
from collections.abc import Iterable

MASK = "[redacted]"
#: Below this length a secret is left alone: replacing "a" everywhere would hide nothing and spoil every text.
_SHORTEST = 4
_NAMES = (
    r"access_token|refresh_token|id_token|client_secret|client_assertion|assertion|private_key|password|secret"
    r"|api[_-]?key|code_verifier|appsecret_proof|token|signature|key"
)
_PATTERNS = (
    re.compile(r"(?i)(\bauthorization\b\W{1,8}(?:bearer|basic|digest)?\s*)[^\s'\",)\]]+"),
    re.compile(r"(?i)(\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{8,}"),
    re.compile(rf"(?i)([?&;\s]|^)((?:{_NAMES})=)[^&\s'\"#]+"),
    re.compile(rf"(?i)([\"'](?:{_NAMES})[\"']\s*:\s*[\"'])[^\"']+"),
    re.compile(r"(?i)(set-cookie\W{1,8})[^\n]+"),
    re.compile(r"(://)[^/\s@\"']+(?=@)"),
    re.compile(r"()-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL),
)
#: Loggers of the libraries below the client; a filter on a parent does not see its children's records.
WIRE_LOGGERS = (
    "httpx",
    "httpcore",
    "httpcore.connection",
    "httpcore.http11",
    "httpcore.http2",
    "httpcore.proxy",
    "httpcore.socks",
)


class _Live:
    """The secrets of the clients now open in this process, counted because several may hold the same one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._longest_first: tuple[str, ...] = ()

    def add(self, secrets: Iterable[str]) -> None:
        with self._lock:
            self._counts.update(secrets)
            self._longest_first = tuple(sorted(self._counts, key=len, reverse=True))

    def remove(self, secrets: Iterable[str]) -> None:
        with self._lock:
            self._counts.subtract(secrets)
            self._counts = +self._counts
            self._longest_first = tuple(sorted(self._counts, key=len, reverse=True))

    def known(self) -> tuple[str, ...]:
        return self._longest_first


_LIVE = _Live()


def spellings(secret: str) -> set[str]:
    """A secret as it may turn up: as it is, inside JSON, and line by line where it is a key in PEM form."""
    lines = {line.strip() for line in secret.splitlines() if len(line.strip()) >= 40 and " " not in line.strip()}
    forms = {secret, secret.strip(), secret.replace("\n", "\\n"), *lines}
    return {form for form in forms if len(form) >= _SHORTEST}


def protect(secrets: Iterable[str]) -> None:
    """Keep these spellings out of every text that passes `redact`, until `release`."""
    _LIVE.add(secrets)


def release(secrets: Iterable[str]) -> None:
    """Undo `protect` once for each spelling."""
    _LIVE.remove(secrets)


def redact(text: str) -> str:
    """The text without known secrets and without anything that stands where a secret usually stands.

    >>> redact("GET /v1?api_key=abcd1234&page=2")
    'GET /v1?api_key=[redacted]&page=2'
    >>> redact("Authorization: Bearer ya29.abcdefgh")
    'Authorization: Bearer [redacted]'
    """
    for secret in _LIVE.known():
        text = text.replace(secret, MASK)
    for pattern in _PATTERNS:
        text = pattern.sub(lambda found: "".join(found.groups()) + MASK, text)
    return text


class _WireFilter(logging.Filter):
    """Rewrites the records of the HTTP libraries, whatever their level."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg = redact(record.getMessage())
        record.args = None
        return True


_FILTER = _WireFilter()


def guard_logs() -> None:
    """Put the filter on the HTTP libraries' loggers. Safe to call again."""
    for name in WIRE_LOGGERS:
        logger = logging.getLogger(name)
        if _FILTER not in logger.filters:
            logger.addFilter(_FILTER)
