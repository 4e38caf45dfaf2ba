"""How much one write transaction takes on: learnt from how long the last one took."""

from dataclasses import dataclass

from store.engine import is_sqlite
from store.opening import Store

#: What a write transaction aims at: SQLite has one writer, who must not keep the others waiting.
_SQLITE_SECONDS = 0.025
_POSTGRESQL_SECONDS = 0.25
_MOST_DAYS = 93
_MOST_PIECES = 14


@dataclass(slots=True)
class Pace:
    """How many days one transaction takes, or into how many pieces a large day is cut."""

    aim: float
    days: int = 1
    pieces: int = 1

    def learn(self, seconds: float) -> None:
        """Halve after a slow transaction, double after a quick one.

        >>> pace = Pace(aim=0.02, days=4)
        >>> pace.learn(0.001); pace.days
        8
        >>> pace.learn(0.5); pace.learn(0.5); pace.learn(0.5); pace.learn(0.5); (pace.days, pace.pieces)
        (1, 2)
        """
        if seconds > self.aim * 1.5 and self.days > 1:
            self.days //= 2
        elif seconds > self.aim * 1.5:
            self.pieces = min(self.pieces * 2, _MOST_PIECES)
        elif seconds < self.aim * 0.4 and self.pieces > 1:
            self.pieces //= 2
        elif seconds < self.aim * 0.4:
            self.days = min(self.days * 2, _MOST_DAYS)


def pace_for(store: Store) -> Pace:
    """A fresh pace for this kind of database."""
    return Pace(_SQLITE_SECONDS if is_sqlite(store.engine) else _POSTGRESQL_SECONDS)
