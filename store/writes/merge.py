"""Bulk upsert of facts through the driver's fast path, with the numbers of what became of them.

A page is a dict from key (day, metric, scope, external posting, breakdown, hour, currency) to (value, provisional).
SQLite: one SELECT of what is there, driven by a list of keys, then executemany. PostgreSQL: COPY into a temporary
table, then one statement that compares and merges.
"""
# ruff: noqa: S608 - what is put together here are constants of this module; values are always bound

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import chain, islice
from operator import itemgetter

import psycopg
from sqlalchemy import Connection

from store.engine import naming_errors

Key = tuple[int, int, int, int, int, int, str]
Value = tuple[int, int]
Page = dict[Key, Value]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What all facts of a page share."""

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


_KEY_COLUMNS = "day, metric, scope, external_posting, breakdown, hour, currency"
_CONFLICT = "company_no, config_no, day, metric, scope, external_posting, breakdown, origin, hour, currency"
_SET = "value = excluded.value, provisional = excluded.provisional, seen = excluded.seen"
_UPSERT = (
    f"INSERT INTO platform_analytics_raw ({_KEY_COLUMNS}, value, provisional, company_no, config_no, origin, seen) "
    f"VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT ({_CONFLICT}) DO UPDATE SET {_SET}"
)
#: Parameters of one lookup stay far below SQLite's limit of 32 766.
_MOST_KEYS = 1024
_shared = itemgetter(2, 5, 6)
_varying = itemgetter(0, 1, 3, 4)

_STAGING = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS page_facts (day integer, metric smallint, scope smallint, "
    "external_posting integer, breakdown integer, hour smallint, currency varchar(3), value bigint, "
    "provisional smallint) ON COMMIT DELETE ROWS"
)
_MERGE = f"""
WITH before AS (
    SELECT p.day AS day, r.value IS NULL AS is_new, r.value <> p.value AS has_changed,
           r.provisional <> p.provisional AS is_final
    FROM page_facts p LEFT JOIN platform_analytics_raw r ON r.company_no = %(company)s AND r.config_no = %(config)s
        AND r.day = p.day AND r.metric = p.metric AND r.scope = p.scope AND r.external_posting = p.external_posting
        AND r.breakdown = p.breakdown AND r.origin = %(origin)s AND r.hour = p.hour AND r.currency = p.currency
), merged AS (
    INSERT INTO platform_analytics_raw
        (company_no, config_no, origin, seen, {_KEY_COLUMNS}, value, provisional)
    SELECT %(company)s, %(config)s, %(origin)s, %(seen)s, {_KEY_COLUMNS}, value, provisional FROM page_facts
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


def find_facts(connection: Connection, stamp: Stamp, keys: Sequence[Key]) -> Page:
    """The stored values of those `keys` that are stored."""
    if connection.dialect.name == "sqlite":
        return _found_on_sqlite(connection, stamp, keys)
    with naming_errors(), _cursor(connection) as cursor:
        _stage(cursor, dict.fromkeys(keys, (0, 0)))
        cursor.execute(
            f"SELECT {', '.join('r.' + column for column in _KEY_COLUMNS.split(', '))}, r.value, r.provisional "
            "FROM page_facts p JOIN platform_analytics_raw r ON r.company_no = %s AND r.config_no = %s "
            "AND r.origin = %s AND r.day = p.day AND r.metric = p.metric AND r.scope = p.scope "
            "AND r.external_posting = p.external_posting AND r.breakdown = p.breakdown AND r.hour = p.hour "
            "AND r.currency = p.currency",
            (stamp.company_no, stamp.config_no, stamp.origin),
        )
        found: Page = {tuple(row[:7]): (row[7], row[8]) for row in cursor.fetchall()}  # type: ignore[misc]
        cursor.execute("TRUNCATE page_facts")
    return found


def _merge_on_sqlite(connection: Connection, stamp: Stamp, page: Page) -> Merged:
    found = _found_on_sqlite(connection, stamp, list(page)) if _has_days(connection, stamp, page) else {}
    shared = (stamp.company_no, stamp.config_no, stamp.origin, stamp.seen)
    connection.exec_driver_sql(_UPSERT, [key + value + shared for key, value in page.items()])
    if not found:
        return Merged(inserted=len(page), days={key[0] for key in page})
    merged = Merged(inserted=len(page) - len(found))
    if merged.inserted:
        merged.days = {key[0] for key in page if key not in found}
    for key, before in found.items():
        after = page[key]
        if after != before:
            merged.days.add(key[0])
            merged.updated += after[0] != before[0]
    merged.unchanged = len(found) - merged.updated
    return merged


def _has_days(connection: Connection, stamp: Stamp, page: Page) -> bool:
    """Whether anything is stored for the page's range of days: on a first load the lookup is saved."""
    days = {key[0] for key in page}
    found = connection.exec_driver_sql(
        "SELECT 1 FROM platform_analytics_raw WHERE company_no = ? AND config_no = ? AND day BETWEEN ? AND ? LIMIT 1",
        (stamp.company_no, stamp.config_no, min(days), max(days)),
    )
    return found.first() is not None


def _found_on_sqlite(connection: Connection, stamp: Stamp, keys: Sequence[Key]) -> Page:
    found: Page = {}
    groups: dict[tuple[int, int, str], list[Key]] = {}
    for key in keys:
        groups.setdefault(_shared(key), []).append(key)
    for (scope, hour, currency), members in groups.items():
        given = iter(members)
        for size in _sizes(len(members)):
            parameters = tuple(chain.from_iterable(map(_varying, islice(given, size))))
            shared = (stamp.company_no, stamp.config_no, scope, stamp.origin, hour, currency)
            rows = connection.exec_driver_sql(_lookup(size), parameters + shared).cursor.fetchall()
            for day, metric, posting, breakdown, value, provisional in rows:
                found[day, metric, scope, posting, breakdown, hour, currency] = (value, provisional)
    return found


def _sizes(count: int) -> Iterator[int]:
    """Powers of two that add up to `count`, so that few different statements are ever prepared."""
    size = _MOST_KEYS
    while count:
        while size > count:
            size //= 2
        yield size
        count -= size


@lru_cache(maxsize=16)
def _lookup(size: int) -> str:
    values = ", ".join(["(?, ?, ?, ?)"] * size)
    return (
        f"WITH wanted (d, m, p, b) AS (VALUES {values}) "
        "SELECT day, metric, external_posting, breakdown, value, provisional "
        "FROM wanted CROSS JOIN platform_analytics_raw ON company_no = ? AND config_no = ? AND day = d AND metric = m "
        "AND scope = ? AND external_posting = p AND breakdown = b AND origin = ? AND hour = ? AND currency = ?"
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
        cursor.execute("TRUNCATE page_facts")
    return merged


def _cursor(connection: Connection) -> "psycopg.Cursor[tuple[int, ...]]":
    driver: psycopg.Connection[tuple[int, ...]] = connection.connection.driver_connection  # type: ignore[assignment]
    return driver.cursor()


def _stage(cursor: "psycopg.Cursor[tuple[int, ...]]", page: Page) -> None:
    cursor.execute(_STAGING)
    lines = "".join(
        f"{day}\t{metric}\t{scope}\t{posting}\t{breakdown}\t{hour}\t{currency}\t{value}\t{provisional}\n"
        for (day, metric, scope, posting, breakdown, hour, currency), (value, provisional) in page.items()
    )
    with cursor.copy("COPY page_facts FROM STDIN") as copy:
        copy.write(lines)
