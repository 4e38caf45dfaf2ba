"""Files and people for the tests of imports."""

import io
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from openpyxl import Workbook
from sqlmodel import Session, select

from actions.imports import SourceFile, inspect_file, plan_import, run_import
from actions.viewer import Viewer
from store.opening import Store
from store.tables import Application, Company, ExternalPosting, JobPosting, RawFact, ReadCoverage, User

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)

METRICS = """Date,Posting ID,Posting title,Campaign,Clicks,Applies,Spend (USD)
2026-02-01,P-1,Welder,Spring,"1,200",12,30.50
2026-02-01,P-1,Welder,Always,300,3,4.00
2026-02-01,P-2,Örtliche Leitung,Spring,40,--,1.25
2026-02-02,P-1,Welder,Spring,0,0,0
2026-02-02,P-2,Örtliche Leitung,Spring,-5,1,0
Total,,,,"1,540",15,35.75
"""

APPLICATIONS = """Application ID,Candidate,E-mail,Requisition,Posting title,Source,Applied at,Reviewed at,Interviewed at,Offered at,Hired at,Rejected at,Withdrawn at,Stage
A-1,Ines Albrecht,ines@example.com,REQ-1,Welder,Indeed,2026-01-10 09:30,2026-01-12 10:00,2026-01-20 11:00,2026-01-28 12:00,2026-02-03 13:00,,,Hired
A-2,Bo Lund,bo@example.com,REQ-1,Welder,Employee referral,2026-01-11 23:30,2026-01-13 10:00,,,,2026-01-15 08:00,,Rejected
A-3,Zoë Ünal,zoe@example.com,REQ-9,Unknown one,Job fair,2026-01-12 08:00,,,,,,,New
A-4,Late Larry,larry@example.com,REQ-1,Welder,LinkedIn,2026-01-14 08:00,2026-01-13 08:00,,,,,,Review
"""  # noqa: E501


def admin_of(store: Store, company: Company) -> Viewer:
    """An admin of the company, really in the database."""
    user = User(company_id=company.id, email=f"ada@{company.number}.example", name="Ada", role="admin")
    with store.writing() as session:
        session.add(user)
    return Viewer(user.id, company.id, "admin", "Ada", user.email)


def text_file(text: str, name: str = "indeed_export.csv") -> SourceFile:
    """A CSV file."""
    return SourceFile(name, text.encode())


def workbook(rows: Sequence[Sequence[Any]], name: str = "export.xlsx") -> SourceFile:
    """An Excel file with one sheet."""
    book = Workbook()
    for row in rows:
        book.active.append(list(row))
    buffer = io.BytesIO()
    book.save(buffer)
    return SourceFile(name, buffer.getvalue())


def plan_of(store: Store, viewer: Viewer, source: SourceFile, now: datetime = NOW, **changes: Any) -> Any:
    """The plan under the mapping that is proposed, with `changes` made to it."""
    mapping = inspect_file(store, viewer, source, now=now).mapping.model_copy(update=changes)
    return plan_import(store, viewer, source, mapping, now=now)


def bring_in(store: Store, viewer: Viewer, source: SourceFile, now: datetime = NOW, **changes: Any) -> Any:
    """Inspect, plan and import a file."""
    plan = plan_of(store, viewer, source, now, **changes)
    return run_import(store, viewer, source, plan, clock=lambda: now)


def add_posting(store: Store, company: Company, requisition: str, title: str) -> JobPosting:
    """A posting of ours."""
    posting = JobPosting(company_id=company.id, number=1, title=title, requisition_ref=requisition)
    with store.writing() as session:
        session.add(posting)
    return posting


def facts_in(store: Store) -> dict[tuple[Any, ...], int]:
    """(day, metric, scope, posting reference, has breakdown, currency) → value."""
    with store.reading() as session:
        refs = _refs(session)
        return {
            (f.day, f.metric, f.scope, refs.get(f.external_posting, ""), f.breakdown > 0, f.currency): f.value
            for f in session.exec(select(RawFact))
        }


def stored_rows(store: Store) -> list[tuple[Any, ...]]:
    """Everything an import may change, comparable."""
    with store.reading() as session:
        facts = [
            (f.config_no, f.day, f.metric, f.scope, f.external_posting, f.breakdown, f.currency, f.value, f.seen)
            for f in session.exec(select(RawFact))
        ]
        covered = [(c.config_no, c.day, c.metric, c.scope, c.state) for c in session.exec(select(ReadCoverage))]
        people = [
            tuple(str(value) for name, value in sorted(a.model_dump().items()))
            for a in session.exec(select(Application))
        ]
    return sorted(map(repr, (*facts, *covered, *people)))


def _refs(session: Session) -> dict[int, str]:
    return {row.number: row.external_ref for row in session.exec(select(ExternalPosting)) if row.number is not None}


def long_file(kind: str) -> SourceFile:
    """A file that takes several batches: 8,000 numbers, or 2,500 applications."""
    if kind == "metrics":
        rows = [f"2026-01-{1 + n % 20:02d},P-{n // 20},{n},{n % 7}" for n in range(4000)]
        return text_file("Date,Posting ID,Clicks,Applies\n" + "\n".join(rows))
    rows = [f"A-{n},Name {n},n{n}@example.com,Indeed,2026-01-{1 + n % 20:02d} 10:00" for n in range(2500)]
    return text_file("Application ID,Candidate,E-mail,Source,Applied at\n" + "\n".join(rows), "ats.csv")
