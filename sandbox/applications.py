"""Applications: those that grew out of a visit, and those that reached the ATS another way, with their stages."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import accumulate

from sandbox.company import (
    ATS_SOURCES,
    FIRST_NAMES,
    INDEED_ZONE,
    LAST_NAMES,
    SOURCE_PLATFORMS,
    ZONE,
)
from sandbox.postings import Posting
from sandbox.season import poisson
from sandbox.visits import Session, VisitDay, at, moment

STAGES = ("reviewed", "interviewed", "offered", "hired", "rejected", "withdrawn")
# Applications a day that never touch the career site, by platform, at demand 1.
ELSEWHERE = (("indeed", 6.0), ("linkedin", 1.3), ("referrals", 0.9), ("glassdoor", 0.3), ("other", 0.15))
# Referred people are hired more often than the rest.
LUCK = {"referrals": 2.2, "linkedin": 1.2, "other": 1.4, "indeed": 0.8}


@dataclass(frozen=True, slots=True)
class Application:
    """One application as the ATS knows it. Sponsored, hosted and mark matter where it came through Indeed."""

    id: str
    name: str
    email: str
    requisition: str
    platform: str
    source: str
    applied_at: datetime
    device: str
    is_sponsored: bool
    is_hosted: bool
    mark: int
    stages: dict[str, datetime] = field(default_factory=dict)

    @property
    def indeed_day(self) -> date:
        """The day Indeed books it under."""
        return self.applied_at.astimezone(INDEED_ZONE).date()


@dataclass(frozen=True, slots=True)
class _Arrival:
    requisition: str
    platform: str
    applied_at: datetime
    device: str
    is_sponsored: bool
    is_hosted: bool


def build_applications(context: VisitDay, sessions: Iterable[Session]) -> tuple[Application, ...]:
    """The applications that arrive through the sessions and otherwise on a company day."""
    rng = random.Random(f"{context.seed}:applications:{context.day}")
    arrivals = [_from_visit(s, p.requisition) for s in sessions for p in s.pages if p.completes and p.requisition]
    arrivals += _elsewhere(rng, context)
    arrivals.sort(key=lambda arrival: (arrival.applied_at, arrival.requisition, arrival.platform))
    return tuple(_application(rng, context.day, n, arrival) for n, arrival in enumerate(arrivals, 1))


def _from_visit(session: Session, requisition: str) -> _Arrival:
    platform = SOURCE_PLATFORMS.get(session.source.lower(), "company_website")
    sponsored = platform == "indeed" and session.medium == "cpc"
    return _Arrival(requisition, platform, session.started_at, session.device, sponsored, False)


def _elsewhere(rng: random.Random, context: VisitDay) -> list[_Arrival]:
    open_postings = [p for p in context.postings if p.is_open(context.day)]
    weights = tuple(accumulate(p.weight for p in open_postings))
    # The agency's feed arrives every night, so that every day has an application soon after midnight.
    instants = [("other", at(context.day, 0, rng.randrange(5, 50), rng.randrange(60)))]
    for platform, mean in ELSEWHERE:
        count = poisson(rng, mean * context.season.demand(context.day))
        instants += [(platform, moment(rng, context.day)) for _ in range(count)]
    return [
        _arrival(rng, context, rng.choices(open_postings, cum_weights=weights)[0], (platform, instant))
        for platform, instant in instants
    ]


def _arrival(rng: random.Random, context: VisitDay, posting: Posting, event: tuple[str, datetime]) -> _Arrival:
    platform, instant = event
    sponsor = context.advertising.campaign_for(posting.requisition, instant.astimezone(INDEED_ZONE).date())
    sponsored = platform == "indeed" and sponsor is not None and rng.random() < 0.7
    device = "mobile" if rng.random() < 0.55 else "desktop"
    return _Arrival(posting.requisition, platform, instant, device, sponsored, True)


def _application(rng: random.Random, day: date, number: int, arrival: _Arrival) -> Application:
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    application_id = f"A{day:%y%m%d}-{number:03d}"
    return Application(
        id=application_id,
        name=f"{first} {last}",
        email=f"candidate.{application_id.lower()}@{rng.choice(('example.com', 'example.org', 'example.net'))}",
        requisition=arrival.requisition,
        platform=arrival.platform,
        source=rng.choice(ATS_SOURCES[arrival.platform]),
        applied_at=arrival.applied_at,
        device=arrival.device,
        is_sponsored=arrival.is_sponsored,
        is_hosted=arrival.is_hosted,
        mark=rng.randrange(100),
        stages=_stages(rng, arrival),
    )


def _stages(rng: random.Random, arrival: _Arrival) -> dict[str, datetime]:
    """When each stage is reached, in order; about two in a hundred are hired."""
    luck = LUCK.get(arrival.platform, 1.0)
    reached: dict[str, datetime] = {}
    last = arrival.applied_at
    for stage, chance, low, high in (
        ("reviewed", 0.82, 1, 9),
        ("interviewed", min(0.9, 0.20 * luck), 2, 16),
        ("offered", 0.17, 3, 14),
        ("hired", 0.72, 1, 10),
    ):
        if rng.random() >= chance:
            break
        last = _working_time(rng, last, rng.randint(low, high))
        reached[stage] = last
    if "hired" not in reached and rng.random() < 0.85:
        end = "withdrawn" if rng.random() < 0.18 else "rejected"
        reached[end] = _working_time(rng, last, rng.randint(2, 25))
    return reached


def _working_time(rng: random.Random, after: datetime, days: int) -> datetime:
    day = after.astimezone(ZONE).date() + timedelta(days=days)
    while day.weekday() >= 5:
        day += timedelta(days=1)
    return at(day, rng.randrange(8, 18), rng.randrange(60), rng.randrange(60))
