"""Sum facts as counting asks for them, and rows of integers as SQL."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

from sqlmodel import Session

from domain.counting import Choice
from domain.platforms import BY_NUMBER
from store.engine import is_sqlite

#: (config, day, metric) → (scope, is projected) → currency → sum
Sums = dict[tuple[int, int, int], dict[tuple[int, bool], dict[str, int]]]

#: A source that another platform owns on that day, because that platform has a counted number of its own.
_UNOWNED = (
    "AND (b.source_platform IN (0, :platform) OR NOT EXISTS (SELECT 1 FROM platform_analytics_aggregated o "
    "WHERE o.company_no = :company AND o.grain = 1 AND o.metric = c.metric AND o.period_start = c.day "
    "AND o.platform = b.source_platform))"
)


def values_of(rows: Iterable[tuple[int, ...]]) -> str:
    """`VALUES (1, 2), (3, 4)` of integers, "" for none: small sets travel as text, for both databases read that."""
    told = list(rows)
    if not told:
        return ""
    one = f"({', '.join(['%d'] * len(told[0]))})"
    return f"VALUES {', '.join([one % row for row in told])}"


def listed(numbers: Iterable[int]) -> str:
    """`1, 2, 3` for an IN of integers, NULL for none: that matches nothing."""
    return ", ".join(str(int(number)) for number in numbers) or "NULL"


def looked_up(session: Session, table: tuple[str, str], condition: str, more: tuple[str, str] = ("", "")) -> str:
    """JOIN and WHERE that look `table` (name, columns needed) up as f for each row of c, by ranges of its key.

    `more` is further joins and conditions.
    Neither planner knows how few rows c has: SQLite keeps the order of a CROSS JOIN, and OFFSET 0 keeps PostgreSQL from
    reading the whole table for them.
    """
    name, columns = table
    if is_sqlite(session):
        return f"CROSS JOIN {name} f {more[0]} WHERE {condition} {more[1]}"
    told = ", ".join(f"f.{column}" for column in columns.split(", "))
    one = f"SELECT {told} FROM {name} f WHERE {condition} OFFSET 0"  # noqa: S608 -- our own words
    return f"CROSS JOIN LATERAL ({one}) f {more[0]} WHERE true {more[1]}"


def run(session: Session, statement: str, company_no: int, platform: int) -> Any:
    """Execute SQL in which :company and :platform are the only names, and integers the only values.

    Put in as text: with values of every length no statement comes twice, so preparing it would be for nothing.
    """
    whole = statement.replace(":company", str(int(company_no))).replace(":platform", str(int(platform)))
    return session.connection().exec_driver_sql(whole)


def run_many(session: Session, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    """Execute SQL with `?` for values once for each row, by the driver's own loop."""
    if rows:
        spelled = statement if is_sqlite(session) else statement.replace("?", "%s")
        session.connection().exec_driver_sql(spelled, list(rows))


def insert_many(session: Session, into: tuple[str, Sequence[str], str], rows: Sequence[tuple[object, ...]]) -> None:
    """INSERT rows; `into` is the INSERT up to its values, their types, and the clause on conflicts.

    PostgreSQL takes them as one array a column: row by row it would plan with what it knew when the table was small.
    """
    head, types, conflict = into
    if not rows:
        return
    if is_sqlite(session):
        marks = ", ".join("?" * len(types))
        session.connection().exec_driver_sql(f"{head} VALUES ({marks}) {conflict}", list(rows))
        return
    arrays = ", ".join(f"%s::{kind}[]" for kind in types)
    columns = tuple(list(column) for column in zip(*rows, strict=True))
    session.connection().exec_driver_sql(f"{head} SELECT * FROM unnest({arrays}) {conflict}", columns)  # noqa: S608 -- our own words


def sources_clause(platform: int) -> tuple[str, str]:
    """JOIN and AND that keep the source rows which count for a platform: a site loses those that others own."""
    join = "CROSS JOIN breakdowns b"
    kept = "AND b.number = f.breakdown AND b.kind = 'source'"
    return join, f"{kept} {_UNOWNED}" if BY_NUMBER[platform].is_site else kept


def sum_facts(session: Session, company_no: int, platform: int, asked: Sequence[tuple[int, Choice, int]]) -> Sums:
    """Sums of the (day, choice, scope) asked for: over `source` rows where the choice says so, else of plain facts."""
    sums: Sums = defaultdict(dict)
    for by_source, clause in ((False, ("", "AND f.breakdown = 0")), (True, sources_clause(platform))):
        values = values_of(
            (one.connection, day, one.metric, one.origin, scope)
            for day, one, scope in asked
            if one.how.by_source == by_source
        )
        if not values:
            continue
        found = run(session, _summing(session, values, clause), company_no, platform)
        for config_no, day, metric, scope, projected, currency, value in found.all():
            sums[config_no, day, metric].setdefault((scope, bool(projected)), {})[currency] = value
    return sums


def _summing(session: Session, values: str, clause: tuple[str, str]) -> str:
    source = looked_up(
        session,
        ("platform_analytics_raw", "seen, currency, value, breakdown"),
        "f.company_no = :company AND f.config_no = c.config_no AND f.day = c.day AND f.metric = c.metric "
        "AND f.scope = c.scope AND f.origin = c.origin AND f.hour = -1",
        clause,
    )
    return (
        f"WITH c(config_no, day, metric, origin, scope) AS ({values}) "  # noqa: S608 -- integers and our own words
        "SELECT c.config_no, c.day, c.metric, c.scope, CASE WHEN f.seen = -1 THEN 1 ELSE 0 END, f.currency, "
        f"CAST(SUM(f.value) AS BIGINT) FROM c {source} GROUP BY 1, 2, 3, 4, 5, 6"
    )
