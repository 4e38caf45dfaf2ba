"""Why this number? For one metric and period: what each connection was asked, what it told, and which of it counted."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import text
from sqlmodel import Session, col, select

from domain.facts import Origin, Scope, day_number, day_of
from domain.metrics import BY_NAME
from domain.periods import Period
from domain.platforms import BY_KEY
from store.reports.connections import quality_flags
from store.reports.numbers import Asked, read_sums
from store.reports.scope import CompanyScope
from store.tables import PlatformConfig


@dataclass(frozen=True, slots=True)
class Told:
    """What one connection told by one origin, in one currency. `total` sums whole-platform facts, `by_posting` those of
    postings. `quality` are the flags of the connection's last completed sync."""

    platform: str
    connection: str
    origin: str
    total: int | None
    by_posting: int | None
    currency: str
    days_read: int
    days_failed: int
    days_provisional: int
    first_day: date | None
    last_day: date | None
    as_of: datetime | None
    quality: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """A metric's definition, what counted by platform (label, value, currency), and everything that was told."""

    metric: str
    label: str
    meaning: str
    date_basis: str
    period: Period
    counted: tuple[tuple[str, int, str], ...]
    told: tuple[Told, ...]


def explain(session: Session, company: CompanyScope, period: Period, metric: str) -> Explanation:
    """Trace `metric` over `period` to its connections. KeyError for an unknown metric."""
    definition = BY_NAME[metric]
    sums = read_sums(Asked(session, company.number), (metric,), [period])[period]
    labels = {platform.number: platform.label for platform in BY_KEY.values()}
    counted = tuple(
        (labels[platform], entry.value, currency) for (_, platform, currency), entry in sorted(sums.items())
    )
    configs = session.exec(
        select(PlatformConfig)
        .where(PlatformConfig.company_id == company.id)
        .order_by(col(PlatformConfig.platform), col(PlatformConfig.number))
    )
    told = [entry for config in configs for entry in _told_by(session, company, period, config, definition.number)]
    return Explanation(
        metric, definition.label, definition.meaning, definition.date_basis, period, counted, tuple(told)
    )


def _told_by(
    session: Session, company: CompanyScope, period: Period, config: PlatformConfig, metric: int
) -> list[Told]:
    where = {
        "company": company.number,
        "config": config.number,
        "metric": metric,
        "start": day_number(period.start),
        "end": day_number(period.end),
    }
    facts: dict[tuple[int, str], dict[int, int]] = {}
    for origin, scope, currency, value in session.connection().execute(_FACTS, where):
        facts.setdefault((origin, currency), {})[scope] = int(value)
    found = []
    for origin, read, failed, provisional, first, last, as_of in session.connection().execute(_COVERED, where):
        # Money of two currencies is told twice, never added up.
        for currency in sorted(currency for told_by, currency in facts if told_by == origin) or [""]:
            sums = facts.get((origin, currency), {})
            found.append(
                Told(
                    platform=BY_KEY[config.platform].label,
                    connection=config.name,
                    origin=Origin(origin).name.lower(),
                    total=sums.get(int(Scope.TOTAL)),
                    by_posting=sums.get(int(Scope.POSTING)),
                    currency=currency,
                    days_read=int(read or 0),
                    days_failed=int(failed or 0),
                    days_provisional=int(provisional or 0),
                    first_day=day_of(first) if first is not None else None,
                    last_day=day_of(last) if last is not None else None,
                    as_of=datetime.fromisoformat(as_of) if isinstance(as_of, str) else as_of,
                    quality=quality_flags(config) if origin == Origin.POLL else (),
                )
            )
    return found


_RANGE = "company_no = :company AND config_no = :config AND day >= :start AND day < :end AND metric = :metric"
_FACTS = text(
    "SELECT origin, scope, currency, SUM(value) FROM platform_analytics_raw"  # noqa: S608 constants only
    f" WHERE {_RANGE} AND (breakdown = 0 OR breakdown IN"
    " (SELECT number FROM breakdowns WHERE config_no = :config AND kind = 'source'))"
    " GROUP BY origin, scope, currency"
)
_COVERED = text(
    "SELECT origin, COUNT(DISTINCT CASE WHEN state = 1 THEN day END), COUNT(DISTINCT CASE WHEN state = 2 THEN day END),"  # noqa: S608
    " COUNT(DISTINCT CASE WHEN provisional = 1 THEN day END), MIN(CASE WHEN state = 1 THEN day END),"
    f" MAX(CASE WHEN state = 1 THEN day END), MAX(as_of) FROM read_coverage WHERE {_RANGE}"
    " GROUP BY origin ORDER BY origin"
)
