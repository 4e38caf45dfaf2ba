"""Bulk upsert of facts through the driver's fast path, with the numbers of what became of them.

A page is a dict from what facts share (scope, hour, currency) to their rows; a row is (day, metric, external posting,
breakdown, value, provisional) under its first four. What is stored in the stretches of the key that a group fills is
read and compared in memory; only what differs is written, and the rest stamped as seen by stretches. Groups whose rows
lie scattered are compared and merged row by row. The statements stand in merge_sqlite.py and merge_postgresql.py.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from operator import itemgetter

from sqlalchemy import Connection, select, tuple_

from domain.facts import Origin
from store.engine import is_sqlite, naming_errors
from store.tables import RawFact
from store.writes.merge_postgresql import PostgresqlTable
from store.writes.merge_sqlite import SqliteTable
from store.writes.merge_types import Key, Merged, Page, Row, Shared, Span, Stamp, Table

__all__ = ["Key", "Merged", "Page", "Row", "Shared", "Stamp", "find_values", "lock_facts", "merge_page"]

#: Rows to a span, at least, for which reading spans pays.
_LEAST_TO_SPAN = 8
_KEYS_AT_ONCE = 1_000
_DAY_AND_METRIC, _POSTING = itemgetter(0, 1), itemgetter(2)
_LOCK_SPACE = 0x50B5_0003


def merge_page(connection: Connection, stamp: Stamp, page: Page) -> Merged:
    """Insert or replace the page's facts and stamp them as seen."""
    merged = Merged()
    if not page:
        return merged
    if stamp.origin != Origin.POLL:
        lock_facts(connection, stamp.config_no)
    scattered: Page = {}
    with naming_errors(), _table(connection, stamp) as table:
        for shared, rows in page.items():
            spans = _spans(rows) if len(rows) >= table.least_dense else []
            stored = table.find(shared, spans, 2 * len(rows)) if spans else []
            # Without spans, or with far more in them than was told, each row is looked for by its key.
            if not spans or len(stored) >= 2 * len(rows):
                scattered[shared] = rows
            else:
                _merge_dense(table, shared, (rows, spans, stored), merged)
        if scattered:
            table.merge(scattered, merged)
    merged.unchanged = sum(map(len, page.values())) - merged.inserted - merged.updated
    return merged


def lock_facts(connection: Connection, config_no: int) -> None:
    """Keep others from writing the connection's facts until the transaction ends: what was compared must still stand
    when the difference is written. Polls need it not: a connection has one sync job, whose row its holder has locked.
    SQLite's writers are alone anyway.
    """
    if not is_sqlite(connection):
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s, %s)", (_LOCK_SPACE, config_no))


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
        while batch := list(islice(keys, _KEYS_AT_ONCE)):
            for *key, value, provisional in connection.execute(query.where(tuple_(*columns[:4]).in_(batch))):
                found[shared, (key[0], key[1], key[2], key[3])] = (value, provisional)
    return found


@contextmanager
def _table(connection: Connection, stamp: Stamp) -> Iterator[Table]:
    driver = connection.connection.driver_connection
    assert driver is not None
    cursor = driver.cursor()
    try:
        yield SqliteTable(cursor, stamp) if is_sqlite(connection) else PostgresqlTable(cursor, stamp)
    finally:
        cursor.close()


def _spans(rows: dict[Key, Row]) -> list[Span]:
    """The few stretches of the key in which all rows lie; none where the rows are scattered."""
    # Not zip(*rows): its thousand iterators would set off the garbage collector.
    pairs = set(map(_DAY_AND_METRIC, rows))
    if len(pairs) * _LEAST_TO_SPAN > len(rows):
        return []
    postings = list(map(_POSTING, rows))
    first, last = min(postings), max(postings)
    return [(day, metric, first, last) for day, metric in sorted(pairs)]


def _merge_dense(
    table: Table, shared: Shared, told: tuple[dict[Key, Row], Sequence[Span], list[Row]], merged: Merged
) -> None:
    """Compare in memory, write what differs, and stamp the rest by stretches of the key."""
    rows, spans, stored = told
    same = set(stored)
    # In the order of the key, which is that of the table: neighbours come together.
    differing = sorted([row for row in rows.values() if row not in same] if same else rows.values())
    before = {row[:4]: row[4] for row in stored} if differing and stored else {}
    new = [row for row in differing if row[:4] not in before] if before else differing
    kept = len(rows) - len(new)
    merged.days.update([span[0] for span in spans] if not kept else [row[0] for row in differing])
    merged.inserted += len(new)
    merged.updated += sum([before.get(row[:4], row[4]) != row[4] for row in differing]) if before else 0
    # A fact that is stored and was not told must not be stamped; and what mostly differs is not written twice.
    by_spans = len(stored) == kept and 2 * (len(differing) - len(new)) <= kept
    if by_spans and kept and table.stamp(shared, spans) != kept:
        # Somebody who did not ask for the lock has deleted facts since they were read.
        merged.days.update([row[0] for row in stored])
        by_spans = False
    if kept and not by_spans:
        table.upsert(shared, [row for key, row in rows.items() if key in before or not before])
    elif len(differing) > len(new):
        table.upsert(shared, [row for row in differing if row[:4] in before])
    if new:
        table.insert(shared, new)
