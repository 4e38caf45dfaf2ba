"""Reading ahead in a thread: order, errors, and an end that leaves nothing running."""

import gc
import sys
import threading
from contextlib import closing

import pytest

from actions.import_ahead import ahead
from actions.import_garbage import collecting_seldom


class Maker:
    """Makes numbers, breaks off after some of them where it is told to, and knows who asked it."""

    def __init__(self, count, *, breaks=False):
        self.count, self.breaks = count, breaks
        self.made, self.threads, self.closed_by = [], set(), None

    def items(self):
        try:
            for number in range(self.count):
                self.threads.add(threading.current_thread())
                self.made.append(number)
                yield number
            if self.breaks:
                raise LookupError("the file breaks here")
        finally:
            self.closed_by = threading.current_thread()


def test_all_items_come_in_their_order_from_one_thread_that_ends():
    maker = Maker(50)
    with closing(ahead(maker.items())) as coming:
        assert list(coming) == list(range(50))
    (thread,) = maker.threads
    assert thread is not threading.current_thread()
    assert not thread.is_alive()


def test_what_making_them_raises_comes_after_the_items_before_it():
    maker = Maker(2, breaks=True)
    with closing(ahead(maker.items())) as coming:
        assert [next(coming), next(coming)] == [0, 1]
        with pytest.raises(LookupError, match="breaks here"):
            next(coming)
    assert not any(thread.is_alive() for thread in maker.threads)


def test_who_stops_early_leaves_no_thread_and_the_items_are_closed_by_their_maker():
    maker = Maker(1000)
    with closing(ahead(maker.items(), most=3)) as coming:
        assert [next(coming) for _ in range(6)] == list(range(6))
    assert {maker.closed_by} == maker.threads
    assert not maker.closed_by.is_alive()
    # Six were taken, and no more than three are made before they are asked for.
    assert len(maker.made) <= 6 + 3


def test_threads_give_way_sooner_until_the_last_reader_is_done():
    before = sys.getswitchinterval()
    with closing(ahead(Maker(9).items())) as one, closing(ahead(Maker(9).items())) as other:
        next(one)
        next(other)
        assert sys.getswitchinterval() == pytest.approx(0.0005)
        one.close()
        assert sys.getswitchinterval() == pytest.approx(0.0005)
    assert sys.getswitchinterval() == pytest.approx(before)
    with closing(ahead(Maker(1, breaks=True).items())) as coming, pytest.raises(LookupError):
        list(coming)
    assert sys.getswitchinterval() == pytest.approx(before)


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
