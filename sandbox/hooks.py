"""Addresses that programs have registered with the platforms: asked the platform's question, and delivered to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx

from sandbox.deliveries import is_here
from sandbox.senders import SENDERS, Applied
from sandbox.social import X_USER_ID

if TYPE_CHECKING:
    from sandbox.world import World

#: How long a platform waits for the answer to its question, in seconds.
PATIENCE = {"x": 10.0, "facebook": 20.0, "linkedin": 3.0}
_DELIVERY_SECONDS = 30.0


@dataclass
class XHook:
    """A webhook of the app at X."""

    id: str
    url: str
    created_at: datetime
    valid: bool = True


@dataclass
class AppHook:
    """Where Facebook tells the app of Pages."""

    url: str
    verify_token: str
    fields: list[str]
    active: bool = True


@dataclass
class Hooks:
    """All that is registered. X: webhooks and subscriptions by id; LinkedIn: addresses by the subscription's key."""

    x: dict[str, XHook] = field(default_factory=dict)
    x_subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    #: How many webhooks X lets the app have.
    x_most: int = 1
    facebook: AppHook | None = None
    facebook_page: list[str] = field(default_factory=list)
    linkedin: dict[str, str] = field(default_factory=dict)

    def reset(self) -> None:
        """Nothing is registered."""
        self.x.clear()
        self.x_subscriptions.clear()
        self.x_most, self.facebook = 1, None
        self.facebook_page.clear()
        self.linkedin.clear()

    def view(self) -> dict[str, list[dict[str, Any]]]:
        """What is registered, by platform."""
        x = [
            {"url": hook.url, "valid": hook.valid, "subscriptions": sorted(self._events(hook.id))}
            for hook in self.x.values()
        ]
        page = {"page": bool(self.facebook_page)}
        facebook = [{"url": self.facebook.url, "active": self.facebook.active, **page}] if self.facebook else []
        return {"x": x, "facebook": facebook, "linkedin": [{"url": url} for url in self.linkedin.values()]}

    def _events(self, hook_id: str) -> list[str]:
        return [one["event_type"] for one in self.x_subscriptions.values() if one.get("webhook_id") == hook_id]

    def listening(self, platform: str) -> list[str]:
        """The addresses at which a platform's next event arrives."""
        if platform == "x":
            return [hook.url for hook in self.x.values() if hook.valid and self._events(hook.id)]
        if platform == "facebook":
            hook = self.facebook
            return [hook.url] if hook and hook.active and self.facebook_page else []
        return list(self.linkedin.values()) if platform == "linkedin" else []


def signing_secret(world: World, platform: str) -> str:
    """What a platform signs with."""
    if platform == "x":
        return world.social.x_api_secret
    return world.social.secret("facebook secret") if platform == "facebook" else world.linkedin_account.client_secret


def answers_x(url: str, secret: str) -> bool:
    """Whether an address passes X's challenge-response check."""
    token = secrets.token_urlsafe(24)
    told = _asked(url, {"crc_token": token, "nonce": secrets.token_hex(8)}, PATIENCE["x"])
    signed = base64.b64encode(_hmac(secret, token)).decode()
    return isinstance(told, dict) and bool(told.get("response_token") == f"sha256={signed}")


def answers_facebook(url: str, verify_token: str) -> bool:
    """Whether an address knows its verify token and sends the challenge back."""
    challenge = str(secrets.randbelow(10**10))
    query = {"hub.mode": "subscribe", "hub.challenge": challenge, "hub.verify_token": verify_token}
    return str(_asked(url, query, PATIENCE["facebook"])) == challenge


def answers_linkedin(url: str, secret: str) -> bool:
    """Whether an address signs LinkedIn's challenge."""
    code = str(uuid4())
    told = _asked(url, {"challengeCode": code}, PATIENCE["linkedin"])
    return bool(told == {"challengeCode": code, "challengeResponse": _hmac(secret, code).hex()})


def check_again(world: World) -> dict[str, int]:
    """Ask every address its question anew, as X does each hour and LinkedIn every two; how many fail, by platform."""
    hooks, failed = world.hooks, Counter[str]()
    for hook in hooks.x.values():
        hook.valid = answers_x(hook.url, signing_secret(world, "x"))
        failed["x"] += not hook.valid
    for key, url in list(hooks.linkedin.items()):
        if not answers_linkedin(url, signing_secret(world, "linkedin")):
            failed["linkedin"] += 1
            del hooks.linkedin[key]
    return dict(failed)


def happen(world: World, platform: str, now: datetime) -> dict[str, int]:
    """Let something happen at a platform, and deliver it to whoever is registered; how many got which status."""
    who = Applied(uuid4().hex, "", "", "A passer-by", "", now, {"user_id": X_USER_ID})
    sender = {"x": "x_activity"}.get(platform, platform)
    sent = SENDERS[sender][1](signing_secret(world, platform), who, now)
    found: Counter[str] = Counter()
    with httpx.Client(trust_env=False, timeout=_DELIVERY_SECONDS) as client:
        for url in world.hooks.listening(platform):
            answer = client.post(url, content=sent.body, headers=dict(sent.headers))
            found[str(answer.status_code)] += 1
    return dict(found)


def _asked(url: str, query: dict[str, str], seconds: float) -> Any:
    """An address's answer, parsed where it is JSON; None where it is none, or no success."""
    if not is_here(url):
        return None
    try:
        with httpx.Client(trust_env=False, timeout=seconds) as client:
            answer = client.get(url, params=query)
    except httpx.HTTPError:
        return None
    if answer.status_code != 200:
        return None
    kind = answer.headers.get("content-type", "")
    try:
        return json.loads(answer.text) if kind.startswith("application/json") else answer.text
    except ValueError:
        return None


def _hmac(secret: str, text: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).digest()
