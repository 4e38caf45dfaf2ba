"""Postings, applications and referrals one by one, page by page; personal data masked unless it is asked for."""

import uuid
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated

from starlette.exceptions import HTTPException

from actions.applicants import note_disclosure
from actions.viewer import NotFound
from api.analytics import unstamped
from api.answers import Answer, PeriodAnswer, camel, period_answer, shown
from api.cursors import Pager
from api.endpoints import Endpoint, Reading
from api.questions import DaysQuestion, OneOf, PageQuestion, PeriodQuestion, Plain, Platforms, Ref, Several
from domain.filters import Filters
from domain.periods import Period, default_grain
from domain.postings import NARROWING
from store.reports.applicants import (
    Applicants,
    list_applicants,
    list_referrals,
    opener,
)
from store.reports.postings import PostingRow, find_posting, list_postings
from store.tables.applicants import STAGES
from store.tables.platforms import POSTING_STATES
from store.tables.referrals import REFERRAL_STATES

GROUP = "Records"
PERSONAL = "applications:personal"


class PostingsQuestion(PeriodQuestion, PageQuestion):
    """Which postings, and the period of their numbers."""

    status: Annotated[str, OneOf(*POSTING_STATES)] | None = None
    """Only those in this state."""
    search: Plain | None = None
    """Only those with this text in title, requisition, department or location."""
    department: Several = ()
    """Only those of these departments, repeated."""
    location: Several = ()
    """Only those at these locations, repeated."""
    recruiter: Several = ()
    """Only those of these recruiters, repeated."""
    hiring_manager: Several = ()
    """Only those of these hiring managers, repeated."""


class PeopleQuestion(DaysQuestion, PageQuestion):
    """Base of questions about people."""

    posting: Ref | None = None
    """Only of this posting (its id)."""
    personal: bool = False
    """Names and addresses in full; needs the scope applications:personal, and is written into the audit log."""


class ApplicationsQuestion(PeopleQuestion):
    """Which applications; the period is that of applying."""

    platform: Platforms = ()
    """Only those that came by these platforms, repeated or with commas."""
    stage: Annotated[str, OneOf(*STAGES)] | None = None
    """Only those whose furthest stage this is."""
    referred: bool | None = None
    """Only those that a referral led to, or only the others."""


class ReferralsQuestion(PeopleQuestion):
    """Which referrals; the period is that of sending."""

    status: Annotated[str, OneOf(*REFERRAL_STATES)] | None = None
    """Only those in this state."""


class PostingAnswer(Answer):
    """A posting with its numbers in the period; a metric that is not there was not reported for it.

    `spend` is in minor units by currency.
    """

    id: uuid.UUID
    title: str
    requisition_ref: str
    department: str
    location: str
    recruiter: str
    hiring_manager: str
    status: str
    opened_on: date | None
    closed_on: date | None
    target_hires: int
    slug: str
    path: str
    path_pattern: str
    apply_url: str
    values: dict[str, int]
    by_platform: dict[str, dict[str, int]]
    spend: dict[str, int]


class PostingsAnswer(Answer):
    """Postings by title."""

    period: PeriodAnswer
    postings: list[PostingAnswer]
    next_cursor: str | None


class OnePostingAnswer(Answer):
    """One posting."""

    period: PeriodAnswer
    posting: PostingAnswer


class ApplicationAnswer(Answer):
    """One application of one person for one posting."""

    id: uuid.UUID
    external_ref: str
    posting_id: uuid.UUID | None
    posting_title: str
    candidate_name: str
    candidate_email: str
    platform: str
    source: str
    told_by: str
    stage: str
    applied_at: datetime
    reached_at: dict[str, datetime]


class ApplicationsAnswer(Answer):
    """Applications, newest first."""

    period: PeriodAnswer
    applications: list[ApplicationAnswer]
    next_cursor: str | None


class ReferralAnswer(Answer):
    """One recommendation; the reward in minor units.

    `ended` is why it counts no more (merged, declined, withdrawn), "" while it does.
    """

    id: uuid.UUID
    posting_id: uuid.UUID | None
    posting_title: str
    referrer_name: str
    candidate_name: str
    candidate_email: str
    status: str
    ended: str
    sent_at: datetime
    converted_at: datetime | None
    reward_status: str
    reward_minor: int
    reward_currency: str


class ReferralsAnswer(Answer):
    """Referrals, newest first."""

    period: PeriodAnswer
    referrals: list[ReferralAnswer]
    next_cursor: str | None


def postings(reading: Reading, question: PostingsQuestion) -> PostingsAnswer:
    """Postings by title."""
    period = question.period(reading.today)
    pager = Pager(reading.store, question, "postings", reading.company.id)
    rows = list_postings(
        reading.session,
        reading.company,
        period,
        question.filters,
        status=question.status or "",
        search=question.search or "",
        narrowed={name: getattr(question, name) for name in NARROWING},
        after=(pager.after[0], pager.after[1]) if pager.after else None,
        limit=pager.wanted,
    )
    page, following = pager.cut(rows, lambda row: (row.title, row.number))
    return PostingsAnswer(
        period=period_answer(period, default_grain(period), reading.company),
        postings=[_posting(row) for row in page],
        next_cursor=following,
    )


def posting(reading: Reading, question: PeriodQuestion) -> OnePostingAnswer:
    """One posting of the company."""
    try:
        wanted = uuid.UUID(reading.path["posting_id"])
    except ValueError:
        raise NotFound("There is no such posting.") from None
    period = question.period(reading.today)
    row = find_posting(reading.session, reading.company, period, question.filters, wanted)
    if row is None:
        raise NotFound("There is no such posting.")
    return OnePostingAnswer(period=period_answer(period, default_grain(period), reading.company), posting=_posting(row))


def applications(reading: Reading, question: ApplicationsQuestion) -> ApplicationsAnswer:
    """Applications of the period, newest first."""
    period = _permitted(reading, question)
    pager = Pager(reading.store, question, "applications", reading.company.id, period)
    rows = list_applicants(
        reading.session,
        reading.company,
        Applicants(period, Filters(question.platform), question.stage or "", _id(question.posting), question.referred),
        opener(reading.store.vault, "applications", personal=question.personal),
        after=pager.after,
        limit=pager.wanted,
    )
    page, following = pager.cut(rows, lambda row: (row.applied_at, row.id))
    _note_look(reading, question, [row.id for row in page])
    return ApplicationsAnswer(
        period=period_answer(period, default_grain(period), reading.company),
        applications=[shown(row, ApplicationAnswer) for row in page],
        next_cursor=following,
    )


def referrals(reading: Reading, question: ReferralsQuestion) -> ReferralsAnswer:
    """Referrals of the period, newest first: for who is no admin their own, as on their screen."""
    period = _permitted(reading, question)
    pager = Pager(reading.store, question, "referrals", reading.company.id, period)
    rows = list_referrals(
        reading.session,
        reading.company,
        Applicants(period, Filters(), question.status or "", _id(question.posting)),
        opener(reading.store.vault, "referrals", personal=question.personal),
        after=pager.after,
        limit=pager.wanted,
        referrer_id=None if reading.viewer.is_admin else reading.viewer.user_id,
    )
    page, following = pager.cut(rows, lambda row: (row.sent_at, row.id))
    _note_look(reading, question, [row.id for row in page])
    return ReferralsAnswer(
        period=period_answer(period, default_grain(period), reading.company),
        referrals=[shown(row, ReferralAnswer) for row in page],
        next_cursor=following,
    )


def _permitted(reading: Reading, question: PeopleQuestion) -> Period:
    """The period asked. Raises 403 where names are asked for in full without the right to."""
    if question.personal and PERSONAL not in reading.caller.scopes:
        raise HTTPException(403, f"Names and addresses in full need the scope {PERSONAL}.")
    return question.period(reading.today)


def _note_look(reading: Reading, question: PeopleQuestion, seen: list[uuid.UUID]) -> None:
    """Write down whose names and addresses are about to be told in full."""
    if question.personal:
        note_disclosure(reading.store, reading.viewer, type(question).__name__, seen, now=reading.now)


def _posting(row: PostingRow) -> PostingAnswer:
    values = {camel(name): value for name, value in row.values.items()}
    by_platform = {key: {camel(name): value for name, value in told.items()} for key, told in row.by_platform.items()}
    return shown(replace(row, values=values, by_platform=by_platform), PostingAnswer)


def _id(text: str | None) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None


RECORDS = (
    Endpoint(
        method="GET",
        path="/postings",
        name="listPostings",
        title="Postings with their numbers",
        group=GROUP,
        scope="metrics:read",
        question=PostingsQuestion,
        answer=PostingsAnswer,
        ask=postings,
        stamp=unstamped,
        is_tool=True,
    ),
    Endpoint(
        method="GET",
        path="/postings/{posting_id}",
        name="getPosting",
        title="One posting with its numbers",
        group=GROUP,
        scope="metrics:read",
        question=PeriodQuestion,
        answer=OnePostingAnswer,
        ask=posting,
        stamp=unstamped,
        refusals={404: "There is no such posting."},
    ),
    Endpoint(
        method="GET",
        path="/applications",
        name="listApplications",
        title="Applications, newest first",
        about="Names and addresses are masked. With `personal=true` and the scope `applications:personal` they are "
        "told in full, and the look is written into the audit log.",
        group=GROUP,
        scope="applications:read",
        question=ApplicationsQuestion,
        answer=ApplicationsAnswer,
        ask=applications,
    ),
    Endpoint(
        method="GET",
        path="/referrals",
        name="listReferrals",
        title="Referrals, newest first",
        about="All of the company for admins, for anybody else their own. Candidates are masked as applicants are.",
        group=GROUP,
        scope="applications:read",
        question=ReferralsQuestion,
        answer=ReferralsAnswer,
        ask=referrals,
    ),
)
