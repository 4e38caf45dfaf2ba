"""Whole pages that fill stretches of the key, against a dict: values, stamps, counts and days, on both databases."""

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from sqlmodel import Session

from domain.facts import Origin
from store.engine import is_sqlite, run_writing
from store.opening import Store
from store.writes.merge import Key, Merged, Page, Row, Shared, Stamp, merge_page

TOTALS: Shared = (1, -1, "")
POSTINGS: Shared = (2, -1, "")
#: By (company, connection, origin), what facts share, and key: value, provisional, seen.
Model = dict[tuple[tuple[int, int, int], Shared, Key], tuple[int, int, int]]


def rows_of(days: range, postings: range, *, value: int = 5, provisional: int = 0) -> dict[Key, Row]:
    keys = [(day, metric, posting, 0) for day in days for metric in (2, 3) for posting in postings]
    return {key: (*key, value, provisional) for key in keys}


def merge(store: Store, stamp: Stamp, page: Page) -> Merged:
    with store.writing() as session:
        return merge_page(session.connection(), stamp, page)


def expect(model: Model, stamp: Stamp, page: Page) -> Merged:
    """What a dict makes of the page."""
    merged = Merged()
    for shared, rows in page.items():
        for key, (*_, value, provisional) in rows.items():
            whole = ((stamp.company_no, stamp.config_no, stamp.origin), shared, key)
            before = model.get(whole)
            merged.inserted += before is None
            merged.updated += before is not None and before[0] != value
            merged.unchanged += before is not None and before[0] == value
            if before is None or before[:2] != (value, provisional):
                merged.days.add(key[0])
            model[whole] = (value, provisional, stamp.seen)
    return merged


def stored(store: Store) -> Model:
    columns = "company_no, config_no, origin, scope, hour, currency, day, metric, external_posting, breakdown"
    with store.reading() as session:
        rows = session.execute(text(f"SELECT {columns}, value, provisional, seen FROM platform_analytics_raw"))
        return {((*row[:3],), (*row[3:6],), (*row[6:10],)): (*row[10:],) for row in rows}


def check(store: Store, model: Model, stamp: Stamp, page: Page) -> Merged:
    wanted = expect(model, stamp, page)
    assert merge(store, stamp, page) == wanted
    assert stored(store) == model
    return wanted


@pytest.mark.parametrize("changing", [0, 1, 90])
def test_a_full_page_told_again_is_compared_and_stamped(store: Store, changing: int) -> None:
    model: Model = {}
    rows = rows_of(range(100, 102), range(1, 26))
    assert check(store, model, Stamp(1, 1, 1, 7), {POSTINGS: rows}).inserted == 100
    again = rows | {key: (*key, 6, 0) for key in list(rows)[:changing]}
    assert check(store, model, Stamp(1, 1, 1, 8), {POSTINGS: again}).updated == changing


def test_a_fact_that_was_not_told_keeps_its_stamp_in_the_middle_of_a_page(store: Store) -> None:
    model: Model = {}
    check(store, model, Stamp(1, 1, 1, 7), {POSTINGS: rows_of(range(100, 101), range(1, 26))})
    told = rows_of(range(100, 101), range(1, 26))
    del told[100, 2, 13, 0]
    check(store, model, Stamp(1, 1, 1, 8), {POSTINGS: told})
    assert [seen for *_, seen in model.values()].count(7) == 1


def test_neighbours_of_a_page_are_left_alone(store: Store) -> None:
    """Another company's, connection's, origin's and scope's facts of the same days, postings and metrics."""
    model: Model = {}
    rows = rows_of(range(100, 101), range(1, 26))
    for whose in ((2, 1, 1), (1, 2, 1), (1, 1, 2)):
        check(store, model, Stamp(*whose, 3), {POSTINGS: rows})
    check(store, model, Stamp(1, 1, 1, 7), {POSTINGS: rows, (3, -1, ""): rows, (2, 4, ""): rows, (2, -1, "EUR"): rows})
    assert check(store, model, Stamp(1, 1, 1, 8), {POSTINGS: rows}).unchanged == len(rows)


def test_a_fact_that_becomes_final_marks_its_day_in_a_full_page(store: Store) -> None:
    model: Model = {}
    late = rows_of(range(101, 102), range(1, 26), provisional=1)
    page = {POSTINGS: rows_of(range(100, 101), range(1, 26)) | late}
    check(store, model, Stamp(1, 1, 1, 7), page)
    final = {POSTINGS: rows_of(range(100, 102), range(1, 26))}
    assert check(store, model, Stamp(1, 1, 1, 8), final) == Merged(unchanged=100, days={101})


def test_random_pages_leave_what_a_dict_would_hold(store: Store) -> None:
    model: Model = {}
    chance = random.Random(7)
    for seen in range(1, 25):
        days, most = range(100, 100 + chance.randint(1, 4)), chance.choice([3, 30, 60])
        page: Page = {}
        for shared in chance.sample([TOTALS, POSTINGS], chance.randint(1, 2)):
            keys = [(day, metric, n, cut) for day in days for metric in (2, 3) for n in range(most) for cut in (0, 1)]
            told = chance.sample(keys, max(1, int(len(keys) * chance.choice([0.05, 0.5, 0.97, 1]))))
            limit = chance.choice([1, 3])
            page[shared] = {key: (*key, chance.randrange(limit), chance.randrange(limit) // 2) for key in told}
        check(store, model, Stamp(1, chance.randint(1, 2), 1, seen), page)


def test_two_that_write_one_page_at_once_make_it_once(store: Store) -> None:
    page: Page = {POSTINGS: rows_of(range(100, 102), range(1, 26))}
    together, came = threading.Barrier(2, timeout=60), set()

    def write(session: Session) -> Merged:
        # SQLite lets one in at a time; and who tries again finds nobody waiting any more.
        if not is_sqlite(session) and threading.get_ident() not in came:
            came.add(threading.get_ident())
            together.wait()
        return merge_page(session.connection(), Stamp(1, 1, Origin.IMPORT, 7), page)

    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(run_writing, store.engine, write) for _ in range(2)]
        counts = sorted((merged.inserted, merged.unchanged) for merged in (each.result(60) for each in done))
    assert counts == [(0, 100), (100, 0)]


@pytest.mark.parametrize("database_kind", ["postgresql"])
def test_facts_that_another_deletes_meanwhile_are_written_again(store: Store) -> None:
    """SQLite has one writer: there is no meanwhile."""
    stamp, page = Stamp(1, 1, 1, 8), {POSTINGS: rows_of(range(100, 102), range(1, 26))}
    merge(store, Stamp(1, 1, 1, 7), page)
    with ThreadPoolExecutor(1) as pool:
        with store.writing() as session:
            session.execute(text("DELETE FROM platform_analytics_raw WHERE external_posting = 13"))
            writer = pool.submit(merge, store, stamp, page)
            wait_for(lambda: is_anybody_blocked(store))
        assert writer.result(60).days == {100, 101}, "whoever deleted them may have counted these days without them"
    assert [told[2] for told in stored(store).values()] == [8] * 100


def is_anybody_blocked(store: Store) -> bool:
    with store.reading() as session:
        return bool(session.execute(text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar_one())


def wait_for(has_come: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not has_come():
        assert time.monotonic() < deadline
        time.sleep(0.01)
