"""How LinkedIn wants to be asked: Rest.li 2.0 in the query, versions by month, twelve months back."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from urllib.parse import quote

from domain.facts import Window

#: Longer lists would make the address longer than the four kilobytes that LinkedIn takes.
LIST_LENGTH = 50
_NEWER = "urn:li:ugcPost:"


def encoded(urn: str) -> str:
    """A URN as content of a query: its own colons are encoded, those of Rest.li's structure are not.

    >>> encoded("urn:li:share:70")
    'urn%3Ali%3Ashare%3A70'
    """
    return quote(urn, safe="")


def intervals(first: date, end: date) -> str:
    """The days asked for: epoch milliseconds in UTC, the end is exclusive.

    >>> intervals(date(2026, 9, 29), date(2026, 10, 1))
    'timeIntervals=(timeRange:(start:1790640000000,end:1790812800000),timeGranularityType:DAY)'
    """
    start, stop = (int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000 for day in (first, end))
    return f"timeIntervals=(timeRange:(start:{start},end:{stop}),timeGranularityType:DAY)"


def next_list(left: Sequence[str]) -> tuple[str, list[str]]:
    """The parameter for the next posts, and as many of that kind as one call takes: LinkedIn keeps two kinds apart.

    >>> next_list(["urn:li:share:1", "urn:li:ugcPost:2", "urn:li:share:3"])
    ('shares', ['urn:li:share:1', 'urn:li:share:3'])
    """
    is_newer = left[0].startswith(_NEWER)
    same = [urn for urn in left if urn.startswith(_NEWER) == is_newer]
    return "ugcPosts" if is_newer else "shares", same[:LIST_LENGTH]


def listed(name: str, urns: Sequence[str]) -> str:
    """A parameter that is a list.

    >>> listed("shares", ["urn:li:share:1", "urn:li:share:2"])
    'shares=List(urn%3Ali%3Ashare%3A1,urn%3Ali%3Ashare%3A2)'
    """
    return f"{name}=List({','.join(map(encoded, urns))})"


def told_of(window: Window, today: date) -> tuple[date, date]:
    """The days that LinkedIn tells of, of those asked for: it reaches back twelve months. Empty where none are left.

    >>> told_of(Window(date(2024, 1, 1), date(2026, 3, 2), date(2026, 3, 1)), date(2026, 3, 1))
    (datetime.date(2025, 3, 1), datetime.date(2026, 3, 2))
    """
    try:
        oldest = today.replace(year=today.year - 1)
    except ValueError:
        oldest = today.replace(year=today.year - 1, day=28)
    return max(window.start, oldest), window.end


def version_end(version: str) -> date:
    """The day on which a version is no longer served: the fifteenth of its month, a year later.

    >>> version_end("202510")
    datetime.date(2026, 10, 15)
    """
    return date(int(version[:4]) + 1, int(version[4:]), 15)
