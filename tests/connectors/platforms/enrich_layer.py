"""Enrich Layer as the conformance suite meets it."""

from typing import Any

from tests.connectors.platforms.readers import requisition_of_job
from tests.connectors.traits import Request, Told, Traits, check_agent, check_query

QUERIES = {
    r"/api/v2/company/job": {"search_id", "pagination"},
    r"/api/v2/job": {"url"},
    r"/api/v2/credit-balance": set[str](),
}


def fields(told: Told) -> dict[str, Any]:
    """The key and the company, with the warning agreed to."""
    return {**told["enrich_layer"], "accepts_terms": True}


def check_request(request: Request) -> None:
    """A list, then postings by their address."""
    check_agent(request)
    assert "authorization" in request["headers"]
    query = check_query(request, QUERIES)
    assert query.get("url", "https://www.linkedin.com/jobs/view/").startswith("https://www.linkedin.com/jobs/view/")


TRAITS = Traits(
    fields=fields,
    check_request=check_request,
    today="linkedin_today",
    account="organization_id",
    wrong={"api_key": "canary-wrong-key"},
    wrong_cause="key_invalid",
    data="/api/v2/",
    grant="enrich_layer_key",
    paged="/api/v2/company/job",
    requisition=requisition_of_job,
    connected="enrich_layer",
    tells_of=lambda posting: posting["closed_on"] is None,
)
