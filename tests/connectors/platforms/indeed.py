"""Indeed as the conformance suite meets it."""

from typing import Any

from connectors.indeed import Indeed
from tests.connectors.traits import Request, Told, Traits, check_agent, check_days, check_query, check_token_request

QUERIES = {
    r"/ads/v1/campaigns": {"perPage", "start", "status", "type", "fields", "campaignIds"},
    r"/ads/v1/campaigns/[^/]+/stats": {"startDate", "endDate", "merge", "perPage", "start"},
    r"/ads/v1/stats": {"startDate", "endDate", "v"},
    r"/ads/v1/stats/[^/]+": {"v"},
    r"/v2/api/appinfo": set[str](),
}


class SmallIndeed(Indeed):
    """Lists campaigns by fours."""

    campaigns_per_page = 4


def fields(told: Told) -> dict[str, Any]:
    """The app's client and the employer it acts for."""
    return {name: told["indeed"][name] for name in ("client_id", "client_secret", "employer_id")}


def check_request(request: Request) -> None:
    """The advertising API and the token endpoint."""
    check_agent(request)
    if not check_token_request(request):
        check_days(check_query(request, QUERIES), "startDate", "endDate")


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
