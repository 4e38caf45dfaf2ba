"""Takes a list of postings back: what it changed is as before, what it made goes, except where somebody went on."""

import uuid
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col

from store.opening import Store
from store.tables import Application, Import, ImportChange, JobPosting
from store.vault import Vault
from store.writes.applications_locked import lock_applications
from store.writes.applications_settled import STAGE_COLUMNS, persons_of
from store.writes.posting_links import forget_links
from store.writes.posting_saved import as_held
from store.writes.postings import change_posting, settle_postings
from store.writes.postings_imported import from_document
from store.writes.projections import mark_applications_dirty
from store.writes.referrals_settled import has_referrals, settle_applications

_BATCH = 400
_BY = "import undone"
#: What a posting has where nobody has said anything.
_BLANK = as_held(JobPosting(company_id=uuid.UUID(int=0), number=0))
_APPLICATIONS = Application.__table__  # type: ignore[attr-defined]


#: Keys of later imports' changes by posting.
Later = Mapping[str, list[tuple[uuid.UUID, int]]]


class Counts(Protocol):
    """What becomes of an import's effect."""

    removed: int
    restored: int
    kept: int


def undo_postings(store: Store, record: Import, undone: Counts, *, now: datetime) -> None:
    """Take the postings of an import back, counting in `undone`.

    A field that was changed since stays as it is; a posting that was changed since, or that something hangs on, stays
    altogether. Later imports that changed such fields will bring back what was there before this one.
    """
    with store.reading() as session:
        later = _later(session, record)
    for batch in _changes(store, record.id):
        with store.writing() as session:
            _undo_batch(session, store.vault, (record, batch, later), undone, now=now)
    with store.writing() as session:
        settle_postings(session, record.company_id, now=now)


def _undo_batch(
    session: Session, vault: Vault, work: tuple[Import, list[ImportChange], Later], undone: Counts, *, now: datetime
) -> None:
    record, batch, later = work
    ids = [uuid.UUID(str(change.row_key[0])) for change in batch]
    found = session.execute(
        select(JobPosting).where(col(JobPosting.company_id) == record.company_id, col(JobPosting.id).in_(ids))
    )
    postings = {posting.id: posting for posting in found.scalars()}
    doomed = []
    for posting_id, change in zip(ids, batch, strict=True):
        posting = postings.get(posting_id)
        if posting is None:
            continue
        _hand_over(session, change, later.get(str(posting_id), []))
        if change.before is None and _is_as_made(posting, from_document(change.after)):
            doomed.append(posting)
        elif change.before is None:
            undone.kept += 1
        else:
            is_back = _is_restored(session, posting, change, now=now)
            undone.restored += is_back
            undone.kept += not is_back
    session.flush()
    removed = _remove(session, vault, record.company_id, doomed, now=now)
    undone.removed += removed
    undone.kept += len(doomed) - removed


def _is_restored(session: Session, posting: JobPosting, change: ImportChange, *, now: datetime) -> bool:
    """Bring back what the import replaced and nobody has changed since; whether there was any of it."""
    before, after = from_document(change.before or {}), from_document(change.after)
    back = {name: before[name] for name in before if getattr(posting, name) == after.get(name)}
    change_posting(session, posting, back, actor=_BY, now=now)
    return bool(back)


def _remove(session: Session, vault: Vault, company_id: uuid.UUID, doomed: list[JobPosting], *, now: datetime) -> int:
    """Delete postings with what rules have linked to them; how many. Those that something else hangs on stay."""
    if not doomed:
        return 0
    try:
        with session.begin_nested():
            ids = [posting.id for posting in doomed]
            _unlink_applications(session, vault, company_id, ids, now=now)
            forget_links(session, ids, now=now)
            for posting in doomed:
                session.delete(posting)
            session.flush()
    except IntegrityError:
        if len(doomed) == 1:
            return 0
        half = len(doomed) // 2
        parts = (doomed[:half], doomed[half:])
        return sum(_remove(session, vault, company_id, part, now=now) for part in parts)
    return len(doomed)


def _is_as_made(posting: JobPosting, made: Mapping[str, Any]) -> bool:
    """Whether a posting is still what the import made of it."""
    return not posting.advert and as_held(posting) == {**_BLANK, **made}


def _unlink_applications(
    session: Session, vault: Vault, company_id: uuid.UUID, posting_ids: list[uuid.UUID], *, now: datetime
) -> None:
    """Applications of these postings wait for one again, under what their source called it; referrals follow."""
    lock_applications(session, company_id)
    columns = [_APPLICATIONS.c[name] for name in ("id", "email_index", "person_index", *STAGE_COLUMNS)]
    these = _APPLICATIONS.c.posting_id.in_(posting_ids)
    reached = session.execute(select(*columns).where(these)).all()
    if not reached:
        return
    session.execute(update(_APPLICATIONS).where(these).values(posting_id=None))
    mark_applications_dirty(
        session, company_id, {instant for row in reached for instant in row[3:] if instant is not None}
    )
    if has_referrals(session, company_id):
        concerned = [row.id for row in reached], persons_of(*(dict(row._mapping) for row in reached))
        settle_applications(session, vault, company_id, concerned, now=now)


def _hand_over(session: Session, change: ImportChange, later: list[tuple[uuid.UUID, int]]) -> None:
    """The next import that changed the same posting now replaces what was there before this one."""
    for key in later:
        follower = session.get(ImportChange, key)
        if follower is None:
            continue
        if follower.before is None:
            # Handed over already, by a take-back that broke off later on.
            return
        if change.before is None:
            follower.before, follower.after = None, {**change.after, **follower.after}
        else:
            told: Mapping[str, Any] = change.after
            follower.before = {
                name: change.before.get(name, value) if told.get(name, ...) == value else value
                for name, value in follower.before.items()
            }
        session.add(follower)
        return


def _later(session: Session, record: Import) -> dict[str, list[tuple[uuid.UUID, int]]]:
    """Changes of postings by later imports that stand: their keys by posting, the earliest first."""
    rows = session.execute(
        select(col(ImportChange.row_key), col(ImportChange.import_id), col(ImportChange.seq))
        .join(Import, col(Import.id) == col(ImportChange.import_id))
        .where(
            col(Import.company_id) == record.company_id,
            col(Import.kind) == "postings",
            col(Import.state) == "imported",
            col(Import.created_at) > record.created_at,
        )
        .order_by(col(Import.created_at), col(ImportChange.seq))
    )
    found: dict[str, list[tuple[uuid.UUID, int]]] = {}
    for row_key, import_id, seq in rows:
        found.setdefault(str(row_key[0]), []).append((import_id, seq))
    return found


def _changes(store: Store, import_id: uuid.UUID) -> Iterator[list[ImportChange]]:
    """What the import replaced, in batches, each read in a transaction of its own."""
    last = -1
    while True:
        with store.reading() as session:
            rows = list(
                session.execute(
                    select(ImportChange)
                    .where(col(ImportChange.import_id) == import_id, col(ImportChange.seq) > last)
                    .order_by(col(ImportChange.seq))
                    .limit(_BATCH)
                ).scalars()
            )
            session.expunge_all()
        if not rows:
            return
        last = rows[-1].seq
        yield rows
