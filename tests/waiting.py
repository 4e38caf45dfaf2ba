"""Waiting for what other threads, processes and browsers bring about: by looking, with patience for a busy machine."""

import time
from collections.abc import Callable
from typing import Any

PATIENCE = 90.0


def until(holds: Callable[[], Any], what: str = "", seconds: float = PATIENCE) -> None:
    """Returns once it holds; AssertionError with `what` when that takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"it never happened: {what}"
        time.sleep(0.02)
