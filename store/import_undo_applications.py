"""Takes a file's applications back: what it changed returns, what it brought goes, batch by batch."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select, update
from sqlmodel import Session

from store.among import among
from store.opening import Store
from store.tables import Application, Import
from store.vault import VaultError
from store.writes.applications import SEALED_COLUMNS, STAGE_COLUMNS, days_of, from_document
from store.writes.applications_locked import lock_applications
from store.writes.applications_settled import forget_import, persons_of
from store.writes.referrals_settled import release_applications, settle_applications, settle_referrals

_TABLE = Application.__table__  # type: ignore[attr-defined]
#: What a file changes of an application that is as it tells it.
_STAMP = {"import_id", "updated_at", "told_by"}
_READ = ("id", "told_by", "email_index", "person_index", *STAGE_COLUMNS)


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
    """Bring back what the import replaced, of (key, columns before; None for no row). Returns changed days."""
    lock_applications(session, undoing.record.company_id)
    before = {uuid.UUID(key[0]): stored for key, stored in changes}
    rows = _read(session, _ours(undoing.record).where(among(session, _TABLE.c.id, before)))
    gone = [row for row in rows if before[row["id"]] is None]
    stamps: dict[tuple[Any, ...], list[uuid.UUID]] = {}
    changed: list[Mapping[str, Any]] = []
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
    forget_import(session, [row["id"] for row in rows], undoing.record.id)
    _delete(session, undoing, [row["id"] for row in gone])
    if changed or gone:
        which = ({row["id"] for row in changed}, persons_of(*changed, *gone))
        settle_applications(session, undoing.store.vault, undoing.record.company_id, which, now=undoing.now)
    return days_of([*changed, *gone], undoing.zone)


def remove_applications(session: Session, undoing: Undoing, most: int) -> set[date] | None:
    """Delete at most so many of what the import brought. Returns changed days; None where nothing is left."""
    lock_applications(session, undoing.record.company_id)
    rows = _read(session, _ours(undoing.record).limit(most))
    if not rows:
        return None
    _delete(session, undoing, [row["id"] for row in rows])
    return days_of(rows, undoing.zone)


def _ours(record: Import) -> Any:
    """Applications as the import left them: nobody has changed them since."""
    columns = (_TABLE.c[name] for name in _READ)
    return select(*columns).where(_TABLE.c.import_id == record.id, _TABLE.c.updated_at == record.created_at)


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
