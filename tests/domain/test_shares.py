"""Shares of a total: exact, fair and steady."""

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from domain.facts import MAX_VALUE
from domain.shares import WHOLE, shares

VALUES = st.lists(st.integers(0, MAX_VALUE), min_size=1, max_size=12)


@given(VALUES)
def test_they_sum_to_exactly_one_hundred_percent(values):
    found = shares(values)
    assert found is None if sum(values) == 0 else sum(found) == WHOLE


@given(VALUES.filter(sum))
def test_each_is_less_than_a_hundredth_of_a_percent_from_the_true_share(values):
    for value, share in zip(values, shares(values), strict=True):
        assert abs(Fraction(value * WHOLE, sum(values)) - share) < 1


@given(VALUES.filter(sum))
def test_a_larger_value_never_has_the_smaller_share(values):
    found = sorted(zip(values, shares(values), strict=True))
    assert [share for _, share in found] == sorted(share for _, share in found)


@given(VALUES.filter(sum), st.integers(1, 50))
def test_they_do_not_depend_on_the_unit(values, factor):
    assert shares(values) == shares([value * factor for value in values])


@given(st.lists(st.integers(-9, 9), min_size=1, max_size=5).filter(lambda values: min(values) < 0))
def test_a_negative_amount_leaves_no_shares(values):
    assert shares(values) is None
