"""A file on its way in: opened, surveyed, and read with the company's zone and currency."""

import json
import sqlite3
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from actions.import_stage import Stage
from actions.viewer import NotFound, Viewer
from connectors.files.application_rows import ApplicationRow, StageNotes, read_applications
from connectors.files.columns import STAGE_FIELDS
from connectors.files.dates import read_moment, read_range
from connectors.files.errors import CellRejected, FileRefused
from connectors.files.mapping import FileMapping, check_mapping, preset_of
from connectors.files.metric_rows import Reading, RowNotes, read_measurements
from connectors.files.reading import open_table
from connectors.files.rejections import Rejections
from connectors.files.survey import Survey, batches, survey_table
from connectors.files.table import SourceFile, Table
from domain.periods import local_day
from domain.text import clean_text, key_text
from store.opening import Store
from store.tables import Company
from store.vault import Vault
from store.writes.applications import ApplicationTold, PostingIndex
from store.writes.imports import find_platform_config
from store.writes.stages import list_words

#: Applications looked up and written together.
BATCH = 1000
#: Postings and sources whose words are cleaned and looked up once.
_KNOWN_WORDS = 4096


@dataclass(frozen=True)
class OpenFile:
    """A file with everything needed to read it: the same for the preview and for the import."""

    source: SourceFile
    table: Table
    reading: Reading
    company: Company

    @property
    def mapping(self) -> FileMapping:
        """How its columns are read."""
        return self.reading.mapping

    @property
    def survey(self) -> Survey:
        """What the whole file proves."""
        return self.reading.survey

    @property
    def zone(self) -> ZoneInfo:
        """The zone of its days."""
        return self.reading.zone


@dataclass
class Findings:
    """What reading a file found besides its good rows."""

    book: Rejections = field(default_factory=Rejections)
    rows: RowNotes = field(default_factory=RowNotes)
    stages: StageNotes = field(default_factory=StageNotes)
    unknown_postings: dict[tuple[str, str], int] = field(default_factory=dict)


def open_file(
    store: Store,
    viewer: Viewer,
    source: SourceFile,
    mapping: FileMapping,
    *,
    now: datetime,
    survey: Survey | None = None,
) -> OpenFile:
    """Open and survey a file under a mapping. Raises FileRefused."""
    table = open_table(source, mapping.sheet)
    _check(mapping, table)
    with store.reading() as session:
        company = session.get(Company, viewer.company_id)
        if company is None:
            raise NotFound("no such company")
        zone, currency = _zone_and_currency(session, company, mapping)
        stage_words = list_words(session, company.id) if mapping.kind == "applications" else {}
    reading = Reading(
        mapping=mapping,
        survey=survey or survey_table(table, mapping),
        today=local_day(now, company.time_zone),
        zone=ZoneInfo(zone),
        currency=currency,
        stage_words=stage_words,
    )
    return OpenFile(source, table, reading, company)


@contextmanager
def staged(file: OpenFile, findings: Findings) -> Iterator[Stage]:
    """The facts of a metrics file, all of it read."""
    fields = file.mapping.columns
    by_posting = "posting_ref" in fields or "posting_title" in fields
    with Stage(by_posting=by_posting, by_campaign="campaign" in fields) as stage:
        for measurements in read_measurements(file.table, file.reading, findings.book, findings.rows):
            stage.add(measurements)
        stage.settle(findings.book)
        yield stage


def told_applications(
    file: OpenFile, vault: Vault, postings: PostingIndex, findings: Findings
) -> Iterator[list[ApplicationTold]]:
    """The applications of a file in batches; references are unique over the whole file."""
    rows = read_applications(file.table, file.reading, findings.book, findings.stages)
    teller = _Teller(file.mapping.columns, vault, postings, findings.unknown_postings)
    with _References() as references:
        for batch in batches(rows, BATCH):
            told = [teller.tell(row) for row in batch]
            yield references.first_only(told, [row.row for row in batch], findings.book)


#: Unknown postings that are listed; the applications are kept all the same.
MAX_UNKNOWN = 500


def period_above(table: Table) -> tuple[date, date] | None:
    """First and last day of the period that the lines above the table name; None where they name none."""
    ends: dict[str, date] = {}
    for line in table.preamble:
        span = read_range(line)
        if span:
            return span
        label, colon, rest = line.partition(":")
        for name in ("start", "end"):
            if colon and label.strip().casefold() in (f"{name} date", name):
                day = _day(rest)
                if day:
                    ends[name] = day
    return (ends["start"], ends["end"]) if len(ends) == 2 and ends["start"] <= ends["end"] else None


def _day(text: str) -> date | None:
    try:
        moment = read_moment(text.strip(), "mdy")
    except CellRejected:
        return None
    return moment.date() if isinstance(moment, datetime) else moment


def _check(mapping: FileMapping, table: Table) -> None:
    """`check_mapping`, with what the file itself says about its period, and how to do better."""
    preset, period = preset_of(mapping), period_above(table)
    advice = f" {preset.advice}" if preset and preset.advice else ""
    says = f" It sums up {period[0]} to {period[1]}." if period and period[0] != period[1] else ""
    try:
        check_mapping(mapping, table)
    except FileRefused as refusal:
        if refusal.code != "no_day":
            raise
        raise FileRefused("no_day", f"{refusal}{says}{advice}") from None
    if mapping.kind == "metrics" and "day" not in mapping.columns and says:
        raise FileRefused("several_days", f"The file is not about one day.{says} Export it by day.{advice}")


def _zone_and_currency(session: Session, company: Company, mapping: FileMapping) -> tuple[str, str]:
    """Metrics are in the connection's zone and currency where it has its own; applications in the company's."""
    config = None
    if mapping.kind == "metrics":
        config = find_platform_config(session, company.id, mapping.platform)
    zone = config.time_zone if config and config.connector else company.time_zone
    return zone, mapping.currency or (config.currency if config else "") or company.currency


class _Teller:
    """Makes of rows what is told, and counts the rows of postings that nobody knows."""

    def __init__(
        self, fields: Mapping[str, str], vault: Vault, postings: PostingIndex, unknown: dict[tuple[str, str], int]
    ) -> None:
        self._vault, self._postings, self._unknown = vault, postings, unknown
        self._blank: dict[str, Any] = dict.fromkeys(name for name in STAGE_FIELDS if name in fields)
        if "rejected_at" in fields and {"end_reason", "stage"} & fields.keys():
            # The day of the end goes to whoever ended it: what an earlier file said of the other is no more.
            self._blank["withdrawn_at"] = None
        self._has_source, self._has_email = "source" in fields, "email" in fields
        self._has_name = bool({"name", "first_name", "last_name"} & fields.keys())
        self._of_posting = lru_cache(maxsize=_KNOWN_WORDS)(self._find_posting)
        self._source = lru_cache(maxsize=_KNOWN_WORDS)(clean_text)

    def tell(self, row: ApplicationRow) -> ApplicationTold:
        """One row, in text that every database takes."""
        values = self._blank.copy()
        for stage, instant in row.moments.items():
            values[f"{stage}_at"] = instant
        values["stage"] = row.stage
        posting = self._of_posting(row.posting_ref, row.posting_title)
        values["posting_ref"], values["posting_title"], values["posting_id"] = posting
        if posting[2] is None and (posting[0] or posting[1]):
            self._count_unknown(posting[:2])
        if self._has_source:
            values["source"], values["source_platform"] = self._source(row.source), row.platform
        if self._has_name:
            values["candidate_name"] = clean_text(row.name)
        if self._has_email:
            values["candidate_email"] = clean_text(row.email)
        return ApplicationTold(key_text(row.ref or _derived_ref(self._vault, row)), values)

    def _find_posting(self, ref: str, title: str) -> tuple[str, str, uuid.UUID | None]:
        return clean_text(ref), clean_text(title), self._postings.find(ref, title)

    def _count_unknown(self, called: tuple[str, str]) -> None:
        if called in self._unknown or len(self._unknown) < MAX_UNKNOWN:
            self._unknown[called] = self._unknown.get(called, 0) + 1


def _derived_ref(vault: Vault, row: ApplicationRow) -> str:
    """The same person and posting are the same application, in this file and the next."""
    person = vault.digest("email-bidx", f"{row.email.strip()}|{row.posting_ref or row.posting_title}")
    return f"email:{person[:40]}"


class _References:
    """The references met so far, each with its batch, beside memory."""

    def __init__(self) -> None:
        # An empty name is SQLite's private temporary database: in memory while small, then in a file without a name.
        self._database = sqlite3.connect("", isolation_level=None)
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "cache_size = -8000"):
            self._database.execute(f"PRAGMA {pragma}")
        self._database.execute("CREATE TABLE met (ref TEXT PRIMARY KEY, batch INTEGER) WITHOUT ROWID")
        self._batch = 0

    def __enter__(self) -> "_References":
        return self

    def __exit__(self, *_error: object) -> None:
        self._database.close()

    def first_only(self, told: list[ApplicationTold], lines: list[int], book: Rejections) -> list[ApplicationTold]:
        """Those of a batch whose reference is new; the others are rejected, by their rows in `lines`."""
        self._batch += 1
        new = json.dumps([one.external_ref for one in told])
        # One statement: the driver gives the interpreter away, and waits for it again, at every row of executemany.
        entered = self._database.execute(
            "INSERT OR IGNORE INTO met SELECT value, ? FROM json_each(?)", (self._batch, new)
        )
        if entered.rowcount == len(told):
            return told
        met, kept = self._met_earlier(told), []
        for line, one in zip(lines, told, strict=True):
            if one.external_ref in met:
                book.add(line, "application_ref", "stands in the file twice; the first row counts")
                continue
            met.add(one.external_ref)
            kept.append(one)
        return kept

    def _met_earlier(self, told: list[ApplicationTold]) -> set[str]:
        refs = json.dumps([one.external_ref for one in told])
        query = "SELECT ref FROM met WHERE ref IN (SELECT value FROM json_each(?)) AND batch < ?"
        return {ref for (ref,) in self._database.execute(query, (refs, self._batch))}
