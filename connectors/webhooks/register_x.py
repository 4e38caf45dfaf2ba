"""Registering an address at X: a webhook of the app, and subscriptions of the X Activity API for the account.

Both want the app's own bearer token, which the consumer key and the consumer secret bring; the connection's grant is
the account's and may not. Account Activity subscriptions would need a grant that reads direct messages: not asked for.
https://docs.x.com/x-api/webhooks/introduction https://docs.x.com/x-api/activity/introduction
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal

from msgspec import Struct
from pydantic import SecretStr

from connectors import auth, x_answers
from connectors.answers import Answer
from connectors.contract import Connector, Token
from connectors.errors import ConfigError, ConnectorError
from connectors.http import Ask
from connectors.paging import TokenPages
from connectors.webhooks.registering import Place, Question, Registrar, Standing
from connectors.wording import clean

API = "https://api.x.com/2"
APP_TOKEN_URL = "https://api.x.com/oauth2/token"  # noqa: S105 an address
#: What is told of the account; each is a subscription of its own, and none of them is about anybody's messages.
EVENTS = ("post.create", "post.delete", "follow.follow", "follow.unfollow")
#: X's reasons for refusing an address → ours.
_REASONS = {
    "CrcValidationFailed": "handshake_failed",
    "UrlValidationFailed": "address_refused",
    "WebhookLimitExceeded": "address_limit",
}
_DUPLICATE = "DuplicateUrlFailed"


class Hook(Struct):
    """A webhook of the app."""

    id: str
    url: str = ""
    valid: bool = False
    created_at: str = ""


class Hooks(Struct):
    """All of them; `data` is missing where there are none."""

    data: list[Hook] = []


class Filter(Struct):
    """Whose events a subscription is about."""

    user_id: str = ""


class Subscription(Struct):
    """One kind of event of one account, and where it is delivered."""

    subscription_id: str
    event_type: str = ""
    webhook_id: str = ""
    filter: Filter | None = None


class Meta(Struct):
    """Where the list goes on."""

    next_token: str = ""


class Subscriptions(Struct):
    """A page of them."""

    data: list[Subscription] = []
    meta: Meta | None = None


class XRegistrar(Registrar):
    """A webhook of the app for the address, and its subscriptions for the connection's account."""

    platform: ClassVar[str] = "x"
    connector: ClassVar[str] = "x"
    has_no_port: ClassVar[bool] = True
    questions: ClassVar[tuple[Question, ...]] = (
        Question(
            "api_key",
            "API key of your app",
            "The consumer key, beside the consumer secret that is set here. It is no secret by itself.",
            r"[A-Za-z0-9_-]{5,100}",
        ),
    )
    effects: ClassVar[tuple[str, ...]] = (
        "X asks this address a question that only who has the consumer secret can answer: at once, and every hour.",
        "X then delivers when the account posts, deletes a post, or is followed. No direct messages.",
        "Each address counts against your plan at X. Addresses of other programs stay as they are.",
    )

    def __init__(self, connector: Connector[Any], place: Place) -> None:
        super().__init__(connector, place)
        self._tokens = auth.MemoryTokens(self.http.now)

    def look(self) -> Standing:
        """The app's webhooks, and the account's subscriptions at ours."""
        hook = self._hook(self._hooks())
        if hook is None:
            return Standing("absent")
        if not hook.valid:
            return Standing("failing", hook.id, _instant(hook.created_at))
        told = {one.event_type for one in self._subscriptions(hook.id)}
        return Standing("registered" if told >= set(EVENTS) else "absent", hook.id, _instant(hook.created_at))

    def register(self) -> Standing:
        """A former address first goes away: plans allow few, and one is not to be delivered twice."""
        hooks = self._hooks()
        hook = self._hook(hooks)
        for one in hooks:
            if one.url != self.place.address and (one.id == self.place.ref or one.url == self.place.former):
                self._take_away(one.id)
        if hook is None:
            hook = self._made()
        else:
            self._check_again(hook.id)
        told = {one.event_type for one in self._subscriptions(hook.id)}
        for event in EVENTS:
            if event not in told:
                wish = {"event_type": event, "filter": {"user_id": self._user()}, "webhook_id": hook.id}
                self._send("POST", "/activity/subscriptions", wish)
        return self.look()

    def remove(self) -> None:
        """The webhook of the address, of the one before it, and what was subscribed for them."""
        ours = {self.place.address, self.place.former} - {""}
        for hook in self._hooks():
            if hook.url in ours or hook.id == self.place.ref:
                self._take_away(hook.id)

    def _take_away(self, hook_id: str) -> None:
        for subscription in self._subscriptions(hook_id, everybodys=True):
            self._delete(f"/activity/subscriptions/{subscription.subscription_id}")
        self._delete(f"/webhooks/{hook_id}")

    def _delete(self, path: str) -> None:
        try:
            self._send("DELETE", path)
        except ConfigError as error:
            # Gone already: X ends subscriptions with their webhook.
            if error.cause != "account_unknown":
                raise

    def _made(self) -> Hook:
        """https://docs.x.com/x-api/webhooks/create-webhook"""
        try:
            return self._send("POST", "/webhooks", {"url": self.place.address}).decode(_Made).hook()
        except ConfigError as error:
            if error.cause != "config_invalid" or _DUPLICATE not in error.detail:
                raise
        # Somebody else was quicker, or an answer of ours was lost on its way.
        found = self._hook(self._hooks())
        if found is None:
            raise ConfigError("X says that the address is registered, and does not list it", cause="address_refused")
        return found

    def _check_again(self, hook_id: str) -> None:
        """https://docs.x.com/x-api/webhooks/validate-webhook"""
        self._send("PUT", f"/webhooks/{hook_id}")
        hook = self._hook(self._hooks())
        if hook is None or not hook.valid:
            raise ConfigError("X's check of the address failed", cause="handshake_failed")

    def _hook(self, hooks: list[Hook]) -> Hook | None:
        return next((hook for hook in hooks if hook.url == self.place.address), None)

    def _hooks(self) -> list[Hook]:
        """https://docs.x.com/x-api/webhooks/get-webhook"""
        return self._send("GET", "/webhooks").decode(Hooks).data

    def _subscriptions(self, hook_id: str, *, everybodys: bool = False) -> list[Subscription]:
        """Those of a webhook, of our account alone or of everybody. https://docs.x.com/x-api/activity/introduction"""
        found: list[Subscription] = []
        pages = TokenPages()
        while not pages.is_done:
            query = {"max_results": "100"} | ({"pagination_token": pages.token} if pages.token else {})
            told = self._send("GET", "/activity/subscriptions", params=query).decode(Subscriptions)
            found += told.data
            pages.advance(told.meta.next_token if told.meta else "")
        mine = [one for one in found if one.webhook_id == hook_id]
        return [one for one in mine if everybodys or (one.filter and one.filter.user_id == self._user())]

    def _send(
        self,
        method: Literal["GET", "POST", "PUT", "DELETE"],
        path: str,
        body: object = None,
        params: Mapping[str, str] | None = None,
    ) -> Answer:
        bearer = auth.CachedBearer(self._tokens, self._app_token)
        content = json.dumps(body).encode() if body is not None else b""
        headers = {"content-type": "application/json"} if body is not None else {}
        # What was made and never answered is found by looking again, not made twice.
        ask = Ask(
            method,
            f"{API}{path}",
            params or {},
            content,
            headers,
            bearer,
            safe=method != "POST",
            classify=_classify,
        )
        return self.http.send(ask)

    def _app_token(self, _stored: Token | None) -> Token:
        """https://docs.x.com/fundamentals/authentication/oauth-2-0/application-only"""
        client = auth.Client(self.place.answers.get("api_key", ""), SecretStr(self.place.secret))
        try:
            return auth.client_token(self.http, APP_TOKEN_URL, client, {}, in_header=True)
        except ConfigError as error:
            words = f"the API key and the consumer secret do not fit: {error.detail}"
            raise ConfigError(words, cause="key_invalid") from None

    def _user(self) -> str:
        return str(self.speaker.config.user_id)


class _Made(Struct):
    """A new webhook, in an envelope or bare: X has answered both."""

    data: Hook | None = None
    id: str = ""
    url: str = ""
    valid: bool = False
    created_at: str = ""

    def hook(self) -> Hook:
        return self.data or Hook(self.id, self.url, self.valid, self.created_at)


def _classify(answer: Answer, now: datetime) -> ConnectorError | None:
    """Refused addresses by X's reasons; all else as X refuses everywhere."""
    if answer.status in {400, 403, 409}:
        words = bytes(answer.body[:4_000]).decode("utf-8", "replace")
        for reason, cause in _REASONS.items():
            if reason in words:
                return ConfigError(f"{reason}: {clean(x_answers.words_of(answer), 300)}", cause=cause)
        if _DUPLICATE in words:
            return ConfigError(_DUPLICATE)
    return x_answers.error_in(answer, now)


def _instant(text: str) -> datetime | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.astimezone(UTC) if at.tzinfo else None
