"""Refer somebody for a posting: the same guards as on the screen, each refusal in words."""

import uuid
from datetime import datetime
from typing import Annotated

from pydantic import StringConstraints
from starlette.exceptions import HTTPException

from actions.referrals import Refused, Wanted, colleague, refer
from api.answers import Answer
from api.endpoints import Asking, Endpoint
from api.problems import Unprocessable
from api.questions import Ref, Strict
from domain.referrals import LONGEST_EMAIL, LONGEST_NAME, LONGEST_NOTE

#: Wait this long after too many in one hour, in seconds.
_REST = "600"


class ReferralMade(Strict):
    """Whom to refer for which posting."""

    posting: Ref
    """The posting's id."""
    name: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME)]
    """The candidate's name."""
    email: Annotated[str, StringConstraints(min_length=3, max_length=LONGEST_EMAIL)]
    """The candidate's e-mail address."""
    note: Annotated[str, StringConstraints(max_length=LONGEST_NOTE)] = ""
    """A few words to them, for the invitation."""
    referrer: Annotated[str, StringConstraints(min_length=3, max_length=LONGEST_EMAIL)] | None = None
    """The e-mail address of the colleague who refers them; whoever made the key without one."""
    invite: bool = True
    """Whether an invitation is sent, where a mail server is set up and the address takes messages from us."""


class ReferralMadeAnswer(Answer):
    """A referral that was made. Its address is /r/ and the code; `invited` says whether an invitation is on its way."""

    id: uuid.UUID
    code: str
    status: str
    sent_at: datetime
    expires_at: datetime | None
    invited: bool
    detail: str


def make(asking: Asking, question: ReferralMade) -> ReferralMadeAnswer:
    """Refer somebody."""
    viewer = asking.viewer
    if question.referrer is not None:
        viewer = colleague(asking.store, viewer, question.referrer, now=asking.now)
    wanted = Wanted(
        uuid.UUID(question.posting),
        question.name,
        question.email,
        question.note,
        by_mail=question.invite,
        asked_by=asking.viewer.email,
    )
    try:
        made = refer(asking.store, viewer, wanted, now=asking.now)
    except Refused as refused:
        if refused.reason == "unusable":
            raise Unprocessable([{"parameter": refused.about or "name", "reason": str(refused)}]) from None
        if refused.reason == "often":
            raise HTTPException(429, str(refused), {"Retry-After": _REST}) from None
        raise HTTPException(409, str(refused)) from None
    return ReferralMadeAnswer(
        id=made.id,
        code=made.code,
        status=made.status,
        sent_at=made.sent_at,
        expires_at=made.expires_at,
        invited=bool(made.invited and made.invited.mail_id),
        detail=made.invited.words if made.invited else "",
    )


REFERRALS = (
    Endpoint(
        method="POST",
        path="/referrals",
        name="makeReferral",
        title="Refer somebody",
        about="For forms and chat programs of your own. Nobody refers themselves, a person is referred for a posting "
        "once, and nobody who applied is referred any more.",
        group="Records",
        scope="referrals:write",
        question=ReferralMade,
        answer=ReferralMadeAnswer,
        ask=make,
        status=201,
        refusals={
            404: "There is no such posting, or no such colleague.",
            409: "This person cannot be referred for it; the words say why.",
        },
    ),
)
