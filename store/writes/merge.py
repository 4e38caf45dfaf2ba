"""Bulk upsert of facts through the driver's fast path, with the numbers of what became of them.

A page is a dict from what facts share (scope, hour, currency) to their rows; a row is (day, metric, external posting,
breakdown, value, provisional) under its first four. On SQLite each group takes two statements that are driven by a
list of rows: one that finds what differs, one that writes. On PostgreSQL the page is copied into a temporary table, and
one statement compares and merges.
"""
# ruff: noqa: S608 - what is put together here are constants of this module; values are always bound

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice

import psycopg
from sqlalchemy import Connection, select, tuple_

from store.engine import naming_errors
from store.tables import RawFact

Shared = tuple[int, int, str]
Key = tuple[int, int, int, int]
Row = tuple[int, int, int, int, int, int]
Page = dict[Shared, dict[Key, Row]]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all facts of a read share."""

    company_no: int
    config_no: int
    origin: int
    seen: int


@dataclass(slots=True)
class Merged:
    """What became of a page. `days` are those with a fact that is new, changed, or final at last."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    days: set[int] = field(default_factory=set)


_COLUMNS = "day, metric, external_posting, breakdown, value, provisional"
_CONFLICT = "company_no, config_no, day, metric, scope, external_posting, breakdown, origin, hour, currency"
_SET = "value = excluded.value, provisional = excluded.provisional, seen = excluded.seen"
#: Rows to a statement: six parameters each stay far below SQLite's limit of 32 766.
_MOST_ROWS = 1024

_STAGING = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS page_facts (day integer, metric smallint, external_posting integer, "
    "breakdown integer, value bigint, provisional smallint, scope smallint, hour smallint, currency varchar(3)) "
    "ON COMMIT DELETE ROWS; DELETE FROM page_facts"
)
#: OFFSET 0 keeps the planner, which knows nothing of the page, from reading the whole connection for it.
_MERGE = f"""
WITH before AS (
    SELECT p.day AS day, r.value IS NULL AS is_new, r.value <> p.value AS has_changed,
           r.provisional <> p.provisional AS is_final
    FROM page_facts p LEFT JOIN LATERAL (
        SELECT value, provisional FROM platform_analytics_raw f
        WHERE f.company_no = %(company)s AND f.config_no = %(config)s AND f.day = p.day AND f.metric = p.metric
            AND f.scope = p.scope AND f.external_posting = p.external_posting AND f.breakdown = p.breakdown
            AND f.origin = %(origin)s AND f.hour = p.hour AND f.currency = p.currency
        OFFSET 0
    ) r ON true
), merged AS (
    INSERT INTO platform_analytics_raw
        (company_no, config_no, origin, seen, scope, hour, currency, {_COLUMNS})
    SELECT %(company)s, %(config)s, %(origin)s, %(seen)s, scope, hour, currency, {_COLUMNS} FROM page_facts
    ON CONFLICT ({_CONFLICT}) DO UPDATE SET {_SET}
)
SELECT day, count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE has_changed), count(*),
       bool_or(is_new OR has_changed OR is_final)
FROM before GROUP BY day
"""


def merge_page(connection: Connection, stamp: Stamp, page: Page) -> Merged:
    """Insert or replace the page's facts and stamp them as seen."""
    if not page:
        return Merged()
    if connection.dialect.name == "sqlite":
        return _merge_on_sqlite(connection, stamp, page)
    return _merge_on_postgresql(connection, stamp, page)


def find_values(connection: Connection, stamp: Stamp, page: Page) -> dict[tuple[Shared, Key], tuple[int, int]]:
    """The (value, provisional) that are stored now under the page's keys, where there is a fact."""
    found: dict[tuple[Shared, Key], tuple[int, int]] = {}
    table = RawFact.__table__.c  # type: ignore[attr-defined]
    names = ("company_no", "config_no", "origin", "scope", "hour", "currency")
    columns = (table.day, table.metric, table.external_posting, table.breakdown, table.value, table.provisional)
    for shared, rows in page.items():
        same = (stamp.company_no, stamp.config_no, stamp.origin, *shared)
        query = select(*columns).where(*(table[name] == value for name, value in zip(names, same, strict=True)))
        keys = iter(rows)
        for size in _sizes(len(rows)):
            batch = list(islice(keys, size))
            for *key, value, provisional in connection.execute(query.where(tuple_(*columns[:4]).in_(batch))):
                found[shared, (key[0], key[1], key[2], key[3])] = (value, provisional)
    return found


def _merge_on_sqlite(connection: Connection, stamp: Stamp, page: Page) -> Merged:
    merged = Merged()
    is_first = not _has_days(connection, stamp, page)
    for (scope, hour, currency), rows in page.items():
        shared = (stamp.company_no, stamp.config_no, scope, stamp.origin, hour, currency)
        given = iter(rows.values())
        for size in _sizes(len(rows)):
            told = tuple(chain.from_iterable(islice(given, size)))
            if not is_first:
                differing = connection.exec_driver_sql(_find_differing(size), told + shared).cursor.fetchall()
                _count(merged, differing)
            connection.exec_driver_sql(_upsert(size), told + shared + (stamp.seen,))
        if is_first:
            merged.inserted += len(rows)
            merged.days.update(key[0] for key in rows)
    merged.unchanged = sum(map(len, page.values())) - merged.inserted - merged.updated
    return merged


def _count(merged: Merged, differing: Sequence[tuple[int, int, int]]) -> None:
    for day, is_new, has_changed in differing:
        merged.days.add(day)
        merged.inserted += is_new
        merged.updated += has_changed


def _has_days(connection: Connection, stamp: Stamp, page: Page) -> bool:
    """Whether anything is stored for the page's range of days: on a first load the comparison is saved."""
    days = {key[0] for rows in page.values() for key in rows}
    found = connection.exec_driver_sql(
        "SELECT 1 FROM platform_analytics_raw WHERE company_no = ? AND config_no = ? AND day BETWEEN ? AND ? LIMIT 1",
        (stamp.company_no, stamp.config_no, min(days), max(days)),
    )
    return found.first() is not None


def _sizes(count: int) -> Iterator[int]:
    """Powers of two that add up to `count`, so that few different statements are ever prepared."""
    size = _MOST_ROWS
    while count:
        while size > count:
            size //= 2
        yield size
        count -= size


def _told(size: int) -> str:
    return f"WITH told (d, m, p, b, v, f) AS (VALUES {', '.join(['(?, ?, ?, ?, ?, ?)'] * size)})"


@lru_cache(maxsize=16)
def _find_differing(size: int) -> str:
    return (
        f"{_told(size)} SELECT d, value IS NULL, value IS NOT NULL AND value <> v FROM told LEFT JOIN "
        "platform_analytics_raw ON company_no = ? AND config_no = ? AND day = d AND metric = m AND scope = ? "
        "AND external_posting = p AND breakdown = b AND origin = ? AND hour = ? AND currency = ? "
        "WHERE value IS NOT v OR provisional IS NOT f"
    )


@lru_cache(maxsize=16)
def _upsert(size: int) -> str:
    return (
        f"{_told(size)} INSERT INTO platform_analytics_raw ({_COLUMNS}, company_no, config_no, scope, origin, hour, "
        "currency, seen) SELECT d, m, p, b, v, f, ?, ?, ?, ?, ?, ?, ? FROM told WHERE true "
        f"ON CONFLICT ({_CONFLICT}) DO UPDATE SET {_SET}"
    )


def _merge_on_postgresql(connection: Connection, stamp: Stamp, page: Page) -> Merged:
    merged = Merged()
    with naming_errors(), _cursor(connection) as cursor:
        _stage(cursor, page)
        cursor.execute(
            _MERGE,
            {
                "company": stamp.company_no,
                "config": stamp.config_no,
                "origin": stamp.origin,
                "seen": stamp.seen,
            },
        )
        for day, inserted, updated, told, is_dirty in cursor.fetchall():
            merged.inserted += inserted
            merged.updated += updated
            merged.unchanged += told - inserted - updated
            if is_dirty:
                merged.days.add(day)
    return merged


def _cursor(connection: Connection) -> "psycopg.Cursor[tuple[int, ...]]":
    driver: psycopg.Connection[tuple[int, ...]] = connection.connection.driver_connection  # type: ignore[assignment]
    return driver.cursor()


def _stage(cursor: "psycopg.Cursor[tuple[int, ...]]", page: Page) -> None:
    cursor.execute(_STAGING)
    with cursor.copy("COPY page_facts FROM STDIN") as copy:
        for (scope, hour, currency), rows in page.items():
            end = f"\t{scope}\t{hour}\t{currency}\n"
            # The old way of formatting takes a whole row, and half the time.
            copy.write("".join(["%d\t%d\t%d\t%d\t%d\t%d" % row + end for row in rows.values()]))  # noqa: UP031
