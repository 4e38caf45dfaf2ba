"""Monster as the conformance suite meets it."""

import re
from typing import Any
from xml.etree.ElementTree import Element, fromstring

from connectors.monster import HEADER, MONSTER, SECURITY
from connectors.soap import ENVELOPE
from tests.connectors.traits import Request, Told, Traits, check_agent

KNOWN = {
    "InventoriesQuery": {"LicenseType"},
    "Job": {"RecruiterReference", "JobInformation", "JobPostings"},
    "RecruiterReference": {"UserName"},
    "JobInformation": {"JobTitle", "JobStatus", "Salary", "PhysicalAddress", "JobBody", "CustomApplyOnlineURL"},
    "Salary": {"Currency", "SalaryMin", "SalaryMax", "CompensationType"},
    "PhysicalAddress": {"StreetAddress", "City", "State", "CountryCode", "PostalCode"},
    "JobPostings": {"JobPosting"},
    "JobPosting": {"BoardName"},
}


def fields(told: Told) -> dict[str, Any]:
    """The gateway account."""
    return dict(told["monster"])


def check_request(request: Request) -> None:
    """One address, XML with a SOAPAction, a stamped header, the sign-in inside, and known elements."""
    check_agent(request)
    assert (request["method"], request["path"], request["query"]) == ("POST", "/bgwBroker", "")
    assert request["headers"]["content-type"] == "text/xml; charset=utf-8"
    assert "soapaction" in request["headers"]
    assert "authorization" not in request["headers"]
    envelope = fromstring(request["body"])
    message = f"{{{ENVELOPE}}}Header/{{{HEADER}}}MonsterHeader/{{{HEADER}}}MessageData/{{{HEADER}}}"
    assert envelope.findtext(f"{message}MessageId")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", envelope.findtext(f"{message}Timestamp") or "")
    token = f"{{{ENVELOPE}}}Header/{{{SECURITY}}}Security/{{{SECURITY}}}UsernameToken/{{{SECURITY}}}Password"
    assert envelope.findtext(token)
    (told,) = envelope.findall(f"{{{ENVELOPE}}}Body/*")
    _check_children(told)


def _check_children(parent: Element) -> None:
    name = parent.tag.removeprefix(f"{{{MONSTER}}}")
    for child in parent:
        assert child.tag.removeprefix(f"{{{MONSTER}}}") in KNOWN.get(name, set()), f"{name}/{child.tag}"
        _check_children(child)


TRAITS = Traits(
    fields=fields,
    check_request=check_request,
    today="company_today",
    wrong={"password": "canary-wrong-password"},
    wrong_cause="key_invalid",
    data="/bgwBroker",
    grant="monster_password",
    account="username",
    publishes="/bgwBroker",
)
