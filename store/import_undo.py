"""Takes an import back: what it replaced returns, what it brought goes, except where a later import said it again.

Works in short transactions and may be repeated: a take-back that breaks off is finished by the next one. Numbers are
counted again only at the end.
"""

import json
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, delete, exists, func, literal, select, tuple_, update
from sqlmodel import Session, col

from domain.facts import Origin, Scope
from store.import_undo_applications import Undoing, remove_applications, restore_applications
from store.import_undo_postings import undo_postings
from store.opening import Store
from store.tables import (
    Application,
    Company,
    ExternalPosting,
    Import,
    ImportChange,
    PlatformConfig,
    RawFact,
    ReadCoverage,
    WorkerBeat,
)
from store.writes.coverage import mark_dirty
from store.writes.facts import Place, place_of
from store.writes.imports import (
    KEY_NAMES,
    FactKey,
    ImportStopped,
    beat_import,
    end_import,
    find_told,
    import_number,
)
from store.writes.merge import lock_facts
from store.writes.projections import mark_applications_dirty

#: An import whose process said nothing for this long is dead.
SILENCE = timedelta(minutes=2)
_BATCH = 1000
_FACTS = RawFact.__table__  # type: ignore[attr-defined]
_CHANGES = ImportChange.__table__  # type: ignore[attr-defined]
_APPLICATIONS = Application.__table__  # type: ignore[attr-defined]
_COVERAGE = ReadCoverage.__table__  # type: ignore[attr-defined]


@dataclass(slots=True)
class Undone:
    """What became of an import's effect: `kept` is what a later import or event told again or changed."""

    removed: int = 0
    restored: int = 0
    kept: int = 0


class NotUndoable(Exception):
    """The import is not there, or was taken back already; the text says which."""


def undo_import(store: Store, import_id: uuid.UUID, *, now: datetime) -> Undone:
    """Take an imported or broken-off import back; its state becomes undone, or failed where it never ended.

    Raises NotUndoable.
    """
    with store.writing() as session:
        record = session.get(Import, import_id)
        if record is None or record.state not in ("running", "imported"):
            raise NotUndoable("This import was taken back already.")
        final = "undone" if record.state == "imported" or record.mapping.get("undoing") else "failed"
        # From here on the import is neither shown as done nor can it go on.
        record.state = "running"
        record.mapping = {**record.mapping, "undoing": final == "undone"}
        session.add(record)
        session.flush()
        # A sign of life: otherwise the next tick of the clock would take this for an import whose process died.
        beat_import(session, import_id, now=now)
        session.expunge(record)
    undone = _UNDO[record.kind](store, record, now)
    # Taking back may be repeated: where somebody else has finished it meanwhile, it is finished.
    with store.writing() as session, suppress(ImportStopped):
        end_import(session, import_id, {"state": final, "undone_at": now})
    return undone


def undo_dead_imports(store: Store, *, now: datetime) -> list[uuid.UUID]:
    """Take back what broke off: imports that run, but whose process has been silent. Returns their ids."""
    with store.reading() as session:
        running = list(session.execute(select(col(Import.id)).where(col(Import.state) == "running")).scalars())
        dead = [import_id for import_id in running if is_silent(session, import_id, now=now)]
    taken_back = []
    for import_id in dead:
        # Another process looks for them too.
        with suppress(NotUndoable):
            undo_import(store, import_id, now=now)
            taken_back.append(import_id)
    return taken_back


def is_silent(session: Session, import_id: uuid.UUID, *, now: datetime) -> bool:
    """Whether a running import's process has given no sign of life for a while."""
    beat = session.get(WorkerBeat, f"import:{import_id}")
    return beat is None or beat.beat_at < now - SILENCE


def _undo_facts(store: Store, record: Import, now: datetime) -> Undone:
    undone, seen = Undone(), import_number(record.id)
    place = _place(store, record)
    if place is None:
        return undone
    undone.kept = _hand_over(store, record, "seen", str(seen))
    for batch in _changes(store, record.id):
        with store.writing() as session:
            _restore_facts(session, place, seen, (batch, undone))
    days = _days_seen(store, place, seen)
    for chunk in _chunks(days, 4):
        with store.writing() as session:
            lock_facts(session.connection(), place.config_no)
            gone = session.connection().execute(
                delete(_FACTS).where(*_at(place), _FACTS.c.day.in_(chunk), _FACTS.c.seen == seen)
            )
            undone.removed += gone.rowcount
    with store.writing() as session:
        _uncover(session, place, record, now)
        _forget_postings(session, place, record)
    return undone


def _place(store: Store, record: Import) -> Place | None:
    """Where the import wrote; None where its connection was erased, or nothing was written yet."""
    config_id = record.mapping.get("config_id")
    if not isinstance(config_id, str):
        return None
    with store.reading() as session:
        config = session.get(PlatformConfig, uuid.UUID(config_id))
        return place_of(session, config) if config else None


def _restore_facts(session: Session, place: Place, seen: int, work: tuple[list[tuple[list[Any], Any]], Undone]) -> None:
    changes, undone = work
    lock_facts(session.connection(), place.config_no)
    keys: list[FactKey] = [tuple(row_key) for row_key, _ in changes]
    days = [key[0] for key in keys]
    current = find_told(session, place, (min(days), max(days)), (key[1] for key in keys)).facts
    ours = [
        (key, before) for key, (_, before) in zip(keys, changes, strict=True) if current.get(key, (0, 0, 0))[2] == seen
    ]
    back = [(key, before) for key, before in ours if before is not None]
    gone = [key for key, before in ours if before is None]
    where = [*_at(place), *(_FACTS.c[name] == bindparam(f"key_{name}") for name in KEY_NAMES)]
    if back:
        values: dict[str, Any] = {name: bindparam(f"to_{name}") for name in ("value", "provisional", "seen")}
        session.connection().execute(
            update(_FACTS).where(*where).values(values),
            [
                _named(key)
                | {"to_value": one["value"], "to_provisional": one["provisional"], "to_seen": int(one["seen"])}
                for key, one in back
            ],
        )
    if gone:
        session.connection().execute(delete(_FACTS).where(*where), [_named(key) for key in gone])
    undone.restored += len(back)
    undone.removed += len(gone)


def _named(key: FactKey) -> dict[str, Any]:
    return {f"key_{name}": part for name, part in zip(KEY_NAMES, key, strict=True)}


def _at(place: Place) -> list[Any]:
    return [
        _FACTS.c.company_no == place.company_no,
        _FACTS.c.config_no == place.config_no,
        _FACTS.c.origin == int(Origin.IMPORT),
    ]


def _days_seen(store: Store, place: Place, seen: int) -> list[int]:
    with store.reading() as session:
        rows = session.execute(select(_FACTS.c.day).where(*_at(place), _FACTS.c.seen == seen).distinct())
        return sorted(rows.scalars())


def _uncover(session: Session, place: Place, record: Import, now: datetime) -> None:
    """Days that no file tells of any more are gaps again; all days of the import are counted anew."""
    first, last = _range(record)
    columns = _COVERAGE.c
    told = exists().where(
        *_at(place),
        _FACTS.c.day == columns.day,
        _FACTS.c.metric == columns.metric,
        _FACTS.c.scope == columns.scope,
        _FACTS.c.seen >= 0,
    )
    covered = (
        columns.company_no == place.company_no,
        columns.config_no == place.config_no,
        columns.day.between(first, last),
        columns.scope.in_([int(Scope.TOTAL), int(Scope.POSTING)]),
        columns.origin == int(Origin.IMPORT),
    )
    days = sorted(session.execute(select(columns.day).where(*covered).distinct()).scalars())
    session.execute(delete(_COVERAGE).where(*covered, ~told), execution_options={"synchronize_session": False})
    mark_dirty(session, place, days, now=now)


def _range(record: Import) -> tuple[int, int]:
    days = record.mapping.get("days")
    return (int(days[0]), int(days[1])) if isinstance(days, list) and len(days) == 2 else (0, -1)


def _forget_postings(session: Session, place: Place, record: Import) -> None:
    """Postings that only this file named, and that nobody has linked, no longer wait in the list."""
    waiting = select(col(ExternalPosting.number)).where(
        col(ExternalPosting.config_id) == place.config_id,
        col(ExternalPosting.posting_id).is_(None),
        col(ExternalPosting.first_seen_at) >= record.created_at,
    )
    numbers = set(session.execute(waiting).scalars())
    if not numbers:
        return
    used = select(_FACTS.c.external_posting).where(
        _FACTS.c.company_no == place.company_no, _FACTS.c.config_no == place.config_no
    )
    idle = sorted(numbers - set(session.execute(used.distinct()).scalars()))
    for chunk in _chunks(idle, 500):
        session.execute(
            delete(ExternalPosting).where(col(ExternalPosting.number).in_(chunk)),
            execution_options={"synchronize_session": False},
        )


def _undo_applications(store: Store, record: Import, now: datetime) -> Undone:
    kept = _hand_over(store, record, "import_id", str(record.id))
    with store.reading() as session:
        zone = ZoneInfo(
            session.execute(select(col(Company.time_zone)).where(col(Company.id) == record.company_id)).scalar_one()
        )
    undoing = Undoing(store, record, zone, now)
    for batch in _changes(store, record.id):
        with store.writing() as session:
            days = restore_applications(session, undoing, batch)
            mark_applications_dirty(session, record.company_id, days)
    while True:
        with store.writing() as session:
            gone = remove_applications(session, undoing, _BATCH)
            if gone is None:
                break
            mark_applications_dirty(session, record.company_id, gone)
    with store.reading() as session:
        left = select(func.count()).select_from(_APPLICATIONS).where(_APPLICATIONS.c.import_id == record.id)
        kept += session.execute(left).scalar_one()
    return Undone(undoing.removed, undoing.restored, kept)


def _hand_over(store: Store, record: Import, name: str, mark: str) -> int:
    """Later imports that replaced something of this one now replace what was there before it. Returns how many rows.

    Otherwise taking them back would bring back what is taken back here.
    """
    statement = (
        update(_CHANGES)
        .where(_CHANGES.c.import_id == bindparam("key_import"), _CHANGES.c.seq == bindparam("key_seq"))
        .values(before=bindparam("to_before"))
    )
    before: dict[tuple[Any, ...], Any] | None = None
    handed_over = 0
    for rows in _later_changes(store, record, name, mark):
        if before is None:
            before = _replaced(store, record)
        parameters = [
            {
                "key_import": row.import_id,
                "key_seq": row.seq,
                "to_before": _handed_over(row.before, before.get(tuple(row.row_key))),
            }
            for row in rows
        ]
        with store.writing() as session:
            session.connection().execute(statement, parameters)
        handed_over += len(rows)
    return handed_over


def _handed_over(later: Mapping[str, Any], earlier: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What a later import replaces once an earlier one is taken back: that one's columns are as before it, the others
    as before the later one. What the earlier one had filed returns no more."""
    if earlier is None:
        return None
    return {**{name: value for name, value in later.items() if name != "filed"}, **earlier}


def _later_changes(store: Store, record: Import, name: str, mark: str) -> Iterator[Sequence[Any]]:
    """What other imports replaced of this one, in batches."""
    place = (_CHANGES.c.import_id, _CHANGES.c.seq)
    query = (
        select(*place, _CHANGES.c.row_key, _CHANGES.c.before)
        .where(_CHANGES.c.company_id == record.company_id, _CHANGES.c.import_id != record.id)
        .where(_CHANGES.c.before[name].as_string() == mark)
        # One that was taken back itself replaces nothing any more.
        .where(_CHANGES.c.import_id.in_(select(col(Import.id)).where(col(Import.state).in_(("running", "imported")))))
        .order_by(*place)
        .limit(_BATCH)
    )
    wanted = query
    while True:
        with store.reading() as session:
            rows = session.execute(wanted).all()
        if not rows:
            return
        yield rows
        last = (literal(rows[-1].import_id, place[0].type), literal(rows[-1].seq, place[1].type))
        wanted = query.where(tuple_(*place) > tuple_(*last))


def _replaced(store: Store, record: Import) -> dict[tuple[Any, ...], Any]:
    """What was before this import, by the key of the row; most of a large file's is one and the same stamp."""
    shared: dict[str, Any] = {}
    return {
        tuple(key): shared.setdefault(json.dumps(stored), stored)
        for batch in _changes(store, record.id)
        for key, stored in batch
    }


def _changes(store: Store, import_id: uuid.UUID) -> Iterator[list[tuple[list[Any], Mapping[str, Any] | None]]]:
    """(key of the row, what was before) in batches, each read in a transaction of its own."""
    last = -1
    while True:
        query = (
            select(_CHANGES.c.seq, _CHANGES.c.row_key, _CHANGES.c.before)
            .where(_CHANGES.c.import_id == import_id, _CHANGES.c.seq > last)
            .order_by(_CHANGES.c.seq)
            .limit(_BATCH)
        )
        with store.reading() as session:
            rows = session.execute(query).all()
        if not rows:
            return
        last = rows[-1].seq
        yield [(row.row_key, row.before) for row in rows]


def _undo_postings(store: Store, record: Import, now: datetime) -> Undone:
    undone = Undone()
    undo_postings(store, record, undone, now=now)
    return undone


_UNDO = {"metrics": _undo_facts, "applications": _undo_applications, "postings": _undo_postings}


def _chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk
