"""Facebook Page: views, reach and link clicks of what a page posts, from the Graph API.

REST under https://graph.facebook.com/v25.0 with a page's token and a proof of the app's secret; no refresh tokens. The
page's days come by 90, Pacific, `end_time` is their exclusive end; posts tell running totals only. Metrics die on all
versions at once and fail the whole request, so what is still one is found out by halving. Limits are told in percent,
waits in minutes. https://developers.facebook.com/docs/graph-api/reference/insights
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import ClassVar

from msgspec import Struct
from pydantic import Field, SecretStr, field_validator

from connectors import facebook_answers
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
    Wait,
)
from connectors.errors import ConfigError, ConnectorError
from connectors.facebook_answers import PACIFIC, PAGE_METRICS, POST_METRICS, Insights, MetricGone, Post, Posts, living
from connectors.facebook_tokens import App, PageTokens
from connectors.paging import TokenPages
from connectors.wording import clean
from domain.facts import Window

API = "https://graph.facebook.com/v25.0"
#: Facebook allows 90 days a question; a day less leaves room for the hour that autumn adds.
SPAN_DAYS = 89
REACH_DAYS = 729
POST_FIELDS = "id,message,created_time,permalink_url,attachments{url,title}"
#: A window longer than this is a full read: metrics known to be gone are asked for again.
LONG_WINDOW = timedelta(days=31)
GONE = "gone:"
#: A check has ten seconds: of the posts it counts so many pages, which is enough for an estimate.
CHECKED_PAGES = 5
Probe = Callable[[Sequence[str]], object]


class FacebookConfig(ConnectorConfig):
    """What an admin fills in, or Facebook's consent page does."""

    client_id: str = Field(
        title="App ID",
        description="Of your app in Meta's developer dashboard.",
        pattern=r"^[0-9]{1,25}$",
        json_schema_extra={"group": "Sign-in"},
    )
    client_secret: SecretStr = Field(
        title="App secret",
        description="From the app's basic settings. It proves every request.",
        min_length=1,
        json_schema_extra={"group": "Sign-in"},
    )
    access_token: SecretStr = Field(
        SecretStr(""),
        title="Access token",
        description="Of the page, a system user, or a person who may analyse the page. Comes with the consent.",
        json_schema_extra={"group": "Sign-in"},
    )
    page_id: str = Field(
        title="Page ID",
        description="The number under About, Page transparency.",
        pattern=r"^[0-9]{1,25}$",
        json_schema_extra={"group": "Page"},
    )
    posts_days: int = Field(
        90,
        title="Days to follow a post",
        description="Posts older than this hardly change: their clicks are not read any more.",
        ge=1,
        le=730,
        json_schema_extra={"group": "Page"},
    )

    @field_validator("client_id", "page_id", mode="before")
    @classmethod
    def _is_number(cls, value: object) -> object:
        return value.strip() if isinstance(value, str) else value


@dataclass(frozen=True)
class Cursor:
    """Where a read stands: the first day of the page still to ask for, and metrics found to be gone on the way."""

    day: date
    gone: tuple[str, ...] = ()

    def text(self) -> str:
        """As the sync job keeps it."""
        return json.dumps({"day": self.day.isoformat(), "gone": self.gone})

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """From what `text` made."""
        told = json.loads(text)
        return cls(date.fromisoformat(told["day"]), tuple(told["gone"]))


class _Named(Struct):
    """An object of the graph with a name."""

    id: str
    name: str = ""


class Facebook(MetricsSource[FacebookConfig]):
    """Reads all posts with their totals first, then the page's days."""

    key = "facebook"
    platform = "facebook"
    label = "Facebook Page"
    icon = ":material/thumb_up:"
    summary = "Views, reach and link clicks of what your company's page posts on Facebook."
    docs_url = "https://developers.facebook.com/docs/graph-api/reference/insights"
    hosts = ("graph.facebook.com",)
    config_model = FacebookConfig
    metrics = (
        Offered(
            "views",
            postings=True,
            counters="postings",
            words="Facebook's views (page_media_view): times a post was played or displayed. Its impressions are gone.",
        ),
        Offered("reach", words="Different people who saw the page's content that day."),
        Offered("clicks", postings=True, counters="always", words="Link clicks on posts, no other kinds of click."),
    )
    # 200 calls an hour and daily user of the app: an app that only we use has one.
    limits = Limits(requests=200, seconds=3600)
    lookback_days = 3
    # Posts tell totals as they stand: the later in the day they are read, the truer the day.
    interval = "hourly"
    chunk_days: ClassVar[int] = SPAN_DAYS
    time_zone = "America/Los_Angeles"
    posts_per_page: ClassVar[int] = 100
    cannot = (
        "Facebook reports no applications, and no impressions since November 2025. It tells the clicks of a post only"
        " as a running total, so clicks begin on the day after connecting. Count applications in your applicant system,"
        " by tracked links, or by what Google Analytics sees of utm_source=facebook."
    )
    oauth = OAuth(
        authorize_url="https://www.facebook.com/v25.0/dialog/oauth",
        token_url=f"{API}/oauth/access_token",
        scopes=("pages_show_list", "pages_read_engagement", "read_insights"),
        client_env="FACEBOOK",
        uses_pkce=False,
        refresh_days=0,
        lasts_days=60,
    )

    def check(self) -> Account:
        """The page's name, its last day and its posts, which is all that a read asks for."""
        with self.session.http.hurried(10):
            page = self._get("", {"fields": "id,name"}).decode(_Named)
            day = self._today() - timedelta(days=1)
            gone = self._gone(PAGE_METRICS, lambda names: self._insights(names, day, day + timedelta(days=1)))
            posts = self._posts((), pages_at_most=CHECKED_PAGES)
        notes = tuple(f"Facebook no longer reports {name}, so there are no numbers of it." for name in gone)
        if not posts:
            notes += ("This page has not posted anything lately, so there are no clicks to report yet.",)
        return Account(
            page.id, clean(page.name, 200) or f"Page {page.id}", self.time_zone, notes=notes, items=len(posts)
        )

    def read(self, window: Window, cursor: str = "") -> Iterator[Page | Wait]:
        """The posts' totals where the window reaches today, then the page's days, span by span."""
        today = self._today()
        start = max(window.start, today - timedelta(days=REACH_DAYS))
        end = min(window.end, today + timedelta(days=1))
        if start >= end:
            return
        at = Cursor.parse(cursor) if cursor else Cursor(start, self._known_gone(window))
        if not cursor and end > today:
            page = self._posts_page(at)
            at = Cursor.parse(page.cursor)
            yield page
        while at.day < end:
            until = min(at.day + timedelta(days=SPAN_DAYS), end)
            page = self._days_page(replace(at, day=until), at.day)
            at = Cursor.parse(page.cursor)
            yield page

    @classmethod
    def calls_for(cls, window: Window, *, items: int = 0) -> int:
        """A call for each 89 days of the page, and for each 100 posts."""
        spans = -(-(window.end - window.start).days // SPAN_DAYS)
        return spans + max(-(-items // cls.posts_per_page), 1)

    @classmethod
    def classify(cls, answer: Answer, now: datetime) -> ConnectorError | None:
        """The Graph API's own refusals."""
        return facebook_answers.error_in(answer, now)

    @classmethod
    def granted(cls, answer: Mapping[str, object]) -> dict[str, object]:
        """The person's token; it is made a lasting one before the pages are listed."""
        return {"access_token": answer.get("access_token", "")}

    def choices(self) -> tuple[Choice, ...]:
        """The pages that who granted access may analyse."""
        # The form has no page yet.
        pages = self._tokens("").pages()
        return tuple(Choice(page.id, clean(page.name, 200) or page.id, {"page_id": page.id}) for page in pages)

    def _posts_page(self, at: Cursor) -> Page:
        alive = _without(POST_METRICS, at.gone)
        try:
            posts = self._posts(alive)
        except MetricGone:
            at = replace(
                at, gone=(*at.gone, *self._gone(alive, lambda names: self._posts(names, limit=1, pages_at_most=1)))
            )
            posts = self._posts(_without(POST_METRICS, at.gone))
        counters, rejected = facebook_answers.counters_of(posts)
        return Page(
            [],
            at.text(),
            postings=facebook_answers.seen_of(posts),
            counters=counters,
            rejected=rejected,
            quality=_flags(at.gone),
            time_zone=self.time_zone,
        )

    def _days_page(self, at: Cursor, start: date) -> Page:
        """The page's days from `start` to `at.day`."""

        def ask(names: Sequence[str]) -> Insights:
            return self._insights(names, start, at.day)

        alive = _without(PAGE_METRICS, at.gone)
        try:
            told = ask(alive)
        except MetricGone:
            at = replace(at, gone=(*at.gone, *self._gone(alive, ask)))
            told = ask(_without(PAGE_METRICS, at.gone))
        days = facebook_answers.days_of(told, start, at.day)
        return Page(
            days.facts, at.text(), closed=days.closed(start, at.day), rejected=days.rejected, quality=_flags(at.gone)
        )

    def _posts(self, metrics: Sequence[str], *, limit: int = 0, pages_at_most: int = 0) -> list[Post]:
        """Posts of the last days with these lifetime metrics, newest first; `limit` to a page.

        https://developers.facebook.com/docs/graph-api/reference/page/feed
        """
        since = datetime.combine(self._today() - timedelta(days=self.config.posts_days), time(), PACIFIC)
        params = {
            "fields": POST_FIELDS + (f",insights.metric({','.join(metrics)})" if metrics else ""),
            "limit": str(limit or self.posts_per_page),
            "since": str(int(since.timestamp())),
        }
        found: dict[str, Post] = {}
        pages, asked_for = TokenPages(), 0
        while not pages.is_done:
            asked = params | ({"after": pages.token} if pages.token else {})
            told = self._get("/published_posts", asked).decode(Posts)
            found |= {post.id: post for post in told.data}
            asked_for += 1
            pages.advance("" if asked_for == pages_at_most else told.next_token())
        return list(found.values())

    def _insights(self, names: Sequence[str], start: date, end: date) -> Insights:
        """The page's days. https://developers.facebook.com/docs/graph-api/reference/insights"""
        if not names:
            return Insights([])
        since, until = (int(datetime.combine(day, time(), PACIFIC).timestamp()) for day in (start, end))
        params = {"metric": ",".join(names), "period": "day", "since": str(since), "until": str(until)}
        told = self._get("/insights", params).decode(Insights)
        if not told.data:
            # Without read_insights Facebook answers with success, and nothing.
            raise ConfigError(
                "Facebook shows no insights of this page: read_insights is missing", cause="no_permission"
            )
        return told

    def _gone(
        self, names: Sequence[str] | Mapping[str, str], probe: Callable[[Sequence[str]], object]
    ) -> tuple[str, ...]:
        asked = tuple(names)
        alive = living(asked, probe)
        return tuple(name for name in asked if name not in alive)

    def _known_gone(self, window: Window) -> tuple[str, ...]:
        """What the last sync found to be gone. A long read looks again: Facebook has changed its mind before."""
        if window.end - window.start > LONG_WINDOW:
            return ()
        return tuple(sorted(flag.removeprefix(GONE) for flag in self.session.flags if flag.startswith(GONE)))

    def _get(self, edge: str, params: Mapping[str, str]) -> Answer:
        page = self.config.page_id
        return self._tokens(page).get(f"{API}/{page}{edge}", params)

    def _tokens(self, page_id: str) -> PageTokens:
        app = App(API, self.config.client_id, self.config.client_secret)
        return PageTokens(self.session, app, page_id, self.config.access_token.get_secret_value())

    def _today(self) -> date:
        return self.session.http.now().astimezone(PACIFIC).date()


def _without(metrics: Mapping[str, str], gone: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in metrics if name not in gone)


def _flags(gone: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"{GONE}{name}" for name in gone)
