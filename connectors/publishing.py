"""What a platform can be told: capabilities beside `MetricsSource`, carried out by the outbox and by nothing else.

A `Publisher` puts a posting of ours on its platform, changes it and takes it off; `Outcomes` tells a platform what
became of its applicants. A connector neither repeats a request nor remembers one: the outbox keeps what was asked for,
and looks an unknown outcome up before anything is sent again.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from connectors.contract import ConfigT, Connector
from connectors.errors import ConnectorError
from domain.adverts import Advert

#: What a platform says of a posting we published: being looked at, shown, taken off, refused after all.
Status = Literal["pending", "live", "closed", "rejected"]


class Draft(BaseModel):
    """Our posting with everything a platform may need; what the outbox keeps until it is sent.

    `ref` is ours, made for one posting at one connection, at most 64 characters, and never changes: by it the
    platform tells the same posting from another. `apply_url` counts the visit and leads to where one applies.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    ref: str = Field(min_length=1, max_length=64)
    requisition_ref: str = ""
    title: str = ""
    company: str = ""
    department: str = ""
    apply_url: str = ""
    opened_on: date | None = None
    boost: str = ""
    advert: Advert = Advert()


@dataclass(frozen=True, slots=True)
class Published:
    """A posting as the platform has it. `handles` are its further ids, needed to speak of it later.

    `status` is "pending" where the platform takes its time or does not say; `detail` is the platform's own words.
    """

    ref: str
    status: Status = "pending"
    detail: str = ""
    handles: Mapping[str, str] = field(default_factory=dict)


class Refused(ConnectorError):
    """The platform refuses what a person wrote. `problems` are its words by the name of our field, "" for the whole.

    `accepted` is the posting where the platform took it in spite of them (its questions were refused).
    """

    default_cause = "content_refused"

    def __init__(self, problems: Mapping[str, str], detail: str = "", *, accepted: Published | None = None) -> None:
        super().__init__(detail or next(iter(problems.values()), ""))
        self.problems = {name: words[:500] for name, words in problems.items()}
        self.accepted = accepted


class Publisher(Connector[ConfigT]):
    """A platform on which postings can be published.

    `finds` is False where the platform has no way to look a posting up by our reference but promises that the same
    reference never makes a second one: sending again is then the look-up. `boosts` are what a person may choose to
    have a posting shown more, dearest last. `wanted` are the fields without which the platform refuses for certain:
    names of `Draft` and of its advert, each with what to do about it.
    """

    finds: ClassVar[bool] = True
    boosts: ClassVar[tuple[str, ...]] = ()
    wanted: ClassVar[Mapping[str, str]] = {}

    @classmethod
    def problems(cls, draft: Draft) -> dict[str, str]:
        """What the platform refuses for certain, by our field: known before anything is sent."""
        return {name: words for name, words in cls.wanted.items() if not value_of(draft, name)}

    @abstractmethod
    def publish(self, draft: Draft) -> Published:
        """Put a posting on the platform that is not there yet. Raises Refused or another ConnectorError."""

    @abstractmethod
    def update(self, draft: Draft, handles: Mapping[str, str]) -> Published:
        """Bring a published posting up to date; doing so twice is the same. Raises as `publish`."""

    @abstractmethod
    def close(self, draft: Draft, handles: Mapping[str, str]) -> Published:
        """Take a posting off; one that is off already is no error. Raises ConnectorError."""

    @abstractmethod
    def find(self, draft: Draft) -> Published | None:
        """The posting by our reference, None when the platform has none. Only where `finds`. Raises ConnectorError."""

    @abstractmethod
    def status(self, draft: Draft, handles: Mapping[str, str]) -> Published | None:
        """How the posting stands; None where the platform does not tell. Raises ConnectorError."""

    @classmethod
    def publishes(cls, settings: Mapping[str, object]) -> bool:  # noqa: ARG003
        """Whether a connection with these settings (its form without secrets) was set up to publish."""
        return True


def value_of(draft: Draft, name: str) -> object:
    """A field of a draft or of its advert."""
    return getattr(draft, name) if name in Draft.model_fields else getattr(draft.advert, name)


class Outcome(BaseModel):
    """One stage that an applicant of the platform reached. `application_ref` is the platform's own id; nothing else
    says who it is. `reason` is why somebody was turned down, in the platform's words where we know it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    application_ref: str = Field(min_length=1, max_length=300)
    stage: str
    at: datetime
    reason: str = ""


class Outcomes(Connector[ConfigT]):
    """A platform that wants to know what became of the applicants it sent.

    Telling it the same stage of the same applicant at the same instant again says nothing new, so an outcome whose
    sending ended unknown is sent again.
    """

    outcomes_per_call: ClassVar[int] = 1

    @abstractmethod
    def send_outcomes(self, outcomes: Sequence[Outcome]) -> list[str]:
        """Tell outcomes, at most `outcomes_per_call`, oldest first. One text each: "", or why the platform does not
        take it. Raises ConnectorError when none was taken."""

    @classmethod
    def tells_outcomes(cls, settings: Mapping[str, object]) -> bool:
        """Whether a connection with these settings (its form without secrets) was set up to tell outcomes."""
        return bool(settings.get("tells_outcomes", True))
