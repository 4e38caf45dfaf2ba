"""X's v2 webhooks: the CRC handshake, repeated about hourly, and activity. X tells nobody when a number changes.

docs.x.com/x-api/webhooks: x-twitter-webhooks-signature is "sha256=" and base64 of HMAC-SHA256 by the consumer secret.
"""

import base64
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from connectors.webhooks.contract import Delivery, Heard, Receiver, Request
from connectors.webhooks.reading import body_ref, read_object, without_private
from connectors.webhooks.signing import behind, digest, from_base64, require_any, require_challenge

ACTIVITY = "activity"
_ENVELOPE = {"for_user_id", "user_has_blocked", "data", "includes", "matching_rules"}


class XReceiver(Receiver):
    """What happens on a company's account."""

    platform: ClassVar[str] = "x"
    label: ClassVar[str] = "X account activity"
    key_label: ClassVar[str] = "Consumer secret (API key secret)"
    advice: ClassVar[str] = "X calls this address to check it as soon as it is registered: save the secret here first."
    steps: ClassVar[tuple[str, ...]] = (
        "Register the address with the app's bearer token: POST https://api.x.com/2/webhooks with the url.",
        "Subscribe the account to events: POST https://api.x.com/2/activity/subscriptions, each kind by itself.",
    )
    signature: ClassVar[str] = "x-twitter-webhooks-signature: sha256= and base64 of HMAC-SHA256 over the body"

    def shake(self, query: Mapping[str, str], hook_id: str, secret: str) -> tuple[str, str] | None:
        """The challenge-response check: crc_token, signed."""
        del hook_id
        token = query.get("crc_token")
        if token is None:
            return None
        require_challenge(token, 500)
        signed = base64.b64encode(digest("sha256", secret, token.encode())).decode()
        return json.dumps({"response_token": f"sha256={signed}"}), "application/json"

    def verify(self, request: Request, secrets: Sequence[str]) -> None:
        """The header over the raw body."""
        given = from_base64(behind(request.headers.get("x-twitter-webhooks-signature"), "sha256="))
        require_any(given, [digest("sha256", one, request.body) for one in secrets])

    def read(self, request: Request) -> Delivery:
        """By its bytes; only which kinds of event it has is kept."""
        told = read_object(request.body)
        events = sorted(name for name, value in told.items() if name.endswith("_events") and isinstance(value, list))
        if events:
            counts = {name[:60]: len(told[name]) for name in events}
            return Delivery(body_ref(request.body), ACTIVITY, {"events": counts})
        event = told.get("data", {}).get("event_type") if isinstance(told.get("data"), dict) else None
        if isinstance(event, str):
            return Delivery(body_ref(request.body), ACTIVITY, {"events": {event[:60]: 1}})
        kind = "unknown" if not told.keys() <= _ENVELOPE else ACTIVITY
        kept = without_private(told) if kind == "unknown" else {"events": {}}
        return Delivery(body_ref(request.body), kind, kept)

    def hear(self, kind: str, document: Mapping[str, Any], received_at: datetime) -> Heard:
        """Nothing to count: X's numbers come with the next sync."""
        del received_at
        events = document.get("events")
        if kind != ACTIVITY or not isinstance(events, dict):
            return Heard(is_known=False)
        return Heard(note=", ".join(f"{times} × {name}" for name, times in events.items()) or "activity")
