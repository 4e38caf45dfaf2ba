"""All connectors. A new platform is one module of its own and one line here."""

from typing import Any

from connectors.company_website import CompanyWebsite
from connectors.contract import MetricsSource
from connectors.indeed import Indeed

CONNECTORS: dict[str, type[MetricsSource[Any]]] = {
    connector.key: connector
    for connector in (
        CompanyWebsite,
        Indeed,
    )
}


def find_connector(key: str) -> type[MetricsSource[Any]] | None:
    """The connector of that key; None when there is none."""
    return CONNECTORS.get(key)
