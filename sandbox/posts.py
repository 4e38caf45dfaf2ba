"""What the company's accounts on Facebook and X posted, and what each post brought, day by day.

Days are those of the network's zone. A running total is the sum of the days so far, so that a counter read today and
tomorrow differs by exactly what tomorrow brought.
"""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sandbox.model import Company
from sandbox.postings import Posting
from sandbox.season import poisson

SITE = "https://careers.halden.example"
#: A post is hardly seen any more after so many days.
LIFE_DAYS = 40


class Brought(NamedTuple):
    """What a post brought on a day, or in all."""

    seen: int = 0
    people: int = 0
    link_clicks: int = 0
    other_clicks: int = 0
    likes: int = 0
    shares: int = 0
    replies: int = 0


@dataclass(frozen=True)
class Style:
    """How a network is posted to: on which days of seven, at which hour, and how often a post is seen on its first."""

    name: str
    zone: ZoneInfo
    on_days: tuple[int, ...]
    hour: int
    seen: float
    clicked: float
    first_ref: int


@dataclass(frozen=True)
class Post:
    """One post; `days` is what it brought from its own day on. `link` is "" where it has none."""

    ref: str
    posted_at: datetime
    posted_on: date
    text: str
    link: str
    posting: Posting | None
    days: tuple[Brought, ...]

    def on(self, day: date) -> Brought:
        """What it brought on a day."""
        age = (day - self.posted_on).days
        return self.days[age] if 0 <= age < len(self.days) else Brought()

    def through(self, day: date) -> Brought:
        """What it had brought when a day was over."""
        return added(self.days[: max((day - self.posted_on).days + 1, 0)])


def added(parts: tuple[Brought, ...] | list[Brought]) -> Brought:
    """The sum of some days. People are counted anew every day."""
    return Brought(*(sum(column) for column in zip(Brought(), *parts, strict=True)))


class Feed:
    """The posts of one account, grown with the company's own story."""

    def __init__(self, company: Company, style: Style) -> None:
        self.company, self.style = company, style
        self._posts: list[Post] = []
        self._told = company.season.first_day
        self._lock = threading.Lock()

    def today(self) -> date:
        """Today in the network's zone."""
        return self.company.clock.today(self.style.zone)

    def posts(self) -> list[Post]:
        """Everything posted so far, newest first."""
        today, now = self.today(), self.company.clock.now()
        with self._lock:
            while self._told <= today:
                if (self._told - self.company.season.first_day).days % 7 in self.style.on_days:
                    self._posts.append(self._post(self._told))
                self._told += timedelta(days=1)
        return [post for post in reversed(self._posts) if post.posted_at <= now]

    def on(self, day: date) -> Brought:
        """What all posts brought on a day; nothing for days to come."""
        if day > self.today():
            return Brought()
        return added([post.on(day) for post in self.posts()])

    def _post(self, day: date) -> Post:
        style = self.style
        rng = random.Random(f"{self.company.seed}:{style.name} post:{day}")
        open_postings = [posting for posting in self.company.postings if posting.is_open(day)]
        posting = rng.choice(open_postings) if rng.random() < 0.75 else None
        query = f"?utm_source={style.name}&utm_medium=social&utm_campaign={posting.slug if posting else 'culture'}"
        link = f"{SITE}{posting.path if posting else '/about'}{query}"
        if posting is None and rng.random() < 0.5:
            link = ""
        text = f"We are hiring: {posting.title} ({posting.location})" if posting else "A day in our test hall 🤖"
        scale = style.seen * self.company.season.demand(day) * rng.uniform(0.4, 1.7)
        days = tuple(self._day(rng, scale * 0.6**age, bool(link)) for age in range(LIFE_DAYS))
        posted_at = datetime.combine(day, time(style.hour, 20), style.zone).astimezone(UTC)
        ref = str(style.first_ref + day.toordinal() * 1_000_003)
        return Post(ref, posted_at, day, text, link, posting, days)

    def _day(self, rng: random.Random, mean: float, has_link: bool) -> Brought:
        seen = poisson(rng, mean)
        return Brought(
            seen=seen,
            people=(seen * 74 + 99) // 100,
            link_clicks=min(poisson(rng, seen * self.style.clicked), seen) if has_link else 0,
            other_clicks=poisson(rng, seen * 0.012),
            likes=poisson(rng, seen * 0.01),
            shares=poisson(rng, seen * 0.0015),
            replies=poisson(rng, seen * 0.0008),
        )
