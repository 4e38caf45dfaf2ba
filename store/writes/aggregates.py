"""Recompute aggregates from facts for some days of one platform, in the caller's transaction.

`domain/counting.py` decides what counts; here its decisions become sums. Only rows that differ are written, so that
recomputing what has not changed writes nothing and raises no version.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, insert, text, update
from sqlmodel import Session, col, select

from domain.counting import Choice, Connection, Counted, Reading, chosen, polled_scopes, told_parts, told_postings
from domain.facts import Coverage, Origin, Scope, day_number, day_of
from domain.metrics import BY_NUMBER
from domain.periods import bucket_of
from domain.platforms import BY_KEY, PLATFORMS
from domain.platforms import BY_NUMBER as PLATFORM_BY_NUMBER
from domain.shares import shares
from store.tables import AggregatedFact, Company, DataVersion, DirtyDay, PlatformConfig, ReadCoverage
from store.tables.facts import GRAINS
from store.writes.posting_aggregates import CountedPostings, write_postings
from store.writes.sums import run, run_many, sum_facts, values_of

#: By connector and metric number, how its totals are counted; what is not named counts by its plain total.
Declared = Mapping[str, Mapping[int, Counted]]
#: (grain, metric, first day, currency) of a row of one company and platform
Key = tuple[int, int, int, str]
#: (value, covered days, provisional) by key
Rows = dict[Key, tuple[int, int, int]]
#: (day, metric) → the choices that make the platform's number
Choices = dict[tuple[int, int], list[Choice]]
ALL_METRICS = tuple(BY_NUMBER)
_DAY = GRAINS["day"]
_UPSERT = (
    "INSERT INTO platform_analytics_aggregated (company_no, platform, grain, metric, period_start, currency, value, "
    "covered_days, provisional) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (company_no, grain, metric, period_start, platform, currency) DO UPDATE SET "
    "value = excluded.value, covered_days = excluded.covered_days, provisional = excluded.provisional"
)
_ROW = "company_no = ? AND platform = ? AND grain = ? AND metric = ? AND period_start = ? AND currency = ?"
_DELETE = f"DELETE FROM platform_analytics_aggregated WHERE {_ROW}"  # noqa: S608 -- our own words
_SHARE = f"UPDATE platform_analytics_aggregated SET percentage = ? WHERE {_ROW}"  # noqa: S608 -- our own words
_IDS_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Slice:
    """Days of one platform of one company, all or some of its metrics: what one transaction recomputes."""

    company_no: int
    platform: int
    days: tuple[int, ...]
    metrics: tuple[int, ...] = ALL_METRICS


def lock_company(session: Session, company_no: int, now: datetime) -> None:
    """Let one transaction at a time aggregate a company. It holds until the transaction ends."""
    session.connection().execute(
        text(
            "INSERT INTO data_versions (company_no, company_id, version, changed_at) "
            "SELECT number, id, 0, :now FROM companies WHERE number = :company ON CONFLICT DO NOTHING"
        ).bindparams(now=_bound(session, now), company=company_no)
    )
    session.exec(
        select(DataVersion.version).where(DataVersion.company_no == company_no).with_for_update()
    ).one_or_none()


def dirty_entries(session: Session, part: Slice) -> list[int]:
    """Ids of the dirty log's entries that recomputing this slice settles."""
    numbers = (
        select(PlatformConfig.number)
        .join(Company, col(Company.id) == PlatformConfig.company_id)
        .where(Company.number == part.company_no, PlatformConfig.platform == PLATFORM_BY_NUMBER[part.platform].key)
    )
    found = session.exec(
        select(DirtyDay.id).where(
            DirtyDay.company_no == part.company_no,
            col(DirtyDay.config_no).in_(numbers),
            col(DirtyDay.day).in_(part.days),
        )
    )
    return [number for number in found if number is not None]


def delete_entries(session: Session, ids: list[int]) -> None:
    """Take exactly these entries out of the dirty log."""
    for start in range(0, len(ids), _IDS_AT_ONCE):
        numbers = ", ".join(str(int(one)) for one in ids[start : start + _IDS_AT_ONCE])
        session.connection().execute(text(f"DELETE FROM dirty_days WHERE id IN ({numbers})"))  # noqa: S608 -- integers


def recompute(session: Session, part: Slice, declared: Declared, now: datetime, *, rebuilds: bool = False) -> int:
    """Bring the slice's aggregates up to its facts; returns how many rows changed.

    Rewrites daily rows, the weeks and months they belong to, their shares over all platforms, and the rows by posting.
    Where the platform begins or ceases to report a metric on a day, the company's own sites become dirty for that day,
    for ownership may have moved. Call `lock_company` first.
    """
    if not part.days:
        return 0
    connections = _connections(session, part, declared)
    choices = _choices(session, part, connections)
    days, by_posting = _count(session, part, choices, connections)
    before = _stored(session, part, {(_DAY, metric, day) for day in part.days for metric in part.metrics})
    changed = _write(session, part, before, days)
    _mark_sites(session, part, {key[1:3] for key in before} ^ {key[1:3] for key in days}, now)
    looked_at = {(_DAY, metric, day, "") for day in part.days for metric in part.metrics} if rebuilds else changed
    changed |= _write_periods(session, part, looked_at)
    rows = len(changed)
    if not rebuilds:
        rows += _write_shares(session, part.company_no, {key[:3] for key in changed})
    rows += write_postings(session, part.company_no, part.platform, by_posting, (part.days, part.metrics))
    if rows:
        _raise_version(session, part.company_no, now)
    return rows


def share_out(session: Session, company_no: int, starts: Sequence[int], now: datetime) -> int:
    """Share out the totals of the days, weeks and months that begin on these days; returns how many were wrong."""
    keys = {(grain, metric, day) for grain in GRAINS.values() for metric in ALL_METRICS for day in starts}
    rows = _write_shares(session, company_no, keys)
    if rows:
        _raise_version(session, company_no, now)
    return rows


def _raise_version(session: Session, company_no: int, now: datetime) -> None:
    session.connection().execute(
        update(DataVersion)
        .where(col(DataVersion.company_no) == company_no)
        .values(version=DataVersion.version + 1, changed_at=now)
    )


def _connections(session: Session, part: Slice, declared: Declared) -> dict[int, Connection]:
    found = session.exec(
        select(PlatformConfig, Company.currency)
        .join(Company, col(Company.id) == PlatformConfig.company_id)
        .where(Company.number == part.company_no, PlatformConfig.platform == PLATFORM_BY_NUMBER[part.platform].key)
    )
    return {
        config.number: Connection(
            number=config.number,
            platform=part.platform,
            is_internal=not config.connector,
            is_live=config.deleted_at is None,
            account=config.account_ref,
            currency=config.currency or currency,
            preferred=preferred_origins(config.counted_origins),
            declared=declared.get(config.connector, {}),
        )
        for config, currency in found
    }


def preferred_origins(counted_origins: Mapping[str, object]) -> dict[int, Origin]:
    """The company's choices by metric number; what no longer exists is left out."""
    metrics = {metric.name: number for number, metric in BY_NUMBER.items()}
    origins = {origin.name.lower(): origin for origin in Origin}
    return {
        metrics[name]: origins[str(origin)]
        for name, origin in counted_origins.items()
        if name in metrics and str(origin) in origins
    }


def _choices(session: Session, part: Slice, connections: dict[int, Connection]) -> Choices:
    if not connections:
        return {}
    read = session.exec(
        select(
            ReadCoverage.day,
            ReadCoverage.config_no,
            ReadCoverage.metric,
            ReadCoverage.scope,
            ReadCoverage.origin,
            ReadCoverage.provisional,
        ).where(  # type: ignore[call-overload]
            ReadCoverage.company_no == part.company_no,
            col(ReadCoverage.config_no).in_(connections),
            col(ReadCoverage.day).in_(part.days),
            col(ReadCoverage.metric).in_(part.metrics),
            ReadCoverage.state == Coverage.READ,
        )
    )
    by_day: dict[tuple[int, int], list[Reading]] = defaultdict(list)
    for day, config_no, metric, scope, origin, provisional in read:
        by_day[day, metric].append(Reading(config_no, metric, scope, origin, bool(provisional)))
    return {key: found for key, readings in by_day.items() if (found := chosen(connections.values(), readings))}


def _count(
    session: Session, part: Slice, choices: Choices, connections: dict[int, Connection]
) -> tuple[Rows, list[CountedPostings]]:
    sums = sum_facts(session, part.company_no, part.platform, _asked(choices))
    rows: Rows = {}
    by_posting: list[CountedPostings] = []
    for (day, metric), kept in choices.items():
        known = [(one, parts) for one in kept if (parts := _parts(one, sums[one.connection, day, metric])) is not None]
        if not known:
            continue
        provisional = int(any(one.provisional for one, _ in known))
        values: dict[str, int] = defaultdict(int)
        for one, parts in known:
            told = sums[one.connection, day, metric]
            for wanted in parts:
                for currency, value in told.get(wanted, {}).items():
                    values[currency] += value
            if "posting" in BY_NUMBER[metric].adds_over:
                projected = one.origin != Origin.POLL and told_postings(
                    metric, [is_projected for scope, is_projected in told if scope == Scope.POSTING]
                )
                by_posting.append(CountedPostings(day, one, projected, bool(provisional)))
        if not values:
            values[connections[known[0][0].connection].currency if BY_NUMBER[metric].unit == "money" else ""] = 0
        rows.update({(_DAY, metric, day, currency): (value, 1, provisional) for currency, value in values.items()})
    return rows, by_posting


def _asked(choices: Choices) -> list[tuple[int, Choice, int]]:
    """(day, choice, scope) of every sum that the choices need."""
    return [
        (day, one, scope)
        for (day, _), kept in choices.items()
        for one in kept
        for scope in (polled_scopes(one.how) if one.origin == Origin.POLL else Scope)
    ]


def _parts(choice: Choice, told: Iterable[tuple[int, bool]]) -> list[tuple[int, bool]] | None:
    if choice.origin == Origin.POLL:
        return [(scope, False) for scope in polled_scopes(choice.how)]
    return told_parts(choice.metric, told)


def _stored(session: Session, part: Slice, keys: Iterable[tuple[int, int, int]]) -> Rows:
    """The platform's stored rows of these (grain, metric, first day)."""
    values = values_of(keys)
    if not values:
        return {}
    found = run(
        session,
        f"WITH wanted(grain, metric, period_start) AS ({values}) "  # noqa: S608 -- integers of ours
        "SELECT a.grain, a.metric, a.period_start, a.currency, a.value, a.covered_days, a.provisional "
        "FROM wanted w CROSS JOIN platform_analytics_aggregated a WHERE a.company_no = :company "
        "AND a.grain = w.grain AND a.metric = w.metric AND a.period_start = w.period_start "
        "AND a.platform = :platform",
        part.company_no,
        part.platform,
    )
    return {(row[0], row[1], row[2], row[3]): (row[4], row[5], row[6]) for row in found}


def _write(session: Session, part: Slice, before: Rows, after: Rows) -> set[Key]:
    """Make the stored rows those of `after`; returns the keys that were written or deleted."""
    fresh = [key for key, row in after.items() if before.get(key) != row]
    gone = [key for key in before if key not in after]
    whose = (part.company_no, part.platform)
    run_many(session, _UPSERT, [(*whose, *key, *after[key]) for key in fresh])
    run_many(session, _DELETE, [(*whose, *key) for key in gone])
    return {*fresh, *gone}


def _write_periods(session: Session, part: Slice, changed: Iterable[Key]) -> set[Key]:
    """Recompute from daily rows the whole weeks and months of the changed days, for metrics that add over days."""
    periods: set[tuple[int, int, int, int]] = set()
    for _, metric, day, _ in changed:
        if "day" in BY_NUMBER[metric].adds_over:
            for grain in ("week", "month"):
                bucket = bucket_of(day_of(day), grain)
                periods.add((GRAINS[grain], metric, day_number(bucket.start), day_number(bucket.end)))
    if not periods:
        return set()
    found = run(
        session,
        f"WITH p(grain, metric, first_day, end_day) AS ({values_of(periods)}) "  # noqa: S608 -- integers of ours
        "SELECT p.grain, p.metric, p.first_day, a.currency, CAST(SUM(a.value) AS BIGINT), COUNT(*), "
        "MAX(a.provisional) FROM p CROSS JOIN platform_analytics_aggregated a WHERE a.company_no = :company "
        "AND a.grain = 1 AND a.metric = p.metric AND a.period_start >= p.first_day AND a.period_start < p.end_day "
        "AND a.platform = :platform GROUP BY p.grain, p.metric, p.first_day, a.currency",
        part.company_no,
        part.platform,
    )
    after: Rows = {(row[0], row[1], row[2], row[3]): (row[4], row[5], row[6]) for row in found}
    before = _stored(session, part, {one[:3] for one in periods})
    return _write(session, part, before, after)


def _write_shares(session: Session, company_no: int, changed: Iterable[tuple[int, int, int]]) -> int:
    """Share these (grain, metric, first day) out again over all platforms; returns how many rows got another share."""
    keys = {key for key in changed if "platform" in BY_NUMBER[key[1]].adds_over}
    if not keys:
        return 0
    found = run(
        session,
        f"WITH wanted(grain, metric, period_start) AS ({values_of(keys)}) "  # noqa: S608 -- integers of ours
        "SELECT a.grain, a.metric, a.period_start, a.currency, a.platform, a.value, a.percentage "
        "FROM wanted w CROSS JOIN platform_analytics_aggregated a WHERE a.company_no = :company "
        "AND a.grain = w.grain AND a.metric = w.metric AND a.period_start = w.period_start "
        "ORDER BY a.grain, a.metric, a.period_start, a.currency, a.platform",
        company_no,
        0,
    )
    groups: dict[Key, list[tuple[int, int, int | None]]] = defaultdict(list)
    for grain, metric, start, currency, platform, value, share in found:
        groups[grain, metric, start, currency].append((platform, value, share))
    wrong: list[tuple[object, ...]] = []
    for key, rows in groups.items():
        fresh: Sequence[int | None] = shares([value for _, value, _ in rows]) or [None] * len(rows)
        wrong += [
            (share, company_no, platform, *key)
            for (platform, _, stored), share in zip(rows, fresh, strict=True)
            if stored != share
        ]
    run_many(session, _SHARE, wrong)
    return len(wrong)


def _mark_sites(session: Session, part: Slice, moved: Iterable[tuple[int, int]], now: datetime) -> None:
    """Make the other site platforms dirty on days on which this platform began or ceased to report a metric."""
    days = sorted({day for _, day in moved})
    sites = [one.key for one in PLATFORMS if one.is_site and one.number != part.platform]
    if not days or not sites:
        return
    numbers = session.exec(
        select(func.min(PlatformConfig.number))
        .join(Company, col(Company.id) == PlatformConfig.company_id)
        .where(Company.number == part.company_no, col(PlatformConfig.platform).in_(sites))
        .group_by(PlatformConfig.platform)
    ).all()
    if numbers:
        session.connection().execute(
            insert(DirtyDay),
            [
                {"company_no": part.company_no, "config_no": number, "day": day, "made_at": now}
                for number in numbers
                for day in days
            ],
        )


def due_days(session: Session) -> dict[tuple[int, int], set[int]]:
    """Days in the dirty log by (company, platform)."""
    due: dict[tuple[int, int], set[int]] = defaultdict(set)
    found = session.exec(
        select(DirtyDay.company_no, PlatformConfig.platform, DirtyDay.day)
        .join(PlatformConfig, col(PlatformConfig.number) == DirtyDay.config_no)
        .distinct()
    )
    for company_no, platform, day in found:
        if platform in BY_KEY:
            due[company_no, BY_KEY[platform].number].add(day)
    return due


def known_days(session: Session, company_no: int) -> tuple[set[int], tuple[int, ...]]:
    """Platforms a company has connections or aggregates of, and every day that has coverage or aggregates."""
    keys = session.exec(
        select(PlatformConfig.platform)
        .join(Company, col(Company.id) == PlatformConfig.company_id)
        .where(Company.number == company_no)
        .distinct()
    )
    platforms = {BY_KEY[key].number for key in keys if key in BY_KEY}
    whose = AggregatedFact.company_no == company_no
    platforms |= set(session.exec(select(AggregatedFact.platform).where(whose).distinct())) & set(PLATFORM_BY_NUMBER)
    days = set(session.exec(select(AggregatedFact.period_start).where(whose).distinct()))
    days |= set(session.exec(select(ReadCoverage.day).where(ReadCoverage.company_no == company_no).distinct()))
    # One step of the index a day: a DISTINCT would read every row by posting, which may be millions.
    steps = text(
        "WITH RECURSIVE d(day) AS (SELECT MIN(day) FROM posting_analytics_aggregated WHERE company_no = :company "
        "UNION ALL SELECT (SELECT MIN(p.day) FROM posting_analytics_aggregated p WHERE p.company_no = :company "
        "AND p.day > d.day) FROM d WHERE d.day IS NOT NULL) SELECT day FROM d WHERE day IS NOT NULL"
    )
    days |= {row[0] for row in session.connection().execute(steps, {"company": company_no})}
    return platforms, tuple(sorted(days))


def narrowed(part: Slice, pieces: int) -> list[Slice]:
    """The slice cut by metrics into at most `pieces`."""
    return [replace(part, metrics=part.metrics[at::pieces]) for at in range(min(pieces, len(part.metrics)))]


def _bound(session: Session, now: datetime) -> object:
    """An instant as raw SQL takes it on this database."""
    processor = DataVersion.__table__.c.changed_at.type.bind_processor(session.get_bind().dialect)  # type: ignore[attr-defined]
    return processor(now) if processor else now
