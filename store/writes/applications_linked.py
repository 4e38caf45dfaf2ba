"""Applications whose posting nobody knew get theirs, and what turns out to be told twice becomes one."""

import uuid
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlmodel import Session

from store.emails import has_email
from store.tables import Application, ApplicationRef
from store.vault import Vault
from store.writes.applications_locked import lock_applications
from store.writes.applications_merged import merge_applications
from store.writes.applications_settled import STAGE_COLUMNS
from store.writes.applications_told import PERSON
from store.writes.postings_found import PostingIndex
from store.writes.projections import mark_applications_dirty
from store.writes.referrals_settled import has_referrals, settle_applications

_TABLE = Application.__table__  # type: ignore[attr-defined]
_REFS = ApplicationRef.__table__  # type: ignore[attr-defined]
_COLUMNS = [_TABLE.c[name] for name in ("id", "email_index", "person_index", *STAGE_COLUMNS)]


def link_applications(session: Session, vault: Vault, company_id: uuid.UUID, *, now: datetime) -> int:
    """Give applications whose posting nobody knew theirs, where there is one now; returns how many were linked."""
    lock_applications(session, company_id)
    index = PostingIndex(session, company_id)
    waiting = (_TABLE.c.company_id == company_id, _TABLE.c.posting_id.is_(None))
    named = session.execute(select(_TABLE.c.posting_ref, _TABLE.c.posting_title).where(*waiting).distinct()).all()
    linked, days, bearing = 0, set[datetime](), dict[uuid.UUID, tuple[str, str]]()
    for ref, title in named:
        found = index.find(ref, title)
        if found is None:
            continue
        these = (*waiting, _TABLE.c.posting_ref == ref, _TABLE.c.posting_title == title)
        reached = session.execute(select(*_COLUMNS).where(*these)).all()
        days.update(instant for row in reached for instant in row[3:] if instant is not None)
        session.execute(update(_TABLE).where(*these).values(posting_id=found))
        linked += len(reached)
        bearing |= {row.id: (row.email_index, row.person_index) for row in reached}
        for person in _told_by_events(session, company_id, found):
            _unite(session, vault, (company_id, person, found), now=now)
    mark_applications_dirty(session, company_id, days)
    if bearing and has_referrals(session, company_id):
        persons = {index for indexes in bearing.values() for index in indexes}
        settle_applications(session, vault, company_id, (list(bearing), persons), now=now)
    return linked


def _told_by_events(session: Session, company_id: uuid.UUID, posting_id: uuid.UUID) -> list[str]:
    """E-mail indexes of the posting's applications that no file told of."""
    found = session.execute(
        select(_TABLE.c.email_index)
        .where(
            _TABLE.c.company_id == company_id,
            _TABLE.c.posting_id == posting_id,
            _TABLE.c.import_id.is_(None),
            _TABLE.c.email_index != "",
        )
        .distinct()
    )
    return list(found.scalars())


def _unite(session: Session, vault: Vault, which: tuple[uuid.UUID, str, uuid.UUID], *, now: datetime) -> None:
    """Name an application by its person and posting, and make it one with what has that name, if an event told."""
    company_id, index, posting_id = which
    same = (*has_email(session, company_id, index), _TABLE.c.posting_id == posting_id)
    rows = session.execute(
        select(_TABLE.c.id, _TABLE.c.import_id).where(*same).order_by(_TABLE.c.created_at, _TABLE.c.id)
    ).all()
    by_event = [row for row in rows if row.import_id is None]
    keep = next((row for row in rows if row.import_id is not None), rows[0])
    for row in by_event:
        if row.id != keep.id:
            merge_applications(session, vault, keep.id, row.id, now=now)
    key = {"company_id": company_id, "scope": PERSON, "ref": f"{index}:id:{posting_id}"}
    if by_event and session.get(ApplicationRef, tuple(key.values())) is None:
        session.execute(insert(_REFS), [key | {"application_id": keep.id}])
