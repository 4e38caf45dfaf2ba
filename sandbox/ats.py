"""The export of the company's applicant tracking system, as CSV and as a workbook."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import datetime

from openpyxl import Workbook

from sandbox.applications import STAGES, Application
from sandbox.company import ZONE
from sandbox.model import Company

HEADERS = (
    "Application ID",
    "Candidate",
    "E-mail",
    "Requisition",
    "Posting title",
    "Source",
    "Applied at",
    "Reviewed at",
    "Interviewed at",
    "Offered at",
    "Hired at",
    "Rejected at",
    "Withdrawn at",
    "Stage",
)
STAGE_NAMES = {
    "reviewed": "Reviewed",
    "interviewed": "Interview",
    "offered": "Offer",
    "hired": "Hired",
    "rejected": "Rejected",
    "withdrawn": "Withdrawn",
}
Cell = str | datetime | None


def rows_of(company: Company) -> Iterator[list[Cell]]:
    """One row an application, oldest first; instants as wall time of the company, without zone."""
    cutoff = company.ats_cutoff()
    for application in company.applications():
        reached = {stage: at for stage, at in application.stages.items() if at < cutoff}
        title = company.by_requisition[application.requisition].title
        yield [
            application.id,
            application.name,
            application.email,
            application.requisition,
            title,
            application.source,
            _wall(application.applied_at),
            *(_wall(reached[stage]) if stage in reached else None for stage in STAGES),
            _stage(application, reached),
        ]


def _stage(application: Application, reached: dict[str, datetime]) -> str:
    last = max(reached, key=lambda stage: application.stages[stage], default=None)
    return "New" if last is None else STAGE_NAMES[last]


def _wall(instant: datetime) -> datetime:
    return instant.astimezone(ZONE).replace(tzinfo=None)


def as_csv(company: Company) -> str:
    """UTF-8 text with a header; instants as `2026-05-04 09:31:07`."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(HEADERS)
    for row in rows_of(company):
        writer.writerow(["" if cell is None else str(cell) for cell in row])
    return out.getvalue()


def as_xlsx(company: Company) -> bytes:
    """A workbook with one sheet; instants are real Excel dates, titles stay text."""
    book = Workbook()
    sheet = book.active
    sheet.title = "Applications"
    sheet.append(HEADERS)
    for number, row in enumerate(rows_of(company), 2):
        for column, value in enumerate(row, 1):
            if value is not None:
                cell = sheet.cell(number, column, value)
                if isinstance(value, str):
                    cell.data_type = "s"
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
