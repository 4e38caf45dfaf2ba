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

from connectors import linkedin_jobs
from connectors.answers import Answer, platform_words
from connectors.contract import Account, Limits, MetricsSource, Offered, Page, Wait
from connectors.errors import ConfigError, ConnectorError, RateLimited
from connectors.http import Ask
from connectors.linkedin_jobs import JobFound, ReaderConfig
from connectors.lix_answers import Answered, Search, Single, company_of, cursor_of, found_in, is_bare
from connectors.paging import OffsetPages
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
        label = next(filter(None, map(company_of, jobs)), "") or f"LinkedIn company {self.config.organization_id}"
        return Account(self.config.organization_id, label, self.time_zone, notes=notes, items=calls)

    def read(self, window: Window, cursor: str = "") -> Iterator[Page | Wait]:
        """A page with all postings, then their totals; `cursor` holds what the search told of those that are left."""
        if not linkedin_jobs.reaches(window, self.session.http.now()):
            return
        if cursor:
            left = [JobFound(**told) for told in json.loads(cursor)]
        else:
            left = self._jobs()
            yield Page([], cursor_of(left), postings=tuple(job.seen() for job in left))
        while left:
            # What has to be asked for one by one is kept one by one, as asking costs.
            length = 1 if is_bare(left[0]) else PAGE_LENGTH
            taken, left = left[:length], left[length:]
            asked = [self._posting(job) if is_bare(job) else job for job in taken]
            found = [job for job in asked if job is not None]
            page = linkedin_jobs.page_of(found, cursor_of(left))
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
            fresh = {job.number: found_in(job) for job in told.jobPostings if job.number not in found}
            found |= fresh
            # An empty page is the end, whatever the total says.
            pages.advance(new_rows=len(fresh), total=told.paging.total if told.jobPostings else 0)
        return list(found.values())

    def _search(self, start: int, sequence: str) -> Search:
        address = SEARCH.format(company=self.config.organization_id, start=start)
        told = self._get(f"/li/linkedin/search/jobs?url={quote(address, safe='')}&sequence_id={sequence}")
        return told.decode(Answered).search()

    def _posting(self, job: JobFound) -> JobFound | None:
        """One posting; None when it is gone. https://github.com/lix-it/api-docs: job enrichment"""
        try:
            told = self._get(f"/enrich/job?job_id={job.job}").decode(Single).jobPosting
        except ConfigError as error:
            if error.cause != "account_unknown":
                raise
            return None
        return found_in(told)

    def _get(self, path: str) -> Answer:
        headers = {"authorization": self.config.api_key.get_secret_value()}
        return self.session.http.send(Ask("GET", f"{API}{path}", headers=headers))
