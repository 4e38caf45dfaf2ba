"""Enrich Layer: applicants of a company's postings on LinkedIn, from the successor of Proxycurl.

REST under https://enrichlayer.com/api/v2, `Authorization: Bearer <key>`, 2 credits a call, 300 calls a minute. Postings
page by page, then one call each: total_applicants is LinkedIn's public number, which ends at 200. 403 means that the
credits are used up. Proxycurl itself (nubela.co/proxycurl) was shut down in July 2025; its keys do not work here.
https://enrichlayer.com/docs
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import ClassVar
from urllib.parse import quote

from msgspec import Struct

from connectors import linkedin_jobs
from connectors.answers import Answer, platform_words
from connectors.contract import Account, Limits, MetricsSource, Offered, Page, Wait
from connectors.errors import ConfigError, ConnectorError
from connectors.http import Ask
from connectors.linkedin_jobs import JobFound, ReaderConfig
from connectors.paging import LinkPages
from connectors.wording import clean
from domain.facts import Window

API = "https://enrichlayer.com/api/v2"
#: Where LinkedIn stops counting in public.
CAP = 200
#: Of an ordinary list, for estimates before anybody has looked.
TYPICAL_CALLS = 40


class EnrichLayerConfig(ReaderConfig):
    """The key, and whose postings."""


class EnrichLayer(MetricsSource[EnrichLayerConfig]):
    """Reads the list of postings, then each one."""

    key = "enrich_layer"
    platform = "linkedin"
    label = "LinkedIn postings by Enrich Layer"
    icon = ":material/layers:"
    summary = "Applicants of your company's postings on LinkedIn, as LinkedIn shows them in public."
    docs_url = "https://enrichlayer.com/docs"
    hosts = ("enrichlayer.com",)
    config_model = EnrichLayerConfig
    metrics = (Offered("applications", postings=True, counters="always", is_estimate=True, words=linkedin_jobs.WORDS),)
    limits = Limits(requests=300, seconds=60)
    lookback_days = 1
    interval = "daily"
    chunk_days: ClassVar[int] = 366
    cannot = linkedin_jobs.CANNOT
    terms_warning = linkedin_jobs.TERMS

    def check(self) -> Account:
        """The credits, which prove the key, and the list of postings."""
        with self.session.http.hurried(10):
            balance = self._get(f"{API}/credit-balance").decode(_Balance).credit_balance
            jobs, pages = self._jobs()
        calls = pages + len(jobs)
        notes: tuple[str, ...] = () if jobs else (linkedin_jobs.NONE_FOUND,)
        notes += () if balance >= 60 * calls else (f"{balance:,} credits are left: less than a month's calls.",)
        label = clean(next((job.company for job in jobs), ""), 200) or f"LinkedIn company {self.config.organization_id}"
        return Account(self.config.organization_id, label, self.time_zone, notes=notes, items=calls)

    def read(self, window: Window, cursor: str = "") -> Iterator[Page | Wait]:
        """A page with all postings, then a page for each; `cursor` holds those that are left."""
        if not linkedin_jobs.reaches(window, self.session.http.now()):
            return
        if cursor:
            left: list[str] = json.loads(cursor)
        else:
            jobs, _ = self._jobs()
            found = {number: job for job in jobs if (number := linkedin_jobs.job_id(job.job_url))}
            left = list(found)
            seen = tuple(job.as_found(number).seen() for number, job in found.items())
            yield Page([], json.dumps(left), postings=seen, rejected=_unknown(len(jobs) - len(found)))
        while left:
            job, *left = left
            yield self._page(job, json.dumps(left))

    @classmethod
    def calls_for(cls, window: Window, *, items: int = 0) -> int:  # noqa: ARG003 there is no history
        """The list's pages and one for each posting."""
        return items or TYPICAL_CALLS

    @classmethod
    def classify(cls, answer: Answer, now: datetime) -> ConnectorError | None:  # noqa: ARG003
        """401 is the key, 403 the credits, 410 an address that has gone."""
        cause = {401: "key_invalid", 403: "credits", 410: "service_closed"}.get(answer.status)
        return ConfigError(platform_words(answer), cause=cause) if cause and not answer.is_page else None

    def _jobs(self) -> "tuple[list[_Listed], int]":
        """The company's postings, and how many calls that took. https://enrichlayer.com/docs: Job Search Endpoint"""
        found, calls = dict[str, _Listed](), 0
        pages = LinkPages(API, f"{API}/company/job?search_id={self.config.organization_id}")
        while not pages.is_done:
            told = self._get(pages.url).decode(_List)
            calls += 1
            found |= {job.job_url: job for job in told.job}
            pages.advance(told.next_page_api_url or "")
        return list(found.values()), calls

    def _page(self, job: str, cursor: str) -> Page:
        """One posting. https://enrichlayer.com/docs: Job Profile Endpoint"""
        try:
            told = self._get(f"{API}/job?url={quote(linkedin_jobs.job_address(job), safe='')}").decode(_Job)
        except ConfigError as error:
            if error.cause != "account_unknown":
                raise
            return Page([], cursor, rejected={"posting_gone": 1})
        count = told.total_applicants
        is_exact = count is None or count < CAP
        found = JobFound(job, applicants=min(count, CAP) if count is not None else None, is_exact=is_exact)
        return linkedin_jobs.page_of([found], cursor)

    def _get(self, url: str) -> Answer:
        headers = {"authorization": f"Bearer {self.config.api_key.get_secret_value()}"}
        return self.session.http.send(Ask("GET", url, headers=headers))


class _Balance(Struct):
    credit_balance: int


class _Listed(Struct):
    job_url: str
    job_title: str = ""
    company: str = ""
    location: str | None = None
    list_date: str | None = None

    def as_found(self, number: str) -> JobFound:
        """Without its totals; a list date has no zone and is taken for UTC's."""
        return JobFound(number, self.job_title, self.location or "", listed_ms=_day_ms(self.list_date or ""))


class _List(Struct):
    job: list[_Listed]
    next_page_api_url: str | None = None


class _Job(Struct):
    total_applicants: int | None


def _unknown(count: int) -> dict[str, int]:
    return {"no_job_number": count} if count else {}


def _day_ms(text: str) -> int | None:
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp()) * 1000
    except ValueError:
        return None
