"""Running totals into daily values: what a counter grew by, and on which day, by difference of snapshots.

1. A snapshot is the counter's last reading of a day. The growth of a day is its snapshot less that of the last day
   before it that has one. Reading more often changes the last reading only. What is read once a day, at night, is a
   reading of the day that has just ended: `jobs/windows.py` says which day a reading speaks for.
2. A counter may fall: platforms take back what they find to be spam. A fall is a growth of 0, and the lower value is
   what later growth is measured from. Deducting it from later days would hide views that did happen, and a negative
   day is nothing that anybody saw.
3. The first snapshot is undated: nobody knows when it was counted. But what began while we were looking began at 0.
4. After days without a reading the growth lands on the day it was read, marked as a gap; the days between stay
   uncovered. Spreading it evenly would invent numbers that nobody told.
5. A value that is only a bound ("over 200") gives no growth.
"""

from typing import NamedTuple


class Snapshot(NamedTuple):
    """A counter as last read on a day (a day number). `is_exact` is False for a bound."""

    day: int
    value: int
    is_exact: bool = True


class Growth(NamedTuple):
    """What a counter grew by. `gap_days` is how many days before `day` it may have grown on too, unread."""

    day: int
    value: int
    gap_days: int = 0


def growth(before: Snapshot | None, now: Snapshot) -> Growth | None:
    """What a counter grew by since the snapshot before; None where that cannot be dated or is not known.

    >>> growth(Snapshot(10, 100), Snapshot(11, 130))
    Growth(day=11, value=30, gap_days=0)
    >>> growth(Snapshot(10, 100), Snapshot(11, 90))
    Growth(day=11, value=0, gap_days=0)
    >>> growth(Snapshot(10, 100), Snapshot(14, 130))
    Growth(day=14, value=30, gap_days=3)
    >>> growth(None, Snapshot(11, 130)) is None
    True
    >>> growth(Snapshot(10, 100, is_exact=False), Snapshot(11, 130)) is None
    True
    """
    if before is None or not (before.is_exact and now.is_exact):
        return None
    if before.day >= now.day:
        raise ValueError(f"a snapshot of day {before.day} is not before one of day {now.day}")
    return Growth(now.day, max(now.value - before.value, 0), now.day - before.day - 1)


def beginning(began: int | None, last_look: int | None) -> Snapshot | None:
    """The snapshot that stands before the first one: 0, where the counter began while we were looking.

    `began` is the day it began, None where nobody knows; `last_look` the last day before today on which the
    connection's counters were read, None where they never were. Of a post that was written on the day of the last
    look or later, everything was counted since then.

    >>> beginning(12, last_look=11)
    Snapshot(day=11, value=0, is_exact=True)
    >>> beginning(3, last_look=11) is None
    True
    >>> beginning(12, last_look=None) is None
    True
    """
    if began is None or last_look is None or began < last_look:
        return None
    return Snapshot(last_look, 0)
