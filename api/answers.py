"""Answers about numbers: camelCase keys, days as YYYY-MM-DD, instants in UTC, null for what was never read.

The types are the documentation too: OpenAPI's schemas are made from them.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import TypeVar

import msgspec

from domain.periods import Comparison, Grain, Period
from store.reports.scope import CompanyScope
from store.reports.shapes import Card, Dashboard, FunnelStep, Performance, SourceRow, Trend
from store.reports.sources import SourceBreakdown


class Answer(msgspec.Struct, rename="camel", kw_only=True):
    """Base of all answers."""


Shown = TypeVar("Shown", bound=Answer)


def shown(row: object, kind: type[Shown]) -> Shown:
    """A report's row as an answer that has fields of the same names."""
    return msgspec.convert(row, kind, from_attributes=True)


class PeriodAnswer(Answer):
    """The days asked for, `to` not included, in the company's zone."""

    from_: date = msgspec.field(name="from")
    to: date
    last_day: date
    days: int
    grain: str
    time_zone: str


class ComparedAnswer(Answer):
    """The complete days a change is measured on, and as many days before; null where nothing is fair to compare."""

    from_: date | None = msgspec.field(name="from")
    to: date | None
    previous_from: date | None
    previous_to: date | None


class CardAnswer(Answer):
    """One figure. Money is in minor units of `currency`; rates carry their terms."""

    id: str
    title: str
    unit: str
    currency: str | None
    value: float | int | None
    compared: float | int | None
    previous: float | int | None
    change_ratio: float | None
    numerator: int | None
    denominator: int | None
    platforms: tuple[str, ...]
    note: str | None
    comparison: ComparedAnswer


class SourceAnswer(Answer):
    """What one platform brought; the percentages of an answer sum to 100.00."""

    platform: str
    label: str
    applications: int | None
    percentage: float | None


class TrendPointAnswer(Answer):
    """Applications of one platform in one bucket; null is a gap."""

    day: date
    platform: str
    label: str
    applications: int | None
    is_partial: bool
    is_provisional: bool


class FunnelStepAnswer(Answer):
    """One stage: everything that reached it in the period, and its rate of the stage before."""

    stage: str
    label: str
    value: int | None
    rate: float | None
    platforms: tuple[str, ...]


class PerformanceAnswer(Answer):
    """How fast hiring goes and what it costs, in minor units of `currency`."""

    median_days_to_first_application: float | None
    median_days_to_hire: float | None
    hires_measured: int
    postings_measured: int
    open_postings: int
    applications_per_posting: float | None
    cost_per_application_minor: int | None
    cost_per_hire_minor: int | None
    currency: str | None
    cost_platforms: tuple[str, ...]


class DashboardAnswer(Answer):
    """Everything the dashboard shows."""

    period: PeriodAnswer
    metrics: list[CardAnswer]
    source_breakdown: list[SourceAnswer]
    application_trends: list[TrendPointAnswer]
    hiring_funnel: list[FunnelStepAnswer]
    performance_metrics: PerformanceAnswer
    last_updated: datetime | None


class BelowAnswer(Answer):
    """One source, campaign or kind of posting below a platform. Rows explain the platform and need not sum to it."""

    kind: str
    source: str
    medium: str
    campaign: str
    counted_under: str | None
    currency: str | None
    values: dict[str, int]


class PlatformAnswer(SourceAnswer):
    """What one platform brought, how it stands, and what lies below it."""

    previous: int | None
    covered_days: int
    is_provisional: bool
    last_synced_at: datetime | None
    state: str
    reason: str
    sources: list[BelowAnswer]


class BreakdownAnswer(Answer):
    """Every platform of the period."""

    period: PeriodAnswer
    platforms: list[PlatformAnswer]
    last_updated: datetime | None


class PointAnswer(Answer):
    """One bucket of a line, `to` not included; a null value is a gap."""

    from_: date = msgspec.field(name="from")
    to: date
    value: int | None
    is_partial: bool
    is_provisional: bool


class LineAnswer(Answer):
    """One platform's line in one currency."""

    platform: str
    label: str
    currency: str | None
    points: list[PointAnswer]


class SeriesAnswer(Answer):
    """One metric over time."""

    period: PeriodAnswer
    metric: str
    unit: str
    series: list[LineAnswer]


class FunnelAnswer(Answer):
    """The hiring funnel."""

    period: PeriodAnswer
    stages: list[FunnelStepAnswer]


class SpeedAnswer(Answer):
    """Speed and cost of hiring."""

    period: PeriodAnswer
    performance: PerformanceAnswer


class TotalAnswer(Answer):
    """A metric's total and the days it was read on."""

    metric: str
    value: int
    currency: str | None
    covered_days: int
    is_provisional: bool


class WebsiteAnswer(Answer):
    """What the company's own site saw, and by which source."""

    period: PeriodAnswer
    totals: list[TotalAnswer]
    sources: list[BelowAnswer]


def period_answer(period: Period, grain: Grain | str, company: CompanyScope) -> PeriodAnswer:
    """A period in an answer."""
    return PeriodAnswer(
        from_=period.start,
        to=period.end,
        last_day=period.last_day,
        days=period.days,
        grain=grain,
        time_zone=company.time_zone,
    )


def dashboard_answer(found: Dashboard, company: CompanyScope) -> DashboardAnswer:
    """What the dashboard shows."""
    return DashboardAnswer(
        period=period_answer(found.period, found.grain, company),
        metrics=[_card(card) for card in found.cards],
        source_breakdown=[
            SourceAnswer(platform=row.platform, label=row.label, applications=row.applications, percentage=row.share)
            for row in found.sources
        ],
        application_trends=[point for trend in found.trends for point in _trend_points(trend)],
        hiring_funnel=funnel_steps(found.funnel),
        performance_metrics=performance_answer(found.performance),
        last_updated=found.updated_at,
    )


def breakdown_answer(
    found: Dashboard, company: CompanyScope, below: Mapping[str, Iterable[SourceBreakdown]]
) -> BreakdownAnswer:
    """What each platform brought, with the sources below it where the platform names them."""
    return BreakdownAnswer(
        period=period_answer(found.period, found.grain, company),
        platforms=[_platform(row, below.get(row.platform, ())) for row in found.sources],
        last_updated=found.updated_at,
    )


def funnel_steps(steps: Iterable[FunnelStep]) -> list[FunnelStepAnswer]:
    """The funnel's stages."""
    return [shown(step, FunnelStepAnswer) for step in steps]


def performance_answer(found: Performance) -> PerformanceAnswer:
    """Speed and cost."""
    return PerformanceAnswer(
        median_days_to_first_application=found.days_to_first_application,
        median_days_to_hire=found.days_to_hire,
        hires_measured=found.hires_measured,
        postings_measured=found.postings_measured,
        open_postings=found.open_postings,
        applications_per_posting=found.applications_per_posting,
        cost_per_application_minor=found.cost_per_application_minor,
        cost_per_hire_minor=found.cost_per_hire_minor,
        currency=found.currency or None,
        cost_platforms=found.cost_platforms,
    )


def below_answer(entry: SourceBreakdown) -> BelowAnswer:
    """One row below a platform."""
    return BelowAnswer(
        kind=entry.kind,
        source=entry.source,
        medium=entry.medium,
        campaign=entry.campaign,
        counted_under=entry.owner or None,
        currency=entry.currency or None,
        values={camel(name): value for name, value in entry.values.items()},
    )


def camel(name: str) -> str:
    """A name of ours as a JSON key.

    >>> camel("apply_starts")
    'applyStarts'
    """
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _card(card: Card) -> CardAnswer:
    return CardAnswer(
        id=card.id,
        title=card.title,
        unit=card.unit,
        currency=card.currency or None,
        value=card.value,
        compared=card.compared,
        previous=card.previous,
        change_ratio=card.change_ratio,
        numerator=card.numerator,
        denominator=card.denominator,
        platforms=card.platforms,
        note=card.note or None,
        comparison=_compared(card.comparison),
    )


def _compared(comparison: Comparison) -> ComparedAnswer:
    current, previous = comparison.current, comparison.previous
    return ComparedAnswer(
        from_=current.start if current else None,
        to=current.end if current else None,
        previous_from=previous.start if previous else None,
        previous_to=previous.end if previous else None,
    )


def _trend_points(trend: Trend) -> list[TrendPointAnswer]:
    return [
        TrendPointAnswer(
            day=point.start,
            platform=trend.platform,
            label=trend.label,
            applications=point.value,
            is_partial=point.is_partial,
            is_provisional=point.is_provisional,
        )
        for point in trend.points
    ]


def _platform(row: SourceRow, below: Iterable[SourceBreakdown]) -> PlatformAnswer:
    return PlatformAnswer(
        platform=row.platform,
        label=row.label,
        applications=row.applications,
        percentage=row.share,
        previous=row.previous,
        covered_days=row.covered_days,
        is_provisional=row.is_provisional,
        last_synced_at=row.synced_at,
        state=row.state,
        reason=row.reason,
        sources=[below_answer(entry) for entry in below],
    )
