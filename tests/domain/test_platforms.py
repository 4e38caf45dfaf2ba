"""What the domain says of connectors is what they are."""

from connectors.contract import MetricsSource
from connectors.registry import CONNECTORS
from domain.platforms import SILENT_CONNECTORS


def test_the_connectors_said_to_be_silent_are_those_that_report_no_numbers():
    assert {key for key, kind in CONNECTORS.items() if not issubclass(kind, MetricsSource)} == SILENT_CONNECTORS
