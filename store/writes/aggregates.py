"""Recompute aggregates from facts for some days of some platforms, in the caller's transaction.

`domain/counting.py` decides what counts; here its decisions become sums. Only rows that differ are written, so that
recomputing what has not changed writes nothing and raises no version.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal

from sqlalchemy import bindparam, update
from sqlmodel import Session, col

from domain.counting import Choice, Connection, polled_scopes, told_parts, told_postings
from domain.facts import Origin, Scope, day_number, day_of
from domain.metrics import BY_NUMBER
from domain.periods import bucket_of
from domain.platforms import BY_NUMBER as PLATFORM_BY_NUMBER
from domain.shares import shares
from store.engine import is_sqlite
from store.tables import DataVersion
from store.tables.facts import GRAINS
from store.writes.choices import ALL_METRICS, Choices, Declared, Slice, choices_of, connections_of
from store.writes.dirty import mark_sites
from store.writes.posting_aggregates import CountedPostings, write_postings
from store.writes.sums import insert_many, listed, looked_up, run, run_many, sum_facts, values_of

#: (platform, grain, metric, first day, currency) of a row of one company
Key = tuple[int, int, int, int, str]
#: (value, covered days, provisional) by key
Rows = dict[Key, tuple[int, int, int]]
#: (first day, day after the last) of a week or month
Span = tuple[int, int]
_DAY = GRAINS["day"]
_PERIODS: tuple[Literal["week", "month"], ...] = ("week", "month")
_COLUMNS = "company_no, platform, grain, metric, period_start, currency, value, covered_days, provisional"
_TYPES = ("integer", "smallint", "smallint", "smallint", "integer", "varchar", "bigint", "smallint", "smallint")
_CONFLICT = "ON CONFLICT (company_no, grain, metric, period_start, platform, currency) DO UPDATE SET"
_UPSERT = (
    f"INSERT INTO platform_analytics_aggregated ({_COLUMNS})",
    _TYPES,
    f"{_CONFLICT} value = excluded.value, covered_days = excluded.covered_days, provisional = excluded.provisional",
)
#: The rows are there: only their shares are written.
_SHARE = (
    f"INSERT INTO platform_analytics_aggregated ({_COLUMNS}, percentage)",
    (*_TYPES, "integer"),
    f"{_CONFLICT} percentage = excluded.percentage",
)
_ROW = "company_no = ? AND platform = ? AND grain = ? AND metric = ? AND period_start = ? AND currency = ?"
_DELETE = f"DELETE FROM platform_analytics_aggregated WHERE {_ROW}"  # noqa: S608 -- our own words
_RAISE = (
    update(DataVersion)
    .where(col(DataVersion.company_no) == bindparam("company"))
    .values(version=col(DataVersion.version) + 1, changed_at=bindparam("now"))
)
_LOCK = (
    "INSERT INTO data_versions (company_no, company_id, version, changed_at) "
    "SELECT number, id, 0, ? FROM companies WHERE number = ? ON CONFLICT DO NOTHING"
)


def lock_company(session: Session, company_no: int, now: datetime) -> None:
    """Let one transaction at a time aggregate a company. It holds until the transaction ends."""
    run_many(session, _LOCK, [(_bound(session, now), company_no)])
    if not is_sqlite(session):
        run(session, "SELECT version FROM data_versions WHERE company_no = :company FOR UPDATE", company_no, 0)


def recompute(session: Session, part: Slice, declared: Declared, now: datetime) -> int:
    """Bring the slice's aggregates up to its facts; returns how many rows changed.

    Rewrites daily rows, the weeks and months they belong to, their shares over all platforms, and the rows by posting.
    Where a platform begins or ceases to report a metric on a day, the company's own sites become dirty for that day,
    for ownership may have moved. Call `lock_company` first.
    """
    if not part.days or not part.platforms:
        return 0
    changed: set[Key] = set()
    rows = 0
    ordered = part.in_order()
    for place, one in enumerate(ordered):
        later = tuple(platform for other in ordered[place + 1 :] for platform in other.platforms)
        written, of_postings = _recompute_days(session, one, declared, (later, now))
        changed |= written
        rows += of_postings
    changed |= _write_periods(session, part, changed)
    rows += len(changed) + _write_shares(session, part.company_no, {key[1:4] for key in changed})
    if rows:
        _raise_version(session, part.company_no, now)
    return rows


def _recompute_days(
    session: Session, part: Slice, declared: Declared, told: tuple[tuple[int, ...], datetime]
) -> tuple[set[Key], int]:
    """Daily rows, of platforms that do not depend on each other, and rows by posting; `told`: who is still to come."""
    later, now = told
    connections = connections_of(session, part, declared)
    choices = choices_of(session, part, connections)
    days, by_posting = _count(session, part, choices, connections)
    before = _stored(session, part, _DAY, part.days)
    changed = _write(session, part, before, days)
    known = replace(part, platforms=(*part.platforms, *later))
    mark_sites(session, known, {key[3] for key in changed if (key in before) != (key in days)}, now)
    return changed, write_postings(session, part, by_posting)


def check_periods(session: Session, company_no: int, starts: Collection[int], now: datetime) -> int:
    """Compare the weeks and months that begin on these days with their days, and all shares with their totals.

    Corrects what is wrong and returns how many rows that were. Call `lock_company` first.
    """
    part = Slice(company_no, tuple(PLATFORM_BY_NUMBER), (), ALL_METRICS)
    changed: set[Key] = set()
    for grain in _PERIODS:
        spans = {span for start in starts if (span := _span(start, grain))[0] == start}
        changed |= _write_grain(session, part, grain, (spans, starts))
    keys = {(grain, metric, start) for grain in GRAINS.values() for metric in ALL_METRICS for start in starts}
    rows = len(changed) + _write_shares(session, company_no, keys)
    if rows:
        _raise_version(session, company_no, now)
    return rows


def period_starts(days: Iterable[int]) -> tuple[int, ...]:
    """These days, and the first days of their weeks and months."""
    told = set(days)
    return tuple(sorted(told | {_span(day, grain)[0] for day in told for grain in _PERIODS}))


def _raise_version(session: Session, company_no: int, now: datetime) -> None:
    session.connection().execute(_RAISE, {"company": company_no, "now": now})


def _count(
    session: Session, part: Slice, choices: Choices, connections: dict[int, Connection]
) -> tuple[Rows, list[CountedPostings]]:
    sums = sum_facts(session, part.company_no, part.platforms[0], _asked(choices))
    rows: Rows = {}
    by_posting: list[CountedPostings] = []
    for (platform, day, metric), kept in choices.items():
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
                by_posting.append(CountedPostings(platform, day, one, projected, bool(provisional)))
        if not values:
            values[connections[known[0][0].connection].currency if BY_NUMBER[metric].unit == "money" else ""] = 0
        for currency, value in values.items():
            rows[platform, _DAY, metric, day, currency] = (value, 1, provisional)
    return rows, by_posting


def _asked(choices: Choices) -> list[tuple[int, Choice, int]]:
    """(day, choice, scope) of every sum that the choices need."""
    return [
        (day, one, scope)
        for (_, day, _), kept in choices.items()
        for one in kept
        for scope in (polled_scopes(one.how) if one.origin == Origin.POLL else Scope)
    ]


def _parts(choice: Choice, told: Iterable[tuple[int, bool]]) -> list[tuple[int, bool]] | None:
    if choice.origin == Origin.POLL:
        return [(scope, False) for scope in polled_scopes(choice.how)]
    return told_parts(choice.metric, told)


def _stored(session: Session, part: Slice, grain: int, starts: Collection[int]) -> Rows:
    """The stored rows of the slice's platforms and metrics in the periods of one grain that begin on these days."""
    found = run(
        session,
        "SELECT platform, grain, metric, period_start, currency, value, covered_days, provisional "  # noqa: S608 -- integers of ours
        f"FROM platform_analytics_aggregated WHERE company_no = :company AND grain = {grain} "
        f"AND metric IN ({listed(part.metrics)}) AND period_start IN ({listed(starts)}) "
        f"AND platform IN ({listed(part.platforms)})",
        part.company_no,
        0,
    )
    return {row[:5]: row[5:] for row in found.all()}


def _write(session: Session, part: Slice, before: Rows, after: Rows) -> set[Key]:
    """Make the stored rows those of `after`; returns the keys that were written or deleted."""
    fresh = [key for key, row in after.items() if before.get(key) != row]
    gone = [key for key in before if key not in after]
    insert_many(session, _UPSERT, [(part.company_no, *key, *after[key]) for key in fresh])
    run_many(session, _DELETE, [(part.company_no, *key) for key in gone])
    return {*fresh, *gone}


def _write_periods(session: Session, part: Slice, changed: Collection[Key]) -> set[Key]:
    """Recompute from daily rows the whole weeks and months of the changed days, for metrics that add over days."""
    metrics = tuple({key[2] for key in changed if "day" in BY_NUMBER[key[2]].adds_over})
    platforms = tuple({key[0] for key in changed})
    days = {key[3] for key in changed}
    touched = Slice(part.company_no, platforms, (), metrics)
    written: set[Key] = set()
    for grain in _PERIODS:
        spans = {_span(day, grain) for day in days}
        written |= _write_grain(session, touched, grain, (spans, {start for start, _ in spans}))
    return written


def _write_grain(
    session: Session, part: Slice, grain: Literal["week", "month"], periods: tuple[Collection[Span], Collection[int]]
) -> set[Key]:
    """Make the rows of one grain in `periods` (spans, first days looked at) the sums of their daily rows."""
    spans, starts = periods
    adding = [number for number in part.metrics if "day" in BY_NUMBER[number].adds_over]
    if not starts or not part.metrics:
        return set()
    number = GRAINS[grain]
    after: Rows = {}
    if spans and adding:
        rows = values_of((metric, *span) for metric in adding for span in spans)
        source = looked_up(
            session,
            ("platform_analytics_aggregated", "platform, currency, value, provisional"),
            "f.company_no = :company AND f.grain = 1 AND f.metric = c.metric AND f.period_start >= c.first_day "
            f"AND f.period_start < c.end_day AND f.platform IN ({listed(part.platforms)})",
        )
        found = run(
            session,
            f"WITH c(metric, first_day, end_day) AS ({rows}) "  # noqa: S608 -- integers of ours
            "SELECT f.platform, c.metric, c.first_day, f.currency, CAST(SUM(f.value) AS BIGINT), COUNT(*), "
            f"MAX(f.provisional) FROM c {source} GROUP BY f.platform, c.metric, c.first_day, f.currency",
            part.company_no,
            0,
        )
        after = {(row[0], number, row[1], row[2], row[3]): (row[4], row[5], row[6]) for row in found.all()}
    return _write(session, part, _stored(session, part, number, starts), after)


def _span(day: int, grain: Literal["week", "month"]) -> Span:
    bucket = bucket_of(day_of(day), grain)
    return day_number(bucket.start), day_number(bucket.end)


def _write_shares(session: Session, company_no: int, changed: Iterable[tuple[int, int, int]]) -> int:
    """Share these (grain, metric, first day) out again over all platforms; returns how many rows got another share."""
    keys = sorted({key for key in changed if "platform" in BY_NUMBER[key[1]].adds_over})
    if not keys:
        return 0
    source = looked_up(
        session,
        ("platform_analytics_aggregated", "currency, platform, value, covered_days, provisional, percentage"),
        "f.company_no = :company AND f.grain = c.grain AND f.metric = c.metric AND f.period_start = c.period_start",
    )
    found = run(
        session,
        f"WITH c(grain, metric, period_start) AS ({values_of(keys)}) "  # noqa: S608 -- integers of ours
        "SELECT c.grain, c.metric, c.period_start, f.currency, f.platform, f.value, f.covered_days, f.provisional, "
        f"f.percentage FROM c {source} ORDER BY 1, 2, 3, 4, 5",
        company_no,
        0,
    )
    groups: dict[tuple[int, int, int, str], list[tuple[int, ...]]] = defaultdict(list)
    for row in found.all():
        groups[row[:4]].append(row[4:])
    wrong: list[tuple[object, ...]] = []
    for (grain, metric, start, currency), rows in groups.items():
        fresh: Sequence[int | None] = shares([row[1] for row in rows]) or [None] * len(rows)
        wrong += [
            (company_no, platform, grain, metric, start, currency, *row, share)
            for (platform, *row, stored), share in zip(rows, fresh, strict=True)
            if stored != share
        ]
    insert_many(session, _SHARE, wrong)
    return len(wrong)


def _bound(session: Session, now: datetime) -> object:
    """An instant as raw SQL takes it on this database."""
    processor = DataVersion.__table__.c.changed_at.type.bind_processor(session.get_bind().dialect)  # type: ignore[attr-defined]
    return processor(now) if processor else now
