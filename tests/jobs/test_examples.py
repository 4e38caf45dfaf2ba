"""The examples in the docstrings of the jobs' arithmetic hold."""

import doctest
from types import ModuleType

import pytest

from jobs import budgets, cursor, schedule, windows


@pytest.mark.parametrize("module", [budgets, cursor, schedule, windows], ids=lambda module: module.__name__)
def test_the_examples_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
