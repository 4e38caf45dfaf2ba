"""Rows of an applicant system's export as applications with their stages."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NoReturn

from connectors.files.ats_presets import stage_of
from connectors.files.columns import STAGE_FIELDS
from connectors.files.dates import Moment, read_moment
from connectors.files.errors import Cell, CellRejected
from connectors.files.metric_rows import Reading
from connectors.files.numbers import is_blank
from connectors.files.rejections import Rejections
from connectors.files.table import Record, Table, cell_text
from domain.platforms import find_platform

#: Stages in the order people reach them; rejected and withdrawn end the way at any point.
LADDER = ("applied", "reviewed", "interviewed", "offered", "hired")
ENDS = ("rejected", "withdrawn")


@dataclass(frozen=True, slots=True)
class ApplicationRow:
    """One application. `ref` is "" where the file has none: it is derived from the e-mail address and posting.

    `moments` maps stages to the UTC instant they were reached; "applied" is always there. A stage known only by day
    is dated at the beginning of that day in the company's zone, or with the stage before it.
    """

    row: int
    ref: str
    name: str
    email: str
    posting_ref: str
    posting_title: str
    source: str
    platform: str
    stage: str
    moments: dict[str, datetime]


@dataclass
class StageNotes:
    """Rows whose last stage has no date, so that it is known but not counted on any day."""

    undated: int = 0


class _Stop(Exception):
    """The row is left out; the book already says why."""


def platform_for(source: str, chosen: dict[str, str]) -> str:
    """The platform a source text stands for: a person's choice, else its spelling, else "other".

    >>> platform_for("Job fair", {}), platform_for("indeed.com", {}), platform_for("Job fair", {"Job fair": "monster"})
    ('other', 'indeed', 'monster')
    """
    if source in chosen:
        return chosen[source]
    found = find_platform(source)
    return found.key if found else "other"


def read_applications(table: Table, reading: Reading, book: Rejections, notes: StageNotes) -> Iterator[ApplicationRow]:
    """The good rows; `book` says what became of the others."""
    reader = _Reader(table, reading, book, notes)
    for record in table.rows():
        try:
            yield reader.read(record)
        except _Stop:
            continue


class _Reader:
    def __init__(self, table: Table, reading: Reading, book: Rejections, notes: StageNotes) -> None:
        at = {header: place for place, header in enumerate(table.headers)}
        self._places = {field: at[header] for field, header in reading.mapping.columns.items()}
        self._reading, self._book, self._notes, self._epoch = reading, book, notes, table.epoch
        self._dates = [field for field in STAGE_FIELDS if field in self._places]
        self._latest = reading.today + timedelta(days=1)
        self._platforms: dict[str, str] = {}
        self._stages: dict[str, str] = {}

    def read(self, record: Record) -> ApplicationRow:
        """Raises _Stop for a row that is left out."""
        ref, email = self._text(record, "application_ref"), self._text(record, "email")
        if not ref and "@" not in email:
            self._stop(record, "", "the row has neither an application id nor an e-mail address to tell it by")
        moments = self._moments(record)
        source = self._text(record, "source")
        return ApplicationRow(
            row=record.number,
            ref=ref,
            name=self._name(record),
            email=email,
            posting_ref=self._text(record, "posting_ref"),
            posting_title=self._text(record, "posting_title"),
            source=source,
            platform=self._platform(source),
            stage=self._stage(record, moments),
            moments=moments,
        )

    def _moments(self, record: Record) -> dict[str, datetime]:
        told: dict[str, Moment] = {}
        for field in self._dates:
            moment = self._moment(record, field)
            if moment is not None:
                told[field.removesuffix("_at")] = moment
        if "applied" not in told:
            self._stop(record, "applied_at", "is missing")
        self._add_current(record, told)
        return self._in_order(record, told)

    def _add_current(self, record: Record, told: dict[str, Moment]) -> None:
        """Where the file dates only the current stage, that date belongs to it."""
        stage = self._stage_word(record)
        if stage and stage not in told:
            moment = self._moment(record, "stage_at") if "stage_at" in self._places else None
            if moment is not None:
                told[stage] = moment
            elif stage in ("interviewed", "offered", "hired"):
                self._notes.undated += 1

    def _in_order(self, record: Record, told: dict[str, Moment]) -> dict[str, datetime]:
        """Instants that rise with the stages. A stage before the one below it is a mistake in the file."""
        moments: dict[str, datetime] = {}
        below = ""
        for stage in LADDER:
            if stage in told:
                if below and self._is_before(told[stage], told[below]):
                    self._stop(record, f"{stage}_at", f"lies before {below}", told[stage])
                instant = self._instant(told[stage])[0]
                moments[stage] = max(instant, moments[below]) if below else instant
                below = stage
        for stage in ENDS:
            if stage in told:
                if self._is_before(told[stage], told["applied"]):
                    self._stop(record, f"{stage}_at", "lies before applied", told[stage])
                moments[stage] = max(self._instant(told[stage])[0], moments["applied"])
        return moments

    def _is_before(self, one: Moment, other: Moment) -> bool:
        """By the clock where both have a time, else by the day."""
        first, second = self._instant(one), self._instant(other)
        if isinstance(one, datetime) and isinstance(other, datetime):
            return first[0] < second[0]
        return first[1] < second[1]

    def _instant(self, moment: Moment) -> tuple[datetime, date]:
        """The UTC instant, and the day in the company's zone."""
        zone = self._reading.zone
        if not isinstance(moment, datetime):
            return datetime.combine(moment, time(), zone).astimezone(UTC), moment
        local = moment.astimezone(zone) if moment.tzinfo else moment.replace(tzinfo=zone)
        return local.astimezone(UTC), local.date()

    def _moment(self, record: Record, field: str) -> Moment | None:
        cell = record.cells[self._places[field]]
        try:
            moment = read_moment(cell, self._reading.survey.orders.get(field, ""), self._epoch)
        except CellRejected as rejection:
            self._stop(record, field, str(rejection), cell)
        if moment is not None and self._instant(moment)[1] > self._latest:
            self._stop(record, field, "lies in the future", cell)
        return moment

    def _stage(self, record: Record, moments: dict[str, datetime]) -> str:
        """The furthest the file tells: the ladder's highest step, unless an end came after it."""
        word = self._stage_word(record)
        steps = [stage for stage in LADDER if stage in moments or stage == word]
        highest = steps[-1]
        ends = [stage for stage in ENDS if stage in moments or stage == word]
        if not ends or (highest == "hired" and word not in ENDS):
            return highest
        return word if word in ENDS else max(ends, key=moments.__getitem__)

    def _stage_word(self, record: Record) -> str:
        words = self._text(record, "stage")
        if not words:
            return ""
        if words not in self._stages:
            self._stages[words] = self._reading.mapping.stages.get(words, stage_of(words))
        return self._stages[words]

    def _platform(self, source: str) -> str:
        if source not in self._platforms:
            self._platforms[source] = platform_for(source, self._reading.mapping.sources)
        return self._platforms[source]

    def _name(self, record: Record) -> str:
        parts = [self._text(record, "first_name"), self._text(record, "last_name")]
        return self._text(record, "name") or " ".join(part for part in parts if part)

    def _text(self, record: Record, field: str) -> str:
        place = self._places.get(field)
        if place is None or is_blank(record.cells[place]):
            return ""
        return cell_text(record.cells[place])

    def _stop(self, record: Record, what: str, reason: str, cell: Cell = "") -> NoReturn:
        self._book.add(record.number, what, reason, cell)
        raise _Stop
