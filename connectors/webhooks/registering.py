"""Registering an address at a platform that has an API for it: what a registrar is, and which addresses can be called.

A registrar speaks with the credentials of a connection through the connector's own HTTP client. It never sees the
database. Everything it does may be repeated: it looks before it makes or takes away anything.
"""

import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Literal
from urllib.parse import urlsplit

from connectors.addresses import is_public
from connectors.contract import Connector
from connectors.http import Http

#: Names that lead nowhere from outside.
_INSIDE = (".localhost", ".local", ".internal", ".lan", ".home.arpa", ".test", ".invalid")


@dataclass(frozen=True, slots=True)
class Question:
    """What an admin is asked for because no connection has it; `pattern` is what a whole answer looks like."""

    name: str
    label: str
    help: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Place:
    """The address to register. `secret` is what the platform signs with; `former` and `ref` are the address that was
    registered before, and what the platform calls it; `may_replace` lets another program's address go."""

    address: str
    hook_id: str
    secret: str = field(repr=False)
    former: str = ""
    ref: str = ""
    may_replace: bool = False
    answers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Standing:
    """How an address stands at the platform, in the platform's telling.

    "absent": not there, or not whole. "failing": there, but the platform's check of it failed. "taken": what belongs
    there is another program's address. `ref` is the platform's name for it; `since` and `until` where it tells them.
    """

    state: Literal["absent", "registered", "failing", "taken"]
    ref: str = ""
    since: datetime | None = None
    until: datetime | None = None
    detail: str = ""


class Registrar(ABC):
    """One platform's way to register an address. The class attributes are what the screen says of it."""

    platform: ClassVar[str]
    #: The connector whose connections may speak.
    connector: ClassVar[str]
    #: What happens when it is registered, a sentence each.
    effects: ClassVar[tuple[str, ...]]
    questions: ClassVar[tuple[Question, ...]] = ()
    #: Whether the platform refuses addresses that name a port.
    has_no_port: ClassVar[bool] = False

    def __init__(self, connector: Connector[Any], place: Place) -> None:
        self.speaker, self.place = connector, place
        self.http: Http = connector.session.http
        self.http.conceal(place.secret)

    @abstractmethod
    def look(self) -> Standing:
        """How it stands. Raises ConnectorError."""

    @abstractmethod
    def register(self) -> Standing:
        """Bring it to "registered" from wherever it stands, and have the platform check what stands there already; a
        former address of ours goes. Raises ConnectorError; ConfigError "handshake_failed" where that check fails."""

    @abstractmethod
    def remove(self) -> None:
        """Take it away, with whatever we registered for it; nothing of another program's. Raises ConnectorError."""


def hook_address(base: str, platform: str, hook_id: str) -> str:
    """Where a platform delivers, below the address of this program."""
    return f"{base.rstrip('/')}/api/webhooks/{platform}/{hook_id}"


def problem_with(address: str, kind: type[Registrar], *, is_sandbox: bool) -> str:
    """Why a platform could not call an address, in a sentence; "" where nothing speaks against it.

    The sandbox calls this machine and nothing else.
    """
    parts = urlsplit(address)
    host = (parts.hostname or "").rstrip(".")
    if is_sandbox:
        return "" if parts.scheme == "http" and _is_here(host) else "The sandbox calls this machine only, by http."
    if parts.scheme != "https":
        return "The platform calls by https only. Set PUBLIC_URL to the https address that visitors use."
    if "." not in host or host.endswith(_INSIDE) or (_is_number(host) and not is_public(host)):
        return f"{host} cannot be reached from outside. Set PUBLIC_URL to the public address."
    if kind.has_no_port and parts.port is not None:
        return "This platform takes no address with a port. Set PUBLIC_URL to one without."
    return ""


def _is_here(host: str) -> bool:
    return host == "localhost" or (_is_number(host) and ipaddress.ip_address(host).is_loopback)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
