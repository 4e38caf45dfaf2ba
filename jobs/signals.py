"""What may interrupt a run between two pages: the process is asked to stop, or the lease is lost."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from jobs.lease import LostLease


class Draining(Exception):
    """This process is asked to stop: give the job back at the page boundary."""


@dataclass(slots=True)
class Signals:
    """`is_stopping` tells that this process drains; `lost` is set by the heartbeat."""

    is_stopping: Callable[[], bool] = lambda: False
    lost: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raises LostLease or Draining when it is time to leave."""
        if self.lost.is_set():
            raise LostLease("the heartbeat found the job in other hands")
        if self.is_stopping():
            raise Draining

    def pause(self, seconds: float) -> None:
        """Wait `seconds`, leaving within a quarter of one when interrupted. Raises LostLease or Draining."""
        deadline = time.monotonic() + seconds
        self.check()
        while (left := deadline - time.monotonic()) > 0:
            self.lost.wait(min(left, 0.25))
            self.check()
