"""Numbers as people's programs write them."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.files.errors import CellRejected, Unusable
from connectors.files.numbers import decimal_mark, is_blank, read_count, read_money
from domain.facts import MAX_VALUE
from domain.money import Money


@pytest.mark.parametrize(
    ("cell", "count"),
    [
        ("0", 0),
        ("1,234", 1234),
        ("1.234", 1234),
        ("25,881", 25881),
        ("1,234,567", 1234567),
        ("1.234.567", 1234567),
        ("12,34,567", 1234567),
        ("1'234", 1234),
        ("1\N{NO-BREAK SPACE}234", 1234),
        ("1\N{NARROW NO-BREAK SPACE}234", 1234),
        ("4.0", 4),
        ("4,0", 4),
        ("4.", 4),
        ("+7", 7),
        ("1e3", 1000),
        ("1.5E2", 150),
        (" 12 ", 12),
        ("１２", 12),
        (7, 7),
        (7.0, 7),
    ],
)
def test_it_reads_a_count_in_any_spelling(cell, count):
    assert read_count(cell) == count


@pytest.mark.parametrize("cell", ["", " ", "-", "--", "—", "N/A", "null", None])
def test_a_blank_is_not_zero(cell):
    assert is_blank(cell)
    assert read_count(cell) is None
    assert read_money(cell, "USD") is None


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("12 %", "percentage"),
        ("-5", "negative"),
        ("(12)", "negative"),
        ("−5", "negative"),
        ("1.5", "whole number"),
        (1.5, "whole number"),
        ("NaN", "not a number"),
        ("inf", "not a number"),
        (float("nan"), "not a number"),
        (float("inf"), "not a number"),
        ("9223372036854775808", "absurdly large"),
        ("1e999", "absurdly large"),
        ("1e300", "absurdly large"),
        ("=1+1", "formula"),
        ("€5", "money"),
        ("five", "not a number"),
        ("1,23,4", "not a number"),
        ("12 34", "not a number"),
        ("1.2.3", "not a number"),
        (True, "yes or no"),
        (Unusable("is a formula that was never calculated"), "never calculated"),
    ],
)
def test_it_says_why_a_cell_is_no_count(cell, words):
    with pytest.raises(CellRejected, match=words):
        read_count(cell)


@pytest.mark.parametrize(
    ("cell", "currency", "amount"),
    [
        ("3.43 (USD)", "", Money(343, "USD")),
        ("€5", "USD", Money(500, "EUR")),
        ("5 €", "USD", Money(500, "EUR")),
        ("1.234,56 €", "USD", Money(123456, "EUR")),
        ("$1,234.50", "CAD", Money(123450, "CAD")),
        ("$1,234.50", "EUR", Money(123450, "USD")),
        ("US$ 7", "CAD", Money(700, "USD")),
        ("USD 5", "EUR", Money(500, "USD")),
        ("¥1200", "USD", Money(1200, "JPY")),
        ("0.5", "EUR", Money(50, "EUR")),
        (1661.67, "INR", Money(166167, "INR")),
        ("12", "JPY", Money(12, "JPY")),
    ],
)
def test_it_reads_money_with_its_currency(cell, currency, amount):
    assert read_money(cell, currency) == amount


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("5", "no currency"),
        ("-€5", "negative"),
        ("€-5", "negative"),
        ("1e15", "absurdly large"),
        ("5 bananas", "not a"),
    ],
)
def test_it_says_why_a_cell_is_no_money(cell, words):
    with pytest.raises(CellRejected, match=words):
        read_money(cell, "" if cell == "5" else "EUR")


def test_the_file_decides_what_a_cell_cannot():
    assert read_count("1.234", mark=",") == 1234
    assert read_money("1,234", "EUR", mark=",") == Money(123, "EUR")
    assert read_money("1,234", "EUR", mark=".") == Money(123400, "EUR")


@given(st.integers(0, MAX_VALUE), st.sampled_from([",", ".", " ", "'", ""]))
def test_grouped_digits_are_the_number_they_were(number, group):
    assert read_count(f"{number:,}".replace(",", group)) == number


@given(st.integers(0, 10**12), st.sampled_from(["us", "eu"]))
def test_cents_survive_both_marks(cents, style):
    text = f"{Decimal(cents) / 100:,.2f}"
    if style == "eu":
        text = text.translate(str.maketrans(",.", ".,"))
    assert decimal_mark(text) == ("." if style == "us" else ",")
    assert read_money(text, "EUR") == Money(cents, "EUR")


@given(st.text(max_size=40))
def test_any_text_is_a_count_a_blank_or_a_named_rejection(text):
    for read in (read_count, lambda cell: read_money(cell, "EUR")):
        try:
            value = read(text)
        except CellRejected:
            continue
        minor = value.minor if isinstance(value, Money) else value
        assert minor is None or 0 <= minor <= MAX_VALUE


@given(st.floats())
def test_any_float_is_a_count_or_a_named_rejection(number):
    try:
        value = read_count(number)
    except CellRejected:
        return
    assert value == number
