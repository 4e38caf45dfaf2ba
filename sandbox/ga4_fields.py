"""Dimensions and metrics the imitated property knows, and how each is read from a hit."""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import NamedTuple

from sandbox.visits import Page, Session

KEY_EVENTS = ("apply_complete",)
EVENTS = {
    "views": "page_view",
    "clicks": "apply_click",
    "apply_starts": "apply_start",
    "applications": "apply_complete",
}


class Hit(NamedTuple):
    """One kind of event, so many times, on one page of one session; event is "" where all are taken together."""

    session: Session
    page: Page
    event: str
    times: int


class Totals(NamedTuple):
    """What the hits of a group add up to; a session is counted once in it."""

    events: int = 0
    views: int = 0
    key_events: int = 0
    seconds: int = 0
    sessions: int = 0
    engaged: int = 0
    duration: int = 0
    visitors: frozenset[int] = frozenset()


# API name -> name on Google's screens, and where a hit holds it.
DIMENSIONS: dict[str, tuple[str, str]] = {
    "date": ("Date", "session.stamp"),
    "pagePath": ("Page path", "page.path"),
    "sessionSource": ("Session source", "session.source"),
    "sessionMedium": ("Session medium", "session.medium"),
    "sessionCampaignName": ("Session campaign", "session.campaign"),
    "sessionSourceMedium": ("Session source / medium", "session.source_medium"),
    "eventName": ("Event name", "event"),
    "deviceCategory": ("Device category", "session.device"),
    "landingPage": ("Landing page", "session.landing_page"),
    "customEvent:job_id": ("Job ID", "page.job_id"),
}
EVENT_SCOPED = {"pagePath", "eventName", "customEvent:job_id"}

METRICS: dict[str, tuple[str, str, Callable[[Totals], int | float]]] = {
    "screenPageViews": ("Views", "TYPE_INTEGER", lambda t: t.views),
    "sessions": ("Sessions", "TYPE_INTEGER", lambda t: t.sessions),
    "engagedSessions": ("Engaged sessions", "TYPE_INTEGER", lambda t: t.engaged),
    "userEngagementDuration": ("User engagement", "TYPE_SECONDS", lambda t: t.seconds),
    "bounceRate": ("Bounce rate", "TYPE_FLOAT", lambda t: (t.sessions - t.engaged) / (t.sessions or 1)),
    "engagementRate": ("Engagement rate", "TYPE_FLOAT", lambda t: t.engaged / (t.sessions or 1)),
    "averageSessionDuration": (
        "Average session duration",
        "TYPE_SECONDS",
        lambda t: t.duration / (t.sessions or 1),
    ),
    "eventCount": ("Event count", "TYPE_INTEGER", lambda t: t.events),
    "keyEvents": ("Key events", "TYPE_FLOAT", lambda t: t.key_events),
    "totalUsers": ("Total users", "TYPE_INTEGER", lambda t: len(t.visitors)),
    # Only linked advertising accounts fill it, and it goes with no page or event.
    "advertiserAdImpressions": ("Ads impressions", "TYPE_INTEGER", lambda _t: 0),
}
INCOMPATIBLE = {"advertiserAdImpressions": EVENT_SCOPED}


def reader(names: tuple[str, ...]) -> Callable[[Hit], tuple[str, ...]]:
    """How to read some dimensions of a hit at once."""
    paths = [DIMENSIONS[name][1] for name in names]
    if len(paths) > 1:
        return attrgetter(*paths)
    if not paths:
        return lambda _hit: ()
    single = attrgetter(paths[0])
    return lambda hit: (single(hit),)


def hits_of(session: Session, by_event: bool) -> list[Hit]:
    """The hits of a session, one a page, or one a page and event."""
    hits: list[Hit] = []
    for index, page in enumerate(session.pages):
        events = events_on(page, is_landing=index == 0)
        if by_event:
            hits += [Hit(session, page, name, count) for name, count in events]
        else:
            hits.append(Hit(session, page, "", sum(count for _, count in events)))
    return hits


def events_on(page: Page, *, is_landing: bool) -> list[tuple[str, int]]:
    """What the tag sent from a page: names and counts, none of them zero."""
    sent = (
        ("session_start", int(is_landing)),
        ("page_view", page.views),
        ("user_engagement", int(page.seconds > 0)),
        ("apply_click", page.clicks),
        ("apply_start", page.starts),
        ("apply_complete", page.completes),
    )
    return [(name, count) for name, count in sent if count]


def summed(hits: list[Hit]) -> Totals:
    """The totals of a group of hits of one day."""
    events = views = key_events = seconds = 0
    sessions: dict[int, Session] = {}
    for session, page, event, count in hits:
        events += count
        sessions[session.id] = session
        if event in {"", "page_view"}:
            views += page.views
        if event in {"", *KEY_EVENTS}:
            key_events += page.completes
        if event in {"", "user_engagement"}:
            seconds += page.seconds
    seen = sessions.values()
    return Totals(
        events=events,
        views=views,
        key_events=key_events,
        seconds=seconds,
        sessions=len(sessions),
        engaged=sum(session.engaged for session in seen),
        duration=sum(session.duration for session in seen),
        visitors=frozenset(session.visitor for session in seen),
    )


def merged(parts: list[Totals]) -> Totals:
    """Totals of several days; no session spans two of them, but a visitor may."""
    if len(parts) == 1:
        return parts[0]
    return Totals(
        events=sum(part.events for part in parts),
        views=sum(part.views for part in parts),
        key_events=sum(part.key_events for part in parts),
        seconds=sum(part.seconds for part in parts),
        sessions=sum(part.sessions for part in parts),
        engaged=sum(part.engaged for part in parts),
        duration=sum(part.duration for part in parts),
        visitors=frozenset().union(*(part.visitors for part in parts)),
    )
