"""ScrapingBee: applicants of postings as LinkedIn's public pages show them, fetched and taken apart by ScrapingBee.

One call a posting, with selectors, so that JSON comes back: https://www.scrapingbee.com/documentation/. The key goes
into the header, as in its own client. Its 429 is the plan's concurrency; LinkedIn's refusal stands in the header
Spb-initial-status-code, and a page that asks to sign in at another address. 401 is a wrong key or no credits left, by
its message. A plain page costs 1 credit, better proxies 10 or 75. Captions follow the language asked for: English.
"""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import ClassVar, Literal

from pydantic import Field, field_validator

from connectors import linkedin_jobs
from connectors.answers import Answer
from connectors.contract import Account, Limits, MetricsSource, Offered, Page, Wait
from connectors.errors import ConfigError, ConnectorError, Transient
from connectors.http import Ask
from connectors.linkedin_jobs import JobFound, ReaderConfig
from connectors.scrapingbee_answers import RULES, PageBlocked, PageGone, Shown, Usage, error_in, found_on
from domain.facts import Window

API = "https://app.scrapingbee.com/api/v1"
PAGE = "https://www.linkedin.com/jobs-guest/jobs/api/jobPosting"
MOST_JOBS = 200
TIERS: tuple[dict[str, str], ...] = ({}, {"premium_proxy": "true"}, {"stealth_proxy": "true"})
TIER_NAMES = ("standard", "premium", "stealth")
#: After so many pages in a row that LinkedIn does not show, the rest would cost and bring nothing.
MOST_BLOCKED = 3


class ScrapingBeeConfig(ReaderConfig):
    """The key, whose page it is, and which postings to read."""

    job_addresses: str = Field(
        title="Postings on LinkedIn",
        description="One address or number a line, 200 at most: each is a call a day.",
        json_schema_extra={
            "group": "Postings",
            "multiline": True,
            "placeholder": "https://www.linkedin.com/jobs/view/3667167926/",
        },
    )
    proxies: Literal["standard", "premium", "stealth"] = Field(
        "premium",
        title="Strongest proxies to use",
        description="Tried where weaker ones are blocked: 1 credit a page, 10 with premium, 75 with stealth proxies.",
        json_schema_extra={"group": "Postings"},
    )

    @field_validator("job_addresses")
    @classmethod
    def _are_postings(cls, text: str) -> str:
        lines = [line for line in text.splitlines() if line.strip()]
        bad = next((line for line in lines if not linkedin_jobs.job_id(line)), None)
        if not lines or bad is not None:
            raise ValueError(f"line {lines.index(bad) + 1} is no posting on LinkedIn" if bad else "name a posting")
        if len(lines) > MOST_JOBS:
            raise ValueError(f"{MOST_JOBS} postings at most")
        return text

    def jobs(self) -> list[str]:
        """The numbers of the postings, each once."""
        found = (linkedin_jobs.job_id(line) for line in self.job_addresses.splitlines() if line.strip())
        return list(dict.fromkeys(found))


class ScrapingBee(MetricsSource[ScrapingBeeConfig]):
    """Reads the postings of the form one by one."""

    key = "scrapingbee"
    platform = "linkedin"
    label = "LinkedIn postings by ScrapingBee"
    icon = ":material/bug_report:"
    summary = "Applicants of your postings on LinkedIn, as their public pages show them."
    docs_url = "https://www.scrapingbee.com/documentation/"
    hosts = ("app.scrapingbee.com",)
    config_model = ScrapingBeeConfig
    metrics = (Offered("applications", postings=True, counters="always", is_estimate=True, words=linkedin_jobs.WORDS),)
    # Only concurrency is limited, by plan; one call at a time stays below any of them.
    limits = Limits(requests=120, seconds=60)
    lookback_days = 1
    interval = "daily"
    chunk_days: ClassVar[int] = 366
    cannot = linkedin_jobs.CANNOT
    terms_warning = linkedin_jobs.TERMS

    def check(self) -> Account:
        """The credits left: it proves the key and costs nothing.

        https://www.scrapingbee.com/documentation/#usage-endpoint
        """
        with self.session.http.hurried(10):
            told = self._send(f"{API}/usage", {}).decode(Usage)
        jobs, left = self.config.jobs(), max(told.max_api_credit - told.used_api_credit, 0)
        if not left:
            raise ConfigError("the month's credits are used up", cause="credits")
        notes = () if left >= 30 * len(jobs) else (f"{left:,} credits are left: less than a month's calls.",)
        label = f"{len(jobs)} postings of LinkedIn company {self.config.organization_id}"
        return Account(self.config.organization_id, label, self.time_zone, notes=notes, items=len(jobs))

    def read(self, window: Window, cursor: str = "") -> Iterator[Page | Wait]:
        """A page a posting; `cursor` is how many are done."""
        if not linkedin_jobs.reaches(window, self.session.http.now()):
            return
        jobs, blocked, tier = self.config.jobs(), 0, 0
        for number, job in enumerate(jobs[int(cursor or 0) :], int(cursor or 0) + 1):
            try:
                found, tier = self._posting(job, tier)
            except PageGone:
                yield Page([], str(number), rejected={"posting_gone": 1})
                continue
            except PageBlocked as error:
                blocked += 1
                if blocked == MOST_BLOCKED or len(jobs) == blocked:
                    raise Transient(error.detail, cause="page_blocked") from None
                yield Page([], str(number), rejected={"page_blocked": 1})
                continue
            blocked = 0
            yield linkedin_jobs.page_of([found], str(number), is_known=False)

    @classmethod
    def calls_for(cls, window: Window, *, items: int = 0) -> int:  # noqa: ARG003 there is no history
        """One for each posting; calls that better proxies repeat were not charged the first time."""
        return items

    @classmethod
    def classify(cls, answer: Answer, now: datetime) -> ConnectorError | None:  # noqa: ARG003
        """Whose refusal it is: ScrapingBee's own, by message, or LinkedIn's, by header."""
        return error_in(answer)

    def _posting(self, job: str, tier: int) -> tuple[JobFound, int]:
        """What a posting's page shows, and the proxies that got it. Raises PageBlocked when none did."""
        strongest = TIER_NAMES.index(self.config.proxies)
        while True:
            try:
                return self._shown(job, TIERS[tier]), tier
            except PageBlocked:
                if tier >= strongest:
                    raise
                tier += 1

    def _shown(self, job: str, proxies: dict[str, str]) -> JobFound:
        """https://www.scrapingbee.com/documentation/data-extraction/"""
        asked = {
            "url": f"{PAGE}/{job}",
            "render_js": "false",
            "forward_headers": "true",
            "extract_rules": json.dumps(RULES, separators=(",", ":")),
        }
        told = self._send(f"{API}/", asked | proxies).decode(Shown)
        if told.title is None:
            # What LinkedIn shows in place of a posting has other elements, or none at all.
            raise PageBlocked("the page does not show a posting")
        return found_on(job, told)

    def _send(self, url: str, params: dict[str, str]) -> Answer:
        key = self.config.api_key.get_secret_value()
        # LinkedIn writes its captions in the visitor's language.
        headers = {"authorization": f"Bearer {key}", "spb-accept-language": "en-US,en;q=0.9"}
        return self.session.http.send(Ask("GET", url, params, headers=headers))
