"""What Lix answers: LinkedIn's inner representation of postings, and its older and newer wrappers."""

import json
from typing import Any

from msgspec import UNSET, Struct, UnsetType, field

from connectors.errors import SchemaDrift
from connectors.linkedin_jobs import JobFound
from connectors.wording import clean


class Posting(Struct):
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


class Paging(Struct):
    """Where in the list this is."""

    total: int
    count: int = 0


class Search(Struct):
    """A page of the search."""

    jobPostings: list[Posting]  # noqa: N815
    paging: Paging


class Answered(Struct):
    """The search's answer; older ones had a wrapper around it."""

    jobPostings: list[Posting] | None = None  # noqa: N815
    paging: Paging | None = None
    searchResponse: Search | None = None  # noqa: N815

    def search(self) -> Search:
        """The answer without its wrapper. Raises SchemaDrift."""
        if self.searchResponse is not None:
            return self.searchResponse
        if self.jobPostings is None or self.paging is None:
            raise SchemaDrift("the search's answer holds no postings")
        return Search(self.jobPostings, self.paging)


class Single(Struct):
    """One posting."""

    jobPosting: Posting  # noqa: N815


def found_in(job: Posting) -> JobFound:
    """A posting as we keep it, its totals among it."""
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


def is_bare(job: JobFound) -> bool:
    """Whether the posting has to be asked for by itself."""
    return job.applicants == -1


def cursor_of(jobs: list[JobFound]) -> str:
    """Postings as a sync job keeps them."""
    names = JobFound.__slots__
    return json.dumps([{name: getattr(job, name) for name in names} for job in jobs], separators=(",", ":"))


def company_of(job: Posting) -> str:
    """The company's name, "" where it is not told."""
    for details in job.companyDetails.values():
        told = details.get("companyResolutionResult") if isinstance(details, dict) else None
        if isinstance(told, dict) and isinstance(told.get("name"), str):
            return clean(told["name"], 200)
    return ""
