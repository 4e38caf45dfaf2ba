"""Indeed's deliveries: Indeed Apply (applications) and partner events as CloudEvents.

docs-plus.indeed.com/indeed-apply/message-signature-generation: X-Indeed-Signature is base64 of HMAC-SHA1 over the raw
body. The partner events' algorithm is not published: the same header with SHA-1 or SHA-256 is taken.
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
from connectors.webhooks.reading import first_texts, instant_of, read_object, text, without_private
from connectors.webhooks.signing import Algorithm, digest, from_base64, require_any

_SHA256_BYTES = 32
APPLY, LIFECYCLE = "apply", "com.indeed.partner.jobs.lifecycle_event.v1"


class IndeedReceiver(Receiver):
    """Applications that people send at Indeed."""

    platform: ClassVar[str] = "indeed"
    label: ClassVar[str] = "Indeed Apply and partner events"
    key_label: ClassVar[str] = "API secret of your Indeed Apply credentials"
    advice: ClassVar[str] = (
        "Give Indeed this address as the post URL of Indeed Apply, or register it in the Partner Console."
    )
    steps: ClassVar[tuple[str, ...]] = (
        "Save the API secret of your Indeed Apply credentials here first.",
        "Write this address as post URL into the Indeed Apply data of your postings, or give it to your contact there.",
        "For partner events, register it in the Partner Console. Indeed has no API for either.",
    )
    max_bytes: ClassVar[int] = LARGE
    signature: ClassVar[str] = "X-Indeed-Signature: base64 of HMAC-SHA1 over the body"

    def verify(self, request: Request, secrets: Sequence[str]) -> None:
        """The header over the raw body."""
        given = from_base64(request.headers.get("x-indeed-signature"))
        algorithm: Algorithm = "sha256" if given is not None and len(given) == _SHA256_BYTES else "sha1"
        require_any(given, [digest(algorithm, one, request.body) for one in secrets])

    def read(self, request: Request) -> Delivery:
        """An application by its `id`; an event by its idempotency key."""
        told = read_object(request.body)
        if "specversion" in told:
            ref = text(told, "idempotencykey") or text(told, "id")
            kind = text(told, "type")
            if not ref or not kind:
                raise Refused(400, "not_understood", "A CloudEvent needs an id and a type.")
            return Delivery(ref, kind, without_private(told))
        if not text(told, "id"):
            raise Refused(400, "not_understood", "An application needs its id.")
        if not isinstance(told.get("applicant"), dict) or not isinstance(told.get("job"), dict):
            return Delivery(text(told, "id"), "unknown", without_private(told))
        kept = {
            "id": text(told, "id"),
            "appliedOnMillis": told.get("appliedOnMillis"),
            "job": {name: text(told, "job", name) for name in ("jobId", "jobMeta", "jobKey", "jobTitle")},
            "applicant": {name: text(told, "applicant", name) for name in ("fullName", "email")},
        }
        return Delivery(text(told, "id"), APPLY, kept)

    def hear(self, kind: str, document: Mapping[str, Any], received_at: datetime) -> Heard:
        """One application; a posting's life is for the next sync to read."""
        if kind == LIFECYCLE:
            event = text(document, "data", "lifecycleEvent")
            return Heard(note=f"Indeed says of a posting: {event}" if event else "Indeed says something of a posting.")
        if kind != APPLY:
            return Heard(is_known=False)
        at = instant_of(document.get("appliedOnMillis"), received_at)
        job = {name: text(document, "job", name) for name in ("jobId", "jobMeta", "jobKey", "jobTitle")}
        heard = HeardApplication(
            stages=(("applied", at),),
            refs=(("indeed", text(document, "id")),),
            postings=first_texts(job["jobId"], job["jobMeta"], job["jobKey"]),
            title=job["jobTitle"],
            name=text(document, "applicant", "fullName"),
            email=text(document, "applicant", "email"),
            touches=(HeardTouch("declared", "indeed", "Indeed"),),
        )
        return Heard((heard,))
