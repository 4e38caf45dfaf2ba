"""The vocabulary of stored measurements: what a connector yields and the store keeps."""

from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import NamedTuple

WHOLE_DAY = -1
#: Largest value a fact may hold: what a BIGINT takes, with room to add ten thousand of them.
MAX_VALUE = 9 * 10**14
EPOCH = date(1970, 1, 1).toordinal()


class Scope(IntEnum):
    """What a fact is about. Only the scope a platform declares as counted enters totals."""

    TOTAL = 1
    POSTING = 2
    RESIDUAL = 3


class Origin(IntEnum):
    """Who told us: the platform's report, a file, or an event."""

    POLL = 1
    IMPORT = 2
    EVENT = 3


class Coverage(IntEnum):
    """What became of asking: missing is not zero."""

    READ = 1
    FAILED = 2
    NOT_OFFERED = 3


class Breakdown(NamedTuple):
    """A finer cut of a fact, explaining a total. `kind` is source, campaign or paid; the rest names it."""

    kind: str
    source: str = ""
    medium: str = ""
    campaign: str = ""


class Fact(NamedTuple):
    """One measurement as a connector yields it.

    `value` is a count, seconds or minor units of `currency`. `posting_ref` is the platform's own id of the
    posting, "" for none. A fact with the same key replaces the earlier one.
    """

    metric: str
    day: date
    value: int
    scope: Scope = Scope.TOTAL
    posting_ref: str = ""
    breakdown: Breakdown | None = None
    currency: str = ""
    hour: int = WHOLE_DAY


@dataclass(frozen=True, slots=True)
class Window:
    """The range one read asks a platform for: `start` ≤ day < `end`, days of the platform's reporting zone.

    Days from `final_before` on may still be restated by the platform: they are stored as provisional.
    """

    start: date
    end: date
    final_before: date

    def __post_init__(self) -> None:
        if self.end <= self.start:
            raise ValueError(f"a window ends after it starts: {self.start}..{self.end}")


def day_number(day: date) -> int:
    """Days since 1970-01-01, as stored.

    >>> day_number(date(1970, 1, 2))
    1
    """
    return day.toordinal() - EPOCH


def day_of(number: int) -> date:
    """The date of a stored day number.

    >>> day_of(day_number(date(2024, 2, 29)))
    datetime.date(2024, 2, 29)
    """
    return date.fromordinal(number + EPOCH)
