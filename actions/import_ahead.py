"""Reading ahead: a thread reads and seals the next rows of a file while the database takes the last ones."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def ahead(items: Generator[Item, None, None], most: int = 2) -> Generator[Item, None, None]:
    """The same items, made by one thread, at most `most` of them before they are asked for; none may be None.

    What making them raises is raised here. Close it: the thread ends with it, and `items` is closed by the thread.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="import") as pool:
        coming = deque(pool.submit(next, items, None) for _ in range(most))
        try:
            while (item := coming.popleft().result()) is not None:
                coming.append(pool.submit(next, items, None))
                yield item
        finally:
            pool.submit(items.close)
