"""The table of facts on SQLite: few long statements, each for many rows."""
# ruff: noqa: S608 - what is put together here are constants; values are always bound

import sqlite3
from collections.abc import Collection, Iterator, Sequence
from functools import lru_cache
from itertools import chain, islice

from store.writes.merge_types import COLUMNS, KEY, REPLACED, Merged, Page, Row, Shared, Span, Stamp

#: Rows to a statement: six parameters each stay far below SQLite's limit of 32 766.
_MOST_ROWS = 1024
_IN_SPAN = (
    "company_no = ? AND config_no = ? AND scope = ? AND origin = ? AND hour = ? AND currency = ? "
    "AND day = ? AND metric = ? AND external_posting BETWEEN ? AND ?"
)
_FIND_SPAN = f"SELECT {COLUMNS} FROM platform_analytics_raw WHERE {_IN_SPAN} LIMIT ?"
_STAMP_SPAN = f"UPDATE platform_analytics_raw SET seen = ? WHERE {_IN_SPAN}"


class SqliteTable:
    """`merge_types.Table` over a cursor of the driver's."""

    least_dense = 1

    def __init__(self, cursor: sqlite3.Cursor, stamp: Stamp) -> None:
        self._cursor, self._stamp = cursor, stamp

    def find(self, shared: Shared, spans: Sequence[Span], most: int) -> list[Row]:
        """What is stored within the spans, and no more than about `most` rows of it."""
        found: list[Row] = []
        for span in spans:
            found += self._cursor.execute(_FIND_SPAN, (*self._whose(shared), *span, most)).fetchall()
            if len(found) >= most:
                break
        return found

    def stamp(self, shared: Shared, spans: Sequence[Span]) -> int:
        """Note all facts within the spans as seen. Returns how many there are."""
        told = [(self._stamp.seen, *self._whose(shared), *span) for span in spans]
        return self._cursor.executemany(_STAMP_SPAN, told).rowcount

    def insert(self, shared: Shared, rows: Sequence[Row]) -> None:
        """Write rows whose keys are new."""
        self.upsert(shared, rows)

    def upsert(self, shared: Shared, rows: Collection[Row]) -> None:
        """Write rows whether or not there are facts under their keys."""
        rest, given = (*self._whose(shared), self._stamp.seen), iter(rows)
        for size in _sizes(len(rows)):
            self._cursor.execute(_upsert(size), (*chain.from_iterable(islice(given, size)), *rest))

    def merge(self, page: Page, merged: Merged) -> None:
        """Compare with what is stored and write row by row; add to `merged` what is new and changed."""
        for shared, rows in page.items():
            given, whose = iter(rows.values()), self._whose(shared)
            for size in _sizes(len(rows)):
                told = tuple(chain.from_iterable(islice(given, size)))
                for day, is_new, has_changed in self._cursor.execute(_find_differing(size), told + whose):
                    merged.days.add(day)
                    merged.inserted += is_new
                    merged.updated += has_changed
                self._cursor.execute(_upsert(size), (*told, *whose, self._stamp.seen))

    def _whose(self, shared: Shared) -> tuple[int, int, int, int, int, str]:
        """Company, connection, scope, origin, hour, currency: as the statements take them."""
        return self._stamp.company_no, self._stamp.config_no, shared[0], self._stamp.origin, *shared[1:]


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
        f"{_told(size)} INSERT INTO platform_analytics_raw ({COLUMNS}, company_no, config_no, scope, origin, hour, "
        "currency, seen) SELECT d, m, p, b, v, f, ?, ?, ?, ?, ?, ?, ? FROM told WHERE true "
        f"ON CONFLICT ({KEY}) DO UPDATE SET {REPLACED}"
    )
