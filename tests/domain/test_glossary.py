"""The glossary knows every metric, in the words of its definition."""

from pathlib import Path

import pytest

from domain.metrics import METRICS

GLOSSARY = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
def test_the_glossary_defines_a_metric_as_the_code_does(metric):
    line = f"| {metric.label} | `{metric.name}` | {metric.unit} | {metric.date_basis} | {metric.meaning} |"
    assert line in GLOSSARY
