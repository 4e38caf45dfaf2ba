"""Google Analytics Data API v1beta: report requests, their answers, and reading a batch of reports to the last row."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import msgspec

from connectors.errors import SchemaDrift, Transient
from connectors.paging import OffsetPages
from connectors.wording import whole_number

#: Rows of one report held in memory at once; a slice with more is read in halves.
SLICE_ROWS = 150_000

#: The cell of a row into which Google put whatever had no place of its own, and cells that say nothing.
OTHER = "(other)"
UNTOLD = ("", "(not set)")

Filter = dict[str, Any]
Cells = tuple[str, ...]
Ask = Callable[[list[dict[str, Any]]], "Batch"]


class TooManyRowsError(Exception):
    """The slice is too large to hold: ask for fewer days."""


class Value(msgspec.Struct):
    """One cell; Google leaves empty ones out."""

    value: str = ""


class Header(msgspec.Struct):
    """A column's name."""

    name: str


class Row(msgspec.Struct, rename="camel"):
    """One row's cells, all of them text."""

    dimension_values: list[Value] = []
    metric_values: list[Value] = []


class Metadata(msgspec.Struct, rename="camel"):
    """What Google says about a report as a whole."""

    time_zone: str = ""
    currency_code: str = ""
    data_loss_from_other_row: bool = False
    subject_to_thresholding: bool = False
    sampling_metadatas: list[Any] = []


class Report(msgspec.Struct, rename="camel"):
    """One report's page. Rows and their count are absent when there are none."""

    metric_headers: list[Header]
    dimension_headers: list[Header] = []
    rows: list[Row] = []
    row_count: int = 0
    metadata: Metadata = msgspec.field(default_factory=Metadata)


class Batch(msgspec.Struct):
    """The answer to batchRunReports."""

    reports: list[Report]


@dataclass(frozen=True)
class ReportSpec:
    """What one report asks for. The first dimension is `date`, unless it is a report over the whole range."""

    dimensions: tuple[str, ...]
    metrics: tuple[str, ...]
    where: Filter

    def request(self, start: str, end: str, offset: int, limit: int) -> dict[str, Any]:
        """The RunReportRequest from `start` to `end`, both included. Ordered fully: pages are separate queries."""
        return {
            "dateRanges": [{"startDate": start, "endDate": end}],
            "dimensions": [{"name": name} for name in self.dimensions],
            "metrics": [{"name": name} for name in self.metrics],
            "dimensionFilter": self.where,
            "orderBys": [{"dimension": {"dimensionName": name}} for name in self.dimensions],
            "limit": str(limit),
            "offset": str(offset),
            "keepEmptyRows": False,
            "returnPropertyQuota": True,
        }


def path_begins(prefix: str) -> Filter:
    """Pages whose path begins with `prefix`."""
    match = {"matchType": "BEGINS_WITH", "value": prefix, "caseSensitive": True}
    return {"filter": {"fieldName": "pagePath", "stringFilter": match}}


def event_is(names: Iterable[str]) -> Filter:
    """Events with one of these names."""
    return {"filter": {"fieldName": "eventName", "inListFilter": {"values": sorted(set(names)), "caseSensitive": True}}}


def is_told(dimension: str) -> Filter:
    """Rows that have a value in this dimension."""
    empty = {"filter": {"fieldName": dimension, "inListFilter": {"values": list(UNTOLD), "caseSensitive": True}}}
    return {"notExpression": empty}


def all_of(*filters: Filter) -> Filter:
    """Rows that pass every filter."""
    return {"andGroup": {"expressions": list(filters)}}


@dataclass
class Table:
    """A report read whole: dimension cells → metric values. A row served twice stands here once.

    `bad` holds the first cells (the days) of rows that were refused.
    """

    rows: dict[Cells, tuple[int, ...]] = field(default_factory=dict)
    rejected: dict[str, int] = field(default_factory=dict)
    bad: set[str] = field(default_factory=set)
    seen: set[Cells] = field(default_factory=set)
    quality: set[str] = field(default_factory=set)
    time_zone: str = ""

    def take(self, spec: ReportSpec, report: Report) -> int:
        """Add a page; says how many of its rows are new. Raises SchemaDrift."""
        told = [header.name for header in report.dimension_headers], [header.name for header in report.metric_headers]
        if told != (list(spec.dimensions), list(spec.metrics)):
            raise SchemaDrift(f"asked for {spec.dimensions + spec.metrics}, got {told[0] + told[1]}")
        if report.rows and not report.row_count:
            raise SchemaDrift("rows without a row count")
        new = 0
        for row in report.rows:
            cells = tuple(cell.value for cell in row.dimension_values)
            if len(cells) != len(spec.dimensions) or len(row.metric_values) != len(spec.metrics):
                raise SchemaDrift("a row has another number of cells than the report has columns")
            if OTHER in cells:
                self.quality.add("other_row")
            if cells not in self.seen:
                new += 1
                self.seen.add(cells)
                self._keep(cells, row.metric_values)
        self._note(report)
        return new

    def _keep(self, cells: Cells, told: list[Value]) -> None:
        values = [whole_number(cell.value or "0") for cell in told]
        if None in values:
            self.rejected["value"] = self.rejected.get("value", 0) + 1
            self.bad.update(cells[:1])
        else:
            self.rows[cells] = tuple(value for value in values if value is not None)

    def _note(self, report: Report) -> None:
        flags = {
            "other_row": report.metadata.data_loss_from_other_row,
            "thresholded": report.metadata.subject_to_thresholding,
            "sampled": bool(report.metadata.sampling_metadatas),
        }
        self.quality |= {name for name, is_set in flags.items() if is_set}
        self.time_zone = report.metadata.time_zone or self.time_zone


def read_whole(ask: Ask, specs: list[ReportSpec], days: tuple[date, date], page_rows: int) -> list[Table]:
    """All rows of the reports for `days` (the second one not included), asked for together, page by page.

    Raises TooManyRowsError, SchemaDrift when paging runs in circles or the answer is not to the question, and
    Transient when rows moved between pages while we read.
    """
    start, end = days
    last = date.fromordinal(end.toordinal() - 1).isoformat()
    pages = [OffsetPages(page_rows) for _ in specs]
    tables = [Table() for _ in specs]
    totals = [0] * len(specs)
    while open_reports := [number for number, page in enumerate(pages) if not page.is_done]:
        batch = ask(
            [specs[number].request(start.isoformat(), last, pages[number].offset, page_rows) for number in open_reports]
        )
        if len(batch.reports) != len(open_reports):
            raise SchemaDrift(f"asked for {len(open_reports)} reports, got {len(batch.reports)}")
        for number, report in zip(open_reports, batch.reports, strict=True):
            if report.row_count > SLICE_ROWS and (end - start).days > 1:
                raise TooManyRowsError
            new = tables[number].take(specs[number], report)
            totals[number] = report.row_count
            pages[number].advance(new_rows=new, total=report.row_count)
    for table, total in zip(tables, totals, strict=True):
        if len(table.seen) != total:
            raise Transient(f"{total} rows promised, {len(table.seen)} different ones served", cause="truncated")
    return tables
