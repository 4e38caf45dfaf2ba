"""Takes a file's applications back: what it changed returns, what it brought goes, batch by batch."""

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, exists, select, update
from sqlmodel import Session

from store.among import among
from store.opening import Store
from store.tables import Application, ApplicationStage, ApplicationTouch, Import
from store.vault import VaultError
from store.writes.applications import SEALED_COLUMNS, STAGE_COLUMNS, days_of, from_document
from store.writes.applications_locked import lock_applications
from store.writes.applications_settled import (
    UNDATED,
    import_ref,
    opened,
    persons_of,
    read_many,
    sealed,
    settled,
    write_many,
)
from store.writes.import_reports import earlier_reports, without_import
from store.writes.referrals_settled import release_applications, settle_applications, settle_referrals

_TABLE = Application.__table__  # type: ignore[attr-defined]
_STAGES = ApplicationStage.__table__  # type: ignore[attr-defined]
_TOUCHES = ApplicationTouch.__table__  # type: ignore[attr-defined]
#: What a file changes of an application that is as it tells it.
_STAMP = {"import_id", "updated_at", "told_by"}
_READ = ("id", "told_by", "updated_at", "email_index", "person_index", *STAGE_COLUMNS)


@dataclass(slots=True)
class Undoing:
    """An import that is taken back: its record, its company's zone, and how many rows came back or went."""

    store: Store
    record: Import
    zone: ZoneInfo
    now: datetime
    restored: int = 0
    removed: int = 0


def restore_applications(
    session: Session, undoing: Undoing, changes: Collection[tuple[list[Any], Mapping[str, Any] | None]]
) -> set[date]:
    """Bring back what the import replaced, of (key, columns before; None for no row). Returns changed days.

    Of what somebody has changed since, what the import told goes, what files told before it returns, and what others
    say stays.
    """
    lock_applications(session, undoing.record.company_id)
    before = {uuid.UUID(key[0]): stored for key, stored in changes}
    found = _read(session, _brought(undoing.record).where(among(session, _TABLE.c.id, before)))
    rows = [row for row in found if row["updated_at"] == undoing.record.created_at]
    since = [row["id"] for row in found if row["updated_at"] != undoing.record.created_at]
    changed = _restore_changed(session, undoing, since, before) if since else []
    stamps: dict[tuple[Any, ...], list[uuid.UUID]] = {}
    for row in rows:
        stored = before[row["id"]]
        if stored is None:
            continue
        values = _openable(undoing.store, row["id"], from_document(stored))
        undoing.restored += 1
        if values.keys() <= _STAMP and values.get("told_by") == row["told_by"]:
            stamps.setdefault(tuple(sorted(values.items())), []).append(row["id"])
            continue
        session.execute(update(_TABLE).where(_TABLE.c.id == row["id"]).values(values))
        changed += [row, {**row, **values}]
    for stamp, ids in stamps.items():
        session.execute(update(_TABLE).where(among(session, _TABLE.c.id, ids)).values(dict(stamp)))
    _restore_reports(session, undoing, rows, before)
    gone = [row for row in rows if before[row["id"]] is None]
    _delete(session, undoing, [row["id"] for row in gone])
    if changed or gone:
        which = ({row["id"] for row in changed}, persons_of(*changed, *gone))
        settle_applications(session, undoing.store.vault, undoing.record.company_id, which, now=undoing.now)
    return days_of([*changed, *gone], undoing.zone)


def _restore_reports(
    session: Session,
    undoing: Undoing,
    rows: Sequence[Mapping[str, Any]],
    before: Mapping[uuid.UUID, Mapping[str, Any] | None],
) -> None:
    """The reports of applications that are as the import left them: its own go, an earlier file's return."""
    whose = {"company_id": undoing.record.company_id}
    told = read_many(session, [row["id"] for row in rows])
    wanted = []
    for row_id, reports in told.items():
        kept = without_import(reports, undoing.record.id)
        stored = before[row_id]
        if stored is not None and not kept.is_empty:
            kept.include(earlier_reports(reports, undoing.record.id, stored))
        wanted.append((whose | {"id": row_id}, kept))
    write_many(session, wanted)


def _restore_changed(
    session: Session,
    undoing: Undoing,
    ids: Collection[uuid.UUID],
    before: Mapping[uuid.UUID, Mapping[str, Any] | None],
) -> list[Mapping[str, Any]]:
    """Applications of the import that others have told of since, or somebody has set: what follows without it.

    Of each that changed, the row before and after.
    """
    rows = {row["id"]: row for row in _read(session, select(_TABLE).where(among(session, _TABLE.c.id, ids)))}
    pairs: list[Mapping[str, Any]] = []
    for row_id, reports in read_many(session, list(rows)).items():
        stored, row = before[row_id], rows[row_id]
        if stored is None:
            continue
        kept = without_import(reports, undoing.record.id)
        kept.include(earlier_reports(reports, undoing.record.id, stored))
        if kept.is_empty:
            continue
        write_many(session, [(row, kept)])
        columns = settled(undoing.store.vault, row, kept, {})
        differing = {name: value for name, value in columns.items() if value != opened(undoing.store.vault, row, name)}
        stamp = {"import_id": from_document(stored).get("import_id"), "updated_at": undoing.now}
        values = sealed(undoing.store.vault, row_id, differing) | stamp
        session.execute(update(_TABLE).where(_TABLE.c.id == row_id).values(values))
        pairs += [row, {**row, **values}]
        undoing.restored += 1
    return pairs


def remove_applications(session: Session, undoing: Undoing, most: int) -> set[date] | None:
    """Delete at most so many of what the import brought. Returns changed days; None where nothing is left."""
    lock_applications(session, undoing.record.company_id)
    rows = _read(session, _ours(undoing.record).limit(most)) or _read(session, _only_ours(undoing.record).limit(most))
    if not rows:
        return None
    _delete(session, undoing, [row["id"] for row in rows])
    return days_of(rows, undoing.zone)


def _brought(record: Import) -> Any:
    """Applications that the import spoke of last."""
    return select(*(_TABLE.c[name] for name in _READ)).where(_TABLE.c.import_id == record.id)


def _ours(record: Import) -> Any:
    """Applications as the import left them: nobody has changed them since."""
    return _brought(record).where(_TABLE.c.updated_at == record.created_at)


def _only_ours(record: Import) -> Any:
    """Applications that were changed since, and of which nobody but the import says anything any more."""
    mine = (import_ref(record.id), f"{UNDATED}{import_ref(record.id)}")
    is_told = exists().where(_STAGES.c.application_id == _TABLE.c.id)
    others = [
        exists().where(table.c.application_id == _TABLE.c.id, table.c.ref.not_in(mine)) for table in (_STAGES, _TOUCHES)
    ]
    return _brought(record).where(is_told, *(~one for one in others))


def _read(session: Session, query: Any) -> list[dict[str, Any]]:
    return [dict(row) for row in session.execute(query).mappings()]


def _delete(session: Session, undoing: Undoing, ids: list[uuid.UUID]) -> None:
    """Delete applications; referrals that they had set moving stand where they stood."""
    if not ids:
        return
    released = release_applications(session, ids)
    session.execute(delete(_TABLE).where(among(session, _TABLE.c.id, ids)))
    settle_referrals(session, undoing.store.vault, undoing.record.company_id, released, now=undoing.now)
    undoing.removed += len(ids)


def _openable(store: Store, row_id: uuid.UUID, values: dict[str, Any]) -> dict[str, Any]:
    """Without a name or address sealed with a key that was retired since: the present one stays."""
    for name in SEALED_COLUMNS:
        if not values.get(name):
            continue
        try:
            store.vault.open("applications", row_id, name, values[name])
        except VaultError:
            values.pop(name)
            if name == "candidate_email":
                values.pop("email_index", None)
    return values
