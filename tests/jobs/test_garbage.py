"""Garbage in a worker process: the facts of a page do not set off the collector."""

import gc
from collections.abc import Iterator
from datetime import date

import pytest

from domain.facts import Fact
from jobs.garbage import collect_seldom

DAY = date(2026, 3, 2)


@pytest.fixture(autouse=True)
def collector() -> Iterator[None]:
    """This process's own collector, as it was before."""
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)
    gc.unfreeze()


def collections() -> list[int]:
    return [generation["collections"] for generation in gc.get_stats()]


def page() -> list[Fact]:
    return [Fact("clicks", DAY, value) for value in range(10_000)]


def test_a_page_sets_off_no_collection() -> None:
    before = collections()
    page()
    assert collections() != before, "Python's own threshold lets a page pass: there is nothing to change"
    collect_seldom()
    before = collections()
    page()
    assert collections() == before


def test_rings_are_still_collected_after_many_of_them() -> None:
    collect_seldom()
    before = collections()
    for _ in range(200_000):
        ring: list[object] = []
        ring.append(ring)
    assert collections() != before
