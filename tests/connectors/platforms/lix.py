"""Lix as the conformance suite meets it."""

import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.connectors.platforms.readers import requisition_of_job
from tests.connectors.traits import Request, Told, Traits, check_agent, check_query

QUERIES = {r"/v1/li/linkedin/search/jobs": {"url", "sequence_id"}, r"/v1/enrich/job": {"job_id"}}


def fields(told: Told) -> dict[str, Any]:
    """The key and the company, with the warning agreed to."""
    return {**told["lix"], "accepts_terms": True}


def check_request(request: Request) -> None:
    """LinkedIn's own search in the query, with one sequence id."""
    check_agent(request)
    assert "authorization" in request["headers"]
    query = check_query(request, QUERIES)
    if "url" in query:
        search = urlsplit(query["url"])
        assert (search.scheme, search.hostname, search.path) == ("https", "www.linkedin.com", "/jobs/search/")
        assert {"f_C", "start"} <= set(parse_qs(search.query))
        assert re.fullmatch(r"[0-9a-f]{16}", query["sequence_id"])


TRAITS = Traits(
    fields=fields,
    check_request=check_request,
    today="linkedin_today",
    account="organization_id",
    wrong={"api_key": "canary-wrong-key"},
    wrong_cause="key_invalid",
    data="/v1/",
    grant="lix_key",
    paged="/v1/li/linkedin/search/jobs",
    requisition=requisition_of_job,
    connected="lix",
    tells_of=lambda posting: posting["closed_on"] is None,
)
