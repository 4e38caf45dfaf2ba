"""Aggregates of a made company by plain SQL: the rows that the product's aggregator writes, only sooner.

For benches of what reads aggregates. `tests/bench/test_bulk.py` compares them with the product's own rebuild. Shares
are left out: no report reads them.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, text
from sqlmodel import select

from bench.company import CONNECTIONS, ZONE, Made
from domain.facts import Scope, day_number
from domain.metrics import BY_NAME
from domain.periods import bucket_of, local_day
from domain.platforms import BY_KEY
from store.opening import Store
from store.tables import Application, DataVersion
from store.tables.facts import GRAINS

_INTO = (
    "INSERT INTO platform_analytics_aggregated (company_no, grain, metric, period_start, platform, currency, value, "
    "covered_days, provisional) "
)


def fill_aggregates(store: Store, made: Made) -> None:
    """Daily, weekly, monthly and by posting, of a company that has none yet."""
    with store.writing() as session:
        connection = session.connection()
        _platforms(connection)
        _days(connection)
        told = select(Application.source_platform, Application.interviewed_at, Application.hired_at)
        applications = session.exec(told).all()
        _stages(connection, applications)
        _periods(connection, made)
        session.add(DataVersion(company_no=made.number, company_id=made.company_id, version=1))
    for number in sorted({BY_KEY[key].number for key in CONNECTIONS}):
        with store.writing() as session:
            _platforms(session.connection())
            _postings(session.connection(), number)


def _platforms(connection: Connection) -> None:
    rows = ", ".join(f"({number}, {BY_KEY[key].number})" for number, key in enumerate(CONNECTIONS, 1))
    connection.execute(text("CREATE TEMP TABLE IF NOT EXISTS platform_of (config_no INTEGER, platform INTEGER)"))
    connection.execute(text("DELETE FROM platform_of"))
    connection.execute(text(f"INSERT INTO platform_of VALUES {rows}"))


def _days(connection: Connection) -> None:
    """Totals as told, of all accounts of a platform."""
    connection.execute(
        text(
            f"{_INTO} SELECT f.company_no, 1, f.metric, f.day, k.platform, f.currency, SUM(f.value), 1, "
            "MAX(r.provisional) FROM platform_of k JOIN platform_analytics_raw f ON f.config_no = k.config_no "
            "JOIN read_coverage r ON r.company_no = f.company_no AND r.config_no = f.config_no AND r.day = f.day "
            "AND r.metric = f.metric AND r.scope = f.scope AND r.origin = f.origin "
            f"WHERE f.company_no = 1 AND f.scope = {int(Scope.TOTAL)} AND f.breakdown = 0 "
            "GROUP BY f.company_no, f.metric, f.day, k.platform, f.currency"
        )
    )


def _stages(connection: Connection, applications: Sequence[tuple[str, datetime | None, datetime | None]]) -> None:
    """Interviews and hires of every platform with applications; days without any are 0."""
    counts: dict[tuple[str, str, int], int] = {}
    for platform, *instants in applications:
        for metric, at in zip(("interviews", "hires"), instants, strict=True):
            if at is not None:
                key = (platform, metric, day_number(local_day(at, ZONE)))
                counts[key] = counts.get(key, 0) + 1
    days = connection.execute(text("SELECT DISTINCT day FROM read_coverage WHERE company_no = 1")).scalars().all()
    rows = [
        {
            "metric": BY_NAME[metric].number,
            "day": day,
            "platform": BY_KEY[platform].number,
            "value": counts.get((platform, metric, day), 0),
        }
        for platform in sorted({row[0] for row in applications})
        for metric in ("interviews", "hires")
        for day in days
    ]
    connection.execute(text(f"{_INTO} VALUES (1, 1, :metric, :day, :platform, '', :value, 1, 0)"), rows)


def _periods(connection: Connection, made: Made) -> None:
    first, last = connection.execute(text("SELECT MIN(day), MAX(day) FROM read_coverage")).one()
    days = [made.today - timedelta(days=back) for back in range(last - first, -1, -1)]
    connection.execute(text("CREATE TEMP TABLE period_of (grain INTEGER, day INTEGER, start INTEGER)"))
    connection.execute(
        text("INSERT INTO period_of VALUES (:grain, :day, :start)"),
        [
            {"grain": GRAINS[grain], "day": day_number(day), "start": day_number(bucket_of(day, grain).start)}
            for day in days
            for grain in ("week", "month")
        ],
    )
    connection.execute(
        text(
            f"{_INTO} SELECT a.company_no, p.grain, a.metric, p.start, a.platform, a.currency, SUM(a.value), COUNT(*), "
            "MAX(a.provisional) FROM platform_analytics_aggregated a JOIN period_of p ON p.day = a.period_start "
            "WHERE a.grain = 1 GROUP BY a.company_no, p.grain, a.metric, p.start, a.platform, a.currency"
        )
    )


def _postings(connection: Connection, platform: int) -> None:
    connection.execute(
        text(
            "INSERT INTO posting_analytics_aggregated (company_no, day, platform, metric, posting_no, currency, value, "
            "provisional) SELECT f.company_no, f.day, k.platform, f.metric, p.number, f.currency, SUM(f.value), "
            "MAX(r.provisional) FROM platform_of k JOIN platform_analytics_raw f ON f.config_no = k.config_no "
            "JOIN read_coverage r ON r.company_no = f.company_no AND r.config_no = f.config_no AND r.day = f.day "
            "AND r.metric = f.metric AND r.scope = f.scope AND r.origin = f.origin "
            "JOIN external_postings e ON e.number = f.external_posting JOIN job_postings p ON p.id = e.posting_id "
            f"WHERE f.company_no = 1 AND f.scope = {int(Scope.POSTING)} AND k.platform = :platform "
            "GROUP BY f.company_no, f.day, k.platform, f.metric, p.number, f.currency ORDER BY 1, 2, 3, 4, 5"
        ),
        {"platform": platform},
    )
