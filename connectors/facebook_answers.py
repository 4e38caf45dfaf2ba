"""What the Graph API answers, made into facts, posts and running totals; and what its refusals mean.

Almost every refusal is HTTP 400: the code inside tells them apart.
https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
from msgspec import Struct

from connectors.answers import DEFAULT_REST, Answer, platform_words
from connectors.contract import Closed, Counter, PostingSeen, closed_around
from connectors.errors import AuthExpired, ConfigError, ConnectorError, RateLimited, Rejected, SchemaDrift, Transient
from connectors.post_links import addresses_in, campaign_of, links_of, title_of
from domain.facts import MAX_VALUE, Fact, Scope

#: Facebook's days are those of California.
PACIFIC = ZoneInfo("America/Los_Angeles")
#: Facebook's metric → ours.
PAGE_METRICS = {"page_media_view": "views", "page_total_media_view_unique": "reach"}
POST_METRICS = {"post_media_view": "views", "post_clicks_by_type": "clicks"}
LINK_CLICKS = "link clicks"
TOKEN_CODES, THROTTLED, TRANSIENT = {102, 190}, {4, 17, 32, 613, 80001, 80002}, {1, 2}
#: Told of a token that a person has ended: password changed, app removed.
ENDED = {458, 460}
#: After these the account is watched: come back later than usual.
LONG_REST = timedelta(minutes=30)
LONGEST_REST = timedelta(hours=24)


class MetricGone(Rejected):
    """A metric asked for is not one any more, and the whole request failed for it."""


class Value(Struct):
    """One number, or a breakdown of one; of a day where it has an end."""

    value: Any = None
    end_time: str = ""


class Insight(Struct):
    """One metric of a post or of the page."""

    name: str
    values: list[Value] = []


class Insights(Struct):
    """An answer of the insights edge."""

    data: list[Insight]


class Attachment(Struct):
    """What a post carries beside its text."""

    url: str = ""
    title: str = ""


class Attachments(Struct):
    """All of them."""

    data: list[Attachment] = []


class Post(Struct):
    """A post of the page, with its insights where they were asked for and may be seen."""

    id: str
    created_time: str = ""
    message: str = ""
    permalink_url: str = ""
    attachments: Attachments | None = None
    insights: Insights | None = None


class Cursors(Struct):
    """Where a page of a list lies."""

    after: str = ""


class Paging(Struct):
    """Only a missing `next` ends a list: `after` may be there all the same."""

    cursors: Cursors | None = None
    next: str = ""


class Posts(Struct):
    """A page of posts, newest first."""

    data: list[Post]
    paging: Paging | None = None

    def next_token(self) -> str:
        """The cursor of the next page, "" where this is the last. The address beside it holds the token: never used."""
        if self.paging is None or not self.paging.next:
            return ""
        after = self.paging.cursors.after if self.paging.cursors else ""
        return after or httpx.URL(self.paging.next).params.get("after", "")


@dataclass
class Days:
    """The page's days of one answer: facts, what was refused, and the days that are good, by metric."""

    facts: list[Fact] = field(default_factory=list)
    rejected: dict[str, int] = field(default_factory=dict)
    good: dict[str, set[date]] = field(default_factory=dict)

    def closed(self, start: date, end: date) -> tuple[Closed, ...]:
        """The days told of, as slices. A day that is not told of is unknown, not zero."""
        every = [start + timedelta(days=number) for number in range((end - start).days)]
        return tuple(
            part
            for metric, good in sorted(self.good.items())
            for part in closed_around(Closed((metric,), Scope.TOTAL, start, end), [d for d in every if d not in good])
        )


def days_of(told: Insights, start: date, end: date) -> Days:
    """The page's numbers by day. Days beside those asked for are Facebook's generosity: left out."""
    days = Days()
    for insight in told.data:
        metric = PAGE_METRICS.get(insight.name)
        if metric is None:
            raise SchemaDrift(f"the insights hold {insight.name[:60]!r}, which was not asked for")
        for each in insight.values:
            day = day_before(each.end_time)
            if not start <= day < end:
                continue
            if not is_count(each.value):
                days.rejected["not_a_count"] = days.rejected.get("not_a_count", 0) + 1
                continue
            days.facts += [Fact(metric, day, each.value)] if each.value else []
            days.good.setdefault(metric, set()).add(day)
    return days


def day_before(end_time: str) -> date:
    """The Pacific day that ends at this instant. Raises SchemaDrift.

    >>> day_before("2026-10-04T07:00:00+0000"), day_before("2026-12-04T08:00:00+0000")
    (datetime.date(2026, 10, 3), datetime.date(2026, 12, 3))
    """
    return (instant(end_time) - timedelta(seconds=1)).astimezone(PACIFIC).date()


def instant(text: str) -> datetime:
    """Facebook's spelling of a UTC instant. Raises SchemaDrift."""
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
    except ValueError:
        raise SchemaDrift(f"not an instant: {text[:40]!r}") from None


def is_count(value: object) -> bool:
    """Whether this can be stored as a count."""
    return type(value) is int and 0 <= value <= MAX_VALUE


def counters_of(posts: Sequence[Post]) -> tuple[tuple[Counter, ...], dict[str, int]]:
    """Running totals of posts, and how many numbers were refused. A metric a post does not tell is unknown, not 0."""
    counters: list[Counter] = []
    rejected: dict[str, int] = {}
    for post in posts:
        for insight in post.insights.data if post.insights else ():
            value = insight.values[0].value if insight.values else None
            metric = POST_METRICS.get(insight.name)
            if metric == "clicks" and isinstance(value, dict):
                # Kinds of click that never happened are left out of a breakdown.
                value = value.get(LINK_CLICKS, 0)
            if metric is not None and isinstance(value, int) and is_count(value):
                counters.append(Counter(metric, post.id, value))
            else:
                rejected["not_a_count"] = rejected.get("not_a_count", 0) + 1
    return tuple(counters), rejected


def seen_of(posts: Sequence[Post]) -> tuple[PostingSeen, ...]:
    """Posts as we keep them, with the addresses in them."""
    return tuple(_seen(post) for post in posts)


def _seen(post: Post) -> PostingSeen:
    attached = post.attachments.data if post.attachments else []
    links = links_of([*addresses_in(post.message), *(each.url for each in attached)])
    title = title_of(post.message) or next((title_of(each.title) for each in attached if each.title), "")
    return PostingSeen(
        post.id,
        title,
        url=post.permalink_url,
        kind="post",
        links=tuple(link for link in links if "facebook.com/" not in link),
        campaign=campaign_of(links),
        posted_at=instant(post.created_time) if post.created_time else None,
    )


def living(names: Sequence[str], probe: Callable[[Sequence[str]], object]) -> tuple[str, ...]:
    """Those of some metrics that still are one, by halving what fails: `probe` raises MetricGone for the others."""
    if not names:
        return ()
    try:
        probe(names)
    except MetricGone:
        half = len(names) // 2
        return (*living(names[:half], probe), *living(names[half:], probe)) if half else ()
    return tuple(names)


def error_in(answer: Answer, now: datetime) -> ConnectorError | None:
    """The Graph API's refusals by code; None leaves the answer to the common table."""
    body = answer.peek()
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(error, dict) or not isinstance(error.get("code"), int):
        return None
    code, subcode, words = error["code"], error.get("error_subcode"), platform_words(answer)
    if code in TOKEN_CODES:
        return AuthExpired(words, cause="auth_revoked" if subcode in ENDED else "auth_expired")
    if code in THROTTLED:
        return _slow_down(answer, now, code)
    if code in {10, 341, 368} or 200 <= code < 300:
        return ConfigError(words, cause="no_permission")
    if code in {101, 104} or "client secret" in words:
        return ConfigError(words, cause="key_invalid")
    if code in TRANSIENT:
        return Transient(words, cause="server_error")
    if code == 2635:
        return ConfigError(words, cause="version_ended")
    return _bad_parameter(words, subcode) if code == 100 else _unless_success(answer, words)


def _bad_parameter(words: str, subcode: object) -> ConnectorError:
    """Code 100 means many things."""
    if "valid insights metric" in words:
        return MetricGone(words)
    if "appsecret_proof" in words:
        return ConfigError(words, cause="key_invalid")
    return ConfigError(words, cause="account_unknown") if subcode == 33 else Rejected(words)


def _unless_success(answer: Answer, words: str) -> ConnectorError | None:
    return None if answer.is_success or answer.status >= 500 else Rejected(words)


def _slow_down(answer: Answer, now: datetime, code: int) -> RateLimited:
    """Facebook names its own time, in minutes and in a header of its own, or none."""
    words = platform_words(answer)
    minutes = _regain_minutes(answer.headers.get("x-business-use-case-usage", ""))
    if minutes:
        return RateLimited(now + min(timedelta(minutes=minutes), LONGEST_REST), words)
    return RateLimited(now + (LONG_REST if code == 613 else DEFAULT_REST), words, announced=False)


def _regain_minutes(header: str) -> int:
    """The longest time until access is regained, in minutes; 0 where nothing is said.

    >>> _regain_minutes('{"104":[{"type":"pages","call_count":100,"estimated_time_to_regain_access":7}]}')
    7
    >>> _regain_minutes("x")
    0
    """
    try:
        told = json.loads(header or "{}")
        uses = [use for uses in told.values() for use in uses]
        return max((int(use.get("estimated_time_to_regain_access", 0)) for use in uses), default=0)
    except (ValueError, TypeError, AttributeError):
        return 0
