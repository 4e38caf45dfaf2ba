"""The demo company's tracker and links, with three weeks of visits and a year of clicks as they would be heard."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, func, select

from actions.links import make_links, write_clicks
from actions.tracker import TrackedEvent, row_of, save_tracker, write_events
from actions.viewer import Viewer
from actions.visitors import Visitor, agent_of
from store.engine import Urgency
from store.opening import Store
from store.reports.tracker import find_tracked_site
from store.tables import JobPosting, LinkClick, TrackerSite, TrackingLink, WebsiteAnalytics
from store.tables.columns import new_id

PATTERN = "/jobs/{posting}"
_AT_ONCE = 400
_HASH_LETTERS = 22


@dataclass(frozen=True, slots=True)
class DemoSite:
    """The tracker's key, and the slug of each link by platform and campaign."""

    key: str
    links: Mapping[str, str]


def heard_until(store: Store, admin: Viewer) -> datetime | None:
    """When the demo's tracker last heard anything; None before the first time."""
    with store.reading() as session:
        newest = select(func.max(WebsiteAnalytics.at)).where(WebsiteAnalytics.company_id == admin.company_id)
        return session.exec(newest).one()


def clicked_until(store: Store, admin: Viewer) -> datetime | None:
    """When one of the demo's links was clicked last; None before the first time."""
    with store.reading() as session:
        newest = select(func.max(LinkClick.at)).where(
            LinkClick.company_id == admin.company_id, col(LinkClick.link_id).is_not(None)
        )
        return session.exec(newest).one()


def seed_visits(store: Store, admin: Viewer, told: Mapping[str, Any]) -> DemoSite:
    """Sets the tracker up, makes the links, and keeps what `told` (the sandbox's visits) says was heard since.

    What is not newer than all that is kept is kept already, however far back `told` begins.
    """
    since = datetime.fromisoformat(told["since"])
    heard, clicked = heard_until(store, admin), clicked_until(store, admin)
    with store.reading() as session:
        site = session.exec(select(TrackerSite).where(TrackerSite.company_id == admin.company_id)).first()
    if site is None:
        save_tracker(store, admin, [told["origin"]], PATTERN, now=since)
    links = _links(store, admin, told["links"], str(told["origin"]), since)
    with store.reading() as session:
        key = session.exec(select(TrackerSite.key).where(TrackerSite.company_id == admin.company_id)).one()
    _keep_events(store, key, _newer(told["beacons"], heard))
    _keep_clicks(store, admin, links, _newer(told["clicks"], clicked))
    return DemoSite(key, {name: link.slug for name, link in links.items()})


def _newer(told: Sequence[Mapping[str, Any]], last: datetime | None) -> list[Mapping[str, Any]]:
    return [one for one in told if last is None or datetime.fromisoformat(one["at"]) > last]


def _links(
    store: Store, admin: Viewer, wanted: Sequence[Mapping[str, Any]], origin: str, since: datetime
) -> dict[str, TrackingLink]:
    """The demo's links by platform/campaign, made where they are not there; dated as the story has it."""
    found = {}
    for one in wanted:
        with store.reading() as session:
            posting = session.exec(
                select(JobPosting).where(
                    JobPosting.company_id == admin.company_id,
                    JobPosting.requisition_ref == one["requisition"],
                    JobPosting.status != "archived",
                )
            ).first()
        if posting is None:
            # Somebody has put it away since: its links stay, and are not followed any more.
            continue
        target = f"{origin}{posting.path}"
        (slug,) = make_links(store, admin, [(posting.id, target)], [one["platform"]], str(one["campaign"]), now=since)
        with store.reading() as session:
            link = session.exec(select(TrackingLink).where(TrackingLink.slug == slug)).one()
        found[f"{one['platform']}/{one['campaign']}"] = link
    return found


def _keep_events(store: Store, key: str, beacons: Sequence[Mapping[str, Any]]) -> None:
    with store.reading() as session:
        site = find_tracked_site(session, key)
    if site is None:
        return
    rows = []
    for beacon in beacons:
        body = beacon["body"]
        event = TrackedEvent(
            body["e"], body["p"], body.get("r", ""), body.get("s", ""), body.get("m", ""), body.get("c", "")
        )
        rows.append(row_of(site, event, _visitor(beacon), now=datetime.fromisoformat(beacon["at"])))
    for start in range(0, len(rows), _AT_ONCE):
        with store.writing(Urgency.PAGE) as session:
            write_events(session, rows[start : start + _AT_ONCE])


def _keep_clicks(
    store: Store, admin: Viewer, links: Mapping[str, TrackingLink], clicks: Sequence[Mapping[str, Any]]
) -> None:
    rows = []
    for click in clicks:
        link = links.get(f"{click['platform']}/{click['campaign']}")
        if link is None:
            continue
        visitor = _visitor(click)
        rows.append(
            {
                "id": new_id(),
                "company_id": admin.company_id,
                "at": datetime.fromisoformat(click["at"]),
                "link_id": link.id,
                "referral_id": None,
                "visitor": visitor.hash,
                "country": "",
                "referrer_host": "",
                "agent": visitor.agent,
                "filtered_reason": visitor.reason,
            }
        )
    for start in range(0, len(rows), _AT_ONCE):
        with store.writing(Urgency.PAGE) as session:
            write_clicks(session, rows[start : start + _AT_ONCE])


def _visitor(told: Mapping[str, Any]) -> Visitor:
    """A visitor as the tracker would have known them: those days' salts are gone, so the hash is of their number."""
    agent, reason = agent_of(str(told["agent"]))
    if reason:
        return Visitor("", agent, "", reason)
    made = hashlib.sha256(f"demo visitor {told['visitor']}".encode()).hexdigest()
    return Visitor(made[:_HASH_LETTERS], agent)
