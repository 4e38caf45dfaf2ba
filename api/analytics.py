"""Numbers: the dashboard and each of its parts, as the screens show them."""

from api.answers import (
    BreakdownAnswer,
    DashboardAnswer,
    FunnelAnswer,
    LineAnswer,
    PointAnswer,
    SeriesAnswer,
    SpeedAnswer,
    TotalAnswer,
    WebsiteAnswer,
    below_answer,
    breakdown_answer,
    dashboard_answer,
    funnel_steps,
    performance_answer,
    period_answer,
)
from api.endpoints import Endpoint, Reading
from api.questions import DashboardQuestion, DaysQuestion, PeriodQuestion, SeriesQuestion
from domain.metrics import BY_NAME
from domain.periods import default_grain
from store.reports.dashboard import get_dashboard
from store.reports.series import get_funnel, get_series, get_site, get_speed
from store.reports.shapes import Dashboard
from store.reports.sources import SourceBreakdown, list_breakdowns
from store.reports.standing import list_standing

GROUP = "Numbers"
#: What a platform may be split by below itself.
_KINDS = ("source", "campaign", "paid")


def standing(reading: Reading) -> object:
    """What a dashboard depends on besides the data's version: how connections stand."""
    return list_standing(reading.session, reading.company, reading.now)


def unstamped(_reading: Reading) -> object:
    """For answers that depend on the data's version alone: it rises with every change of numbers and postings."""
    return ()


def dashboard(reading: Reading, question: DashboardQuestion) -> DashboardAnswer:
    """The dashboard in one answer."""
    return dashboard_answer(_board(reading, question), reading.company)


def platform_breakdown(reading: Reading, question: DashboardQuestion) -> BreakdownAnswer:
    """Every platform, with what lies below it."""
    found = _board(reading, question)
    below: dict[str, list[SourceBreakdown]] = {
        row.platform: [
            entry
            for kind in _KINDS
            for entry in list_breakdowns(reading.session, reading.company, found.period, row.platform, kind)
        ]
        for row in found.sources
    }
    return breakdown_answer(found, reading.company, below)


def time_series(reading: Reading, question: SeriesQuestion) -> SeriesAnswer:
    """One metric, a line for each platform."""
    period = question.period(reading.today)
    grain = question.trend_grain(period)
    metric = BY_NAME[question.metric]
    if grain != "day" and "day" not in metric.adds_over:
        grain = "day"
    lines = get_series(
        reading.session,
        reading.company,
        period,
        question.filters,
        metric=metric.name,
        grain=grain,
        today=reading.today,
    )
    return SeriesAnswer(
        period=period_answer(period, grain, reading.company),
        metric=metric.name,
        unit=metric.unit,
        series=[
            LineAnswer(
                platform=line.platform,
                label=line.label,
                currency=line.currency or None,
                points=[
                    PointAnswer(
                        from_=point.start,
                        to=point.end,
                        value=point.value,
                        is_partial=point.is_partial,
                        is_provisional=point.is_provisional,
                    )
                    for point in line.points
                ],
            )
            for line in lines
        ],
    )


def funnel(reading: Reading, question: PeriodQuestion) -> FunnelAnswer:
    """The hiring funnel, each stage dated by when it was reached."""
    period = question.period(reading.today)
    steps = get_funnel(reading.session, reading.company, period, question.filters)
    return FunnelAnswer(
        period=period_answer(period, default_grain(period), reading.company), stages=funnel_steps(steps)
    )


def performance(reading: Reading, question: PeriodQuestion) -> SpeedAnswer:
    """Medians of speed over the period's postings and hires, and costs over platforms that report both terms."""
    period = question.period(reading.today)
    found = get_speed(reading.session, reading.company, period, question.filters)
    return SpeedAnswer(
        period=period_answer(period, default_grain(period), reading.company), performance=performance_answer(found)
    )


def website(reading: Reading, question: DaysQuestion) -> WebsiteAnswer:
    """The career site's totals and its UTM sources."""
    period = question.period(reading.today)
    totals, sources = get_site(reading.session, reading.company, period)
    return WebsiteAnswer(
        period=period_answer(period, default_grain(period), reading.company),
        totals=[
            TotalAnswer(
                metric=entry.metric,
                value=entry.value,
                currency=entry.currency or None,
                covered_days=entry.covered_days,
                is_provisional=entry.is_provisional,
            )
            for entry in totals
        ],
        sources=[below_answer(entry) for entry in sources],
    )


def _board(reading: Reading, question: DashboardQuestion) -> Dashboard:
    period = question.period(reading.today)
    return get_dashboard(
        reading.session,
        reading.company,
        period,
        question.filters,
        grain=question.trend_grain(period),
        now=reading.now,
    )


ANALYTICS = (
    Endpoint(
        method="GET",
        path="/analytics/dashboard",
        name="getDashboard",
        title="Everything the dashboard shows",
        group=GROUP,
        scope="metrics:read",
        question=DashboardQuestion,
        answer=DashboardAnswer,
        ask=dashboard,
        stamp=standing,
        is_tool=True,
    ),
    Endpoint(
        method="GET",
        path="/analytics/platform-breakdown",
        name="getPlatformBreakdown",
        title="What each platform brought, and what lies below it",
        group=GROUP,
        scope="metrics:read",
        question=DashboardQuestion,
        answer=BreakdownAnswer,
        ask=platform_breakdown,
        stamp=standing,
        is_tool=True,
    ),
    Endpoint(
        method="GET",
        path="/analytics/time-series",
        name="getTimeSeries",
        title="One metric over time, by platform",
        about="Buckets that were not read are null. A metric that does not add up over days is told by day.",
        group=GROUP,
        scope="metrics:read",
        question=SeriesQuestion,
        answer=SeriesAnswer,
        ask=time_series,
        stamp=unstamped,
        is_tool=True,
    ),
    Endpoint(
        method="GET",
        path="/analytics/funnel",
        name="getFunnel",
        title="The hiring funnel",
        group=GROUP,
        scope="metrics:read",
        question=PeriodQuestion,
        answer=FunnelAnswer,
        ask=funnel,
        stamp=unstamped,
        is_tool=True,
    ),
    Endpoint(
        method="GET",
        path="/analytics/performance",
        name="getPerformance",
        title="How fast hiring goes, and what it costs",
        group=GROUP,
        scope="metrics:read",
        question=PeriodQuestion,
        answer=SpeedAnswer,
        ask=performance,
        stamp=unstamped,
        is_tool=True,
    ),
    Endpoint(
        method="GET",
        path="/analytics/website",
        name="getWebsite",
        title="What the company's own site saw",
        about="Sources explain the totals and need not sum to them: a source that is a platform of its own is "
        "`countedUnder` that platform where it reports the metric itself.",
        group=GROUP,
        scope="metrics:read",
        question=DaysQuestion,
        answer=WebsiteAnswer,
        ask=website,
        stamp=unstamped,
        is_tool=True,
    ),
)
