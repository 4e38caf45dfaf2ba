"""Indeed Job Sync as the conformance suite meets it."""

import json
from typing import Any

from tests.connectors.traits import TEXT, Request, Told, Traits, check_agent, check_shape, check_token_request

BODY = {
    "title": TEXT,
    "description": TEXT,
    "descriptionFormatting": TEXT,
    "location": {"country": TEXT, "cityRegionPostal": TEXT, "streetAddress": TEXT},
    "salary": {"currency": TEXT, "period": TEXT, "minimumMinor": int, "maximumMinor": int},
}
METADATA = {
    **dict.fromkeys("jobPostingId jobRequisitionId datePublished url".split(), TEXT),
    "jobSource": dict.fromkeys("companyName sourceName sourceType".split(), TEXT),
}
DISPOSITION = {
    **dict.fromkeys(
        "dispositionStatus rawDispositionStatus atsName applicationSourceName statusChangeDateTime".split(), TEXT
    ),
    "identifiedBy": {"indeedApplyID": TEXT},
}
INPUTS: dict[str, Any] = {
    "Probe": {},
    "Status": {"id": TEXT},
    "Create": {"input": {"jobPostings": [{"body": BODY, "metadata": METADATA}]}},
    "Expire": {"input": {"jobs": [{"sourcedPostingId": TEXT}]}},
    "Send": {"input": {"dispositions": [DISPOSITION]}},
}


def fields(told: Told) -> dict[str, Any]:
    """The app's client, the employer it acts for, and the name of the source."""
    own = {name: told["indeed"][name] for name in ("client_id", "client_secret", "employer_id")}
    return {**own, "source_name": "Halden Careers"}


def check_request(request: Request) -> None:
    """Tokens, who the employer is, and known operations with known variables; the sandbox validates the rest."""
    check_agent(request)
    if check_token_request(request) or request["path"] == "/v2/api/appinfo":
        return
    assert (request["method"], request["path"], request["query"]) == ("POST", "/graphql", "")
    assert request["headers"]["content-type"] == "application/json"
    assert request["headers"]["accept"] == "application/json"
    body = json.loads(request["body"])
    assert set(body) == {"query", "variables", "operationName"}
    check_shape(body["variables"], INPUTS[body["operationName"]], body["operationName"])


TRAITS = Traits(
    fields=fields,
    check_request=check_request,
    today="indeed_today",
    wrong={"client_secret": "canary-wrong-secret"},
    wrong_cause="key_invalid",
    data="/graphql",
    grant="indeed_client",
    access="indeed_access",
    account="employer_id",
    publishes="/graphql",
)
