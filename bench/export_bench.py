"""A million rows as CSV over HTTP: its memory, its first byte, its speed beside csv.writer on the bare rows."""

import csv
import http.client
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import psutil
from sqlalchemy import text

from bench.api_bench import bench_key
from bench.company import POSTINGS, Made, analyze, make_company
from bench.databases import KEY, KINDS, LABELS, folder, fresh_store
from bench.figures import Figure, Scale, p50
from bench.live import MEGABYTE
from domain.facts import day_number
from store.engine import is_sqlite
from store.opening import Store
from tests.launch import RunningApp, running_app

ROWS, QUICK_ROWS = 1_000_000, 100_000
ROUNDS, QUICK_ROUNDS = 5, 2
MOST_MEGABYTES, MOST_FIRST_MS, LEAST_SPEED = 100, 200, 0.5
SAMPLE_SECONDS = 0.02
CHUNK = 256 * 1024
CHUNK_ROWS = 512
_COLUMNS = "day, platform, metric, posting_no, currency, value, provisional"
_ORDER = "company_no, day, platform, metric, posting_no, currency"


@dataclass(frozen=True, slots=True)
class Sent:
    """One export as its reader saw it."""

    rows: int
    first_ms: float
    seconds: float


def run(scale: Scale) -> list[Figure]:
    """Both databases."""
    rows = scale.runs(ROWS, QUICK_ROWS)
    return [figure for kind in KINDS for figure in _measure(kind, rows, scale.runs(ROUNDS, QUICK_ROUNDS))]


def _measure(kind: str, rows: int, rounds: int) -> Iterator[Figure]:
    with fresh_store(kind) as (store, settings), folder() as place:
        made = make_company(store, 1_000)
        _fill(store, made, rows)
        analyze(store)
        more = {"ENCRYPTION_KEY": KEY, "API_REQUESTS_PER_MINUTE": "1000000"}
        with running_app(settings.database_url, settings.data_dir, **more) as app:
            key = bench_key(store, made)
            _export(app, key, made)
            with _watching(app) as memory:
                sent = [_export(app, key, made) for _ in range(rounds)]
            bare = [_bare(store, place / "bare.csv") for _ in range(rounds)]
    if {one.rows for one in sent} != {rows}:
        raise RuntimeError(f"{sorted({one.rows for one in sent})} rows came, {rows} are there")
    label, seconds = LABELS[kind], p50([one.seconds for one in sent])
    rates = f"{rows / seconds:,.0f} against {rows / p50(bare):,.0f} rows/s".replace(",", " ")
    yield Figure(
        f"{label}: CSV against csv.writer on the bare rows", p50(bare) / seconds, "×", LEAST_SPEED, True, rates
    )
    yield Figure(f"{label}: first byte", max(one.first_ms for one in sent), "ms", MOST_FIRST_MS, note="the slowest")
    yield Figure(f"{label}: memory more while sending", memory[1] - memory[0], "MB", MOST_MEGABYTES)


def _fill(store: Store, made: Made, rows: int) -> None:
    """So many numbers by posting, day, platform and metric, up to today."""
    last = day_number(made.today)
    days = rows // POSTINGS // 2 + 1
    with store.writing() as session:
        session.connection().execute(
            text(
                "INSERT INTO posting_analytics_aggregated (company_no, day, platform, metric, posting_no, currency, "
                f"value, provisional) WITH RECURSIVE d(n) AS (SELECT {last - days + 1} UNION ALL SELECT n + 1 FROM d "
                f"WHERE n < {last}) SELECT 1, d.n, 3, m.column1, p.number, '', (d.n * 31 + p.number * 7) % 900, 0 "
                "FROM d CROSS JOIN (VALUES (2), (3)) AS m CROSS JOIN job_postings p "
                f"ORDER BY 2 DESC, 3, 4, 5 LIMIT {rows}"
            )
        )


def _export(app: RunningApp, key: str, made: Made) -> Sent:
    """Reads the file as fast as it comes, counting its lines."""
    question = (
        f"/api/export?dataset=postings&from={made.today - timedelta(days=1_500)}&to={made.today + timedelta(days=1)}"
    )
    with closing(http.client.HTTPConnection(app.host, timeout=300)) as connection:
        started = time.perf_counter()
        connection.request("GET", question, headers={"Authorization": f"Bearer {key}"})
        answer = connection.getresponse()
        # The head line of the file is there before the first row is read: the first rows count.
        lines = answer.read(1_000).count(b"\n")
        first_ms = (time.perf_counter() - started) * 1000
        while part := answer.read(CHUNK):
            lines += part.count(b"\n")
        seconds = time.perf_counter() - started
    if answer.status != 200:
        raise RuntimeError(f"the export was refused: {answer.status}")
    return Sent(lines - 1, first_ms, seconds)


def _bare(store: Store, file: Path) -> float:
    """Seconds of the same rows from the same kind of cursor, numbers as they are, through csv.writer into a file."""
    started = time.perf_counter()
    with store.reading() as session, file.open("w", newline="") as out:
        connection = session.connection()
        raw = connection.connection
        with closing(raw.cursor() if is_sqlite(connection) else raw.cursor(name="bare")) as cursor:
            cursor.execute(f"SELECT {_COLUMNS} FROM posting_analytics_aggregated ORDER BY {_ORDER}")
            writer = csv.writer(out)
            while rows := cursor.fetchmany(CHUNK_ROWS):
                writer.writerows(rows)
    return time.perf_counter() - started


@contextmanager
def _watching(app: RunningApp) -> Iterator[list[float]]:
    """Megabytes of the serving process before, and at most, during the block."""
    process, over = psutil.Process(app.process.pid), threading.Event()
    seen = [process.memory_info().rss / MEGABYTE] * 2

    def watch() -> None:
        while not over.wait(SAMPLE_SECONDS):
            seen[1] = max(seen[1], process.memory_info().rss / MEGABYTE)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()
