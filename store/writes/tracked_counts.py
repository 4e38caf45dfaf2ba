"""What was tracked on one day of a zone, counted: page events by source and posting, clicks on links by campaign.

An event belongs to the last source its visitor came from that day, "(direct)" where none is known. A visit ends when
half an hour passes without an event. Of several apply events of one visitor for one posting the first counts.
"""

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Uuid, bindparam, text
from sqlmodel import Session

from domain.facts import Breakdown
from domain.links import medium_of
from domain.metrics import BY_NAME
from domain.platforms import BY_NUMBER
from domain.visits import DIRECT, posting_page
from store.tables.columns import UtcInstant
from store.writes.projections import day_bounds

VIEWS, STARTS, APPLICATIONS, SESSIONS, CLICKS = (
    BY_NAME[name].number for name in ("views", "apply_starts", "applications", "sessions", "clicks")
)
#: Metric number by kind of event.
EVENT_METRICS = {"view": VIEWS, "apply_start": STARTS, "apply_complete": APPLICATIONS}
VISIT = timedelta(minutes=30)
SOURCE = "source"
_REF = "posting:"
#: (source, medium, campaign)
_Source = tuple[str, str, str]
#: (kind of event, posting, path, source)
_Told = tuple[str, Any, str, _Source]
_NOWHERE: _Source = (DIRECT, "", "")
#: Rows fetched at a time where the driver would otherwise hold all of a day.
_AT_ONCE = 5_000


@dataclass(slots=True)
class DayCounts:
    """(metric, posting's reference or "" for the whole, breakdown) → times. `heard`: metrics of which there was any.

    `is_alive` says that something was heard at all, filtered events included.
    """

    counts: Counter[tuple[int, str, Breakdown]] = field(default_factory=Counter)
    heard: set[int] = field(default_factory=set)
    is_alive: bool = False


@dataclass(frozen=True, slots=True)
class Tracked:
    """The connection that carries a platform's tracked facts, and the zone whose days they are made of."""

    company_id: uuid.UUID
    company_no: int
    platform: int
    config_id: uuid.UUID
    config_no: int
    zone: ZoneInfo


def posting_of(ref: str) -> uuid.UUID | None:
    """The posting that a reference made here names; None for a page that nobody has linked yet.

    >>> posting_of("/jobs/nurse") is None
    True
    """
    return uuid.UUID(ref.removeprefix(_REF)) if ref.startswith(_REF) else None


def count_day(session: Session, target: Tracked, day: int, pattern: str) -> DayCounts:
    """Count a day of the target's zone. `pattern` finds postings in paths."""
    bounds = day_bounds(day, target.zone)
    found = DayCounts()
    if BY_NUMBER[target.platform].is_site:
        _count_events(session, target, bounds, (pattern, found))
    _count_clicks(session, target, bounds, found)
    return found


def _count_events(
    session: Session, target: Tracked, bounds: tuple[datetime, datetime], into: tuple[str, DayCounts]
) -> None:
    pattern, found = into
    times, visits = _walk(_rows(session, _EVENTS, target, bounds))
    found.is_alive = bool(times) or bool(list(_rows(session, _ANY_EVENT, target, bounds)))
    for source, count in visits.items():
        found.counts[SESSIONS, "", Breakdown(SOURCE, *source)] += count
        found.heard.add(SESSIONS)
    for (kind, posting_id, path, source), count in times.items():
        metric = EVENT_METRICS[kind]
        ref = f"{_REF}{_uuid(posting_id)}" if posting_id else posting_page(path, pattern)
        if not count or (metric == VIEWS and not ref):
            continue
        breakdown = Breakdown(SOURCE, *source)
        found.heard.add(metric)
        found.counts[metric, "", breakdown] += count
        if ref:
            found.counts[metric, ref, breakdown] += count


def _walk(rows: Iterator[tuple[Any, ...]]) -> tuple[Counter[_Told], Counter[_Source]]:
    """Events in their order, each under its source; and visits by the source of their first event.

    One pass in memory: the database would sort a busy day three times over for the same.
    """
    times: Counter[_Told] = Counter()
    visits: Counter[_Source] = Counter()
    came_by: dict[str, _Source] = {}
    last: dict[str, datetime] = {}
    sent: set[tuple[str, str, Any]] = set()
    for told_at, kind, posting_id, path, *named, application_ref, visitor in rows:
        source: _Source = (named[0], named[1], named[2])
        if named[0] in {"", DIRECT}:
            source = came_by.get(visitor, _NOWHERE) if visitor else _NOWHERE
        elif visitor:
            came_by[visitor] = source
        if visitor:
            at = told_at if isinstance(told_at, datetime) else datetime.fromisoformat(told_at)
            if visitor not in last or at - last[visitor] > VISIT:
                visits[source] += 1
            last[visitor] = at
        counts = 1
        if kind != "view":
            once = (visitor, kind, posting_id or path)
            counts = int(not application_ref and not (visitor and once in sent))
            sent.add(once)
        times[kind, posting_id, path, source] += counts
    return times, visits


def _count_clicks(session: Session, target: Tracked, bounds: tuple[datetime, datetime], found: DayCounts) -> None:
    platform = BY_NUMBER[target.platform].key
    rows = _rows(session, _CLICKS.bindparams(platform=platform, referrals=platform == "referrals"), target, bounds)
    for posting_id, campaign, counted in rows:
        found.is_alive = True
        if not counted:
            continue
        breakdown = Breakdown(SOURCE, platform, medium_of(platform), campaign)
        found.heard.add(CLICKS)
        found.counts[CLICKS, "", breakdown] += int(counted)
        if posting_id:
            found.counts[CLICKS, f"{_REF}{_uuid(posting_id)}", breakdown] += int(counted)


def _rows(
    session: Session, statement: Any, target: Tracked, bounds: tuple[datetime, datetime]
) -> Iterator[tuple[Any, ...]]:
    begin, end = bounds
    told = {"company": target.company_id, "begin": begin, "until": end}
    streamed = statement.execution_options(stream_results=True, max_row_buffer=_AT_ONCE)
    with session.connection().execute(streamed, told) as result:
        for row in result:
            yield tuple(row)


def _uuid(stored: Any) -> uuid.UUID:
    return stored if isinstance(stored, uuid.UUID) else uuid.UUID(str(stored))


def _prepared(statement: str) -> Any:
    return text(statement).bindparams(
        bindparam("company", type_=Uuid()),
        bindparam("begin", type_=UtcInstant()),
        bindparam("until", type_=UtcInstant()),
    )


_EVENTS = _prepared("""
SELECT at, kind, CAST(posting_id AS TEXT), path, source, medium, campaign, application_ref, visitor
FROM website_analytics
WHERE company_id = :company AND at >= :begin AND at < :until AND filtered_reason = ''
ORDER BY at, id
""")
#: Filtered events too say that the tracker is heard.
_ANY_EVENT = _prepared(
    "SELECT 1 FROM website_analytics WHERE company_id = :company AND at >= :begin AND at < :until LIMIT 1"
)
_CLICKS = _prepared("""
SELECT CAST(COALESCE(l.posting_id, r.posting_id) AS TEXT), COALESCE(l.campaign, ''),
  SUM(CASE WHEN c.filtered_reason = '' THEN 1 ELSE 0 END)
FROM link_clicks c LEFT JOIN tracking_links l ON l.id = c.link_id LEFT JOIN referrals r ON r.id = c.referral_id
WHERE c.company_id = :company AND c.at >= :begin AND c.at < :until
  AND (l.platform = :platform OR (:referrals AND c.referral_id IS NOT NULL))
GROUP BY 1, 2
""")
