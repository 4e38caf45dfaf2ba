"""Rows for SQLite in one statement: its driver gives the interpreter away, and waits for it again, at every row."""

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import TypeVar

#: Rows to a statement: for every number up to it the driver keeps the prepared statement.
MOST_ROWS = 50
Item = TypeVar("Item")


@lru_cache(maxsize=1_000)
def values_for(head: str, row: str, rows: int) -> str:
    """`head` with so many rows of marks.

    >>> values_for("INSERT INTO t (a, b)", "(?, 0)", 2)
    'INSERT INTO t (a, b) VALUES (?, 0), (?, 0)'
    """
    return f"{head} VALUES {', '.join([row] * rows)}"


def batched(items: Iterable[Item], most: int) -> Iterator[list[Item]]:
    """Lists of at most so many items.

    >>> list(batched("abcde", 2))
    [['a', 'b'], ['c', 'd'], ['e']]
    """
    left = iter(items)
    while part := list(islice(left, most)):
        yield part
