"""Company website: visits, page views and apply events from Google Analytics 4, by traffic source.

Google Analytics Data API v1beta (revision 20261006), `batchRunReports`, scope analytics.readonly. Signs in as a service
account or with a user's refresh token. Days are those of the property's zone and change for about 48 hours. Google
announces no Retry-After: how long a quota lasts is read from the words of its refusal.
https://developers.google.com/analytics/devguides/reporting/data/v1
"""

import json
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import chain
from typing import Any, ClassVar

from pydantic import SecretStr

from connectors import auth, ga4_admin, ga4_facts, ga4_reports
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
from connectors.errors import ConnectorError, SchemaDrift
from connectors.ga4_errors import error_for
from connectors.ga4_form import CompanyWebsiteConfig
from connectors.ga4_reports import ReportSpec, Table
from domain.facts import Scope, Window

API = "https://analyticsdata.googleapis.com/v1beta"
TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 an address
SCOPE = "https://www.googleapis.com/auth/analytics.readonly"
SLICE_DAYS = 31


def _by_source(metric: str, *, postings: bool = True, words: str = "") -> Offered:
    return Offered(metric, Scope.TOTAL, "source", postings, words)


class CompanyWebsite(MetricsSource[CompanyWebsiteConfig]):
    """Reads a property in slices of days: four reports in one call, for sources and for postings."""

    key = "company_website"
    platform = "company_website"
    label = "Company website"
    icon = ":material/language:"
    summary = "Visits, page views and apply events of your careers pages, by source, from Google Analytics 4."
    docs_url = "https://developers.google.com/analytics/devguides/reporting/data/v1"
    hosts = ("analyticsdata.googleapis.com", "analyticsadmin.googleapis.com", "oauth2.googleapis.com")
    oauth = OAuth(
        authorize_url="https://accounts.google.com/o/oauth2/v2/auth",
        token_url=TOKEN_URL,
        scopes=(SCOPE,),
        client_env="GOOGLE",
        # Without them Google gives a refresh token only at the very first consent.
        extra=(("access_type", "offline"), ("prompt", "consent")),
        client_fields=("oauth_client_id", "oauth_client_secret"),
    )
    config_model = CompanyWebsiteConfig
    metrics = (
        _by_source("views", words="Page views of careers pages, repeats included."),
        _by_source("sessions", postings=False),
        _by_source("engaged_sessions", postings=False),
        _by_source("engagement_seconds", postings=False),
        _by_source("clicks", words="The events you named for the apply button."),
        _by_source("apply_starts", words="The events you named for an application begun."),
        _by_source("applications", words="The events you named for an application sent."),
    )
    limits = Limits(requests=60, seconds=60)
    lookback_days = 3
    interval = "hourly"
    chunk_days: ClassVar[int] = SLICE_DAYS
    #: Rows asked for at a time: four reports of this size stay below the client's cap on bodies.
    page_rows: ClassVar[int] = 25_000

    def check(self) -> Account:
        """One small batch: whether the property answers, and whether its pages and events look as configured."""
        http, events = self.session.http, self.config.events()
        specs = [ReportSpec((), ("sessions",), ga4_reports.path_begins(self.config.careers_path))]
        if events:
            named = ga4_reports.event_is(chain.from_iterable(events.values()))
            specs.append(ReportSpec(("eventName",), ("eventCount",), named))
            if dimension := self.config.posting_dimension:
                carried = ga4_reports.all_of(named, ga4_reports.is_told(dimension))
                specs.append(ReportSpec((dimension,), ("eventCount",), carried))
        with http.hurried(10):
            batch = self._batch([spec.request("28daysAgo", "today", 0, 100) for spec in specs])
        if len(batch.reports) != len(specs):
            raise SchemaDrift(f"asked for {len(specs)} reports, got {len(batch.reports)}")
        tables = [Table() for _ in specs]
        for table, spec, report in zip(tables, specs, batch.reports, strict=True):
            table.take(spec, report)
        about = batch.reports[0].metadata
        return Account(
            ref=self.config.property_id,
            label=f"Property {self.config.property_id}",
            time_zone=about.time_zone,
            currency=about.currency_code,
            notes=tuple(_notes(self.config, tables)),
        )

    def read(self, window: Window, cursor: str = "") -> Iterator[Page | Wait]:
        """Slices of days, each read whole before any of it is yielded; the cursor is the next day to read."""
        start = date.fromisoformat(json.loads(cursor)["day"]) if cursor else window.start
        config = self.config
        readings = ga4_facts.readings(config.careers_path, config.events(), config.posting_dimension)
        specs = [reading.spec for reading in readings]
        days = SLICE_DAYS
        while start < window.end:
            end = min(start + timedelta(days=days), window.end)
            try:
                tables = ga4_reports.read_whole(self._batch, specs, (start, end), self.page_rows)
            except ga4_reports.TooManyRowsError:
                days = max(1, days // 2)
                continue
            yield from ga4_facts.pages(readings, tables, start, end)
            start = end

    @classmethod
    def calls_for(cls, window: Window, *, items: int = 0) -> int:  # noqa: ARG003
        """One call for each slice of days; more only beyond 25 000 rows a slice."""
        return -(-(window.end - window.start).days // SLICE_DAYS)

    @classmethod
    def classify(cls, answer: Answer, now: datetime) -> ConnectorError | None:
        """Google's refusals differ in their words, not in their status."""
        return error_for(answer, now)

    def choices(self) -> tuple[Choice, ...]:
        """The properties the grant may read."""
        bearer = auth.CachedBearer(self.session.tokens, self._fetch_token)
        return ga4_admin.list_properties(self.session.http, bearer)

    def _batch(self, requests: list[dict[str, Any]]) -> ga4_reports.Batch:
        """https://developers.google.com/analytics/devguides/reporting/data/v1/rest/v1beta/properties/batchRunReports"""
        url = f"{API}/properties/{self.config.property_id}:batchRunReports"
        bearer = auth.CachedBearer(self.session.tokens, self._fetch_token)
        return self.session.http.post_json(url, {"requests": requests}, bearer=bearer).decode(ga4_reports.Batch)

    def _fetch_token(self, stored: Token | None) -> Token:
        """https://developers.google.com/identity/protocols/oauth2/service-account, or .../web-server#offline"""
        config, http = self.config, self.session.http
        if config.service_account_json is not None:
            account = auth.ServiceAccount.parse(config.service_account_json.get_secret_value())
            return auth.service_account_token(http, TOKEN_URL, account, SCOPE)
        client = auth.Client(config.oauth_client_id, config.oauth_client_secret or SecretStr(""))
        configured = config.refresh_token.get_secret_value() if config.refresh_token else ""
        return auth.refresh_token(http, TOKEN_URL, client, (stored.refresh_token if stored else "") or configured)


def _notes(config: CompanyWebsiteConfig, tables: list[Table]) -> Iterator[str]:
    """What the last four weeks say against the form: sentences for the person who fills it in."""
    if not any(sum(values) for values in tables[0].rows.values()):
        yield f"No visit to a page that begins with {config.careers_path} in the last 28 days: check the careers path."
    events = config.events()
    heard = {cells[0] for cells in tables[1].rows} if events else set()
    for event in dict.fromkeys(chain.from_iterable(events.values())):
        if event not in heard:
            yield f"No event called {event} in the last 28 days: check its spelling in Analytics."
    if config.posting_dimension and not tables[2].rows:
        name = config.posting_dimension.partition(":")[2]
        yield f"None of these events carried {name} in the last 28 days: check the parameter's name."
    if "applications" not in events:
        yield "No event is named for applications, so the career site's applications stay unknown."
