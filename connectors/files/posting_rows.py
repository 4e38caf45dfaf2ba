"""Rows of a list of postings: one posting a row, told by its requisition."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NoReturn

from connectors.files.columns import POSTING_DATES, POSTING_FIELDS
from connectors.files.dates import read_moment
from connectors.files.errors import Cell, CellRejected, FileRefused, Unusable
from connectors.files.metric_rows import Reading
from connectors.files.numbers import is_blank, read_count
from connectors.files.rejections import Rejections
from connectors.files.table import Record, Table, cell_text
from domain.postings import LABELS, PostingRefused, checked_values

#: More is no list of one company's postings.
MAX_POSTINGS = 100_000
#: What systems call a posting's status, reduced to lower case.
STATUS_WORDS: dict[str, str] = {
    **dict.fromkeys(("open", "active", "live", "published", "posted", "public", "internal", "offen", "aktiv"), "open"),
    **dict.fromkeys(
        (
            "closed", "filled", "cancelled", "canceled", "inactive", "unpublished", "expired", "on hold", "paused",
            "draft", "pending", "not published", "geschlossen", "besetzt",
        ),
        "closed",
    ),
    **dict.fromkeys(("archived", "archive", "deleted", "archiviert"), "archived"),
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class PostingRow:
    """One posting: its requisition, and the values of the fields that its row fills. A blank cell says nothing."""

    row: int
    ref: str
    values: dict[str, Any]


class _Stop(Exception):
    """The row is left out; the book already says why."""


def read_postings(table: Table, reading: Reading, book: Rejections) -> Iterator[PostingRow]:
    """The good rows; `book` says what became of the others. A requisition that comes again is left out.

    Raises FileRefused for a file of too many rows.
    """
    reader = _Reader(table, reading, book)
    for record in table.rows():
        try:
            yield reader.read(record)
        except _Stop:
            continue


class _Reader:
    def __init__(self, table: Table, reading: Reading, book: Rejections) -> None:
        at = {header: place for place, header in enumerate(table.headers)}
        columns = reading.mapping.columns
        self._places = {field: at[columns[field]] for field in POSTING_FIELDS if field in columns}
        self._reading, self._book, self._epoch = reading, book, table.epoch
        self._met: dict[str, int] = {}

    def read(self, record: Record) -> PostingRow:
        """Raises _Stop for a row that is left out."""
        values = {name: value for name in self._places if (value := self._value(record, name)) is not None}
        try:
            values = checked_values(values)
        except PostingRefused as refusal:
            self._stop(record, refusal.field, refusal.reason)
        ref = str(values.pop("requisition_ref", ""))
        if not ref:
            self._stop(record, "requisition_ref", "is missing: postings are told apart by it")
        opened, closed = values.get("opened_on"), values.get("closed_on")
        if opened and closed and closed < opened:
            self._stop(record, "closed_on", "lies before the opening day", closed)
        mark = " ".join(ref.casefold().split())
        if mark in self._met:
            self._stop(record, "requisition_ref", "stands in the file twice; the first row counts", ref)
        if len(self._met) >= MAX_POSTINGS:
            raise FileRefused("too_many", f"The file has more than {MAX_POSTINGS:,} postings. Split it.")
        self._met[mark] = record.number
        return PostingRow(record.number, ref, values)

    def _value(self, record: Record, name: str) -> Any:
        cell = record.cells[self._places[name]]
        if isinstance(cell, Unusable):
            self._stop(record, name, cell.reason)
        if is_blank(cell):
            return None
        try:
            if name in POSTING_DATES:
                return self._day(cell, name)
            if name == "target_hires":
                return read_count(cell)
        except CellRejected as rejection:
            self._stop(record, name, str(rejection), cell)
        text = cell_text(cell)
        return self._status(record, text) if name == "status" else text

    def _day(self, cell: Cell, name: str) -> date | None:
        moment = read_moment(cell, self._reading.survey.orders.get(name, ""), self._epoch)
        if isinstance(moment, datetime):
            local = moment.astimezone(self._reading.zone) if moment.tzinfo else moment
            return local.date()
        return moment

    def _status(self, record: Record, text: str) -> str:
        found = STATUS_WORDS.get(" ".join(text.casefold().replace("_", " ").replace("-", " ").split()))
        if found is None:
            self._stop(record, "status", "is a word we do not know: write open, closed or archived", text)
        return found

    def _stop(self, record: Record, field: str, reason: str, cell: Cell = "") -> NoReturn:
        shown = cell if cell else record.cells[self._places[field]] if field in self._places else ""
        self._book.add(record.number, LABELS[field].lower(), reason, shown)
        raise _Stop
