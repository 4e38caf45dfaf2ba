"""What waits for a posting: which may be meant, what a rule would do, and what was decided before."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from domain.matching import Candidate, Suggestion, suggest
from store.reports.postings import WaitingPosting, waiting_row
from store.reports.scope import CompanyScope
from store.tables import AuditEntry, ExternalPosting, JobPosting, PlatformConfig
from store.writes.linking import matches

#: External postings a preview looks through.
MOST_TRIED = 20_000
_DEEDS = ("posting.link", "posting.ignore", "posting.rule", "posting.rule_delete")


@dataclass(frozen=True, slots=True)
class Preview:
    """What a rule would link: of those that wait, and how many others it fits that are linked or put aside already."""

    fits: tuple[WaitingPosting, ...]
    others: int


@dataclass(frozen=True, slots=True)
class Decision:
    """Something that was decided about external postings: who, when, what, and its particulars."""

    at: datetime
    actor: str
    action: str
    target: str
    facts: dict[str, object]


def list_suggestions(session: Session, company: CompanyScope, waiting: WaitingPosting) -> list[Suggestion[uuid.UUID]]:
    """The company's postings that a waiting one may be, the likeliest first, three at most."""
    found = session.exec(
        select(JobPosting.id, JobPosting.title, JobPosting.location).where(
            JobPosting.company_id == company.id, JobPosting.status != "archived"
        )
    )
    candidates = [Candidate(posting_id, title, location) for posting_id, title, location in found]
    return suggest(waiting.title, waiting.location, candidates)


def preview_rule(session: Session, company: CompanyScope, field: str, match: str, pattern: str) -> Preview:
    """What a rule would do, without doing it."""
    found = session.exec(
        select(ExternalPosting, PlatformConfig)
        .join(PlatformConfig, col(PlatformConfig.id) == col(ExternalPosting.config_id))
        .where(ExternalPosting.company_id == company.id)
        .order_by(col(ExternalPosting.first_seen_at).desc(), col(ExternalPosting.number))
        .limit(MOST_TRIED)
    )
    fits, others = [], 0
    for external, config in found:
        if not matches(field, match, pattern, external):
            continue
        if external.posting_id is None and not external.is_ignored and external.linked_by != "hand":
            fits.append(waiting_row(external, config))
        else:
            others += 1
    return Preview(tuple(fits), others)


def list_decisions(session: Session, company: CompanyScope, *, limit: int = 100) -> list[Decision]:
    """What admins decided about external postings, newest first, from the audit log."""
    found = session.exec(
        select(AuditEntry)
        .where(AuditEntry.company_id == company.id, col(AuditEntry.action).in_(_DEEDS), AuditEntry.outcome == "ok")
        .order_by(col(AuditEntry.seq).desc())
        .limit(limit)
    )
    return [Decision(entry.at, entry.actor, entry.action, entry.target, dict(entry.facts)) for entry in found]
