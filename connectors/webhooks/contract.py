"""What a platform's webhooks are to us: a verifier over raw bytes, and a parser of what was verified.

A receiver never sees the database or the clock. It answers handshakes, refuses what is not signed, cuts a delivery down
to what is needed (no résumé, address or telephone number is ever stored), and says which applications it tells of.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Literal

SMALL, LARGE = 64 * 1024, 10 * 1024 * 1024


class Refused(Exception):
    """A delivery that is not taken: the HTTP status, a cause for the screen, and words for the sender."""

    def __init__(self, status: int, cause: str, words: str) -> None:
        super().__init__(words)
        self.status, self.cause, self.words = status, cause, words


@dataclass(frozen=True, slots=True)
class Request:
    """A delivery as it came. `headers` have lower-case names; `now` is UTC."""

    headers: Mapping[str, str]
    body: bytes
    now: datetime
    key: str = ""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A verified delivery. `ref` tells it from all others of its connection; where it could lead back to a person
    (`is_personal`), only its keyed digest is kept. `document` is what will be stored.
    """

    ref: str
    kind: str
    document: dict[str, Any]
    is_personal: bool = False


@dataclass(frozen=True, slots=True)
class HeardTouch:
    """What a delivery says of where an application came from. `code` is a referral code."""

    kind: Literal["declared", "utm", "referral"]
    platform: str = ""
    source: str = ""
    medium: str = ""
    campaign: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class HeardApplication:
    """An application that a delivery tells of. `postings` are what the posting may be called, the surest first.

    `stages` are (stage, instant); `refs` are (scope, name) as `store.writes.applications_told` has them.
    """

    stages: tuple[tuple[str, datetime], ...]
    refs: tuple[tuple[str, str], ...] = ()
    postings: tuple[str, ...] = ()
    title: str = ""
    name: str = ""
    email: str = ""
    touches: tuple[HeardTouch, ...] = ()


@dataclass(frozen=True, slots=True)
class Heard:
    """What a delivery means. `is_known` is False for a kind nobody has taught us; `note` is for the screen."""

    applications: tuple[HeardApplication, ...] = ()
    note: str = ""
    is_known: bool = True


class Receiver(ABC):
    """One platform's webhooks. The class attributes are the spec that screens and routes read."""

    platform: ClassVar[str]
    label: ClassVar[str]
    #: Who makes the secret: the platform, for an admin to copy here, or we, for an admin to copy there.
    made_by: ClassVar[Literal["platform", "us"]] = "platform"
    key_label: ClassVar[str] = "Secret"
    #: What an admin has to know before anything else, in a sentence or two.
    advice: ClassVar[str] = ""
    #: How the address is registered at the platform by hand, step by step. Where that is possible by a button, these
    #: are for who would rather not, or cannot.
    steps: ClassVar[tuple[str, ...]] = ()
    #: Whether the secret is the last part of the address, because the platform signs nothing.
    has_key_in_url: ClassVar[bool] = False
    max_bytes: ClassVar[int] = SMALL
    #: How to read a delivery's signature, for the documentation.
    signature: ClassVar[str] = ""

    @abstractmethod
    def verify(self, request: Request, secrets: Sequence[str]) -> None:
        """Raises Refused (401) unless one of the live secrets signed these very bytes."""

    @abstractmethod
    def read(self, request: Request) -> Delivery:
        """The delivery, cut down. Raises Refused (400) for anything that is not what the platform sends."""

    @abstractmethod
    def hear(self, kind: str, document: Mapping[str, Any], received_at: datetime) -> Heard:
        """What a stored delivery means. Raises ValueError where it cannot be understood."""

    def shake(self, query: Mapping[str, str], hook_id: str, secret: str) -> tuple[str, str] | None:
        """The answer to a handshake as (body, content type); None where this is none. Raises Refused."""
        del query, hook_id, secret
        return None
