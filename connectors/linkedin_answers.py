"""What LinkedIn's marketing API answers, made into facts, posts and running totals; and what its refusals mean."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

from msgspec import Struct

from connectors.answers import Answer, platform_words
from connectors.contract import Closed, Counter, PostingSeen, closed_around
from connectors.errors import AuthExpired, ConfigError, ConnectorError, RateLimited, SchemaDrift
from connectors.wording import clean
from domain.facts import MAX_VALUE, Fact, Scope

COUNTS = ("impressions", "clicks")
PEOPLE = "reach"
DAY_MS = 86_400_000
REVOKED_TOKEN = 65601
LONGEST_TITLE = 120
_ADDRESS = re.compile(r"https?://[^\s<>\"'{}|\\^`]+")
#: LinkedIn writes these with a backslash where they mean nothing special.
_ESCAPED = re.compile(r"\\([\\|{}@\[\]()<>#*_~])")


class Totals(Struct):
    """Counts of a post or a day. LinkedIn's documentation spells the people reached in two ways."""

    impressionCount: int  # noqa: N815 LinkedIn's own name, as are those below
    clickCount: int  # noqa: N815
    uniqueImpressionsCount: int | None = None  # noqa: N815
    uniqueImpressionsCounts: int | None = None  # noqa: N815

    @property
    def people(self) -> int | None:
        """Different people; None where LinkedIn does not say."""
        told = self.uniqueImpressionsCount
        return self.uniqueImpressionsCounts if told is None else told


class TimeRange(Struct):
    """Epoch milliseconds; the end is exclusive."""

    start: int
    end: int


class Element(Struct):
    """The statistics of a post, or of a day of the page."""

    totalShareStatistics: Totals  # noqa: N815
    timeRange: TimeRange | None = None  # noqa: N815
    share: str = ""
    ugcPost: str = ""  # noqa: N815


class Statistics(Struct):
    """An answer of the statistics endpoint; who had no activity is left out of it."""

    elements: list[Element]


class Article(Struct):
    """A link in a post."""

    source: str = ""
    title: str = ""


class Content(Struct):
    """What a post carries beside its text."""

    article: Article | None = None


class Post(Struct):
    """A post of the page, as far as we need it."""

    id: str
    createdAt: int  # noqa: N815
    commentary: str = ""
    content: Content | None = None
    lifecycleState: str = "PUBLISHED"  # noqa: N815


class Link(Struct):
    """A link to another page of a list."""

    rel: str
    href: str


class Paging(Struct):
    """Where a list goes on."""

    links: list[Link] = []


class Posts(Struct):
    """A page of posts, newest first."""

    elements: list[Post]
    paging: Paging

    def next_link(self) -> str:
        """The next page's address, "" where there is none or nothing came."""
        links = (link.href for link in self.paging.links if link.rel == "next")
        return next(links, "") if self.elements else ""


class Role(Struct):
    """A page the person administers."""

    organization: str
    state: str = ""


class Roles(Struct):
    """All of them."""

    elements: list[Role]


class Organization(Struct):
    """The page's own name."""

    localizedName: str = ""  # noqa: N815


@dataclass
class Days:
    """The page's days of one answer, and those of which a number was refused, by metric."""

    facts: list[Fact] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    bad: dict[str, set[date]] = field(default_factory=dict)

    def closed(self, first: date, end: date) -> tuple[Closed, ...]:
        """What is complete: every metric's days but its bad ones."""
        return tuple(
            part
            for metric in (*COUNTS, PEOPLE)
            for part in closed_around(Closed((metric,), Scope.TOTAL, first, end), self.bad.get(metric, ()))
        )

    def take(self, day: date, metric: str, value: int | None) -> None:
        """Keep one number, or note why not."""
        reason = "missing" if value is None else "negative" if value < 0 else "out_of_range"
        if value is not None and 0 <= value <= MAX_VALUE:
            self.facts.append(Fact(metric, day, value))
            return
        self.rejected[reason] = self.rejected.get(reason, 0) + 1
        self.bad.setdefault(metric, set()).add(day)


def days_of(told: Statistics, first: date, end: date) -> Days:
    """The page's days. A day outside the range, or told twice, raises SchemaDrift."""
    days, seen = Days(), set[date]()
    for element in told.elements:
        day = _day(element.timeRange)
        if not first <= day < end or day in seen:
            raise SchemaDrift(f"the statistics hold {day} where {first}..{end} was asked for, or hold it twice")
        seen.add(day)
        totals = element.totalShareStatistics
        for metric, value in ((COUNTS[0], totals.impressionCount), (COUNTS[1], totals.clickCount)):
            days.take(day, metric, value)
        days.take(day, PEOPLE, totals.people)
    return days


def counters_of(told: Statistics, urns: Sequence[str]) -> list[Counter]:
    """Running totals of the posts asked for. A post that is left out had no activity: 0."""
    found = {element.share or element.ugcPost: element.totalShareStatistics for element in told.elements}
    if not found.keys() <= set(urns):
        raise SchemaDrift("the statistics tell of posts that were not asked for")
    none = Totals(0, 0)
    return [
        Counter(metric, urn, value)
        for urn in urns
        for metric, value in zip(COUNTS, _counts(found.get(urn, none)), strict=True)
    ]


def seen_of(posts: Iterable[Post]) -> tuple[PostingSeen, ...]:
    """Posts as we keep them, with the addresses in them."""
    return tuple(_seen(post) for post in posts)


def created_at(post: Post) -> datetime:
    """When a post was written, UTC. Raises SchemaDrift."""
    try:
        return datetime.fromtimestamp(post.createdAt / 1000, UTC)
    except (OverflowError, OSError, ValueError):
        raise SchemaDrift(f"a post was written at {post.createdAt}") from None


def error_in(answer: Answer, now: datetime) -> ConnectorError | None:
    """LinkedIn's own refusals by status, code and message; None leaves the answer to the common table.

    https://learn.microsoft.com/linkedin/shared/api-guide/concepts/error-handling
    """
    if answer.is_success or answer.is_page:
        return None
    told: Any = answer.peek()
    told = told if isinstance(told, dict) else {}
    code, service_code, message = told.get("code"), told.get("serviceErrorCode"), str(told.get("message", ""))
    words = platform_words(answer)
    if answer.status == 426 or code == "NONEXISTENT_VERSION":
        return ConfigError(words, cause="version_ended")
    if answer.status == 401 and service_code == REVOKED_TOKEN:
        return AuthExpired(words, cause="auth_revoked")
    if answer.status == 429 and "DAY limit" in message:
        # No header says so: all of LinkedIn's daily limits begin anew at midnight UTC.
        return RateLimited(_midnight_after(now), words, cause="quota")
    return None


def _midnight_after(now: datetime) -> datetime:
    day = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day + timedelta(days=1)


def _day(told: TimeRange | None) -> date:
    if told is None or told.start % DAY_MS or told.end - told.start != DAY_MS:
        raise SchemaDrift("the statistics by day hold something that is no day")
    try:
        return datetime.fromtimestamp(told.start / 1000, UTC).date()
    except (OverflowError, OSError, ValueError):
        raise SchemaDrift(f"the statistics hold a day at {told.start}") from None


def _counts(totals: Totals) -> tuple[int, int]:
    return totals.impressionCount, totals.clickCount


def _seen(post: Post) -> PostingSeen:
    article = post.content.article if post.content else None
    text = _ESCAPED.sub(r"\1", post.commentary)
    told = [article.source] if article else []
    told += [found.rstrip(".,;:!?)»”") for found in _ADDRESS.findall(text)]
    links = tuple(dict.fromkeys(link for link in told if _ADDRESS.fullmatch(link)))
    title = clean(text or (article.title if article else ""), LONGEST_TITLE)
    return PostingSeen(
        post.id,
        title=title or post.id,
        url=f"https://www.linkedin.com/feed/update/{post.id}/",
        kind="post",
        links=links,
        campaign=next(filter(None, map(_campaign, links)), ""),
        posted_at=created_at(post),
    )


def _campaign(link: str) -> str:
    return clean(next(iter(parse_qs(urlsplit(link).query).get("utm_campaign", [])), ""), 200)
