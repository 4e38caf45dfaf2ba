"""Facebook's Page webhooks: a handshake, and up to 1 000 changes in one delivery. They carry no numbers.

developers.facebook.com/docs/graph-api/webhooks/getting-started: X-Hub-Signature-256 is "sha256=" and the lower-case hex
of HMAC-SHA256, by the app secret, over the raw body.
"""

import hmac
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from connectors.webhooks.contract import Delivery, Heard, Receiver, Refused, Request
from connectors.webhooks.reading import body_ref, read_object, text
from connectors.webhooks.signing import behind, digest, from_hex, require_any

PAGE = "page"
MOST_CHANGES = 1_000


class FacebookReceiver(Receiver):
    """What happens on a company's Page."""

    platform: ClassVar[str] = "facebook"
    label: ClassVar[str] = "Facebook Page"
    key_label: ClassVar[str] = "App secret"
    advice: ClassVar[str] = "Facebook checks the address as soon as it is registered: save the app secret here first."
    steps: ClassVar[tuple[str, ...]] = (
        "In Meta's developer dashboard, open your app, then Webhooks, product Page.",
        "Give this address as callback URL, and the last part of it as verify token.",
        "Subscribe to the field feed.",
        "Have the Page report to the app: Graph API, POST /PAGE/subscribed_apps with subscribed_fields=feed.",
    )
    max_bytes: ClassVar[int] = 1024 * 1024
    signature: ClassVar[str] = "X-Hub-Signature-256: sha256= and hex of HMAC-SHA256 over the body"

    def shake(self, query: Mapping[str, str], hook_id: str, secret: str) -> tuple[str, str] | None:
        """hub.challenge as plain text, where the verify token is the last part of the address."""
        del secret
        if query.get("hub.mode") != "subscribe":
            return None
        token, challenge = query.get("hub.verify_token", ""), query.get("hub.challenge", "")
        if not hmac.compare_digest(token.encode(), hook_id.encode()):
            raise Refused(403, "handshake_wrong", "The verify token is not the one of this address.")
        if not challenge.isascii() or not challenge.isalnum() or len(challenge) > 200:
            raise Refused(400, "handshake_wrong", "There is no challenge to answer.")
        return challenge, "text/plain"

    def verify(self, request: Request, secrets: Sequence[str]) -> None:
        """The SHA-256 header; the older SHA-1 one is not looked at."""
        given = from_hex(behind(request.headers.get("x-hub-signature-256"), "sha256="))
        require_any(given, [digest("sha256", one, request.body) for one in secrets])

    def read(self, request: Request) -> Delivery:
        """The whole batch, by its bytes: Facebook gives deliveries no name."""
        told = read_object(request.body)
        entries = told.get("entry")
        if not isinstance(entries, list) or not text(told, "object"):
            raise Refused(400, "not_understood", "A delivery needs an object and its entries.")
        changes = [
            (entry, change)
            for entry in entries
            if isinstance(entry, dict)
            for change in (entry.get("changes") or [{}] if isinstance(entry.get("changes", []), list) else [{}])
        ]
        if len(changes) > MOST_CHANGES:
            raise Refused(400, "too_many", "A delivery has at most 1 000 changes.")
        kept = [
            {
                "page": text(entry, "id"),
                "field": text(change, "field"),
                "item": text(change, "value", "item"),
                "verb": text(change, "value", "verb"),
            }
            for entry, change in changes
            if isinstance(change, dict)
        ]
        return Delivery(body_ref(request.body), text(told, "object"), {"changes": kept})

    def hear(self, kind: str, document: Mapping[str, Any], received_at: datetime) -> Heard:
        """Nothing to count: Facebook's numbers come with the next sync."""
        del received_at
        changes = document.get("changes")
        if kind != PAGE or not isinstance(changes, list):
            return Heard(is_known=False)
        counted = Counter(text(change, "item") or text(change, "field") or "change" for change in changes)
        return Heard(note=", ".join(f"{times} × {item}" for item, times in counted.most_common(5)))
