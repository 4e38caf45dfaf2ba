"""Applications that the career site names: entered among applications, with everything their visitor came from.

The tracker keeps nothing in the browser: what a visitor came from is what the same visitor's events of that UTC day
tell, up to the application.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlmodel import Session

from domain.platforms import BY_KEY
from domain.visits import DIRECT, platform_of
from store.tables import TrackingLink, WebsiteAnalytics
from store.vault import Vault
from store.writes.applications_told import PostingIndex, StageTold, Teller, Told, TouchTold, tell_application

#: Applications told in one transaction.
_AT_ONCE = 20
_EVENTS = WebsiteAnalytics.__table__  # type: ignore[attr-defined]
_LINKS = TrackingLink.__table__  # type: ignore[attr-defined]
_SITE = BY_KEY["company_website"].key


def count_waiting(session: Session) -> int:
    """How many events name an application that was not entered yet."""
    waiting = (_EVENTS.c.application_ref != "", _EVENTS.c.told_at.is_(None))
    return int(session.execute(select(func.count()).select_from(_EVENTS).where(*waiting)).scalar_one())


def tell_waiting(session: Session, *, vault: Vault, now: datetime) -> int:
    """Enter some of the applications that wait, oldest first; returns how many. The caller commits, and asks again."""
    waiting = session.execute(
        select(_EVENTS)
        .where(_EVENTS.c.application_ref != "", _EVENTS.c.told_at.is_(None))
        .order_by(_EVENTS.c.at)
        .limit(_AT_ONCE)
    ).all()
    tellers: dict[Any, Teller] = {}
    for event in waiting:
        if event.kind == "apply_complete" and not event.filtered_reason:
            teller = tellers.get(event.company_id)
            if teller is None:
                index = PostingIndex(session, event.company_id)
                teller = tellers[event.company_id] = Teller(event.company_id, vault, index)
            tell_application(session, teller, _told(session, event), now=now)
        session.execute(update(_EVENTS).where(_EVENTS.c.id == event.id).values(told_at=now))
    return len(waiting)


def _told(session: Session, event: Any) -> Told:
    return Told(
        told_by="tracker",
        stages=(StageTold("applied", event.at, f"tracker:{event.application_ref}"),),
        refs=(("", event.application_ref),),
        posting_id=event.posting_id,
        touches=tuple(_touches(session, event)),
    )


def _touches(session: Session, event: Any) -> Iterator[TouchTold]:
    """Each thing the visitor came by, once, at its first time. Only who came by nothing came to the site itself."""
    seen: set[tuple[str, str]] = set()
    for row in _visit(session, event):
        touch = _touch(row)
        if touch is not None and (touch.kind, touch.ref) not in seen:
            seen.add((touch.kind, touch.ref))
            yield touch
    if not seen:
        yield TouchTold("utm", DIRECT, event.at, platform=_SITE, source=DIRECT)


def _visit(session: Session, event: Any) -> list[Any]:
    if not event.visitor:
        mine = _EVENTS.c.id == event.id
    else:
        day = event.at.replace(hour=0, minute=0, second=0, microsecond=0)
        mine = (_EVENTS.c.visitor == event.visitor) & (_EVENTS.c.at >= day) & (_EVENTS.c.at <= event.at)
    rows = session.execute(
        select(_EVENTS, _LINKS.c.platform.label("link_platform"))
        .join(_LINKS, _LINKS.c.id == _EVENTS.c.link_id, isouter=True)
        .where(_EVENTS.c.company_id == event.company_id, mine, _EVENTS.c.filtered_reason == "")
        .order_by(_EVENTS.c.at, _EVENTS.c.id)
        .limit(500)
    )
    return list(rows)


def _touch(row: Any) -> TouchTold | None:
    words = {"source": row.source, "medium": row.medium, "campaign": row.campaign}
    if row.link_id is not None:
        return TouchTold("link", str(row.link_id), row.at, platform=row.link_platform, link_id=row.link_id, **words)
    if row.referral_id is not None:
        return TouchTold(
            "referral", str(row.referral_id), row.at, platform="referrals", referral_id=row.referral_id, **words
        )
    if row.source in {"", DIRECT}:
        return None
    ref = f"{row.source}/{row.medium}/{row.campaign}"
    return TouchTold("utm", ref, row.at, platform=platform_of(row.source), **words)
