"""Waiting for what other threads, processes and browsers bring about: by looking, with patience for a busy machine."""

import queue
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

PATIENCE = 90.0


def until(holds: Callable[[], Any], what: str = "", seconds: float = PATIENCE) -> None:
    """Returns once it holds; AssertionError with `what` when that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it never happened: {what}"
        time.sleep(0.02)


def answers_of(report: Any, processes: Sequence[Any], number: int) -> list[Any]:
    """So many answers from the queue that processes report to, in the order they came.

    AssertionError at once when one of them dies: its own words are in what the test captured of standard error.
    """
    found: list[Any] = []
    deadline = time.monotonic() + 2 * PATIENCE
    while len(found) < number:
        fallen = [process.exitcode for process in processes if process.exitcode not in (None, 0)]
        with suppress(queue.Empty):
            # Once more after a death: what was reported before it may be on its way.
            found.append(report.get(timeout=0.5))
            deadline = time.monotonic() + 2 * PATIENCE
            continue
        assert not fallen, f"a process died with exit code {fallen[0]}, after {len(found)} of {number} answers"
        assert time.monotonic() < deadline, f"only {len(found)} of {number} answers came"
    return found
