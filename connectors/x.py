"""X: impressions and link clicks of what a company's account posts, from the API v2.

REST under https://api.x.com/2, OAuth 2 with PKCE; an access token lives two hours and each refresh token is good once.
Posts come by 100, their days from the analytics endpoint by 100 posts; or running totals, of which clicks are readable
for 30 days only. Days are UTC, the end is exclusive. "Slow down" is 429 with x-rate-limit-reset, spent credits 402.
Every post read costs money. https://docs.x.com/x-api
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, ClassVar

from pydantic import Field, SecretStr

from connectors import auth, x_answers
from connectors.answers import Answer
from connectors.contract import (
    Account,
    Choice,
    ConnectorConfig,
    Limits,
    MetricsSource,
    OAuth,
    Offered,
    Page,
    Token,
    Wait,
)
from connectors.errors import AuthExpired, ConfigError, ConnectorError, SchemaDrift
from connectors.paging import TokenPages
from connectors.wording import clean
from connectors.x_answers import Analytics, Me, Post, Sums, Timeline
from domain.facts import Window

API = "https://api.x.com/2"
TOKEN_URL = f"{API}/oauth2/token"
#: A post is hardly seen any more after two months.
FOLLOW_DAYS = 60
#: Who wrote a post sees its private numbers for 30 days; an hour less, so that none is asked for too late.
PRIVATE = timedelta(days=30) - timedelta(hours=1)
#: X refuses an end that has not passed yet.
ALREADY = timedelta(seconds=15)
PUBLIC_FIELDS = "created_at,entities,public_metrics"
PRIVATE_FIELDS = f"{PUBLIC_FIELDS},non_public_metrics,organic_metrics"


class XConfig(ConnectorConfig):
    """What an admin fills in, or X's consent page does."""

    client_id: str = Field(
        title="Client ID",
        description="OAuth 2.0 client of your app in X's developer console.",
        min_length=1,
        max_length=200,
        json_schema_extra={"group": "Sign-in"},
    )
    client_secret: SecretStr = Field(
        SecretStr(""),
        title="Client secret",
        description="Of a confidential client (web app). A public client has none.",
        json_schema_extra={"group": "Sign-in"},
    )
    refresh_token: SecretStr = Field(
        title="Refresh token",
        description="Comes with the consent. Each is good once: never use it elsewhere.",
        min_length=1,
        json_schema_extra={"group": "Sign-in"},
    )
    user_id: str = Field(
        title="User ID",
        description="The number of the account that posts.",
        pattern=r"^[0-9]{1,19}$",
        json_schema_extra={"group": "Account"},
    )
    by_day: bool = Field(
        True,
        title="Numbers by day",
        description="Asks X's analytics for each post's days. Without it: fewer credits, growth from the next day on.",
        json_schema_extra={"group": "Account"},
    )


@dataclass(frozen=True)
class Cursor:
    """Where a read stands: posts whose days are still to be asked for, and the totals so far."""

    left: tuple[str, ...]
    sums: Sums = field(default_factory=Sums)

    def text(self) -> str:
        """As the sync job keeps it."""
        return json.dumps({"left": self.left, "sums": vars(self.sums)}, separators=(",", ":"))

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """From what `text` made."""
        told: dict[str, Any] = json.loads(text)
        return cls(tuple(told["left"]), Sums(**told["sums"]))


class X(MetricsSource[XConfig]):
    """Reads the posts of the window and of the weeks before it, then their days by hundreds."""

    key = "x"
    platform = "x"
    label = "X"
    icon = ":material/alternate_email:"
    summary = "Impressions and link clicks of what your company's account posts on X."
    docs_url = "https://docs.x.com/x-api"
    hosts = ("api.x.com",)
    config_model = XConfig
    metrics = (
        Offered("impressions", postings=True, counters="optional", words="X's impressions, which it calls views too."),
        Offered("clicks", postings=True, counters="optional", words="Clicks on links in posts."),
    )
    # Requests to a timeline in 15 minutes. A hundred of one's own posts cost ten cents to read.
    limits = Limits(requests=900, seconds=900, cost_minor=10)
    lookback_days = 3
    interval = "daily"
    chunk_days: ClassVar[int] = 366
    posts_per_page: ClassVar[int] = 100
    posts_per_question: ClassVar[int] = 100
    cannot = (
        "X reports no applications, and link clicks only to who wrote a post. Count applications in your applicant"
        " system, by tracked links, or by what Google Analytics sees of utm_source=x."
    )
    oauth = OAuth(
        authorize_url="https://x.com/i/oauth2/authorize",
        token_url=TOKEN_URL,
        scopes=("tweet.read", "users.read", "offline.access"),
        client_env="X",
        client_in="header",
    )

    def check(self) -> Account:
        """Whose token it is, the posts of the last weeks, and whether their numbers by day may be read."""
        with self.session.http.hurried(10):
            me = self._get("/users/me", {}).decode(Me).data
            if me.id != self.config.user_id:
                raise ConfigError(f"the access was granted for @{clean(me.username, 50)}", cause="account_unknown")
            today = self._today()
            posts = self._posts(today, None, PUBLIC_FIELDS)
            if self.config.by_day and posts:
                self._analytics([posts[0].id], (today - timedelta(days=1), today))
        notes = () if posts else ("This account has not posted anything lately, so there is nothing to report yet.",)
        label = f"@{clean(me.username, 50)}" if me.username else f"User {me.id}"
        return Account(me.id, label, self.time_zone, notes=notes, items=len(posts))

    def read(self, window: Window, cursor: str = "") -> Iterator[Page | Wait]:
        """By day: posts, then their days. Running totals: one page, and only where the window reaches today."""
        today = self._today()
        start, end = window.start, min(window.end, today + timedelta(days=1))
        if start >= end:
            return
        if not self.config.by_day:
            if end > today:
                yield self._totals_page(today)
            return
        if cursor:
            at = Cursor.parse(cursor)
        else:
            posts = self._posts(start, end if end <= today else None, PUBLIC_FIELDS)
            at = Cursor(tuple(post.id for post in posts))
            done = at.sums.closed(start, end) if not posts else ()
            yield Page([], at.text(), postings=x_answers.seen_of(posts), closed=done, time_zone=self.time_zone)
        while at.left:
            page = self._days_page(at, (start, end))
            at = Cursor.parse(page.cursor)
            yield page

    @classmethod
    def calls_for(cls, window: Window, *, items: int = 0) -> int:
        """Posts of the window and of the two months before it, each listed and then counted, a hundred a call."""
        days = (window.end - window.start).days
        posts = max(-(-items * (days + FOLLOW_DAYS) // FOLLOW_DAYS), 1)
        return -(-posts // cls.posts_per_page) + -(-posts // cls.posts_per_question)

    @classmethod
    def classify(cls, answer: Answer, now: datetime) -> ConnectorError | None:
        """X's own refusals."""
        return x_answers.error_in(answer, now)

    def choices(self) -> tuple[Choice, ...]:
        """The account of who granted access: there is one."""
        me = self._get("/users/me", {}).decode(Me).data
        return (Choice(me.id, f"@{clean(me.username, 50)}", {"user_id": me.id}),)

    def _days_page(self, at: Cursor, span: tuple[date, date]) -> Page:
        asked, left = at.left[: self.posts_per_question], at.left[self.posts_per_question :]
        facts, rejected = at.sums.take(self._analytics(asked, span), asked, span)
        closed = () if left else at.sums.closed(*span)
        facts += [] if left else at.sums.facts()
        return Page(facts, Cursor(left, at.sums).text(), closed=closed, rejected=rejected)

    def _totals_page(self, today: date) -> Page:
        """Private numbers of the last 30 days, public ones of older posts: X refuses the private ones of those."""
        since = self.session.http.now() - PRIVATE
        young = self._listed({"start_time": _spelled(since), "tweet.fields": PRIVATE_FIELDS})
        first = datetime.combine(today - timedelta(days=FOLLOW_DAYS), time(), UTC)
        older = {"start_time": _spelled(first), "end_time": _spelled(since), "tweet.fields": PUBLIC_FIELDS}
        posts = [*young, *self._listed(older)]
        counters = x_answers.counters_of(posts)
        return Page([], postings=x_answers.seen_of(posts), counters=counters, time_zone=self.time_zone)

    def _posts(self, start: date, end: date | None, fields: str) -> list[Post]:
        """Posts that may have been seen from `start` to `end` (None for now), newest first."""
        first = datetime.combine(start - timedelta(days=FOLLOW_DAYS), time(), UTC)
        asked = {"start_time": _spelled(first), "tweet.fields": fields}
        asked |= {"end_time": _spelled(datetime.combine(end, time(), UTC))} if end else {}
        return self._listed(asked)

    def _listed(self, asked: Mapping[str, str]) -> list[Post]:
        """The account's own posts. https://docs.x.com/x-api/posts/user-posts-timeline-by-user-id"""
        params = {"max_results": str(self.posts_per_page), "exclude": "replies,retweets", **asked}
        found: dict[str, Post] = {}
        pages = TokenPages()
        while not pages.is_done:
            token = {"pagination_token": pages.token} if pages.token else {}
            told = self._get(f"/users/{self.config.user_id}/tweets", params | token).decode(Timeline)
            if told.meta is None:
                raise _no_list(told)
            found |= {post.id: post for post in told.data}
            pages.advance(told.meta.next_token)
        return list(found.values())

    def _analytics(self, refs: tuple[str, ...] | list[str], span: tuple[date, date]) -> Analytics:
        """The days of up to 100 posts. https://docs.x.com/x-api/posts/get-post-analytics"""
        since = datetime.combine(span[0], time(), UTC)
        until = min(datetime.combine(span[1], time(), UTC), self.session.http.now() - ALREADY)
        asked = {
            "ids": ",".join(refs),
            "start_time": _spelled(since),
            "end_time": _spelled(max(until, since + timedelta(seconds=1))),
            "granularity": "daily",
            "analytics.fields": ",".join(x_answers.BY_DAY),
        }
        told = self._get("/tweets/analytics", asked).decode(Analytics)
        if not told.data and not told.errors:
            raise SchemaDrift("the analytics hold neither numbers nor reasons")
        return told

    def _get(self, path: str, params: Mapping[str, str]) -> Answer:
        bearer = auth.CachedBearer(self.session.tokens, self._fetch_token)
        return self.session.http.get(f"{API}{path}", params, bearer=bearer)

    def _fetch_token(self, stored: Token | None) -> Token:
        """https://docs.x.com/fundamentals/authentication/oauth-2-0/authorization-code"""
        refresh = (stored.refresh_token if stored else "") or self.config.refresh_token.get_secret_value()
        client = auth.Client(self.config.client_id, self.config.client_secret)
        confidential = bool(self.config.client_secret.get_secret_value())
        try:
            return auth.refresh_token(self.session.http, TOKEN_URL, client, refresh, in_header=confidential)
        except ConfigError as error:
            if error.cause != "account_unknown":
                raise
            # X says invalid_request of a refresh token that was used or taken back.
            raise AuthExpired(error.detail, cause="auth_revoked") from None

    def _today(self) -> date:
        return self.session.http.now().astimezone(UTC).date()


def _no_list(told: Timeline) -> ConnectorError:
    """Why an answer says success and holds no list."""
    words = next((f"{problem.title}: {problem.detail}" for problem in told.errors), "")
    if any(problem.is_gone for problem in told.errors):
        return ConfigError(words, cause="account_unknown")
    return ConfigError(words, cause="no_permission") if words else SchemaDrift("the timeline has no list of posts")


def _spelled(instant: datetime) -> str:
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
