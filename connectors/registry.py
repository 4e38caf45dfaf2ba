"""All connectors. A new platform is one module of its own and one line here."""

from typing import Any

from connectors.company_website import CompanyWebsite
from connectors.contract import Connector, MetricsSource
from connectors.enrich_layer import EnrichLayer
from connectors.facebook import Facebook
from connectors.glassdoor import Glassdoor
from connectors.indeed import Indeed
from connectors.indeed_job_sync import IndeedJobSync
from connectors.linkedin_page import LinkedInPage
from connectors.lix import Lix
from connectors.monster import Monster
from connectors.scrapingbee import ScrapingBee
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
        ScrapingBee,
        Lix,
        Glassdoor,
        EnrichLayer,
        Monster,
        X,
        ZipRecruiter,
    )
}

#: Names that stand for a service that is no more, and what to tell who still uses them.
RETIRED = {
    "proxycurl": (
        "Proxycurl was shut down in July 2025. Connect Enrich Layer (enrich_layer) instead: it takes the same settings,"
        " with a key of its own."
    ),
}


def find_connector(key: str) -> type[Connector[Any]] | None:
    """The connector of that key; None when there is none."""
    return CONNECTORS.get(key)


def find_source(key: str) -> type[MetricsSource[Any]] | None:
    """The connector of that key if it reports numbers; None when there is none, or none that does."""
    connector = CONNECTORS.get(key)
    return connector if connector is not None and issubclass(connector, MetricsSource) else None
