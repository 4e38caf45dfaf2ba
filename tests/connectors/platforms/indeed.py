"""Indeed as the conformance suite meets it."""

import copy
from typing import Any
from urllib.parse import parse_qsl

from connectors.indeed import Indeed
from tests.connectors.specified import check_parameters, specification
from tests.connectors.traits import Request, Told, Traits, check_agent, check_query, check_token_request

#: Indeed's Swagger of 2021, and what its documentation has added since: newer reports, the postings of a campaign.
SPECIFIED: dict[str, Any] = copy.deepcopy(specification("indeed_parameters.json")["paths"])
for path in ("/v1/stats", "/v1/stats/{reportId}"):
    SPECIFIED[path]["v"]["one_of"] = ["1", "5", "6", "7", "8"]
SPECIFIED["/v1/campaigns/{campaignId}/jobDetails"] = {
    "start": {"in": "query", "type": "integer"},
    "perPage": {"in": "query", "type": "integer"},
    "hash": {"in": "query", "type": "string"},
}
#: Its older way to name the account; today the token does.
RETIRED = {"advertiserId"}


class SmallIndeed(Indeed):
    """Lists campaigns by fours."""

    campaigns_per_page = 4


def fields(told: Told) -> dict[str, Any]:
    """The app's client and the employer it acts for."""
    return {name: told["indeed"][name] for name in ("client_id", "client_secret", "employer_id")}


def check_request(request: Request) -> None:
    """The advertising API by its Swagger, whom the token is for, and the token endpoint."""
    check_agent(request)
    if check_token_request(request):
        return
    if request["path"].startswith("/v2/"):
        check_query(request, {"/v2/api/appinfo": set()})
        return
    assert request["method"] == "GET"
    assert request["path"].startswith("/ads/")
    query = dict(parse_qsl(request["query"], keep_blank_values=True))
    check_parameters(request["path"].removeprefix("/ads"), query, SPECIFIED)
    assert not RETIRED & set(query)


TRAITS = Traits(
    fields=fields,
    check_request=check_request,
    today="indeed_today",
    wrong={"client_secret": "canary-wrong-secret"},
    wrong_cause="key_invalid",
    data="/ads/v1/",
    grant="indeed_client",
    paged="/ads/v1/campaigns?",
    access="indeed_access",
    account="employer_id",
    small_pages=SmallIndeed,
)
