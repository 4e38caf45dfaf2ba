"""Which rules link external postings to ours?"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from store.reports.scope import CompanyScope
from store.tables import JobPosting, PostingLinkRule

MOST_ROWS = 500


@dataclass(frozen=True, slots=True)
class LinkRule:
    """External postings whose `field` matches `pattern` belong to the posting called `title`; without one, to none."""

    id: uuid.UUID
    posting_id: uuid.UUID | None
    title: str
    field: str
    match: str
    pattern: str
    created_at: datetime


def list_link_rules(session: Session, company: CompanyScope) -> list[LinkRule]:
    """The company's rules in the order they are tried, at most MOST_ROWS."""
    found = session.exec(
        select(PostingLinkRule, JobPosting.title)
        .join(JobPosting, col(JobPosting.id) == col(PostingLinkRule.posting_id), isouter=True)
        .where(PostingLinkRule.company_id == company.id)
        .order_by(col(PostingLinkRule.position), col(PostingLinkRule.created_at))
        .limit(MOST_ROWS)
    )
    return [
        LinkRule(rule.id, rule.posting_id, title or "", rule.field, rule.match, rule.pattern, rule.created_at)
        for rule, title in found
    ]
