"""Applications from other programs: told again in any order, they are entered once."""

from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, Field, StringConstraints

from actions.applications import Given, tell
from api.answers import Answer
from api.endpoints import Asking, Endpoint
from api.problems import Unprocessable
from api.questions import OneOf, Strict
from domain.attribution import ENDS, LADDER

MOST_AT_ONCE = 500
_SAME = ("ref", "posting", "name", "email", "source", "campaign", "link", "referral")
_Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=300)]


class StageQuestion(Strict):
    """A stage and when it was reached."""

    stage: Annotated[str, OneOf(*LADDER, *ENDS)]
    """Which stage."""
    at: AwareDatetime
    """The instant, with its offset from UTC."""


class ApplicationQuestion(Strict):
    """One application, as far as you know it. Names and addresses are stored encrypted."""

    ref: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    """Your own id of it: told again under the same one, it is the same application."""
    stages: Annotated[tuple[StageQuestion, ...], Field(min_length=1, max_length=20)]
    """The stages it has reached; the earliest of each counts."""
    posting: _Words = ""
    """The posting's requisition number, or its id on your career site."""
    posting_title: _Words = ""
    """The posting's title, where there is no number."""
    name: _Words = ""
    """The applicant's name."""
    email: Annotated[str, StringConstraints(strip_whitespace=True, max_length=320)] = ""
    """The applicant's e-mail; with the posting it tells the same person's application from another source."""
    source: _Words = ""
    """Where the applicant says, or your system knows, that they came from: "Indeed", "Referral", a UTM source."""
    campaign: _Words = ""
    """The UTM campaign they came by."""
    link: _Words = ""
    """The slug of the tracked link they came by."""
    referral: _Words = ""
    """The code of the referral they came by."""


class ApplicationsTold(Strict):
    """Applications to enter, at most 500 at a time."""

    applications: Annotated[tuple[ApplicationQuestion, ...], Field(min_length=1, max_length=MOST_AT_ONCE)]
    """Each is entered once, however often it is told."""


class EnteredAnswer(Answer):
    """How many were new, and how many were known already."""

    inserted: int
    known: int


def enter(asking: Asking, question: ApplicationsTold) -> EnteredAnswer:
    """Enter applications; days they count on are due at once."""
    given = [_given(one) for one in question.applications]
    try:
        entered = tell(asking.store, asking.viewer, given, now=asking.now)
    except ValueError as error:
        raise Unprocessable([{"parameter": "applications", "reason": str(error)}]) from None
    return EnteredAnswer(inserted=entered.inserted, known=entered.known)


def _given(one: ApplicationQuestion) -> Given:
    stages: list[tuple[str, datetime]] = [(each.stage, each.at) for each in one.stages]
    same: dict[str, Any] = {name: getattr(one, name) for name in _SAME}
    return Given(stages=stages, title=one.posting_title, **same)


INTAKE = (
    Endpoint(
        method="POST",
        path="/applications",
        name="tellApplications",
        title="Tell of applications",
        about="For applicant systems and forms of your own. Told again, or with more stages, an application is the same"
        " one; its source is what says most surely where it came from.",
        group="Records",
        scope="applications:write",
        question=ApplicationsTold,
        answer=EnteredAnswer,
        ask=enter,
    ),
)
