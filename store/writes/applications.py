"""Applications in bulk: found by their reference, compared, sealed and written with what they replaced."""

import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, insert, select, update
from sqlmodel import Session

from domain.text import clean_text, key_text
from store.tables import Application, ImportChange, JobPosting
from store.tables.columns import new_id
from store.vault import Vault, VaultError
from store.writes.imports import ImportCounts
from store.writes.projections import mark_applications_dirty

_TABLE = Application.__table__  # type: ignore[attr-defined]
_CHANGES = ImportChange.__table__  # type: ignore[attr-defined]
STAGE_COLUMNS = (
    "applied_at", "reviewed_at", "interviewed_at", "offered_at", "hired_at", "rejected_at", "withdrawn_at",
)  # fmt: skip
#: Columns a file may change; the sealed ones are compared as plain text.
PLAIN_COLUMNS = ("posting_ref", "posting_title", "source", "source_platform", "stage", *STAGE_COLUMNS)
SEALED_COLUMNS = ("candidate_name", "candidate_email")
_RESTORABLE = (*PLAIN_COLUMNS, *SEALED_COLUMNS, "posting_id", "email_index", "import_id", "told_by", "updated_at")


@dataclass(frozen=True, slots=True)
class ApplicationTold:
    """An application as a file tells it. `values` has a key for each column that the file has, None for a blank."""

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
class Writer:
    """Who writes: the import, its company and zone, its instant, and the vault that seals names."""

    import_id: uuid.UUID
    company_id: uuid.UUID
    zone: ZoneInfo
    vault: Vault
    now: datetime


class PostingIndex:
    """Finds our posting for what a file calls it: by requisition, else by a title that only one posting has."""

    def __init__(self, session: Session, company_id: uuid.UUID) -> None:
        rows = session.execute(
            select(JobPosting.id, JobPosting.requisition_ref, JobPosting.title).where(  # type: ignore[call-overload]
                JobPosting.company_id == company_id
            )
        ).all()
        self._by_ref: dict[str, uuid.UUID] = {_folded(ref): posting_id for posting_id, ref, _ in rows if ref}
        titles: dict[str, set[uuid.UUID]] = {}
        for posting_id, _, title in rows:
            titles.setdefault(_folded(title), set()).add(posting_id)
        self._by_title: dict[str, uuid.UUID] = {
            title: next(iter(ids)) for title, ids in titles.items() if len(ids) == 1 and title
        }

    def find(self, ref: str, title: str) -> uuid.UUID | None:
        """The posting's id; None where nobody knows it yet."""
        if ref and (found := self._by_ref.get(_folded(ref))):
            return found
        return self._by_title.get(_folded(title)) if title else None


def link_applications(session: Session, company_id: uuid.UUID) -> int:
    """Give applications whose posting nobody knew theirs, where there is one now; returns how many were linked."""
    index = PostingIndex(session, company_id)
    waiting = (_TABLE.c.company_id == company_id, _TABLE.c.posting_id.is_(None))
    named = session.execute(select(_TABLE.c.posting_ref, _TABLE.c.posting_title).where(*waiting).distinct()).all()
    linked, days = 0, set[datetime]()
    for ref, title in named:
        found = index.find(ref, title)
        if found is None:
            continue
        these = (*waiting, _TABLE.c.posting_ref == ref, _TABLE.c.posting_title == title)
        reached = session.execute(select(*(_TABLE.c[name] for name in STAGE_COLUMNS)).where(*these)).all()
        days.update(instant for row in reached for instant in row if instant is not None)
        session.execute(update(_TABLE).where(*these).values(posting_id=found))
        linked += len(reached)
    mark_applications_dirty(session, company_id, days)
    return linked


def clean_told(told: ApplicationTold) -> ApplicationTold:
    """The same with text that every database takes."""
    values = {name: clean_text(value) if isinstance(value, str) else value for name, value in told.values.items()}
    return ApplicationTold(key_text(told.external_ref, 200), values)


def find_applications(session: Session, company_id: uuid.UUID, refs: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """Stored rows by their reference."""
    rows = session.connection().execute(
        select(_TABLE).where(_TABLE.c.company_id == company_id, _TABLE.c.external_ref.in_(sorted(refs)))
    )
    return {row.external_ref: dict(row._mapping) for row in rows}


def compare(vault: Vault, stored: Mapping[str, Any], told: ApplicationTold) -> Difference:
    """What a file would change in a stored application.

    A posting found before stays when the file's words no longer find one. A blank takes a stage away only from what
    a file told in the first place.
    """
    columns: dict[str, tuple[Any, Any]] = {}
    for name, after in told.values.items():
        if name == "posting_id" and after is None:
            continue
        if name in STAGE_COLUMNS and after is None and stored["told_by"] != "file":
            continue
        before = _opened(vault, stored, name) if name in SEALED_COLUMNS else stored[name]
        if before != after:
            columns[name] = (before, after)
    return Difference(told.external_ref, columns)


def write_applications(session: Session, writer: Writer, told: Sequence[ApplicationTold], first_seq: int) -> Written:
    """Insert new applications, change known ones, and keep what was before. References are unique in a batch.

    `first_seq` numbers the kept changes; a batch keeps at most as many as it has rows.
    """
    written = Written()
    stored = find_applications(session, writer.company_id, {one.external_ref for one in told})
    new = [_new_row(writer, one) for one in told if one.external_ref not in stored]
    if new:
        session.connection().execute(insert(_TABLE), new)
        written.counts.inserted = len(new)
        written.days |= days_of(new, writer.zone)
    known = [one for one in told if one.external_ref in stored]
    if known:
        _change(session, writer, [(stored[one.external_ref], one) for one in known], (first_seq, written))
    return written


def days_of(rows: Iterable[Mapping[str, Any]], zone: ZoneInfo) -> set[date]:
    """The days, in the company's zone, on which these applications reached a stage."""
    return {
        instant.astimezone(zone).date()
        for row in rows
        for name in STAGE_COLUMNS
        if (instant := row.get(name)) is not None
    }


def _change(
    session: Session, writer: Writer, pairs: list[tuple[Mapping[str, Any], ApplicationTold]], into: tuple[int, Written]
) -> None:
    first_seq, written = into
    changes: list[dict[str, Any]] = []
    updates: list[dict[str, Any]] = []
    for stored, told in pairs:
        columns = compare(writer.vault, stored, told).columns
        after = _sealed(writer.vault, stored["id"], {name: pair[1] for name, pair in columns.items()})
        before = {name: stored[name] for name in (*after, "import_id", "updated_at", "told_by")}
        changes.append(
            {
                "import_id": writer.import_id,
                "seq": first_seq + len(changes),
                "company_id": writer.company_id,
                "row_key": [str(stored["id"])],
                "before": to_document(before),
                "after": {"columns": sorted(columns)},
            }
        )
        updates.append(dict(stored) | after)
        if columns:
            written.counts.updated += 1
            written.days |= days_of([stored, after], writer.zone)
        else:
            written.counts.unchanged += 1
    _update_all(session, writer, updates)
    session.connection().execute(insert(_CHANGES), changes)


def _update_all(session: Session, writer: Writer, rows: list[dict[str, Any]]) -> None:
    stamped = {"import_id": writer.import_id, "updated_at": writer.now, "told_by": "file"}
    names = (*PLAIN_COLUMNS, *SEALED_COLUMNS, "posting_id", "email_index", *stamped)
    statement = (
        update(_TABLE)
        .where(_TABLE.c.id == bindparam("key_id"))
        .values({name: bindparam(f"to_{name}") for name in names})
    )
    parameters = [{"key_id": row["id"]} | {f"to_{name}": (row | stamped)[name] for name in names} for row in rows]
    session.connection().execute(statement, parameters)


def _new_row(writer: Writer, told: ApplicationTold) -> dict[str, Any]:
    row_id = new_id()
    empty = dict.fromkeys(
        ("posting_ref", "posting_title", "candidate_name", "candidate_email", "email_index", "source"), ""
    )
    blank: dict[str, Any] = dict.fromkeys((*STAGE_COLUMNS, "posting_id"))
    return (
        empty
        | blank
        | {"source_platform": "other", "stage": "applied"}
        | _sealed(writer.vault, row_id, told.values)
        | {
            "id": row_id,
            "company_id": writer.company_id,
            "external_ref": told.external_ref,
            "told_by": "file",
            "import_id": writer.import_id,
            "created_at": writer.now,
            "updated_at": writer.now,
        }
    )


def _sealed(vault: Vault, row_id: uuid.UUID, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values as stored: names and addresses sealed, the address findable by its digest."""
    row = dict(values)
    for name in SEALED_COLUMNS:
        if row.get(name):
            row[name] = vault.seal("applications", row_id, name, row[name])
    if "candidate_email" in row:
        row["email_index"] = vault.digest("email-bidx", values["candidate_email"]) if values["candidate_email"] else ""
    return row


def _opened(vault: Vault, stored: Mapping[str, Any], column: str) -> str:
    """A sealed value in the clear; what can no longer be opened is replaced by what the file says."""
    if not stored[column]:
        return ""
    try:
        return vault.open("applications", stored["id"], column, stored[column])
    except VaultError:
        return "\N{REPLACEMENT CHARACTER}"


def to_document(values: Mapping[str, Any]) -> dict[str, Any]:
    """Columns as JSON."""
    return {
        name: value.isoformat()
        if isinstance(value, datetime)
        else str(value)
        if isinstance(value, uuid.UUID)
        else value
        for name, value in values.items()
    }


def from_document(document: Mapping[str, Any]) -> dict[str, Any]:
    """Columns from JSON; unknown ones are left out."""
    return {name: _from_json(name, value) for name, value in document.items() if name in _RESTORABLE}


def _from_json(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name.endswith("_at"):
        return datetime.fromisoformat(value)
    return uuid.UUID(value) if name in ("import_id", "posting_id") else value


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
