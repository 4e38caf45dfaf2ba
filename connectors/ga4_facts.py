"""From Google Analytics' rows to facts: by source for the whole site, and by source for each posting's page."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import chain

from connectors.contract import Closed, Page, PostingSeen, closed_around
from connectors.errors import SchemaDrift
from connectors.ga4_reports import OTHER, UNTOLD, ReportSpec, Table, all_of, event_is, is_told, path_begins
from connectors.wording import clean, page_path
from domain.facts import MAX_VALUE, Breakdown, Fact, Scope

PAGE_FACTS = 5_000
_PATH = "pagePath"
_SOURCE = ("date", "sessionSource", "sessionMedium", "sessionCampaignName")
_VISITS = {
    "screenPageViews": "views",
    "sessions": "sessions",
    "engagedSessions": "engaged_sessions",
    "userEngagementDuration": "engagement_seconds",
}


@dataclass(frozen=True)
class Reading:
    """One report and what its numbers are: `by_metric` for its columns, `by_event` for its event names."""

    spec: ReportSpec
    scope: Scope
    by_metric: tuple[str, ...] = ()
    by_event: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def metrics(self) -> tuple[str, ...]:
        """All our metrics this report brings."""
        return self.by_metric or tuple(sorted({name for names in self.by_event.values() for name in names}))


def readings(careers_path: str, events: Mapping[str, tuple[str, ...]], dimension: str = "") -> list[Reading]:
    """The reports to ask for. `events` is our metric → the names of its events.

    Events are counted wherever they happen, as forms often live outside the careers path; a posting's events are those
    on its page or, with a `dimension`, those that carry its requisition there. Sessions are never split by page or
    event: one visit sees several of them.
    """
    below = path_begins(careers_path.rstrip("/") + "/")
    found = [
        Reading(ReportSpec(_SOURCE, tuple(_VISITS), path_begins(careers_path)), Scope.TOTAL, tuple(_VISITS.values())),
        Reading(ReportSpec((*_SOURCE, _PATH), ("screenPageViews",), below), Scope.POSTING, ("views",)),
    ]
    if events:
        named = event_is(chain.from_iterable(events.values()))
        by_event = {
            event: tuple(sorted(metric for metric, names in events.items() if event in names))
            for event in chain.from_iterable(events.values())
        }
        counted = ("eventCount",)
        by, theirs = (dimension, is_told(dimension)) if dimension else (_PATH, below)
        found += [
            Reading(ReportSpec((*_SOURCE, "eventName"), counted, named), Scope.TOTAL, by_event=by_event),
            Reading(
                ReportSpec((*_SOURCE, "eventName", by), counted, all_of(named, theirs)),
                Scope.POSTING,
                by_event=by_event,
            ),
        ]
    return found


def pages(reports: list[Reading], tables: list[Table], start: date, end: date) -> Iterator[Page]:
    """Pages of whole days from `start` up to but not including `end`, the last one always, however empty."""
    rejected: Counter[str] = Counter()
    by_day: dict[date, list[Fact]] = {}
    for reading, table in zip(reports, tables, strict=True):
        rejected.update(table.rejected)
        for fact in facts_of(reading, table, rejected):
            if not start <= fact.day < end:
                raise SchemaDrift(f"asked for {start} to {end}, got {fact.day}")
            by_day.setdefault(fact.day, []).append(fact)
    quality = tuple(sorted(set().union(*(table.quality for table in tables))))
    time_zone = next((table.time_zone for table in tables if table.time_zone), "")
    since, facts = start, list[Fact]()
    for offset in range((end - start).days):
        following = start + timedelta(days=offset + 1)
        facts += by_day.pop(following - timedelta(days=1), ())
        if following == end or len(facts) >= PAGE_FACTS:
            yield Page(
                facts=facts,
                cursor=json.dumps({"day": following.isoformat()}),
                postings=_postings(facts),
                closed=tuple(_closed(reports, tables, since, following)),
                rejected=dict(+rejected),
                quality=quality,
                time_zone=time_zone,
            )
            since, facts = following, []
            rejected.clear()


def facts_of(reading: Reading, table: Table, rejected: Counter[str]) -> list[Fact]:
    """A report's rows as facts, rows that fall on one key added up; zeros left out, as absent means zero once read."""
    sums: Counter[tuple[str, date, str, Breakdown]] = Counter()
    names = reading.spec.dimensions
    for cells, values in table.rows.items():
        row = dict(zip(names, cells, strict=True))
        day = _day(row["date"])
        posting = _posting_of(names[-1], cells[-1]) if reading.scope is Scope.POSTING else ""
        if posting is None:
            continue
        breakdown = Breakdown("source", *(clean(cell) for cell in cells[1:4]))
        for metric, value in _measured(reading, row, values):
            sums[metric, day, posting, breakdown] += value
    large = [day for (_, day, _, _), value in sums.items() if value > MAX_VALUE]
    rejected["too_large"] += len(large)
    table.bad.update(day.strftime("%Y%m%d") for day in large)
    return [
        Fact(metric, day, value, reading.scope, posting, breakdown)
        for (metric, day, posting, breakdown), value in sums.items()
        if 0 < value <= MAX_VALUE
    ]


def _closed(reports: list[Reading], tables: list[Table], start: date, end: date) -> Iterator[Closed]:
    for reading, table in zip(reports, tables, strict=True):
        whole = Closed(reading.metrics, reading.scope, start, end)
        yield from closed_around(whole, {_day(cell) for cell in table.bad})


def _measured(reading: Reading, row: dict[str, str], values: tuple[int, ...]) -> Iterator[tuple[str, int]]:
    if reading.by_metric:
        yield from zip(reading.by_metric, values, strict=True)
    else:
        for metric in reading.by_event.get(row["eventName"], ()):
            yield metric, values[0]


def _day(cell: str) -> date:
    try:
        if len(cell) == 8:
            return date(int(cell[:4]), int(cell[4:6]), int(cell[6:]))
    except ValueError:
        pass
    raise SchemaDrift(f"{cell[:20]!r} is not a date")


def _posting_of(dimension: str, cell: str) -> str | None:
    """What a row says its posting is; None for rows lumped together or without one, which are in the total only."""
    if dimension == _PATH:
        return page_path(cell)
    ref = clean(cell, 200)
    return None if ref in {OTHER, *UNTOLD} else ref


def _postings(facts: list[Fact]) -> tuple[PostingSeen, ...]:
    """The postings of these facts: known by their page, which begins with a slash, or by their requisition."""
    refs = dict.fromkeys(fact.posting_ref for fact in facts if fact.scope is Scope.POSTING)
    return tuple(
        PostingSeen(ref=ref, path=ref) if ref.startswith("/") else PostingSeen(ref=ref, requisition_ref=ref)
        for ref in refs
    )
