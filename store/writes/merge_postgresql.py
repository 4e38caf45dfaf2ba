"""The table of facts on PostgreSQL: new facts are copied straight into it, others through a temporary table."""
# ruff: noqa: S608 - what is put together here are constants; values are always bound

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import psycopg

from store.writes.merge_types import COLUMNS, KEY, REPLACED, Merged, Page, Row, Shared, Span, Stamp

_WHOSE = {
    "company_no": "%(company)s",
    "config_no": "%(config)s",
    "scope": "%(scope)s",
    "origin": "%(origin)s",
    "hour": "%(hour)s",
    "currency": "%(currency)s",
}
_IN_SPAN = " AND ".join(f"{name} = {value}" for name, value in _WHOSE.items())
#: OFFSET 0 keeps the planner, which knows nothing of the spans, from reading the whole connection for them.
_FIND_SPANS = f"""
SELECT f.* FROM unnest(%(days)s::integer[], %(metrics)s::smallint[]) AS s (d, m) CROSS JOIN LATERAL (
    SELECT {COLUMNS} FROM platform_analytics_raw
    WHERE {_IN_SPAN} AND day = s.d AND metric = s.m AND external_posting BETWEEN %(first)s AND %(last)s
    OFFSET 0
) f LIMIT %(most)s
"""
_STAMP_SPAN = f"""
UPDATE platform_analytics_raw SET seen = %(seen)s
WHERE {_IN_SPAN} AND day = %(day)s AND metric = %(metric)s AND external_posting BETWEEN %(first)s AND %(last)s
"""
_COPY_NEW = f"COPY platform_analytics_raw ({COLUMNS}, {', '.join(_WHOSE)}, seen) FROM STDIN"
_STAGING = (
    "CREATE TEMPORARY TABLE IF NOT EXISTS page_facts (day integer, metric smallint, external_posting integer, "
    "breakdown integer, value bigint, provisional smallint, scope smallint, hour smallint, currency varchar(3)) "
    "ON COMMIT DELETE ROWS; DELETE FROM page_facts"
)
_UPSERT = f"""
INSERT INTO platform_analytics_raw (company_no, config_no, origin, seen, scope, hour, currency, {COLUMNS})
SELECT %(company)s, %(config)s, %(origin)s, %(seen)s, scope, hour, currency, {COLUMNS} FROM page_facts
ON CONFLICT ({KEY}) DO UPDATE SET {REPLACED}
"""
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
), merged AS ({_UPSERT})
SELECT day, count(*) FILTER (WHERE is_new), count(*) FILTER (WHERE has_changed),
       bool_or(is_new OR has_changed OR is_final)
FROM before GROUP BY day
"""


class PostgresqlTable:
    """`merge_types.Table` over a cursor of the driver's."""

    #: Below it, the round trips of reading and copying cost more than one statement for all small groups.
    least_dense = 64

    def __init__(self, cursor: "psycopg.Cursor[Any]", stamp: Stamp) -> None:
        self._cursor, self._stamp = cursor, stamp

    def find(self, shared: Shared, spans: Sequence[Span], most: int) -> list[Row]:
        """What is stored within the spans, and no more than about `most` rows of it."""
        days, metrics = [span[0] for span in spans], [span[1] for span in spans]
        told = {"days": days, "metrics": metrics, "first": spans[0][2], "last": spans[0][3], "most": most}
        return self._cursor.execute(_FIND_SPANS, self._whose(shared) | told).fetchall()

    def stamp(self, shared: Shared, spans: Sequence[Span]) -> int:
        """Note all facts within the spans as seen. Returns how many there are."""
        whose = self._whose(shared)
        names = ("day", "metric", "first", "last")
        self._cursor.executemany(_STAMP_SPAN, [whose | dict(zip(names, span, strict=True)) for span in spans])
        return self._cursor.rowcount

    def insert(self, shared: Shared, rows: Sequence[Row]) -> None:
        """Write rows whose keys are new."""
        scope, hour, currency = shared
        stamp = self._stamp
        whose = (stamp.company_no, stamp.config_no, scope, stamp.origin, hour, currency, stamp.seen)
        with self._cursor.copy(_COPY_NEW) as copy:
            copy.write(_lines(rows, whose))

    def upsert(self, shared: Shared, rows: Collection[Row]) -> None:
        """Write rows whether or not there are facts under their keys."""
        self._stage([(shared, rows)])
        self._cursor.execute(_UPSERT, self._whose(shared))

    def merge(self, page: Page, merged: Merged) -> None:
        """Compare with what is stored and write row by row; add to `merged` what is new and changed."""
        self._stage((shared, rows.values()) for shared, rows in page.items())
        for day, inserted, updated, is_dirty in self._cursor.execute(_MERGE, self._whose()).fetchall():
            merged.inserted += inserted
            merged.updated += updated
            if is_dirty:
                merged.days.add(day)

    def _stage(self, groups: Iterable[tuple[Shared, Collection[Row]]]) -> None:
        self._cursor.execute(_STAGING)
        with self._cursor.copy("COPY page_facts FROM STDIN") as copy:
            for shared, rows in groups:
                copy.write(_lines(rows, shared))

    def _whose(self, shared: Shared | None = None) -> dict[str, Any]:
        stamp = self._stamp
        told = {"company": stamp.company_no, "config": stamp.config_no, "origin": stamp.origin, "seen": stamp.seen}
        return told | dict(zip(("scope", "hour", "currency"), shared, strict=True)) if shared else told


def _lines(rows: Iterable[Row], rest: tuple[int | str, ...]) -> str:
    """Rows as COPY reads them, each followed by what they share."""
    end = "".join(f"\t{value}" for value in rest) + "\n"
    # The old way of formatting takes a whole row, and half the time.
    return "".join(["%d\t%d\t%d\t%d\t%d\t%d" % row + end for row in rows])  # noqa: UP031
