"""How fast does hiring go, and what does it cost? Medians over the period's postings and hires.

Days to the first application: postings whose first application fell into the period, from the day they opened.
Days to hire: applicants hired in the period, from application to hire. Costs use only platforms that report spend and
the other term, and only the company's main currency of spend.
"""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import UTC, datetime, time
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, func, or_, select, type_coerce
from sqlalchemy.orm import aliased
from sqlalchemy.types import NullType
from sqlmodel import Session, col

from domain.metrics import BY_NAME
from domain.money import Money
from domain.periods import Period
from domain.platforms import BY_NUMBER
from domain.rates import median_days
from store.reports.numbers import Sums
from store.reports.scope import CompanyScope
from store.reports.shapes import Performance
from store.tables import Application, JobPosting
from store.tables.columns import UtcInstant

DAY_SECONDS = 86_400


def get_performance(
    session: Session, company: CompanyScope, period: Period, sums: Sums, platforms: Sequence[str] = ()
) -> Performance:
    """Speed from applications and postings, cost from `sums` (the period's totals, already filtered)."""
    first_days = _days_to_first_application(session, company, period, platforms)
    hire_days = _days_to_hire(session, company, period, platforms)
    open_postings = _open_postings(session, company, period)
    applications = sum(entry.value for key, entry in sums.items() if key[0] == BY_NAME["applications"].number)
    currency = main_currency(sums, company.currency)
    per_application, application_platforms = cost_per(sums, "applications", currency)
    per_hire, _ = cost_per(sums, "hires", currency)
    return Performance(
        days_to_first_application=median_days(first_days),
        days_to_hire=median_days(hire_days),
        hires_measured=len(hire_days),
        postings_measured=len(first_days),
        open_postings=open_postings,
        applications_per_posting=applications / open_postings if open_postings else None,
        cost_per_application_minor=per_application.minor if per_application else None,
        cost_per_hire_minor=per_hire.minor if per_hire else None,
        currency=currency,
        cost_platforms=application_platforms,
    )


def main_currency(sums: Sums, fallback: str) -> str:
    """The company's own currency where money was spent in it, else the one most was spent in."""
    spend = {key[2]: entry.value for key, entry in sorted(sums.items()) if key[0] == BY_NAME["spend"].number}
    if fallback in spend or not spend:
        return fallback
    return max(spend, key=lambda currency: spend[currency])


def cost_per(sums: Sums, metric: str, currency: str) -> tuple[Money | None, tuple[str, ...]]:
    """Spend by `metric` over the platforms that report both in this currency alone, and those platforms' keys."""
    spend, count, counted = cost_terms(sums, metric, currency)
    return (Money(spend, currency).per(count) if counted else None), counted


def cost_terms(sums: Sums, metric: str, currency: str) -> tuple[int, int, tuple[str, ...]]:
    """Minor units spent, number bought, and the keys of the platforms counted."""
    spend_number, metric_number = BY_NAME["spend"].number, BY_NAME[metric].number
    currencies: dict[int, set[str]] = {}
    for number, platform, spent_in in sums:
        if number == spend_number and sums[number, platform, spent_in].value:
            currencies.setdefault(platform, set()).add(spent_in)
    counted = [
        platform
        for platform in sorted(currencies)
        if currencies[platform] == {currency} and (metric_number, platform, "") in sums
    ]
    spend = sum(sums[spend_number, platform, currency].value for platform in counted)
    count = sum(sums[metric_number, platform, ""].value for platform in counted)
    return spend, count, tuple(BY_NUMBER[platform].key for platform in counted)


def instants(period: Period, zone: str) -> tuple[datetime, datetime]:
    """The UTC instants at which a period of local days begins and ends."""
    tz = ZoneInfo(zone)
    start, end = (datetime.combine(day, time.min, tzinfo=tz).astimezone(UTC) for day in (period.start, period.end))
    return start, end


def _days_to_first_application(
    session: Session, company: CompanyScope, period: Period, platforms: Sequence[str]
) -> list[float]:
    start, end = instants(period, company.time_zone)
    asked = {"company": company.id, "start": start, "end": end, "start_on": period.start, "end_on": period.end}
    # All at once: one by one, thousands of rows take the driver twice as long.
    rows = session.connection().execute(_first_applications(tuple(platforms)), asked).all()
    bounds = _day_bounds(session, period, company.time_zone)
    first = period.start.toordinal() - 1
    return [float(max(0, first + bisect_right(bounds, applied) - opened.toordinal())) for opened, applied in rows]


def _day_bounds(session: Session, period: Period, zone: str) -> list[Any]:
    """When each day of the period begins, as the database spells instants: looking a day up beats turning thousands."""
    tz, kind = ZoneInfo(zone), UtcInstant()
    dialect = session.get_bind().dialect
    return [kind.process_bind_param(datetime.combine(day, time.min, tzinfo=tz), dialect) for day in period]


@lru_cache(maxsize=64)
def _first_applications(platforms: tuple[str, ...]) -> Any:
    """Day of opening and first application, of the postings whose first application fell between two instants.

    The application's instant is told as the database spells it. Read from the applications between them: there are
    fewer postings with any than postings that were open.
    """
    found = (
        select(col(Application.posting_id), func.min(col(Application.applied_at)).label("applied_at"))
        .where(
            col(Application.company_id) == bindparam("company"),
            col(Application.applied_at) >= bindparam("start"),
            col(Application.applied_at) < bindparam("end"),
            *_of(platforms),
        )
        .group_by(col(Application.posting_id))
        .subquery()
    )
    every = aliased(Application)
    # Not as "none earlier": for a long period PostgreSQL would read all applications there ever were to find those.
    first = (
        select(func.min(col(every.applied_at)))
        .where(col(every.posting_id) == found.c.posting_id, *_of(platforms, every))
        .scalar_subquery()
    )
    return (
        select(col(JobPosting.opened_on), type_coerce(found.c.applied_at, NullType()))
        .join(found, found.c.posting_id == col(JobPosting.id))
        .where(col(JobPosting.company_id) == bindparam("company"), *_open_in_period())
        .where(col(JobPosting.opened_on).is_not(None), first >= bindparam("start"))
    )


def _days_to_hire(session: Session, company: CompanyScope, period: Period, platforms: Sequence[str]) -> list[float]:
    start, end = instants(period, company.time_zone)
    rows = session.connection().execute(_hires(tuple(platforms)), {"company": company.id, "start": start, "end": end})
    return [(hired - applied).total_seconds() / DAY_SECONDS for applied, hired in rows]


@lru_cache(maxsize=64)
def _hires(platforms: tuple[str, ...]) -> Any:
    return select(col(Application.applied_at), col(Application.hired_at)).where(
        col(Application.company_id) == bindparam("company"),
        col(Application.hired_at) >= bindparam("start"),
        col(Application.hired_at) < bindparam("end"),
        *_of(platforms),
    )


def _open_postings(session: Session, company: CompanyScope, period: Period) -> int:
    found = session.connection().execute(
        _OPEN_POSTINGS, {"company": company.id, "start_on": period.start, "end_on": period.end}
    )
    return int(found.scalar_one())


def _open_in_period() -> tuple[Any, Any]:
    return (
        or_(col(JobPosting.opened_on).is_(None), col(JobPosting.opened_on) < bindparam("end_on")),
        or_(col(JobPosting.closed_on).is_(None), col(JobPosting.closed_on) >= bindparam("start_on")),
    )


_OPEN_POSTINGS = (
    select(func.count())
    .select_from(JobPosting)
    .where(col(JobPosting.company_id) == bindparam("company"), *_open_in_period())
)


def _of(platforms: Sequence[str], table: Any = Application) -> list[Any]:
    return [col(table.source_platform).in_(platforms)] if platforms else []
