"""Reading ahead in a thread: order, errors, and an end that leaves nothing running."""

import gc
import threading
from contextlib import closing

import pytest

from actions.import_ahead import ahead
from actions.import_garbage import collecting_seldom


def threads():
    return [thread for thread in threading.enumerate() if thread.name.startswith("import")]


def test_all_items_come_in_their_order_from_one_thread():
    makers = set()

    def items():
        for number in range(50):
            makers.add(threading.current_thread().name)
            yield number

    with closing(ahead(items())) as coming:
        assert list(coming) == list(range(50))
    assert len(makers) == 1
    assert threading.current_thread().name not in makers
    assert threads() == []


def test_what_making_them_raises_comes_after_the_items_before_it():
    def items():
        yield 1
        yield 2
        raise LookupError("the file breaks here")

    with closing(ahead(items())) as coming:
        assert [next(coming), next(coming)] == [1, 2]
        with pytest.raises(LookupError, match="breaks here"):
            next(coming)
    assert threads() == []


def test_who_stops_early_leaves_no_thread_and_the_items_are_closed_by_their_maker():
    closed, made = [], []

    def items():
        try:
            for number in range(1000):
                made.append(number)
                yield number
        finally:
            closed.append(threading.current_thread().name)

    with closing(ahead(items(), most=3)) as coming:
        assert [next(coming) for _ in range(6)] == list(range(6))
    assert len(closed) == 1
    assert closed[0].startswith("import")
    assert len(made) <= 10
    assert threads() == []


def test_garbage_is_collected_as_before_once_the_last_reader_is_done():
    before = gc.get_threshold()
    with collecting_seldom():
        with collecting_seldom():
            assert gc.get_threshold()[0] == 5_000
        assert gc.get_threshold()[0] == 5_000
    assert gc.get_threshold() == before
    with pytest.raises(ValueError, match="stop"), collecting_seldom():
        raise ValueError("stop")
    assert gc.get_threshold() == before
