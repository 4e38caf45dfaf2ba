"""Registering an address at Facebook: the app's subscription to Pages, and the Page's to the app.

An app has one address for all its Pages. The first half speaks as the app, the second as the Page, whose token needs
pages_manage_metadata. developers.facebook.com/docs/graph-api/reference/app/subscriptions
"""

from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar, Literal
from urllib.parse import urlencode, urlsplit

from msgspec import Struct

from connectors.answers import Answer, platform_words
from connectors.errors import ConfigError, ConnectorError
from connectors.facebook import API, Facebook
from connectors.facebook_tokens import App, PageTokens
from connectors.http import Ask
from connectors.webhooks.registering import Registrar, Standing

PAGE, FIELD = "page", "feed"
#: The address did not answer Facebook's question, or not as it should.
_UNANSWERED = 2200


class Field(Struct):
    """One of the things an app is told of."""

    name: str = ""


class AppSubscription(Struct):
    """Where the app is told of one kind of thing. `fields` are objects; older versions wrote names."""

    object: str = ""
    callback_url: str = ""
    active: bool = False
    fields: list[Field | str] = []

    def has(self, name: str) -> bool:
        """Whether it tells of `name`."""
        return name in {one if isinstance(one, str) else one.name for one in self.fields}


class AppSubscriptions(Struct):
    """All of the app's."""

    data: list[AppSubscription] = []


class SubscribedApp(Struct):
    """An app that a Page tells."""

    id: str = ""
    subscribed_fields: list[str] = []


class SubscribedApps(Struct):
    """All of them."""

    data: list[SubscribedApp] = []


class FacebookRegistrar(Registrar):
    """The app's one address, and the Page that tells the app."""

    platform: ClassVar[str] = "facebook"
    connector: ClassVar[str] = "facebook"
    effects: ClassVar[tuple[str, ...]] = (
        "Facebook asks this address for its verify token, once.",
        "Your app then delivers what happens on its Pages here, and this Page is told to report to the app.",
        "An app has one such address. Where it has another program's, nothing is changed unless you say so.",
    )

    def look(self) -> Standing:
        """Both halves."""
        app, page = self._app_subscription(), self._tells_app()
        if app is not None and not self._is_ours(app):
            return Standing("taken", detail=f"The app delivers to {urlsplit(app.callback_url).hostname or '?'}.")
        ref = f"{self._app().client_id}/{self._page()}"
        if app is None or app.callback_url != self.place.address or not app.has(FIELD) or not page:
            return Standing("absent", ref if app is not None or page else "")
        return Standing("registered" if app.active else "failing", ref)

    def register(self) -> Standing:
        """Both halves anew: Facebook replaces what is there, and checks the address again."""
        form = {
            "object": PAGE,
            "callback_url": self.place.address,
            "verify_token": self.place.hook_id,
            "fields": FIELD,
            "include_values": "true",
        }
        self._as_app("POST", form)
        self._as_page("POST", {"subscribed_fields": FIELD})
        return self.look()

    def remove(self) -> None:
        """What is ours; another program's address and what it needs of the Page stay."""
        app = self._app_subscription()
        if app is not None and not self._is_ours(app):
            return
        if self._tells_app():
            self._as_page("DELETE", {})
        if app is not None:
            self._as_app("DELETE", {"object": PAGE})

    def _is_ours(self, app: AppSubscription) -> bool:
        return app.callback_url in {"", self.place.address, self.place.former}

    def _app_subscription(self) -> AppSubscription | None:
        told = self._as_app("GET", {}).decode(AppSubscriptions)
        return next((one for one in told.data if one.object == PAGE), None)

    def _tells_app(self) -> bool:
        told = self._as_page("GET", {}).decode(SubscribedApps)
        return any(one.id == self._app().client_id and FIELD in one.subscribed_fields for one in told.data)

    def _as_app(self, method: Literal["GET", "POST", "DELETE"], form: Mapping[str, str]) -> Answer:
        app = self._app()
        mine = f"{app.client_id}|{app.client_secret.get_secret_value()}"
        self.http.conceal(mine)
        headers = {"authorization": f"Bearer {mine}", "content-type": "application/x-www-form-urlencoded"}
        content = urlencode(form).encode()
        url = f"{API}/{app.client_id}/subscriptions"
        return self.http.send(Ask(method, url, {}, content, headers, classify=_classify))

    def _as_page(self, method: Literal["GET", "POST", "DELETE"], params: Mapping[str, str]) -> Answer:
        page = self._page()
        given = self.speaker.config.access_token.get_secret_value()
        tokens = PageTokens(self.speaker.session, self._app(), page, given)
        try:
            return tokens.act(method, f"{API}/{page}/subscribed_apps", params)
        except ConfigError as error:
            if error.cause != "no_permission":
                raise
            words = f"The Page's token needs the permission pages_manage_metadata. {error.detail}"
            raise ConfigError(words, cause="no_permission") from None

    def _app(self) -> App:
        config = self.speaker.config
        return App(API, config.client_id, config.client_secret)

    def _page(self) -> str:
        return str(self.speaker.config.page_id)


def _classify(answer: Answer, now: datetime) -> ConnectorError | None:
    """A failed check of the address; all else as the Graph API refuses everywhere."""
    body = answer.peek()
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict) and error.get("code") == _UNANSWERED:
        return ConfigError(platform_words(answer), cause="handshake_failed")
    return Facebook.classify(answer, now)
