"""A list of postings on its way in: compared with ours by requisition, saved, and what waits for it linked."""

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlmodel import Session

from actions.import_file import Findings, OpenFile
from connectors.files.posting_rows import PostingRow, read_postings
from connectors.files.rejections import Rejections
from domain.postings import LABELS, PostingRefused, settled
from store.opening import Store
from store.tables import JobPosting
from store.writes.imports import ImportCounts
from store.writes.posting_history import told
from store.writes.posting_saved import as_held
from store.writes.postings import list_by_requisition, list_slugs
from store.writes.postings_found import folded
from store.writes.postings_imported import PostingWriter, write_postings

#: Postings looked up and written together.
POSTINGS_BATCH = 500
#: Changes shown before an import.
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Compared:
    """A row beside the posting of its requisition (None: it is new): the columns that differ, before and after."""

    row: PostingRow
    held: JobPosting | None
    columns: dict[str, tuple[Any, Any]]


class Known:
    """Our postings by requisition, and whose each slug is. Rows that were taken are known from then on."""

    def __init__(self, session: Session, company_id: uuid.UUID, refs: Iterable[str] | None = None) -> None:
        self._by_ref = list_by_requisition(session, company_id, refs)
        self._slugs = list_slugs(session, company_id)

    def find(self, ref: str) -> list[JobPosting]:
        """The postings of a requisition."""
        return self._by_ref.get(folded(ref), [])

    def is_free(self, slug: str, ref: str) -> bool:
        """Whether no other posting has the slug; from now on the posting of this requisition has it."""
        mark = folded(ref)
        return not slug or self._slugs.setdefault(folded(slug), mark) == mark


@dataclass
class PostingPlan:
    """What a list of postings would do. `closing` are open postings that the file closes."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    closing: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    changes: list[tuple[str, str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def plan_postings(store: Store, file: OpenFile, findings: Findings) -> PostingPlan:
    """Read the whole file and compare it with our postings. Writes nothing. Raises FileRefused."""
    plan = PostingPlan(notes=_unused(file))
    with store.reading() as session:
        known = Known(session, file.company.id)
        for row in read_postings(file.table, file.reading, findings.book):
            one = compare(row, known, file.reading.today, findings.book)
            if one is not None:
                _count(plan, one)
    if plan.closing:
        plan.notes.append(f"{plan.closing:,} open postings close by this file, also where they are published.")
    return plan


def compare(row: PostingRow, known: Known, today: date, book: Rejections) -> Compared | None:
    """A row beside what is stored; None where it cannot be taken, and then the book says why."""
    found = known.find(row.ref)
    if len(found) > 1:
        book.add(row.row, "requisition", "is that of several postings of yours: none of them is changed", row.ref)
        return None
    held = found[0] if found else None
    before = as_held(held) if held else None
    # An archived posting is closed, too: a list that says so does not bring it back.
    is_away = held is not None and held.status == "archived" and row.values.get("status") == "closed"
    told_values = {name: value for name, value in row.values.items() if not (is_away and name == "status")}
    try:
        wanted = settled(told_values, before, today)
        if not known.is_free(str(row.values.get("slug", "")), row.ref):
            raise PostingRefused("slug", "is that of another posting already")
    except PostingRefused as refusal:
        what = LABELS[refusal.field].lower()
        book.add(row.row, what, refusal.reason, told(row.values.get(refusal.field)))
        return None
    columns = {name: (before[name] if before else None, value) for name, value in wanted.items()}
    return Compared(row, held, {name: pair for name, pair in columns.items() if before is None or pair[0] != pair[1]})


def write_batch(
    session: Session, file: OpenFile, book: Rejections, writer: PostingWriter, work: tuple[list[PostingRow], int]
) -> tuple[ImportCounts, int]:
    """Save a batch of rows; their counts, and how many changes were kept. `work` is the batch and its first `seq`."""
    batch, first_seq = work
    counts = ImportCounts()
    # Read again: somebody may have changed a posting since the preview.
    known = Known(session, file.company.id, [row.ref for row in batch])
    pairs = [one for row in batch if (one := compare(row, known, file.reading.today, book))]
    wanted = [(one.row.ref, one.held, {name: after for name, (_, after) in one.columns.items()}) for one in pairs]
    kept = write_postings(session, writer, wanted, first_seq)
    counts.inserted = sum(one.held is None for one in pairs)
    counts.updated = sum(one.held is not None and bool(one.columns) for one in pairs)
    counts.unchanged = len(pairs) - counts.inserted - counts.updated
    return counts, kept


def _count(plan: PostingPlan, one: Compared) -> None:
    status = one.columns.get("status", (None, one.held.status if one.held else "open"))[1]
    plan.statuses[str(status)] += 1
    if one.held is None:
        plan.new += 1
        return
    plan.changed += bool(one.columns)
    plan.unchanged += not one.columns
    plan.closing += one.held.status == "open" and status != "open"
    if len(plan.changes) < _SHOWN:
        plan.changes += [
            (f"{one.row.ref} · {LABELS[name].lower()}", told(before) or "—", told(after) or "—")
            for name, (before, after) in one.columns.items()
        ]


def _unused(file: OpenFile) -> list[str]:
    used = set(file.mapping.columns.values())
    others = [header for header in file.table.headers if header not in used]
    return [f"Columns that are not used: {', '.join(others)}."] if others else []
