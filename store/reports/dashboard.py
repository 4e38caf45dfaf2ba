"""Where do applicants come from, what is each source worth, and how did that change?

Reads only stored aggregates (and applications for medians), so the answer's cost does not grow with the facts.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from sqlmodel import Session

from domain.filters import Filters
from domain.metrics import BY_NAME, FUNNEL
from domain.periods import Comparison, Grain, Period, buckets, fair_comparison, local_day, span
from domain.platforms import BY_KEY, BY_NUMBER
from domain.shares import shares
from store.reports.cards import CARD_METRICS, Figures, build_cards
from store.reports.freshness import list_freshness
from store.reports.numbers import (
    DAILY_UP_TO,
    Sum,
    Sums,
    cells_by_metric,
    last_covered_days,
    read_cells,
    read_sums,
    sum_cells,
)
from store.reports.performance import get_performance
from store.reports.scope import CompanyScope
from store.reports.shapes import Dashboard, Freshness, FunnelStep, SourceRow
from store.reports.trends import build_trends

_METRICS = tuple(dict.fromkeys((*CARD_METRICS, *FUNNEL)))
_APPLICATIONS = BY_NAME["applications"].number
#: A comparison period needs this share of the days read that the period itself has.
LEAST_READ = 0.9


def get_dashboard(
    session: Session, company: CompanyScope, period: Period, filters: Filters, *, grain: Grain, now: datetime
) -> Dashboard:
    """Everything the dashboard shows for `period` and `filters`; trends by `grain`; `now` decides what is over."""
    today = local_day(now, company.time_zone)
    base: Grain = "day" if period.days <= DAILY_UP_TO else "week"
    cells = read_cells(session, company.number, _METRICS, period, base, filters.numbers)
    by_metric = cells_by_metric(cells)
    sums = sum_cells(cells)
    wanted = _comparisons(session, company, period, filters, today)
    compared = _compared_sums(session, company, filters, wanted.values())
    comparisons = {metric: _if_read(found, metric, compared) for metric, found in wanted.items()}
    freshness = [pair for pair in list_freshness(session, company, now) if _wanted(pair[0], filters)]
    if base == grain:
        applications = by_metric.get(_APPLICATIONS, [])
    else:
        applications = read_cells(session, company.number, ("applications",), period, grain, filters.numbers)
    return Dashboard(
        period=period,
        grain=grain,
        today=today,
        version=company.version,
        comparison=comparisons["applications"],
        cards=build_cards(Figures(company, buckets(period, base), by_metric, sums, comparisons, compared, today)),
        sources=_sources(sums, compared, comparisons["applications"], freshness),
        trends=build_trends(applications, period, grain, today),
        funnel=build_funnel(sums),
        performance=get_performance(session, company, period, sums, filters.platforms),
        freshness=tuple(entry for entry, _ in freshness),
        updated_at=max((entry.synced_at for entry, _ in freshness if entry.synced_at), default=None),
    )


def _comparisons(
    session: Session, company: CompanyScope, period: Period, filters: Filters, today: date
) -> dict[str, Comparison]:
    """The fair comparison of every card metric: each ends at its own last covered day that is over."""
    before = min(period.end, today)
    last = last_covered_days(session, company.number, CARD_METRICS, before, filters.numbers)
    return {metric: fair_comparison(period, last.get(metric), today) for metric in CARD_METRICS}


def _compared_sums(
    session: Session, company: CompanyScope, filters: Filters, comparisons: Iterable[Comparison]
) -> dict[Period, Sums]:
    """Totals of every period that some comparison needs, read once each."""
    wanted = {period for found in comparisons for period in (found.current, found.previous) if period is not None}
    return {period: read_sums(session, company.number, CARD_METRICS, period, filters.numbers) for period in wanted}


def _if_read(comparison: Comparison, metric: str, compared: dict[Period, Sums]) -> Comparison:
    """The comparison, or none where the days before were read so much less that a change would be an artefact."""
    if comparison.current is None or comparison.previous is None:
        return comparison
    number = BY_NAME[metric].number
    now, before = (
        sum(entry.covered_days for key, entry in compared[period].items() if key[0] == number)
        for period in (comparison.current, comparison.previous)
    )
    if before >= now * LEAST_READ:
        return comparison
    rule = f"Nothing fair to compare: the days before, {span(comparison.previous)}, were not read in full."
    return Comparison(None, None, rule)


def _sources(
    sums: Sums, compared: dict[Period, Sums], comparison: Comparison, freshness: Sequence[tuple[Freshness, str]]
) -> tuple[SourceRow, ...]:
    """A row for every platform that has applications or a connection, most applications first."""
    found = {key[1]: entry for key, entry in sums.items() if key[0] == _APPLICATIONS}
    previous = compared.get(comparison.previous, {}) if comparison.previous else {}
    connected = {entry.platform for entry, _ in freshness if entry.connector}
    numbers = sorted(set(found) | {BY_KEY[key].number for key in connected})
    counted = [number for number in numbers if number in found]
    parts = shares([found[number].value for number in counted])
    percent = dict(zip(counted, parts, strict=True)) if parts else {}
    rows = [_source_row(number, found.get(number), percent.get(number), previous, freshness) for number in numbers]
    return tuple(sorted(rows, key=lambda row: (row.applications is None, -(row.applications or 0))))


def _source_row(
    number: int, entry: Sum | None, share: int | None, previous: Sums, freshness: Sequence[tuple[Freshness, str]]
) -> SourceRow:
    platform = BY_NUMBER[number]
    held = [pair for pair in freshness if pair[0].platform == platform.key]
    live = [connection for connection, _ in held if connection.connector]
    state, cause = next(((pair[0].state, pair[1]) for pair in held if pair[0].connector), ("fed", ""))
    before = previous.get((_APPLICATIONS, number, ""))
    return SourceRow(
        platform=platform.key,
        label=platform.label,
        applications=entry.value if entry else None,
        share=share / 100 if share is not None else None,
        previous=before.value if before else None,
        covered_days=entry.covered_days if entry else 0,
        is_provisional=bool(entry and entry.provisional),
        synced_at=max((c.synced_at for c in live if c.synced_at), default=None),
        config_ids=tuple(connection.config_id for connection in live),
        state=state,
        reason=cause,
    )


def _wanted(entry: Freshness, filters: Filters) -> bool:
    return not filters.platforms or entry.platform in filters.platforms


def build_funnel(sums: Sums) -> tuple[FunnelStep, ...]:
    """Totals by stage, dated by when each happened; the rate is of the step before, where both are known."""
    steps: list[FunnelStep] = []
    for stage in FUNNEL:
        held = {key[1]: entry.value for key, entry in sums.items() if key[0] == BY_NAME[stage].number}
        value = sum(held.values()) if held else None
        before = steps[-1].value if steps else None
        rate = value / before if value is not None and before else None
        reporting = tuple(BY_NUMBER[number].key for number in sorted(held))
        steps.append(FunnelStep(stage, BY_NAME[stage].label, value, rate, reporting))
    return tuple(steps)
