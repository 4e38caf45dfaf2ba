"""What is known of one posting besides its numbers: what platforms call it, and what was changed about it by whom?"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from store.reports.scope import CompanyScope
from store.tables import ExternalPosting, PlatformConfig, PostingChange
from store.writes.tracked_counts import posting_of

MOST_EXTERNALS = 500
MOST_CHANGES = 500


@dataclass(frozen=True, slots=True)
class KnownAs:
    """A posting as one connection knows it. `linked_by` is "rule" or "hand"; `status` how it stands where we published
    it, "" elsewhere."""

    number: int
    platform: str
    connection: str
    external_ref: str
    title: str
    url: str
    status: str
    linked_by: str
    linked_at: datetime | None
    first_seen_at: datetime


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one field; `standing:<platform>` is what a platform told. "" is nothing."""

    at: datetime
    actor: str
    field: str
    before: str
    after: str


def list_known_as(session: Session, company: CompanyScope, posting_id: uuid.UUID) -> list[KnownAs]:
    """What platforms call a posting, by connection, at most MOST_EXTERNALS."""
    found = session.exec(
        select(ExternalPosting, PlatformConfig)
        .join(PlatformConfig, col(PlatformConfig.id) == col(ExternalPosting.config_id))
        .where(ExternalPosting.company_id == company.id, ExternalPosting.posting_id == posting_id)
        .order_by(col(PlatformConfig.platform), col(PlatformConfig.number), col(ExternalPosting.number))
        .limit(MOST_EXTERNALS)
    )
    return [
        KnownAs(
            number=external.number or 0,
            platform=config.platform,
            connection=config.name,
            external_ref=external.external_ref,
            title=external.title,
            url=external.url,
            status=external.status,
            linked_by=external.linked_by,
            linked_at=external.linked_at,
            first_seen_at=external.first_seen_at,
        )
        for external, config in found
        # What our own tracker and links told hangs on a name that only we use.
        if posting_of(external.external_ref) is None
    ]


def list_changes(
    session: Session, company: CompanyScope, posting_id: uuid.UUID, *, limit: int = MOST_CHANGES
) -> list[Change]:
    """What was changed about a posting, newest first."""
    found = session.exec(
        select(PostingChange)
        .where(PostingChange.company_id == company.id, PostingChange.posting_id == posting_id)
        .order_by(col(PostingChange.at).desc(), col(PostingChange.id).desc())
        .limit(limit)
    )
    return [Change(row.at, row.actor, row.field, row.before, row.after) for row in found]
