"""Bulk upsert of facts through the driver's fast path, with the numbers of what became of them.

A page is a dict from what facts share (scope, hour, currency) to their rows; a row is (day, metric, external posting,
breakdown, value, provisional) under its first four. On SQLite what is stored in the stretches of the key that a group
fills is read and compared in memory; only what differs is written, and the rest stamped as seen by stretches. Rows that
lie scattered are found and written one by one. On PostgreSQL the page is copied into a temporary table, and one
statement compares and merges.
"""
# ruff: noqa: S608 - what is put together here are constants of this module; values are always bound

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice
from operator import itemgetter

import psycopg
from sqlalchemy import Connection, select, tuple_

from store.engine import naming_errors
from store.tables import RawFact

Shared = tuple[int, int, str]
Key = tuple[int, int, int, int]
Row = tuple[int, int, int, int, int, int]
Page = dict[Shared, dict[Key, Row]]
#: Company, connection, scope, origin, hour, currency: what all rows of a group share, as SQLite's statements take it.
Whose = tuple[int, int, int, int, int, str]
#: A day and a metric, and the lowest and the highest posting.
Span = tuple[int, int, int, int]


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
#: Rows to a span, at least, for which reading spans pays.
_LEAST_TO_SPAN = 8
_IN_SPAN = (
    "company_no = ? AND config_no = ? AND scope = ? AND origin = ? AND hour = ? AND currency = ? "
    "AND day = ? AND metric = ? AND external_posting BETWEEN ? AND ?"
)
_DAY_AND_METRIC, _POSTING = itemgetter(0, 1), itemgetter(2)
_FIND_SPAN = f"SELECT {_COLUMNS} FROM platform_analytics_raw WHERE {_IN_SPAN} LIMIT ?"
_STAMP_SPAN = f"UPDATE platform_analytics_raw SET seen = ? WHERE {_IN_SPAN}"

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
    with naming_errors():
        driver: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
        cursor = driver.cursor()
        for shared, rows in page.items():
            whose = (stamp.company_no, stamp.config_no, shared[0], stamp.origin, *shared[1:])
            spans = _spans(rows)
            stored = _find_stored(cursor, whose, spans, len(rows)) if spans else None
            if stored is None:
                _merge_scattered(cursor, stamp, whose, rows, merged)
            else:
                _merge_dense(cursor, stamp, whose, (rows, spans, stored), merged)
        cursor.close()
    merged.unchanged = sum(map(len, page.values())) - merged.inserted - merged.updated
    return merged


def _spans(rows: dict[Key, Row]) -> list[Span]:
    """The few stretches of the key in which all rows lie; none where the rows are scattered."""
    # Not zip(*rows): its thousand iterators would set off the garbage collector.
    pairs = set(map(_DAY_AND_METRIC, rows))
    if len(pairs) * _LEAST_TO_SPAN > len(rows):
        return []
    postings = list(map(_POSTING, rows))
    first, last = min(postings), max(postings)
    return [(day, metric, first, last) for day, metric in sorted(pairs)]


def _find_stored(cursor: sqlite3.Cursor, whose: Whose, spans: list[Span], told: int) -> list[Row] | None:
    """What is stored within the spans; None where that is far more than was told."""
    found: list[Row] = []
    for span in spans:
        found += cursor.execute(_FIND_SPAN, (*whose, *span, 2 * told)).fetchall()
        if len(found) >= 2 * told:
            return None
    return found


def _merge_dense(
    cursor: sqlite3.Cursor,
    stamp: Stamp,
    whose: Whose,
    told: tuple[dict[Key, Row], list[Span], list[Row]],
    merged: Merged,
) -> None:
    """Compare in memory, write what differs, and stamp the rest by stretches of the key."""
    rows, spans, stored = told
    same = set(stored)
    differing = [row for row in rows.values() if row not in same]
    before = {row[:4]: row[4] for row in stored} if differing else {}
    inserted = 0
    for row in differing:
        value = before.get(row[:4])
        inserted += value is None
        merged.updated += value is not None and value != row[4]
        merged.days.add(row[0])
    merged.inserted += inserted
    # A fact that is stored and was not told must not be stamped; and what differs mostly is not written twice.
    if len(stored) > len(rows) - inserted or 2 * len(differing) > len(rows):
        _upsert_all(cursor, stamp, whose, rows.values())
        return
    _upsert_all(cursor, stamp, whose, differing)
    cursor.executemany(_STAMP_SPAN, [(stamp.seen, *whose, *span) for span in spans])


def _merge_scattered(cursor: sqlite3.Cursor, stamp: Stamp, whose: Whose, rows: dict[Key, Row], merged: Merged) -> None:
    """Compare and write row by row, each by its whole key."""
    given = iter(rows.values())
    for size in _sizes(len(rows)):
        told = tuple(chain.from_iterable(islice(given, size)))
        _count(merged, cursor.execute(_find_differing(size), told + whose).fetchall())
        cursor.execute(_upsert(size), (*told, *whose, stamp.seen))


def _upsert_all(cursor: sqlite3.Cursor, stamp: Stamp, whose: Whose, rows: Collection[Row]) -> None:
    given = iter(rows)
    for size in _sizes(len(rows)):
        cursor.execute(_upsert(size), (*chain.from_iterable(islice(given, size)), *whose, stamp.seen))


def _count(merged: Merged, differing: Sequence[tuple[int, int, int]]) -> None:
    for day, is_new, has_changed in differing:
        merged.days.add(day)
        merged.inserted += is_new
        merged.updated += has_changed


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
