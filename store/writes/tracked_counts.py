"""What was tracked on one day of a zone, counted: page events by source and posting, clicks on links by campaign.

An event belongs to the last source its visitor came from that day, "(direct)" where none is known. A visit ends when
half an hour passes without an event. Of several apply events of one visitor for one posting the first counts.
"""

import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Uuid, bindparam, text
from sqlmodel import Session

from domain.facts import Breakdown
from domain.links import medium_of
from domain.metrics import BY_NAME
from domain.platforms import BY_NUMBER
from domain.visits import DIRECT, posting_page
from store.engine import is_sqlite
from store.tables.columns import UtcInstant
from store.writes.projections import day_bounds

VIEWS, STARTS, APPLICATIONS, SESSIONS, CLICKS = (
    BY_NAME[name].number for name in ("views", "apply_starts", "applications", "sessions", "clicks")
)
#: Metric number by kind of event.
EVENT_METRICS = {"view": VIEWS, "apply_start": STARTS, "apply_complete": APPLICATIONS}
VISIT_MINUTES = 30
SOURCE = "source"
_REF = "posting:"


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
    for kind, posting_id, path, *named, times, visits in _rows(session, _events(session), target, bounds):
        found.is_alive = True
        if not kind:
            continue
        source, medium, campaign = named
        breakdown = Breakdown(SOURCE, source or DIRECT, medium, campaign)
        if visits:
            found.counts[SESSIONS, "", breakdown] += int(visits)
            found.heard.add(SESSIONS)
        if not times:
            continue
        metric = EVENT_METRICS[kind]
        ref = f"{_REF}{_uuid(posting_id)}" if posting_id else posting_page(path, pattern)
        if metric == VIEWS and not ref:
            continue
        found.counts[metric, "", breakdown] += int(times)
        found.heard.add(metric)
        if ref:
            found.counts[metric, ref, breakdown] += int(times)


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
    found = session.connection().execute(statement, {"company": target.company_id, "begin": begin, "until": end})
    return iter(tuple(row) for row in found)


def _uuid(stored: Any) -> uuid.UUID:
    return stored if isinstance(stored, uuid.UUID) else uuid.UUID(str(stored))


def _events(session: Session) -> Any:
    return _EVENTS_SQLITE if is_sqlite(session) else _EVENTS_POSTGRESQL


#: First each visitor's events in order, numbered by the sources they came from; then each under its source; then sums.
#: Filtered events only say, as one row without a kind, that the tracker is heard.
_EVENTS = """
WITH e AS (
  SELECT id, at, kind, CAST(posting_id AS TEXT) AS posting_id, path, source, medium, campaign, application_ref, visitor,
    CASE WHEN visitor = '' THEN CAST(id AS TEXT) ELSE visitor END AS who,
    CASE WHEN source IN ('', '(direct)') THEN 0 ELSE 1 END AS is_source
  FROM website_analytics
  WHERE company_id = :company AND at >= :begin AND at < :until AND filtered_reason = ''
), s AS (
  SELECT e.*, SUM(is_source) OVER (PARTITION BY who ORDER BY at, id) AS arrival,
    LAG(at) OVER (PARTITION BY who ORDER BY at, id) AS before
  FROM e
), a AS (
  SELECT kind, posting_id, path, application_ref, visitor, at, before,
    FIRST_VALUE(source) OVER (PARTITION BY who, arrival ORDER BY at, id) AS source,
    FIRST_VALUE(medium) OVER (PARTITION BY who, arrival ORDER BY at, id) AS medium,
    FIRST_VALUE(campaign) OVER (PARTITION BY who, arrival ORDER BY at, id) AS campaign,
    ROW_NUMBER() OVER (PARTITION BY who, kind, COALESCE(posting_id, path) ORDER BY at, id) AS nth
  FROM s
)
SELECT kind, posting_id, path, source, medium, campaign,
  SUM(CASE WHEN kind = 'view' OR (nth = 1 AND application_ref = '') THEN 1 ELSE 0 END) AS times,
  SUM(CASE WHEN visitor <> '' AND (before IS NULL OR {minutes} > :visit) THEN 1 ELSE 0 END) AS visits
FROM a GROUP BY kind, posting_id, path, source, medium, campaign
UNION ALL
SELECT * FROM (SELECT '', CAST(NULL AS TEXT), '', '', '', '', 0, 0 FROM website_analytics
  WHERE company_id = :company AND at >= :begin AND at < :until AND filtered_reason <> '' LIMIT 1) AS filtered
"""


def _prepared(statement: str) -> Any:
    return text(statement).bindparams(
        bindparam("company", type_=Uuid()),
        bindparam("begin", type_=UtcInstant()),
        bindparam("until", type_=UtcInstant()),
    )


_EVENTS_SQLITE = _prepared(_EVENTS.format(minutes="(julianday(at) - julianday(before)) * 1440")).bindparams(
    visit=VISIT_MINUTES
)
_EVENTS_POSTGRESQL = _prepared(_EVENTS.format(minutes="EXTRACT(EPOCH FROM at - before) / 60")).bindparams(
    visit=VISIT_MINUTES
)
_CLICKS = _prepared("""
SELECT CAST(COALESCE(l.posting_id, r.posting_id) AS TEXT), COALESCE(l.campaign, ''),
  SUM(CASE WHEN c.filtered_reason = '' THEN 1 ELSE 0 END)
FROM link_clicks c LEFT JOIN tracking_links l ON l.id = c.link_id LEFT JOIN referrals r ON r.id = c.referral_id
WHERE c.company_id = :company AND c.at >= :begin AND c.at < :until
  AND (l.platform = :platform OR (:referrals AND c.referral_id IS NOT NULL))
GROUP BY 1, 2
""")
