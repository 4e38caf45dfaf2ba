"""What a platform answered, and the one table from status and body to an error."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import httpx
import msgspec

from connectors.errors import (
    AuthExpired,
    ConfigError,
    ConnectorError,
    RateLimited,
    Rejected,
    SchemaDrift,
    Transient,
)
from connectors.redaction import redact

ShapeT = TypeVar("ShapeT")

#: Longest wait we believe a Retry-After header; a job parked for longer asks again in between.
LONGEST_RETRY_AFTER = timedelta(minutes=15)
#: How long a job rests when a platform keeps saying "slow down" and never says until when.
DEFAULT_REST = timedelta(minutes=5)
_JSON_TYPE = re.compile(r"(?i)^(?:application|text)/(?:[\w.+-]+\+)?json\s*(?:;|$)")
_XML_TYPE = re.compile(r"(?i)^(?:text/xml|application/(?:[\w.+-]+\+)?xml)\s*(?:;|$)")
_CSV_TYPE = re.compile(r"(?i)^(?:text/csv|application/csv|text/plain|application/octet-stream)\s*(?:;|$)")


@dataclass(frozen=True)
class Answer:
    """A response read whole: `body` is decompressed and never shown, `url` is without its query."""

    status: int
    headers: httpx.Headers = field(repr=False)
    body: bytes | bytearray = field(repr=False)
    url: str

    @property
    def is_success(self) -> bool:
        """Whether the status says that it worked."""
        return 200 <= self.status < 300

    @property
    def is_page(self) -> bool:
        """Whether this is a web page, whatever it claims to be."""
        start = bytes(self.body[:256]).lstrip().lower()
        kind = self.headers.get("content-type", "").lower()
        return kind.startswith(("text/html", "application/xhtml")) or start.startswith((b"<!doctype html", b"<html"))

    def decode(self, shape: type[ShapeT]) -> ShapeT:
        """The JSON body as `shape`, nothing coerced, NaN refused. Raises SchemaDrift."""
        try:
            return msgspec.json.decode(self.body, type=shape, strict=True)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            reason = redact(str(error))
        raise SchemaDrift(f"{self.url}: {reason}")

    def peek(self) -> Any:
        """The JSON body of an answer that may be anything; None when it is not JSON."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def text(self) -> str:
        """The body as UTF-8 text, a byte order mark left out. Raises SchemaDrift."""
        try:
            return bytes(self.body).decode("utf-8-sig")
        except UnicodeDecodeError:
            pass
        raise SchemaDrift(f"{self.url}: the text is not UTF-8")


Classify = Callable[[Answer, datetime], ConnectorError | None]


def platform_words(answer: Answer) -> str:
    """What the platform itself says went wrong, redacted; "" where there are no words."""
    if answer.is_page:
        return f"status={answer.status}, a web page"
    told = _message(answer.peek())
    words = f"status={answer.status}" + (f", {told}" if told else "")
    return redact(" ".join(words.split()))[:500]


def _message(body: Any) -> str:
    """The message in the envelopes in use: Google's, RFC 6749's, a plain one, Indeed's."""
    if not isinstance(body, dict):
        return ""
    error = body.get("error")
    if isinstance(error, dict):
        return str(error.get("message", ""))
    if isinstance(error, str):
        return f"{error}: {body.get('error_description', '')}".removesuffix(": ")
    for name in ("message", "description"):
        if isinstance(body.get(name), str):
            return str(body[name])
    meta = body.get("meta")
    errors = meta.get("errors") if isinstance(meta, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else errors
    if isinstance(first, dict):
        return f"{first.get('type', '')}: {first.get('description', '')}".strip(": ")
    return ""


def error_for(answer: Answer, now: datetime) -> ConnectorError | None:
    """The error a status stands for where the connector knows no better; None for success."""
    if answer.is_success:
        return None
    words, status = platform_words(answer), answer.status
    if status == 429:
        return slow_down(answer, now, words)
    if status >= 500:
        seconds = retry_after(answer.headers, now)
        if status == 503 and seconds is not None:
            return slow_down(answer, now, words)
        return Transient(words, cause="server_error")
    if status in {401, 403, 404}:
        return {
            401: AuthExpired(words),
            403: ConfigError(words, cause="no_permission"),
            404: ConfigError(words, cause="account_unknown"),
        }[status]
    if status in {408, 425}:
        return Transient(words, cause="timeout")
    if status < 400:
        return SchemaDrift(f"{words}, sends us elsewhere", cause="not_json")
    return Rejected(words)


def slow_down(answer: Answer, now: datetime, words: str, *, cause: str = "") -> RateLimited:
    """RateLimited by the answer's Retry-After, or unannounced where it has none that makes sense."""
    seconds = retry_after(answer.headers, now)
    if seconds is None:
        return RateLimited(now + DEFAULT_REST, words, cause=cause, announced=False)
    return RateLimited(now + timedelta(seconds=seconds), words, cause=cause)


def retry_after(headers: httpx.Headers, now: datetime) -> float | None:
    """Seconds to wait by the Retry-After header, at most LONGEST_RETRY_AFTER; None when absent or senseless.

    A date is measured against the response's own Date, so that a wrong clock on either side does no harm.
    """
    text = headers.get("retry-after", "").strip()
    longest = LONGEST_RETRY_AFTER.total_seconds()
    if text.isascii() and text.isdecimal():
        return min(float(text[:9]), longest)
    until = _instant(text)
    if until is None:
        return None
    seconds = (until - (_instant(headers.get("date", "")) or now)).total_seconds()
    return min(max(seconds, 0.0), longest)


def _instant(text: str) -> datetime | None:
    """A date in any of HTTP's three forms as a UTC instant."""
    try:
        parsed = parsedate_to_datetime(text)
    except (ValueError, IndexError, OverflowError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)


def check_kind(answer: Answer, accept: str) -> None:
    """Refuse a successful answer of another kind than `accept` ("json", "csv", "xml"; "any" but a web page).

    Raises SchemaDrift.
    """
    kind = answer.headers.get("content-type", "")
    if answer.is_page:
        raise SchemaDrift(f"{answer.url}: a web page", cause="not_json")
    if accept == "any":
        return
    wanted = _CSV_TYPE if accept == "csv" and answer.status == 200 else _JSON_TYPE
    if accept == "xml":
        wanted = _XML_TYPE
    if kind and not wanted.match(kind):
        raise SchemaDrift(f"{answer.url}: content type {kind[:60]!r}")
