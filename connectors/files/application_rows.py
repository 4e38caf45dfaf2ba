"""Rows of an applicant system's export as applications with their stages."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple, NoReturn

from connectors.ats_presets import end_of, stage_of
from connectors.files.columns import STAGE_FIELDS, spelling
from connectors.files.dates import Moment, read_moment
from connectors.files.errors import Cell, CellRejected, Unusable
from connectors.files.metric_rows import Reading
from connectors.files.rejections import Rejections
from connectors.files.table import Record, Table, cell_text
from domain.platforms import find_platform
from domain.stages import fold_words

#: Stages in the order people reach them; rejected and withdrawn end the way at any point.
LADDER = ("applied", "reviewed", "interviewed", "offered", "hired")
ENDS = ("rejected", "withdrawn")
#: What a reason may say of how it ended: archived is also who was hired.
REASONS = (*ENDS, "hired")


class ApplicationRow(NamedTuple):
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


class _Reached(NamedTuple):
    """When a stage was reached: the UTC instant, the day in the company's zone, and what the file says."""

    at: datetime
    day: date
    told: Moment

    def is_before(self, other: "_Reached") -> bool:
        """By the clock where both have a time, else by the day."""
        if isinstance(self.told, datetime) and isinstance(other.told, datetime):
            return self.at < other.at
        return self.day < other.day


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


def stage_meant(reading: Reading, words: str) -> str:
    """The stage that a file's words stand for: as the company says, else as said of such files, else as usual."""
    mapping = reading.mapping
    if fold_words(words) in reading.stage_words:
        return reading.stage_words[fold_words(words)]
    return mapping.stages.get(words, stage_of(words, mapping.preset))


def is_stage_known(reading: Reading, words: str) -> bool:
    """Whether anybody has said what words for a stage stand for, be it no stage of ours."""
    is_said = fold_words(words) in reading.stage_words or words in reading.mapping.stages
    return is_said or not words.strip() or bool(stage_meant(reading, words))


def end_meant(reading: Reading, words: str) -> str:
    """Which end a file's reason tells: as the company says of its words, else as usual; "" for none."""
    said = reading.stage_words.get(fold_words(words))
    if said is None:
        return end_of(words)
    return said if said in REASONS else ""


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
        self._zone, self._orders = reading.zone, reading.survey.orders
        self._dates = [
            (field, field.removesuffix("_at"), self._places[field]) for field in STAGE_FIELDS if field in self._places
        ]
        # Whoever leaves the pipeline is archived: who was turned down, and who was hired.
        self._is_archived = "archive" in spelling(reading.mapping.columns.get("rejected_at", ""))
        self._latest = reading.today + timedelta(days=1)
        self._platforms: dict[str, str] = {}
        self._stages: dict[str, str] = {}
        self._reasons: dict[str, str] = {}
        self._beginnings: dict[date, datetime] = {}

    def read(self, record: Record) -> ApplicationRow:
        """Raises _Stop for a row that is left out."""
        ref, email = self._text(record, "application_ref"), self._text(record, "email")
        if not ref and "@" not in email:
            self._stop(record, "", "the row has neither an application id nor an e-mail address to tell it by")
        word, told = self._stage_word(record), self._told(record)
        word = self._ended(record, word, told)
        moments = self._moments(record, told, word)
        source = self._text(record, "source")
        return ApplicationRow(
            record.number,
            ref,
            self._name(record),
            email,
            self._text(record, "posting_ref"),
            self._text(record, "posting_title"),
            source,
            self._platform(source),
            _furthest(word, moments),
            moments,
        )

    def _told(self, record: Record) -> dict[str, _Reached]:
        told: dict[str, _Reached] = {}
        cells = record.cells
        for field, stage, place in self._dates:
            if cells[place] != "" and (reached := self._reached(record, field)) is not None:
                told[stage] = reached
        if "applied" not in told:
            self._stop(record, "applied_at", "is missing")
        return told

    def _ended(self, record: Record, word: str, told: dict[str, _Reached]) -> str:
        """The stage that a row's last word comes to, by why it ended. Whose end it was, its day is of that end."""
        reason = self._reason(record)
        if self._is_archived and ("hired" in told or "hired" in (word, reason)):
            at = told.pop("rejected", None)
            if reason == "hired" and at is not None:
                told.setdefault("hired", at)
            return "hired"
        if "hired" in told or word == "hired" or "withdrawn" not in (word, reason):
            return word
        if (at := told.pop("rejected", None)) is not None:
            told.setdefault("withdrawn", at)
        return "withdrawn"

    def _moments(self, record: Record, told: dict[str, _Reached], word: str) -> dict[str, datetime]:
        if word and word not in told:
            self._add_current(record, told, word)
        return self._in_order(record, told)

    def _add_current(self, record: Record, told: dict[str, _Reached], word: str) -> None:
        """Where the file dates only the current stage, that date belongs to it."""
        reached = self._reached(record, "stage_at") if "stage_at" in self._places else None
        if reached is not None:
            told[word] = reached
        elif word in ("interviewed", "offered", "hired"):
            self._notes.undated += 1

    def _in_order(self, record: Record, told: dict[str, _Reached]) -> dict[str, datetime]:
        """Instants that rise with the stages. A stage before the one below it is a mistake in the file."""
        moments: dict[str, datetime] = {}
        below = ""
        for stage in LADDER:
            if stage in told:
                if below and told[stage].is_before(told[below]):
                    self._stop(record, f"{stage}_at", f"lies before {below}", told[stage].told)
                at = told[stage].at
                moments[stage] = max(at, moments[below]) if below else at
                below = stage
        for stage in ENDS:
            if stage in told:
                if told[stage].is_before(told["applied"]):
                    self._stop(record, f"{stage}_at", "lies before applied", told[stage].told)
                moments[stage] = max(told[stage].at, moments["applied"])
        return moments

    def _reached(self, record: Record, field: str) -> _Reached | None:
        cell = record.cells[self._places[field]]
        if cell == "":
            return None
        try:
            moment = read_moment(cell, self._orders.get(field, ""), self._epoch)
        except CellRejected as rejection:
            self._stop(record, field, str(rejection), cell)
        if moment is None:
            return None
        reached = self._placed(moment)
        if reached.day > self._latest:
            self._stop(record, field, "lies in the future", cell)
        return reached

    def _placed(self, moment: Moment) -> _Reached:
        if not isinstance(moment, datetime):
            at = self._beginnings.get(moment)
            if at is None:
                at = datetime.combine(moment, time(), self._zone).astimezone(UTC)
                self._beginnings[moment] = at
            return _Reached(at, moment, moment)
        if moment.tzinfo is None:
            day = moment.date()
            return _Reached(datetime.combine(day, moment.time(), self._zone).astimezone(UTC), day, moment)
        return _Reached(moment.astimezone(UTC), moment.astimezone(self._zone).date(), moment)

    def _stage_word(self, record: Record) -> str:
        words = self._text(record, "stage")
        if not words:
            return ""
        if words not in self._stages:
            self._stages[words] = stage_meant(self._reading, words)
        return self._stages[words]

    def _reason(self, record: Record) -> str:
        words = self._text(record, "end_reason")
        if not words:
            return ""
        if words not in self._reasons:
            self._reasons[words] = end_meant(self._reading, words)
        return self._reasons[words]

    def _platform(self, source: str) -> str:
        if source not in self._platforms:
            self._platforms[source] = platform_for(source, self._reading.mapping.sources)
        return self._platforms[source]

    def _name(self, record: Record) -> str:
        name = self._text(record, "name")
        if name:
            return name
        parts = [self._text(record, "first_name"), self._text(record, "last_name")]
        return " ".join(part for part in parts if part)

    def _text(self, record: Record, field: str) -> str:
        place = self._places.get(field)
        if place is None:
            return ""
        text = cell_text(record.cells[place])
        if not text and isinstance(cell := record.cells[place], Unusable):
            self._stop(record, field, cell.reason)
        return text

    def _stop(self, record: Record, what: str, reason: str, cell: Cell = "") -> NoReturn:
        self._book.add(record.number, what, reason, cell)
        raise _Stop


def _furthest(word: str, moments: dict[str, datetime]) -> str:
    """The stage the file tells: the ladder's highest step, unless an end came after it. `word` is the current one's."""
    if word in ENDS:
        return word
    for highest in reversed(LADDER):
        if highest in moments or highest == word:
            break
    ends = [stage for stage in ENDS if stage in moments]
    return max(ends, key=moments.__getitem__) if ends and highest != "hired" else highest
