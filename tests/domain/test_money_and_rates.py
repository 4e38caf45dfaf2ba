"""Money is exact and never mixed; rates keep their terms."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.money import CurrencyMismatchError, Money
from domain.rates import Rate, change_ratio, median_days

minor = st.integers(-(10**14), 10**14)
currency = st.sampled_from(["USD", "EUR", "JPY", "KWD", "CLF"])


@given(minor, currency)
def test_an_amount_survives_the_way_to_major_units_and_back(amount, code):
    money = Money(amount, code)
    assert Money.of(money.amount, code) == money


@given(minor, minor, currency)
def test_adding_is_adding_minor_units(left, right, code):
    assert Money(left, code) + Money(right, code) == Money(left + right, code)


def test_two_currencies_are_never_added():
    with pytest.raises(CurrencyMismatchError, match="EUR to USD"):
        Money(1, "USD") + Money(1, "EUR")


@given(st.integers(0, 10**12), st.integers(1, 10**6), currency)
def test_a_cost_is_within_half_a_minor_unit_of_the_exact_quotient(amount, number, code):
    each = Money(amount, code).per(number)
    assert abs(Decimal(each.minor) - Decimal(amount) / number) <= Decimal("0.5")


def test_nothing_bought_has_no_cost():
    assert Money(100, "USD").per(0) is None


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), min_size=1))
def test_the_mean_of_rates_is_the_rate_of_the_sums(pairs):
    total = Rate(0, 0)
    for pair in pairs:
        total += Rate(*pair)
    assert (total.numerator, total.denominator) == tuple(map(sum, zip(*pairs, strict=True)))


def test_growth_needs_a_base():
    assert change_ratio(5, None) is None
    assert change_ratio(None, 5) is None
    assert change_ratio(5, 0) is None
    assert change_ratio(0, 5) == -1


def test_the_median_of_an_even_number_of_days_lies_between():
    assert median_days([1.0, 2.0, 10.0, 20.0]) == 6.0
    assert median_days([]) is None
