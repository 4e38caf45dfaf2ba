"""Aggregating: what a touched fact costs with a tenth of the history and with all of it, and a rebuild against one bare
GROUP BY that fills an equal table."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, event, text

from bench.company import CONNECTIONS, Made, analyze, make_company
from bench.databases import KINDS, LABELS, fresh_store
from bench.figures import Figure, Scale, p50, p99
from domain.facts import day_number
from domain.platforms import BY_KEY
from jobs.aggregate import aggregate_due, rebuild
from store.opening import Store

LOOKBACK = 7
DAYS = 800
MOST_GROWTH, MOST_REBUILD, MOST_HELD_MS = 1.3, 1.5, 50
#: The connectors that `make_company` names are nobody's: all count by their plain totals.
DECLARED: dict[str, Any] = {}


@dataclass(slots=True)
class Held:
    """How long each write transaction lasted, in milliseconds, from the lock to the end of the commit."""

    times: list[float] = field(default_factory=list)

    def watch(self, store: Store) -> None:
        """Take times from now on."""

        def begun(connection: Connection) -> None:
            connection.info["begun"] = time.perf_counter()

        def committing(connection: Connection) -> None:
            connection.info["writes"] = connection.get_execution_options().get("access") != "read"

        def given_back(_raw: Any, record: Any) -> None:
            started = record.info.pop("begun", None)
            if record.info.pop("writes", False) and started is not None:
                self.times.append((time.perf_counter() - started) * 1000)

        # There is no event after a commit but that the connection goes back to its pool.
        event.listen(store.engine, "begin", begun)
        event.listen(store.engine, "commit", committing)
        event.listen(store.engine, "checkin", given_back)


@dataclass(frozen=True, slots=True)
class Subject:
    """A company's store, and what was measured while it was aggregated for the first time, in seconds."""

    store: Store
    made: Made
    first: float
    bare: float
    held: Held


def run(scale: Scale) -> list[Figure]:
    """Both databases."""
    return [figure for kind in KINDS for figure in _measure(kind, scale)]


def _measure(kind: str, scale: Scale) -> Iterator[Figure]:
    label = LABELS[kind]
    with ExitStack() as stack:
        small = stack.enter_context(_subject(kind, scale.facts // 10, DAYS // 10))
        large = stack.enter_context(_subject(kind, scale.facts, DAYS))
        costs: dict[int, list[float]] = {small.made.facts: [], large.made.facts: []}
        for number in range(scale.runs(7, 2) + 1):
            for subject in (small, large):
                cost = _touch(subject)
                if number:
                    costs[subject.made.facts].append(cost)
        few, many = (p50(costs[subject.made.facts]) for subject in (small, large))
        sizes = f"{large.made.facts:,} against {small.made.facts:,} facts of the same density".replace(",", " ")
        yield Figure(f"{label}: {LOOKBACK} days again, per touched fact", many, "µs", note=f"{few:.2f} µs with a tenth")
        yield Figure(f"{label}: growth of that", many / few, "×", MOST_GROWTH, note=sizes)
        held = large.held.times
        longest = f"longest {max(held):.0f} ms of {len(held)}"
        # Nobody waits for one of PostgreSQL's writers but who aggregates the same company.
        limit = MOST_HELD_MS if kind == "sqlite" else None
        yield Figure(f"{label}: write transaction, p99", p99(held), "ms", limit, note=longest)
        bare = f"{large.first:.1f} s against {large.bare:.1f} s for INSERT … SELECT … GROUP BY into an equal table"
        yield Figure(
            f"{label}: rebuild of everything, from nothing", large.first / large.bare, "×", MOST_REBUILD, note=bare
        )
        checked = _timed(lambda: rebuild(large.store, None, large.made.now, DECLARED))
        note = f"{checked:.1f} s, nothing to write"
        yield Figure(f"{label}: rebuild where all is right", checked / large.bare, "×", MOST_REBUILD, note=note)


@contextmanager
def _subject(kind: str, facts: int, days: int) -> Iterator[Subject]:
    """A company with `facts` facts, aggregated."""
    with fresh_store(kind) as (store, _):
        made = make_company(store, facts, days=days)
        bare = _bare(store)
        held = Held()
        held.watch(store)
        first = _timed(lambda: rebuild(store, None, made.now, DECLARED))
        analyze(store)
        yield Subject(store, made, first, bare, held)


def _bare(store: Store) -> float:
    """Seconds for one GROUP BY of all facts by posting into a table with the same key and index."""
    platforms = ", ".join(f"({number}, {BY_KEY[key].number})" for number, key in enumerate(CONNECTIONS, 1))
    without_rowid = " WITHOUT ROWID" if store.engine.dialect.name == "sqlite" else ""
    with store.writing() as session:
        run = session.connection().exec_driver_sql
        run(
            "CREATE TABLE bare (company_no INTEGER NOT NULL, day INTEGER NOT NULL, platform SMALLINT NOT NULL, "
            "metric SMALLINT NOT NULL, posting_no INTEGER NOT NULL, currency VARCHAR(3) NOT NULL, "
            "value BIGINT NOT NULL, provisional SMALLINT NOT NULL, "
            "PRIMARY KEY (company_no, day, platform, metric, posting_no, currency))"
            f"{without_rowid}"
        )
        run("CREATE INDEX ix_bare ON bare (company_no, posting_no, day)")
        run("CREATE TABLE bare_platforms (config_no INTEGER PRIMARY KEY, platform INTEGER NOT NULL)")
        run(f"INSERT INTO bare_platforms VALUES {platforms}")
    analyze(store)

    def group() -> None:
        with store.writing() as session:
            if not without_rowid:
                session.connection().exec_driver_sql("SET LOCAL statement_timeout = 0")
            session.connection().exec_driver_sql(
                "INSERT INTO bare SELECT f.company_no, f.day, k.platform, f.metric, COALESCE(p.number, 0), f.currency, "
                "CAST(SUM(f.value) AS BIGINT), MAX(f.provisional) FROM platform_analytics_raw f "
                "JOIN bare_platforms k ON k.config_no = f.config_no "
                "LEFT JOIN external_postings e ON e.number = f.external_posting "
                "LEFT JOIN job_postings p ON p.id = e.posting_id WHERE f.scope = 2 AND f.breakdown = 0 "
                "GROUP BY f.company_no, f.day, k.platform, f.metric, COALESCE(p.number, 0), f.currency"
            )

    seconds = _timed(group)
    with store.writing() as session:
        session.connection().exec_driver_sql("DROP TABLE bare")
        session.connection().exec_driver_sql("DROP TABLE bare_platforms")
    return seconds


def _touch(subject: Subject) -> float:
    """Restate the last days of every connection as a sync does; microseconds of aggregation for each fact touched."""
    first = day_number(subject.made.today) - LOOKBACK + 1
    with subject.store.writing() as session:
        touched = (
            session.connection()
            .execute(
                text(
                    "UPDATE platform_analytics_raw SET value = value + 1 WHERE company_no = 1 "
                    "AND config_no BETWEEN 1 AND :last AND day >= :first AND day <= :until"
                ),
                {"first": first, "last": len(CONNECTIONS), "until": first + LOOKBACK},
            )
            .rowcount
        )
        session.connection().execute(
            text("INSERT INTO dirty_days (company_no, config_no, day, made_at) VALUES (1, :config, :day, :now)"),
            [
                {"config": config, "day": first + day, "now": datetime.now(UTC).isoformat()}
                for config in range(1, len(CONNECTIONS) + 1)
                for day in range(LOOKBACK)
            ],
        )
    seconds = _timed(lambda: aggregate_due(subject.store, subject.made.now, DECLARED, seconds=600))
    return seconds / touched * 1e6


def _timed(work: Any) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
