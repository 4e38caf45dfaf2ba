"""Visitors of the career site: told of as they have been, or sent to a tracker and to links on this machine."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

import httpx

from sandbox.deliveries import BadDeliveryError, is_here
from sandbox.tracked import LINKS, beacons, clicks, link_postings, linked_since, tracked_since

if TYPE_CHECKING:
    from sandbox.world import World

ORIGIN = "https://careers.halden.example"
_SECONDS = 30


@dataclass(frozen=True)
class Order:
    """Where the tracker and the links are: base address, the site's key, and each link's slug by platform/campaign."""

    url: str
    site: str
    links: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, told: dict[str, Any]) -> Order:
        """From a control request. Raises BadDeliveryError."""
        links = told.get("links") or {}
        order = cls(str(told.get("url")).rstrip("/"), str(told.get("site")), {str(k): str(v) for k, v in links.items()})
        if not is_here(order.url):
            raise BadDeliveryError("visitors go to loopback only")
        return order


def told(world: World, since: str) -> dict[str, Any]:
    """What was heard from `since` (ISO) until now, which is remembered for the truth.

    With "" visits of three weeks before the story was first told, and clicks since its first day.
    """
    try:
        first = datetime.fromisoformat(since) if since else None
    except ValueError:
        first = None
    until = world.clock.now()
    world.heard_until = until
    requisitions = link_postings(world.company)
    return {
        "origin": ORIGIN,
        "since": linked_since(world.company).isoformat(),
        "until": until.isoformat(),
        "links": [
            {"platform": platform, "campaign": campaign, "requisition": requisition}
            for (platform, campaign, _), requisition in zip(LINKS, requisitions, strict=True)
        ],
        "beacons": [beacon.view() for beacon in beacons(world.company, first or tracked_since(world.company), until)],
        "clicks": [click.view() for click in clicks(world.company, first or linked_since(world.company), until)],
    }


def visit(world: World, order: Order) -> dict[str, int]:
    """Send what has happened since the last time; nothing before the first `told`."""
    since, until = world.heard_until, world.clock.now()
    found: Counter[str] = Counter()
    if since is None:
        return {}
    world.heard_until = until
    with httpx.Client(trust_env=False, timeout=_SECONDS) as client:
        for beacon in beacons(world.company, since, until):
            body = json.dumps({"k": order.site, **beacon.body})
            headers = {"origin": ORIGIN, "user-agent": beacon.agent, "content-type": "text/plain"}
            answer = client.post(f"{order.url}/api/track", content=body.encode(), headers=headers)
            found[str(answer.status_code)] += 1
        for click in clicks(world.company, since, until):
            slug = order.links.get(f"{click.platform}/{click.campaign}")
            if slug:
                answer = client.get(f"{order.url}/l/{slug}", headers={"user-agent": click.agent})
                found[str(answer.status_code)] += 1
    return dict(found)
