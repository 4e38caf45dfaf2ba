"""The examples in the docstrings of what is tracked hold."""

import doctest
from types import ModuleType

import pytest

from actions import tracker, visitors
from store.writes import tracked_counts


@pytest.mark.parametrize("module", [tracker, visitors, tracked_counts], ids=lambda module: module.__name__)
def test_the_examples_hold(module: ModuleType) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0
