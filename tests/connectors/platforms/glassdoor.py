"""Glassdoor as the conformance suite meets it."""

from typing import Any

from tests.connectors.traits import Request, Told, Traits, check_agent, check_query

ALWAYS = {"v", "format", "t.p", "t.k", "userip", "useragent", "action"}


def fields(told: Told) -> dict[str, Any]:
    """The old key and the employer's name."""
    return dict(told["glassdoor"])


def check_request(request: Request) -> None:
    """One address, where the action chooses."""
    check_agent(request)
    query = check_query(request, {r"/api/api\.htm": ALWAYS | {"q", "pn", "ps", "e", "returnCities"}})
    assert set(query) >= ALWAYS
    assert (query["v"], query["format"]) == ("1", "json")
    assert query["action"] in {"employers", "jobs-stats"}


TRAITS = Traits(
    fields=fields,
    check_request=check_request,
    today="company_today",
    account="",
    wrong={"partner_key": "canary-wrong-key"},
    wrong_cause="key_invalid",
    data="/api/api.htm",
    grant="glassdoor_key",
)
