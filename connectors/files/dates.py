"""Days and instants as people's programs write them. Whether the day or the month comes first is asked of a column."""

import re
from datetime import UTC, date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Literal

from connectors.files.errors import Cell, CellRejected, NotRecognised, Unusable
from connectors.files.numbers import BLANKS

#: Which comes first in 7/8/2025: the day, the month; "" where it is not known yet.
Order = Literal["", "dmy", "mdy"]
Moment = date | datetime
FIRST_YEAR, LAST_YEAR = 1990, 2100
#: Day 0 of Excel's serial dates, in its 1900 system (with the leap day it invents) and its 1904 system.
EPOCH_1900, EPOCH_1904 = date(1899, 12, 30), date(1904, 1, 1)
_SERIALS = range(32_874, 73_051)  # 1990..2099 in the 1900 system

_MONTHS = (
    "jan january januar janvier enero ene",
    "feb february februar février fev févr febrero",
    "mar march märz mär mrz mars marzo",
    "apr april avril avr abril abr",
    "may mai mayo",
    "jun june juni juin junio",
    "jul july juli juillet juil julio",
    "aug august août aout agosto ago",
    "sep sept september septembre septiembre",
    "oct october oktober okt octobre octubre",
    "nov november novembre noviembre",
    "dec december dezember dez décembre déc diciembre dic",
)
_MONTH_NUMBER = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_WEEKDAY = re.compile(
    r"(?:mon|tue|wed|thu|fri|sat|sun|montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonntag|mo|di|mi|do|fr|sa|so)"
    r"(?:day|sday|nesday|rsday|urday|s|rs)?\.?,?\s+",
    re.IGNORECASE,
)
_TIME = re.compile(
    r"(?P<day>.*?)(?:[T,]?\s*(?:at|um)?\s*)(?<=[T,\s\d])(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<part>\d{1,9}))?)?"
    r"\s*(?P<half>[AaPp]\.?[Mm]\.?)?\s*(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})?(?P<rest>\s*[A-Za-z].*)?",
)
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_NUMERIC = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})\.?")
_DAY_NAME = re.compile(r"(\d{1,2})(?:st|nd|rd|th|\.)?[\s-]+(?:de\s+)?([^\W\d_]+)\.?,?[\s-]+(?:de\s+)?(\d{4}|\d{2})")
_NAME_DAY = re.compile(r"([^\W\d_]+)\.?[\s-]+(\d{1,2})(?:st|nd|rd|th)?,?[\s-]+(\d{4})")
_MONTH_ONLY = re.compile(r"\d{4}-\d{2}|\d{4}-?W\d{1,2}|[^\W\d_]+\.?\s+\d{4}|Q[1-4]\s+\d{4}", re.IGNORECASE)
_RANGE = re.compile(r"(.+?)\s*(?:\s[-–—]\s|\s?[–—]\s?|\s+to\s+|\s+bis\s+|\.\.)\s*(.+)")


def order_of(cell: Cell) -> Literal["dmy", "mdy", "either", ""]:
    """Which order a cell proves: day first, month first, "either" where both would do; "" where it does not matter.

    >>> order_of("31/1/2025"), order_of("1/31/2025"), order_of("1/2/2025"), order_of("2025-01-02"), order_of("8.7.2025")
    ('dmy', 'mdy', 'either', '', '')
    """
    if not isinstance(cell, str):
        return ""
    shape = _NUMERIC.match(cell.strip())
    if shape is None or shape[2] == ".":
        return ""
    first, second = int(shape[1]), int(shape[3])
    if first == second or (first > 12 and second > 12):
        return ""
    return "dmy" if first > 12 else "mdy" if second > 12 else "either"


def read_moment(cell: Cell, order: Order = "", epoch: date = EPOCH_1900) -> Moment | None:
    """The day or the date-time in a cell; None for a blank one. A date-time has a zone only where the cell names it.

    >>> read_moment("Jul 8, 2025"), read_moment("8.7.2025"), read_moment("45846")
    (datetime.date(2025, 7, 8), datetime.date(2025, 7, 8), datetime.date(2025, 7, 8))
    >>> read_moment("7/8/2025 3:45 PM", order="mdy")
    datetime.datetime(2025, 7, 8, 15, 45)

    Raises CellRejected.
    """
    if isinstance(cell, str):
        moment = _read_iso(cell) or _read_text(cell, order, epoch)
    elif cell is None:
        return None
    elif isinstance(cell, Unusable):
        raise CellRejected(cell.reason)
    elif isinstance(cell, datetime | date):
        moment = cell
    elif isinstance(cell, int | float) and not isinstance(cell, bool):
        moment = _from_serial(float(cell), epoch)
    else:
        raise NotRecognised("is not a date")
    if moment is not None and not FIRST_YEAR <= moment.year < LAST_YEAR:
        raise CellRejected(f"lies outside {FIRST_YEAR}–{LAST_YEAR}")
    return moment


def read_range(text: str, order: Order = "") -> tuple[date, date] | None:
    """First and last day of a range such as "July 8, 2025 - July 31, 2025"; None where there is none.

    >>> read_range("July 8, 2025 - July 31, 2025")
    (datetime.date(2025, 7, 8), datetime.date(2025, 7, 31))
    """
    shape = _RANGE.fullmatch(text.strip())
    if shape is None:
        return None
    try:
        ends = [read_moment(part, order or "mdy") for part in shape.groups()]
    except CellRejected:
        return None
    days = [end.date() if isinstance(end, datetime) else end for end in ends if end is not None]
    return (days[0], days[1]) if len(days) == 2 and days[0] <= days[1] else None


def _from_serial(serial: float, epoch: date) -> Moment:
    if int(serial) not in _SERIALS and epoch == EPOCH_1900:
        # 20250708 typed as a number.
        shape = _COMPACT.fullmatch(str(int(serial))) if serial == int(serial) and 0 < serial < 1e9 else None
        if shape is None:
            raise NotRecognised("is a number, not a date")
        return _day(int(shape[1]), int(shape[2]), int(shape[3]))
    if not 0 < serial < 80_000:
        raise NotRecognised("is a number, not a date")
    day = epoch + timedelta(days=int(serial))
    seconds = round((serial - int(serial)) * 86_400)
    if not seconds:
        return day
    return datetime.combine(day, time()) + timedelta(seconds=seconds)


#: Lengths of ISO date-times as programs write them: to the minute, second, milli- or microsecond, then Z or an offset.
_ISO_LENGTHS = frozenset((16, 19, 20, 23, 24, 25, 26, 27, 29))


def _read_iso(text: str) -> Moment | None:
    """The commonest spelling, without a look at all the others; None where it is not that, or not in order."""
    if text[4:5] != "-" or text[7:8] != "-":
        return None
    try:
        if len(text) == 10:
            return date.fromisoformat(text)
        has_time = len(text) in _ISO_LENGTHS and text[10] in " T" and text[13] == ":"
        if has_time and (len(text) == 16 or text[16] == ":"):
            return datetime.fromisoformat(text)
    except ValueError:
        return None
    return None


@lru_cache(maxsize=65536)
def _read_text(text: str, order: Order, epoch: date) -> Moment | None:
    spelling = " ".join(text.split())
    if spelling.casefold() in BLANKS:
        return None
    if re.fullmatch(r"\d{5}(?:\.\d+)?", spelling):
        return _from_serial(float(spelling), epoch)
    spelling = _WEEKDAY.sub("", spelling, count=1) if _WEEKDAY.match(spelling) else spelling
    shape = _TIME.fullmatch(spelling)
    if shape is None:
        return _read_day(spelling, order)
    if shape["rest"]:
        raise CellRejected("names a time zone we do not know: use an offset such as +01:00")
    return _with_time(_read_day(shape["day"].rstrip(" ,T"), order), shape)


def _with_time(day: date, shape: re.Match[str]) -> datetime:
    hour = int(shape["hour"])
    if shape["half"]:
        if not 1 <= hour <= 12:
            raise CellRejected("is not a time of day")
        hour = hour % 12 + (12 if shape["half"][0] in "Pp" else 0)
    part = int((shape["part"] or "0").ljust(6, "0")[:6])
    try:
        clock = time(hour, int(shape["minute"]), int(shape["second"] or 0), part)
    except ValueError:
        raise CellRejected("is not a time of day") from None
    zone = shape["zone"]
    if zone is None:
        return datetime.combine(day, clock)
    if zone in ("Z", "UTC", "GMT"):
        return datetime.combine(day, clock, UTC)
    offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:]))
    if offset >= timedelta(hours=24):
        raise CellRejected("names an offset that does not exist")
    return datetime.combine(day, clock, timezone(-offset if zone[0] == "-" else offset))


def _read_day(spelling: str, order: Order) -> date:
    shape = _ISO.fullmatch(spelling) or _COMPACT.fullmatch(spelling)
    if shape:
        return _day(int(shape[1]), int(shape[2]), int(shape[3]))
    shape = _NUMERIC.fullmatch(spelling)
    if shape:
        return _numeric_day(shape, order)
    shape = _DAY_NAME.fullmatch(spelling)
    if shape:
        return _day(_year(shape[3]), _month(shape[2]), int(shape[1]))
    shape = _NAME_DAY.fullmatch(spelling)
    if shape:
        return _day(int(shape[3]), _month(shape[1]), int(shape[2]))
    if _MONTH_ONLY.fullmatch(spelling):
        raise CellRejected("is a week or month, not a day: export the file by day")
    if read_range(spelling, order):
        return _single_day(spelling, order)
    raise NotRecognised("is not a date")


def _single_day(spelling: str, order: Order) -> date:
    span = read_range(spelling, order)
    if span is None or span[0] != span[1]:
        raise CellRejected("covers several days: export the file by day")
    return span[0]


def _numeric_day(shape: re.Match[str], order: Order) -> date:
    first, second, year = int(shape[1]), int(shape[3]), _year(shape[4])
    if shape[2] == "." or first > 12:
        return _day(year, second, first)
    if second > 12 or order == "mdy":
        return _day(year, first, second)
    if order == "dmy" or first == second:
        return _day(year, second, first)
    raise CellRejected("could be day or month first: say which")


def _month(name: str) -> int:
    number = _MONTH_NUMBER.get(name.casefold())
    if number is None:
        raise NotRecognised("is not a date")
    return number


def _year(text: str) -> int:
    return int(text) if len(text) == 4 else 2000 + int(text)


def _day(year: int, month: int, day: int) -> date:
    try:
        return date(year, month, day)
    except ValueError:
        raise CellRejected("is not a day of the calendar") from None
