"""Numbers as people's programs write them: thousands, decimal marks, currencies, percentages, blanks."""

import re
import unicodedata
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from connectors.files.errors import Cell, CellRejected, NotRecognised, Unusable
from domain.facts import MAX_VALUE
from domain.money import Money, exponent

BLANKS = frozenset({"", "-", "--", "---", "—", "–", "n/a", "na", "#n/a", "null", "none", "nil", "(not set)", "."})
LONGEST_BLANK = max(map(len, BLANKS))
#: ISO 4217, list one.
_CODES = (
    "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF "
    "CLF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ GYD HKD HNL "
    "HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD LSL LYD MAD MDL "
    "MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP PKR PLN PYG QAR RON "
    "RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND TOP TRY TTD TWD TZS UAH "
    "UGX USD UYU UZS VES VND VUV WST XAF XCD XOF XPF YER ZAR ZMW ZWG"
)
_CURRENCIES = frozenset(_CODES.split())
_DOLLARS = frozenset({"USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN", "TWD", "ARS", "CLP", "COP"})
_SYMBOLS = {
    "€": "EUR", "£": "GBP", "¥": "JPY", "₹": "INR", "zł": "PLN", "₩": "KRW", "₺": "TRY", "₪": "ILS", "₫": "VND",
    "US$": "USD", "C$": "CAD", "CA$": "CAD", "A$": "AUD", "R$": "BRL", "NZ$": "NZD", "S$": "SGD", "HK$": "HKD",
    "Fr.": "CHF", "$": "$",
}  # fmt: skip
_SHAPE = re.compile(
    r"(?P<before>[^\d.,+-]*)(?P<sign>[+-]?)(?P<body>[\d.,'\s]*\d[\d.,'\s]*|[\d.]+[eE][+-]?\d{1,3})(?P<after>.*)"
)
_EXPONENT = re.compile(r"(\d+(?:\.\d+)?)[eE]([+-]?\d{1,3})")
_LAKH = re.compile(r"\d{1,2}(?:,\d{2})+,\d{3}")


class Amount(NamedTuple):
    """A number, and the currency written beside it ("" for none, "$" for some dollar)."""

    number: Decimal
    currency: str


def is_blank(cell: Cell) -> bool:
    """Whether a cell says nothing. Blank is not zero.

    >>> is_blank(" -- "), is_blank("0")
    (True, False)
    """
    return cell is None or (isinstance(cell, str) and cell.strip().casefold() in BLANKS)


def is_currency(text: str) -> bool:
    """Whether `text` is an ISO 4217 code.

    >>> is_currency("EUR"), is_currency("CPM")
    (True, False)
    """
    return text in _CURRENCIES


def decimal_mark(text: str) -> str:
    """The decimal mark a number's own spelling proves: "." or ","; "" where it proves nothing.

    >>> decimal_mark("1.234,56"), decimal_mark("12.5"), decimal_mark("1,234,567"), decimal_mark("1,234")
    (',', '.', '.', '')
    """
    dots, commas = text.count("."), text.count(",")
    if dots and commas:
        return "." if text.rfind(".") > text.rfind(",") else ","
    if not dots and not commas:
        return ""
    mark, other = (".", ",") if dots else (",", ".")
    if dots + commas > 1:
        return other
    whole, _, rest = text.partition(mark)
    digits = "".join(letter for letter in whole if letter.isdigit())
    fraction = re.match(r"\d*", rest)
    grouped = fraction is not None and len(fraction.group()) == 3 and 1 <= len(digits) <= 3 and digits[0] != "0"
    return "" if grouped else mark


def read_count(cell: Cell, mark: str = "") -> int | None:
    """A whole number ≥ 0; None for a blank cell. `mark` is the file's decimal mark where it is known.

    >>> [read_count(text) for text in ("1,234", "4.0", "1e3", "--", "25 881")]
    [1234, 4, 1000, None, 25881]
    >>> read_count("1.234", mark=","), read_count("(0)")
    (1234, 0)

    Raises CellRejected.
    """
    if isinstance(cell, str) and cell.isascii() and cell.isdigit() and len(cell) < 15:
        return int(cell)
    amount = _read(cell, mark)
    if amount is None:
        return None
    if amount.currency:
        raise CellRejected("is an amount of money, not a count")
    return _whole(amount.number)


def read_money(cell: Cell, currency: str, mark: str = "") -> Money | None:
    """An amount ≥ 0, in the currency written in the cell or else in `currency`; None for a blank cell.

    >>> str(read_money("3.43 (USD)", "EUR")), str(read_money("€5", "USD")), str(read_money("1.234,50", "EUR"))
    ('3.43 USD', '5.00 EUR', '1,234.50 EUR')

    Raises CellRejected, also where no currency is known.
    """
    amount = _read(cell, mark)
    if amount is None:
        return None
    code = amount.currency
    if code == "$":
        code = currency if currency in _DOLLARS else "USD"
    code = code or currency
    if not code:
        raise CellRejected("has no currency")
    if amount.number < 0:
        raise CellRejected("is negative")
    if amount.number.adjusted() + exponent(code) > 15:
        raise CellRejected("is absurdly large")
    money = Money.of(amount.number, code)
    if money.minor > MAX_VALUE:
        raise CellRejected("is absurdly large")
    return money


def _whole(number: Decimal) -> int:
    if number < 0:
        raise CellRejected("is negative")
    if number.adjusted() > 15 or number > MAX_VALUE:
        raise CellRejected("is absurdly large")
    if number != number.to_integral_value():
        raise CellRejected("is not a whole number")
    return int(number)


def _read(cell: Cell, mark: str) -> Amount | None:
    if isinstance(cell, str):
        return _read_text(cell, mark)
    if cell is None:
        return None
    if isinstance(cell, bool):
        raise CellRejected("is a yes or no, not a number")
    if isinstance(cell, int):
        return Amount(Decimal(cell), "")
    if isinstance(cell, float):
        if cell != cell or cell in (float("inf"), float("-inf")):
            raise NotRecognised("is not a number")
        # The shortest text of a binary fraction is what the person typed.
        return Amount(Decimal(repr(cell)), "")
    if isinstance(cell, Unusable):
        raise CellRejected(cell.reason)
    raise CellRejected("is a date or time, not a number")


@lru_cache(maxsize=65536)
def _read_text(text: str, mark: str) -> Amount | None:
    spelling = unicodedata.normalize("NFKC", text).strip()
    if spelling.casefold() in BLANKS:
        return None
    accounting = spelling.startswith("(") and spelling.endswith(")")
    if accounting:
        spelling = spelling[1:-1].strip()
    spelling = spelling.replace("−", "-")
    if spelling.startswith("="):
        raise CellRejected("is a formula, not a number")
    power = _EXPONENT.fullmatch(spelling.lstrip("+-"))
    if power:
        number = Decimal(power[1]).scaleb(int(power[2]))
        return Amount(-number if spelling.startswith("-") else number, "")
    return _read_shape(spelling, mark, negative=accounting)


def _read_shape(spelling: str, mark: str, *, negative: bool) -> Amount | None:
    # "-€5" and "€-5" are the same amount.
    if spelling[:1] in "+-" and spelling[1:2] and not spelling[1].isdigit() and spelling[1] not in ".,":
        negative ^= spelling[0] == "-"
        spelling = spelling[1:].strip()
    shape = _SHAPE.fullmatch(spelling)
    if shape is None:
        raise NotRecognised("is not a number")
    before, after = shape["before"].strip(), shape["after"].strip()
    if after == "%" and not before:
        raise CellRejected("is a percentage, not a count")
    currency = _currency(before, after)
    number = _digits(shape["body"].strip(), mark)
    if negative ^ (shape["sign"] == "-"):
        number = -number
    return Amount(number, currency)


def _currency(before: str, after: str) -> str:
    named = [part.strip("() ") for part in (before, after) if part]
    if not named:
        return ""
    codes = {_SYMBOLS.get(name) or (name.upper() if name.upper() in _CURRENCIES else "") for name in named}
    if "" in codes or len(codes - {"$"}) > 1:
        raise NotRecognised("is not a number")
    return next(iter(codes - {"$"}), "$")


def _digits(body: str, mark: str) -> Decimal:
    """The value of digits with separators: their own proof first, then the file's mark, else all are thousands."""
    compact = re.sub(r"(?<=\d)[\s'](?=\d{3}(?!\d))", "", body)
    if _LAKH.fullmatch(compact):
        return Decimal(compact.replace(",", ""))
    separators = {letter for letter in compact if letter in ".,"}
    own = decimal_mark(compact) or mark or ("." if "," in separators else ",")
    group = "," if own == "." else "."
    whole, point, fraction = compact.partition(own)
    if group in whole and not re.fullmatch(rf"\d{{1,3}}(?:\{group}\d{{3}})+", whole):
        raise NotRecognised("is not a number")
    whole = whole.replace(group, "")
    if not re.fullmatch(r"\d*", whole) or not re.fullmatch(r"\d*", fraction) or not (whole or fraction):
        raise NotRecognised("is not a number")
    return Decimal(f"{whole or '0'}{'.' if point else ''}{fraction}")
