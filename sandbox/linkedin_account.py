"""Who may ask LinkedIn and the services around it: the page's app and grant, and the keys of readers of job pages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sandbox import company
from sandbox.linkedin_story import ORGANIZATION, SITE, job_id

if TYPE_CHECKING:
    from sandbox.world import World

ISSUER = "linkedin"
#: Who granted the access.
MEMBER = "urn:li:person:aB3-dE5"
SCOPES = frozenset({"r_organization_social", "rw_organization_admin"})
ACCESS_DAYS, REFRESH_DAYS = 60, 365
#: Versions of the marketing API that still answer; each is sunset a year after it came.
VERSIONS = (
    "202512",
    "202601",
    "202602",
    "202603",
    "202604",
    "202605",
    "202606",
    "202607",
    "202608",
    "202609",
    "202610",
)
#: What is taken back when one of these keys is withdrawn.
KEYS = {
    "lix": "lix_key",
    "enrich_layer": "enrich_layer_key",
    "scrapingbee": "scrapingbee_key",
    "glassdoor": "glassdoor_key",
}


@dataclass(frozen=True)
class LinkedInAccount:
    """The secrets, which follow from the seed."""

    seed: int

    def secret(self, purpose: str, length: int = 32) -> str:
        """A value that only this seed has."""
        return hashlib.sha256(f"{self.seed}:{purpose}".encode()).hexdigest()[:length]

    @property
    def client_id(self) -> str:
        """The app's id."""
        return "86" + self.secret("linkedin id", 12)

    @property
    def app_id(self) -> str:
        """The app's number in the developer portal."""
        return str(200_000_000 + int(self.secret("linkedin app", 7), 16))

    @property
    def client_secret(self) -> str:
        """The app's secret."""
        return "WPL_AP1." + self.secret("linkedin secret", 24)

    @property
    def refresh_token(self) -> str:
        """The grant that exists from the start."""
        return "AQV" + self.secret("linkedin refresh", 48)

    def key(self, service: str) -> str:
        """The key of a service that reads job pages, or of Glassdoor."""
        prefix = {"lix": "lix_", "enrich_layer": "el_"}.get(service, "")
        return prefix + self.secret(f"{service} key", 40)


def credentials(world: World) -> dict[str, dict[str, object]]:
    """What an admin types into the forms, by connector."""
    account = world.linkedin_account
    jobs = [f"https://www.linkedin.com/jobs/view/{job_id(posting)}/" for posting in world.linkedin.jobs()]
    return {
        "linkedin_page": {
            "client_id": account.client_id,
            "client_secret": account.client_secret,
            "refresh_token": account.refresh_token,
            "organization_id": ORGANIZATION,
            "api_version": VERSIONS[-2],
            "app_id": account.app_id,
            "site": SITE,
        },
        "lix": {"api_key": account.key("lix"), "organization_id": ORGANIZATION},
        "enrich_layer": {"api_key": account.key("enrich_layer"), "organization_id": ORGANIZATION},
        "scrapingbee": {
            "api_key": account.key("scrapingbee"),
            "organization_id": ORGANIZATION,
            "job_addresses": "\n".join(jobs),
        },
        "glassdoor": {"partner_id": "20817", "partner_key": account.key("glassdoor"), "employer": company.NAME},
    }


def grant_ends(world: World) -> timedelta:
    """How long the grant that exists from the start goes on: a year from the day the story was first told."""
    return timedelta(days=REFRESH_DAYS) - (world.linkedin.today() - world.company.season.anchor)
