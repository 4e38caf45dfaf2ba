"""What an application's columns are, given all that was told of it: they follow from its reports, in any order."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlmodel import Session

from domain.attribution import TOUCH_RANKS, Touch, current_stage, owning_touch
from domain.platforms import BY_KEY
from store.tables import Application, ApplicationStage, ApplicationTouch
from store.tables.columns import new_id
from store.vault import Vault, VaultError
from store.writes.projections import mark_applications_dirty

_TABLE = Application.__table__  # type: ignore[attr-defined]
_TOUCHES = ApplicationTouch.__table__  # type: ignore[attr-defined]
_STAGES = ApplicationStage.__table__  # type: ignore[attr-defined]
STAGE_COLUMNS = (
    "applied_at", "reviewed_at", "interviewed_at", "offered_at", "hired_at", "rejected_at", "withdrawn_at",
)  # fmt: skip
SEALED_COLUMNS = ("candidate_name", "candidate_email")
#: At the head of a report's ref: that the stage was reached is told, but not when.
UNDATED = "undated:"
#: Of several who told of one application, the one that it goes by.
TOLD_RANKS = ("api", "webhook", "tracker", "link", "file")
_TOUCH_PARTS = ("platform", "source", "medium", "campaign")
#: Columns on which facts depend.
_COUNTED = ("posting_id", "source_platform", "told_by", *STAGE_COLUMNS)


@dataclass(slots=True)
class Reports:
    """All that was told of one application. `stored` are the ids of what the database has already."""

    stages: dict[tuple[str, str], tuple[datetime, str]] = field(default_factory=dict)
    touches: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    stored: dict[tuple[str, str, str], tuple[uuid.UUID, Any]] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was told but by a file."""
        return not self.stages and not self.touches

    def add_stage(self, stage: str, at: datetime, *, ref: str, told_by: str) -> None:
        """One report; told again, the earlier time stays."""
        known = self.stages.get((stage, ref))
        told = (at, told_by)
        self.stages[stage, ref] = min(known, told) if known else told

    def add_touch(self, touch: Mapping[str, Any]) -> None:
        """One touch, its columns; told again, the earlier one stays."""
        if touch["kind"] not in TOUCH_RANKS:
            raise ValueError(f"not a kind of touch: {touch['kind']}")
        key = (touch["kind"], touch["ref"])
        known = self.touches.get(key)
        self.touches[key] = min((known, dict(touch)), key=_order) if known else dict(touch)

    def without_files(self) -> "Reports":
        """The same without what files told."""
        gone = {ref for (_, ref), (_, told_by) in self.stages.items() if told_by == "file"}
        return Reports(
            {key: told for key, told in self.stages.items() if told[1] != "file"},
            {key: touch for key, touch in self.touches.items() if key[1] not in gone},
            self.stored,
        )

    def include(self, other: "Reports") -> None:
        """Take over what another one was told."""
        for (stage, ref), (at, told_by) in other.stages.items():
            self.add_stage(stage, at, ref=ref, told_by=told_by)
        for touch in other.touches.values():
            self.add_touch(touch)


def _order(touch: Mapping[str, Any]) -> tuple[Any, ...]:
    links = tuple(str(touch.get(name) or "~") for name in ("link_id", "referral_id"))
    return (touch["at"], *(touch[name] for name in _TOUCH_PARTS), *links)


def read_reports(session: Session, row: Mapping[str, Any]) -> Reports:
    """What was told of a stored application."""
    return read_many(session, [row["id"]]).get(row["id"], Reports())


def read_many(session: Session, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Reports]:
    """The same for many; those of which only files told are left out."""
    wanted = list(ids)
    found: dict[uuid.UUID, Reports] = {}
    for row in session.execute(select(_STAGES).where(_STAGES.c.application_id.in_(wanted))):
        reports = found.setdefault(row.application_id, Reports())
        reports.stages[row.stage, row.ref] = told = (row.at, row.told_by)
        reports.stored["stage", row.stage, row.ref] = (row.id, told)
    for row in session.execute(select(_TOUCHES).where(_TOUCHES.c.application_id.in_(wanted))):
        reports = found.setdefault(row.application_id, Reports())
        touch = {name: value for name, value in row._mapping.items() if name not in ("id", "company_id")}
        del touch["application_id"]
        reports.touches[row.kind, row.ref] = touch
        reports.stored["touch", row.kind, row.ref] = (row.id, touch)
    return found


def file_reports(values: Mapping[str, Any], import_id: uuid.UUID | None = None) -> Reports:
    """What a file told of an application, from its columns; or whoever else wrote nothing but columns."""
    reports, ref = Reports(), import_ref(import_id or values.get("import_id"))
    told_by = values.get("told_by") or "file"
    dated = [name for name in STAGE_COLUMNS if values.get(name)]
    for name in dated:
        reports.add_stage(name.removesuffix("_at"), values[name], ref=ref, told_by=told_by)
    stage = values.get("stage") or "applied"
    if dated and f"{stage}_at" not in dated:
        reports.add_stage(stage, values[dated[0]], ref=f"{UNDATED}{ref}", told_by=told_by)
    if dated and (values.get("source") or values.get("source_platform", "other") != "other"):
        blank: dict[str, Any] = {"medium": "", "campaign": "", "link_id": None, "referral_id": None}
        platform, source = values.get("source_platform") or "other", values.get("source") or ""
        reports.add_touch(
            {"kind": "declared", "ref": ref, "at": values[dated[0]], "platform": platform, "source": source} | blank
        )
    return reports


def import_ref(import_id: uuid.UUID | None) -> str:
    """The ref of what an import told."""
    return f"import:{import_id or ''}"


def write_reports(session: Session, row: Mapping[str, Any], reports: Reports) -> None:
    """Bring the stored touches and stages to what `reports` holds, which came from `read_reports`."""
    whose = {"company_id": row["company_id"], "application_id": row["id"]}
    wanted = {("stage", *key): told for key, told in reports.stages.items()} | {
        ("touch", *key): touch for key, touch in reports.touches.items()
    }
    doomed = [key for key in reports.stored if key not in wanted]
    fresh = [key for key, told in wanted.items() if key not in reports.stored or reports.stored[key][1] != told]
    for table, kind in ((_STAGES, "stage"), (_TOUCHES, "touch")):
        gone = [reports.stored[key][0] for key in (*doomed, *fresh) if key[0] == kind and key in reports.stored]
        if gone:
            session.execute(delete(table).where(table.c.id.in_(gone)))
    stages = [
        {"id": new_id(), **whose, "stage": stage, "ref": ref, "at": told[0], "told_by": told[1]}
        for kind, stage, ref in fresh
        if kind == "stage" and (told := reports.stages[stage, ref])
    ]
    touches = [
        {"id": new_id(), **whose, **reports.touches[touch, ref]} for kind, touch, ref in fresh if kind == "touch"
    ]
    if stages:
        session.execute(insert(_STAGES), stages)
    if touches:
        session.execute(insert(_TOUCHES), touches)


def forget_import(session: Session, ids: Iterable[uuid.UUID], import_id: uuid.UUID) -> None:
    """Take what an import told of these applications out of their reports."""
    mine, wanted = import_ref(import_id), list(ids)
    for table in (_STAGES, _TOUCHES):
        session.execute(
            delete(table).where(table.c.application_id.in_(wanted), table.c.ref.in_([mine, f"{UNDATED}{mine}"]))
        )


def settled(vault: Vault, row: Mapping[str, Any], reports: Reports, says: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that follow, names in the clear. `says` are plain columns of the newest telling."""
    times: dict[str, datetime] = {}
    undated: set[str] = set()
    for (stage, ref), (at, _) in sorted(reports.stages.items()):
        if ref.startswith(UNDATED):
            undated.add(stage)
        else:
            times[stage] = min(at, times.get(stage, at))
    if times:
        # Nobody reaches a stage before applying.
        times["applied"] = min(times.values())
    columns: dict[str, Any] = {name: times.get(name.removesuffix("_at")) for name in STAGE_COLUMNS}
    columns["applied_at"] = times.get("applied", row["applied_at"])
    columns["stage"] = current_stage(times, undated)
    tellers = {told_by for _, told_by in reports.stages.values()} or {row["told_by"]}
    columns["told_by"] = min(tellers, key=TOLD_RANKS.index)
    columns["source_platform"], columns["source"] = _source(reports, tellers)
    ids = [one for one in (row["posting_id"], says.get("posting_id")) if one]
    columns["posting_id"] = min(ids, key=str, default=None)
    for name in ("posting_ref", "posting_title"):
        columns[name] = better(row[name], says.get(name) or "")
    for name in SEALED_COLUMNS:
        columns[name] = better(opened(vault, row, name), says.get(name) or "")
    return columns


def _source(reports: Reports, tellers: set[str]) -> tuple[str, str]:
    """(platform key, words). Where nobody says anything: the company's own site, if it told of the application."""
    touch = owning_touch(
        Touch(one["kind"], one["ref"], one["at"], one["platform"], one["source"]) for one in reports.touches.values()
    )
    if touch is None:
        return ("company_website" if tellers & {"tracker", "link"} else "other"), ""
    platform = touch.platform if touch.platform in BY_KEY else "other"
    return platform, touch.source or BY_KEY[platform].label


def better(one: str, other: str) -> str:
    """Of two spellings, the same whichever came first: the longer, then the first of the alphabet."""
    return min((one, other), key=lambda words: (-len(words), words))


def settle(
    session: Session,
    vault: Vault,
    row: Mapping[str, Any],
    told: tuple[Reports, Mapping[str, Any]],
    *,
    is_new: bool = False,
    now: datetime,
) -> None:
    """Bring a stored application's columns to what follows from its reports; changed days become due."""
    columns = settled(vault, row, *told)
    changed = {name: value for name, value in columns.items() if value != opened(vault, row, name)}
    if not changed and not is_new:
        return
    if changed:
        values = sealed(vault, row["id"], changed) | {"updated_at": now}
        session.execute(update(_TABLE).where(_TABLE.c.id == row["id"]).values(values))
    if is_new or changed.keys() & set(_COUNTED):
        days = [one[name] for one in (row, columns) for name in STAGE_COLUMNS if one[name]]
        mark_applications_dirty(session, row["company_id"], days)


def sealed(vault: Vault, row_id: uuid.UUID, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as stored: names and addresses sealed, the address findable by its digest."""
    row = dict(values)
    for name in SEALED_COLUMNS:
        if row.get(name):
            row[name] = vault.seal("applications", row_id, name, row[name])
    if "candidate_email" in row:
        row["email_index"] = vault.digest("email-bidx", values["candidate_email"]) if values["candidate_email"] else ""
    return row


def opened(vault: Vault, stored: Mapping[str, Any], column: str) -> Any:
    """A column in the clear; what can no longer be opened is a sign that anything replaces."""
    if column not in SEALED_COLUMNS:
        return stored[column]
    if not stored[column]:
        return ""
    try:
        return vault.open("applications", stored["id"], column, stored[column])
    except VaultError:
        return "\N{REPLACEMENT CHARACTER}"
