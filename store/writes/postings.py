"""Our postings, the platforms' postings, and the links between them. A changed link makes days dirty, never facts."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from sqlalchemy import func, select, update
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from domain.postings import LABELS
from domain.text import clean_text, key_text
from store.errors import StoreError
from store.tables import (
    Company,
    DataVersion,
    ExternalPosting,
    JobPosting,
    PostingLinkRule,
)
from store.writes.facts import Place
from store.writes.numbers import REF_LENGTH, insert_external
from store.writes.posting_history import change_fields, note_changes, note_made
from store.writes.posting_links import link_new, link_waiting, make_linker, mark_days
from store.writes.postings_found import folded

_BATCH = 500
_LENGTHS = {
    "title": 500,
    "requisition_ref": 200,
    "path": 500,
    "url": 1000,
    "location": 300,
    "kind": 20,
    "campaign": 280,
}
_MOST_LINKS, _LONGEST_LINK = 20, 1000
_EDITABLE = frozenset((*LABELS, "advert"))


class PostingUnknown(StoreError):
    """This company has no such posting."""


class PostingSeen(Protocol):
    """A posting as a connector tells it."""

    @property
    def ref(self) -> str:
        """The platform's id."""

    @property
    def title(self) -> str:
        """Its title there."""

    @property
    def requisition_ref(self) -> str:
        """The company's own number, where the platform knows it."""

    @property
    def path(self) -> str:
        """Its path on the career site."""

    @property
    def url(self) -> str:
        """Its address."""

    @property
    def location(self) -> str:
        """Where the work is."""

    @property
    def kind(self) -> str:
        """ "posting", or "post" for what a page wrote."""

    @property
    def links(self) -> tuple[str, ...]:
        """The addresses in it."""

    @property
    def campaign(self) -> str:
        """The UTM campaign they carry."""

    @property
    def posted_at(self) -> datetime | None:
        """The instant it was published."""


@dataclass(frozen=True, slots=True)
class PostingCounts:
    """What became of postings seen."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    linked: int = 0


def upsert_external_postings(
    session: Session, place: Place, seen: Sequence[PostingSeen], *, now: datetime
) -> PostingCounts:
    """Insert or update external postings, and link the new and the changed ones by rule.

    What a platform does not tell (any more) stays as it was.
    """
    told = {ref: _told(item) for item in seen if (ref := key_text(item.ref, REF_LENGTH))}
    stored = _stored(session, place, list(told))
    new = told.keys() - stored.keys()
    if new:
        common = {"company_id": place.company_id, "config_id": place.config_id, "first_seen_at": now}
        # What was published there, or heard of by its numbers, others may be entering at this moment.
        insert_external(session, [{**common, "external_ref": ref, **told[ref]} for ref in sorted(new)])
        stored |= _stored(session, place, sorted(new))
    known = {ref: {name: value for name, value in values.items() if value} for ref, values in told.items()}
    changed = [stored[ref] for ref, values in known.items() if _update(stored[ref], values) or ref in new]
    session.flush()
    linked = link_new(session, place.company_id, changed, now=now) if changed else 0
    return PostingCounts(len(new), len(changed) - len(new), len(told) - len(changed), linked)


def link_by_hand(
    session: Session, company_id: uuid.UUID, number: int, posting_id: uuid.UUID | None, *, now: datetime
) -> ExternalPosting:
    """Link an external posting to one of ours, or with None unlink it. No rule touches it afterwards.

    Raises PostingUnknown where either is not this company's.
    """
    external = get_external(session, company_id, number)
    if posting_id is not None:
        get_posting(session, company_id, posting_id)
    moved = external.posting_id != posting_id
    external.posting_id, external.linked_by, external.linked_at = posting_id, "hand", now
    external.is_ignored = False
    session.add(external)
    session.flush()
    if moved:
        mark_days(session, [external], now)
    return external


def ignore(session: Session, company_id: uuid.UUID, number: int, *, is_ignored: bool = True) -> ExternalPosting:
    """Take an external posting off the waiting list, or put it back. Its numbers keep counting for the platform.

    Put back against a rule that puts it aside, it waits for a person: no rule touches it any more.
    """
    external = get_external(session, company_id, number)
    external.is_ignored = is_ignored
    if not is_ignored and external.posting_id is None and make_linker(session, company_id).is_aside(external):
        external.linked_by = "hand"
    session.add(external)
    session.flush()
    return external


def create_posting(
    session: Session, company_id: uuid.UUID, values: Mapping[str, Any], *, now: datetime, actor: str = ""
) -> JobPosting:
    """Make a posting with the company's next number, and link what waits for it. `values` are its columns."""
    posting = add_posting(session, company_id, values, next_number(session, company_id), actor=actor, now=now)
    settle_postings(session, company_id, now=now)
    return posting


def edit_posting(
    session: Session,
    company_id: uuid.UUID,
    posting_id: uuid.UUID,
    values: Mapping[str, Any],
    *,
    now: datetime,
    actor: str = "",
) -> JobPosting:
    """Change a posting, and try the rules again. Raises PostingUnknown."""
    posting = get_posting(session, company_id, posting_id)
    if change_posting(session, posting, values, actor=actor, now=now):
        settle_postings(session, company_id, now=now)
    return posting


def close_posting(
    session: Session, company_id: uuid.UUID, posting_id: uuid.UUID, closed_on: date, *, now: datetime, actor: str = ""
) -> JobPosting:
    """Close a posting on a day, or on the day it opened if that is later. Raises PostingUnknown."""
    opened_on = get_posting(session, company_id, posting_id).opened_on
    day = max(closed_on, opened_on) if opened_on else closed_on
    values = {"status": "closed", "closed_on": day}
    return edit_posting(session, company_id, posting_id, values, actor=actor, now=now)


def next_number(session: Session, company_id: uuid.UUID) -> int:
    """The number of the company's next posting; it is nobody else's until the transaction ends."""
    # Two makers at once would take the same number: the company's row is the lock.
    session.exec(select_rows(Company).where(Company.id == company_id).with_for_update(key_share=True)).one()
    last = session.exec(select_rows(func.max(JobPosting.number)).where(JobPosting.company_id == company_id)).one()
    return (last or 0) + 1


def add_posting(
    session: Session, company_id: uuid.UUID, values: Mapping[str, Any], number: int, *, actor: str, now: datetime
) -> JobPosting:
    """Make a posting, its history begun. Nothing is linked yet: call `settle_postings` after the last one."""
    posting = JobPosting(company_id=company_id, number=number, created_at=now, updated_at=now, **_checked(values))
    session.add(posting)
    note_made(session, posting, actor=actor, now=now)
    return posting


def change_posting(
    session: Session, posting: JobPosting, values: Mapping[str, Any], *, actor: str, now: datetime
) -> bool:
    """Change a posting and write down each field; whether anything differed. Call `settle_postings` afterwards."""
    changed = change_fields(posting, _checked(values))
    if changed:
        posting.updated_at = now
        session.add(posting)
        note_changes(session, posting, changed, actor=actor, now=now)
    return bool(changed)


def settle_postings(session: Session, company_id: uuid.UUID, *, now: datetime) -> None:
    """After postings were made or changed: what was remembered is old, and what waits is linked."""
    session.flush()
    _raise_version(session, company_id, now)
    link_waiting(session, company_id, now=now)


def add_rule(
    session: Session, company_id: uuid.UUID, posting_id: uuid.UUID | None, values: Mapping[str, Any], *, now: datetime
) -> PostingLinkRule:
    """Add an admin's rule (`field`, `match`, `pattern`, `position`) and try it at once. Without a posting, what fits is
    put aside. Raises PostingUnknown."""
    if posting_id is not None:
        get_posting(session, company_id, posting_id)
    pattern = clean_text(str(values["pattern"]))
    if not pattern:
        raise ValueError("a rule needs a pattern")
    rule = PostingLinkRule(
        company_id=company_id,
        posting_id=posting_id,
        field=values.get("field", "requisition_ref"),
        match=values.get("match", "equals"),
        pattern=pattern,
        position=values.get("position", 0),
        created_at=now,
    )
    session.add(rule)
    session.flush()
    link_waiting(session, company_id, now=now)
    return rule


def get_posting(session: Session, company_id: uuid.UUID, posting_id: uuid.UUID) -> JobPosting:
    """A posting of the company. Raises PostingUnknown."""
    posting = session.get(JobPosting, posting_id)
    if posting is None or posting.company_id != company_id:
        raise PostingUnknown("There is no such posting.")
    return posting


def list_by_requisition(
    session: Session, company_id: uuid.UUID, refs: Iterable[str] | None = None
) -> dict[str, list[JobPosting]]:
    """The company's postings by their requisition, spacing and case apart; archived ones where no other has it.

    Of all of them, or of those with some requisitions.
    """
    query = select_rows(JobPosting).where(JobPosting.company_id == company_id)
    if refs is None:
        rows = list(session.exec(query.where(JobPosting.requisition_ref != "")))
    else:
        wanted = {folded(ref) for ref in refs}
        names = session.execute(
            select(col(JobPosting.id), col(JobPosting.requisition_ref)).where(col(JobPosting.company_id) == company_id)
        )
        ids = [posting_id for posting_id, ref in names if folded(ref) in wanted]
        parts = (ids[start : start + _BATCH] for start in range(0, len(ids), _BATCH))
        rows = [row for part in parts for row in session.exec(query.where(col(JobPosting.id).in_(part)))]
    found: dict[str, list[JobPosting]] = {}
    for row in rows:
        found.setdefault(folded(row.requisition_ref), []).append(row)
    return {ref: [row for row in same if row.status != "archived"] or same for ref, same in found.items()}


def list_slugs(session: Session, company_id: uuid.UUID) -> dict[str, str]:
    """Slugs of the company's postings that are not archived, each with the requisition of its posting, or its id."""
    rows = session.execute(
        select(col(JobPosting.slug), col(JobPosting.requisition_ref), col(JobPosting.id)).where(
            col(JobPosting.company_id) == company_id, col(JobPosting.slug) != "", col(JobPosting.status) != "archived"
        )
    )
    return {folded(slug): folded(ref) or str(posting_id) for slug, ref, posting_id in rows}


def get_external(session: Session, company_id: uuid.UUID, number: int) -> ExternalPosting:
    """An external posting of the company. Raises PostingUnknown."""
    external = session.get(ExternalPosting, number)
    if external is None or external.company_id != company_id:
        raise PostingUnknown("There is no such posting.")
    return external


def _raise_version(session: Session, company_id: uuid.UUID, now: datetime) -> None:
    """What was remembered of the company's numbers is old: some count its postings and the days they were open."""
    session.execute(
        update(DataVersion)
        .where(col(DataVersion.company_id) == company_id)
        .values(version=DataVersion.version + 1, changed_at=now),
        execution_options={"synchronize_session": False},
    )


def _told(seen: PostingSeen) -> dict[str, Any]:
    texts = {name: clean_text(getattr(seen, name) or "", length) for name, length in _LENGTHS.items()}
    links = [link for told in seen.links[:_MOST_LINKS] if (link := clean_text(told, _LONGEST_LINK))]
    return {**texts, "links": links, "posted_at": seen.posted_at}


def _stored(session: Session, place: Place, refs: list[str]) -> dict[str, ExternalPosting]:
    query = select_rows(ExternalPosting).where(ExternalPosting.config_id == place.config_id)
    batches = (refs[start : start + _BATCH] for start in range(0, len(refs), _BATCH))
    return {
        row.external_ref: row
        for batch in batches
        for row in session.exec(query.where(col(ExternalPosting.external_ref).in_(batch)))
    }


def _update(row: ExternalPosting, values: Mapping[str, Any]) -> bool:
    """Set what differs; whether anything did."""
    differing = {name: value for name, value in values.items() if getattr(row, name) != value}
    for name, value in differing.items():
        setattr(row, name, value)
    return bool(differing)


def _checked(values: Mapping[str, Any]) -> dict[str, Any]:
    unknown = set(values) - _EDITABLE
    if unknown:
        raise ValueError(f"a posting has no {', '.join(sorted(unknown))}")
    return {name: clean_text(value, 1000) if isinstance(value, str) else value for name, value in values.items()}
