"""The suite's order follows files that exist."""

from tests.launch import ROOT
from tests.order import SECONDS, begins


def test_every_file_that_takes_long_is_there() -> None:
    assert [path for path in SECONDS if not (ROOT / path).is_file()] == []


def test_the_longest_begins_and_what_is_unknown_comes_last() -> None:
    found = sorted(["tests/test_layers.py", "tests/jobs/test_kill.py", "tests/journey/test_truth.py"], key=begins)
    assert found == ["tests/journey/test_truth.py", "tests/jobs/test_kill.py", "tests/test_layers.py"]
