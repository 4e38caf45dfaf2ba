"""Texts and numbers as platforms send them, made fit to keep."""

import re
import unicodedata
from decimal import ROUND_HALF_EVEN, Decimal

from domain.facts import MAX_VALUE

LONGEST_TEXT = 500
_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{1,18})?")


def clean(text: str, longest: int = LONGEST_TEXT) -> str:
    """NFC, one line, without control characters and lone surrogates, at most `longest` characters.

    >>> clean(" Zu\\u0308rich\\x00\\n robotics ")
    'Zürich robotics'
    """
    composed = unicodedata.normalize("NFC", text)
    if composed.isprintable():
        return " ".join(composed.split())[:longest]
    kept = "".join(" " if letter in "\t\r\n" else letter for letter in composed if _is_kept(letter))
    return " ".join(kept.split())[:longest]


def _is_kept(letter: str) -> bool:
    return letter in "\t\r\n" or unicodedata.category(letter) not in {"Cc", "Cs"}


def whole_number(text: str) -> int | None:
    """A count as text, fractions rounded half to even; None when it is none we would store.

    >>> whole_number("4.0"), whole_number("181"), whole_number("-1"), whole_number("1e999"), whole_number("1,234")
    (4, 181, None, None, None)
    """
    text = text.strip()
    if not _NUMBER.fullmatch(text):
        return None
    value = int(Decimal(text).to_integral_value(rounding=ROUND_HALF_EVEN))
    return value if value <= MAX_VALUE else None


def amount(text: str) -> Decimal | None:
    """An amount of money as text; None when it is not a plain, finite, non-negative number.

    >>> amount("38.12"), amount("NaN"), amount("-1")
    (Decimal('38.12'), None, None)
    """
    text = text.strip()
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def page_path(text: str) -> str:
    """A page's path without query, fragment and trailing slash; the case is kept.

    >>> page_path("/jobs/Data-Engineer/?utm_source=x"), page_path("/")
    ('/jobs/Data-Engineer', '/')
    """
    path = re.split(r"[?#]", text, maxsplit=1)[0]
    return clean(path).rstrip("/") or "/"
