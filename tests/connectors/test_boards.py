"""What is particular to each board: refusals next to our field, boosts, batches, statuses, odd spellings."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.errors import AuthExpired, ConfigError, Rejected, SchemaDrift, Transient
from connectors.indeed_jobs import error_of, refusals, standing
from connectors.publishing import Outcome, Refused
from connectors.ziprecruiter import ZipRecruiter
from domain.adverts import Question
from sandbox.launch import Sandbox
from tests.connectors.drafts import DRAFT, ads, draft_with, told
from tests.connectors.rig import reading

AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("key", "changes", "problems"),
    [
        ("ziprecruiter", {"postal_code": "x"}, {"postal_code": "postal_code is not one of this country"}),
        (
            "ziprecruiter",
            {"apply_url": "http://x.example", "title": "ab"},
            {"title": "title has at least 3 characters", "apply_url": "apply_url must be an https address"},
        ),
        ("indeed_job_sync", {"city": "nowhere"}, {"city": "cityRegionPostal could not be resolved to a place"}),
        ("indeed_job_sync", {"apply_url": "http://x.example"}, {"apply_url": "url must be an https address"}),
        ("indeed_job_sync", {"description": "short"}, {"description": "description is too short"}),
        ("monster", {"postal_code": "nowhere"}, {"postal_code": "PostalCode is not known"}),
        ("monster", {"country": "", "city": ""}, {"country": "CountryCode is not known", "city": "City is missing"}),
    ],
)
def test_what_a_platform_refuses_is_named_by_our_field(
    sandbox: Sandbox, key: str, changes: dict[str, Any], problems: dict[str, str]
):
    with reading(sandbox, key) as reader, pytest.raises(Refused) as caught:
        reader.source.publish(draft_with(**changes))
    assert caught.value.problems == problems
    assert caught.value.accepted is None
    assert ads(sandbox, key) == {}


def test_questions_that_are_refused_leave_the_posting_known(sandbox: Sandbox):
    long = Question(text="x" * 300)
    with reading(sandbox, "ziprecruiter") as reader, pytest.raises(Refused) as caught:
        reader.source.publish(draft_with(questions=(long,)))
    assert caught.value.problems == {"questions": "a question has at most 255 characters"}
    assert caught.value.accepted is not None
    assert caught.value.accepted.status == "live"
    assert set(ads(sandbox, "ziprecruiter")) == {DRAFT.ref}


def test_a_boost_is_bought_once(sandbox: Sandbox):
    with reading(sandbox, "ziprecruiter") as reader:
        boosted = draft_with(boost="double")
        reader.source.publish(boosted)
        reader.source.update(boosted, {})
    assert ads(sandbox, "ziprecruiter")[DRAFT.ref]["boost"] == "double"
    bought = [r for r in sandbox.log() if r["method"] == "POST" and r["path"].endswith("/features")]
    assert len(bought) == 1


@pytest.mark.parametrize("style", ["raw_key", "basic_key_colon"])
def test_ziprecruiters_key_can_be_sent_both_ways(sandbox: Sandbox, style: str):
    with reading(sandbox, "ziprecruiter", auth_style=style) as reader:
        assert reader.source.check().ref == "halden-robotics"


def test_ziprecruiter_knows_three_countries_only():
    assert set(ZipRecruiter.problems(draft_with(country="DE"))) == {"country"}
    assert ZipRecruiter.problems(draft_with(country="CA")) == {}


def test_a_posting_that_ziprecruiter_lost_is_said_to_be_gone(sandbox: Sandbox):
    with reading(sandbox, "ziprecruiter") as reader:
        with pytest.raises(Refused, match="any more"):
            reader.source.update(DRAFT, {})
        assert reader.source.close(DRAFT, {}).status == "closed"
        assert reader.source.status(DRAFT, {}).status == "closed"


def test_indeed_shows_a_posting_after_a_while_and_expires_it_by_its_own_id(sandbox: Sandbox):
    with reading(sandbox, "indeed_job_sync") as reader:
        handles = reader.source.publish(DRAFT).handles
        assert reader.source.status(DRAFT, handles).status == "pending"
        sandbox.control("clock", {"offset": 120})
        assert reader.source.status(DRAFT, handles).status == "live"
        reader.source.close(DRAFT, handles)
        assert reader.source.status(DRAFT, handles).status == "closed"
    assert set(handles) == {"sourced_posting", "employer_job"}


def test_one_outcome_that_indeed_refuses_does_not_hold_up_the_others(sandbox: Sandbox):
    outcomes = [
        Outcome(application_ref="f" * 64, stage="interviewed", at=AT),
        Outcome(application_ref="not hex", stage="hired", at=AT + timedelta(days=1)),
        Outcome(application_ref="e" * 64, stage="hired", at=AT + timedelta(days=2)),
    ]
    with reading(sandbox, "indeed_job_sync") as reader:
        assert reader.source.send_outcomes(outcomes) == ["", "indeedApplyID is not known", ""]
    assert [each["dispositionStatus"] for each in told(sandbox, "indeed_job_sync")] == ["INTERVIEW", "HIRED"]
    assert len([r for r in sandbox.log() if r["path"] == "/graphql"]) == 1


@pytest.mark.parametrize(
    ("code", "kind", "cause"),
    [
        ("BAD_REQUEST", Refused, "content_refused"),
        ("BAD_USER_INPUT", Refused, "content_refused"),
        ("FORBIDDEN", ConfigError, "no_permission"),
        ("UNAUTHENTICATED", AuthExpired, "auth_expired"),
        ("NOT_FOUND", ConfigError, "account_unknown"),
        ("GRAPHQL_PARSE_FAILED", Rejected, "request_rejected"),
        ("DOWNSTREAM_SERVICE_ERROR", Transient, "server_error"),
        ("INTERNAL_SERVER_ERROR", Transient, "server_error"),
        ("SOMETHING_NEW", SchemaDrift, "contract_error"),
    ],
)
def test_errors_inside_a_200_are_named_by_their_code(code: str, kind: type[Exception], cause: str):
    found = error_of([{"message": "Client is not authorized.", "extensions": {"code": code}}])
    assert type(found) is kind
    assert found.cause == cause


def test_a_token_that_ends_between_two_calls_is_renewed_once(sandbox: Sandbox):
    with reading(sandbox, "indeed_job_sync") as reader:
        reader.source.publish(DRAFT)
        sandbox.control("revoke", {"what": "indeed_access"})
        reader.source.publish(DRAFT)
    assert len([r for r in sandbox.log() if r["path"] == "/oauth/v2/tokens"]) == 2
    assert [ad["made"] for ad in ads(sandbox, "indeed_job_sync").values()] == [1]


def test_a_client_without_the_scope_is_told_so(sandbox: Sandbox):
    step = {
        "body": {
            "data": None,
            "errors": [{"message": "Client is not authorized.", "extensions": {"code": "FORBIDDEN"}}],
        }
    }
    sandbox.plan("/graphql", step)
    with reading(sandbox, "indeed_job_sync") as reader, pytest.raises(ConfigError) as caught:
        reader.source.check()
    assert caught.value.cause == "no_permission"


@pytest.mark.parametrize(
    ("lifecycles", "surface", "status"),
    [
        (["PENDING"], {}, "pending"),
        (["INACTIVE", "ACTIVE"], {}, "live"),
        (["ACTIVE"], {"isRejected": True}, "rejected"),
        (["ACTIVE"], {"isMissingRequiredSponsorship": True}, "live"),
        (["SOMETHING"], {}, None),
        ([], {}, None),
    ],
)
def test_how_a_posting_stands_at_indeed(lifecycles: list[str], surface: dict[str, bool], status: str | None):
    seats = [
        {"jobPost": {"status": {"globalStatus": {"lifecycleStatus": word}, "surfaceStatuses": [surface]}}}
        for word in lifecycles
    ]
    found = standing("r", {"node": {"id": "x", "seats": seats}})
    assert (found.status if found else None) == status
    if surface.get("isMissingRequiredSponsorship"):
        assert found is not None
        assert "sponsored" in found.detail


def test_an_answer_that_does_not_count_dispositions_is_not_taken_for_success():
    outcome = Outcome(application_ref="f" * 64, stage="hired", at=AT)
    with pytest.raises(SchemaDrift):
        refusals([outcome], {"partnerDisposition": {"send": {}}})
    with pytest.raises(SchemaDrift):
        refusals([outcome], {})


def test_a_salary_goes_to_indeed_in_minor_units(sandbox: Sandbox):
    with reading(sandbox, "indeed_job_sync") as reader:
        reader.source.publish(draft_with(salary_currency="JPY", salary_min=6_000_000, salary_max=None))
    salary = ads(sandbox, "indeed_job_sync")[DRAFT.ref]["body"]["body"]["salary"]
    assert salary == {"currency": "JPY", "period": "YEAR", "minimumMinor": 6_000_000}


def test_monster_refuses_a_posting_without_credits_with_a_success(sandbox: Sandbox):
    sandbox.control("quota", {"monsterCredits": 0})
    with reading(sandbox, "monster") as reader:
        assert reader.source.check().label.endswith("0 postings left")
        with pytest.raises(Refused, match="no inventory left"):
            reader.source.publish(DRAFT)
    assert {r["status"] for r in sandbox.log()} == {200}


def test_monsters_password_travels_in_the_envelope_alone(sandbox: Sandbox):
    with reading(sandbox, "monster") as reader:
        reader.source.publish(DRAFT)
    request = sandbox.log()[-1]
    assert "authorization" not in json.dumps(request["headers"]).lower()
    assert "jobAction=&quot;addOrUpdate&quot;" in request["body"] or 'jobAction="addOrUpdate"' in request["body"]
