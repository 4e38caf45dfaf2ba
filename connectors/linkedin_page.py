"""LinkedIn Page: impressions, clicks and reach of what a company's page posts, from the Community Management API.

REST under https://api.linkedin.com/rest with a version in a header and Rest.li 2.0 in the query; OAuth 2 by consent, 60
days for an access token, 365 for the grant, whatever is refreshed. The page's days are one call, its posts lists of 50
and running totals. Days are UTC, the end is exclusive; it reaches back twelve months. Limits are a day's, and nothing
tells how much of them is left. Postings on LinkedIn's job board are not in this API.
https://learn.microsoft.com/linkedin/marketing/community-management/
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import ClassVar

from connectors import auth, linkedin_answers
from connectors import linkedin_restli as restli
from connectors.answers import Answer
from connectors.contract import (
    Account,
    Choice,
    Limits,
    MetricsSource,
    OAuth,
    Offered,
    Page,
    Token,
    Wait,
)
from connectors.errors import AuthExpired, ConnectorError
from connectors.http import Ask
from connectors.linkedin_answers import Organization, Post, Posts, Roles, Statistics
from connectors.linkedin_form import LinkedInPageConfig
from connectors.paging import LinkPages
from connectors.wording import clean
from domain.facts import Window

API = "https://api.linkedin.com/rest"
TOKEN_URL = "https://www.linkedin.com/oauth/v2/accessToken"  # noqa: S105 an address
STATISTICS = f"{API}/organizationalEntityShareStatistics"
#: A version ends on the fifteenth of its month a year later; so long before we begin to say so.
ALARM = timedelta(days=60)
#: What is older brings nothing any more, and each post costs.
POSTS_REACH = timedelta(days=730)


class LinkedInPage(MetricsSource[LinkedInPageConfig]):
    """Reads the list of posts and the page's days, then the posts' totals list by list."""

    key = "linkedin_page"
    platform = "linkedin"
    label = "LinkedIn Page"
    icon = ":material/campaign:"
    summary = "Impressions, clicks and reach of what your company's page posts on LinkedIn."
    docs_url = "https://learn.microsoft.com/linkedin/marketing/community-management/"
    hosts = ("api.linkedin.com", "www.linkedin.com")
    config_model = LinkedInPageConfig
    metrics = (
        Offered("impressions", postings=True, counters="postings", words="Organic. LinkedIn's views are the same."),
        Offered("clicks", postings=True, counters="postings", words="Any click on a post: link, name, logo, more."),
        Offered("reach", words="Unique impressions of the page's posts on that day."),
    )
    # Per member and endpoint in the development tier. LinkedIn tells nobody how much is left.
    limits = Limits(requests=100, seconds=86_400)
    lookback_days = 3
    interval = "daily"
    chunk_days: ClassVar[int] = 366
    posts_per_page: ClassVar[int] = 50
    cannot = (
        "LinkedIn reports nothing of postings on its job board to anybody but its Talent partners: no views, no"
        " applications. Count those in your applicant system, by tracked links, or by what Google Analytics sees of"
        " utm_source=linkedin."
    )
    oauth = OAuth(
        authorize_url="https://www.linkedin.com/oauth/v2/authorization",
        token_url=TOKEN_URL,
        scopes=("r_organization_social", "rw_organization_admin"),
        client_env="LINKEDIN",
        uses_pkce=False,
        refresh_days=365,
    )

    def check(self) -> Account:
        """Its posts and its last day, which is all that a read asks for, and its name."""
        with self.session.http.hurried(10):
            posts = self._posts()
            today = self._today()
            self._statistics(restli.intervals(today - timedelta(days=1), today))
            label = self._name(self.config.organization_id)
        notes: tuple[str, ...] = (
            () if posts else ("This page has not posted anything, so there is nothing to report yet.",)
        )
        end = restli.version_end(self.config.api_version)
        if end - ALARM <= today:
            notes += (f"LinkedIn ends version {self.config.api_version} of its API on {end}: choose a newer one.",)
        return Account(self.config.organization_id, label, self.time_zone, notes=notes, items=len(posts))

    def read(self, window: Window, cursor: str = "") -> Iterator[Page | Wait]:
        """The page's days with the posts there are, then lists of posts that are left to ask for."""
        today = self._today()
        first, end = restli.told_of(window, today)
        if first >= end or first > today:
            return
        left: list[str] = json.loads(cursor) if cursor else []
        if not cursor:
            posts = self._posts() if end > today else []
            days = linkedin_answers.days_of(self._statistics(restli.intervals(first, end)), first, end)
            left = [post.id for post in posts]
            yield Page(
                days.facts,
                json.dumps(left),
                postings=linkedin_answers.seen_of(posts),
                closed=days.closed(first, end),
                rejected=days.rejected,
                quality=("version_ending",) if restli.version_end(self.config.api_version) - ALARM <= today else (),
            )
        while left:
            kind, urns = restli.next_list(left)
            counters = linkedin_answers.counters_of(self._statistics(restli.listed(kind, urns)), urns)
            left = [urn for urn in left if urn not in set(urns)]
            yield Page([], json.dumps(left), counters=tuple(counters))

    @classmethod
    def calls_for(cls, window: Window, *, items: int = 0) -> int:  # noqa: ARG003 a year is one call
        """The page's days, and for each 50 posts one call to list and one to count; one more as there are two kinds."""
        lists = -(-items // restli.LIST_LENGTH)
        return 1 + max(-(-items // cls.posts_per_page), 1) + lists + (1 if items > 1 else 0)

    @classmethod
    def classify(cls, answer: Answer, now: datetime) -> ConnectorError | None:
        """LinkedIn's own refusals."""
        return linkedin_answers.error_in(answer, now)

    @classmethod
    def granted(cls, answer: Mapping[str, object]) -> dict[str, object]:
        """The refresh token; the access token alone where the app has no refresh tokens."""
        refresh = answer.get("refresh_token", "")
        return {"refresh_token": refresh} if refresh else {"access_token": answer.get("access_token", "")}

    def choices(self) -> tuple[Choice, ...]:
        """The pages that who granted access administers.

        https://learn.microsoft.com/linkedin/marketing/community-management/organizations/organization-access-control-by-role
        """
        told = self._get(f"{API}/organizationAcls?q=roleAssignee&role=ADMINISTRATOR&state=APPROVED").decode(Roles)
        numbers = [role.organization.rpartition(":")[2] for role in told.elements]
        return tuple(Choice(each, self._name(each), {"organization_id": each}) for each in dict.fromkeys(numbers))

    def _posts(self) -> list[Post]:
        """What the page posted in two years, newest first.

        https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api#find-posts-by-authors
        """
        oldest, found = self.session.http.now() - POSTS_REACH, dict[str, Post]()
        # The author stands before q, as some have found that LinkedIn minds the order.
        query = f"author={self._entity()}&q=author&count={self.posts_per_page}&start=0&sortBy=CREATED"
        pages = LinkPages(API, f"{API}/posts?{query}")
        while not pages.is_done:
            told = self._get(pages.url, finder=True).decode(Posts)
            found |= {post.id: post for post in told.elements if post.lifecycleState == "PUBLISHED"}
            is_over = any(linkedin_answers.created_at(post) < oldest for post in told.elements)
            pages.advance("" if is_over else told.next_link())
        return [post for post in found.values() if linkedin_answers.created_at(post) >= oldest]

    def _statistics(self, what: str) -> Statistics:
        """https://learn.microsoft.com/linkedin/marketing/community-management/organizations/share-statistics"""
        url = f"{STATISTICS}?q=organizationalEntity&organizationalEntity={self._entity()}&{what}"
        return self._get(url, finder=True).decode(Statistics)

    def _name(self, number: str) -> str:
        """The page's name, or its number where the app may not see it.

        https://learn.microsoft.com/linkedin/marketing/community-management/organizations/organization-lookup-api
        """
        try:
            name = clean(self._get(f"{API}/organizations/{number}").decode(Organization).localizedName, 200)
        except ConnectorError:
            name = ""
        return name or f"Page {number}"

    def _get(self, url: str, *, finder: bool = False) -> Answer:
        """The query goes out as it stands: Rest.li wants its brackets plain and the names in them encoded."""
        headers = {"linkedin-version": self.config.api_version, "x-restli-protocol-version": "2.0.0"}
        headers |= {"x-restli-method": "FINDER"} if finder else {}
        return self.session.http.send(Ask("GET", url, headers=headers, bearer=self.bearer()))

    def bearer(self) -> auth.CachedBearer:
        """The access tokens of the person who granted access."""
        return auth.CachedBearer(self.session.tokens, self._fetch_token)

    def _fetch_token(self, stored: Token | None) -> Token:
        """https://learn.microsoft.com/linkedin/shared/authentication/programmatic-refresh-tokens"""
        refresh = (stored.refresh_token if stored else "") or self.config.refresh_token.get_secret_value()
        if refresh:
            client = auth.Client(self.config.client_id, self.config.client_secret)
            return auth.refresh_token(self.session.http, TOKEN_URL, client, refresh)
        given, now = self.config.access_token.get_secret_value(), self.session.http.now()
        if stored is not None and stored.access_token == given and stored.expires_at > now:
            raise AuthExpired("the access token is refused, and the app has no refresh token", cause="auth_expired")
        return Token(given, now + timedelta(days=1))

    def _entity(self) -> str:
        return restli.encoded(f"urn:li:organization:{self.config.organization_id}")

    def _today(self) -> date:
        return self.session.http.now().astimezone(UTC).date()
