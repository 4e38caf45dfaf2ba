"""Lix: applicants and views of a company's postings on LinkedIn, as an account connected at Lix sees them.

REST under https://api.lix-it.com/v1, the bare key in `Authorization`, a credit a page, one call in three seconds. The
search tells postings in LinkedIn's own representation; `applies` and `views` are read where they are there, as Lix
promises neither, and asked for one by one where the search leaves them out. 402 means no credits, `daily_limit` no
calls left today, `queued` come back later. https://github.com/lix-it/api-docs
"""

import json
import secrets
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import quote

from msgspec import UNSET, Struct, UnsetType, field

from connectors import linkedin_jobs
from connectors.answers import Answer, platform_words
from connectors.contract import Account, Limits, MetricsSource, Offered, Page, Wait
from connectors.errors import ConfigError, ConnectorError, RateLimited, SchemaDrift
from connectors.http import Ask
from connectors.linkedin_jobs import JobFound, ReaderConfig
from connectors.paging import OffsetPages
from connectors.wording import clean
from domain.facts import Window

API = "https://api.lix-it.com/v1"
#: LinkedIn's search for a company's postings, anywhere in the world.
SEARCH = "https://www.linkedin.com/jobs/search/?f_C={company}&geoId=92000000&start={start}"
#: Postings to a page of ours, and rows LinkedIn shows at once where Lix does not say.
PAGE_LENGTH, TYPICAL_ROWS = 15, 10
QUEUE_REST = timedelta(minutes=5)


class LixConfig(ReaderConfig):
    """The key, and whose postings."""


class Lix(MetricsSource[LixConfig]):
    """Reads the search, and single postings where the search says too little."""

    key = "lix"
    platform = "linkedin"
    label = "LinkedIn postings by Lix"
    icon = ":material/person_search:"
    summary = "Applicants and views of your company's postings on LinkedIn, as LinkedIn shows them to its members."
    docs_url = "https://github.com/lix-it/api-docs"
    hosts = ("api.lix-it.com",)
    config_model = LixConfig
    metrics = (
        Offered("applications", postings=True, counters="always", is_estimate=True, words=linkedin_jobs.WORDS),
        Offered("views", postings=True, counters="always", words="Views of the posting on LinkedIn, where Lix tells."),
    )
    limits = Limits(requests=1, seconds=3)
    lookback_days = 1
    interval = "daily"
    chunk_days: ClassVar[int] = 366
    cannot = linkedin_jobs.CANNOT
    terms_warning = linkedin_jobs.TERMS

    def check(self) -> Account:
        """The first page of the search: it costs a credit, and proves key and company."""
        with self.session.http.hurried(10):
            told = self._search(0, secrets.token_hex(8))
        paging, jobs = told.paging, told.jobPostings
        rows = paging.count or TYPICAL_ROWS
        calls = max(-(-paging.total // rows), 1) + (paging.total if any(job.is_bare for job in jobs) else 0)
        notes = () if jobs else (linkedin_jobs.NONE_FOUND,)
        label = next(filter(None, map(_company_of, jobs)), "") or f"LinkedIn company {self.config.organization_id}"
        return Account(self.config.organization_id, label, self.time_zone, notes=notes, items=calls)

    def read(self, window: Window, cursor: str = "") -> Iterator[Page | Wait]:
        """A page with all postings, then their totals; `cursor` holds what the search told of those that are left."""
        if not linkedin_jobs.reaches(window, self.session.http.now()):
            return
        if cursor:
            left = [JobFound(**told) for told in json.loads(cursor)]
        else:
            left = self._jobs()
            yield Page([], _text(left), postings=tuple(job.seen() for job in left))
        while left:
            # What has to be asked for one by one is kept one by one, as asking costs.
            length = 1 if _is_bare(left[0]) else PAGE_LENGTH
            taken, left = left[:length], left[length:]
            asked = [self._posting(job) if _is_bare(job) else job for job in taken]
            found = [job for job in asked if job is not None]
            page = linkedin_jobs.page_of(found, _text(left))
            if len(found) < len(taken):
                page.rejected["posting_gone"] = len(taken) - len(found)
            yield page

    @classmethod
    def calls_for(cls, window: Window, *, items: int = 0) -> int:  # noqa: ARG003 there is no history
        """The search's pages, and one for each posting where the search tells no totals."""
        return max(items, 1)

    @classmethod
    def classify(cls, answer: Answer, now: datetime) -> ConnectorError | None:
        """By `error.type` before the status: Lix does not document which goes with which.

        https://github.com/lix-it/api-docs/blob/main/source/includes/_errors.md
        """
        told: Any = answer.peek()
        error = told.get("error") if isinstance(told, dict) else None
        kind = error.get("type") if isinstance(error, dict) else None
        words = platform_words(answer)
        if kind == "queued":
            return RateLimited(now + QUEUE_REST, words)
        if kind == "daily_limit":
            midnight = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
            return RateLimited(midnight, words, cause="quota")
        causes = {401: "key_invalid", 402: "credits", 407: "config_invalid"}
        return ConfigError(words, cause=causes[answer.status]) if answer.status in causes else None

    def _jobs(self) -> list[JobFound]:
        """All of the company's postings, each once.

        https://github.com/lix-it/api-docs: LinkedIn job search
        """
        found = dict[str, JobFound]()
        # With one sequence id the same crawler goes on; without it rows repeat.
        pages, sequence = OffsetPages(TYPICAL_ROWS), secrets.token_hex(8)
        while not pages.is_done:
            told = self._search(pages.offset, sequence)
            pages.limit = told.paging.count or TYPICAL_ROWS
            fresh = {job.number: _found(job) for job in told.jobPostings if job.number not in found}
            found |= fresh
            # An empty page is the end, whatever the total says.
            pages.advance(new_rows=len(fresh), total=told.paging.total if told.jobPostings else 0)
        return list(found.values())

    def _search(self, start: int, sequence: str) -> "_Search":
        address = SEARCH.format(company=self.config.organization_id, start=start)
        told = self._get(f"/li/linkedin/search/jobs?url={quote(address, safe='')}&sequence_id={sequence}")
        return told.decode(_Answered).search()

    def _posting(self, job: JobFound) -> JobFound | None:
        """One posting; None when it is gone. https://github.com/lix-it/api-docs: job enrichment"""
        try:
            told = self._get(f"/enrich/job?job_id={job.job}").decode(_Single).jobPosting
        except ConfigError as error:
            if error.cause != "account_unknown":
                raise
            return None
        return _found(told)

    def _get(self, path: str) -> Answer:
        headers = {"authorization": self.config.api_key.get_secret_value()}
        return self.session.http.send(Ask("GET", f"{API}{path}", headers=headers))


class _Posting(Struct):
    """LinkedIn's inner representation, as far as anybody has seen it."""

    jobPostingId: int | str  # noqa: N815 LinkedIn's own name, as are those below
    title: str | None = None
    formattedLocation: str | None = None  # noqa: N815
    applies: int | UnsetType | None = UNSET
    views: int | UnsetType | None = UNSET
    listedAt: int | None = None  # noqa: N815
    originalListedAt: int | None = None  # noqa: N815
    companyDetails: dict[str, Any] = field(default_factory=dict)  # noqa: N815

    @property
    def number(self) -> str:
        """LinkedIn's number of it."""
        return str(self.jobPostingId)

    @property
    def is_bare(self) -> bool:
        """Whether the number of applicants has to be asked for."""
        return self.applies is UNSET


class _Paging(Struct):
    total: int
    count: int = 0


class _Search(Struct):
    jobPostings: list[_Posting]  # noqa: N815
    paging: _Paging


class _Answered(Struct):
    """The search's answer; older ones had a wrapper around it."""

    jobPostings: list[_Posting] | None = None  # noqa: N815
    paging: _Paging | None = None
    searchResponse: _Search | None = None  # noqa: N815

    def search(self) -> _Search:
        """The answer without its wrapper. Raises SchemaDrift."""
        if self.searchResponse is not None:
            return self.searchResponse
        if self.jobPostings is None or self.paging is None:
            raise SchemaDrift("the search's answer holds no postings")
        return _Search(self.jobPostings, self.paging)


class _Single(Struct):
    jobPosting: _Posting  # noqa: N815


def _found(job: _Posting) -> JobFound:
    applies = job.applies if isinstance(job.applies, int) else None
    return JobFound(
        job.number,
        job.title or "",
        job.formattedLocation or "",
        # -1 stands for "not told yet", so that it can be kept in a cursor.
        -1 if job.is_bare else applies,
        views=job.views if isinstance(job.views, int) else None,
        listed_ms=job.originalListedAt or job.listedAt,
    )


def _is_bare(job: JobFound) -> bool:
    return job.applicants == -1


def _text(jobs: list[JobFound]) -> str:
    names = JobFound.__slots__
    return json.dumps([{name: getattr(job, name) for name in names} for job in jobs], separators=(",", ":"))


def _company_of(job: _Posting) -> str:
    for details in job.companyDetails.values():
        told = details.get("companyResolutionResult") if isinstance(details, dict) else None
        if isinstance(told, dict) and isinstance(told.get("name"), str):
            return clean(told["name"], 200)
    return ""
