"""Numbers, money, days and times as the screen spells them. Missing is a dash, never a zero."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from domain.money import Money
from domain.periods import Period

MISSING = "—"
_COMPACT = ((1_000_000_000, "B"), (1_000_000, "M"), (10_000, "k"))


def count(value: float | None) -> str:
    """A count with thousands separators.

    >>> count(1234567), count(0), count(None)
    ('1,234,567', '0', '—')
    """
    return MISSING if value is None else f"{value:,.0f}"


def compact(value: float | None) -> str:
    """A count short enough for a narrow card: exact below ten thousand, three digits from there on.

    >>> compact(9999), compact(12345), compact(1234567), compact(None)
    ('9,999', '12.3k', '1.23M', '—')
    """
    if value is None:
        return MISSING
    for size, letter in _COMPACT:
        if abs(value) >= size:
            scaled = value / (1000 if letter == "k" else size)
            return f"{scaled:.{max(0, 3 - len(str(int(abs(scaled)))))}f}{letter}"
    return f"{value:,.0f}"


def percent(ratio: float | None, digits: int = 1) -> str:
    """A ratio as a percentage.

    >>> percent(0.1234), percent(0), percent(None)
    ('12.3%', '0.0%', '—')
    """
    return MISSING if ratio is None else f"{ratio * 100:.{digits}f}%"


def share(hundred: float | None) -> str:
    """A share that is already in percent.

    >>> share(33.33), share(None)
    ('33.33%', '—')
    """
    return MISSING if hundred is None else f"{hundred:.2f}%"


def money(minor: float | None, currency: str) -> str:
    """An amount of minor units with its currency.

    >>> money(123456, "USD"), money(None, "USD")
    ('1,234.56 USD', '—')
    """
    return MISSING if minor is None else str(Money(round(minor), currency))


def days(number: float | None) -> str:
    """A number of days, with a tenth where it matters.

    >>> days(1), days(12.0), days(2.5), days(None)
    ('1 day', '12 days', '2.5 days', '—')
    """
    if number is None:
        return MISSING
    spelled = f"{number:.1f}".removesuffix(".0")
    return f"{spelled} day" if spelled == "1" else f"{spelled} days"


def decimal(number: float | None) -> str:
    """A mean with one digit.

    >>> decimal(3.14), decimal(None)
    ('3.1', '—')
    """
    return MISSING if number is None else f"{number:,.1f}"


def change(ratio: float) -> str:
    """A change with its sign, capped where percentages stop meaning anything.

    >>> change(0.123), change(-0.5), change(25)
    ('+12.3%', '-50.0%', '+>999%')
    """
    if ratio > 9.99:
        return "+>999%"
    return f"{ratio * 100:+.1f}%"


def day(value: date | None) -> str:
    """A date in words.

    >>> day(date(2026, 3, 4)), day(None)
    ('4 Mar 2026', '—')
    """
    return MISSING if value is None else f"{value.day} {value:%b %Y}"


def bucket(period: Period) -> str:
    """A bucket of a chart in words: a day or both its ends.

    >>> bucket(Period(date(2026, 3, 2), date(2026, 3, 9)))
    '2 Mar – 8 Mar'
    """
    first, last = period.start, period.last_day
    return f"{first.day} {first:%b}" if first == last else f"{first.day} {first:%b} – {last.day} {last:%b}"


def moment(at: datetime | None, now: datetime, zone: str) -> str:
    """An instant as a person says it: minutes, the time of today or yesterday, else the day and time.

    >>> from datetime import UTC
    >>> now = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)
    >>> moment(datetime(2026, 3, 10, 11, 59, 30, tzinfo=UTC), now, "UTC")
    'just now'
    >>> moment(datetime(2026, 3, 10, 11, 18, tzinfo=UTC), now, "Europe/Berlin")
    '42 min ago'
    >>> moment(datetime(2026, 3, 9, 11, 0, tzinfo=UTC), now, "Europe/Berlin")
    'yesterday 12:00'
    >>> moment(None, now, "UTC")
    'never'
    """
    if at is None:
        return "never"
    elapsed = (now - at).total_seconds()
    local, today = at.astimezone(ZoneInfo(zone)), now.astimezone(ZoneInfo(zone)).date()
    if 0 <= elapsed < 60:
        return "just now"
    if 0 <= elapsed < 3600:
        return f"{int(elapsed // 60)} min ago"
    if local.date() == today:
        return f"today {local:%H:%M}"
    if (today - local.date()).days == 1:
        return f"yesterday {local:%H:%M}"
    if (local.date() - today).days == 1:
        return f"tomorrow {local:%H:%M}"
    return f"{local.day} {local:%b %H:%M}" if local.year == today.year else f"{local.day} {local:%b %Y %H:%M}"


def lasting(seconds: float | None) -> str:
    """A duration.

    >>> lasting(0.4), lasting(75), lasting(7300), lasting(None)
    ('0.4 s', '1 min 15 s', '2 h 1 min', '—')
    """
    if seconds is None:
        return MISSING
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def last_day(end: date) -> date:
    """The last day of a half-open period that ends at `end`.

    >>> last_day(date(2026, 3, 1))
    datetime.date(2026, 2, 28)
    """
    return end - timedelta(days=1)
