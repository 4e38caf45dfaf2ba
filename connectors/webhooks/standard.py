"""Standard Webhooks (standardwebhooks.com), for every sender without a form of its own: an applicant system, a script.

The signed text is "<webhook-id>.<webhook-timestamp>.<raw body>"; `webhook-signature` lists "v1,<base64>" for each
secret of the sender. A secret is "whsec_" and base64. What may be sent is described in docs/webhooks.md.
"""

import base64
import binascii
import secrets as random
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from connectors.webhooks.contract import Delivery, Heard, HeardApplication, HeardTouch, Receiver, Refused, Request
from connectors.webhooks.reading import first_texts, instant_of, read_object, text, without_private
from connectors.webhooks.signing import digest, from_base64, require_any, require_recent
from domain.platforms import find_platform

KINDS = ("application.created", "application.updated")
STAGES = ("applied", "reviewed", "interviewed", "offered", "hired", "rejected", "withdrawn")
_PREFIX = "whsec_"
_KEPT = ("applicationId", "postingRef", "postingTitle", "name", "email", "source", "referralCode", "stage", "at")


class StandardReceiver(Receiver):
    """Whatever else can send: applications and their stages."""

    platform: ClassVar[str] = "other"
    label: ClassVar[str] = "Anything else (Standard Webhooks)"
    made_by: ClassVar[Any] = "us"
    key_label: ClassVar[str] = "Signing secret"
    advice: ClassVar[str] = "Give your applicant system this address and the secret."
    steps: ClassVar[tuple[str, ...]] = (
        "Make the secret here and copy it: it is shown once.",
        "Give the address and the secret to your applicant system, where it keeps its webhooks.",
        "Send it one event to try: it appears below under Recent deliveries.",
    )
    signature: ClassVar[str] = (
        "webhook-signature: v1, and base64 of HMAC-SHA256 over id, full stop, timestamp, full stop, body"
    )

    def verify(self, request: Request, secrets: Sequence[str]) -> None:
        """Any signature of the header by any live secret; the time within five minutes."""
        name, stamp = request.headers.get("webhook-id"), request.headers.get("webhook-timestamp")
        header = request.headers.get("webhook-signature")
        if not name or not stamp or not header:
            raise Refused(401, "unsigned", "The delivery is not signed.")
        if not stamp.isascii() or not stamp.isdecimal():
            raise Refused(401, "stamp_wrong", "The time of signing must be unix seconds.")
        message = f"{name}.{stamp}.".encode() + request.body
        wanted = [digest("sha256", key_of(one), message) for one in secrets]
        given = [from_base64(part[3:]) for part in header.split(" ")[:10] if part.startswith("v1,")]
        for one in given[:-1]:
            if one in wanted:
                break
        else:
            require_any(given[-1] if given else b"", wanted)
        require_recent(stamp, request.now)

    def read(self, request: Request) -> Delivery:
        """By its webhook-id."""
        told = read_object(request.body)
        kind, data = text(told, "type"), told.get("data")
        ref = request.headers["webhook-id"][:200]
        if kind not in KINDS or not isinstance(data, dict):
            return Delivery(ref, kind or "unknown", without_private(told))
        kept: dict[str, Any] = {name: text(data, name) for name in _KEPT if text(data, name)}
        kept["utm"] = {name: text(data, "utm", name) for name in ("source", "medium", "campaign")}
        times = data.get("stages")
        kept["stages"] = (
            {name: text(times, name) for name in STAGES if text(times, name)} if isinstance(times, dict) else {}
        )
        kept["timestamp"] = text(told, "timestamp")
        return Delivery(ref, kind, kept)

    def hear(self, kind: str, document: Mapping[str, Any], received_at: datetime) -> Heard:
        """One application with the stages it has reached. Raises ValueError for an unknown stage."""
        if kind not in KINDS:
            return Heard(is_known=False)
        told_at = instant_of(document.get("timestamp"), received_at)
        stages = {name: instant_of(at, received_at) for name, at in dict(document.get("stages") or {}).items()}
        stage = text(document, "stage") or ("" if stages else "applied")
        if stage and stage not in STAGES:
            raise ValueError(f"not a stage: {stage[:40]}")
        if stage and stage not in stages:
            stages[stage] = instant_of(document.get("at"), told_at)
        ref = text(document, "applicationId")
        heard = HeardApplication(
            stages=tuple(sorted(stages.items())),
            refs=(("", ref),) if ref else (),
            postings=first_texts(text(document, "postingRef")),
            title=text(document, "postingTitle"),
            name=text(document, "name"),
            email=text(document, "email"),
            touches=tuple(_touches(document)),
        )
        return Heard((heard,))


def _touches(document: Mapping[str, Any]) -> list[HeardTouch]:
    found = []
    if source := text(document, "source"):
        platform = find_platform(source)
        found.append(HeardTouch("declared", platform.key if platform else "other", source))
    utm = {name: text(document, "utm", name) for name in ("source", "medium", "campaign")}
    if utm["source"]:
        platform = find_platform(utm["source"])
        found.append(HeardTouch("utm", platform.key if platform else "other", **utm))
    if code := text(document, "referralCode"):
        found.append(HeardTouch("referral", "referrals", "Referral", code=code))
    return found


def make_secret() -> str:
    """A new secret of 256 random bits in the form of Standard Webhooks."""
    return _PREFIX + base64.b64encode(random.token_bytes(32)).decode()


def key_of(secret: str) -> bytes:
    """The key in a secret: base64 behind "whsec_"; any other text is a key as it stands."""
    if secret.startswith(_PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(_PREFIX), validate=True)
        except binascii.Error:
            pass
    return secret.encode()
