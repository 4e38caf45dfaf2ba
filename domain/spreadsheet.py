"""Cells as a spreadsheet may open them: text that cannot run as a formula, numbers and days that stay what they are."""

import re
import unicodedata
from datetime import UTC, date, datetime
from decimal import Decimal

from domain.periods import Period

Cell = str | int | float | Decimal | date | datetime | None

#: A cell that begins so may be run as a formula (OWASP, CSV injection); NFKC folds the full-width forms into these.
_STARTS_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def safe_text(text: str) -> str:
    """Text that no spreadsheet takes for a formula: suspects get a leading apostrophe, NULs go.

    >>> safe_text("=1+1"), safe_text("＝HYPERLINK()"), safe_text("  @SUM(A1)"), safe_text("Nurse (m/w)")
    ("'=1+1", "'＝HYPERLINK()", "'  @SUM(A1)", 'Nurse (m/w)')
    """
    cleaned = text.replace("\0", "")
    folded = unicodedata.normalize("NFKC", cleaned)
    visible = folded.lstrip(" \u200b\u200e\u200f\ufeff\xa0")
    return f"'{cleaned}" if folded.startswith(_STARTS_FORMULA) or visible.startswith(_STARTS_FORMULA) else cleaned


def spell(cell: Cell) -> str:
    """One cell: numbers stay numbers, instants are UTC in ISO 8601, missing is empty.

    >>> spell(-5), spell(0.1), spell(None), spell("-5"), spell(date(2026, 3, 1))
    ('-5', '0.1', '', "'-5", '2026-03-01')
    """
    if cell is None:
        return ""
    if isinstance(cell, str):
        return safe_text(cell)
    if isinstance(cell, datetime):
        return cell.astimezone(UTC).isoformat(timespec="seconds")
    if isinstance(cell, date):
        return cell.isoformat()
    return format(cell, "f") if isinstance(cell, Decimal) else str(cell)


def file_name(what: str, company: str, period: Period | None = None, *, ending: str = "csv") -> str:
    """A name that still means something in the downloads folder.

    >>> file_name("Application sources", "Müller & Söhne", Period(date(2026, 3, 1), date(2026, 3, 8)))
    'muller-sohne-application-sources-2026-03-01-to-2026-03-07.csv'
    """
    parts = [company, what]
    if period:
        parts.append(f"{period.start.isoformat()} to {period.last_day.isoformat()}")
    plain = unicodedata.normalize("NFKD", " ".join(parts)).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") + f".{ending}"
