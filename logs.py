"""Structured logs: constant messages, facts as fields, secrets and addresses redacted before anything is written."""

import logging
import re
import sys
import threading
from collections.abc import MutableMapping
from ipaddress import ip_address
from typing import Any

import structlog

from domain.addresses import plain_address, truncate_address

HIDDEN = "[redacted]"
_SECRET_NAMES = re.compile(
    r"(?i)(pass(word|phrase)?|secret|token|authorization|cookie|api_?key|private_?key|credential|ticket|client_assertion"
    r"|refresh|bearer|signature)"
)
_SECRET_VALUES = (
    re.compile(r"(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{8,}"),
    re.compile(r"\bsb_[A-Za-z0-9_-]{16,}"),
    re.compile(r"\bv1\.[\w-]+\.[\w-]{16}\.[\w-]{16,}"),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.S),
    re.compile(r"\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*"),
    re.compile(r"\bya29\.[\w-]{8,}"),
    re.compile(
        r"(?i)(?:(?<=[?&\s\"'])|^)(access_token|refresh_token|client_secret|password|api_?key|token|ticket|setup|code|assertion)"
        r"(=|\"\s*:\s*\")[^&\s\"']+"
    ),
    re.compile(r"(?<=://)[^/@\s:]*:[^/@\s]+(?=@)"),
)
_V4 = r"\d{1,3}(?:\.\d{1,3}){3}"
#: IPv6 may end in an IPv4 address: so a socket for both versions spells its IPv4 visitors.
_ADDRESSES = re.compile(rf"(?<![\w.:])(?:{_V4}|(?:[0-9a-fA-F]{{0,4}}:){{2,7}}(?:{_V4}|[0-9a-fA-F]{{0,4}}))(?![\w.])")
#: Hidden plaintexts beyond this are forgotten, the oldest first: access tokens are replaced every hour.
MOST_HIDDEN = 1_000
_hiding = threading.Lock()
_hidden: dict[str, None] = {}
_longest_first: tuple[str, ...] = ()


def hide(*secrets: str) -> None:
    """Registers plaintexts that must never be written; short ones would blot out ordinary words and are left out."""
    global _longest_first
    with _hiding:
        for secret in secrets:
            if len(secret) >= 8:
                _hidden.pop(secret, None)
                _hidden[secret] = None
        while len(_hidden) > MOST_HIDDEN:
            del _hidden[next(iter(_hidden))]
        _longest_first = tuple(sorted(_hidden, key=len, reverse=True))


def redact(words: str) -> str:
    """`words` without secrets and without the last part of addresses.

    >>> redact("GET /x?access_token=abc123def with Bearer abcdefgh12345")
    'GET /x?[redacted] with [redacted]'
    >>> redact("from 203.0.113.77 and 127.0.0.1")
    'from 203.0.113.0/24 and 127.0.0.1'
    """
    for secret in _longest_first:
        words = words.replace(secret, HIDDEN)
    for pattern in _SECRET_VALUES:
        words = pattern.sub(HIDDEN, words)
    return _ADDRESSES.sub(_shorten, words)


def _shorten(match: re.Match[str]) -> str:
    found = plain_address(match.group())
    try:
        return found if ip_address(found).is_loopback or ip_address(found).is_unspecified else truncate_address(found)
    except ValueError:
        return found


def _clean(value: Any, name: str = "") -> Any:
    if name and _SECRET_NAMES.search(name) and value not in ("", None, True, False):
        return HIDDEN
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {key: _clean(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [_clean(item) for item in value]
    return value if isinstance(value, (int, float, bool, type(None))) else redact(str(value))


def redact_event(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """structlog processor: no secret leaves, by key name, by pattern, or because it was registered."""
    return {key: _clean(value, "" if key in {"event", "exception"} else key) for key, value in event.items()}


def configure(level: str, *, plain: bool | None = None) -> None:
    """Sends our logs and those of the libraries through the redaction to stderr: JSON, or plain on a terminal."""
    is_plain = sys.stderr.isatty() if plain is None else plain
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.format_exc_info,
    ]
    renderer: Any = structlog.dev.ConsoleRenderer(colors=False) if is_plain else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, redact_event, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name in ("uvicorn", "uvicorn.error", "uvicorn.asgi", "streamlit"):
        library = logging.getLogger(name)
        library.handlers.clear()
        library.propagate = True
    # Its lines hold whole addresses and queries, tickets among them.
    logging.getLogger("uvicorn.access").disabled = True
    # Requests to platforms are logged by us, without their addresses' queries.
    for name in ("httpx", "httpcore", "apscheduler", "urllib3", "asyncio", "watchdog", "PIL", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
