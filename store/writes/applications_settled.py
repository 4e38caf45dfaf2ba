"""What an application's columns are, given all that was told of it: they follow from its reports, in any order.

What a person says goes before what anybody else tells: of a stage they say it was reached, their day counts; of a stage
they take back, no report counts that is dated before they said so. Of several who say something, the last one does.
"""

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from sqlalchemy import bindparam, delete, insert, select, update
from sqlmodel import Session

from domain.attribution import TOUCH_RANKS, Touch, current_stage, owning_touch
from domain.platforms import BY_KEY
from domain.referrals import mailbox
from store.tables import Application, ApplicationStage, ApplicationTouch
from store.tables.columns import new_id
from store.vault import Vault, VaultError
from store.writes.projections import mark_applications_dirty
from store.writes.referrals_settled import settle_applications

_TABLE = Application.__table__  # type: ignore[attr-defined]
_TOUCHES = ApplicationTouch.__table__  # type: ignore[attr-defined]
_STAGES = ApplicationStage.__table__  # type: ignore[attr-defined]
STAGE_COLUMNS = (
    "applied_at", "reviewed_at", "interviewed_at", "offered_at", "hired_at", "rejected_at", "withdrawn_at",
)  # fmt: skip
SEALED_COLUMNS = ("candidate_name", "candidate_email")
#: At the head of a report's ref: that the stage was reached is told, but not when.
UNDATED = "undated:"
#: Who told, where a person said it; the ref is one of the two heads, the instant it was said, and the change's id.
HAND = "hand"
_REACHED, _TAKEN_BACK = "hand:", "back:"
#: Of several who told of one application, the one that it goes by.
TOLD_RANKS = ("api", "webhook", "tracker", "link", "file")
_STAGE_PARTS = ("stage", "ref", "at", "told_by")
_TOUCH_PARTS = ("platform", "source", "medium", "campaign")
# Made once: to put a statement together takes longer than the database takes for it.
_STAGES_OF, _TOUCHES_OF = (
    select(table).where(table.c.application_id.in_(bindparam("ids", expanding=True))) for table in (_STAGES, _TOUCHES)
)
_ENTER, _TELL = insert(_TABLE), {"stage": insert(_STAGES), "touch": insert(_TOUCHES)}
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

    @property
    def has_new_touches(self) -> bool:
        """Whether a touch was told that is not stored yet."""
        return any(("touch", *key) not in self.stored for key in self.touches)

    def add_stage(self, stage: str, at: datetime, *, ref: str, told_by: str) -> None:
        """One report; told again, the earlier time stays: of those that still count where a person took some back."""
        known = self.stages.get((stage, ref))
        told = (at, told_by)
        if known is not None and known != told:
            said = _said(self).get(stage)
            told = min(known, told, key=lambda one: (_is_void(said, one[0]), one))
        self.stages[stage, ref] = told

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
    execute = session.connection().execute
    for row in execute(_STAGES_OF, {"ids": wanted}):
        reports = found.setdefault(row.application_id, Reports())
        reports.stages[row.stage, row.ref] = told = (row.at, row.told_by)
        reports.stored["stage", row.stage, row.ref] = (row.id, told)
    for row in execute(_TOUCHES_OF, {"ids": wanted}):
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
    write_many(session, [(row, reports)])


def write_many(session: Session, told: Iterable[tuple[Mapping[str, Any], Reports]]) -> None:
    """The same for many applications, each by its row, with a statement a table."""
    gone: dict[str, list[uuid.UUID]] = {"stage": [], "touch": []}
    fresh: dict[str, list[dict[str, Any]]] = {"stage": [], "touch": []}
    for row, reports in told:
        whose = {"company_id": row["company_id"], "application_id": row["id"]}
        wanted: dict[tuple[str, str, str], Any] = {("stage", *key): one for key, one in reports.stages.items()}
        wanted |= {("touch", *key): touch for key, touch in reports.touches.items()}
        for key, (row_id, held) in reports.stored.items():
            if wanted.get(key) != held:
                gone[key[0]].append(row_id)
        for key, one in wanted.items():
            if key not in reports.stored or reports.stored[key][1] != one:
                columns = one if key[0] == "touch" else dict(zip(_STAGE_PARTS, (*key[1:], *one), strict=True))
                fresh[key[0]].append({"id": new_id(), **whose, **columns})
    for table, kind in ((_STAGES, "stage"), (_TOUCHES, "touch")):
        if gone[kind]:
            session.execute(delete(table).where(table.c.id.in_(gone[kind])))
        if fresh[kind]:
            session.connection().execute(_TELL[kind], fresh[kind])


def settled(vault: Vault, row: Mapping[str, Any], reports: Reports, says: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that follow, names in the clear. `says` are plain columns of the newest telling."""
    columns = settled_stages(row, reports)
    tellers = {told_by for _, told_by in reports.stages.values() if told_by != HAND} or {row["told_by"]}
    columns["told_by"] = min(tellers, key=TOLD_RANKS.index)
    columns["source_platform"], columns["source"] = _source(reports, tellers)
    ids = [one for one in (row["posting_id"], says.get("posting_id")) if one]
    columns["posting_id"] = min(ids, key=str, default=None)
    for name in ("posting_ref", "posting_title"):
        columns[name] = better(row[name], says.get(name) or "")
    for name in SEALED_COLUMNS:
        columns[name] = better(opened(vault, row, name), says.get(name) or "")
    return columns


def settled_stages(row: Mapping[str, Any], reports: Reports) -> dict[str, Any]:
    """The stage and its instants alone, as columns."""
    times, undated = reached(reports)
    columns: dict[str, Any] = {name: times.get(name.removesuffix("_at")) for name in STAGE_COLUMNS}
    columns["applied_at"] = times.get("applied", row["applied_at"])
    columns["stage"] = current_stage(times, undated)
    return columns


def reached(reports: Reports) -> tuple[dict[str, datetime], set[str]]:
    """The instant each stage was reached, and the stages that were reached nobody knows when."""
    times: dict[str, datetime] = {}
    undated: set[str] = set()
    said = _said(reports)
    for (stage, ref), (at, told_by) in sorted(reports.stages.items()):
        if told_by == HAND or _is_void(said.get(stage), at):
            continue
        if ref.startswith(UNDATED):
            undated.add(stage)
        else:
            times[stage] = min(at, times.get(stage, at))
    times |= {stage: one.at for stage, one in said.items() if one.is_reached}
    if times:
        # Nobody reaches a stage before applying.
        times["applied"] = min(times.values())
    return times, undated


def dating_refs(reports: Reports) -> set[tuple[str, str]]:
    """(stage, ref) of the reports that date their stages."""
    times, said = reached(reports)[0], _said(reports)
    found = {(stage, one.ref) for stage, one in said.items() if one.is_reached}
    for (stage, ref), (at, told_by) in reports.stages.items():
        if told_by != HAND and not ref.startswith(UNDATED) and not _is_void(said.get(stage), at):
            found |= {(stage, ref)} if times[stage] == at else set()
    return found


class Said(NamedTuple):
    """What a person said of a stage: that it was reached `at`, or that it was not reached as they knew `at`."""

    is_reached: bool
    at: datetime
    ref: str


def hand_ref(change_id: uuid.UUID, now: datetime, *, is_reached: bool) -> str:
    """The ref of what a change by hand says of a stage. Those of one kind sort by when they were said."""
    head = _REACHED if is_reached else _TAKEN_BACK
    return f"{head}{now.astimezone(UTC).isoformat(timespec='microseconds')}:{change_id}"


def change_of(ref: str) -> uuid.UUID:
    """The change by hand that a ref names."""
    return uuid.UUID(ref.rpartition(":")[2])


def is_taken_back(ref: str) -> bool:
    """Whether a change by hand says under this ref that a stage was not reached."""
    return ref.startswith(_TAKEN_BACK)


def _is_void(said: Said | None, at: datetime) -> bool:
    """Whether what anybody else tells of a stage, dated `at`, counts for nothing beside what a person said of it."""
    return said is not None and (said.is_reached or at <= said.at)


def _said(reports: Reports) -> dict[str, Said]:
    """The last word that a person said of each stage."""
    last: dict[str, Said] = {}
    for (stage, ref), (at, told_by) in reports.stages.items():
        if told_by == HAND and (stage not in last or _when(ref) > _when(last[stage].ref)):
            last[stage] = Said(not is_taken_back(ref), at, ref)
    return last


def _when(ref: str) -> str:
    return ref.partition(":")[2]


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
    now: datetime,
) -> None:
    """Bring a stored application's columns to what follows from its reports; changed days become due."""
    columns = settled(vault, row, *told)
    changed = {name: value for name, value in columns.items() if value != opened(vault, row, name)}
    if not changed and not told[0].has_new_touches:
        return
    values = sealed(vault, row["id"], changed) | {"updated_at": now} if changed else {}
    if changed:
        session.execute(update(_TABLE).where(_TABLE.c.id == row["id"]).values(values))
    if changed.keys() & set(_COUNTED):
        days = [one[name] for one in (row, columns) for name in STAGE_COLUMNS if one[name]]
        mark_applications_dirty(session, row["company_id"], days)
    settle_applications(session, vault, row["company_id"], ([row["id"]], persons_of(row, values)), now=now)


def enter_new(
    session: Session,
    vault: Vault,
    row: Mapping[str, Any],
    told: tuple[Reports, Mapping[str, Any]],
    *,
    now: datetime,
) -> Callable[[], None]:
    """Write an application that nobody told of before, given its blank columns, as its reports have it.

    Returns what is left to do when its names and reports are written too: its days become due, and referrals follow.
    """
    columns = settled(vault, row, *told)
    values = dict(row) | sealed(vault, row["id"], columns)
    session.connection().execute(_ENTER, values)

    def follow() -> None:
        mark_applications_dirty(session, row["company_id"], [columns[name] for name in STAGE_COLUMNS if columns[name]])
        settle_applications(session, vault, row["company_id"], ([row["id"]], persons_of(values)), now=now)

    return follow


def sealed(vault: Vault, row_id: uuid.UUID, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as stored: names and addresses sealed, the address findable by its digest."""
    row = dict(values)
    for name in SEALED_COLUMNS:
        if row.get(name):
            row[name] = vault.seal("applications", row_id, name, row[name])
    if "candidate_email" in row:
        row["email_index"], row["person_index"] = email_indexes(vault, values["candidate_email"] or "")
    return row


def email_indexes(vault: Vault, email: str) -> tuple[str, str]:
    """(Digest of an address, digest of its mailbox where that is another one); "" for none."""
    if "+" not in email:
        # An address without a plus is its mailbox.
        return (vault.digest("email-bidx", email), "") if email else ("", "")
    box = mailbox(email)
    other = vault.digest("email-bidx", box) if box != email.strip().casefold() else ""
    return vault.digest("email-bidx", email), other


def persons_of(*rows: Mapping[str, Any]) -> set[str]:
    """The digests by which the applicants of stored rows, or of values as stored, are found."""
    return {row.get(name) or "" for row in rows for name in ("email_index", "person_index")} - {""}


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
