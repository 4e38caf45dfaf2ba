"""Rows of a metrics file, wide or long, as measurements."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from connectors.files.columns import header_currency
from connectors.files.dates import read_moment
from connectors.files.errors import Cell, CellRejected, Unusable
from connectors.files.mapping import FileMapping, metric_named
from connectors.files.numbers import is_blank, is_currency, read_count, read_money
from connectors.files.rejections import Rejections
from connectors.files.survey import Survey
from connectors.files.table import Record, Table, cell_text
from domain.metrics import BY_NAME

_TOTAL = re.compile(
    r"(?:grand |sub)?-?totals?(?:\s*:.*)?|total (?:général|general|geral)|gesamt(?:summe|ergebnis)?(?:\s*:.*)?"
    r"|summe(?:\s*:.*)?|sum|sums",
    re.IGNORECASE,
)


class Measurement(NamedTuple):
    """One number of one row. `value` is a count, seconds, or minor units of `currency`."""

    metric: str
    day: date
    posting_ref: str
    posting_title: str
    campaign: str
    currency: str
    value: int
    row: int


@dataclass(frozen=True)
class Reading:
    """How to read: the mapping, what the survey settled, and what the file cannot say by itself.

    `today` bounds what may have happened; date-times with an offset are booked on the day of `zone`; amounts
    without a currency are in `currency`. `stage_words` is what the company says of folded words for stages.
    """

    mapping: FileMapping
    survey: Survey
    today: date
    zone: ZoneInfo
    currency: str
    stage_words: Mapping[str, str] = field(default_factory=dict)


@dataclass
class RowNotes:
    """What was passed over without being wrong: totals, and rows whose numbers are all blank or of unmapped names."""

    totals: int = 0
    silent: int = 0


class _Stop(Exception):
    """The row is left out; the book already says why."""


def read_measurements(table: Table, reading: Reading, book: Rejections, notes: RowNotes) -> Iterator[list[Measurement]]:
    """The measurements of each good row; `book` and `notes` say what became of the others."""
    reader = _Reader(table, reading, book)
    for record in table.rows():
        if reader.is_total(record):
            notes.totals += 1
            continue
        try:
            found = reader.read(record)
        except _Stop:
            continue
        if found:
            yield found
        else:
            notes.silent += 1


class _Reader:
    def __init__(self, table: Table, reading: Reading, book: Rejections) -> None:
        mapping = reading.mapping
        self._at = {header: place for place, header in enumerate(table.headers)}
        self._places = {field: self._at[header] for field, header in mapping.columns.items()}
        self._labels = [
            self._places[name] for name in ("campaign", "posting_title", "posting_ref") if name in self._places
        ]
        self._width = len(table.headers)
        self._reading, self._mapping, self._book, self._epoch = reading, mapping, book, table.epoch
        self._mark = reading.survey.mark
        self._latest = reading.today + timedelta(days=1)
        self._wide = [
            (metric, self._at[header], self._reader_of(metric, header)) for metric, header in mapping.metrics.items()
        ]
        self._long_readers = {metric: self._reader_of(metric, mapping.columns.get("value", "")) for metric in BY_NAME}
        self._metric_names: dict[str, str] = {}

    def is_total(self, record: Record) -> bool:
        """Whether a row sums others up: such rows are never added."""
        cells = record.cells
        first = next((cell for cell in cells if not is_blank(cell)), None)
        labels = [first, *(cells[place] for place in self._labels)]
        return any(isinstance(cell, str) and _TOTAL.fullmatch(cell.strip()) is not None for cell in labels)

    def read(self, record: Record) -> list[Measurement]:
        """Raises _Stop for a row that is left out."""
        if len(record.cells) > self._width and not all(is_blank(cell) for cell in record.cells[self._width :]):
            self._reject(record, "", "the row has more cells than the header", "")
            raise _Stop
        day = self._day(record)
        numbers = self._long(record) if self._mapping.is_long else self._all(record)
        ref, title = self._text(record, "posting_ref"), self._text(record, "posting_title")
        campaign = self._text(record, "campaign")
        return [
            Measurement(metric, day, ref or title, title, campaign, currency, value, record.number)
            for metric, value, currency in numbers
        ]

    def _all(self, record: Record) -> list[tuple[str, int, str]]:
        found: list[tuple[str, int, str]] = []
        is_bad = False
        for metric, place, read in self._wide:
            cell = record.cells[place]
            try:
                number = read(cell, record)
            except CellRejected as rejection:
                self._reject(record, metric, str(rejection), cell)
                is_bad = True
                continue
            if number is not None:
                found.append((metric, *number))
        if is_bad:
            raise _Stop
        return found

    def _long(self, record: Record) -> list[tuple[str, int, str]]:
        name = self._text(record, "metric")
        metric = self._metric_names.get(name)
        if metric is None:
            metric = self._metric_names.setdefault(name, metric_named(self._mapping, name))
        if not metric:
            return []
        cell = record.cells[self._places["value"]]
        try:
            number = self._long_readers[metric](cell, record)
        except CellRejected as rejection:
            self._reject(record, metric, str(rejection), cell)
            raise _Stop from None
        return [] if number is None else [(metric, *number)]

    def _reader_of(self, metric: str, header: str) -> "Callable[[Cell, Record], tuple[int, str] | None]":
        if BY_NAME[metric].unit != "money":
            return self._count
        named = header_currency(header)

        def money(cell: Cell, record: Record) -> tuple[int, str] | None:
            amount = read_money(cell, self._currency(record) or named or self._reading.currency, self._mark)
            return None if amount is None else (amount.minor, amount.currency)

        return money

    def _count(self, cell: Cell, _record: Record) -> tuple[int, str] | None:
        count = read_count(cell, self._mark)
        return None if count is None else (count, "")

    def _currency(self, record: Record) -> str:
        code = self._text(record, "currency").upper()
        if code and not is_currency(code):
            raise CellRejected("is in a currency we do not know")
        return code

    def _day(self, record: Record) -> date:
        if "day" not in self._places:
            if self._mapping.day is None:
                raise ValueError("a mapping without a day was not checked")
            return self._mapping.day
        day = self._one_day(record, "day")
        if day is None:
            self._reject(record, "day", "is missing", "")
            raise _Stop
        if "last_day" in self._places and self._one_day(record, "last_day") not in (None, day):
            self._reject(record, "day", "is one of several that the row covers: export the file by day", "")
            raise _Stop
        if day > self._latest:
            self._reject(record, "day", "lies in the future", day)
            raise _Stop
        return day

    def _one_day(self, record: Record, field: str) -> date | None:
        cell = record.cells[self._places[field]]
        try:
            moment = read_moment(cell, self._reading.survey.orders.get(field, ""), self._epoch)
        except CellRejected as rejection:
            self._reject(record, "day", str(rejection), cell)
            raise _Stop from None
        if isinstance(moment, datetime):
            return (moment.astimezone(self._reading.zone) if moment.tzinfo else moment).date()
        return moment

    def _text(self, record: Record, field: str) -> str:
        place = self._places.get(field)
        if place is None:
            return ""
        text = cell_text(record.cells[place])
        if not text and isinstance(cell := record.cells[place], Unusable):
            self._reject(record, field, cell.reason, cell)
            raise _Stop
        return text

    def _reject(self, record: Record, what: str, reason: str, cell: Cell) -> None:
        self._book.add(record.number, what, reason, cell)
