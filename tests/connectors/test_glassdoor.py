"""Glassdoor: success is what the body says, ratings are numbers or text, and nothing is synced."""

from typing import Any

import pytest

from connectors.errors import ConfigError, Rejected
from connectors.registry import find_source
from sandbox.launch import Sandbox
from tests.connectors.rig import reading

KEY = "glassdoor"
ROUTE = "/api/api.htm"


def employers(**more: Any) -> dict[str, Any]:
    one = {"id": 1234, "name": "Acme", "exactMatch": True, **more}
    return {"success": True, "status": "OK", "jsessionid": "", "response": {"employers": [one]}}


def test_what_it_found_is_the_label_of_the_card(sandbox: Sandbox):
    with reading(sandbox, KEY) as reader:
        account = reader.source.check()
    is_open = [each for each in sandbox.control("postings") if each["closed_on"] is None]
    assert account.label == f"Halden Robotics: 3.9 of 5 from 812 ratings, {len(is_open)} open postings"
    assert account.ref == "488213"
    assert find_source(KEY) is None


@pytest.mark.parametrize(("status", "code"), [("Access-Denied", 200), ("Access-Denied", 403), ("Invalid-Key", 200)])
def test_a_refusal_counts_whatever_the_status(sandbox: Sandbox, status: str, code: int):
    body = {"success": False, "status": status, "jsessionid": "", "response": None}
    sandbox.plan(ROUTE, {"status": code, "body": body}, repeat="always")
    with reading(sandbox, KEY) as reader, pytest.raises(ConfigError) as caught:
        reader.source.check()
    assert caught.value.cause == "key_invalid"
    assert status in caught.value.detail


def test_a_bad_request_is_our_mistake(sandbox: Sandbox):
    sandbox.plan(ROUTE, {"body": {"success": False, "status": "Bad-Request", "response": None}}, repeat="always")
    with reading(sandbox, KEY) as reader, pytest.raises(Rejected):
        reader.source.check()


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"overallRating": 3.9, "numberOfRatings": 7}, "3.9 of 5 from 7 ratings"),
        ({"overallRating": "4.0", "numberOfRatings": "7"}, "4.0 of 5 from 7 ratings"),
        ({"overallRating": 0, "numberOfRatings": 0}, "not rated"),
        ({"overallRating": "n/a"}, "not rated"),
        ({}, "not rated"),
    ],
)
def test_it_reads_ratings_as_numbers_and_as_text(sandbox: Sandbox, told: dict[str, Any], words: str):
    sandbox.plan(f"^{ROUTE}.*action=employers", {"body": employers(**told)})
    with reading(sandbox, KEY, employer="Acme") as reader:
        assert words in reader.source.check().label


def test_another_name_is_not_taken_for_the_employer(sandbox: Sandbox):
    with reading(sandbox, KEY, employer="Halden") as reader, pytest.raises(ConfigError) as caught:
        reader.source.check()
    assert caught.value.cause == "account_unknown"
    assert "Halden Robotics" in caught.value.detail
