"""Group commit: nobody is told before the commit, one bad item fails alone, and a full queue says so."""

import asyncio
import threading

import pytest
from sqlmodel import select

from actions.gathering import ENOUGH, Gathering, NotStored
from actions.running import StoreUnavailable
from store.tables import AppMeta
from tests.loops import run


def write_notes(session, items):
    """Keys of AppMeta; a key called "bad" cannot be stored."""
    if "bad" in items:
        raise ValueError("bad")
    session.add_all(AppMeta(key=f"note:{item}", value="1") for item in items)
    session.flush()
    return [len(items)] * len(items)


def stored(store):
    with store.reading() as session:
        return set(session.exec(select(AppMeta.key).where(AppMeta.key.like("note:%"))))


async def _all(gathering, items, write=write_notes):
    return await asyncio.gather(*(gathering.put(write, item) for item in items), return_exceptions=True)


def test_many_are_stored_in_few_transactions(store):
    results = run(_all(Gathering(lambda: store), range(100)))
    # So many of them were in one transaction of that size: each counts as its share of one.
    assert round(sum(1 / size for size in results)) <= 1 + 100 // ENOUGH
    assert len(stored(store)) == 100


def test_one_bad_item_fails_alone(store):
    results = run(_all(Gathering(lambda: store), [1, "bad", 2]))
    assert isinstance(results[1], ValueError)
    assert stored(store) == {"note:1", "note:2"}


def test_what_is_stored_twice_fails_alone(store):
    results = run(_all(Gathering(lambda: store), [1, 1, 2]))
    assert [isinstance(result, Exception) for result in results] == [False, True, False]
    assert stored(store) == {"note:1", "note:2"}


def test_nobody_is_told_before_the_commit(sqlite_store):
    seen = []

    async def watch():
        gathering = Gathering(lambda: sqlite_store)
        for number in range(20):
            await gathering.put(write_notes, number)
            seen.append(f"note:{number}" in stored(sqlite_store))

    run(watch())
    assert all(seen)


def test_a_full_queue_says_so_and_keeps_what_it_took(sqlite_store):
    held = threading.Event()

    def slowly(session, items):
        held.wait(60)
        return write_notes(session, items)

    async def crowd():
        gathering = Gathering(lambda: sqlite_store, most_waiting=3)
        asked = [asyncio.create_task(gathering.put(slowly, number)) for number in range(5)]
        done, _ = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED, timeout=60)
        assert {type(one.exception()) for one in done} == {NotStored}
        held.set()
        return await asyncio.gather(*asked, return_exceptions=True)

    results = run(crowd())
    assert [isinstance(result, NotStored) for result in results] == [False, False, False, True, True]
    assert len(stored(sqlite_store)) == 3


def test_a_database_that_is_away_is_not_stored():
    def nowhere():
        raise StoreUnavailable("away")

    assert isinstance(run(_all(Gathering(nowhere), [1]))[0], NotStored)


def test_the_next_transaction_gathers_while_one_is_written(sqlite_store):
    begun, held = threading.Event(), threading.Event()

    def slowly(session, items):
        begun.set()
        held.wait(60)
        return write_notes(session, items)

    async def arrive():
        gathering = Gathering(lambda: sqlite_store)
        first = asyncio.create_task(gathering.put(slowly, 0))
        await asyncio.to_thread(begun.wait, 60)
        more = [asyncio.create_task(gathering.put(slowly, number)) for number in range(1, 2 * ENOUGH)]
        await asyncio.sleep(0)
        held.set()
        return await first, await asyncio.gather(*more)

    alone, together = run(arrive())
    assert (alone, set(together)) == (1, {2 * ENOUGH - 1})


def test_who_comes_while_a_batch_waits_for_its_turn_joins_it(sqlite_store):
    async def arrive():
        gathering = Gathering(lambda: sqlite_store)
        with sqlite_store.writing():
            asked = [asyncio.create_task(gathering.put(write_notes, number)) for number in range(ENOUGH)]
            await asyncio.sleep(0)
            asked += [asyncio.create_task(gathering.put(write_notes, number)) for number in range(ENOUGH, ENOUGH + 9)]
            await asyncio.sleep(0)
        return await asyncio.gather(*asked)

    assert set(run(arrive())) == {ENOUGH + 9}


def test_who_goes_away_leaves_what_was_to_be_stored(sqlite_store):
    async def leave():
        gathering = Gathering(lambda: sqlite_store)
        gone = asyncio.create_task(gathering.put(write_notes, "gone"))
        await asyncio.sleep(0)
        gone.cancel()
        return await gathering.put(write_notes, "stayed")

    assert run(leave()) == 2
    assert stored(sqlite_store) == {"note:gone", "note:stayed"}


@pytest.mark.parametrize("count", [1, 401, 1000])
def test_any_number_is_stored_once(sqlite_store, count):
    run(_all(Gathering(lambda: sqlite_store), range(count)))
    assert len(stored(sqlite_store)) == count
