"""Readers of LinkedIn's postings: whose refusal it is, what a number is worth, and what is never taken for one."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from connectors.answers import Answer
from connectors.contract import Counter, TermsConfig
from connectors.enrich_layer import EnrichLayer
from connectors.errors import ConfigError, ConnectorError, RateLimited, Transient
from connectors.linkedin_captions import Caption, parse_caption
from connectors.lix import Lix
from connectors.registry import CONNECTORS, RETIRED, find_connector
from connectors.scrapingbee import ScrapingBee, ScrapingBeeConfig
from connectors.scrapingbee_answers import PageBlocked, PageGone
from sandbox.launch import Sandbox
from tests.connectors.rig import Reader, config_values, reading, window_of

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
READERS = ("enrich_layer", "lix", "scrapingbee")
FORM = {"api_key": "k", "organization_id": "1", "accepts_terms": True}


def answer(status: int, body: Any, **headers: str) -> Answer:
    told = {"content-type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status, httpx.Headers(told), json.dumps(body).encode(), "https://app.scrapingbee.com/api/v1/")


def read(sandbox: Sandbox, reader: Reader, key: str) -> list[Counter]:
    reader.read(window_of(sandbox, key, 2))
    return reader.counters()


def rejected(reader: Reader) -> dict[str, int]:
    told: dict[str, int] = {}
    for page in reader.pages:
        for reason, count in page.rejected.items():
            told[reason] = told.get(reason, 0) + count
    return told


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("1 applicant", Caption("exact", 1)),
        ("1,204 people clicked apply", Caption("exact", 1204)),
        ("Over 1,000 people clicked apply", Caption("at_least", 1000)),
        ("100+ applicants", Caption("at_least", 100)),
        ("Be among the\u00a0first 25 applicants", Caption("less_than", 25)),
        ("Seja um dos 25 primeiros a se candidatar", None),
        ("No longer accepting applications", None),
        ("Over applicants", None),
        ("-5 applicants", None),
        ("12,34 applicants", None),
        ("99999999999999999999 applicants", None),
        ("", None),
    ],
)
def test_it_takes_a_caption_for_what_it_says_and_nothing_else(text: str, caption: Caption | None):
    assert parse_caption(text) == caption


@pytest.mark.parametrize("key", READERS)
def test_it_wants_somebody_to_answer_for_it(sandbox: Sandbox, key: str):
    model = CONNECTORS[key].config_model
    values = config_values(sandbox, key)
    assert issubclass(model, TermsConfig)
    assert model(**values).accepts_terms
    for told in ({}, {"accepts_terms": False}):
        with pytest.raises(ValidationError, match="agree to it"):
            model(**{name: value for name, value in values.items() if name != "accepts_terms"} | told)


def test_all_of_them_tell_of_the_same_account_as_estimates(sandbox: Sandbox):
    accounts = set()
    for key in (*READERS, "linkedin_page"):
        with reading(sandbox, key) as reader:
            accounts.add(reader.source.check().ref)
        assert CONNECTORS[key].platform == "linkedin"
    assert len(accounts) == 1
    for key in READERS:
        (offered,) = [each for each in reader_metrics(key) if each.metric == "applications"]
        assert offered.is_estimate


def reader_metrics(key: str) -> tuple[Any, ...]:
    return CONNECTORS[key].metrics  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("told", "kind", "cause"),
    [
        (answer(401, {"message": "Invalid api key: 1234"}), ConfigError, "key_invalid"),
        (answer(401, {"message": "Monthly API calls limit reached: 1000"}), ConfigError, "credits"),
        (answer(402, {"message": "No credits"}), ConfigError, "credits"),
        (answer(500, {"message": "x"}, spb_initial_status_code="999"), PageBlocked, "page_blocked"),
        (answer(403, {}, spb_initial_status_code="403"), PageBlocked, "page_blocked"),
        (answer(429, {}, spb_initial_status_code="429"), PageBlocked, "page_blocked"),
        (
            answer(200, {}, spb_initial_status_code="200", spb_resolved_url="https://www.linkedin.com/authwall?x"),
            PageBlocked,
            "page_blocked",
        ),
        (answer(404, {}, spb_initial_status_code="404"), PageGone, "account_unknown"),
    ],
)
def test_scrapingbees_refusals_are_told_from_linkedins(told: Answer, kind: type[ConnectorError], cause: str):
    error = ScrapingBee.classify(told, NOW)
    assert type(error) is kind
    assert error.cause == cause
    assert ScrapingBee.classify(answer(429, {"message": "Too many concurrent requests"}), NOW) is None


def test_better_proxies_are_tried_where_linkedin_blocks(sandbox: Sandbox):
    sandbox.plan("/api/v1/?", {"kind": "blocked"}, repeat="always")
    with reading(sandbox, "scrapingbee") as reader:
        found = read(sandbox, reader, "scrapingbee")
    assert found
    asked = [entry["query"] for entry in sandbox.log() if entry["path"] == "/api/v1/"]
    assert [("premium_proxy" in query) for query in asked] == [False] + [True] * (len(asked) - 1)
    assert rejected(reader) == {}


@pytest.mark.parametrize("kind", ["blocked", "authwall"])
def test_a_page_that_is_not_shown_is_no_zero_and_ends_the_sync_soon(sandbox: Sandbox, kind: str):
    sandbox.plan("/api/v1/?", {"kind": kind}, repeat="always")
    with reading(sandbox, "scrapingbee", proxies="standard") as reader, pytest.raises(Transient) as caught:
        read(sandbox, reader, "scrapingbee")
    assert caught.value.cause == "page_blocked"
    assert reader.counters() == []
    assert reader.http.usage.requests == 3
    assert reader.pauses == []


def test_one_blocked_posting_does_not_stop_the_others(sandbox: Sandbox):
    sandbox.plan("/api/v1/?", {"pass": True}, {"kind": "authwall"})
    with reading(sandbox, "scrapingbee", proxies="standard") as reader:
        found = read(sandbox, reader, "scrapingbee")
    assert rejected(reader) == {"page_blocked": 1}
    assert len(found) == reader.source.config.job_addresses.count("\n")


def test_credits_that_are_gone_are_said_in_check_and_sync(sandbox: Sandbox):
    for key, route in (("scrapingbee", "/api/v1"), ("enrich_layer", "/api/v2/"), ("lix", "/v1/")):
        sandbox.plan(route, {"kind": "credits_gone"}, repeat="always")
        with reading(sandbox, key) as reader:
            for step in (reader.source.check, lambda: read(sandbox, reader, key)):  # noqa: B023 called at once
                with pytest.raises(ConfigError) as caught:
                    step()
                assert caught.value.cause == "credits"
        assert reader.pages == []


def test_a_posting_that_is_gone_is_left_out(sandbox: Sandbox):
    jobs = config_values(sandbox, "scrapingbee")["job_addresses"].splitlines()
    with reading(sandbox, "scrapingbee", job_addresses=f"{jobs[0]}\n9999999999\n{jobs[1]}\n{jobs[0]}") as reader:
        found = read(sandbox, reader, "scrapingbee")
    assert rejected(reader) == {"posting_gone": 1}
    assert len(found) == 2


def test_captions_become_bounds_only_where_they_are(sandbox: Sandbox):
    every = sandbox.control("credentials")["scrapingbee"]["job_addresses"]
    with reading(sandbox, "scrapingbee", job_addresses=every) as reader:
        found = read(sandbox, reader, "scrapingbee")
    bounds = {counter.value for counter in found if not counter.is_exact}
    assert bounds == {25, 200}
    assert all(25 <= counter.value < 200 for counter in found if counter.is_exact)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "name a posting"),
        ("https://www.linkedin.com/jobs/view/3667167926/\nhttps://example.com/jobs", "line 2 is no posting"),
        ("\n".join(str(3_667_167_926 + number) for number in range(201)), "200 postings at most"),
    ],
)
def test_the_form_says_which_line_is_no_posting(text: str, words: str):
    with pytest.raises(ValidationError, match=re.escape(words)):
        ScrapingBeeConfig(**FORM, job_addresses=text)


def test_a_number_at_the_cap_is_only_a_bound(sandbox: Sandbox):
    with reading(sandbox, "enrich_layer") as reader:
        found = read(sandbox, reader, "enrich_layer")
    assert {counter.value for counter in found if not counter.is_exact} == {200}
    assert max(counter.value for counter in found) == 200


def test_a_missing_number_of_applicants_is_no_zero(sandbox: Sandbox):
    body = {"total_applicants": None, "title": "Engineer", "location": None}
    sandbox.plan("/api/v2/job?", {"body": body})
    with reading(sandbox, "enrich_layer") as reader:
        found = read(sandbox, reader, "enrich_layer")
    assert rejected(reader) == {"no_applicants_shown": 1}
    assert len({counter.posting for counter in found}) == len(reader.pages) - 2


def test_who_comes_with_proxycurl_is_told_what_to_do():
    assert find_connector("proxycurl") is None
    assert "Enrich Layer" in RETIRED["proxycurl"]
    gone = answer(410, {"code": 410, "description": "Proxycurl has been shut down.", "name": "Gone"})
    error = EnrichLayer.classify(gone, NOW)
    assert error is not None
    assert error.cause == "service_closed"


def test_lix_is_asked_one_by_one_where_its_search_is_bare(sandbox: Sandbox):
    with reading(sandbox, "lix") as reader:
        whole = read(sandbox, reader, "lix")
        calls = reader.http.usage.requests
    sandbox.plan("/v1/li/linkedin/search/jobs", {"kind": "bare_list"}, repeat="always")
    with reading(sandbox, "lix") as reader:
        items = reader.source.check().items
        reader.spent.clear()
        assert set(read(sandbox, reader, "lix")) == set(whole)
    jobs = len({counter.posting for counter in whole})
    assert len(reader.spent) == calls + jobs == Lix.calls_for(window_of(sandbox, "lix", 2), items=items)
    sequences = {
        re.findall("sequence_id=([^&]+)", entry["query"])[0] for entry in sandbox.log() if entry["query"][:3] == "url"
    }
    assert len(sequences) == 3, "one for each listing: the first read, the check and the second read"


def test_lix_names_what_it_means_by_type_before_status():
    queued = Lix.classify(answer(503, {"error": {"type": "queued"}}), NOW)
    assert isinstance(queued, RateLimited)
    assert queued.until == NOW + timedelta(minutes=5)
    limit = Lix.classify(answer(402, {"error": {"type": "daily_limit", "message": "x"}}), NOW)
    assert isinstance(limit, RateLimited)
    assert (limit.cause, limit.until) == ("quota", datetime(2026, 11, 23, tzinfo=UTC))
    for status, cause in ((401, "key_invalid"), (402, "credits"), (407, "config_invalid")):
        error = Lix.classify(answer(status, {"error": {"type": "api_error"}}), NOW)
        assert error is not None
        assert error.cause == cause


def test_a_queued_request_pauses_the_job(sandbox: Sandbox):
    sandbox.plan("/v1/li/linkedin/search/jobs", {"kind": "queued"})
    with reading(sandbox, "lix") as reader:
        with pytest.raises(RateLimited) as caught:
            read(sandbox, reader, "lix")
        assert timedelta(minutes=4) < caught.value.until - reader.http.now() <= timedelta(minutes=5)
    assert reader.pauses == []


def test_lix_is_understood_with_its_older_wrapper_and_without_views(sandbox: Sandbox):
    job = {"jobPostingId": "3556453411", "title": None, "applies": 37, "views": None, "companyDetails": {"x": None}}
    body = {"searchResponse": {"jobPostings": [job], "paging": {"count": 10, "start": 0, "total": 1}}}
    sandbox.plan("/v1/li/linkedin/search/jobs", {"body": body}, repeat="always")
    with reading(sandbox, "lix") as reader:
        assert read(sandbox, reader, "lix") == [Counter("applications", "3556453411", 37)]
        account = reader.source.check()
    assert account.label == f"LinkedIn company {account.ref}"


@pytest.mark.parametrize("key", ["enrich_layer", "lix"])
def test_a_company_without_postings_is_connected_with_a_note(sandbox: Sandbox, key: str):
    empty = {"job": [], "next_page_api_url": None, "jobPostings": [], "paging": {"count": 10, "start": 0, "total": 0}}
    route = "/api/v2/company/job" if key == "enrich_layer" else "/v1/li/"
    sandbox.plan(route, {"body": empty}, repeat="always")
    with reading(sandbox, key) as reader:
        (note,) = reader.source.check().notes
        assert read(sandbox, reader, key) == []
    assert "nothing to read yet" in note


@pytest.mark.parametrize("key", ["enrich_layer", "lix"])
def test_it_tells_when_a_posting_was_listed_as_its_totals_began_then(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        read(sandbox, reader, key)
    listed = {seen.posted_at.date().isoformat() for page in reader.pages for seen in page.postings if seen.posted_at}
    opened = {each["opened_on"] for each in sandbox.control("postings") if each["closed_on"] is None}
    assert listed == opened
