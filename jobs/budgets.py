"""What a connection may spend: requests by pyrate-limiter's SQL buckets, money by a ledger, both shared by processes.

Requests are counted in a small SQLite file beside the product's own, or in PostgreSQL where that is the database, so
that workers, buttons and commands of any process draw on one budget. Money is reserved at the worst price before each
call, per calendar month (UTC).
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
from psycopg import sql
from pyrate_limiter import Duration, PostgresBucket, Rate, RateItem, SQLiteBucket
from pyrate_limiter.abstracts import AbstractBucket
from sqlalchemy import BigInteger, Engine, String, cast, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from connectors.contract import Limits
from connectors.errors import RateLimited
from store.engine import is_sqlite, keep_log, run_writing
from store.errors import DatabaseUnwritable
from store.ledger import ledger_key
from store.tables import AppMeta, PlatformConfig

#: A wait up to this long is spent in place; a longer one parks the job.
IN_PLACE_SECONDS = 60.0
_LOCK_SPACE = 0x50B5_0002


@dataclass(slots=True)
class Spent:
    """What one run drew on its budgets: worst-case money in minor units, and waits of our own making."""

    minor: int = 0
    waits: int = 0
    waited_seconds: float = 0.0


class Budget:
    """The budget of one connection. Call `spend` before each request, `close` at the end."""

    def __init__(
        self,
        engine: Engine,
        config: PlatformConfig,
        limits: Limits,
        *,
        data_dir: Path,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._engine, self._config, self._limits, self._pause = engine, config, limits, pause
        with _named():
            self._file = _open_file(data_dir) if is_sqlite(engine) else None
            self._bucket = _bucket(engine, self._file, config.number, rates_of(limits, config.rate_limit))
            self._bucket.leak(_milliseconds(self._bucket))
        self.spent = Spent()

    def spend(self, *, costs: bool = True) -> None:
        """Take one request from the budget, waiting a little where needed.

        `costs` is False for calls the platform does not charge for (tokens). Raises RateLimited with cause `budget`
        when the wait is longer than a minute or the month's money is used up, and DatabaseUnwritable.
        """
        self._take_request()
        if costs and self._limits.cost_minor:
            self._take_money()

    def _take_request(self) -> None:
        deadline = time.monotonic() + IN_PLACE_SECONDS
        while True:
            with _named():
                if isinstance(self._bucket, _QuickBucket) and self._bucket.put_now():
                    return
                item = RateItem("request", _milliseconds(self._bucket))
                if self._bucket.put(item):
                    return
                wait = max(int(self._bucket.waiting(item)), 0) / 1000 + 0.001  # type: ignore[arg-type]
            if time.monotonic() + wait > deadline:
                raise RateLimited(
                    datetime.now(UTC) + timedelta(seconds=wait),
                    "This connection's limit of requests is reached.",
                    cause="budget",
                )
            self.spent.waits += 1
            self.spent.waited_seconds += wait
            self._pause(wait)

    def _take_money(self) -> None:
        now, cost = datetime.now(UTC), self._limits.cost_minor
        limit = self._config.spend_limit_minor
        if not run_writing(self._engine, lambda session: reserve(session, self._config.number, cost, limit, now)):
            raise RateLimited(
                next_month(now), "This connection's spending limit for the month is reached.", cause="budget"
            )
        self.spent.minor += cost

    def close(self) -> None:
        """Let go of the bucket's own connection."""
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def rates_of(limits: Limits, per_hour: int | None) -> list[Rate]:
    """The platform's limit and the connection's own (requests an hour), without one that the other makes idle.

    >>> [str(rate) for rate in rates_of(Limits(requests=100, seconds=60), 50)]
    ['limit=50/1.0h']
    >>> [str(rate) for rate in rates_of(Limits(requests=100, seconds=60), 500)]
    ['limit=100/1.0m', 'limit=500/1.0h']
    """
    platform = Rate(limits.requests, limits.seconds * 1000)
    if per_hour is None:
        return [platform]
    own = Rate(per_hour, Duration.HOUR)
    if platform.interval == own.interval:
        return [min(platform, own, key=lambda rate: rate.limit)]
    short, long = sorted((platform, own), key=lambda rate: rate.interval)
    if long.limit <= short.limit:
        return [long]
    return [short, long] if long.limit * short.interval <= short.limit * long.interval else [short]


def next_month(now: datetime) -> datetime:
    """The first instant of the next calendar month.

    >>> next_month(datetime(2026, 12, 31, 23, tzinfo=UTC)).isoformat()
    '2027-01-01T00:00:00+00:00'
    """
    first = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return (first + timedelta(days=32)).replace(day=1)


def reserve(session: Session, config_no: int, cost_minor: int, limit_minor: int | None, now: datetime) -> bool:
    """Add `cost_minor` to the month's ledger unless that passes `limit_minor`; whether it was added."""
    key = ledger_key(config_no, now)
    # Two processes may open the month's ledger at once: the second finds the first one's.
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    session.execute(insert(AppMeta).values(key=key, value="0").on_conflict_do_nothing())
    spent = cast(col(AppMeta.value), BigInteger)
    statement = update(AppMeta).where(col(AppMeta.key) == key)
    if limit_minor is not None:
        statement = statement.where(spent + cost_minor <= limit_minor)
    changed = session.execute(
        statement.values(value=cast(spent + cost_minor, String)), execution_options={"synchronize_session": False}
    )
    return bool(changed.rowcount)  # type: ignore[attr-defined]


def _milliseconds(bucket: AbstractBucket) -> int:
    return int(bucket.now())  # type: ignore[no-untyped-call]


@contextmanager
def _named() -> Iterator[None]:
    """The driver's own errors in the store's words: a full disk is no failure of the platform."""
    try:
        yield
    except (sqlite3.Error, psycopg.Error) as error:
        raise DatabaseUnwritable(f"The requests to platforms cannot be counted: {error}.") from error


def _open_file(data_dir: Path) -> sqlite3.Connection:
    data_dir.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(data_dir / "budgets.db", timeout=20, isolation_level=None, check_same_thread=False)
    keep_log(connection)
    # A budget may forget its last requests in a power cut; it need not wait for the disk.
    connection.execute("PRAGMA synchronous = NORMAL")
    return connection


def _bucket(engine: Engine, file: sqlite3.Connection | None, config_no: int, rates: list[Rate]) -> AbstractBucket:
    table = f"requests_{config_no}"
    if file is None:
        return _QuickBucket(_Connections(engine, config_no), table, rates)
    file.execute(f"CREATE TABLE IF NOT EXISTS {table} (name VARCHAR, item_timestamp INTEGER)")
    file.execute(f"CREATE INDEX IF NOT EXISTS {table}_at ON {table} (item_timestamp)")
    return SQLiteBucket(rates, file, table, lock=_WriteLock(file))


class _WriteLock:
    """Makes the bucket's count-then-insert one SQLite write transaction: a lock that all processes share."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        self._connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, *_: object) -> None:
        if self._connection.in_transaction:
            self._connection.rollback()


class _QuickBucket(PostgresBucket):
    """The PostgreSQL bucket with a short way for a request that may go at once: one round trip in place of six."""

    def __init__(self, pool: "_Connections", table: str, rates: list[Rate]) -> None:
        super().__init__(pool, table, rates)
        room = sql.SQL(" AND ").join(
            sql.SQL("(SELECT count(*) FROM {table} WHERE item_timestamp >= at - {window} * interval '1 ms') < {limit}")
            .format(table=sql.Identifier(self._full_tbl), window=rate.interval, limit=rate.limit)
            for rate in rates
        )  # fmt: skip
        # Sent as one message, run as one transaction; each statement sees what was committed before it began, so the
        # count comes after the lock. A budget may forget its last requests in a power cut: no waiting for the disk.
        self._put_now = sql.SQL(
            "SET LOCAL synchronous_commit = off; SELECT pg_advisory_xact_lock({space}, {config_no}); "
            "INSERT INTO {table} (name, weight, item_timestamp) SELECT 'request', 1, at "
            "FROM (SELECT CAST(clock_timestamp() AS timestamp) AS at) AS clock WHERE {room}"
        ).format(space=_LOCK_SPACE, config_no=pool.config_no, table=sql.Identifier(self._full_tbl), room=room)

    def put_now(self) -> bool:
        """Count one request now if every rate has room for it; whether it was counted."""
        connections: _Connections = self.pool
        with connections.alone() as driver:
            cursor = driver.execute(self._put_now)
            while cursor.nextset():
                pass
            return bool(cursor.rowcount)


class _Connections:
    """Our engine in the shape of the connection pool that the PostgreSQL bucket asks for."""

    closed = False

    def __init__(self, engine: Engine, config_no: int) -> None:
        self._engine, self.config_no = engine, config_no

    @contextmanager
    def alone(self) -> Iterator[Any]:
        """A psycopg connection of which every message is a transaction of its own."""
        pooled = self._engine.raw_connection()
        try:
            driver: Any = pooled.driver_connection
            driver.autocommit = True
            try:
                yield driver
            finally:
                if not driver.closed:
                    driver.autocommit = False
        finally:
            pooled.close()

    @contextmanager
    def connection(self) -> Iterator[Any]:
        """A psycopg connection in a transaction that waits for its turn, where the bucket itself would give up."""
        pooled = self._engine.raw_connection()
        try:
            driver: Any = pooled.driver_connection
            driver.execute("SELECT pg_advisory_xact_lock(%s, %s)", (_LOCK_SPACE, self.config_no))
            yield driver
            driver.commit()
        finally:
            pooled.close()

    def close(self) -> None:
        """The engine outlives the bucket."""
