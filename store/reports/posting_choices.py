"""Which postings may be chosen from a list, and how many more are there than the list holds?"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlmodel import Session, col

from store.among import among
from store.reports.postings import like
from store.reports.scope import CompanyScope
from store.tables import JobPosting

#: What a browser looks through quickly; of more, the database finds those that are searched for.
MOST_CHOICES = 2_000


@dataclass(frozen=True, slots=True)
class PostingChoice:
    """A posting, by what tells it apart."""

    id: uuid.UUID
    title: str
    requisition_ref: str


@dataclass(frozen=True, slots=True)
class Choices:
    """Postings to choose from, by title, and how many there are in all, searched for or not."""

    shown: tuple[PostingChoice, ...]
    total: int


def list_choices(
    session: Session,
    company: CompanyScope,
    *,
    statuses: Collection[str] = (),
    search: str = "",
    keep: Collection[uuid.UUID] = (),
    limit: int = MOST_CHOICES,
) -> Choices:
    """The company's postings in one of `statuses` (none: in any) that are like `search`, the first `limit` by title.

    Those of `keep` are among them, whatever is searched for and however many there are.
    """
    whose = [col(JobPosting.company_id) == company.id]
    if statuses:
        whose.append(col(JobPosting.status).in_(sorted(statuses)))
    wanted = select(col(JobPosting.id), col(JobPosting.title), col(JobPosting.requisition_ref)).where(*whose)
    order = (col(JobPosting.title), col(JobPosting.number))
    found = session.execute(wanted.where(*like(search)).order_by(*order).limit(limit + 1)).all()
    total = len(found)
    if search or total > limit:
        total = int(session.execute(select(func.count()).select_from(JobPosting).where(*whose)).scalar_one())
    shown = [PostingChoice(*row) for row in found[:limit]]
    missing = set(keep) - {one.id for one in shown}
    if missing:
        kept = session.execute(wanted.where(among(session, col(JobPosting.id), missing)).order_by(*order))
        shown = [*(PostingChoice(*row) for row in kept), *shown]
    return Choices(tuple(shown), total)
