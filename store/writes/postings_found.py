"""Our posting for what somebody else calls it."""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

from store.tables import ExternalPosting, JobPosting

# Made once: to put a statement together takes longer than the database takes for it.
_POSTINGS = (
    select(col(JobPosting.id), col(JobPosting.requisition_ref), col(JobPosting.title), col(JobPosting.status))
    .where(col(JobPosting.company_id) == bindparam("company_id"))
    .order_by(col(JobPosting.id))
)
_PUBLISHED = (
    select(col(ExternalPosting.external_ref), col(ExternalPosting.posting_id))
    .where(
        col(ExternalPosting.company_id) == bindparam("company_id"),
        col(ExternalPosting.status) != "",
        col(ExternalPosting.posting_id).is_not(None),
    )
    .order_by(col(ExternalPosting.number))
)


class PostingIndex:
    """Finds our posting for what a file or an event calls it: by requisition, else by a title only one posting has.

    Archived postings are found where no other posting is called so.
    """

    def __init__(self, session: Session, company_id: uuid.UUID) -> None:
        self._company_id = company_id
        self._read = _read(session, company_id)
        postings, published = self._read
        # The archived ones first: what stands later takes the name.
        rows = sorted(postings, key=lambda row: row.status != "archived")
        # What we published ourselves is called by the name we gave it; a requisition of ours comes first.
        self._by_ref: dict[str, uuid.UUID] = {folded(ref): posting_id for ref, posting_id in published if posting_id}
        self._by_ref |= {folded(ref): posting_id for posting_id, ref, _, _ in rows if ref}
        self._by_title: dict[str, uuid.UUID] = {}
        for is_archived in (True, False):
            titles: dict[str, set[uuid.UUID]] = {}
            for posting_id, _, title, status in rows:
                if (status == "archived") == is_archived:
                    titles.setdefault(folded(title), set()).add(posting_id)
            for title, ids in titles.items():
                self._by_title.pop(title, None)
                if len(ids) == 1 and title:
                    self._by_title[title] = next(iter(ids))

    def is_current(self, session: Session) -> bool:
        """Whether it would be the same if it were made now: to read the postings takes a fraction of folding them."""
        return self._read == _read(session, self._company_id)

    def find(self, ref: str, title: str) -> uuid.UUID | None:
        """The posting's id; None where nobody knows it yet."""
        if ref and (found := self._by_ref.get(folded(ref))):
            return found
        return self._by_title.get(folded(title)) if title else None


def _read(session: Session, company_id: uuid.UUID) -> tuple[Sequence[Any], Sequence[Any]]:
    """A company's postings, and what those that we published are called."""
    given = {"company_id": company_id}
    return session.execute(_POSTINGS, given).all(), session.execute(_PUBLISHED, given).all()


def folded(text: str) -> str:
    """Words for comparing: case and spacing do not matter."""
    return " ".join(text.casefold().split())
