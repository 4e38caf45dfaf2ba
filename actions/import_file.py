"""A file on its way in: opened, surveyed, and read with the company's zone and currency."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
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
from store.opening import Store
from store.tables import Company
from store.vault import Vault
from store.writes.applications import ApplicationTold, PostingIndex, clean_told
from store.writes.imports import find_platform_config

#: Applications looked up and written together.
BATCH = 1000


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
    reading = Reading(
        mapping=mapping,
        survey=survey or survey_table(table, mapping),
        today=local_day(now, company.time_zone),
        zone=ZoneInfo(zone),
        currency=currency,
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
    with _References() as references:
        for batch in batches(rows, BATCH):
            told = [(row.row, _told(file, vault, postings, row)) for row in batch]
            for (ref, title), count in _unknown(told).items():
                if len(findings.unknown_postings) < MAX_UNKNOWN or (ref, title) in findings.unknown_postings:
                    findings.unknown_postings[ref, title] = findings.unknown_postings.get((ref, title), 0) + count
            yield references.first_only(told, findings.book)


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


def _told(file: OpenFile, vault: Vault, postings: PostingIndex, row: ApplicationRow) -> ApplicationTold:
    fields = file.mapping.columns
    values: dict[str, Any] = {
        name: row.moments.get(name.removesuffix("_at")) for name in STAGE_FIELDS if name in fields
    }
    values |= {f"{stage}_at": instant for stage, instant in row.moments.items()}
    values |= {"stage": row.stage, "posting_ref": row.posting_ref, "posting_title": row.posting_title}
    values["posting_id"] = postings.find(row.posting_ref, row.posting_title)
    if "source" in fields:
        values |= {"source": row.source, "source_platform": row.platform}
    if {"name", "first_name", "last_name"} & fields.keys():
        values["candidate_name"] = row.name
    if "email" in fields:
        values["candidate_email"] = row.email
    return clean_told(ApplicationTold(row.ref or _derived_ref(vault, row), values))


def _derived_ref(vault: Vault, row: ApplicationRow) -> str:
    """The same person and posting are the same application, in this file and the next."""
    person = vault.digest("email-bidx", f"{row.email.strip()}|{row.posting_ref or row.posting_title}")
    return f"email:{person[:40]}"


def _unknown(told: list[tuple[int, ApplicationTold]]) -> dict[tuple[str, str], int]:
    found: dict[tuple[str, str], int] = {}
    for _, one in told:
        if one.values["posting_id"] is None and (one.values["posting_ref"] or one.values["posting_title"]):
            key = (one.values["posting_ref"], one.values["posting_title"])
            found[key] = found.get(key, 0) + 1
    return found


class _References:
    """The references met so far with their rows, beside memory."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("CREATE TABLE met (ref TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID")

    def __enter__(self) -> "_References":
        return self

    def __exit__(self, *_error: object) -> None:
        self._database.close()

    def first_only(self, told: list[tuple[int, ApplicationTold]], book: Rejections) -> list[ApplicationTold]:
        """Those of a batch whose reference is new; the others are rejected, naming the first one's row."""
        marks = ", ".join("?" * len(told))
        query = f"SELECT ref, line FROM met WHERE ref IN ({marks})"  # noqa: S608 (only question marks)
        met = dict(self._database.execute(query, [one.external_ref for _, one in told]).fetchall())
        kept, new = [], []
        for line, one in told:
            if one.external_ref in met:
                book.add(line, "application_ref", "stands in the file twice; the first row counts")
                continue
            met[one.external_ref] = line
            new.append((one.external_ref, line))
            kept.append(one)
        self._database.execute("BEGIN")
        self._database.executemany("INSERT INTO met VALUES (?, ?)", new)
        self._database.execute("COMMIT")
        return kept
