"""Applications in bulk, as files tell them: found, compared, sealed and written with what they replaced.

Events tell of one application at a time: `store.writes.applications_told.tell_application`. An application of which
events have told too is compared as it will be with the file's reports among the others.
"""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, insert, select, update
from sqlmodel import Session

from store.among import among
from store.emails import EmailParts
from store.tables import Application, ApplicationRef, Referral
from store.vault import Vault
from store.writes.applications_locked import lock_applications
from store.writes.applications_new import Row, insert_applications, seal_applications
from store.writes.applications_settled import (
    SEALED_COLUMNS,
    STAGE_COLUMNS,
    Reports,
    file_reports,
    opened,
    persons_of,
    read_many,
    sealed,
    settled,
    write_reports,
)
from store.writes.applications_told import PERSON, person_names
from store.writes.import_changes import Replaced, keep_changes, to_json
from store.writes.import_reports import filed_document
from store.writes.imports import ImportCounts
from store.writes.postings_found import PostingIndex
from store.writes.referrals_settled import settle_applications

__all__ = ["SEALED_COLUMNS", "STAGE_COLUMNS", "PostingIndex"]

_TABLE = Application.__table__  # type: ignore[attr-defined]
_REFS = ApplicationRef.__table__  # type: ignore[attr-defined]
_REFERRALS = Referral.__table__  # type: ignore[attr-defined]
#: Columns a file may change; the sealed ones are compared as plain text.
PLAIN_COLUMNS = ("posting_ref", "posting_title", "source", "source_platform", "stage", *STAGE_COLUMNS)
_RESTORABLE = (
    *PLAIN_COLUMNS, *SEALED_COLUMNS, "posting_id", "email_index", "person_index",
    "import_id", "told_by", "updated_at",
)  # fmt: skip
#: So many referrals of a company are read to see that none is of a file's persons; of more, each person is looked up.
_FEW_REFERRALS = 1_000
_STAMPED = ("import_id", "updated_at", "told_by")


@dataclass(frozen=True, slots=True)
class ApplicationTold:
    """An application as a file tells it, in text that every database takes (domain.text).

    `values` has a key for each column that the file has, None for a blank.
    """

    external_ref: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """How a told application differs from the stored one: column → (before, after), names in the clear."""

    external_ref: str
    columns: dict[str, tuple[Any, Any]]


@dataclass(slots=True)
class Written:
    """What became of a batch, and the days of the company's zone whose numbers change with it."""

    counts: ImportCounts = field(default_factory=ImportCounts)
    days: set[date] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Ready:
    """What can be made of a batch without the database: rows by reference, and the days that all of them change."""

    rows: Mapping[str, Row]
    days: set[date]


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes: the import, its company and zone, its instant, the vault that seals names, and where digests go."""

    import_id: uuid.UUID
    company_id: uuid.UUID
    zone: ZoneInfo
    vault: Vault
    now: datetime
    parts: EmailParts


def find_applications(
    session: Session, vault: Vault, company_id: uuid.UUID, told: Collection[ApplicationTold]
) -> dict[str, dict[str, Any]]:
    """Stored rows by the reference a file uses: by that name, else by person and posting where only events told.

    Rows of which events told have what was told under the key "reports".
    """
    whose = _TABLE.c.company_id == company_id
    is_told = among(session, _TABLE.c.external_ref, {one.external_ref for one in told})
    rows = session.connection().execute(select(_TABLE).where(whose, is_told))
    found: dict[str, dict[str, Any]] = {row.external_ref: dict(row._mapping) for row in rows}
    if _has_names(session, company_id, ""):
        named = {("", one.external_ref): one.external_ref for one in told if one.external_ref not in found}
        found |= _named(session, company_id, named)
    if _has_names(session, company_id, PERSON):
        people = {
            name: one.external_ref
            for one in reversed(list(told))
            if one.external_ref not in found
            for name in _people(vault, one)
        }
        found |= {ref: row for ref, row in _named(session, company_id, people).items() if row["import_id"] is None}
    reports = read_many(session, [row["id"] for row in found.values()]) if found else {}
    for row in found.values():
        if row["id"] in reports:
            row["reports"] = reports[row["id"]]
    return found


def _named(session: Session, company_id: uuid.UUID, names: Mapping[tuple[str, str], str]) -> dict[str, dict[str, Any]]:
    """Rows by the file's reference, found by names of applications."""
    wanted: dict[str, list[str]] = {}
    for scope, ref in names:
        if ref:
            wanted.setdefault(scope, []).append(ref)
    found: dict[str, dict[str, Any]] = {}
    for scope, refs in wanted.items():
        rows = session.connection().execute(
            select(_TABLE, _REFS.c.ref.label("its_name"))
            .join(_REFS, _REFS.c.application_id == _TABLE.c.id)
            .where(_REFS.c.company_id == company_id, _REFS.c.scope == scope, among(session, _REFS.c.ref, refs))
        )
        for row in rows:
            values = dict(row._mapping)
            found[names[scope, values.pop("its_name")]] = values
    return found


def _has_names(session: Session, company_id: uuid.UUID, scope: str) -> bool:
    """Whether applications have names of this kind: most files come to a company that no event has told of any."""
    named = select(_REFS.c.ref).where(_REFS.c.company_id == company_id, _REFS.c.scope == scope).limit(1)
    return session.connection().execute(named).first() is not None


def _people(vault: Vault, told: ApplicationTold) -> list[tuple[str, str]]:
    values = told.values
    called = (values.get("posting_ref") or "", values.get("posting_title") or "")
    return person_names(vault, values.get("candidate_email") or "", values.get("posting_id"), called)


def compare(vault: Vault, stored: Mapping[str, Any], told: ApplicationTold) -> Difference:
    """What a file would change in a stored application.

    A posting found before stays when the file's words no longer find one. A blank takes a stage away only from what
    a file told in the first place. Where events told of it too, the columns follow from all that was told.
    """
    columns: dict[str, tuple[Any, Any]] = {}
    values = told.values
    if "reports" in stored:
        values = settled(vault, stored, _with_file(stored, told, None), values)
        del values["told_by"]
    for name, after in values.items():
        if name == "posting_id" and after is None:
            continue
        if name in STAGE_COLUMNS and after is None and stored["told_by"] != "file":
            continue
        before = opened(vault, stored, name)
        if before != after:
            columns[name] = (before, after)
    return Difference(told.external_ref, columns)


def _with_file(stored: Mapping[str, Any], told: ApplicationTold, import_id: uuid.UUID | None) -> Reports:
    """All that events told of an application, and what this file tells instead of an earlier one."""
    reports: Reports = stored["reports"].without_files()
    reports.include(file_reports(told.values, import_id))
    return reports


def make_ready(writer: Writer, told: Sequence[ApplicationTold]) -> Ready:
    """What `write_applications` needs of new applications. Needs no database."""
    return Ready(seal_applications(writer, told), days_of((one.values for one in told), writer.zone))


def write_applications(
    session: Session,
    writer: Writer,
    told: Sequence[ApplicationTold],
    first_seq: int,
    *,
    ready: Ready | None = None,
) -> Written:
    """Insert new applications, change known ones, and keep what was before. References are unique in a batch.

    `first_seq` numbers the kept changes; a batch keeps at most as many as it has rows. `ready` is what `make_ready`
    made of all that is told, where most of it is expected to be new: the transaction is the shorter.
    """
    lock_applications(session, writer.company_id)
    written = Written()
    stored = find_applications(session, writer.vault, writer.company_id, told)
    new = [one for one in told if one.external_ref not in stored]
    persons: set[str] = set()
    if new:
        rows = seal_applications(writer, new) if ready is None else ready.rows
        persons = insert_applications(session, [rows[one.external_ref] for one in new])
        written.counts.inserted = len(new)
        # Where some were known after all, what was made ready has days too many.
        days = ready.days if ready and len(new) == len(told) else days_of((one.values for one in new), writer.zone)
        written.days |= days
    known = [one for one in told if one.external_ref in stored]
    changed: list[dict[str, Any]] = []
    if known:
        pairs = [(stored[one.external_ref], one) for one in known]
        changed = _change(session, writer, pairs, (first_seq, written))
    if changed or (persons and _may_be_referred(session, writer.company_id, persons)):
        ids = {row["id"] for row in changed}
        persons |= persons_of(*changed, *(row for row in stored.values() if row["id"] in ids))
        which = (sorted(ids), persons)
        settle_applications(session, writer.vault, writer.company_id, which, now=writer.now)
    return written


def _may_be_referred(session: Session, company_id: uuid.UUID, persons: Collection[str]) -> bool:
    """Whether a referral may be of one of these persons. Few are read: that takes less than to look all persons up."""
    columns = (_REFERRALS.c.person_index, _REFERRALS.c.email_index)
    query = select(*columns).where(_REFERRALS.c.company_id == company_id).limit(_FEW_REFERRALS + 1)
    found = session.connection().execute(query).all()
    return len(found) > _FEW_REFERRALS or any(index in persons for row in found for index in row)


def days_of(rows: Iterable[Mapping[str, Any]], zone: ZoneInfo) -> set[date]:
    """The days, in the company's zone, on which these applications reached a stage."""
    return {
        instant.astimezone(zone).date()
        for row in rows
        for name in STAGE_COLUMNS
        if (instant := row.get(name)) is not None
    }


def _change(
    session: Session,
    writer: Writer,
    pairs: Sequence[tuple[Mapping[str, Any], ApplicationTold]],
    into: tuple[int, Written],
) -> list[dict[str, Any]]:
    """The rows of which something changed, as they are afterwards. All are the import's from now on."""
    first_seq, written = into
    kept: list[Replaced] = []
    updates: list[dict[str, Any]] = []
    stamps: list[uuid.UUID] = []
    for stored, told in pairs:
        columns = compare(writer.vault, stored, told).columns
        if columns or "reports" in stored:
            after = sealed(writer.vault, stored["id"], {name: pair[1] for name, pair in columns.items()})
            before = {name: stored[name] for name in (*after, *_STAMPED)}
            if "reports" in stored:
                before["filed"] = filed_document(stored["reports"])
            kept.append(Replaced(stored["id"], to_json(before), tuple(columns)))
            # What events told stays an event's.
            told_by = stored["told_by"] if "reports" in stored else "file"
            updates.append(dict(stored) | after | {"told_by": told_by})
        else:
            kept.append(Replaced(stored["id"], _stamp_before(*(stored[name] for name in _STAMPED))))
            stamps.append(stored["id"])
        if "reports" in stored:
            _report(session, writer, stored, told)
        if columns:
            written.counts.updated += 1
            written.days |= days_of([stored, after], writer.zone)
        else:
            written.counts.unchanged += 1
    _update_all(session, writer, updates)
    _stamp_all(session, writer, stamps)
    keep_changes(session, (writer.import_id, writer.company_id), first_seq, kept)
    return updates


@lru_cache(maxsize=64)
def _stamp_before(import_id: uuid.UUID | None, updated_at: datetime, told_by: str) -> str:
    """Nearly all rows that a file tells again were stamped by one earlier file."""
    return to_json(dict(zip(_STAMPED, (import_id, updated_at, told_by), strict=True)))


def _stamp_all(session: Session, writer: Writer, ids: list[uuid.UUID]) -> None:
    """Rows that are as the file tells them: only whose they are changes."""
    if ids:
        stamp = {"import_id": writer.import_id, "updated_at": writer.now, "told_by": "file"}
        session.connection().execute(update(_TABLE).where(among(session, _TABLE.c.id, ids)).values(stamp))


def _report(session: Session, writer: Writer, stored: Mapping[str, Any], told: ApplicationTold) -> None:
    """Keep what the file tells among the reports of events, and the file's name among the application's."""
    write_reports(session, stored, _with_file(stored, told, writer.import_id))
    key = (writer.company_id, "", told.external_ref)
    if stored["external_ref"] != told.external_ref and session.get(ApplicationRef, key) is None:
        names = dict(zip(("company_id", "scope", "ref"), key, strict=True))
        session.connection().execute(insert(_REFS), [names | {"application_id": stored["id"]}])


def _update_all(session: Session, writer: Writer, rows: list[dict[str, Any]]) -> None:
    if not rows:
        return
    stamped = {"import_id": writer.import_id, "updated_at": writer.now}
    names = (*PLAIN_COLUMNS, *SEALED_COLUMNS, "posting_id", "email_index", "person_index", "told_by", *stamped)
    statement = (
        update(_TABLE)
        .where(_TABLE.c.id == bindparam("key_id"))
        .values({name: bindparam(f"to_{name}") for name in names})
    )
    parameters = [{"key_id": row["id"]} | {f"to_{name}": (row | stamped)[name] for name in names} for row in rows]
    session.connection().execute(statement, parameters)


def from_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Columns from JSON; unknown ones are left out."""
    return {name: _from_json(name, value) for name, value in document.items() if name in _RESTORABLE}


def _from_json(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_at"):
        return datetime.fromisoformat(value)
    return uuid.UUID(value) if name in ("import_id", "posting_id") else value
