"""How much one write transaction takes on: learnt from how long the last one took."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from store.engine import is_sqlite
from store.opening import Store

#: What a write transaction aims at. SQLite has one writer, who must not keep the others waiting; its work is done in
#: this thread, whose own time tells more than a clock on a busy machine. PostgreSQL's writers do not wait for us.
_SQLITE_SECONDS = 0.03
_POSTGRESQL_SECONDS = 0.1
_MOST_DAYS = 93
_MOST_PIECES = 14


@dataclass(slots=True)
class Pace:
    """How many days one transaction takes, or into how many pieces a large day is cut."""

    aim: float
    most_pieces: int = _MOST_PIECES
    clock: Callable[[], float] = field(default=time.thread_time)
    days: int = 1
    pieces: int = 1

    def learn(self, seconds: float) -> None:
        """Take as many days as the aim allows, at most twice as many as before; cut a single day that is too large.

        >>> pace = Pace(aim=0.02, days=4)
        >>> pace.learn(0.01); pace.days
        8
        >>> pace.learn(0.04); pace.days
        4
        >>> pace.learn(0.5); pace.learn(0.5); (pace.days, pace.pieces)
        (1, 2)
        """
        if seconds > self.aim * 1.5 and self.days == 1:
            self.pieces = min(self.pieces * 2, self.most_pieces)
        elif self.pieces > 1:
            self.pieces //= 2 if seconds < self.aim * 0.4 else 1
        else:
            grown = int(self.days * min(2.0, self.aim / max(seconds, 1e-6)))
            self.days = min(max(1, grown), _MOST_DAYS)


def pace_for(store: Store) -> Pace:
    """A fresh pace for this kind of database."""
    if is_sqlite(store.engine):
        return Pace(_SQLITE_SECONDS)
    return Pace(_POSTGRESQL_SECONDS, most_pieces=1, clock=time.perf_counter)
