"""Indeed: impressions, clicks, apply starts, applications and spend of an advertiser, from the Sponsored Jobs API.

REST under https://apis.indeed.com/ads, OAuth 2 client credentials bound to an employer. Totals come from campaign
statistics only (sponsored and organic, 366 days a call); postings from the report of one day, made asynchronously, for
the last seven days. A call can cost up to 3 USD, hence one sync a day. Days are US Central, the end is exclusive.
https://docs.indeed.com/sponsored-jobs-api
"""

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from pydantic import Field

from connectors import indeed_stats
from connectors.contract import Account, Closed, Limits, MetricsSource, Offered, Page, Session, Wait
from connectors.errors import ConfigError, SchemaDrift, Transient
from connectors.indeed_account import IndeedAccount, IndeedSignIn, grant_of
from connectors.indeed_csv import parse_report
from connectors.indeed_stats import Advertised, Adverts, Campaign, Campaigns, Entries, Envelope, Sums
from connectors.paging import LinkPages, within
from domain.facts import Breakdown, Scope, Window

API = "https://apis.indeed.com/ads"
SCOPE = "employer_access employer.advertising.campaign.read employer.advertising.campaign_report.read"
REPORT_VERSION = "8"
SPAN_DAYS = 366
REPORT_DAYS = 7
#: How often a report is asked for before we give up, and the waits in between, in seconds.
POLLS = 12
FIRST_WAIT, LONGEST_WAIT = 5.0, 120.0
#: For estimates before anybody has looked: campaigns of an ordinary account, and calls to fetch one report.
TYPICAL_CAMPAIGNS = 20
TYPICAL_POLLS = 2
#: In place of a report's text: Indeed does not know the report any more.
GONE = "\0gone"


class IndeedConfig(IndeedSignIn):
    """What an admin fills in to connect an Indeed advertiser."""

    per_posting: bool = Field(
        True,
        title="Numbers per posting",
        description="Fetches a report for each of the last seven days. Without it: fewer calls, totals only.",
        json_schema_extra={"group": "Account"},
    )


@dataclass(frozen=True)
class Cursor:
    """Where a read stands: campaigns still to ask (id, name) with the sums so far, then reports day by day.

    `left` is None before the campaigns are listed. `orders` are reports to ask for, `reports` those being made.
    """

    left: tuple[tuple[str, str], ...] | None = None
    sums: Sums = field(default_factory=Sums)
    is_summed: bool = False
    orders: tuple[str, ...] = ()
    reports: dict[str, str] = field(default_factory=dict)
    polls: int = 0

    def text(self) -> str:
        """As the sync job keeps it."""
        sums = {"counts": self.sums.counts, "spend": self.sums.spend, "bad": self.sums.bad}
        return json.dumps({**vars(self), "sums": sums}, separators=(",", ":"))

    def without(self, day: str) -> "Cursor":
        """The same without the report of a day."""
        return replace(self, reports={other: place for other, place in self.reports.items() if other != day})

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """From what `text` made; a fresh one from ""."""
        if not text:
            return cls()
        told: dict[str, Any] = json.loads(text)
        left = told["left"]
        told["left"] = None if left is None else tuple((ref, name) for ref, name in left)
        told["orders"] = tuple(told["orders"])
        told["sums"] = Sums(**told["sums"])
        return cls(**told)


Steps = Generator[Page | Wait, None, Cursor]


class Indeed(IndeedAccount[IndeedConfig], MetricsSource[IndeedConfig]):
    """Reads campaign by campaign, then sums, then the reports by posting."""

    key = "indeed"
    platform = "indeed"
    label = "Indeed"
    icon = ":material/work:"
    summary = "Impressions, clicks, apply starts, applications and spend of an advertiser on Indeed."
    docs_url = "https://docs.indeed.com/sponsored-jobs-api"
    hosts = ("apis.indeed.com", "secure.indeed.com")
    config_model = IndeedConfig
    metrics = (
        Offered("impressions", postings=True, words="Sponsored and organic."),
        Offered("clicks", postings=True, words="Sponsored and organic."),
        Offered("apply_starts", postings=True, words="Sponsored and organic."),
        Offered("applications", postings=True, words="Indeed's Conversions: applications after a sponsored click."),
        Offered("spend", postings=True, words="Indeed's Cost of sponsored placements."),
    )
    scope = SCOPE
    oauth = grant_of(SCOPE)
    limits = Limits(requests=60, seconds=60, cost_minor=300)
    lookback_days = 7
    interval = "daily"
    chunk_days: ClassVar[int] = SPAN_DAYS
    time_zone = "America/Chicago"
    campaigns_per_page: ClassVar[int] = 500
    adverts_per_page: ClassVar[int] = 500

    def __init__(self, config: IndeedConfig, session: Session) -> None:
        super().__init__(config, session)
        self._requisitions: dict[str, dict[str, str]] = {}

    def check(self) -> Account:
        """The token for the employer, its name, and the list of campaigns, which is what a read starts with."""
        with self.session.http.hurried(10):
            campaigns = self._campaigns()
            label = self.employer_name() or f"Employer {self.config.employer_id}"
        notes = () if campaigns else ("This employer has no campaigns, so there is nothing to report yet.",)
        return Account(self.config.employer_id, label, self.time_zone, notes=notes, items=len(campaigns))

    def read(self, window: Window, cursor: str = "") -> Iterator[Page | Wait]:
        """Steps that each end in a page or a wait with the cursor of the next one."""
        at = Cursor.parse(cursor)
        if not at.is_summed:
            at = yield from self._read_campaigns(window, at)
        at = yield from self._order_reports(at)
        yield from self._collect_reports(at)

    @classmethod
    def calls_for(cls, window: Window, *, items: int = 0) -> int:
        """The campaign list, a call for each campaign and 366 days, and three for each day's report."""
        campaigns = items or TYPICAL_CAMPAIGNS
        spans = -(-(window.end - window.start).days // SPAN_DAYS)
        lists = -(-campaigns // cls.campaigns_per_page)
        return lists + campaigns * spans + len(_report_days(window)) * (1 + TYPICAL_POLLS)

    def _read_campaigns(self, window: Window, at: Cursor) -> Steps:
        if at.left is None:
            named = indeed_stats.labels(self._campaigns())
            at = replace(at, left=tuple(named.items()))
        while at.left:
            (campaign, label), *others = at.left
            sums = self._stats(campaign, window)
            at.sums.merge(sums)
            at = replace(at, left=tuple(others))
            facts = list(sums.facts(Breakdown("campaign", campaign=label)))
            yield Page(facts, at.text(), rejected=dict(sums.rejected))
        sums = at.sums
        orders = tuple(day.isoformat() for day in _report_days(window)) if self.config.per_posting else ()
        at = Cursor(left=(), is_summed=True, orders=orders)
        facts = [*sums.facts(), *sums.paid_facts()]
        yield Page(facts, at.text(), closed=sums.closed(window.start, window.end), time_zone=self.time_zone)
        return at

    def _order_reports(self, at: Cursor) -> Steps:
        """Ask for all reports first: they are made while we wait. Each one asked for is kept, as asking costs."""
        while at.orders:
            day, *others = at.orders
            location = self._order(date.fromisoformat(day))
            at = replace(at, orders=tuple(others), reports={**at.reports, day: location})
            if others:
                yield Page([], at.text())
            else:
                yield Wait(FIRST_WAIT, at.text(), "Indeed is making the reports by posting.")
        return at

    def _collect_reports(self, at: Cursor) -> Iterator[Page | Wait]:
        while at.reports:
            at = replace(at, polls=at.polls + 1)
            for day, location in at.reports.items():
                text = self._report(location)
                if text == GONE:
                    at = replace(at.without(day), orders=(*at.orders, day))
                elif text is not None:
                    at = at.without(day)
                    yield self._posting_page(text, date.fromisoformat(day), at)
            if at.polls >= POLLS and (at.reports or at.orders):
                raise Transient("reports by posting are still not ready", cause="timeout")
            if at.orders:
                at = yield from self._order_reports(at)
            elif at.reports:
                seconds = min(FIRST_WAIT * 2**at.polls, LONGEST_WAIT)
                yield Wait(seconds, at.text(), "Indeed is making the reports by posting.")

    def _campaigns(self) -> list[Campaign]:
        """All campaigns, deleted ones too: their days still count.

        https://docs.indeed.com/sponsored-jobs-api/campaigns
        """
        found: list[Campaign] = []
        pages = LinkPages(API, f"{API}/v1/campaigns?perPage={self.campaigns_per_page}")
        while not pages.is_done:
            page = self._get(pages.url, Envelope[Campaigns])
            found += indeed_stats.campaigns_of(page)
            pages.advance(page.next_link())
        return list({campaign.id: campaign for campaign in found}.values())

    def _stats(self, campaign: str, window: Window) -> Sums:
        """One campaign's days. https://docs.indeed.com/sponsored-jobs-api/campaign-stats"""
        sums, seen = Sums(), set[str]()
        for start, end in _spans(window):
            query = f"startDate={start}&endDate={end}&merge=false&perPage={SPAN_DAYS}"
            pages = LinkPages(API, f"{API}/v1/campaigns/{quote(campaign, safe='')}/stats?{query}")
            while not pages.is_done:
                page = self._get(pages.url, Envelope[Entries])
                for entry in indeed_stats.entries_of(page):
                    if entry.date not in seen:
                        seen.add(entry.date)
                        sums.take(entry, start, end)
                pages.advance(page.next_link())
        return sums

    def _order(self, day: date) -> str:
        """Where the report of a day will be. https://docs.indeed.com/sponsored-jobs-api/stats"""
        params = {"startDate": f"{day}", "endDate": f"{day + timedelta(days=1)}", "v": REPORT_VERSION}
        answer = self.session.http.get(f"{API}/v1/stats", params, bearer=self.bearer())
        told = answer.peek()
        data = told.get("data") if isinstance(told, dict) else None
        location = answer.headers.get("location") or (data.get("location") if isinstance(data, dict) else None)
        if not isinstance(location, str) or not location:
            raise SchemaDrift("the answer does not say where the report will be")
        return within(API, location)

    def _report(self, location: str) -> str | None:
        """The report's CSV, None while it is being made, GONE when a long pause has outlived it."""
        try:
            answer = self.session.http.get(location, {"v": REPORT_VERSION}, bearer=self.bearer(), accept="csv")
        except ConfigError as error:
            if error.cause != "account_unknown":
                raise
            return GONE
        return None if answer.status == 202 else answer.text()

    def _posting_page(self, text: str, day: date, at: Cursor) -> Page:
        report = parse_report(text, day, self._requisition_of)
        whole = Closed(indeed_stats.METRICS, Scope.POSTING, day, day + timedelta(days=1))
        return Page(
            report.facts,
            at.text(),
            postings=report.postings,
            closed=(whole,) if report.is_complete else (),
            rejected=dict(report.rejected),
        )

    def _requisition_of(self, campaign: str, title: str) -> str:
        """The requisition behind a line without its number, "" where the campaign does not say. Calls cost: a campaign
        is asked once, and only when a line needs it."""
        if campaign not in self._requisitions:
            self._requisitions[campaign] = indeed_stats.requisitions(self._adverts(campaign))
        return self._requisitions[campaign].get(title, "")

    def _adverts(self, campaign: str) -> list[Advertised]:
        """The postings of a campaign, none where it is gone. https://docs.indeed.com/sponsored-jobs-api/campaigns"""
        found: list[Advertised] = []
        path = f"/v1/campaigns/{quote(campaign, safe='')}/jobDetails?perPage={self.adverts_per_page}"
        pages = LinkPages(API, API + path)
        while not pages.is_done:
            try:
                page = self._get(pages.url, Envelope[Adverts])
            except ConfigError as error:
                if error.cause != "account_unknown":
                    raise
                return []
            found += indeed_stats.adverts_of(page)
            pages.advance(page.next_link())
        return found

    def _get(self, url: str, shape: type[Envelope[Any]]) -> Envelope[Any]:
        return self.session.http.get(url, bearer=self.bearer()).decode(shape)


def _spans(window: Window) -> Iterator[tuple[date, date]]:
    start = window.start
    while start < window.end:
        end = min(start + timedelta(days=SPAN_DAYS), window.end)
        yield start, end
        start = end


def _report_days(window: Window) -> list[date]:
    """The window's last seven days, as far as they may still be restated: older ones are too dear to ask for."""
    first = max(window.start, window.final_before, window.end - timedelta(days=REPORT_DAYS))
    return [first + timedelta(days=offset) for offset in range((window.end - first).days)]
