"""Registering an address at LinkedIn: the subscription of a Page's administrator to what happens on the Page.

The address itself is added, and checked, in the Webhooks tab of the app: LinkedIn has no API for that half. The
subscription lives as long as the grant behind the connection and the administrator's role.
https://learn.microsoft.com/linkedin/marketing/community-management/organizations/organization-social-action-notifications
"""

import json
from datetime import UTC, datetime
from typing import Any, ClassVar, Literal
from urllib.parse import quote, urlsplit

from msgspec import Struct

from connectors.answers import Answer, platform_words
from connectors.contract import Connector
from connectors.errors import ConfigError, ConnectorError
from connectors.http import Ask
from connectors.linkedin_page import API, LinkedInPage
from connectors.webhooks.linkedin import SOCIAL
from connectors.webhooks.registering import Place, Question, Registrar, Standing

_PERSON = "urn:li:person:"


class Subscription(Struct):
    """Where the notifications go; `expiresAt` is epoch milliseconds, 0 where it does not end by itself."""

    webhook: str = ""
    expiresAt: int = 0  # noqa: N815


class Role(Struct):
    """Who administers which Page."""

    organization: str = ""
    roleAssignee: str = ""  # noqa: N815


class Roles(Struct):
    """All of the person's."""

    elements: list[Role] = []


class LinkedInRegistrar(Registrar):
    """One subscription for the app, the person behind the grant, and the Page."""

    platform: ClassVar[str] = "linkedin"
    connector: ClassVar[str] = "linkedin_page"
    questions: ClassVar[tuple[Question, ...]] = (
        Question(
            "app_id",
            "Number of your app",
            "It stands in the address of the app in LinkedIn's developer portal: …/developers/apps/NUMBER.",
            r"[0-9]{1,19}",
        ),
    )
    effects: ClassVar[tuple[str, ...]] = (
        "First add this address in the Webhooks tab of your app: LinkedIn has no API for that.",
        "LinkedIn asks the address a question that takes the client secret to answer: at once, and every two hours.",
        "Registering here then subscribes the Page: LinkedIn delivers reactions, comments and shares of its posts.",
        "The subscription ends with the grant of the connection, or when its person no longer administers the Page.",
    )

    def __init__(self, connector: Connector[Any], place: Place) -> None:
        super().__init__(connector, place)
        self._assignee = ""

    def look(self) -> Standing:
        """The subscription by its key."""
        found = self._found(self._key())
        if found is None or not found.webhook:
            return Standing("absent")
        if found.webhook not in {self.place.address, self.place.former}:
            return Standing(
                "taken", detail=f"The Page's notifications go to {urlsplit(found.webhook).hostname or '?'}."
            )
        if found.webhook != self.place.address:
            return Standing("absent")
        ends = datetime.fromtimestamp(found.expiresAt / 1000, UTC) if 0 < found.expiresAt < 2**47 else None
        return Standing("registered", self.place.answers.get("app_id", ""), until=ends)

    def register(self) -> Standing:
        """PUT replaces what is there."""
        self._send("PUT", self._key(), json.dumps({"webhook": self.place.address}).encode())
        return self.look()

    def remove(self) -> None:
        """Unless it is another program's."""
        key = self._key()
        found = self._found(key)
        if found is not None and found.webhook in {self.place.address, self.place.former}:
            self._send("DELETE", key)

    def _found(self, key: str) -> Subscription | None:
        try:
            return self._send("GET", key, may_be_missing=True).decode(Subscription)
        except ConfigError as error:
            if error.cause != "account_unknown":
                raise
            return None

    def _key(self) -> str:
        organization = f"urn:li:organization:{self.speaker.config.organization_id}"
        application = f"urn:li:developerApplication:{self.place.answers.get('app_id', '')}"
        one, two, three = (quote(urn, safe="") for urn in (application, self._person(organization), organization))
        return f"{API}/eventSubscriptions/(developerApplication:{one},user:{two},entity:{three},eventType:{SOCIAL})"

    def _person(self, organization: str) -> str:
        """Who granted the access.

        https://learn.microsoft.com/linkedin/marketing/community-management/organizations/organization-access-control-by-role
        """
        if self._assignee:
            return self._assignee
        url = f"{API}/organizationAcls?q=roleAssignee&role=ADMINISTRATOR&state=APPROVED"
        for role in self._send("GET", url).decode(Roles).elements:
            if role.organization == organization and role.roleAssignee.startswith(_PERSON):
                self._assignee = role.roleAssignee
                return role.roleAssignee
        raise ConfigError("Who granted the access does not administer this Page.", cause="no_permission")

    def _send(
        self, method: Literal["GET", "PUT", "DELETE"], url: str, content: bytes = b"", *, may_be_missing: bool = False
    ) -> Answer:
        headers = {"linkedin-version": self.speaker.config.api_version, "x-restli-protocol-version": "2.0.0"}
        headers |= {"content-type": "application/json"} if content else {}
        bearer = self.speaker.bearer()  # type: ignore[attr-defined]  # of a LinkedInPage: see `connector`
        return self.http.send(
            Ask(method, url, {}, content, headers, bearer, classify=_classify, may_be_missing=may_be_missing)
        )


def _classify(answer: Answer, now: datetime) -> ConnectorError | None:
    """A failed check of the address; all else as LinkedIn refuses everywhere."""
    words = platform_words(answer)
    if answer.status in {400, 422} and ("challenge" in words or "webhook" in words.lower()):
        return ConfigError(words, cause="handshake_failed")
    return LinkedInPage.classify(answer, now)
