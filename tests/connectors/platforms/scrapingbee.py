"""ScrapingBee as the conformance suite meets it."""

import json
from typing import Any

from connectors.linkedin_jobs import job_id
from tests.connectors.platforms.readers import REQUISITIONS, requisition_of_job
from tests.connectors.traits import Request, Told, Traits, check_agent, check_query

#: The last requisition that the form names.
LAST = "REQ-1012"
QUERIES = {
    r"/api/v1/": {"url", "render_js", "forward_headers", "extract_rules", "premium_proxy", "stealth_proxy"},
    r"/api/v1/usage": set[str](),
}


def fields(told: Told) -> dict[str, Any]:
    """The key and some of the postings, as each is a call; with the warning agreed to."""
    jobs = [line for line in told["scrapingbee"]["job_addresses"].splitlines() if REQUISITIONS[job_id(line)] <= LAST]
    return {**told["scrapingbee"], "job_addresses": "\n".join(jobs), "accepts_terms": True}


def check_request(request: Request) -> None:
    """LinkedIn's public pages, in English, with selectors."""
    check_agent(request)
    assert "authorization" in request["headers"], "in the query a key would stand in every log on the way"
    query = check_query(request, QUERIES)
    if request["path"] == "/api/v1/":
        assert query["url"].startswith("https://www.linkedin.com/jobs-guest/jobs/api/jobPosting/")
        assert query["forward_headers"] == "true"
        assert request["headers"]["spb-accept-language"].startswith("en-US")
        assert json.loads(query["extract_rules"])["applicants"] == ".num-applicants__caption"


TRAITS = Traits(
    fields=fields,
    check_request=check_request,
    today="linkedin_today",
    account="organization_id",
    wrong={"api_key": "canary-wrong-key"},
    wrong_cause="key_invalid",
    data="/api/v1",
    grant="scrapingbee_key",
    requisition=requisition_of_job,
    connected="scrapingbee",
    tells_of=lambda posting: posting["closed_on"] is None and posting["requisition"] <= LAST,
)
