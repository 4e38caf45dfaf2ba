"""The examples in the connectors' docstrings hold."""

import doctest
import importlib
from pathlib import Path

import pytest

FOLDER = Path(__file__).resolve().parents[2] / "connectors"


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.py")))
def test_its_examples_hold(name):
    assert doctest.testmod(importlib.import_module(f"connectors.{name}")).failed == 0
