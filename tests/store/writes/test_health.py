"""How platforms answered: added up by the hour, whoever adds."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from sqlmodel import Session, select

from store.engine import run_writing
from store.opening import Store
from store.tables import PlatformHealth
from store.writes.health import Answers, add_answers

NOON = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)


def rows(store: Store) -> list[PlatformHealth]:
    with store.reading() as session:
        return list(session.exec(select(PlatformHealth).order_by(PlatformHealth.hour)))


def test_answers_of_one_hour_add_up_and_the_last_quota_stands(store: Store) -> None:
    first = Answers(3, 1, 2, 1500, 900, 700, {"100": 2, "1000": 1}, 90, 100, NOON)
    second = Answers(2, 0, 0, 0, 100, 60, {"100": 2})
    for told in (first, second):
        with store.writing() as session:
            add_answers(session, 7, told, now=NOON)
    (row,) = rows(store)
    assert (row.requests, row.failures, row.waits, row.waited_ms, row.total_ms, row.slowest_ms) == (
        5,
        1,
        2,
        1500,
        1000,
        700,
    )
    assert row.timings == {"100": 4, "1000": 1}
    assert (row.quota_left, row.quota_total, row.quota_resets_at) == (90, 100, NOON)


def test_a_sync_and_the_outbox_may_add_at_once(store: Store) -> None:
    def work(session: Session) -> None:
        add_answers(session, 7, Answers(1, 0, 0, 0, 10, 10, {"50": 1}), now=NOON)

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(run_writing, store.engine, work) for _ in range(12)]:
            done.result(timeout=60)
    (row,) = rows(store)
    assert (row.requests, row.timings) == (12, {"50": 12})
