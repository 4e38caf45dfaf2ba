"""Links between the platforms' postings and ours, by rule; and the days that a changed link makes dirty."""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from sqlalchemy import exists, select
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from domain.facts import Scope
from store.tables import (
    ExternalPosting,
    JobPosting,
    PlatformConfig,
    PostingLinkRule,
    RawFact,
    ReadCoverage,
    TrackingLink,
)
from store.writes.coverage import mark_dirty
from store.writes.facts import Place, place_of
from store.writes.linking import Linker

#: With more postings than this to look for, all covered days of the connection are marked.
_FEW = 40


def link_waiting(session: Session, company_id: uuid.UUID, *, now: datetime) -> int:
    """Try the rules on every external posting that waits. Returns how many they linked."""
    waiting = select_rows(ExternalPosting).where(
        ExternalPosting.company_id == company_id, col(ExternalPosting.posting_id).is_(None)
    )
    return link_new(session, company_id, session.exec(waiting).all(), now=now)


def forget_links(session: Session, posting_ids: Sequence[uuid.UUID], *, now: datetime) -> int:
    """Let go of external postings that rules have linked to some postings: they wait again. Returns how many."""
    linked = select_rows(ExternalPosting).where(
        col(ExternalPosting.posting_id).in_(posting_ids), ExternalPosting.linked_by == "rule"
    )
    gone = list(session.exec(linked))
    for external in gone:
        external.posting_id, external.linked_by, external.linked_at = None, "", None
        session.add(external)
    session.flush()
    mark_days(session, gone, now)
    return len(gone)


def link_new(session: Session, company_id: uuid.UUID, externals: Iterable[ExternalPosting], *, now: datetime) -> int:
    """Link those that wait and were never decided by hand, or put them aside by rule. Returns how many were linked."""
    open_ones = [
        external
        for external in externals
        if external.posting_id is None and external.linked_by != "hand" and not external.is_ignored
    ]
    if not open_ones:
        return 0
    linker = make_linker(session, company_id)
    linked = []
    for external in open_ones:
        posting_id = linker.find(external)
        if posting_id is not None:
            external.posting_id, external.linked_by, external.linked_at = posting_id, "rule", now
            session.add(external)
            linked.append(external)
        elif linker.is_aside(external):
            external.is_ignored = True
            session.add(external)
    session.flush()
    mark_days(session, linked, now)
    return len(linked)


def make_linker(session: Session, company_id: uuid.UUID) -> Linker:
    """What decides for a company, by its postings, rules and tracked links."""
    postings = select_rows(JobPosting).where(JobPosting.company_id == company_id)
    rules = select_rows(PostingLinkRule).where(PostingLinkRule.company_id == company_id)
    tracked = select_rows(TrackingLink).where(
        TrackingLink.company_id == company_id, col(TrackingLink.posting_id).is_not(None)
    )
    return Linker(session.exec(postings), session.exec(rules).all(), session.exec(tracked))


def mark_days(session: Session, externals: Sequence[ExternalPosting], now: datetime) -> None:
    """Mark the covered days with facts of these external postings: they are counted again."""
    by_config: dict[uuid.UUID, list[int]] = {}
    for external in externals:
        if external.number is not None:
            by_config.setdefault(external.config_id, []).append(external.number)
    for config_id, numbers in by_config.items():
        config = session.get_one(PlatformConfig, config_id)
        place = place_of(session, config)
        mark_dirty(session, place, _days_of(session, place, numbers), now=now)


def _days_of(session: Session, place: Place, numbers: list[int]) -> list[int]:
    """Covered days with facts of these external postings: what is not covered does not count anyway.

    Coverage tells the metrics of each day, and with them the key leads straight to a posting's facts.
    """
    query = (
        select(col(ReadCoverage.day))
        .distinct()
        .where(col(ReadCoverage.company_no) == place.company_no, col(ReadCoverage.config_no) == place.config_no)
    )
    if len(numbers) <= _FEW:
        query = query.where(
            exists().where(
                col(RawFact.company_no) == place.company_no,
                col(RawFact.config_no) == place.config_no,
                col(RawFact.day) == col(ReadCoverage.day),
                col(RawFact.metric) == col(ReadCoverage.metric),
                col(RawFact.scope) == int(Scope.POSTING),
                col(RawFact.external_posting).in_(numbers),
            )
        )
    return list(session.execute(query).scalars())
