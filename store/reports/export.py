"""Everything there is of a period, row by row: for files of a million rows that never stand in memory as a whole.

Rows come in the order of their keys through one cursor that sees one moment of the database. They hold numbers where
the tables do; columns say what those stand for.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from sqlalchemy import Connection, select
from sqlmodel import Session, col

from domain.facts import Origin, Scope, day_number, day_of
from domain.filters import Filters
from domain.metrics import BY_NAME, METRICS
from domain.periods import Period
from domain.platforms import PLATFORMS
from store.engine import is_sqlite
from store.reports.scope import CompanyScope
from store.tables import BreakdownRow, ExternalPosting, JobPosting, PlatformConfig

Kind = Literal["day", "text", "count", "flag"]
#: Rows read and spelled at once: so few that they stay in the processor's cache meanwhile, which halves the time.
CHUNK = 512


class Column(NamedTuple):
    """A column of the file: `at` is its place in a row as read, `names` what its numbers stand for."""

    name: str
    kind: Kind
    at: int
    names: Mapping[Any, str] | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which rows: of a period, of platforms, of metrics (none named: all)."""

    period: Period
    filters: Filters
    metrics: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Export:
    """The columns of a file, and the statement that reads its rows."""

    columns: tuple[Column, ...]
    statement: str


def plan_days(_session: Session, company: CompanyScope, wanted: Wanted) -> Export:
    """Totals of every day by platform and metric, as the screens sum them."""
    columns = (
        Column("day", "day", 0),
        Column("platform", "text", 1, _PLATFORMS),
        Column("metric", "text", 2, _METRICS),
        Column("currency", "text", 3),
        Column("value", "count", 4),
        Column("isProvisional", "flag", 5),
    )
    return Export(
        columns,
        "SELECT period_start, platform, metric, currency, value, provisional FROM platform_analytics_aggregated"  # noqa: S608
        f" WHERE company_no = {int(company.number)} AND grain = 1 AND {_within('period_start', wanted)}"
        f"{_some(wanted)} ORDER BY company_no, grain, metric, period_start, platform, currency",
    )


def plan_postings(session: Session, company: CompanyScope, wanted: Wanted) -> Export:
    """Numbers of every day by posting, platform and metric; an empty posting waits to be linked."""
    found = session.execute(
        select(
            col(JobPosting.number), col(JobPosting.id), col(JobPosting.title), col(JobPosting.requisition_ref)
        ).where(col(JobPosting.company_id) == company.id)
    ).all()
    ids, titles, refs = ({0: ""} | {row[0]: str(row[at]) for row in found} for at in (1, 2, 3))
    columns = (
        Column("day", "day", 0),
        Column("platform", "text", 1, _PLATFORMS),
        Column("metric", "text", 2, _METRICS),
        Column("postingId", "text", 3, ids),
        Column("posting", "text", 3, titles),
        Column("requisition", "text", 3, refs),
        Column("currency", "text", 4),
        Column("value", "count", 5),
        Column("isProvisional", "flag", 6),
    )
    return Export(
        columns,
        "SELECT day, platform, metric, posting_no, currency, value, provisional FROM posting_analytics_aggregated"  # noqa: S608
        f" WHERE company_no = {int(company.number)} AND {_within('day', wanted)}{_some(wanted)}"
        " ORDER BY company_no, day, platform, metric, posting_no, currency",
    )


def plan_facts(session: Session, company: CompanyScope, wanted: Wanted) -> Export:
    """What each connection told, as told: the rows behind every number, counted or not."""
    configs = session.execute(
        select(col(PlatformConfig.number), col(PlatformConfig.platform), col(PlatformConfig.name)).where(
            col(PlatformConfig.company_id) == company.id
        )
    ).all()
    kept = [row.number for row in configs if not wanted.filters.platforms or row.platform in wanted.filters.platforms]
    columns = (
        Column("day", "day", 1),
        Column("platform", "text", 0, {row.number: row.platform for row in configs}),
        Column("connection", "text", 0, {row.number: row.name for row in configs}),
        Column("metric", "text", 2, _METRICS),
        Column("scope", "text", 3, {int(scope): scope.name.lower() for scope in Scope}),
        Column("posting", "text", 4, _external(session, company)),
        *_breakdowns(session, company),
        Column("origin", "text", 6, {int(origin): origin.name.lower() for origin in Origin}),
        Column("currency", "text", 7),
        Column("value", "count", 8),
        Column("isProvisional", "flag", 9),
    )
    numbers = ", ".join(str(int(number)) for number in kept) or "-1"
    return Export(
        columns,
        "SELECT config_no, day, metric, scope, external_posting, breakdown, origin, currency, value, provisional"  # noqa: S608
        f" FROM platform_analytics_raw WHERE company_no = {int(company.number)} AND config_no IN ({numbers})"
        f" AND {_within('day', wanted)}{_some(wanted, platforms=False)}"
        " ORDER BY company_no, config_no, day, metric, scope, external_posting, breakdown, origin, hour, currency",
    )


Plan = Callable[[Session, CompanyScope, Wanted], Export]
DATASETS: Mapping[str, Plan] = {"days": plan_days, "postings": plan_postings, "facts": plan_facts}


@contextmanager
def reading_chunks(session: Session, export: Export) -> Iterator[Iterator[Sequence[tuple[Any, ...]]]]:
    """Chunks of rows as the driver gives them, through a cursor that is closed with the block."""
    connection: Connection = session.connection()
    raw: Any = connection.connection
    # A named cursor of PostgreSQL stays on the server; SQLite's reads on with every fetch anyway.
    cursor = raw.cursor() if is_sqlite(connection) else raw.cursor(name="export")
    try:
        cursor.execute(export.statement)
        yield iter(lambda: cursor.fetchmany(CHUNK), [])
    finally:
        cursor.close()


def day_names(wanted: Wanted) -> dict[int, str]:
    """Every day of the period, by its number, as YYYY-MM-DD."""
    return {number: day_of(number).isoformat() for number in range(*_span(wanted))}


def _external(session: Session, company: CompanyScope) -> dict[int, str]:
    found = session.execute(
        select(col(ExternalPosting.number), col(ExternalPosting.external_ref)).where(
            col(ExternalPosting.company_id) == company.id
        )
    )
    return {0: ""} | {row.number: row.external_ref for row in found}


def _breakdowns(session: Session, company: CompanyScope) -> tuple[Column, ...]:
    names = ("kind", "source", "medium", "campaign")
    found = session.execute(
        select(col(BreakdownRow.number), *(col(getattr(BreakdownRow, name)) for name in names)).where(
            col(BreakdownRow.company_no) == company.number
        )
    ).all()
    return tuple(
        Column("breakdown" if name == "kind" else name, "text", 5, {0: ""} | {row[0]: row[at] for row in found})
        for at, name in enumerate(names, 1)
    )


def _span(wanted: Wanted) -> tuple[int, int]:
    return day_number(wanted.period.start), day_number(wanted.period.end)


def _within(column: str, wanted: Wanted) -> str:
    start, end = _span(wanted)
    return f"{column} >= {start} AND {column} < {end}"


def _some(wanted: Wanted, *, platforms: bool = True) -> str:
    """Conditions on whole numbers of ours only."""
    some = (
        f" AND metric IN ({', '.join(str(BY_NAME[name].number) for name in wanted.metrics)})" if wanted.metrics else ""
    )
    if platforms and wanted.filters.numbers:
        some += f" AND platform IN ({', '.join(str(number) for number in wanted.filters.numbers)})"
    return some


_PLATFORMS = {platform.number: platform.key for platform in PLATFORMS}
_METRICS = {metric.number: metric.name for metric in METRICS}
