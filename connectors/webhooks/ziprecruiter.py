"""ZipRecruiter's Apply Webhook.

The signature is optional at ZipRecruiter and required here: base64 of HMAC-SHA256 over "<timestamp>.<raw body>". The
timestamp is signed as written and may be unix seconds or ISO.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from connectors.webhooks.contract import (
    LARGE,
    Delivery,
    Heard,
    HeardApplication,
    HeardTouch,
    Receiver,
    Refused,
    Request,
)
from connectors.webhooks.reading import first_texts, read_object, text, without_private
from connectors.webhooks.signing import digest, from_base64, require_any, require_recent

APPLY = "apply"
_KEPT = ("response_id", "zr_application_id", "job_id", "name", "first_name", "last_name", "email")


class ZipRecruiterReceiver(Receiver):
    """Applications that people send at ZipRecruiter."""

    platform: ClassVar[str] = "ziprecruiter"
    label: ClassVar[str] = "ZipRecruiter Apply Webhook"
    key_label: ClassVar[str] = "Webhook signing secret"
    advice: ClassVar[str] = "Give your ZipRecruiter contact this address, and ask them to switch signing on."
    steps: ClassVar[tuple[str, ...]] = (
        "Send this address to your ZipRecruiter contact: there is no API and no page for it.",
        "Ask them to switch signing on, and for the signing secret.",
        "Save that secret here.",
    )
    max_bytes: ClassVar[int] = LARGE
    signature: ClassVar[str] = (
        "X-ZipRecruiter-Signature: base64 of HMAC-SHA256 over timestamp, full stop, body; "
        "X-ZipRecruiter-Signature-Timestamp within five minutes"
    )

    def verify(self, request: Request, secrets: Sequence[str]) -> None:
        """Signature first: a time that nobody signed means nothing."""
        stamp = request.headers.get("x-ziprecruiter-signature-timestamp")
        given = from_base64(request.headers.get("x-ziprecruiter-signature"))
        message = (stamp or "").encode() + b"." + request.body
        require_any(given, [digest("sha256", one, message) for one in secrets])
        require_recent(stamp, request.now)

    def read(self, request: Request) -> Delivery:
        """By `response_id`, else `zr_application_id`."""
        told = read_object(request.body)
        ref = text(told, "response_id") or text(told, "zr_application_id")
        if not ref:
            raise Refused(400, "not_understood", "An application needs its response_id.")
        if not text(told, "job_id") and not text(told, "email"):
            return Delivery(ref, "unknown", without_private(told))
        return Delivery(ref, APPLY, {name: text(told, name) for name in _KEPT})

    def hear(self, kind: str, document: Mapping[str, Any], received_at: datetime) -> Heard:
        """One application, dated by its delivery: ZipRecruiter sends no time."""
        if kind != APPLY:
            return Heard(is_known=False)
        parts = first_texts(text(document, "first_name"), text(document, "last_name"))
        names = first_texts(text(document, "response_id"), text(document, "zr_application_id"))
        heard = HeardApplication(
            stages=(("applied", received_at),),
            refs=tuple(("ziprecruiter", name) for name in names),
            postings=first_texts(text(document, "job_id")),
            name=text(document, "name") or " ".join(parts),
            email=text(document, "email"),
            touches=(HeardTouch("declared", "ziprecruiter", "ZipRecruiter"),),
        )
        return Heard((heard,))
