"""Which connection carries what was tracked for a platform, and by days of which zone."""

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import func, select
from sqlmodel import Session, col

from domain.facts import day_number
from domain.platforms import BY_KEY, BY_NUMBER
from store.tables import (
    Company,
    EventProjection,
    LinkClick,
    PlatformConfig,
    TrackerSite,
    TrackingLink,
    WebsiteAnalytics,
)
from store.writes.connections import next_config_number
from store.writes.tracked_counts import Tracked
from store.writes.tracker import find_site

#: A tracker that was silent for longer than this is taken for removed: its days become gaps.
QUIET = timedelta(days=7)
#: How far back a first click on a referral link is looked for, each time anew.
RECENT = timedelta(days=2)
SITE = BY_KEY["company_website"].number
REFERRALS = BY_KEY["referrals"].number


@dataclass(frozen=True, slots=True)
class TrackedCompany:
    """A company that tracks something: its site's path pattern, its platforms with anything tracked, and those of them
    that would be heard today."""

    id: uuid.UUID
    number: int
    zone: str
    pattern: str
    platforms: frozenset[int]
    alive: frozenset[int]


def find_tracked_company(session: Session, company_id: uuid.UUID, now: datetime) -> TrackedCompany:
    """What a company tracks now."""
    company = session.get_one(Company, company_id)
    site = find_site(session, company_id)
    known = set(
        session.execute(select(col(EventProjection.platform)).where(col(EventProjection.company_no) == company.number))
        .scalars()
        .all()
    )
    alive = _linked(session, company_id)
    if site is not None:
        known.add(SITE)
        if _is_heard(site, now):
            alive.add(SITE)
    if REFERRALS in known or _has_referral_click(session, company_id, now):
        known.add(REFERRALS)
        alive.add(REFERRALS)
    pattern = str(site.settings.get("path_pattern", "")) if site else ""
    return TrackedCompany(
        company.id, company.number, company.time_zone, pattern, frozenset(known | alive), frozenset(alive)
    )


def _is_heard(site: TrackerSite, now: datetime) -> bool:
    return site.disabled_at is None and site.last_event_at is not None and site.last_event_at > now - QUIET


def _linked(session: Session, company_id: uuid.UUID) -> set[int]:
    """Platforms with a link that is switched on."""
    found = session.execute(
        select(col(TrackingLink.platform))
        .where(col(TrackingLink.company_id) == company_id, col(TrackingLink.disabled_at).is_(None))
        .distinct()
    )
    return {BY_KEY[key].number for key in found.scalars() if key in BY_KEY}


def _has_referral_click(session: Session, company_id: uuid.UUID, now: datetime) -> bool:
    """Whether a referral link was followed lately: from the first time on, the platform's books say it."""
    clicked = select(col(LinkClick.id)).where(
        col(LinkClick.company_id) == company_id,
        col(LinkClick.at) > now - RECENT,
        col(LinkClick.referral_id).is_not(None),
    )
    return session.execute(clicked.limit(1)).first() is not None


def target_of(session: Session, company: TrackedCompany, platform: int) -> Tracked | None:
    """The connection for a platform's tracked facts as things stand; None where it has to be made first.

    What the career site's tracker saw goes to the one connection that reports the site too (Google Analytics), by its
    days: there the tracker stands in while a day's report may still change. Without one, and where there are several,
    it goes to the internal connection by the company's days. Clicks on links go to their platform's internal
    connection, which counts where the platform reports nothing, by the platform's own days where it has a connection.
    """
    real, internal = _configs(session, company.id, platform)
    if platform == SITE and len(real) == 1:
        return _tracked(company, platform, real[0], real[0].time_zone)
    if internal is None:
        return None
    zone = real[0].time_zone if real and platform != SITE else company.zone
    return _tracked(company, platform, internal, zone)


def make_internal(session: Session, company: TrackedCompany, platform: int, now: datetime) -> PlatformConfig:
    """The platform's internal connection, made where there is none."""
    number = next_config_number(session)
    # Looked for only then: who made one while we waited for the number made it for us too.
    real, internal = _configs(session, company.id, platform)
    if internal is not None:
        return internal
    label = BY_NUMBER[platform].label
    config = PlatformConfig(
        number=number,
        company_id=company.id,
        platform=BY_NUMBER[platform].key,
        connector="",
        name=f"{label}, tracked" if real else label,
        is_active=True,
        created_at=now,
        updated_at=now,
    )
    session.add(config)
    session.flush()
    return config


def raw_days(session: Session, company_id: uuid.UUID) -> list[int]:
    """Every UTC day from the first to the last that events or clicks are still kept of."""
    bounds: list[datetime] = []
    for table in (WebsiteAnalytics, LinkClick):
        found: Any = session.execute(
            select(func.min(col(table.at)), func.max(col(table.at))).where(col(table.company_id) == company_id)
        ).one()
        bounds += [at for at in found if at is not None]
    if not bounds:
        return []
    first, last = (day_number(at.astimezone(UTC).date()) for at in (min(bounds), max(bounds)))
    return list(range(first, last + 1))


def _configs(
    session: Session, company_id: uuid.UUID, platform: int
) -> tuple[list[PlatformConfig], PlatformConfig | None]:
    """The platform's connections that are not deleted: those with a connector, and the internal one."""
    rows = session.execute(
        select(PlatformConfig)
        .where(
            col(PlatformConfig.company_id) == company_id,
            col(PlatformConfig.platform) == BY_NUMBER[platform].key,
            col(PlatformConfig.deleted_at).is_(None),
        )
        .order_by(col(PlatformConfig.number))
    )
    found = list(rows.scalars())
    return [one for one in found if one.connector], next((one for one in found if not one.connector), None)


def _tracked(company: TrackedCompany, platform: int, config: PlatformConfig, zone: str) -> Tracked:
    return Tracked(company.id, company.number, platform, config.id, config.number, ZoneInfo(zone))
