"""Visits to the career site: one record per session, with the pages it saw and how far it applied."""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from functools import lru_cache
from itertools import accumulate

from sandbox.campaigns import Advertising
from sandbox.company import CAREERS_PATH, INDEED_ZONE, PROPERTY_ZONE, ZONE
from sandbox.postings import Posting
from sandbox.season import Season, poisson

SESSIONS_PER_DAY = 100.0
RESTATED_DAYS = 3
# Per cent of a day's sessions the analytics property has processed, by the age of the day.
SESSIONS_SEEN = (40, 85, 97, 100)
OTHER_PAGES = ("/about", "/blog/grippers-at-scale", "/press", "/products/halden-arm", "/contact")
# Open applications: a career page that belongs to no requisition.
TALENT_POOL = "/jobs/talent-pool"


@dataclass(frozen=True, slots=True)
class Traffic:
    """Where a session came from and how its people behave: chances of click, start and completion."""

    source: str
    medium: str
    campaign: str
    weight: float
    click: float
    lands_on_posting: float


TRAFFIC = (
    Traffic("google", "organic", "(organic)", 24, 0.20, 0.30),
    Traffic("(direct)", "(none)", "(direct)", 17, 0.24, 0.25),
    Traffic("indeed", "cpc", "", 16, 0.32, 1.0),
    Traffic("Indeed", "cpc", "", 2, 0.32, 1.0),
    Traffic("indeed", "organic", "(organic)", 6, 0.28, 1.0),
    Traffic("linkedin", "social", "employer-brand", 9, 0.20, 0.8),
    Traffic("linkedin", "social", "robotics-hiring", 5, 0.26, 1.0),
    Traffic("LinkedIn", "social", "employer-brand", 1, 0.20, 0.8),
    Traffic("newsletter", "email", "monthly-jobs", 4, 0.26, 0.5),
    Traffic("referral", "referral", "(referral)", 6, 0.48, 0.9),
    Traffic("glassdoor", "organic", "(organic)", 5, 0.22, 0.9),
    Traffic("kununu.com", "referral", "(referral)", 2, 0.18, 0.4),
    Traffic("bing", "organic", "(organic)", 2, 0.20, 0.3),
    Traffic("(not set)", "(not set)", "(not set)", 1, 0.15, 0.4),
)
WEIGHTS = tuple(accumulate(t.weight for t in TRAFFIC))
# Visits by the hour of the company's day.
HOURS = tuple(accumulate((1, 1, 1, 1, 1, 2, 4, 8, 12, 14, 14, 13, 13, 13, 12, 12, 11, 10, 9, 9, 8, 6, 4, 2)))


@dataclass(frozen=True, slots=True)
class Page:
    """What one session did on one page; events are counts."""

    path: str
    requisition: str | None
    views: int
    seconds: int
    clicks: int = 0
    starts: int = 0
    completes: int = 0

    @property
    def job_id(self) -> str:
        """The parameter that the site's tag sends with every event."""
        return self.requisition or "(not set)"


@dataclass(frozen=True, slots=True)
class Session:
    """One visit. `measured` is False where the analytics tag was missing; `mark` (0-99) orders restatement."""

    id: int
    started_at: datetime
    property_day: date
    source: str
    medium: str
    campaign: str
    device: str
    visitor: int
    mark: int
    measured: bool
    engaged: bool
    duration: int
    pages: tuple[Page, ...]

    @property
    def stamp(self) -> str:
        """The property's day as the API writes it."""
        return self.property_day.strftime("%Y%m%d")

    @property
    def source_medium(self) -> str:
        """Source and medium in one."""
        return f"{self.source} / {self.medium}"

    @property
    def landing_page(self) -> str:
        """The first page."""
        return self.pages[0].path

    def is_counted(self, age_days: int) -> bool:
        """Whether the analytics property shows it when its day is so old."""
        return self.measured and age_days >= 0 and self.mark < SESSIONS_SEEN[min(age_days, RESTATED_DAYS)]


@dataclass(frozen=True)
class VisitDay:
    """What a day of visits needs to know."""

    seed: int
    day: date
    season: Season
    postings: tuple[Posting, ...]
    advertising: Advertising


def build_sessions(context: VisitDay) -> tuple[Session, ...]:
    """The sessions that start on a company day."""
    rng = random.Random(f"{context.seed}:visits:{context.day}")
    open_postings = [p for p in context.postings if p.is_open(context.day)]
    weights = tuple(accumulate(p.weight for p in open_postings))
    count = poisson(rng, SESSIONS_PER_DAY * context.season.demand(context.day))
    base = context.day.toordinal() * 1000
    return tuple(_session(rng, context, (base + n, open_postings, weights)) for n in range(count))


def _session(
    rng: random.Random, context: VisitDay, drawn_from: tuple[int, list[Posting], tuple[float, ...]]
) -> Session:
    number, open_postings, weights = drawn_from
    started_at = moment(rng, context.day)
    posting = rng.choices(open_postings, cum_weights=weights)[0]
    traffic = rng.choices(TRAFFIC, cum_weights=WEIGHTS)[0]
    medium, campaign = traffic.medium, traffic.campaign
    if medium == "cpc":
        indeed_day = started_at.astimezone(INDEED_ZONE).date()
        sponsor = context.advertising.campaign_for(posting.requisition, indeed_day)
        medium, campaign = ("cpc", sponsor.tracking) if sponsor else ("organic", "(organic)")
    pages = _pages(rng, traffic, posting)
    property_day = started_at.astimezone(PROPERTY_ZONE).date()
    seconds = sum(page.seconds for page in pages)
    return Session(
        id=number,
        started_at=started_at,
        property_day=property_day,
        source=traffic.source,
        medium=medium,
        campaign=campaign,
        device="mobile" if rng.random() < 0.46 else "desktop",
        visitor=rng.randrange(20_000),
        mark=rng.randrange(100),
        measured=property_day not in context.season.outage,
        engaged=seconds > 10 or sum(p.views for p in pages) > 1 or any(p.completes for p in pages),
        duration=seconds + rng.randrange(20),
        pages=pages,
    )


def _pages(rng: random.Random, traffic: Traffic, posting: Posting) -> tuple[Page, ...]:
    pages: list[Page] = []
    if rng.random() >= traffic.lands_on_posting:
        landing = rng.choices(("/", CAREERS_PATH, rng.choice(OTHER_PAGES), TALENT_POOL), (6, 5, 4, 1))[0]
        pages.append(Page(landing, None, 1 + (rng.random() < 0.1), rng.randrange(4, 50)))
        if rng.random() < (0.5 if landing in {"/", *OTHER_PAGES} else 0.28):
            return tuple(pages)
        if landing != CAREERS_PATH:
            pages.append(Page(CAREERS_PATH, None, 1, rng.randrange(3, 40)))
    pages.append(_posting_page(rng, traffic, posting))
    if rng.random() < 0.1:
        pages.append(Page("/about", None, 1, rng.randrange(3, 60)))
    return tuple(pages)


def _posting_page(rng: random.Random, traffic: Traffic, posting: Posting) -> Page:
    clicks = starts = completes = 0
    if rng.random() < traffic.click:
        clicks = 1 + (rng.random() < 0.07)
        starts = int(rng.random() < 0.74)
        completes = int(bool(starts) and rng.random() < 0.46)
    seconds = rng.randrange(2, 90) + 180 * completes
    views = 1 + (rng.random() < 0.15)
    return Page(posting.path, posting.requisition, views, seconds, clicks, starts, completes)


def moment(rng: random.Random, day: date) -> datetime:
    """An instant on a company day, more often in working hours."""
    hour = rng.choices(range(24), cum_weights=HOURS)[0]
    return at(day, hour, rng.randrange(60), rng.randrange(60))


def at(day: date, hour: int, minute: int, second: int) -> datetime:
    """A wall time of the company as a UTC instant."""
    return _hour(day, hour).replace(minute=minute, second=second)


@lru_cache(maxsize=4096)
def _hour(day: date, hour: int) -> datetime:
    return datetime.combine(day, time(hour), ZONE).astimezone(UTC)
