"""Which pages of the career site would be a posting's by a path pattern?"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlmodel import Session, col

from domain.postings import path_matcher
from store.reports.scope import CompanyScope
from store.tables import JobPosting, WebsiteAnalytics

#: Paths looked through, the busiest first.
MOST_PATHS = 5_000


@dataclass(frozen=True, slots=True)
class FittingPath:
    """A path with its events since then. `posting` is the title of the other posting it belongs to, "" for none."""

    path: str
    events: int
    posting: str = ""


def list_fitting_paths(
    session: Session, company: CompanyScope, pattern: str, *, since: datetime, posting_id: uuid.UUID | None = None
) -> tuple[list[FittingPath], int]:
    """The paths heard since an instant that fit a checked pattern, busiest first; and how many paths were heard.

    `posting_id` is the posting that the pattern is for: its own pages are nobody else's.
    """
    events = func.count()
    rows = session.execute(
        select(col(WebsiteAnalytics.path), col(WebsiteAnalytics.posting_id), col(JobPosting.title), events)
        .join(JobPosting, col(JobPosting.id) == col(WebsiteAnalytics.posting_id), isouter=True)
        .where(
            col(WebsiteAnalytics.company_id) == company.id,
            col(WebsiteAnalytics.at) >= since,
            col(WebsiteAnalytics.filtered_reason) == "",
        )
        .group_by(col(WebsiteAnalytics.path), col(WebsiteAnalytics.posting_id), col(JobPosting.title))
        .order_by(events.desc(), col(WebsiteAnalytics.path))
        .limit(MOST_PATHS)
    ).all()
    fits = path_matcher(pattern).fullmatch
    found: dict[str, FittingPath] = {}
    for path, owner, title, times in rows:
        if not fits(path):
            continue
        other = (title or "another posting") if owner is not None and owner != posting_id else ""
        held = found.get(path, FittingPath(path, 0))
        found[path] = FittingPath(path, held.events + times, held.posting or other)
    return list(found.values()), len({row[0] for row in rows})
