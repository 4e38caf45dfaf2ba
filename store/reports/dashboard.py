"""Where do applicants come from, what is each source worth, and how did that change?

Reads only stored aggregates (and applications for medians), so the answer's cost does not grow with the facts.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime

from sqlmodel import Session

from domain.facts import day_number
from domain.filters import Filters
from domain.metrics import BY_NAME, FUNNEL
from domain.periods import Comparison, Grain, Period, buckets, fair_comparison, local_day, span
from domain.platforms import BY_KEY, BY_NUMBER, SILENT_CONNECTORS
from domain.shares import shares
from store.reports.cards import CARD_METRICS, Figures, build_cards
from store.reports.freshness import list_freshness
from store.reports.numbers import (
    DAILY_UP_TO,
    Asked,
    Cell,
    Sum,
    Sums,
    cells_by_metric,
    last_cells,
    last_covered_days,
    read_cells,
    read_sums,
    sum_cells,
)
from store.reports.performance import get_performance
from store.reports.scope import CompanyScope
from store.reports.shapes import Dashboard, Freshness, FunnelStep, SourceRow
from store.reports.trends import Axis, build_trends

#: Metrics of which the dashboard shows a total and no line.
_SUMMED = tuple(name for name in FUNNEL if name not in CARD_METRICS)
_APPLICATIONS = BY_NAME["applications"].number
#: A comparison period needs this share of the days read that the period itself has.
LEAST_READ = 0.9
#: The period's cells by metric where they are days, None where they are longer.
_Daily = Mapping[int, Sequence[Cell]] | None


def get_dashboard(
    session: Session, company: CompanyScope, period: Period, filters: Filters, *, grain: Grain, now: datetime
) -> Dashboard:
    """Everything the dashboard shows for `period` and `filters`; trends by `grain`; `now` decides what is over."""
    today = local_day(now, company.time_zone)
    asked = Asked(session, company.number, filters.numbers)
    base: Grain = "day" if period.days <= DAILY_UP_TO else "week"
    cells = read_cells(asked, CARD_METRICS, period, base, totals=_SUMMED)
    by_metric = cells_by_metric(cells)
    sums = sum_cells(cells)
    wanted = _comparisons(asked, period, by_metric if base == "day" else None, today)
    compared = _compared_sums(asked, wanted.values(), by_metric if base == "day" else None)
    comparisons = {metric: _if_read(found, metric, compared) for metric, found in wanted.items()}
    freshness = [pair for pair in list_freshness(session, company, now) if _wanted(pair[0], filters)]
    axis = line = Axis(buckets(period, base), today)
    applications = by_metric.get(_APPLICATIONS, [])
    if base != grain:
        line = Axis(buckets(period, grain), today)
        applications = read_cells(asked, ("applications",), period, grain)
    return Dashboard(
        period=period,
        grain=grain,
        today=today,
        version=company.version,
        comparison=comparisons["applications"],
        cards=build_cards(Figures(company, axis, by_metric, sums, comparisons, compared)),
        sources=_sources(sums, compared, comparisons["applications"], freshness),
        trends=build_trends(applications, line),
        funnel=build_funnel(sums),
        performance=get_performance(session, company, period, sums, filters.platforms),
        freshness=tuple(entry for entry, _ in freshness),
        updated_at=max((entry.synced_at for entry, _ in freshness if entry.synced_at), default=None),
    )


def _comparisons(asked: Asked, period: Period, daily: _Daily, today: date) -> dict[str, Comparison]:
    """The fair comparison of every card metric: each ends at its own last covered day that is over."""
    before = min(period.end, today)
    # A last day before the period is as good as none, so that the period's own cells tell it where they are days.
    last = last_covered_days(asked, CARD_METRICS, before) if daily is None else last_cells(daily, CARD_METRICS, before)
    return {metric: fair_comparison(period, last.get(metric), today) for metric in CARD_METRICS}


def _compared_sums(asked: Asked, comparisons: Iterable[Comparison], daily: _Daily) -> dict[Period, Sums]:
    """Totals of every period that some comparison needs, read once each, or summed from cells that are known."""
    found = list(comparisons)
    current = {one.current for one in found if one.current is not None}
    previous = {one.previous for one in found if one.previous is not None}
    if daily is None:
        return read_sums(asked, CARD_METRICS, current | previous)
    days = [cell for name in CARD_METRICS for cell in daily.get(BY_NAME[name].number, ())]
    sums = read_sums(asked, CARD_METRICS, previous)
    for period in current:
        end = day_number(period.end)
        sums[period] = sum_cells(cell for cell in days if cell[3] < end)
    return sums


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
    connected = {entry.platform for entry, _ in freshness if _reports(entry)}
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
    live = [connection for connection, _ in held if _reports(connection)]
    state, cause = next(((pair[0].state, pair[1]) for pair in held if _reports(pair[0])), ("fed", ""))
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


def _reports(entry: Freshness) -> bool:
    """Whether numbers of the platform come by this connection."""
    return bool(entry.connector) and entry.connector not in SILENT_CONNECTORS


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
