"""Google Analytics: the words of the form, and what is refused before anything is asked."""

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.company_website import CompanyWebsiteConfig

CLIENT = {"oauth_client_id": "x", "oauth_client_secret": "canary-secret", "refresh_token": "canary-refresh"}


def config(**changes: Any) -> CompanyWebsiteConfig:
    return CompanyWebsiteConfig.model_validate({"property_id": "313131313", **CLIENT, **changes})


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("G-ABC123", "measurement ID"),
        ("UA-1234-1", "Universal Analytics"),
        ("my property", "digits only"),
        ("٣١٣١٣١", "digits only"),
        ("", "digits only"),
    ],
)
def test_it_says_what_a_property_id_is(text, words):
    with pytest.raises(ValidationError, match=words):
        config(property_id=text)


def test_it_takes_a_property_id_as_the_api_writes_it():
    assert config(property_id=" properties/313131313 ").property_id == "313131313"


@pytest.mark.parametrize(
    ("text", "path"), [("jobs", "/jobs"), ("/jobs/", "/jobs"), ("//jobs", "/jobs"), ("/", "/"), ("/a?b#c", "/a")]
)
def test_it_tidies_the_careers_path(text, path):
    assert config(careers_path=text).careers_path == path


def test_it_wants_one_complete_way_to_sign_in():
    for missing in CLIENT:
        with pytest.raises(ValidationError, match="OAuth client"):
            config(**{missing: ""})


@pytest.mark.parametrize(
    "text",
    [
        "canary-not-json",
        "[]",
        '{"type":"authorized_user","private_key":"canary"}',
        '{"type":"service_account","client_email":"canary@x.test"}',
        '{"type":"service_account","client_email":"a@x.test","private_key":"-----BEGIN PRIVATE KEY-----\\ncanary"}',
    ],
)
def test_it_says_what_is_wrong_with_a_key_file_without_quoting_it(text):
    with pytest.raises(ValidationError) as caught:
        config(service_account_json=text)
    assert "key" in str(caught.value)
    assert "canary" not in str(caught.value)


def test_it_takes_several_events_for_one_metric_each_once():
    named = config(apply_complete_event="apply_complete, generate_lead,,apply_complete", apply_click_event=" tap ")
    assert named.events() == {"clicks": ("tap",), "applications": ("apply_complete", "generate_lead")}


@pytest.mark.parametrize(
    "text", ["apply-complete", "1st", "a b", "x" * 41, "a;b", ", ".join(f"e{n}" for n in range(11))]
)
def test_it_refuses_names_that_no_event_has(text):
    with pytest.raises(ValidationError):
        config(apply_complete_event=text)


def test_it_knows_a_parameter_with_and_without_the_apis_prefix():
    for text in ("job_id", "customEvent:job_id", " job_id "):
        assert config(posting_dimension=text, apply_click_event="tap").posting_dimension == "customEvent:job_id"
    assert config(posting_dimension=" ").posting_dimension == ""


@pytest.mark.parametrize("changes", [{}, {"apply_click_event": "tap", "posting_dimension": "customUser:job id"}])
def test_it_wants_a_parameter_that_events_can_carry(changes):
    with pytest.raises(ValidationError):
        config(**{"posting_dimension": "job_id", **changes})
