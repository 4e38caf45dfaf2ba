"""The company's accounts on Facebook and X: their feeds, who may ask for them, and their part of the truth."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from sandbox.model import Company
from sandbox.posts import Feed, Style

PACIFIC = ZoneInfo("America/Los_Angeles")
FACEBOOK = Style("facebook", PACIFIC, (1, 3, 5), 0, 2200.0, 0.02, 900_000_000_000_000)
X = Style("x", ZoneInfo("UTC"), (0, 1, 3, 4), 0, 900.0, 0.015, 1_900_000_000_000_000_000)
PAGE_ID, PAGE_NAME = "104215977332551", "Halden Robotics"
X_USER_ID, X_USERNAME = "2244994945", "haldenrobotics"
CONNECTIONS = ("facebook", "x")
#: What has a total on each, and what has days alone as it adds over nothing.
TOTALS = {"facebook": ("views", "clicks"), "x": ("impressions", "clicks")}
Add = Callable[[tuple[str, str], date, str | None, int], None]


@dataclass(frozen=True)
class Social:
    """Both accounts of one company; secrets follow from its seed."""

    company: Company

    @cached_property
    def facebook(self) -> Feed:
        """The page's posts."""
        return Feed(self.company, FACEBOOK)

    @cached_property
    def x(self) -> Feed:
        """The account's posts."""
        return Feed(self.company, X)

    def secret(self, purpose: str, length: int = 32) -> str:
        """A value that only this seed has."""
        return hashlib.sha256(f"{self.company.seed}:{purpose}".encode()).hexdigest()[:length]

    def credentials(self) -> dict[str, dict[str, str]]:
        """What an admin types into the forms, by connector."""
        return {
            "facebook": {
                "client_id": self.facebook_app,
                "client_secret": self.secret("facebook secret"),
                "page_id": PAGE_ID,
                "page_token": self.page_token,
                "user_token": self.user_token,
            },
            "x": {
                "client_id": self.x_client,
                "client_secret": self.secret("x secret", 50),
                "refresh_token": self.x_refresh(0),
                "user_id": X_USER_ID,
                "username": X_USERNAME,
                "app_bearer": self.x_app_bearer,
                "api_key": self.x_api_key,
                "api_secret": self.x_api_secret,
            },
        }

    @property
    def facebook_app(self) -> str:
        """The app's id."""
        return str(10**14 + int(self.secret("facebook app", 11), 16))

    @property
    def page_token(self) -> str:
        """A page token that exists from the start and does not end."""
        return f"EAAG{self.secret('facebook page token', 60)}"

    @property
    def user_token(self) -> str:
        """A person's long-lived token that exists from the start."""
        return f"EAAU{self.secret('facebook user token', 60)}"

    @property
    def x_client(self) -> str:
        """The app's client id."""
        return self.secret("x client", 34)

    def x_refresh(self, number: int) -> str:
        """A refresh token of the grant that exists from the start; each is good once, and 0 is the first."""
        return f"bWRW{number}-{self.secret(f'x refresh {number}', 60)}"

    def number_of(self, value: str) -> int | None:
        """Which of these a token is; None where it is none."""
        number = value.removeprefix("bWRW").partition("-")[0]
        known = number.isdecimal() and len(number) < 10 and value == self.x_refresh(int(number))
        return int(number) if known else None

    @property
    def x_api_key(self) -> str:
        """The app's consumer key: with its secret it brings the app's own token."""
        return self.secret("x api key", 25)

    @property
    def x_api_secret(self) -> str:
        """The consumer secret, with which X signs what it delivers."""
        return self.secret("x api secret", 50)

    @property
    def x_app_bearer(self) -> str:
        """The app's own token: it reads what everybody may see."""
        return f"AAAAAAAA{self.secret('x bearer', 60)}"


def expected(connected: frozenset[str]) -> list[tuple[str, str]]:
    """Every (platform, metric) that has a total with these connections."""
    return [(name, metric) for name in CONNECTIONS if name in connected for metric in TOTALS[name]]


def count_social(company: Company, connected: frozenset[str], days: tuple[date, date], add: Add) -> None:
    """Add what the accounts tell of the days (half-open)."""
    social, (day, end) = Social(company), days
    while day < end:
        if "facebook" in connected and day <= social.facebook.today():
            add(("facebook", "reach"), day, None, social.facebook.on(day).people)
            _add_posts(social.facebook, "views", day, add)
        if "x" in connected and day <= social.x.today():
            _add_posts(social.x, "impressions", day, add)
        day += timedelta(days=1)


def _add_posts(feed: Feed, shown_as: str, day: date, add: Add) -> None:
    for post in feed.posts():
        brought = post.on(day)
        requisition = post.posting.requisition if post.posting else None
        add((feed.style.name, shown_as), day, requisition, brought.seen)
        add((feed.style.name, "clicks"), day, requisition, brought.link_clicks)
