"""The general question: any metric by any dimension, grain and filter; and the dictionary of what there is to ask."""

import uuid
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, UnsetType
from pydantic import BeforeValidator, Field
from sqlalchemy import select
from sqlmodel import col

from api.analytics import GROUP, unstamped
from api.answers import Answer, PeriodAnswer, period_answer, shown
from api.cursors import Pager
from api.endpoints import Endpoint, Reading
from api.problems import Unprocessable
from api.questions import MetricName, Nothing, OneOf, PageQuestion, PeriodQuestion, Ref, Several, parted
from domain.access import SCOPES
from domain.metrics import METRICS
from domain.platforms import PLATFORMS
from store.reports.query import DIMENSIONS, Query, QueryRow, Unanswerable, run_query
from store.tables import JobPosting

_FREE = ("department", "location", "recruiter", "hiring_manager", "source", "medium", "campaign", "paid")


class QueryQuestion(PeriodQuestion, PageQuestion):
    """Metrics, what to split them by, and what to narrow them to."""

    metric: Annotated[tuple[MetricName, ...], BeforeValidator(parted), Field(min_length=1)]
    """What to count, repeated or with commas; see /api/metrics."""
    grain: Literal["total", "day", "week", "month"] = "total"
    """One row for the whole period, or one for each day, ISO week or month, cut at the period's ends."""
    breakdown: Annotated[
        tuple[Annotated[str, OneOf(*DIMENSIONS)], ...], BeforeValidator(parted), Field(max_length=3)
    ] = ()
    """What to split by, repeated or with commas."""
    posting: Annotated[tuple[Ref, ...], Field(max_length=50)] = ()
    """Only these postings (ids), repeated."""
    department: Several = ()
    """Only postings of these departments, repeated."""
    location: Several = ()
    """Only postings at these locations, repeated."""
    recruiter: Several = ()
    """Only postings of these recruiters, repeated."""
    hiring_manager: Several = ()
    """Only postings of these hiring managers, repeated."""
    source: Several = ()
    """Only these UTM sources below a platform, repeated."""
    medium: Several = ()
    """Only these UTM mediums below a platform, repeated."""
    campaign: Several = ()
    """Only these campaigns below a platform, repeated."""
    paid: Several = ()
    """Only these kinds (sponsored, organic) below a platform, repeated."""


class PostingRefAnswer(Answer):
    """A posting by name."""

    id: uuid.UUID
    title: str
    requisition_ref: str


class QueryRowAnswer(Answer):
    """One bucket, combination of dimensions, metric and currency. Only the dimensions asked for are there.

    A null posting is what platforms tell of postings that wait to be linked. No row: nothing was read.
    """

    from_: date = msgspec.field(name="from")
    to: date
    metric: str
    value: int
    currency: str | None
    covered_days: int | None
    is_provisional: bool
    platform: str | UnsetType = UNSET
    posting: PostingRefAnswer | UnsetType | None = UNSET
    department: str | UnsetType = UNSET
    location: str | UnsetType = UNSET
    recruiter: str | UnsetType = UNSET
    hiring_manager: str | UnsetType = UNSET
    source: str | UnsetType = UNSET
    medium: str | UnsetType = UNSET
    campaign: str | UnsetType = UNSET
    paid: str | UnsetType = UNSET


class QueryAnswer(Answer):
    """A page of rows in the order of bucket, dimensions and metric."""

    period: PeriodAnswer
    rows: list[QueryRowAnswer]
    next_cursor: str | None


class MetricAnswer(Answer):
    """What is counted. `addsOver` names what a sum over makes sense."""

    name: str
    label: str
    unit: str
    adds_over: list[str]
    date_basis: str
    meaning: str


class NamedAnswer(Answer):
    """A name and what it stands for."""

    name: str
    label: str


class DictionaryAnswer(Answer):
    """Everything that can be asked for by name."""

    metrics: list[MetricAnswer]
    platforms: list[NamedAnswer]
    dimensions: list[str]
    scopes: list[NamedAnswer]


def query(reading: Reading, question: QueryQuestion) -> QueryAnswer:
    """Any metric × breakdown × grain × filter."""
    period = question.period(reading.today)
    asked = _query(reading, question)
    pager = Pager(reading.store, question, "query", reading.company.id, period)
    rows = run_query(reading.session, reading.company, asked, after=pager.after, limit=pager.wanted)
    page, following = pager.cut(rows, lambda row: row.key)
    names = _postings(reading, asked, page)
    return QueryAnswer(
        period=period_answer(period, question.grain, reading.company),
        rows=[_row(row, asked, names) for row in page],
        next_cursor=following,
    )


def _query(reading: Reading, question: QueryQuestion) -> Query:
    narrowed: dict[str, tuple[Any, ...]] = {
        name: tuple(dict.fromkeys(getattr(question, name))) for name in _FREE if getattr(question, name)
    }
    if question.platform:
        narrowed["platform"] = question.platform
    if question.posting:
        narrowed["posting"] = _numbers(reading, question.posting)
    try:
        return Query(
            metrics=question.metric,
            period=question.period(reading.today),
            grain=question.grain,
            breakdown=question.breakdown,
            narrowed=narrowed,
        )
    except Unanswerable as error:
        raise Unprocessable([{"parameter": "metric", "reason": str(error)}]) from None


def _numbers(reading: Reading, ids: tuple[str, ...]) -> tuple[int, ...]:
    """The numbers of postings of the company; others are as good as none."""
    wanted = select(col(JobPosting.number)).where(
        col(JobPosting.company_id) == reading.company.id, col(JobPosting.id).in_([uuid.UUID(each) for each in ids])
    )
    return tuple(reading.session.execute(wanted).scalars())


def _postings(reading: Reading, asked: Query, page: Sequence[QueryRow]) -> dict[int, PostingRefAnswer]:
    if "posting" not in asked.breakdown:
        return {}
    at = asked.breakdown.index("posting")
    wanted = select(
        col(JobPosting.number), col(JobPosting.id), col(JobPosting.title), col(JobPosting.requisition_ref)
    ).where(
        col(JobPosting.company_id) == reading.company.id,
        col(JobPosting.number).in_({row.dimensions[at] for row in page}),
    )
    return {
        number: PostingRefAnswer(id=key, title=title, requisition_ref=ref)
        for number, key, title, ref in reading.session.execute(wanted)
    }


def _row(row: QueryRow, asked: Query, names: dict[int, PostingRefAnswer]) -> QueryRowAnswer:
    dimensions: dict[str, Any] = dict(zip(asked.breakdown, row.dimensions, strict=True))
    if "posting" in dimensions:
        dimensions["posting"] = names.get(dimensions["posting"])
    return QueryRowAnswer(
        from_=row.start,
        to=row.end,
        metric=row.metric,
        value=row.value,
        currency=row.currency or None,
        covered_days=row.covered_days,
        is_provisional=row.is_provisional,
        **dimensions,
    )


def dictionary(_reading: Reading, _question: Nothing) -> DictionaryAnswer:
    """What there is to ask."""
    return DictionaryAnswer(
        metrics=[
            msgspec.structs.replace(shown(metric, MetricAnswer), adds_over=sorted(metric.adds_over))
            for metric in METRICS
        ],
        platforms=[NamedAnswer(name=platform.key, label=platform.label) for platform in PLATFORMS],
        dimensions=list(DIMENSIONS),
        scopes=[NamedAnswer(name=scope.name, label=scope.meaning) for scope in SCOPES],
    )


QUERIES = (
    Endpoint(
        method="GET",
        path="/analytics/query",
        name="query",
        title="Any metric by any breakdown, grain and filter",
        about="Rows are long: one for each bucket, combination of dimensions, metric and currency. By posting and "
        "below a platform (source, medium, campaign, paid) coverage is not told. What lies below a platform is from "
        "its own reports, and need not sum to its total.",
        group=GROUP,
        scope="metrics:read",
        question=QueryQuestion,
        answer=QueryAnswer,
        ask=query,
        stamp=unstamped,
        is_tool=True,
    ),
    Endpoint(
        method="GET",
        path="/metrics",
        name="getDictionary",
        title="The dictionary: metrics, platforms, dimensions, scopes",
        group=GROUP,
        scope="metrics:read",
        answer=DictionaryAnswer,
        ask=dictionary,
        stamp=unstamped,
        is_tool=True,
    ),
)
