"""Signatures over raw bytes, compared in constant time."""

import base64
import binascii
import hmac
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Literal

from connectors.webhooks.contract import Refused

#: How far a signed time may lie from ours, where a platform signs one.
TOLERANCE = timedelta(minutes=5)
Algorithm = Literal["sha1", "sha256"]


def digest(algorithm: Algorithm, secret: str | bytes, message: bytes) -> bytes:
    """HMAC of `message`.

    >>> vector = b"{'locale':'en_US','applicant':{'fullName':'John Doe','email':'john.doe@example.com'}}"
    >>> base64.b64encode(digest("sha1", "Y0ur api secret key not shared &$%@", vector)).decode()
    'SGadPKocf3HD1LYXm3xGObB6hzk='
    """
    key = secret.encode() if isinstance(secret, str) else secret
    return hmac.digest(key, message, algorithm)


def require_any(given: bytes | None, wanted: Iterable[bytes]) -> None:
    """Raises Refused (401) unless `given` is one of `wanted`. All are compared, whichever fits."""
    if given is None:
        raise Refused(401, "unsigned", "The delivery is not signed.")
    fits = False
    for one in wanted:
        fits |= hmac.compare_digest(given, one)
    if not fits:
        raise Refused(401, "signature_wrong", "The signature does not fit these bytes.")


def from_base64(text: str | None) -> bytes | None:
    """Bytes of a signature in base64; b"" where it is none, None where there is none."""
    if text is None:
        return None
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""


def from_hex(text: str | None) -> bytes | None:
    """Bytes of a signature in lower-case hexadecimal; b"" where it is none, None where there is none."""
    if text is None:
        return None
    text = text.strip()
    if len(text) % 2 or not set(text) <= set("0123456789abcdef"):
        return b""
    return bytes.fromhex(text)


def require_challenge(text: str, longest: int) -> None:
    """Raises Refused (400) unless a challenge may be signed: not with what would be a delivery, a JSON object.

    The answer shows its signature to whoever asks, by the same secret that deliveries are signed with.
    """
    if not text or len(text) > longest or "{" in text:
        raise Refused(400, "handshake_wrong", "There is no challenge to answer.")


def behind(text: str | None, prefix: str) -> str | None:
    """What follows a prefix such as "sha256="; "" where another one stands, None where there is nothing."""
    if text is None:
        return None
    return text.removeprefix(prefix) if text.startswith(prefix) else ""


def require_recent(stamp: str | None, now: datetime) -> None:
    """Raises Refused (401) unless a signed time (unix seconds, or ISO with an offset) is within five minutes of now.

    >>> require_recent("1767225600", datetime(2026, 1, 1, 0, 4, tzinfo=UTC))
    >>> require_recent("2026-01-01T00:00:00Z", datetime(2026, 1, 1, 0, 6, tzinfo=UTC))
    Traceback (most recent call last):
    connectors.webhooks.contract.Refused: The delivery was signed too long ago, or in the future.
    """
    at = _instant(stamp)
    if at is None:
        raise Refused(401, "unsigned", "The delivery says no time of signing.")
    if abs(now - at) > TOLERANCE:
        raise Refused(401, "stamp_wrong", "The delivery was signed too long ago, or in the future.")


def _instant(stamp: str | None) -> datetime | None:
    if stamp is None or not stamp.strip():
        return None
    text = stamp.strip()
    try:
        if text.isascii() and text.isdecimal() and len(text) <= 12:
            return datetime.fromtimestamp(int(text), UTC)
        at = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.tzinfo else None
