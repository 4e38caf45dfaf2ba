"""What an earlier file told of an application: kept while a later file speaks in its place, and brought back."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from domain.attribution import current_stage
from store.writes.applications_settled import STAGE_COLUMNS, UNDATED, Reports, file_reports, import_ref

_IDS = ("link_id", "referral_id")


def filed_document(reports: Reports) -> dict[str, Any]:
    """What files told among these reports, as JSON keeps it."""
    others = reports.without_files()
    return {
        "stages": [
            [*key, at.isoformat(), told_by]
            for key, (at, told_by) in sorted(reports.stages.items())
            if key not in others.stages
        ],
        "touches": [
            {name: _spelled(value) for name, value in touch.items()}
            for key, touch in sorted(reports.touches.items())
            if key not in others.touches
        ],
    }


def without_import(reports: Reports, import_id: uuid.UUID) -> Reports:
    """The same without what one import told."""
    mine = _refs(import_id)
    return Reports(
        {key: told for key, told in reports.stages.items() if key[1] not in mine},
        {key: touch for key, touch in reports.touches.items() if key[1] not in mine},
        reports.stored,
    )


def earlier_reports(reports: Reports, import_id: uuid.UUID, before: Mapping[str, Any]) -> Reports:
    """What files had told before an import spoke in their place; `reports` are those of now, `before` is the document
    of what the import replaced, with columns as they are stored."""
    filed = before.get("filed")
    if isinstance(filed, Mapping):
        return _from_document(filed)
    if before.get("told_by") != "file" or not before.get("import_id"):
        # Nobody but events had told of it.
        return Reports()
    # Its columns were a file's: those that the import left alone are as the import tells them too.
    columns = {name: value for name, value in before.items() if name in _TOLD}
    times = {name: datetime.fromisoformat(value) for name, value in columns.items() if name in STAGE_COLUMNS and value}
    gone = {name: None for name, value in columns.items() if name in STAGE_COLUMNS and not value}
    return file_reports({**_as_told(reports, import_id), **columns, **times, **gone}, uuid.UUID(before["import_id"]))


_TOLD = frozenset({*STAGE_COLUMNS, "stage", "source", "source_platform"})


def _as_told(reports: Reports, import_id: uuid.UUID) -> dict[str, Any]:
    """The columns that an import told by its reports."""
    mine = import_ref(import_id)
    times = {stage: at for (stage, ref), (at, _) in reports.stages.items() if ref == mine}
    undated = [stage for stage, ref in reports.stages if ref == f"{UNDATED}{mine}"]
    touch = reports.touches.get(("declared", mine), {})
    return {
        **{f"{stage}_at": at for stage, at in times.items()},
        "stage": current_stage(times, undated),
        "source": touch.get("source", ""),
        "source_platform": touch.get("platform", "other"),
    }


def _refs(import_id: uuid.UUID) -> Collection[str]:
    mine = import_ref(import_id)
    return {mine, f"{UNDATED}{mine}"}


def _from_document(filed: Mapping[str, Any]) -> Reports:
    reports = Reports()
    for stage, ref, at, told_by in filed.get("stages", ()):
        reports.add_stage(stage, datetime.fromisoformat(at), ref=ref, told_by=told_by)
    for touch in filed.get("touches", ()):
        ids = {name: uuid.UUID(touch[name]) if touch.get(name) else None for name in _IDS}
        reports.add_touch({**touch, **ids, "at": datetime.fromisoformat(touch["at"])})
    return reports


def _spelled(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value
