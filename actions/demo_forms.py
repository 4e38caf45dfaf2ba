"""What an admin of the demo company types into each connector's form, from what the sandbox says it accepts."""

import json
from collections.abc import Mapping
from typing import Any

#: Each posting read through ScrapingBee is a call that costs: a few show how it works.
SCRAPED_POSTINGS = 6
#: As far back as the demo's story goes, so that its whole year is there at once.
FACEBOOK_DAYS = 700


def demo_forms(told: Mapping[str, Any]) -> dict[str, dict[str, object]]:
    """The form of every connector, by its key, in the order they are connected."""
    return {
        "company_website": _site_form(told["ga4"]),
        "indeed": _some(told["indeed"], "client_id", "client_secret", "employer_id"),
        "indeed_job_sync": {
            **_some(told["indeed"], "client_id", "client_secret", "employer_id"),
            "source_name": "Halden Careers",
        },
        "ziprecruiter": dict(told["ziprecruiter"]),
        "monster": dict(told["monster"]),
        "glassdoor": dict(told["glassdoor"]),
        "facebook": {
            **_some(told["facebook"], "client_id", "client_secret", "page_id"),
            "access_token": told["facebook"]["page_token"],
            "posts_days": FACEBOOK_DAYS,
        },
        "x": _some(told["x"], "client_id", "client_secret", "refresh_token", "user_id"),
        "linkedin_page": _some(
            told["linkedin_page"], "client_id", "client_secret", "refresh_token", "organization_id", "api_version"
        ),
        "lix": {**told["lix"], "accepts_terms": True},
        "enrich_layer": {**told["enrich_layer"], "accepts_terms": True},
        "scrapingbee": _scraping_form(told["scrapingbee"]),
    }


def _some(told: Mapping[str, Any], *names: str) -> dict[str, object]:
    return {name: told[name] for name in names}


def _site_form(told: Mapping[str, Any]) -> dict[str, object]:
    return {
        "property_id": told["property_id"],
        "careers_path": told["careers_path"],
        "apply_click_event": told["events"]["click"],
        "apply_start_event": told["events"]["apply_start"],
        "apply_complete_event": told["events"]["application"],
        "service_account_json": json.dumps(told["service_account"]),
    }


def _scraping_form(told: Mapping[str, Any]) -> dict[str, object]:
    few = told["job_addresses"].splitlines()[:SCRAPED_POSTINGS]
    return {**told, "job_addresses": "\n".join(few), "accepts_terms": True}
