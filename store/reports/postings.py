"""What did each posting bring, from which platform? And which external postings wait to be linked?"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, func, text, tuple_
from sqlmodel import Session, col, or_, select
from sqlmodel.sql.expression import SelectOfScalar

from domain.facts import day_number
from domain.filters import Filters
from domain.metrics import BY_NUMBER as METRICS
from domain.metrics import FROM_APPLICATIONS
from domain.periods import Period
from domain.platforms import BY_NUMBER as PLATFORMS
from domain.postings import NARROWING
from store.reports.scope import CompanyScope
from store.tables import Application, ExternalPosting, JobPosting, PlatformConfig

MOST_ROWS = 500


@dataclass(frozen=True, slots=True)
class PostingRow:
    """A posting with its numbers in the period: `values` by metric, `by_platform` by platform and metric.

    A metric that is absent was not reported for this posting; it is not zero. What applications reached is known, and
    may be zero, of a posting that anybody has applied for as we know. Money is by currency in `spend`.
    """

    id: uuid.UUID
    number: int
    title: str
    requisition_ref: str
    department: str
    location: str
    recruiter: str
    hiring_manager: str
    status: str
    opened_on: date | None
    closed_on: date | None
    target_hires: int
    slug: str
    path: str
    path_pattern: str
    apply_url: str
    values: dict[str, int] = field(default_factory=dict)
    by_platform: dict[str, dict[str, int]] = field(default_factory=dict)
    spend: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WaitingPosting:
    """An external posting that belongs to none of ours yet."""

    number: int
    platform: str
    connection: str
    external_ref: str
    title: str
    requisition_ref: str
    path: str
    url: str
    first_seen_at: datetime
    is_ignored: bool
    kind: str = "posting"
    links: tuple[str, ...] = ()
    campaign: str = ""
    location: str = ""
    posted_at: datetime | None = None


def like(search: str) -> tuple[ColumnElement[bool], ...]:
    """That a posting has a text, literally, in its title, requisition, department or location; nothing without one."""
    if not search:
        return ()
    columns = (JobPosting.title, JobPosting.requisition_ref, JobPosting.department, JobPosting.location)
    return (or_(*(func.lower(column).contains(search.lower(), autoescape=True) for column in columns)),)


def list_postings(
    session: Session,
    company: CompanyScope,
    period: Period,
    filters: Filters,
    *,
    status: str = "",
    search: str = "",
    narrowed: Mapping[str, Sequence[str]] | None = None,
    after: tuple[str, int] | None = None,
    limit: int = MOST_ROWS,
) -> list[PostingRow]:
    """Postings with their numbers in `period`, by title, at most `limit`. `search` is literal text.

    `narrowed` holds values to keep by field (department, location, recruiter, hiring_manager); "" is having none.
    `after` is title and number of the last posting of the page before.
    """
    query = select(JobPosting).where(JobPosting.company_id == company.id)
    if status:
        query = query.where(JobPosting.status == status)
    query = query.where(*like(search))
    for name, kept in (narrowed or {}).items():
        if kept and name in NARROWING:
            query = query.where(col(getattr(JobPosting, name)).in_(list(kept)))
    if after is not None:
        query = query.where(tuple_(col(JobPosting.title), col(JobPosting.number)) > after)
    postings = session.exec(query.order_by(JobPosting.title, col(JobPosting.number)).limit(limit)).all()
    rows = {posting.number: _row(posting) for posting in postings}
    _fill(session, company, period, filters.numbers, rows)
    return list(rows.values())


def find_posting(
    session: Session, company: CompanyScope, period: Period, filters: Filters, posting_id: uuid.UUID
) -> PostingRow | None:
    """One posting of the company with its numbers; None for another company's or none."""
    posting = session.exec(
        select(JobPosting).where(JobPosting.company_id == company.id, JobPosting.id == posting_id)
    ).first()
    if posting is None:
        return None
    rows = {posting.number: _row(posting)}
    _fill(session, company, period, filters.numbers, rows)
    return rows[posting.number]


def list_known(session: Session, company: CompanyScope) -> dict[str, list[str]]:
    """What the company's postings that are not archived have in each field they can be narrowed to, in order."""
    columns = [col(getattr(JobPosting, name)) for name in NARROWING]
    where = (JobPosting.company_id == company.id, JobPosting.status != "archived")
    return {
        name: list(session.exec(select(column).where(*where, column != "").distinct().order_by(column)))
        for name, column in zip(NARROWING, columns, strict=True)
    }


def list_waiting(session: Session, company: CompanyScope, *, ignored: bool = False) -> list[WaitingPosting]:
    """External postings without a posting of ours, newest first, at most MOST_ROWS."""
    found = session.exec(
        select(ExternalPosting, PlatformConfig)
        .join(PlatformConfig, PlatformConfig.id == ExternalPosting.config_id)  # type: ignore[arg-type]
        .where(
            ExternalPosting.company_id == company.id,
            ExternalPosting.posting_id == None,  # noqa: E711
            ExternalPosting.is_ignored == ignored,
        )
        .order_by(col(ExternalPosting.first_seen_at).desc(), col(ExternalPosting.number))
        .limit(MOST_ROWS)
    )
    return [waiting_row(external, config) for external, config in found]


def waiting_row(external: ExternalPosting, config: PlatformConfig) -> WaitingPosting:
    """An external posting as a screen shows it."""
    return WaitingPosting(
        number=external.number or 0,
        platform=config.platform,
        connection=config.name,
        external_ref=external.external_ref,
        title=external.title,
        requisition_ref=external.requisition_ref,
        path=external.path,
        url=external.url,
        first_seen_at=external.first_seen_at,
        is_ignored=external.is_ignored,
        kind=external.kind,
        links=tuple(external.links),
        campaign=external.campaign,
        location=external.location,
        posted_at=external.posted_at,
    )


_SAME = (
    "id number title requisition_ref department location recruiter hiring_manager status opened_on closed_on"
    " target_hires slug path path_pattern apply_url"
).split()


def _row(posting: JobPosting) -> PostingRow:
    return PostingRow(**{name: getattr(posting, name) for name in _SAME})


def _fill(
    session: Session, company: CompanyScope, period: Period, platforms: Sequence[int], rows: dict[int, PostingRow]
) -> None:
    """Add the period's numbers to `rows`, reading each posting through its index when there are few."""
    if not rows:
        return
    chosen = f" AND platform IN ({', '.join(str(int(number)) for number in platforms)})" if platforms else ""
    some = f" AND posting_no IN ({', '.join(str(number) for number in rows)})" if len(rows) <= MOST_ROWS else ""
    sums = session.connection().execute(
        text(
            "SELECT posting_no, platform, metric, currency, SUM(value) FROM posting_analytics_aggregated"  # noqa: S608
            f" WHERE company_no = :company AND day >= :start AND day < :end{some}{chosen}"
            " GROUP BY posting_no, platform, metric, currency"
        ),
        {"company": company.number, "start": day_number(period.start), "end": day_number(period.end)},
    )
    for posting_no, platform, metric_number, currency, value in sums:
        row, metric = rows[posting_no], METRICS[metric_number]
        if metric.unit == "money":
            row.spend[currency] = row.spend.get(currency, 0) + int(value)
            continue
        row.values[metric.name] = row.values.get(metric.name, 0) + int(value)
        row.by_platform.setdefault(PLATFORMS[platform].key, {})[metric.name] = int(value)
    for posting_no in session.exec(_applied_for(company, period, rows)):
        for values in (rows[posting_no].values, *rows[posting_no].by_platform.values()):
            values |= {name: values.get(name, 0) for name in FROM_APPLICATIONS}


def _applied_for(company: CompanyScope, period: Period, rows: Iterable[int]) -> SelectOfScalar[int]:
    """Numbers of these postings for which there are applications of ours: what became of them is known."""
    end = datetime.combine(period.end, time.min, ZoneInfo(company.time_zone))
    ours = select(Application.id).where(Application.posting_id == JobPosting.id, col(Application.applied_at) < end)
    return select(JobPosting.number).where(
        JobPosting.company_id == company.id, col(JobPosting.number).in_(list(rows)), ours.exists()
    )
