"""What a person does with a file: look at it, see what it would do, import it, take it back."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from sqlmodel import Session, col, select

from actions.import_file import open_file, period_above
from actions.import_garbage import collecting_seldom
from actions.import_plan import Plan, make_plan
from actions.import_run import Imported, Progress, run_plan
from actions.viewer import NotFound, Viewer, deed, require_admin
from connectors.files.columns import APPLICATION_FIELDS, FILE_METRICS, METRICS_FIELDS, POSTING_FIELDS, header_hash
from connectors.files.errors import FileRefused
from connectors.files.mapping import FileMapping, Kind, guess_mapping, preset_of
from connectors.files.reading import open_table
from connectors.files.table import Record, SourceFile, Table, cell_text
from store.import_undo import NotUndoable, Undone, is_silent, undo_dead_imports
from store.import_undo import undo_import as take_back
from store.opening import Store
from store.tables import Import, User
from store.writes.audit import append_audit
from store.writes.imports import find_mapping

__all__ = [
    "APPLICATION_FIELDS",
    "FILE_METRICS",
    "METRICS_FIELDS",
    "POSTING_FIELDS",
    "FileMapping",
    "FileRefused",
    "Imported",
    "Inspection",
    "NotUndoable",
    "PastImport",
    "Plan",
    "SourceFile",
    "Undone",
    "inspect_file",
    "list_imports",
    "plan_import",
    "recover_imports",
    "run_import",
    "undo_import",
]

_SAMPLE = 8


@dataclass(frozen=True)
class Inspection:
    """A first look at a file: its columns, some rows, and the likeliest mapping.

    `origin` says where the mapping comes from: "remembered", a preset's label, or "guessed".
    """

    headers: tuple[str, ...]
    header_row: int
    sample: tuple[tuple[str, ...], ...]
    details: dict[str, str]
    sheets: tuple[str, ...]
    mapping: FileMapping
    origin: str
    advice: str = ""
    imported_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PastImport:
    """A line of the history. `is_stuck` says that it broke off and can be taken back."""

    id: uuid.UUID
    kind: str
    platform: str
    file_name: str
    state: str
    inserted: int
    updated: int
    unchanged: int
    rejected: int
    rejections: dict[str, Any]
    created_at: datetime
    undone_at: datetime | None
    by: str
    is_stuck: bool


def utc_now() -> datetime:
    """The clock of imports under way."""
    return datetime.now(UTC)


def inspect_file(
    store: Store, viewer: Viewer, source: SourceFile, *, sheet: str = "", kind: Kind | None = None, now: datetime
) -> Inspection:
    """Open a file and propose how to read it. Raises NotAllowed, FileRefused."""
    require_admin(store, viewer, "import.inspect", source.name, now=now)
    table = open_table(source, sheet)
    with store.reading() as session:
        remembered = _remembered(session, viewer, table, kind)
        imported_at = _imported_at(session, viewer, source)
    mapping = remembered or guess_mapping(table, file_name=source.name, kind=kind)
    preset = preset_of(mapping)
    mapping = mapping.model_copy(update={"sheet": table.details.get("sheet", "")})
    return Inspection(
        headers=table.headers,
        header_row=table.header_row,
        sample=_sample(table),
        details=table.details,
        sheets=table.sheets,
        mapping=_dated(mapping, table),
        origin="remembered" if remembered else preset.label if preset else "guessed",
        advice=preset.advice if preset else "",
        imported_at=imported_at,
    )


def plan_import(store: Store, viewer: Viewer, source: SourceFile, mapping: FileMapping, *, now: datetime) -> Plan:
    """What importing the file would do; nothing is written. Raises NotAllowed, FileRefused."""
    require_admin(store, viewer, "import.plan", source.name, now=now)
    with collecting_seldom():
        return make_plan(store, open_file(store, viewer, source, mapping, now=now))


def run_import(
    store: Store,
    viewer: Viewer,
    source: SourceFile,
    plan: Plan,
    *,
    clock: Callable[[], datetime] = utc_now,
    progress: Progress = lambda _share: None,
) -> Imported:
    """Carry a plan out. The file must still be the one that was planned.

    Raises NotAllowed, and FileRefused where the plan does not hold. When anything else fails, nothing stays.
    """
    require_admin(store, viewer, "import.run", source.name, now=clock())
    if source.sha256 != plan.file_hash:
        raise FileRefused("changed", "The file is not the one of the preview. Look at the preview again.")
    if not plan.can_import:
        raise FileRefused("nothing", "There is nothing to import, or a question is still open.")
    file = open_file(store, viewer, source, plan.mapping, now=clock(), survey=plan.survey)
    return run_plan(store, viewer, file, plan, clock=clock, progress=progress)


def undo_import(store: Store, viewer: Viewer, import_id: uuid.UUID, *, now: datetime) -> Undone:
    """Take an import back, or finish one that broke off. Raises NotAllowed, NotFound, NotUndoable."""
    require_admin(store, viewer, "import.undo", import_id, now=now)
    with store.reading() as session:
        record = session.get(Import, import_id)
        if record is None or record.company_id != viewer.company_id:
            raise NotFound("no such import")
        if record.state == "running" and not is_silent(session, import_id, now=now):
            raise NotUndoable("This import is still running.")
    undone = take_back(store, import_id, now=now)
    done = deed(
        viewer,
        "import.undo",
        import_id,
        file=record.file_name,
        removed=undone.removed,
        restored=undone.restored,
        kept=undone.kept,
    )
    with store.writing() as session:
        append_audit(session, done, now=now)
    return undone


def recover_imports(store: Store, *, now: datetime) -> int:
    """At start: take back imports whose process died in the middle. Returns how many."""
    return len(undo_dead_imports(store, now=now))


def list_imports(store: Store, viewer: Viewer, *, now: datetime, limit: int = 50) -> list[PastImport]:
    """The company's imports, the newest first. Raises NotAllowed."""
    require_admin(store, viewer, "import.list", now=now)
    with store.reading() as session:
        rows = session.exec(
            select(Import, User.name)
            .join(User, col(User.id) == col(Import.created_by), isouter=True)
            .where(Import.company_id == viewer.company_id)
            .order_by(col(Import.created_at).desc())
            .limit(limit)
        ).all()
        return [_past(session, record, by or "", now) for record, by in rows]


def _past(session: Session, record: Import, by: str, now: datetime) -> PastImport:
    return PastImport(
        id=record.id,
        kind=record.kind,
        platform=record.platform,
        file_name=record.file_name,
        state=record.state,
        inserted=record.inserted,
        updated=record.updated,
        unchanged=record.unchanged,
        rejected=record.rejected,
        rejections=dict(record.rejections),
        created_at=record.created_at,
        undone_at=record.undone_at,
        by=by,
        is_stuck=record.state == "running" and is_silent(session, record.id, now=now),
    )


def _remembered(session: Session, viewer: Viewer, table: Table, kind: Kind | None) -> FileMapping | None:
    """The mapping used before for these headers. One that no longer fits the program is not used."""
    stored = find_mapping(session, viewer.company_id, header_hash(table.headers))
    if stored is None:
        return None
    try:
        mapping = FileMapping.model_validate(stored)
    except ValidationError:
        return None
    known = set(table.headers) >= {*mapping.columns.values(), *mapping.metrics.values()}
    return mapping if known and kind in (None, mapping.kind) else None


def _imported_at(session: Session, viewer: Viewer, source: SourceFile) -> datetime | None:
    """When the same content was imported last, if it was and stands."""
    query = select(Import.created_at).where(
        Import.company_id == viewer.company_id, Import.file_hash == source.sha256, Import.state == "imported"
    )
    return session.exec(query.order_by(col(Import.created_at).desc()).limit(1)).first()


def _dated(mapping: FileMapping, table: Table) -> FileMapping:
    """A file whose lines above the table name one day is about that day."""
    period = period_above(table)
    if mapping.kind == "metrics" and "day" not in mapping.columns and period and period[0] == period[1]:
        return mapping.model_copy(update={"day": period[0]})
    return mapping


def _sample(table: Table) -> tuple[tuple[str, ...], ...]:
    rows: list[Record] = []
    for record in table.rows():
        rows.append(record)
        if len(rows) == _SAMPLE:
            break
    return tuple(tuple(cell_text(cell)[:60] for cell in record.cells[: len(table.headers)]) for record in rows)
