"""Requests and money of a connection: one budget for every process."""

import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlmodel import Session, col, select

from connectors.contract import Limits
from connectors.errors import RateLimited
from jobs.budgets import Budget, next_month, rates_of, reserve
from store.engine import is_sqlite, open_engine, reading, run_writing
from store.errors import DatabaseUnwritable
from store.ledger import read_spent
from store.opening import Store
from store.reports.connections import list_connections
from store.reports.scope import find_company
from store.tables import AppMeta, Company, PlatformConfig
from tests.waiting import answers_of

Connect = Callable[..., PlatformConfig]
MANY = Limits(requests=1000, seconds=60)
JANUARY = datetime(2026, 1, 31, tzinfo=UTC)


def spent(store: Store, config: PlatformConfig) -> int:
    """Minor units in the connection's ledgers, whatever month a test began in."""
    with store.reading() as session:
        ledgers = session.exec(select(AppMeta).where(col(AppMeta.key).startswith(f"spent/{config.number}/")))
        return sum(int(ledger.value) for ledger in ledgers)


class June(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
        """A day in the middle of a month."""
        return datetime(2026, 6, 15, 12, tzinfo=tz)


def test_it_lets_requests_pass_up_to_the_limit_and_parks_for_longer_waits(
    store: Store, config: PlatformConfig, tmp_path: Path
) -> None:
    with Budget(store.engine, config, Limits(requests=5, seconds=3600), data_dir=tmp_path) as budget:
        for _ in range(5):
            budget.spend()
        with pytest.raises(RateLimited) as limited:
            budget.spend()
    assert limited.value.cause == "budget"
    assert timedelta(minutes=59) < limited.value.until - datetime.now(UTC) <= timedelta(minutes=61)


def test_it_waits_in_place_for_a_short_time(store: Store, config: PlatformConfig, tmp_path: Path) -> None:
    waits: list[float] = []

    class Woken(Exception):
        pass

    def pause(seconds: float) -> None:
        waits.append(seconds)
        raise Woken

    with Budget(store.engine, config, Limits(requests=1, seconds=50), data_dir=tmp_path, pause=pause) as budget:
        budget.spend()
        with pytest.raises(Woken):
            budget.spend()
        assert 0 < waits[0] <= 50.1
        assert budget.spent.waits == 1


def test_a_file_that_cannot_be_written_is_the_stores_trouble(tmp_path: Path, config: PlatformConfig) -> None:
    (tmp_path / "budgets.db").mkdir()
    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with pytest.raises(DatabaseUnwritable, match="cannot be counted"):
        Budget(engine, config, MANY, data_dir=tmp_path)
    (tmp_path / "budgets.db").rmdir()
    with Budget(engine, config, MANY, data_dir=tmp_path) as budget:
        with sqlite3.connect(tmp_path / "budgets.db") as file:
            file.execute("DROP TABLE requests_1")
        with pytest.raises(DatabaseUnwritable, match="cannot be counted"):
            budget.spend()
    engine.dispose()


def test_it_remembers_across_readers(store: Store, config: PlatformConfig, tmp_path: Path) -> None:
    limits = Limits(requests=2, seconds=3600)
    for _ in range(2):
        with Budget(store.engine, config, limits, data_dir=tmp_path) as budget:
            budget.spend()
    with Budget(store.engine, config, limits, data_dir=tmp_path) as budget, pytest.raises(RateLimited):
        budget.spend()


def test_connections_do_not_share_a_budget(store: Store, connect: Connect, tmp_path: Path) -> None:
    limits = Limits(requests=1, seconds=3600)
    for config in (connect(), connect()):
        with Budget(store.engine, config, limits, data_dir=tmp_path) as budget:
            budget.spend()


def test_the_connections_own_limit_counts_too(store: Store, connect: Connect, tmp_path: Path) -> None:
    with Budget(store.engine, connect(rate_limit=3), MANY, data_dir=tmp_path) as budget:
        for _ in range(3):
            budget.spend()
        with pytest.raises(RateLimited):
            budget.spend()


def test_of_two_limits_each_binds(store: Store, connect: Connect, tmp_path: Path) -> None:
    limits = Limits(requests=2, seconds=1)
    with Budget(store.engine, connect(rate_limit=3), limits, data_dir=tmp_path) as budget:
        for _ in range(3):
            budget.spend()
        with pytest.raises(RateLimited) as limited:
            budget.spend()
    assert limited.value.until - datetime.now(UTC) > timedelta(minutes=50)


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_a_table_that_is_gone_is_the_stores_trouble(store: Store, config: PlatformConfig, tmp_path: Path) -> None:
    with Budget(store.engine, config, MANY, data_dir=tmp_path) as budget:
        with store.writing() as session:
            session.execute(text(f"DROP TABLE ratelimit___requests_{config.number}"))
        with pytest.raises(DatabaseUnwritable, match="cannot be counted"):
            budget.spend()


@pytest.mark.parametrize(
    ("limits", "per_hour", "told"),
    [
        (Limits(100, 60), None, ["limit=100/1.0m"]),
        (Limits(100, 60), 50, ["limit=50/1.0h"]),
        (Limits(100, 60), 500, ["limit=100/1.0m", "limit=500/1.0h"]),
        (Limits(100, 60), 100_000, ["limit=100/1.0m"]),
        (Limits(100, 3600), 50, ["limit=50/1.0h"]),
        (Limits(1000, 86400), 50, ["limit=50/1.0h", "limit=1000/1.0d"]),
        (Limits(1000, 86400), 5000, ["limit=1000/1.0d"]),
    ],
)
def test_limits_combine_to_what_binds(limits: Limits, per_hour: int | None, told: list[str]) -> None:
    assert [str(rate) for rate in rates_of(limits, per_hour)] == told


def test_money_is_reserved_at_the_worst_price_until_the_months_limit(
    store: Store, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.budgets.datetime", June)
    config = connect(spend_limit_minor=700)
    limits = Limits(requests=1000, seconds=60, cost_minor=300)
    with Budget(store.engine, config, limits, data_dir=tmp_path) as budget:
        budget.spend()
        budget.spend()
        with pytest.raises(RateLimited) as limited:
            budget.spend()
    assert limited.value.cause == "budget"
    assert limited.value.until == datetime(2026, 7, 1, tzinfo=UTC)
    assert budget.spent.minor == 600
    assert spent(store, config) == 600


def test_a_new_month_begins_with_a_full_purse(store: Store, config: PlatformConfig) -> None:
    february = datetime(2026, 2, 1, tzinfo=UTC)
    with store.writing() as session:
        assert reserve(session, config.number, 300, 300, JANUARY)
        assert not reserve(session, config.number, 300, 300, JANUARY)
        assert reserve(session, config.number, 300, 300, february)


def test_two_that_open_a_months_ledger_at_once_both_reserve(store: Store, config: PlatformConfig) -> None:
    together, came = threading.Barrier(2, timeout=60), set()

    def work(session: Session) -> bool:
        # SQLite lets one in at a time; and who tries again finds nobody waiting any more.
        if not is_sqlite(store.engine) and threading.get_ident() not in came:
            came.add(threading.get_ident())
            together.wait()
        return reserve(session, config.number, 300, 600, JANUARY)

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(run_writing, store.engine, work) for _ in range(2)]
        assert [each.result(timeout=60) for each in done] == [True, True]
    assert spent(store, config) == 600


def _spend_all(url: str, config_id: Any, folder: str, found: Any) -> None:
    engine = open_engine(url)
    with reading(engine) as session:
        config = session.get_one(PlatformConfig, config_id)
    limits = Limits(requests=30, seconds=3600, cost_minor=1)
    passed = 0
    with Budget(engine, config, limits, data_dir=Path(folder)) as budget:
        try:
            for _ in range(40):
                budget.spend()
                passed += 1
        except RateLimited:
            pass
    found.put(passed)


def test_two_processes_share_one_budget(
    store: Store, connect: Connect, database_url: str, tmp_path: Path, nursery: Any
) -> None:
    config = connect(spend_limit_minor=1000)
    found = nursery.Queue()
    told = (database_url, config.id, str(tmp_path), found)
    processes = [nursery.Process(target=_spend_all, args=told) for _ in range(2)]
    for process in processes:
        process.start()
    passed = answers_of(found, processes, 2)
    for process in processes:
        process.join(300)
    assert sum(passed) == 30
    assert spent(store, config) == 30


def test_an_admin_sees_what_this_months_calls_can_have_cost(
    store: Store, company: Company, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobs.budgets.datetime", June)
    dear, free = connect(spend_limit_minor=5_000), connect()
    now = June.now(UTC)
    with Budget(store.engine, dear, Limits(60, 60, cost_minor=300), data_dir=tmp_path) as budget:
        budget.spend()
        budget.spend(costs=False)
        budget.spend()
    with store.reading() as session:
        scope = find_company(session, company.id)
        assert scope is not None
        shown = {row.number: (row.spent_minor, row.spend_limit_minor) for row in list_connections(session, scope, now)}
        assert read_spent(session, [dear.number], next_month(now)) == {dear.number: 0}
    assert shown == {dear.number: (600, 5_000), free.number: (0, None)}
