"""Syncing: pages of 1 000 facts over HTTP, carried by the product's own worker into its own table, against a bare loop
of GET, decode and bulk upsert into an equal one."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, ClassVar, Literal

import httpx
import msgspec
from sqlalchemy import text

from bench.databases import KINDS, LABELS, fresh_store
from bench.fact_server import FIRST, METRICS, PAGE_FACTS, serving
from bench.figures import Figure, Scale
from connectors.contract import Account, Closed, ConnectorConfig, Limits, MetricsSource, Offered, Page, Wait
from connectors.registry import CONNECTORS
from domain.facts import Fact, Scope, Window, day_number
from domain.metrics import BY_NAME
from jobs.enqueue import request_sync
from jobs.garbage import collect_seldom
from jobs.worker import run_once
from settings import Settings
from store.opening import Store
from store.tables import Company, PlatformConfig, PlatformSyncJob

PAGES, QUICK_PAGES = 100, 20
LEAST_RATIO = 0.5
_KEY = "company_no, config_no, day, metric, scope, external_posting, breakdown, origin, hour, currency"
_COLUMNS = f"{_KEY}, value, provisional, seen"
_UPDATE = "value = excluded.value, provisional = excluded.provisional, seen = excluded.seen"


class Row(msgspec.Struct):
    """One fact on the wire."""

    posting: str
    metric: str
    day: date
    value: int


class Rows(msgspec.Struct):
    """One page on the wire."""

    facts: list[Row]


class BulkConfig(ConnectorConfig):
    """Nothing to fill in."""


class Bulk(MetricsSource[BulkConfig]):
    """The bench's platform: a day to a page."""

    key: ClassVar[str] = "bulk"
    platform: ClassVar[str] = "indeed"
    label: ClassVar[str] = "Bulk"
    icon: ClassVar[str] = ":material/speed:"
    summary: ClassVar[str] = "For benches."
    docs_url: ClassVar[str] = "https://bulk.example/docs"
    hosts: ClassVar[tuple[str, ...]] = ("bulk.example",)
    config_model: ClassVar[type[ConnectorConfig]] = BulkConfig
    metrics: ClassVar[tuple[Offered, ...]] = tuple(Offered(name, Scope.POSTING, postings=True) for name in METRICS)
    limits: ClassVar[Limits] = Limits(requests=1_000_000, seconds=60)
    lookback_days: ClassVar[int] = 3
    interval: ClassVar[Literal["hourly", "daily"]] = "hourly"
    chunk_days: ClassVar[int] = 10_000

    def check(self) -> Account:
        """Always well."""
        return Account(ref="bulk", label="Bulk", time_zone="UTC")

    def read(self, window: Window, cursor: str = "") -> Iterator[Page | Wait]:
        """A page for each day."""
        days = (window.end - window.start).days
        for number in range(int(cursor or 0), days):
            rows = self.session.http.get("https://bulk.example/read", {"page": str(number)}).decode(Rows)
            facts = [Fact(row.metric, row.day, row.value, Scope.POSTING, row.posting) for row in rows.facts]
            day = window.start + timedelta(days=number)
            closed = Closed(METRICS, Scope.POSTING, day, day + timedelta(days=1))
            yield Page(facts, cursor=str(number + 1), closed=(closed,))

    @classmethod
    def calls_for(cls, window: Window) -> int:
        """A call for each day."""
        return (window.end - window.start).days


def run(scale: Scale) -> list[Figure]:
    """Both databases, first load and again, in turns; the fastest of each counts: a busy machine only ever adds."""
    pages = scale.runs(PAGES, QUICK_PAGES)
    CONNECTORS[Bulk.key] = Bulk
    # As a worker process does when it starts; the bare loop gains by it too.
    collect_seldom()
    try:
        with serving(pages) as port:
            return [figure for kind in KINDS for figure in _measure(kind, port, pages, scale.runs(5, 1))]
    finally:
        del CONNECTORS[Bulk.key]


def _measure(kind: str, port: int, pages: int, rounds: int) -> Iterator[Figure]:
    ours: tuple[list[float], list[float]] = ([], [])
    loops: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        with fresh_store(kind) as (store, settings), fresh_store(kind) as (other, _):
            config = connect(store)
            place = toward(settings, port)
            for again in (0, 1):
                loops[again].append(bare(other, port, pages))
                ours[again].append(sync(store, place, config, pages))
    facts = pages * PAGE_FACTS
    for again, name in enumerate(("first load", "again")):
        mine, loop = min(ours[again]), min(loops[again])
        note = f"{facts / mine:,.0f} facts/s against {facts / loop:,.0f}".replace(",", " ")
        yield Figure(
            f"{LABELS[kind]}: {name}, against the bare loop", loop / mine, "×", LEAST_RATIO, at_least=True, note=note
        )


def toward(settings: Settings, port: int) -> Settings:
    """Settings that lead every connector to the server on this port."""
    return replace(settings, sandbox_text="1", sandbox_port_text=str(port))


def connect(store: Store) -> uuid.UUID:
    """A company with a connection to the bench's platform; the connection's id."""
    with store.writing() as session:
        company = Company(number=1, name="Bench")
        session.add(company)
        session.flush()
        config = PlatformConfig(number=1, company_id=company.id, platform="indeed", connector=Bulk.key, is_active=True)
        session.add(config)
        session.flush()
        return config.id


def sync(store: Store, settings: Settings, config_id: uuid.UUID, pages: int) -> float:
    """Seconds from the claim of the job to its end."""
    window = (FIRST, FIRST + timedelta(days=pages))
    with store.writing() as session:
        config = session.get_one(PlatformConfig, config_id)
        request_sync(session, config, sync_type="backfill", window=window, requested_by="bench", now=datetime.now(UTC))
    started = time.perf_counter()
    outcome = run_once(store, settings, "bench")
    seconds = time.perf_counter() - started
    with store.reading() as session:
        told = session.query(PlatformSyncJob.facts).order_by(PlatformSyncJob.number.desc()).first()  # type: ignore[attr-defined]
    assert outcome is not None
    assert (outcome.state, told[0] if told else 0) == ("completed", pages * PAGE_FACTS), outcome
    return seconds


def bare(store: Store, port: int, pages: int) -> float:
    """Seconds of the least that can be done: GET, decode, upsert, commit. No fence, no coverage, no dirty days."""
    numbers = {name: BY_NAME[name].number for name in METRICS}
    days = {FIRST + timedelta(days=number): day_number(FIRST) + number for number in range(pages)}
    decoder = msgspec.json.Decoder(Rows)
    upsert = _copy_upsert if store.engine.dialect.name == "postgresql" else _many_upsert
    started = time.perf_counter()
    with httpx.Client(trust_env=False) as client:
        for number in range(pages):
            told = decoder.decode(client.get(f"http://127.0.0.1:{port}/read?page={number}").content).facts
            upsert(
                store,
                [
                    (
                        1,
                        1,
                        days[row.day],
                        numbers[row.metric],
                        2,
                        int(row.posting[1:]) + 1,
                        0,
                        1,
                        -1,
                        "",
                        row.value,
                        0,
                        1,
                    )
                    for row in told
                ],
            )
    seconds = time.perf_counter() - started
    with store.reading() as session:
        count = session.connection().execute(text("SELECT COUNT(*) FROM platform_analytics_raw")).scalar_one()
    assert count == pages * PAGE_FACTS
    return seconds


def _many_upsert(store: Store, rows: list[tuple[Any, ...]]) -> None:
    with store.writing() as session:
        session.connection().exec_driver_sql(
            f"INSERT INTO platform_analytics_raw ({_COLUMNS}) VALUES ({', '.join('?' * 13)}) "
            f"ON CONFLICT ({_KEY}) DO UPDATE SET {_UPDATE}",
            rows,
        )


def _copy_upsert(store: Store, rows: list[tuple[Any, ...]]) -> None:
    with store.writing() as session:
        cursor = session.connection().connection.driver_connection.cursor()  # type: ignore[union-attr]
        cursor.execute("CREATE TEMP TABLE IF NOT EXISTS bare_page (LIKE platform_analytics_raw) ON COMMIT DELETE ROWS")
        lines = "".join("\t".join(map(str, row)) + "\n" for row in rows)
        with cursor.copy(f"COPY bare_page ({_COLUMNS}) FROM STDIN") as copy:
            copy.write(lines)
        cursor.execute(
            f"INSERT INTO platform_analytics_raw ({_COLUMNS}) SELECT {_COLUMNS} FROM bare_page "
            f"ON CONFLICT ({_KEY}) DO UPDATE SET {_UPDATE}"
        )
