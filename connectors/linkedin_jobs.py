"""What those who read LinkedIn's public postings share: the warning, the form, ids of postings, and what they found."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from pydantic import Field, SecretStr, field_validator

from connectors.contract import Counter, Page, PostingSeen, TermsConfig
from connectors.wording import clean
from domain.facts import MAX_VALUE, Window

TERMS = (
    "LinkedIn's user agreement forbids reading its pages by program, also through a service that does it for you."
    " LinkedIn has blocked accounts and sued services for it. Connect this only if your company has decided to, and"
    " somebody there answers for it."
)
CANNOT = (
    "These are the applicants that LinkedIn shows in public: presses of Apply, and for many postings only a bound"
    " (“Over 200”). Impressions, clicks and hires cannot be had, nor anything from before the first sync. Your"
    " applicant system knows better: where its export is imported, this number only stands beside it. Tracked links"
    " and the career site count who came."
)
NONE_FOUND = "LinkedIn shows no posting of this company, so there is nothing to read yet."
WORDS = "Applicants as LinkedIn shows them: growth from day to day of presses of Apply."
_ID = re.compile(r"(?:^|/jobs/view/(?:[^/?#]*-)?|[?&]currentJobId=|/jobPosting/)([0-9]{6,20})(?:$|[/?&#])")


class ReaderConfig(TermsConfig):
    """What every one of them asks for."""

    api_key: SecretStr = Field(
        title="API key",
        description="From the service's dashboard.",
        min_length=1,
        json_schema_extra={"group": "Sign-in"},
    )
    organization_id: str = Field(
        title="LinkedIn company ID",
        description="The number of your company's page: in its admin view's address, or after f_C= in a search.",
        pattern=r"^[0-9]{1,19}$",
        json_schema_extra={"group": "Postings", "placeholder": "2414183"},
    )

    @field_validator("organization_id", mode="before")
    @classmethod
    def _is_number(cls, value: object) -> object:
        return value.strip().removeprefix("urn:li:organization:") if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class JobFound:
    """A posting on LinkedIn with its running totals; None for what was not told. `listed_ms` is epoch milliseconds."""

    job: str
    title: str = ""
    location: str = ""
    applicants: int | None = None
    is_exact: bool = True
    views: int | None = None
    listed_ms: int | None = None

    def seen(self) -> PostingSeen:
        """As a posting of the platform. When it was listed tells that its totals began then, at 0."""
        title, where = clean(self.title, 300) or f"Job {self.job}", clean(self.location, 200)
        listed_at = _instant(self.listed_ms)
        return PostingSeen(self.job, title=title, url=job_address(self.job), location=where, posted_at=listed_at)

    def counters(self) -> list[Counter]:
        """As running totals; a number that cannot be is left out."""
        told = (("applications", self.applicants, self.is_exact), ("views", self.views, True))
        return [
            Counter(metric, self.job, value, is_exact)
            for metric, value, is_exact in told
            if value is not None and 0 <= value <= MAX_VALUE
        ]


def page_of(found: Iterable[JobFound], cursor: str, *, is_known: bool = True) -> Page:
    """A page with what was found of some postings; those without a number of applicants are counted as rejected.

    Postings that are not `is_known`, from a list told before, are told of with their numbers.
    """
    jobs = list(found)
    missing = sum(not any(each.metric == "applications" for each in job.counters()) for job in jobs)
    return Page(
        [],
        cursor,
        postings=() if is_known else tuple(job.seen() for job in jobs),
        counters=tuple(counter for job in jobs for counter in job.counters()),
        rejected={"no_applicants_shown": missing} if missing else {},
    )


def job_id(text: str) -> str:
    """LinkedIn's number of a posting in its address, or alone; "" where there is none.

    >>> job_id("https://www.linkedin.com/jobs/view/test-engineer-at-acme-3667167926/?trk=x"), job_id("3667167926")
    ('3667167926', '3667167926')
    >>> job_id("https://www.linkedin.com/company/acme")
    ''
    """
    found = _ID.search(text.strip())
    return found[1] if found else ""


def job_address(job: str) -> str:
    """The public page of a posting."""
    return f"https://www.linkedin.com/jobs/view/{job}/"


def reaches(window: Window, now: datetime) -> bool:
    """Whether a window holds today: what has no history can only be read then."""
    today: date = now.astimezone(UTC).date()
    return window.start <= today < window.end


def _instant(millis: int | None) -> datetime | None:
    try:
        return datetime.fromtimestamp(millis / 1000, UTC) if millis else None
    except (OverflowError, OSError, ValueError):
        return None
