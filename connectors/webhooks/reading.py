"""Reading deliveries: strict JSON, small texts, believable times, and none of what we must not keep."""

import hashlib
import re
from codecs import BOM_UTF8
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.webhooks.contract import Refused
from domain.strict_json import strict_decoder
from domain.text import clean_text

MOST_DEEP = 40
#: What a number may have for digits; nothing that platforms send has more.
_DIGITS = 40
_BRACKETS = re.compile(rb"[\[\]{}]")
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
#: Names under which platforms send what is nobody's business here, in lower case and without marks.
_PRIVATE = re.compile(
    r"resume|^cv$|coverletter|attachment|file|phone|mobile|^ip$|ipaddress|useragent|address|postal|zipcode"
    r"|birth|gender|^data$.*base64|answers?$|questions|profile|comment|message|^from$",
    re.IGNORECASE,
)
_LONGEST_TEXT = 1_000


def read_object(body: bytes) -> dict[str, Any]:
    """A JSON object without repeated keys, NaN, infinities or deep nesting. Raises Refused (400)."""
    if body.count(b"{") + body.count(b"[") > MOST_DEEP:
        _require_shallow(body)
    try:
        # Few bring a byte order mark, and the codec that takes it off is slow.
        parsed = _DECODER.decode(body.decode("utf-8-sig" if body.startswith(BOM_UTF8) else "utf-8"))
    except (ValueError, RecursionError) as error:
        raise Refused(400, "not_json", "The body is not JSON that can be used.") from error
    if not isinstance(parsed, dict):
        raise Refused(400, "not_json", "The body must be a JSON object.")
    return parsed


def _require_shallow(body: bytes) -> None:
    depth = 0
    for found in _BRACKETS.finditer(body):
        depth += 1 if found[0] in b"[{" else -1
        if depth > MOST_DEEP:
            raise Refused(400, "too_deep", "The body is nested too deep.")


def _short_integer(text: str) -> int:
    if len(text) > _DIGITS:
        raise ValueError("a number is too long")
    return int(text)


_DECODER = strict_decoder(parse_int=_short_integer)


def body_ref(body: bytes) -> str:
    """The name of a delivery that has none: its bytes' digest."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def text(document: Mapping[str, Any], *path: str) -> str:
    """The text (or whole number) at a path, as a database takes it; "" where there is none, or something else."""
    found: Any = document  # a dict: the check for any Mapping costs more than the look-up
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if isinstance(found, bool) or not isinstance(found, str | int):
        return ""
    told = str(found)
    # Most texts are plain, and to see that costs least.
    return told.strip()[:_LONGEST_TEXT] if told.isprintable() else clean_text(told, _LONGEST_TEXT)


def first_texts(*texts: str) -> tuple[str, ...]:
    """Those that say something, each once."""
    return tuple(dict.fromkeys(one for one in texts if one))


def instant_of(told: Any, otherwise: datetime) -> datetime:
    """A believable UTC instant: unix milliseconds or seconds, or ISO with an offset; `otherwise` where nothing is told.

    Raises ValueError for a time before 2000 or more than a day after `otherwise`, which is when we heard of it.

    >>> heard = datetime(2026, 1, 2, tzinfo=UTC)
    >>> instant_of(1767225600000, heard).isoformat(), instant_of("2026-01-01T01:00:00+01:00", heard).isoformat()
    ('2026-01-01T00:00:00+00:00', '2026-01-01T00:00:00+00:00')
    >>> instant_of(2**63, heard)
    Traceback (most recent call last):
    ValueError: the time is not believable
    """
    if told is None or told == "":
        return otherwise
    try:
        if isinstance(told, int | float) and not isinstance(told, bool):
            at = datetime.fromtimestamp(told / 1000 if abs(told) > 10**11 else told, UTC)
        else:
            at = datetime.fromisoformat(str(told))
    except (ValueError, OverflowError, OSError):
        raise ValueError("the time is not believable") from None
    if at.tzinfo is None or not _EARLIEST <= at <= otherwise + timedelta(days=1):
        raise ValueError("the time is not believable")
    return at.astimezone(UTC)


def without_private(document: Any, depth: int = 0) -> Any:
    """A document without what looks like a person's belongings, and without long texts: for kinds we do not know."""
    if isinstance(document, Mapping):
        return {
            str(name)[:100]: without_private(value, depth + 1)
            for name, value in list(document.items())[:100]
            if not _PRIVATE.search(str(name).replace("_", "").replace("-", ""))
        }
    if isinstance(document, list):
        return [without_private(value, depth + 1) for value in document[:50]]
    if isinstance(document, str):
        return document[:200]
    return document
