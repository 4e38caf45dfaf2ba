"""What X's API answers, made into facts, posts and running totals; and what its refusals mean.

X speaks two dialects, `tweet.*` and `post.*`, and answers in the one it was asked in; only names that both share, or
both spellings, are read here.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, TypeGuard

from msgspec import Struct
from msgspec import field as named

from connectors.answers import Answer
from connectors.contract import Closed, Counter, PostingSeen, closed_around
from connectors.errors import ConfigError, ConnectorError, RateLimited, SchemaDrift
from connectors.post_links import addresses_in, campaign_of, links_of, title_of
from connectors.redaction import redact
from domain.facts import MAX_VALUE, Fact, Scope

#: X's name in analytics → ours.
BY_DAY = {"impressions": "impressions", "url_clicks": "clicks"}
#: Windows are of 15 minutes: a reset further away is a clock gone wrong.
LONGEST_WINDOW = timedelta(minutes=16)


class Problem(Struct):
    """An error beside a partial success, or the whole of a refusal."""

    title: str = ""
    detail: str = ""
    type: str = ""
    resource_id: str = ""

    @property
    def is_gone(self) -> bool:
        """Whether the thing asked for is not there (any more)."""
        return self.type.endswith("/resource-not-found")


class Url(Struct):
    """An address in a post, shortened and as it was."""

    url: str = ""
    expanded_url: str = ""
    unwound_url: str = ""


class Entities(Struct):
    """What X found in a text."""

    urls: list[Url] = []


class Post(Struct):
    """A post. Metrics are there where they were asked for and may be seen; every key of them may be missing."""

    id: str
    text: str = ""
    created_at: str = ""
    entities: Entities | None = None
    public_metrics: dict[str, Any] = {}
    non_public_metrics: dict[str, Any] = {}
    organic_metrics: dict[str, Any] = {}


class Meta(Struct):
    """How many there are on this page, and where the next one is."""

    result_count: int
    next_token: str = ""


class Timeline(Struct):
    """A page of posts. `data` is missing where there are none."""

    meta: Meta | None = None
    data: list[Post] = []
    errors: list[Problem] = []


class User(Struct):
    """An account."""

    id: str
    name: str = ""
    username: str = ""


class Me(Struct):
    """Whose token this is."""

    data: User


class Bucket(Struct):
    """The numbers of one day."""

    timestamp: str
    metrics: dict[str, Any] = {}


class Series(Struct):
    """A post's days."""

    id: str
    days: list[Bucket] = named(name="timestamped_metrics", default_factory=list)


class Analytics(Struct):
    """The days of up to a hundred posts."""

    data: list[Series] = []
    errors: list[Problem] = []


@dataclass
class Sums:
    """Totals over all posts so far: metric → day (ISO) → value; `open` are days of which a number was refused."""

    totals: dict[str, dict[str, int]] = field(default_factory=lambda: {metric: {} for metric in BY_DAY.values()})
    open: dict[str, list[str]] = field(default_factory=lambda: {metric: [] for metric in BY_DAY.values()})
    is_broken: bool = False

    def take(self, told: Analytics, asked: Sequence[str], span: tuple[date, date]) -> tuple[list[Fact], dict[str, int]]:
        """Add one answer: the postings' facts, and what was refused by reason. Raises SchemaDrift.

        A post that is gone has no numbers any more; one that is missing for another reason leaves everything open.
        """
        facts: list[Fact] = []
        rejected = Tally[str]()
        for series in told.data:
            if series.id not in asked:
                raise SchemaDrift("the analytics hold a post that was not asked for")
            for bucket in series.days:
                day = instant(bucket.timestamp).date()
                if not span[0] <= day < span[1]:
                    raise SchemaDrift(f"the analytics hold {day} where {span[0]}..{span[1]} was asked for")
                facts += self._facts(series.id, day, bucket.metrics, rejected)
        gone = {problem.resource_id for problem in told.errors if problem.is_gone}
        missing = set(asked) - {series.id for series in told.data} - gone
        self.is_broken = self.is_broken or bool(missing)
        rejected["post_missing"] += len(missing)
        rejected["post_gone"] += len(gone)
        return facts, {reason: times for reason, times in rejected.items() if times}

    def _facts(self, ref: str, day: date, told: dict[str, Any], rejected: Tally[str]) -> Iterable[Fact]:
        for name, metric in BY_DAY.items():
            value = told.get(name)
            if not is_count(value):
                rejected["missing" if value is None else "not_a_count"] += 1
                self.open[metric].append(day.isoformat())
                continue
            days = self.totals[metric]
            days[day.isoformat()] = days.get(day.isoformat(), 0) + value
            if value:
                yield Fact(metric, day, value, Scope.POSTING, ref)

    def facts(self) -> list[Fact]:
        """The totals, but those of which a part is missing: what was stored of them before is nearer the truth."""
        if self.is_broken:
            return []
        return [
            Fact(metric, date.fromisoformat(day), value)
            for metric, days in self.totals.items()
            for day, value in sorted(days.items())
            if value and day not in self.open[metric]
        ]

    def closed(self, start: date, end: date) -> tuple[Closed, ...]:
        """What is complete: all days but those with a refused number; none where posts were missing."""
        if self.is_broken:
            return ()
        return tuple(
            part
            for metric, days in self.open.items()
            for scope in (Scope.TOTAL, Scope.POSTING)
            for part in closed_around(Closed((metric,), scope, start, end), {date.fromisoformat(day) for day in days})
        )


def counters_of(posts: Sequence[Post]) -> tuple[Counter, ...]:
    """Running totals of posts. A key that is missing is unknown, not 0: clicks cannot be read after 30 days."""
    found: list[Counter] = []
    for post in posts:
        seen = post.public_metrics.get("impression_count", post.non_public_metrics.get("impression_count"))
        clicks = post.non_public_metrics.get("url_link_clicks", post.organic_metrics.get("url_link_clicks"))
        told = (("impressions", seen), ("clicks", clicks))
        found += [Counter(metric, post.id, value) for metric, value in told if is_count(value)]
    return tuple(found)


def seen_of(posts: Iterable[Post]) -> tuple[PostingSeen, ...]:
    """Posts as we keep them, with the addresses in them as they were before X shortened them."""
    return tuple(_seen(post) for post in posts)


def _seen(post: Post) -> PostingSeen:
    urls = post.entities.urls if post.entities else []
    straight = [url.unwound_url or url.expanded_url or url.url for url in urls]
    links = links_of(straight or addresses_in(post.text))
    return PostingSeen(
        post.id,
        title_of(post.text),
        url=f"https://x.com/i/status/{post.id}",
        kind="post",
        links=links,
        campaign=campaign_of(links),
        posted_at=instant(post.created_at) if post.created_at else None,
    )


def instant(text: str) -> datetime:
    """X's spelling of a UTC instant. Raises SchemaDrift.

    >>> instant("2026-09-20T10:15:30.000Z").isoformat()
    '2026-09-20T10:15:30+00:00'
    """
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise SchemaDrift(f"not an instant: {text[:40]!r}") from None


def is_count(value: object) -> TypeGuard[int]:
    """Whether this can be stored as a count."""
    return type(value) is int and 0 <= value <= MAX_VALUE


def error_in(answer: Answer, now: datetime) -> ConnectorError | None:
    """X's own refusals; None leaves the answer to the common table."""
    if answer.status == 402:
        return ConfigError(words_of(answer), cause="credits")
    if answer.status == 403 and not answer.is_page:
        return ConfigError(words_of(answer), cause="no_permission")
    if answer.status != 429:
        return None
    if "usage-capped" in _type(answer):
        # The month's posts are read: only another day can bring more, and which one X does not say here.
        tomorrow = (now.astimezone(UTC) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return RateLimited(tomorrow, words_of(answer), cause="quota")
    resets = answer.headers.get("x-rate-limit-reset", "")
    if not (resets.isascii() and resets.isdecimal() and len(resets) < 12):
        return None
    left = timedelta(seconds=int(resets)) - (_said_at(answer, now) - datetime(1970, 1, 1, tzinfo=UTC))
    return RateLimited(now + min(max(left, timedelta(0)), LONGEST_WINDOW), words_of(answer))


def words_of(answer: Answer) -> str:
    """X's own words of a refusal, redacted."""
    body = answer.peek()
    told = body if isinstance(body, dict) else {}
    words = " ".join(f"{told.get('title', '')}: {told.get('detail', '')}".split()).strip(": ")
    return redact(f"status={answer.status}" + (f", {words}" if words else ""))[:500]


def _type(answer: Answer) -> str:
    body = answer.peek()
    return str(body.get("type", "")) if isinstance(body, dict) else ""


def _said_at(answer: Answer, now: datetime) -> datetime:
    """The platform's own time, so that a wrong clock on either side does no harm."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", "")).astimezone(UTC)
    except (ValueError, TypeError):
        return now
