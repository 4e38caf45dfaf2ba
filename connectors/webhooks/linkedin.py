"""LinkedIn's webhooks: a challenge every two hours, social actions, and leads of lead forms.

learn.microsoft.com/linkedin/shared/api-guide/webhook-validation: X-LI-Signature is the lower-case hex of HMAC-SHA256,
by the client secret, over "hmacsha256=" followed by the raw body.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from connectors.webhooks.contract import Delivery, Heard, Receiver, Refused, Request
from connectors.webhooks.reading import body_ref, read_object, text, without_private
from connectors.webhooks.signing import digest, from_hex, require_any, require_challenge

SOCIAL, LEAD = "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "LEAD_ACTION"
_PREFIX = b"hmacsha256="


class LinkedInReceiver(Receiver):
    """What happens on a company's page."""

    platform: ClassVar[str] = "linkedin"
    label: ClassVar[str] = "LinkedIn page notifications"
    key_label: ClassVar[str] = "Client secret of your LinkedIn app"
    advice: ClassVar[str] = (
        "LinkedIn checks the address at once and every two hours: save the client secret here first."
    )
    steps: ClassVar[tuple[str, ...]] = (
        "In LinkedIn's developer portal, open your app, then Webhooks. The tab is there for apps with an approved use.",
        "Add this address. LinkedIn checks it at once.",
        "Subscribe the Page: PUT /rest/eventSubscriptions, as its administrator, or press Register here.",
    )
    max_bytes: ClassVar[int] = 256 * 1024
    signature: ClassVar[str] = "X-LI-Signature: hex of HMAC-SHA256 over hmacsha256= and the body"

    def shake(self, query: Mapping[str, str], hook_id: str, secret: str) -> tuple[str, str] | None:
        """The challenge code, and its signature in lower-case hex."""
        del hook_id
        code = query.get("challengeCode")
        if code is None:
            return None
        require_challenge(code, 200)
        answer = {"challengeCode": code, "challengeResponse": digest("sha256", secret, code.encode()).hex()}
        return json.dumps(answer), "application/json"

    def verify(self, request: Request, secrets: Sequence[str]) -> None:
        """The prefix is in the signed text, not in the header."""
        given = from_hex(request.headers.get("x-li-signature"))
        require_any(given, [digest("sha256", one, _PREFIX + request.body) for one in secrets])

    def read(self, request: Request) -> Delivery:
        """A batch by the ids of its notifications."""
        told = read_object(request.body)
        kind = text(told, "type")
        notifications = told.get("notifications")
        if kind != SOCIAL or not isinstance(notifications, list):
            return Delivery(body_ref(request.body), kind or "unknown", without_private(told))
        ids = sorted(text(one, "notificationId") for one in notifications if isinstance(one, dict))
        if not ids or not all(ids):
            raise Refused(400, "not_understood", "Each notification needs its id.")
        ref = hashlib.sha256("\n".join(ids).encode()).hexdigest()
        kept = [{name: text(one, name) for name in ("notificationId", "action")} for one in notifications]
        return Delivery(f"notifications:{ref}", kind, {"notifications": kept})

    def hear(self, kind: str, document: Mapping[str, Any], received_at: datetime) -> Heard:
        """Nothing to count: numbers come with the next sync; a lead says neither who nor for which posting."""
        del received_at
        if kind == LEAD:
            return Heard(note="A lead form was sent. LinkedIn says neither who sent it nor for which posting.")
        found = document.get("notifications")
        if kind != SOCIAL or not isinstance(found, list):
            return Heard(is_known=False)
        counted = Counter(text(one, "action") for one in found)
        return Heard(note=", ".join(f"{times} × {action}" for action, times in counted.most_common(5)))
