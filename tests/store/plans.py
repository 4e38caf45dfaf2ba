"""What a report asks of the database: its statements, how the database means to answer them, and how long it takes."""

import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlmodel import Session

from store.engine import is_sqlite
from store.opening import Store


@contextmanager
def watching(session: Session) -> Iterator[list[tuple[str, Any, float]]]:
    """(Statement, parameters, seconds) of all that SQLAlchemy runs in the block."""
    found: list[tuple[str, Any, float]] = []
    begun: list[float] = []
    connection = session.connection()

    def before(*_: Any) -> None:
        begun.append(time.perf_counter())

    def after(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        found.append((statement, parameters, time.perf_counter() - begun.pop()))

    event.listen(connection, "before_cursor_execute", before)
    event.listen(connection, "after_cursor_execute", after)
    try:
        yield found
    finally:
        event.remove(connection, "before_cursor_execute", before)
        event.remove(connection, "after_cursor_execute", after)


def plans_of(store: Store, report: Callable[[Session], object]) -> list[str]:
    """How the database means to answer each statement of a report, as one text each.

    PostgreSQL is told to read no table from end to end where there is another way: of a small table that is quickest.
    """
    with store.reading() as session:
        with watching(session) as seen:
            report(session)
        driver = session.connection().connection.driver_connection
        assert driver is not None
        cursor = driver.cursor()
        if is_sqlite(session):
            explain = "EXPLAIN QUERY PLAN "
        else:
            explain = "EXPLAIN "
            cursor.execute("SET LOCAL enable_seqscan = off")
        plans = []
        for statement, parameters, _ in seen:
            cursor.execute(explain + statement, parameters)
            plans.append("\n".join(str(row[-1]) for row in cursor.fetchall()))
        return plans


def whole_reads(plan: str, *tables: str) -> list[str]:
    """Lines of a plan that read one of these tables from end to end without an index."""
    names = "|".join(tables)
    told = re.compile(rf"SCAN ({names})$|SCAN ({names}) (?!USING)|Seq Scan on ({names})\b")
    return [line.strip() for line in plan.splitlines() if told.search(line.strip())]


def best_time(store: Store, report: Callable[[Session], object], *, times: int = 3) -> float:
    """Seconds that a report takes from asking to its answer, at best of a few."""
    best = float("inf")
    for _ in range(times):
        with store.reading() as session:
            session.connection()
            begun = time.perf_counter()
            report(session)
            best = min(best, time.perf_counter() - begun)
    return best
