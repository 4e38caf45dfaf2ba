"""Tracking links: made with a slug of their own, switched off, never deleted, for their clicks stay counted."""

import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlmodel import Session, col

from domain.links import SLUG_LENGTH, SLUG_LETTERS
from store.errors import StoreError
from store.tables import TrackingLink
from store.writes.in_turn import in_turn
from store.writes.tracker import enter_event_days


class LinkUnknown(StoreError):
    """This company has no such link."""


def make_link(session: Session, company_id: uuid.UUID, values: Mapping[str, Any], *, now: datetime) -> TrackingLink:
    """A new link (`posting_id`, `platform`, `campaign`, `target_url`, `created_by`) with a slug nobody can guess.

    A link of the same posting, platform, campaign and target is returned as it is, switched on again: two links for
    one thing would split its numbers.
    """
    in_turn(session, "link", company_id)
    same = find_same(session, company_id, values)
    if same is not None:
        same.disabled_at = None
        session.add(same)
        session.flush()
        return same
    link = TrackingLink(company_id=company_id, slug=_new_slug(session), created_at=now, **values)
    session.add(link)
    session.flush()
    # Its platform is covered from this day on.
    enter_event_days(session, [(company_id, now)])
    return link


def find_same(session: Session, company_id: uuid.UUID, values: Mapping[str, Any]) -> TrackingLink | None:
    """The link that leads from the same platform and campaign to the same place; None where there is none."""
    posting_id = values.get("posting_id")
    found = session.execute(
        select(TrackingLink).where(
            col(TrackingLink.company_id) == company_id,
            col(TrackingLink.posting_id) == posting_id if posting_id else col(TrackingLink.posting_id).is_(None),
            col(TrackingLink.platform) == values["platform"],
            col(TrackingLink.campaign) == values["campaign"],
            col(TrackingLink.target_url) == values["target_url"],
            # Somebody's personal link is theirs alone.
            col(TrackingLink.referrer_id).is_(None),
        )
    )
    return found.scalars().first()


def switch_link(
    session: Session, company_id: uuid.UUID, link_id: uuid.UUID, *, is_on: bool, now: datetime
) -> TrackingLink:
    """Switch a link on or off. Raises LinkUnknown."""
    link = get_link(session, company_id, link_id)
    link.disabled_at = None if is_on else link.disabled_at or now
    session.add(link)
    session.flush()
    enter_event_days(session, [(company_id, now)])
    return link


def get_link(session: Session, company_id: uuid.UUID, link_id: uuid.UUID) -> TrackingLink:
    """A link of the company. Raises LinkUnknown."""
    link = session.get(TrackingLink, link_id)
    if link is None or link.company_id != company_id:
        raise LinkUnknown("There is no such link.")
    return link


def _new_slug(session: Session) -> str:
    while True:
        slug = "".join(secrets.choice(SLUG_LETTERS) for _ in range(SLUG_LENGTH))
        if session.execute(select(col(TrackingLink.id)).where(col(TrackingLink.slug) == slug)).first() is None:
            return slug
