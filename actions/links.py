"""Make links that can be counted, switch them off, and keep their clicks."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from sqlmodel import Session

from actions.gathering import gathering
from actions.viewer import NotFound, Viewer, deed, require_admin
from actions.visitors import Visitor
from domain.links import checked_platform, is_allowed, plain_campaign
from domain.visits import plain_host
from store.engine import Urgency
from store.opening import Store
from store.reports.links import Leads
from store.reports.tracker import list_origins
from store.tables.columns import new_id
from store.writes import links as rows
from store.writes.audit import append_audit
from store.writes.postings import PostingUnknown, get_posting
from store.writes.tracker import insert_clicks

MOST_AT_ONCE = 500


def make_links(
    store: Store,
    viewer: Viewer,
    wanted: Sequence[tuple[uuid.UUID | None, str]],
    platforms: Sequence[str],
    campaign: str,
    *,
    now: datetime,
) -> list[str]:
    """Make a link for each (posting, target address) and platform; their slugs, those that were there already included.

    Raises NotAllowed, NotFound, and ValueError with words for the form.
    """
    require_admin(store, viewer, "link.make", now=now)
    keys = [checked_platform(platform) for platform in platforms]
    if not wanted or not keys:
        raise ValueError("Choose at least one posting and one platform.")
    if len(wanted) * len(keys) > MOST_AT_ONCE:
        raise ValueError(f"At most {MOST_AT_ONCE} links can be made at a time.")
    words = plain_campaign(campaign)
    if campaign.strip() and not words:
        raise ValueError("A campaign needs letters or digits.")
    slugs = []
    with _writing(store) as session:
        origins = list_origins(session, viewer.company_id)
        for posting_id, target in wanted:
            _check_target(target, origins)
            if posting_id is not None:
                posting = get_posting(session, viewer.company_id, posting_id)
                if posting.status == "archived":
                    raise ValueError(f"“{posting.title}” is archived: its links lead on, and no new ones are made.")
            for key in keys:
                values = {"posting_id": posting_id, "platform": key, "campaign": words, "target_url": target.strip()}
                made = rows.make_link(session, viewer.company_id, values | {"created_by": viewer.user_id}, now=now)
                slugs.append(made.slug)
        append_audit(session, deed(viewer, "link.make", campaign=words, platforms=keys, links=len(slugs)), now=now)
    return slugs


def switch_link(store: Store, viewer: Viewer, link_id: uuid.UUID, *, is_on: bool, now: datetime) -> None:
    """Switch a link on or off; off, it says that it leads nowhere any more. Raises NotAllowed or NotFound."""
    require_admin(store, viewer, "link.switch", link_id, now=now)
    with _writing(store) as session:
        rows.switch_link(session, viewer.company_id, link_id, is_on=is_on, now=now)
        append_audit(session, deed(viewer, "link.switch", link_id, on=is_on), now=now)


async def keep_click(leads: Leads, visitor: Visitor, referrer: str, *, now: datetime) -> None:
    """Keep a click; returns once it is on the disk. Raises NotStored."""
    row = {
        "id": new_id(),
        "company_id": leads.company_id,
        "at": now,
        "link_id": leads.link_id,
        "referral_id": leads.referral_id,
        "visitor": visitor.hash,
        "country": visitor.country,
        "referrer_host": plain_host(referrer) if visitor.hash else "",
        "agent": visitor.agent,
        "filtered_reason": visitor.reason,
    }
    await gathering().put(write_clicks, row)


def write_clicks(session: Session, clicks: Sequence[dict[str, Any]]) -> list[None]:
    """Rows of clicks, written in the gathering's transaction."""
    insert_clicks(session, clicks)
    return [None] * len(clicks)


def _check_target(target: str, origins: frozenset[str]) -> None:
    if not origins:
        raise ValueError("Name your sites on the Tracker page first: links lead only there.")
    if not is_allowed(target.strip(), origins):
        raise ValueError(f"{target.strip()[:100]} is not on one of your sites ({', '.join(sorted(origins))}).")


@contextmanager
def _writing(store: Store) -> Iterator[Session]:
    """A write transaction in which an unknown posting or link answers like one of another company."""
    try:
        with store.writing(Urgency.EVENT) as session:
            yield session
    except PostingUnknown:
        raise NotFound("There is no such posting.") from None
    except rows.LinkUnknown:
        raise NotFound("There is no such link.") from None
