"""Money in minor units with its currency. Amounts of different currencies are never added."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

#: ISO 4217 currencies whose minor unit is not a hundredth (ISO 4217 list one, 2026).
_NO_MINOR_UNIT = frozenset(
    {
        "BIF",
        "CLP",
        "DJF",
        "GNF",
        "ISK",
        "JPY",
        "KMF",
        "KRW",
        "PYG",
        "RWF",
        "UGX",
        "UYI",
        "VND",
        "VUV",
        "XAF",
        "XOF",
        "XPF",
    }
)
_THOUSANDTHS = frozenset({"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"})
_EXPONENTS = {**dict.fromkeys(_NO_MINOR_UNIT, 0), **dict.fromkeys(_THOUSANDTHS, 3), "CLF": 4, "UYW": 4}


class CurrencyMismatchError(ValueError):
    """Two amounts of different currencies were about to be added."""


def exponent(currency: str) -> int:
    """Digits after the decimal point of a currency's amounts.

    >>> exponent("USD"), exponent("JPY"), exponent("KWD")
    (2, 0, 3)
    """
    return _EXPONENTS.get(currency, 2)


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` units of `currency`.

    >>> str(Money(123456, "USD"))
    '1,234.56 USD'
    >>> str(Money(1200, "JPY"))
    '1,200 JPY'
    """

    minor: int
    currency: str

    @classmethod
    def of(cls, amount: Decimal, currency: str) -> "Money":
        """From an amount in major units, rounded half to even.

        >>> Money.of(Decimal("38.125"), "USD")
        Money(minor=3812, currency='USD')
        """
        minor = amount.scaleb(exponent(currency)).to_integral_value(rounding=ROUND_HALF_EVEN)
        return cls(int(minor), currency)

    @property
    def amount(self) -> Decimal:
        """In major units, exact.

        >>> Money(5, "USD").amount
        Decimal('0.05')
        """
        return Decimal(self.minor).scaleb(-exponent(self.currency))

    def __add__(self, other: "Money") -> "Money":
        if other.currency != self.currency:
            raise CurrencyMismatchError(f"cannot add {other.currency} to {self.currency}")
        return Money(self.minor + other.minor, self.currency)

    def per(self, number: int) -> "Money | None":
        """The amount for each of `number`, rounded half to even; None when there are none.

        >>> Money(1000, "USD").per(3)
        Money(minor=333, currency='USD')
        """
        if number <= 0:
            return None
        each = (Decimal(self.minor) / number).to_integral_value(rounding=ROUND_HALF_EVEN)
        return Money(int(each), self.currency)

    def __str__(self) -> str:
        return f"{self.amount:,.{exponent(self.currency)}f} {self.currency}"
