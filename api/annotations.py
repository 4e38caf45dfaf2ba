"""What happened: notes by hand, and what became of postings, for whoever draws charts of the numbers."""

import uuid
from datetime import date

from api.analytics import GROUP
from api.answers import Answer, PeriodAnswer, period_answer
from api.endpoints import Endpoint, Reading
from api.questions import DaysQuestion
from domain.periods import default_grain
from store.reports.annotations import list_annotations


class AnnotationAnswer(Answer):
    """Something that happened on a day. `kind`: hand (a note), opened, closed, reopened, archived, retitled."""

    day: date
    kind: str
    words: str
    posting_id: uuid.UUID | None
    posting_title: str
    by: str


class AnnotationsAnswer(Answer):
    """What happened in a period, by day."""

    period: PeriodAnswer
    annotations: list[AnnotationAnswer]


def annotations(reading: Reading, question: DaysQuestion) -> AnnotationsAnswer:
    """What happened in a period."""
    period = question.period(reading.today)
    return AnnotationsAnswer(
        period=period_answer(period, default_grain(period), reading.company),
        annotations=[
            AnnotationAnswer(
                day=note.day,
                kind=note.kind,
                words=note.words,
                posting_id=note.posting_id,
                posting_title=note.title,
                by=note.by,
            )
            for note in list_annotations(reading.session, reading.company, period)
        ],
    )


ANNOTATIONS = (
    Endpoint(
        method="GET",
        path="/analytics/annotations",
        name="listAnnotations",
        title="What happened: notes, and postings opened, closed, reopened, archived, retitled",
        about="What the marks on the dashboard's trend say.",
        group=GROUP,
        scope="metrics:read",
        question=DaysQuestion,
        answer=AnnotationsAnswer,
        ask=annotations,
        is_tool=True,
    ),
)
