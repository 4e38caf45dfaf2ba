"""The dirty log as aggregation reads and settles it, and the days of which anything is known."""

from collections import defaultdict
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import bindparam, func, insert, select, text
from sqlmodel import Session, col

from domain.platforms import BY_KEY, PLATFORMS
from domain.platforms import BY_NUMBER as PLATFORM_BY_NUMBER
from store.tables import AggregatedFact, Company, DirtyDay, PlatformConfig, ReadCoverage
from store.writes.choices import Slice

_IDS_AT_ONCE = 5_000
_ENTRIES = (
    select(col(DirtyDay.id))
    .join(PlatformConfig, col(PlatformConfig.number) == DirtyDay.config_no)
    .join(Company, col(Company.id) == PlatformConfig.company_id)
    .where(
        col(DirtyDay.company_no) == bindparam("company"),
        col(Company.number) == bindparam("company"),
        col(PlatformConfig.platform).in_(bindparam("platforms", expanding=True)),
        col(DirtyDay.day).in_(bindparam("days", expanding=True)),
    )
)
_FIRST_OF_EACH = (
    select(func.min(col(PlatformConfig.number)))
    .join(Company, col(Company.id) == PlatformConfig.company_id)
    .where(
        col(Company.number) == bindparam("company"),
        col(PlatformConfig.platform).in_(bindparam("platforms", expanding=True)),
    )
    .group_by(col(PlatformConfig.platform))
)


def dirty_entries(session: Session, part: Slice) -> list[int]:
    """Ids of the dirty log's entries that recomputing this slice settles."""
    platforms = [PLATFORM_BY_NUMBER[number].key for number in part.platforms]
    told = {"company": part.company_no, "platforms": platforms, "days": part.days}
    return [int(row[0] or 0) for row in session.connection().execute(_ENTRIES, told)]


def delete_entries(session: Session, ids: list[int]) -> None:
    """Take exactly these entries out of the dirty log."""
    for start in range(0, len(ids), _IDS_AT_ONCE):
        numbers = ", ".join(str(int(one)) for one in ids[start : start + _IDS_AT_ONCE])
        session.connection().exec_driver_sql(f"DELETE FROM dirty_days WHERE id IN ({numbers})")  # noqa: S608 -- integers


def mark_sites(session: Session, part: Slice, days: Collection[int], now: datetime) -> None:
    """Make the site platforms that are not of the slice dirty on these days: what they own may have changed."""
    sites = [one.key for one in PLATFORMS if one.is_site and one.number not in part.platforms]
    if not days or not sites:
        return
    connection = session.connection()
    numbers = connection.execute(_FIRST_OF_EACH, {"company": part.company_no, "platforms": sites}).scalars().all()
    if numbers:
        connection.execute(
            insert(DirtyDay),
            [
                {"company_no": part.company_no, "config_no": number, "day": day, "made_at": now}
                for number in numbers
                for day in sorted(days)
            ],
        )


def due_days(session: Session) -> dict[tuple[int, int], set[int]]:
    """Days in the dirty log by (company, platform)."""
    due: dict[tuple[int, int], set[int]] = defaultdict(set)
    found = session.execute(
        select(col(DirtyDay.company_no), col(PlatformConfig.platform), col(DirtyDay.day))
        .join(PlatformConfig, col(PlatformConfig.number) == DirtyDay.config_no)
        .distinct()
    )
    for company_no, platform, day in found:
        if platform in BY_KEY:
            due[company_no, BY_KEY[platform].number].add(day)
    return due


def known_days(session: Session, company_no: int) -> tuple[set[int], tuple[int, ...]]:
    """Platforms a company has connections or aggregates of, and every day that has coverage or aggregates."""
    keys = session.execute(
        select(col(PlatformConfig.platform))
        .join(Company, col(Company.id) == PlatformConfig.company_id)
        .where(col(Company.number) == company_no)
        .distinct()
    ).scalars()
    platforms = {BY_KEY[key].number for key in keys if key in BY_KEY}
    whose = col(AggregatedFact.company_no) == company_no
    counted = session.execute(select(col(AggregatedFact.platform)).where(whose).distinct()).scalars()
    platforms |= set(counted) & set(PLATFORM_BY_NUMBER)
    days = set(session.execute(select(col(AggregatedFact.period_start)).where(whose).distinct()).scalars())
    read = select(col(ReadCoverage.day)).where(col(ReadCoverage.company_no) == company_no).distinct()
    days |= set(session.execute(read).scalars())
    # One step of the index a day: a DISTINCT would read every row by posting, which may be millions.
    steps = text(
        "WITH RECURSIVE d(day) AS (SELECT MIN(day) FROM posting_analytics_aggregated WHERE company_no = :company "
        "UNION ALL SELECT (SELECT MIN(p.day) FROM posting_analytics_aggregated p WHERE p.company_no = :company "
        "AND p.day > d.day) FROM d WHERE d.day IS NOT NULL) SELECT day FROM d WHERE day IS NOT NULL"
    )
    days |= {row[0] for row in session.connection().execute(steps, {"company": company_no})}
    return platforms, tuple(sorted(days))
