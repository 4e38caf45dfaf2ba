"""What a tracker on the career site and links that count would hear of the company's visitors, and the truth of it.

Every page of the site has the tracker. It hears every visit, those too that the analytics property misses; it tells
each visitor from the others, so that applying twice to a posting counts once.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from typing import TYPE_CHECKING, Any

from sandbox.company import CAREERS_PATH, PROPERTY_ZONE, ZONE
from sandbox.season import poisson
from sandbox.visits import Page, Session, moment

if TYPE_CHECKING:
    from sandbox.model import Company

Add = Callable[[tuple[str, str], date, "str | None", int], None]
#: Whether what a source brought belongs to another platform: source, metric, day.
Owned = Callable[[str, str, date], bool]
#: Analytics tells of a day anew for so long after it; until then the tracker's word stands.
PROVISIONAL_DAYS = 3
SITE_METRICS = ("views", "sessions", "apply_starts", "applications")
#: Links that the company has made: platform, campaign, clicks a day. Each leads to a posting.
LINKS = (
    ("linkedin", "robotics-hiring", 2.0),
    ("x", "robotics-hiring", 0.8),
    ("other", "career-fair", 5.0),
    ("other", "poster-berlin", 2.0),
)
#: Of these platforms nobody else reports clicks, so those on links count.
CLICKS_COUNT_FOR = frozenset({"other"})
_STEP = timedelta(milliseconds=40)
#: What search engines and job boards link with, where a visit has no words of a campaign.
_HOSTS = {
    "google": "www.google.com",
    "bing": "www.bing.com",
    "indeed": "www.indeed.com",
    "glassdoor": "www.glassdoor.com",
    "kununu.com": "www.kununu.com",
}
_BROWSERS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/14{minor}.0.{build}.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_{minor} like Mac OS X) Version/18.{minor} Mobile/15E{build} Safari/604.1",
    "Mozilla/5.0 (X11; Linux x86_64; rv:14{minor}.0) Gecko/{build} Firefox/14{minor}.0",
)
_CRAWLER = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
CRAWLS_PER_DAY = 6.0


@dataclass(frozen=True)
class Beacon:
    """One event as a page tells it: `body` without the site's key. Visitors have numbers; a crawler has 0."""

    at: datetime
    visitor: int
    agent: str
    body: dict[str, str]

    def view(self) -> dict[str, Any]:
        """As JSON."""
        return {"at": self.at.isoformat(), "visitor": self.visitor, "agent": self.agent, "body": self.body}


@dataclass(frozen=True)
class Click:
    """Somebody followed a link of the company's."""

    at: datetime
    platform: str
    campaign: str
    requisition: str
    agent: str
    visitor: int

    def view(self) -> dict[str, Any]:
        """As JSON."""
        return {**vars(self), "at": self.at.isoformat()}


def beacons(company: Company, since: datetime, until: datetime) -> Iterator[Beacon]:
    """What the tracker hears of visits that begin in [since, until), in order."""
    for session in _visits(company, since, until):
        yield from _of_session(session)
    for at in _crawls(company, since, until):
        yield Beacon(at, 0, _CRAWLER, {"e": "view", "p": CAREERS_PATH})


def _visits(company: Company, since: datetime, until: datetime) -> list[Session]:
    day, last = since.astimezone(PROPERTY_ZONE).date(), until.astimezone(PROPERTY_ZONE).date()
    found = []
    while day <= last:
        found += [visit for visit in company.visits_on(day) if since <= visit.started_at < until]
        day += timedelta(days=1)
    return sorted(found, key=lambda visit: (visit.started_at, visit.id))


def _of_session(session: Session) -> Iterator[Beacon]:
    agent, at = _agent(session.id), session.started_at
    words = _words(session)
    for page in session.pages:
        for event in _events(page):
            yield Beacon(at, session.id, agent, {"e": event, "p": page.path, **words})
            # Only the page somebody lands on knows where they came from.
            words, at = {"r": "careers.halden.example"}, at + _STEP


def _events(page: Page) -> list[str]:
    return ["view"] * page.views + ["apply_start"] * page.starts + ["apply_complete"] * page.completes


def _words(session: Session) -> dict[str, str]:
    if session.source in {"(direct)", "(not set)"}:
        return {}
    if session.medium in {"organic", "referral"} and session.source in _HOSTS:
        return {"r": _HOSTS[session.source]}
    return {"s": session.source, "m": session.medium, "c": session.campaign}


def _agent(number: int) -> str:
    """A browser that no other visitor has: the live tracker tells visitors apart by it."""
    made = int(hashlib.sha256(str(number).encode()).hexdigest()[:12], 16)
    return _BROWSERS[made % len(_BROWSERS)].format(minor=made % 7, build=1_000_000 + number % 8_999_999)


def _crawls(company: Company, since: datetime, until: datetime) -> list[datetime]:
    days = _days(company, "crawls", since, until)
    return [at for day, rng in days for at in _moments(rng, day, CRAWLS_PER_DAY) if since <= at < until]


def clicks(company: Company, since: datetime, until: datetime) -> list[Click]:
    """Clicks on the company's links in [since, until)."""
    found = []
    requisitions = link_postings(company)
    for number, (platform, campaign, mean) in enumerate(LINKS):
        for day, rng in _days(company, f"link {number}", since, until):
            for at in _moments(rng, day, mean):
                visitor = rng.randrange(10**6)
                if since <= at < until:
                    found.append(Click(at, platform, campaign, requisitions[number], _agent(visitor), visitor))
    return sorted(found, key=lambda click: click.at)


def link_postings(company: Company) -> list[str]:
    """The requisition that each of LINKS leads to: postings that were open longest when the story was first told."""
    anchor = company.season.anchor
    known = [one for one in company.postings if one.is_open(anchor)]
    known.sort(key=lambda one: (one.opened_on, one.requisition))
    return [known[number % len(known)].requisition for number in range(len(LINKS))]


def _days(company: Company, purpose: str, since: datetime, until: datetime) -> Iterator[tuple[date, random.Random]]:
    day, last = since.astimezone(ZONE).date(), until.astimezone(ZONE).date()
    while day <= last:
        yield day, random.Random(f"{company.seed}:{purpose}:{day}")
        day += timedelta(days=1)


def _moments(rng: random.Random, day: date, mean: float) -> list[datetime]:
    return [moment(rng, day) for _ in range(poisson(rng, mean))]


def tracked_since(company: Company) -> datetime:
    """When the tracker came into the site: three weeks before the story was first told."""
    return datetime.combine(company.season.anchor - timedelta(weeks=3), time_of_day(), ZONE).astimezone(UTC)


def linked_since(company: Company) -> datetime:
    """When the links were made: on the story's first day, so that their clicks can be compared like all others."""
    return datetime.combine(company.season.first_day, time_of_day(), ZONE).astimezone(UTC)


def count_tracked(company: Company, until: datetime, covers: Callable[[date], bool], add: Add, owned: Owned) -> None:
    """Add what the tracker knows of days that analytics may still change: of each the visits told of so far."""
    for back in range(PROVISIONAL_DAYS + 1):
        day = company.property_today() - timedelta(days=back)
        if not covers(day):
            continue
        for visit in company.visits_on(day):
            if tracked_since(company) <= visit.started_at < until:
                _count_visit(visit, add, owned)


def _count_visit(visit: Session, add: Add, owned: Owned) -> None:
    source = _source(visit)
    add(("company_website", "sessions"), visit.property_day, None, 1)
    for page in visit.pages:
        if not page.path.startswith(f"{CAREERS_PATH}/"):
            continue
        add(("company_website", "views"), visit.property_day, page.requisition, page.views)
        for metric, times in (("apply_starts", page.starts), ("applications", page.completes)):
            if not owned(source, metric, visit.property_day):
                add(("company_website", metric), visit.property_day, page.requisition, min(times, 1))


def _source(visit: Session) -> str:
    """The source in the tracker's eyes."""
    return "(direct)" if visit.source == "(not set)" else visit.source


def count_clicks(company: Company, until: datetime, covers: Callable[[date], bool], add: Add) -> None:
    """Add the clicks on links of platforms that report none themselves, by the company's days."""
    for click in clicks(company, linked_since(company), until):
        day = click.at.astimezone(ZONE).date()
        if click.platform in CLICKS_COUNT_FOR and covers(day):
            add((click.platform, "clicks"), day, click.requisition, 1)


def is_provisional(company: Company, day: date) -> bool:
    """Whether analytics may still change this day of its property."""
    return (company.property_today() - day).days <= PROVISIONAL_DAYS
