"""LinkedIn's part of the story: what the company's page posted and what that brought, and who pressed Apply where.

Days are LinkedIn's: UTC. Totals through a day are the sums of its days, so that a counter read today and tomorrow
differs by exactly what tomorrow brought.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sandbox.model import Company
from sandbox.postings import Posting
from sandbox.season import poisson

ZONE = ZoneInfo("UTC")
ORGANIZATION = "31840276"
SLUG = "halden-robotics"
SITE = "https://careers.halden.example"
#: A post is hardly seen any more after so many days.
LIFE_DAYS = 45
#: On these weekdays something is posted; on the last one in the newer of LinkedIn's two kinds.
POSTING_WEEKDAYS = {0: "share", 2: "share", 4: "ugcPost"}
CAMPAIGN = "robotics-hiring"


class Activity(NamedTuple):
    """What a post, or the page, brought on a day (or in all)."""

    impressions: int = 0
    unique: int = 0
    clicks: int = 0
    likes: int = 0


@dataclass(frozen=True)
class PagePost:
    """A post of the company's page; `days` is what it brought from its own day on."""

    urn: str
    posted_on: date
    text: str
    link: str
    posting: Posting | None
    days: tuple[Activity, ...]

    @property
    def posted_at(self) -> datetime:
        """Half past midnight UTC: planned, like everything this company does."""
        return datetime.combine(self.posted_on, time(0, 30), UTC)

    def on(self, day: date) -> Activity:
        """What it brought on a day."""
        age = (day - self.posted_on).days
        return self.days[age] if 0 <= age < len(self.days) else Activity()

    def through(self, day: date) -> Activity:
        """What it had brought when a day was over."""
        return added(self.days[: max((day - self.posted_on).days + 1, 0)])


def added(parts: Iterator[Activity] | tuple[Activity, ...] | list[Activity]) -> Activity:
    """The sum of some activity. People are counted anew every day, as LinkedIn's own days do."""
    return Activity(*(sum(column) for column in zip(Activity(), *parts, strict=True)))


class LinkedInStory:
    """Posts and applicants, grown with the company's own story."""

    def __init__(self, company: Company) -> None:
        self.company = company
        self._posts: list[PagePost] = []
        self._told = company.season.first_day
        self._pressed: dict[str, Counter[date]] = {}
        self._counted_on: date | None = None
        self._drawn: dict[str, tuple[random.Random, list[int]]] = {}

    def today(self) -> date:
        """Today at LinkedIn."""
        return self.company.clock.today(ZONE)

    def posts(self) -> list[PagePost]:
        """Everything posted up to today, newest first."""
        today = self.today()
        while self._told <= today:
            kind = POSTING_WEEKDAYS.get((self._told - self.company.season.first_day).days % 7)
            if kind is not None:
                self._posts.append(_post(self.company, self._told, kind))
            self._told += timedelta(days=1)
        return [post for post in reversed(self._posts) if post.posted_on <= today]

    def page_on(self, day: date) -> Activity:
        """What all of the page's posts brought on a day; nothing for days to come."""
        if day > self.today():
            return Activity()
        return added([post.on(day) for post in self.posts()])

    def jobs(self) -> list[Posting]:
        """What is advertised on LinkedIn today, in the order of the requisitions."""
        today = self.today()
        return [posting for posting in self.company.postings if posting.is_open(today)]

    def applied_on(self, posting: Posting, day: date) -> int:
        """How many pressed Apply on LinkedIn on a day; nothing for days to come."""
        return self._presses()[posting.requisition][day] if day <= self.today() else 0

    def applicants(self, posting: Posting) -> int:
        """The number LinkedIn shows today."""
        today = self.today()
        return sum(count for day, count in self._presses()[posting.requisition].items() if day <= today)

    def viewed_on(self, posting: Posting, day: date) -> int:
        """Views of the advert on a day: some for each who pressed Apply, and some besides while it is open."""
        age = (day - self.company.season.first_day).days
        if day > self.today() or age < 0:
            return 0
        besides = self._besides(posting, age)[age] if posting.is_open(day) else 0
        return besides + 7 * self.applied_on(posting, day)

    def views(self, posting: Posting) -> int:
        """Views of the advert up to today."""
        first = self.company.season.first_day
        days = (self.today() - first).days + 1
        return sum(self.viewed_on(posting, first + timedelta(days=age)) for age in range(days))

    def _besides(self, posting: Posting, age: int) -> list[int]:
        """Views that led to nothing, by the day's age in the story; drawn in order, and only once."""
        rng, drawn = self._drawn.setdefault(
            posting.requisition, (random.Random(f"{self.company.seed}:linkedin views:{posting.requisition}"), [])
        )
        while len(drawn) <= age:
            drawn.append(poisson(rng, 3 * posting.weight))
        return drawn

    def _presses(self) -> dict[str, Counter[date]]:
        """Presses of Apply by requisition and day. Each who arrives at the company stands for one to seven of them.

        The story is told a day ahead, so what is counted once holds until tomorrow.
        """
        if self._counted_on != self.today():
            pressed: dict[str, Counter[date]] = defaultdict(Counter)
            for each in self.company.arrived("linkedin"):
                pressed[each.requisition][each.applied_at.astimezone(UTC).date()] += 1 + each.mark % 7
            self._pressed, self._counted_on = pressed, self.today()
        return self._pressed


def job_id(posting: Posting) -> str:
    """LinkedIn's number of a posting."""
    return str(3_400_000_000 + int(posting.job_key, 16) % 10**9)


def _post(company: Company, day: date, kind: str) -> PagePost:
    rng = random.Random(f"{company.seed}:linkedin post:{day}")
    open_postings = [posting for posting in company.postings if posting.is_open(day)]
    posting = rng.choice(open_postings) if rng.random() < 0.7 else None
    number = 7_000_000_000_000_000_000 + day.toordinal() * 1_000_003 * 97
    query = f"?utm_source=linkedin&utm_medium=social&utm_campaign={CAMPAIGN}"
    link = f"{SITE}{posting.path}{query}" if posting else f"{SITE}/about"
    text = f"We are hiring: {posting.title} ({posting.location})" if posting else "A day in our test hall 🤖"
    # One in thirteen is shown to nobody: LinkedIn leaves such posts out of its statistics.
    scale = 0.0 if rng.random() < 1 / 13 else 850 * company.season.demand(day) * rng.uniform(0.5, 1.6)
    days = tuple(_activity(rng, scale * 0.62**age) for age in range(LIFE_DAYS))
    return PagePost(f"urn:li:{kind}:{number}", day, text, link, posting, days)


def _activity(rng: random.Random, mean: float) -> Activity:
    impressions = poisson(rng, mean)
    clicks = min(poisson(rng, impressions * 0.035), impressions)
    # Likes are sometimes taken back, so that a day can have fewer than none.
    likes = poisson(rng, impressions * 0.008) - (impressions > 0 and rng.random() < 0.02)
    return Activity(impressions, (impressions * 78 + 99) // 100, clicks, likes)
