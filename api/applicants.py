"""One application with its history, stages set by hand, one or many at a time, and a company's words for stages."""

import uuid
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, Field, StringConstraints
from starlette.exceptions import HTTPException

from actions.applicants import (
    MOST_AT_ONCE,
    ChangeDone,
    Wanted,
    change_stage,
    note_disclosure,
    set_stage_word,
    undo_change,
)
from actions.viewer import NotFound
from api.answers import Answer, shown
from api.endpoints import Asking, Endpoint, Reading
from api.problems import Unprocessable
from api.questions import OneOf, Plain, Ref, Strict
from api.records import GROUP, PERSONAL, ApplicationAnswer
from domain.stages import STAGES
from store.reports.applicant import get_applicant
from store.reports.applicants import opener
from store.reports.stages import list_stage_words

#: As many as fit a body.
MOST_OF_A_REQUEST = 1000
_UNKNOWN = "There is no such application."


class ApplicantQuestion(Strict):
    """One application."""

    personal: bool = False
    """Name and address in full; needs the scope applications:personal, and is written into the audit log."""


class StageSetQuestion(Strict):
    """To which stage, and since when."""

    stage: Annotated[str, OneOf(*STAGES)]
    """The stage it stands at, also one before the present one."""
    at: AwareDatetime | None = None
    """When it was reached, with its offset from UTC. Without it, the instant that is known stays, else it is now."""


class StagesSetQuestion(StageSetQuestion):
    """The same for many."""

    applications: Annotated[tuple[Ref, ...], Field(min_length=1, max_length=MOST_OF_A_REQUEST)]
    """Ids of applications."""
    moves_dates: bool = False
    """Whether `at` is also set where the stage was reached before."""


class StageWordQuestion(Strict):
    """What words of your applicant system stand for."""

    words: Annotated[Plain, StringConstraints(strip_whitespace=True)]
    """The system's name of a stage; case, hyphens and spaces do not matter."""
    stage: Annotated[str, OneOf("", *STAGES)] | None = None
    """Our stage, "" for none of them; null leaves the words to the usual reading again."""


class StageToldAnswer(Answer):
    """One report of a stage; `counts` marks what dates it, `isTakenBack` says that a person took the stage back."""

    stage: str
    at: datetime | None
    told_by: str
    teller: str
    told_at: datetime | None
    counts: bool
    is_taken_back: bool
    change_id: uuid.UUID | None


class TouchAnswer(Answer):
    """One thing that says where the application came from; `owns` marks the one that it counts for."""

    kind: str
    at: datetime
    platform: str
    source: str
    medium: str
    campaign: str
    link: str
    referral: str
    owns: bool


class LedHereAnswer(Answer):
    """A referral that led to the application."""

    id: uuid.UUID
    referrer_name: str
    sent_at: datetime
    status: str


class OneApplicationAnswer(Answer):
    """One application with everything that was told of it."""

    application: ApplicationAnswer
    posting_ref: str
    history: list[StageToldAnswer]
    touches: list[TouchAnswer]
    referrals: list[LedHereAnswer]


class StageSetAnswer(Answer):
    """What the change did; `refused` counts applications left as they are, by reason."""

    change_id: uuid.UUID
    changed: int
    unchanged: int
    refused: dict[str, int]


class UndoneAnswer(Answer):
    """Of how many applications a change was taken back."""

    undone: int


class StageWordAnswer(Answer):
    """What words stand for; "" for no stage of ours."""

    words: str
    stage: str


class StageWordsAnswer(Answer):
    """All words of the company."""

    words: list[StageWordAnswer]


def application(reading: Reading, question: ApplicantQuestion) -> OneApplicationAnswer:
    """One application of the company."""
    if question.personal and PERSONAL not in reading.caller.scopes:
        raise HTTPException(403, f"Names and addresses in full need the scope {PERSONAL}.")
    open_both = opener(reading.store.vault, "applications", personal=question.personal)
    found = get_applicant(reading.session, reading.company, _path_id(reading, "application_id"), open_both)
    if found is None:
        raise NotFound(_UNKNOWN)
    if question.personal:
        note_disclosure(reading.store, reading.viewer, "application", [found.row.id], now=reading.now)
    return OneApplicationAnswer(
        application=shown(found.row, ApplicationAnswer),
        posting_ref=found.posting_ref,
        history=[shown(told, StageToldAnswer) for told in found.history],
        touches=[shown(touch, TouchAnswer) for touch in found.touches],
        referrals=[shown(referral, LedHereAnswer) for referral in found.referrals],
    )


def set_stage(asking: Asking, question: StageSetQuestion) -> StageSetAnswer:
    """Set the stage of one application."""
    wanted = Wanted(question.stage, question.at, moves_dates=True)
    one = _path_id(asking, "application_id")
    done = _worded("at", lambda: change_stage(asking.store, asking.viewer, [one], wanted, now=asking.now))
    if done.refused.get("unknown"):
        raise NotFound(_UNKNOWN)
    if done.refused:
        raise Unprocessable([{"parameter": "at", "reason": "lies before applying, or before an earlier stage"}])
    return _done(done)


def set_stages(asking: Asking, question: StagesSetQuestion) -> StageSetAnswer:
    """Set the stage of many applications."""
    wanted = Wanted(question.stage, question.at, moves_dates=question.moves_dates)
    ids = [uuid.UUID(one) for one in question.applications]
    return _done(_worded("at", lambda: change_stage(asking.store, asking.viewer, ids, wanted, now=asking.now)))


def undo(asking: Asking, _question: Strict) -> UndoneAnswer:
    """Take a change back."""
    change_id = _path_id(asking, "change_id")
    try:
        return UndoneAnswer(undone=undo_change(asking.store, asking.viewer, change_id, now=asking.now))
    except ValueError as error:
        raise HTTPException(409, str(error)) from None


def stage_words(reading: Reading, _question: Strict) -> StageWordsAnswer:
    """Words in their order."""
    found = list_stage_words(reading.session, reading.company.id)
    return StageWordsAnswer(words=[StageWordAnswer(words=words, stage=stage) for words, stage in found.items()])


def set_word(asking: Asking, question: StageWordQuestion) -> StageWordAnswer:
    """Say what words stand for."""
    kept = _worded(
        "words", lambda: set_stage_word(asking.store, asking.viewer, question.words, question.stage, now=asking.now)
    )
    return StageWordAnswer(words=kept, stage=question.stage or "")


Made = TypeVar("Made")


def _worded(parameter: str, act: Callable[[], Made]) -> Made:
    """What an action made; its refusal in words as one of a parameter."""
    try:
        return act()
    except ValueError as error:
        raise Unprocessable([{"parameter": parameter, "reason": str(error)}]) from None


def _done(done: ChangeDone) -> StageSetAnswer:
    return StageSetAnswer(
        change_id=done.change_id, changed=done.changed, unchanged=done.unchanged, refused=done.refused
    )


def _path_id(asking: Asking, name: str) -> uuid.UUID:
    try:
        return uuid.UUID(asking.path[name])
    except ValueError:
        raise NotFound("There is nothing of this id.") from None


APPLICANTS = (
    Endpoint(
        method="GET",
        path="/applications/{application_id}",
        name="getApplication",
        title="One application with its history",
        about="Every report of its stages with who told it, everything that says where it came from, and which of that "
        "it counts for. Name and address are masked, as in the list.",
        group=GROUP,
        scope="applications:read",
        question=ApplicantQuestion,
        answer=OneApplicationAnswer,
        ask=application,
        refusals={404: _UNKNOWN},
    ),
    Endpoint(
        method="POST",
        path="/applications/{application_id}/stage",
        name="setStage",
        title="Set an application's stage",
        about="What you set goes before what any system tells, also a step back: what it told of the stages behind it, "
        "up to now, counts no more. What happens afterwards counts again.",
        group=GROUP,
        scope="applications:write",
        question=StageSetQuestion,
        answer=StageSetAnswer,
        ask=set_stage,
        refusals={404: _UNKNOWN},
    ),
    Endpoint(
        method="POST",
        path="/stage-changes",
        name="setStages",
        title="Set the stage of many applications",
        about=f"At most {MOST_OF_A_REQUEST} at a time. One change, which is taken back as one.",
        group=GROUP,
        scope="applications:write",
        question=StagesSetQuestion,
        answer=StageSetAnswer,
        ask=set_stages,
    ),
    Endpoint(
        method="POST",
        path="/stage-changes/{change_id}/undo",
        name="undoStages",
        title="Take a change of stages back",
        group=GROUP,
        scope="applications:write",
        answer=UndoneAnswer,
        ask=undo,
        refusals={404: "There is no such change.", 409: "It was taken back already."},
    ),
    Endpoint(
        method="GET",
        path="/stage-words",
        name="listStageWords",
        title="What words for stages stand for",
        group=GROUP,
        scope="applications:read",
        answer=StageWordsAnswer,
        ask=stage_words,
    ),
    Endpoint(
        method="POST",
        path="/stage-words",
        name="setStageWord",
        title="Say what a word for a stage stands for",
        about="For imports from now on: what was imported before stays as it is.",
        group=GROUP,
        scope="applications:write",
        question=StageWordQuestion,
        answer=StageWordAnswer,
        ask=set_word,
    ),
)
assert MOST_OF_A_REQUEST <= MOST_AT_ONCE
