"""All connectors. A new platform is one module of its own and one line here."""

from typing import Any

from connectors.company_website import CompanyWebsite
from connectors.contract import Connector, MetricsSource
from connectors.facebook import Facebook
from connectors.indeed import Indeed
from connectors.indeed_job_sync import IndeedJobSync
from connectors.linkedin_page import LinkedInPage
from connectors.x import X
from connectors.ziprecruiter import ZipRecruiter

CONNECTORS: dict[str, type[Connector[Any]]] = {
    connector.key: connector
    for connector in (
        CompanyWebsite,
        Facebook,
        Indeed,
        IndeedJobSync,
        LinkedInPage,
        X,
        ZipRecruiter,
    )
}


def find_connector(key: str) -> type[Connector[Any]] | None:
    """The connector of that key; None when there is none."""
    return CONNECTORS.get(key)


def find_source(key: str) -> type[MetricsSource[Any]] | None:
    """The connector of that key if it reports numbers; None when there is none, or none that does."""
    connector = CONNECTORS.get(key)
    return connector if connector is not None and issubclass(connector, MetricsSource) else None
