"""Tracking links: which are there, how often was each clicked, and where does one lead?"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import case, func, select
from sqlmodel import Session, col

from store.among import among
from store.reports.scope import CompanyScope
from store.reports.tracker import list_origins
from store.tables import JobPosting, LinkClick, TrackingLink

MOST_LINKS = 2_000
_CLICKS = LinkClick.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link with its clicks; `filtered` of them do not count. `posting` is a title, "" for none."""

    id: uuid.UUID
    slug: str
    posting: str
    posting_id: uuid.UUID | None
    platform: str
    campaign: str
    target_url: str
    clicks: int
    filtered: int
    last_click_at: datetime | None
    is_on: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Leads:
    """Where a short address leads: whose it is, the target, its words, and the origins it may lead to.

    Exactly one of `link_id` and `referral_id` is there. A link that is switched off `is_gone`.
    """

    company_id: uuid.UUID
    target_url: str
    platform: str
    campaign: str
    origins: frozenset[str]
    link_id: uuid.UUID | None = None
    referral_id: uuid.UUID | None = None
    is_gone: bool = False


def list_links(session: Session, company: CompanyScope) -> list[LinkRow]:
    """The company's links, newest first, at most MOST_LINKS; employees' own are theirs (`referral_lists`)."""
    counted = (
        select(
            _CLICKS.c.link_id,
            func.sum(case((_CLICKS.c.filtered_reason != "", 1), else_=0)).label("filtered"),
            func.max(_CLICKS.c.at).label("last_at"),
        )
        .where(_CLICKS.c.company_id == company.id, _CLICKS.c.link_id.is_not(None))
        .group_by(_CLICKS.c.link_id)
        .subquery()
    )
    rows = session.execute(
        select(TrackingLink, col(JobPosting.title), counted.c.filtered, counted.c.last_at)
        .join(JobPosting, col(JobPosting.id) == col(TrackingLink.posting_id), isouter=True)
        .join(counted, counted.c.link_id == col(TrackingLink.id), isouter=True)
        .where(col(TrackingLink.company_id) == company.id, col(TrackingLink.referrer_id).is_(None))
        .order_by(col(TrackingLink.created_at).desc(), col(TrackingLink.id))
        .limit(MOST_LINKS)
    )
    return [
        LinkRow(
            id=link.id,
            slug=link.slug,
            posting=title or "",
            posting_id=link.posting_id,
            platform=link.platform,
            campaign=link.campaign,
            target_url=link.target_url,
            clicks=link.clicks,
            filtered=int(filtered or 0),
            last_click_at=last_at,
            is_on=link.disabled_at is None,
            created_at=link.created_at,
        )
        for link, title, filtered, last_at in rows
    ]


def list_campaigns(session: Session, company: CompanyScope) -> list[str]:
    """Campaigns that links have already, in order."""
    found = session.execute(
        select(col(TrackingLink.campaign))
        .where(col(TrackingLink.company_id) == company.id, col(TrackingLink.campaign) != "")
        .distinct()
        .order_by(col(TrackingLink.campaign))
    )
    return list(found.scalars())


def list_addresses(session: Session, company: CompanyScope, posting_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """The own address of each of these postings: the apply URL, else the path on the company's one site, else ""."""
    origins = sorted(list_origins(session, company.id))
    rows = session.execute(
        select(JobPosting).where(
            col(JobPosting.company_id) == company.id, among(session, col(JobPosting.id), posting_ids)
        )
    )
    return {row.id: own_address(row, origins) for row in rows.scalars()}


def find_link(session: Session, slug: str) -> Leads | None:
    """Where a tracking link leads; None for an unknown one."""
    link = session.execute(select(TrackingLink).where(col(TrackingLink.slug) == slug)).scalars().first()
    if link is None:
        return None
    return Leads(
        company_id=link.company_id,
        target_url=link.target_url,
        platform=link.platform,
        campaign=link.campaign,
        origins=list_origins(session, link.company_id),
        link_id=link.id,
        is_gone=link.disabled_at is not None,
    )


def own_address(posting: JobPosting, origins: list[str]) -> str:
    """Where one applies: the posting's apply URL, else its path on the company's one site; "" where nobody told."""
    if posting.apply_url:
        return posting.apply_url
    return f"{origins[0]}/{posting.path.lstrip('/')}" if posting.path and len(origins) == 1 else ""
