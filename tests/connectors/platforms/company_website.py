"""The career site in Google Analytics as the conformance suite meets it."""

import json
import re
from collections.abc import Mapping
from typing import Any

from connectors.company_website import CompanyWebsite
from domain.facts import Fact
from domain.platforms import find_platform
from tests.connectors.specified import check_message, specification
from tests.connectors.traits import Request, Told, Traits, check_agent, check_token_request

#: Google's discovery document, as far as it speaks of batches of reports.
SPECIFIED = specification("ga4_requests.json")


class SmallSite(CompanyWebsite):
    """Reads reports twenty rows at a time."""

    page_rows = 20


def fields(told: Told) -> dict[str, Any]:
    """The property, a service account's key and the names of the events."""
    site = told["ga4"]
    return {
        "property_id": site["property_id"],
        "careers_path": site["careers_path"],
        "service_account_json": json.dumps(site["service_account"]),
        "apply_click_event": site["events"]["click"],
        "apply_start_event": site["events"]["apply_start"],
        "apply_complete_event": site["events"]["application"],
    }


def check_request(request: Request) -> None:
    """Batches of reports by Google's discovery document and the limits it states in words, and the token endpoint."""
    check_agent(request)
    if check_token_request(request):
        return
    call = SPECIFIED["call"]
    before, after = f"/{call['path']}".split("{+property}")
    assert request["method"] == call["method"]
    assert request["path"].startswith(before)
    assert request["path"].endswith(after)
    name = request["path"].removeprefix(before).removesuffix(after)
    assert re.search(call["property"], name)
    assert re.fullmatch(r"properties/\d+", name)
    assert request["query"] == ""
    assert request["headers"]["content-type"] == "application/json"
    body = json.loads(request["body"])
    check_message(body, {"message": "BatchRunReportsRequest"}, SPECIFIED["messages"], "body")
    assert 1 <= len(body["requests"]) <= 5
    for report in body["requests"]:
        assert len(report["dimensions"]) <= 9
        assert len(report["metrics"]) <= 10
        assert int(report["limit"]) <= 250_000


def owns(fact: Fact, clock: Mapping[str, str]) -> bool:
    """The site leaves to Indeed and to the applicant system's platforms what they report themselves.

    For an hour a day the property is a day ahead of Indeed, which reports nothing of that day yet.
    """
    owner = find_platform(fact.breakdown.source) if fact.breakdown else None
    if owner is None or owner.is_site:
        return True
    if owner.key == "indeed":
        is_ahead = fact.day.isoformat() > clock["indeed_today"]
        return is_ahead or fact.metric not in {"clicks", "apply_starts", "applications"}
    return fact.metric != "applications"


def hidden(values: dict[str, Any]) -> list[str]:
    """The lines of the private key."""
    pem = json.loads(values["service_account_json"])["private_key"]
    return [line for line in pem.splitlines() if not line.startswith("-")]


TRAITS = Traits(
    fields=fields,
    check_request=check_request,
    today="property_today",
    wrong={"property_id": "999999999"},
    wrong_cause="no_permission",
    data="/v1beta/properties/",
    grant="google_service_account",
    paged="/v1beta/properties/",
    access="google_access",
    account="property_id",
    plain_parks=True,
    small_pages=SmallSite,
    long_days=62,
    posting_days=60,
    requisition=lambda seen, paths: paths.get(seen.ref, seen.ref),
    owns=owns,
    hidden=hidden,
)
