"""The tracker: which site a key stands for, what arrives, and what was filtered for which reason?

Counts here are of the events as kept, filtered ones apart; the dashboard's numbers are made from them by the counting
rules.
"""

import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

from sqlalchemy import func, select
from sqlmodel import Session, col

from domain.postings import path_matcher
from domain.visits import KINDS, plain_path
from store.reports.scope import CompanyScope
from store.tables import JobPosting, TrackerSite, WebsiteAnalytics

MOST_EVENTS = 50
MOST_REASONS = 200
MOST_POSTINGS = 20_000
#: Each is tried on the path of an event that no name has found a posting for.
MOST_PATTERNS = 500
_EVENTS = WebsiteAnalytics.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class TrackedSite:
    """A site that is heard: whose it is, from which origins, and its postings by whatever a page may call them."""

    company_id: uuid.UUID
    key: str
    origins: frozenset[str]
    hosts: frozenset[str]
    pattern: str
    postings: dict[str, uuid.UUID] = field(hash=False)
    patterns: tuple[tuple[re.Pattern[str], uuid.UUID], ...] = ()

    def find_posting(self, *names: str) -> uuid.UUID | None:
        """The posting that one of these names (id, requisition, slug, path) stands for, the first name first.

        Else the one posting whose path pattern fits the last name, the page's path.
        """
        for name in names:
            if name and (found := self.postings.get(name.casefold())):
                return found
        if not self.patterns:
            return None
        fitting = {posting_id for fits, posting_id in self.patterns if fits.fullmatch(names[-1])}
        return next(iter(fitting)) if len(fitting) == 1 else None


@dataclass(frozen=True, slots=True)
class TrackerState:
    """The tracker as its screen shows it."""

    key: str
    origins: tuple[str, ...]
    pattern: str
    is_on: bool
    last_event_at: datetime | None


@dataclass(frozen=True, slots=True)
class HeardEvent:
    """One event as it arrived. `reason` is why it does not count, "" where it does; `posting` a title, "" for none."""

    at: datetime
    kind: str
    path: str
    posting: str
    source: str
    medium: str
    campaign: str
    referrer_host: str
    country: str
    agent: str
    reason: str


@dataclass(frozen=True, slots=True)
class Filtered:
    """Events that do not count: why, what sent them (an agent, or the site that is not ours), and how often."""

    reason: str
    agent: str
    referrer_host: str
    times: int
    last_at: datetime


def find_tracked_site(session: Session, key: str) -> TrackedSite | None:
    """The site with this key; None for an unknown one, and for one that is switched off."""
    site = session.execute(select(TrackerSite).where(col(TrackerSite.key) == key)).scalars().first()
    if site is None or site.disabled_at is not None:
        return None
    origins = frozenset(_texts(site.settings.get("origins")))
    return TrackedSite(
        company_id=site.company_id,
        key=key,
        origins=origins,
        hosts=frozenset(urlsplit(origin).hostname or "" for origin in origins),
        pattern=str(site.settings.get("path_pattern", "")),
        postings=_postings(session, site.company_id),
        patterns=_patterns(session, site.company_id),
    )


def list_heard_origins(session: Session) -> frozenset[str]:
    """Every origin that some company's tracker is heard from."""
    sites = session.execute(select(col(TrackerSite.settings)).where(col(TrackerSite.disabled_at).is_(None)))
    return frozenset(origin for settings in sites.scalars() for origin in _texts(settings.get("origins")))


def list_origins(session: Session, company_id: uuid.UUID) -> frozenset[str]:
    """The origins of a company's own sites: where its links may lead."""
    found = session.execute(select(col(TrackerSite.settings)).where(col(TrackerSite.company_id) == company_id))
    return frozenset(origin for settings in found.scalars() for origin in _texts(settings.get("origins")))


def find_tracker(session: Session, company: CompanyScope) -> TrackerState | None:
    """The company's tracker; None where it was never set up."""
    site = session.execute(select(TrackerSite).where(col(TrackerSite.company_id) == company.id)).scalars().first()
    if site is None:
        return None
    pattern = str(site.settings.get("path_pattern", ""))
    origins = tuple(_texts(site.settings.get("origins")))
    return TrackerState(site.key, origins, pattern, site.disabled_at is None, site.last_event_at)


def list_events(session: Session, company: CompanyScope, *, limit: int = MOST_EVENTS) -> list[HeardEvent]:
    """The newest events, filtered ones too, newest first."""
    posting = JobPosting.__table__  # type: ignore[attr-defined]
    rows = session.execute(
        select(_EVENTS, posting.c.title)
        .join(posting, posting.c.id == _EVENTS.c.posting_id, isouter=True)
        .where(_EVENTS.c.company_id == company.id)
        .order_by(_EVENTS.c.at.desc(), _EVENTS.c.id.desc())
        .limit(min(limit, MOST_EVENTS))
    )
    return [
        HeardEvent(
            at=row.at,
            kind=row.kind,
            path=row.path,
            posting=row.title or "",
            source=row.source,
            medium=row.medium,
            campaign=row.campaign,
            referrer_host=row.referrer_host,
            country=row.country,
            agent=row.agent,
            reason=row.filtered_reason,
        )
        for row in rows
    ]


def count_events(session: Session, company: CompanyScope, since: datetime) -> dict[str, int]:
    """How many events that count arrived since an instant, by kind; kinds without any are 0."""
    rows = session.execute(
        select(_EVENTS.c.kind, func.count())
        .where(_EVENTS.c.company_id == company.id, _EVENTS.c.at >= since, _EVENTS.c.filtered_reason == "")
        .group_by(_EVENTS.c.kind)
    )
    return dict.fromkeys(KINDS, 0) | {row[0]: row[1] for row in rows}


def list_filtered(session: Session, company: CompanyScope, since: datetime) -> list[Filtered]:
    """What was filtered since an instant, by reason and sender, the most frequent first; at most MOST_REASONS."""
    where = (_EVENTS.c.company_id == company.id, _EVENTS.c.at >= since, _EVENTS.c.filtered_reason != "")
    what = (_EVENTS.c.filtered_reason, _EVENTS.c.agent, _EVENTS.c.referrer_host)
    rows = session.execute(
        select(*what, func.count().label("times"), func.max(_EVENTS.c.at))
        .where(*where)
        .group_by(*what)
        .order_by(func.count().desc(), *what)
        .limit(MOST_REASONS)
    )
    return [Filtered(*row) for row in rows]


def _postings(session: Session, company_id: uuid.UUID) -> dict[str, uuid.UUID]:
    """Postings by id, requisition, slug and path. A name that two postings have finds neither.

    An archived posting is found by what no other posting is called.
    """
    rows = session.execute(
        select(
            col(JobPosting.id),
            col(JobPosting.requisition_ref),
            col(JobPosting.slug),
            col(JobPosting.path),
            col(JobPosting.apply_url),
            col(JobPosting.status) == "archived",
        )
        .where(col(JobPosting.company_id) == company_id)
        .order_by((col(JobPosting.status) == "archived").asc(), col(JobPosting.number).desc())
        .limit(MOST_POSTINGS)
    )
    live: dict[str, set[uuid.UUID]] = {}
    archived: dict[str, set[uuid.UUID]] = {}
    for posting_id, requisition, slug, path, apply_url, is_archived in rows:
        pages = (plain_path(part) for part in (path, urlsplit(apply_url).path if apply_url else "") if part)
        for name in {str(posting_id), requisition, slug, *pages}:
            if name.strip() and name != "/":
                (archived if is_archived else live).setdefault(name.strip().casefold(), set()).add(posting_id)
    found = archived | live
    return {name: next(iter(ids)) for name, ids in found.items() if len(ids) == 1}


def _patterns(session: Session, company_id: uuid.UUID) -> tuple[tuple[re.Pattern[str], uuid.UUID], ...]:
    """What fits the pages of postings that have a path pattern; archived ones have no more pages."""
    rows = session.execute(
        select(col(JobPosting.path_pattern), col(JobPosting.id))
        .where(
            col(JobPosting.company_id) == company_id,
            col(JobPosting.path_pattern) != "",
            col(JobPosting.status) != "archived",
        )
        .order_by(col(JobPosting.number).desc())
        .limit(MOST_PATTERNS)
    )
    return tuple((path_matcher(pattern), posting_id) for pattern, posting_id in rows)


def _texts(value: object) -> list[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []
