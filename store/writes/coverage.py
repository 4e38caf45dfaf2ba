"""The books beside the facts: what was read for which day, and which days are to be counted again."""

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Dialect, delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from domain.facts import Coverage, Origin, Scope
from store.engine import is_sqlite
from store.tables import ReadCoverage

if TYPE_CHECKING:
    from store.writes.facts import Place

_TABLE = ReadCoverage.__table__  # type: ignore[attr-defined]
_COVER = (
    "INSERT INTO read_coverage (company_no, config_no, scope, origin, day, metric, state, provisional, as_of, "
    "cause_code) {told} ON CONFLICT (company_no, config_no, day, metric, scope, origin) DO UPDATE SET "
    "state = excluded.state, provisional = excluded.provisional, as_of = excluded.as_of, "
    "cause_code = excluded.cause_code"
)
_KEY = ("company_no", "config_no", "day", "metric", "scope", "origin")


def mark_dirty(session: Session, place: "Place", days: Iterable[int], *, now: datetime) -> int:
    """Enter days of a connection into the log of what is to be counted again. Returns how many."""
    marked = sorted(set(days))
    connection = session.connection()
    if marked and connection.dialect.name == "sqlite":
        stamp = now.astimezone(UTC).isoformat(timespec="microseconds")
        rows = [(place.company_no, place.config_no, day, stamp) for day in marked]
        connection.exec_driver_sql(
            "INSERT INTO dirty_days (company_no, config_no, day, made_at) VALUES (?, ?, ?, ?)", rows
        )
    elif marked:
        connection.exec_driver_sql(
            "INSERT INTO dirty_days (company_no, config_no, day, made_at) SELECT %s, %s, unnest(%s::integer[]), %s",
            (place.company_no, place.config_no, marked, now),
        )
    return len(marked)


def cover(
    session: Session,
    place: "Place",
    told: Iterable[tuple[int, int, bool]],
    *,
    scope: Scope,
    origin: Origin,
    now: datetime,
) -> set[int]:
    """Write down (day, metric number, provisional) as read. Returns the days whose coverage that changes.

    A failure written down earlier for the same day and metric is forgotten.
    """
    wanted = {(day, metric): int(provisional) for day, metric, provisional in told}
    if not wanted:
        return set()
    days, metrics = sorted({day for day, _ in wanted}), sorted({metric for _, metric in wanted})
    connection = session.connection()
    whose = (place.company_no, place.config_no, int(scope), int(origin))
    stored = _cover(connection, (whose, wanted), _before(place, (days, metrics), origin), now.astimezone(UTC))
    if any(state == Coverage.FAILED for state, _ in stored.values()):
        failed = _TABLE.c.state == Coverage.FAILED
        connection.execute(delete(_TABLE).where(*_ours(place, days, metrics, origin), failed))
    return {
        day
        for (day, metric), provisional in wanted.items()
        if stored.get((day, metric, int(scope))) != (Coverage.READ, provisional)
    }


def _cover(
    connection: Connection,
    told: tuple[tuple[int, int, int, int], dict[tuple[int, int], int]],
    before: str,
    now: datetime,
) -> dict[tuple[int, int, int], tuple[int, int]]:
    """Write the rows; what the query `before` finds without them."""
    whose, wanted = told
    if is_sqlite(connection):
        stored = _as_found(connection.exec_driver_sql(before))
        stamp = now.isoformat(timespec="microseconds")
        rows = [(*whose, *key, provisional, stamp) for key, provisional in wanted.items()]
        connection.exec_driver_sql(_COVER.format(told="VALUES (?, ?, ?, ?, ?, ?, 1, ?, ?, '')"), rows)
        return stored
    columns = [list(column) for column in zip(*((*key, late) for key, late in wanted.items()), strict=True)]
    given = (
        "SELECT %s, %s, %s, %s, d, m, 1, p, %s, '' "
        "FROM unnest(%s::integer[], %s::smallint[], %s::smallint[]) AS v (d, m, p)"
    )
    # One round trip; its two parts both see what was there before it.
    statement = f"WITH written AS ({_COVER.format(told=given)}) {before}"
    return _as_found(connection.exec_driver_sql(statement, (*whose, now, *columns)))


def mark_failed(
    session: Session,
    place: "Place",
    days: Collection[int],
    metrics: Collection[int],
    cause: str,
    *,
    now: datetime,
) -> int:
    """Write down that a poll of these days failed, except where something good was read before: that stays visible.

    Returns how many (day, metric) now stand as failed.
    """
    if not days or not metrics:
        return 0
    before = _as_found(
        session.connection().exec_driver_sql(_before(place, (sorted(days), sorted(metrics)), Origin.POLL))
    )
    read = {(day, metric) for (day, metric, _), (state, _) in before.items() if state == Coverage.READ}
    rows = [
        _row(place, (day, metric, int(Scope.TOTAL), Origin.POLL), (Coverage.FAILED, 0, cause, now))
        for day in sorted(days)
        for metric in sorted(metrics)
        if (day, metric) not in read
    ]
    if rows:
        connection = session.connection()
        connection.execute(_upsert(connection.dialect, ("state", "as_of", "cause_code")), rows)
    return len(rows)


def _before(place: "Place", asked: tuple[list[int], list[int]], origin: Origin) -> str:
    """The query for what is written down of days and metrics, in every scope."""
    days, numbers = asked
    return (
        "SELECT day, metric, scope, state, provisional FROM read_coverage "  # noqa: S608 -- integers of ours
        f"WHERE company_no = {place.company_no:d} AND config_no = {place.config_no:d} "
        f"AND day BETWEEN {days[0]:d} AND {days[-1]:d} AND metric IN ({', '.join(str(int(one)) for one in numbers)}) "
        f"AND origin = {int(origin)}"
    )


def _as_found(rows: Iterable[Any]) -> dict[tuple[int, int, int], tuple[int, int]]:
    """(state, provisional) by day, metric and scope."""
    return {(day, metric, scope): (state, provisional) for day, metric, scope, state, provisional in rows}


def _ours(place: "Place", days: list[int], metrics: list[int], origin: Origin) -> tuple[Any, ...]:
    columns = _TABLE.c
    return (
        columns.company_no == place.company_no,
        columns.config_no == place.config_no,
        columns.day.between(days[0], days[-1]),
        columns.metric.in_(metrics),
        columns.origin == int(origin),
    )


def _row(place: "Place", key: tuple[int, int, int, int], rest: tuple[int, int, str, datetime]) -> dict[str, Any]:
    day, metric, scope, origin = key
    state, provisional, cause, now = rest
    return {
        "company_no": place.company_no,
        "config_no": place.config_no,
        "day": day,
        "metric": metric,
        "scope": scope,
        "origin": int(origin),
        "state": int(state),
        "provisional": provisional,
        "as_of": now.astimezone(UTC),
        "cause_code": cause,
    }


def _upsert(dialect: Dialect, changed: tuple[str, ...]) -> Any:
    statement: Any = (sqlite if dialect.name == "sqlite" else postgresql).insert(_TABLE)
    return statement.on_conflict_do_update(
        index_elements=list(_KEY), set_={name: statement.excluded[name] for name in changed}
    )
