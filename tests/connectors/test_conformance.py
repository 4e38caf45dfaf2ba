"""What every connector must do, whatever its platform: run over the registry, against the sandbox.

A platform differs only in what it declares here: where its data comes from, how it words a refusal, and what it owns.
"""

import json
import logging
import re
import time
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.company_website import CompanyWebsite
from connectors.contract import Page, Wait
from connectors.errors import CAUSES, ConfigError, ConnectorError, RateLimited, SchemaDrift, Transient
from connectors.http import Options
from connectors.indeed import Indeed
from connectors.registry import CONNECTORS, find_connector
from domain.facts import MAX_VALUE, Fact, Scope
from domain.metrics import BY_NAME
from domain.platforms import BY_KEY, find_platform
from sandbox.launch import Sandbox
from tests.connectors.rig import config_values, reading, window_of
from tests.connectors.shapes import check_request

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Traits:
    """How one platform looks from outside. `data` and `paged` are routes of the sandbox.

    `wrong` is a config that cannot work; `grant` what a revocation takes back; `plain_parks` whether a 429 without
    Retry-After still says how long; `small_pages` a subclass that needs several pages for a week.
    """

    data: str
    paged: str
    wrong: dict[str, Any]
    wrong_cause: str
    grant: str
    access: str
    plain_parks: bool
    small_pages: type[Any]


class SmallIndeed(Indeed):
    """Lists campaigns by fours."""

    campaigns_per_page = 4


class SmallSite(CompanyWebsite):
    """Reads reports twenty rows at a time."""

    page_rows = 20


TRAITS = {
    "company_website": Traits(
        data="/v1beta/properties/",
        paged="/v1beta/properties/",
        wrong={"property_id": "999999999"},
        wrong_cause="no_permission",
        grant="google_service_account",
        access="google_access",
        plain_parks=True,
        small_pages=SmallSite,
    ),
    "indeed": Traits(
        data="/ads/v1/",
        paged="/ads/v1/campaigns?",
        wrong={"client_secret": "canary-wrong-secret"},
        wrong_cause="key_invalid",
        grant="indeed_client",
        access="indeed_access",
        plain_parks=False,
        small_pages=SmallIndeed,
    ),
}
pytestmark = pytest.mark.parametrize("key", sorted(CONNECTORS))
#: Fault of the sandbox → the errors it may end in.
STORMS: dict[str, tuple[dict[str, Any], type[ConnectorError], set[str]]] = {
    "truncated": ({"kind": "truncated"}, Transient, {"truncated"}),
    "chunk missing": ({"kind": "chunked_cut"}, Transient, {"truncated"}),
    "reset": ({"kind": "reset"}, Transient, {"truncated", "unreachable"}),
    "drip": ({"kind": "drip"}, Transient, {"timeout"}),
    "hang": ({"kind": "hang"}, Transient, {"timeout"}),
    "500": ({"kind": "500"}, Transient, {"server_error"}),
    "502": ({"kind": "502"}, Transient, {"server_error"}),
    "503": ({"kind": "503"}, Transient, {"server_error"}),
    "html": ({"kind": "html"}, SchemaDrift, {"not_json"}),
    "html 403": ({"kind": "html", "status": 403}, ConfigError, {"no_permission"}),
    "redirect": ({"kind": "redirect", "headers": {"location": "http://169.254.169.254/"}}, SchemaDrift, {"not_json"}),
    "garbage": ({"kind": "garbage"}, SchemaDrift, {"contract_error"}),
    "null": ({"kind": "null"}, SchemaDrift, {"contract_error"}),
    "empty object": ({"kind": "empty"}, SchemaDrift, {"contract_error"}),
    "list": ({"body": []}, SchemaDrift, {"contract_error"}),
    "not a number": ({"body": '{"reports":NaN,"meta":{},"data":NaN}'}, SchemaDrift, {"contract_error"}),
    "error in a success": ({"body": {"error": {"code": 500, "message": "x"}}}, SchemaDrift, {"contract_error"}),
    "mislabelled gzip": ({"kind": "mislabelled_gzip"}, SchemaDrift, {"contract_error"}),
    "gzip bomb": ({"kind": "gzip_bomb"}, SchemaDrift, {"too_large"}),
}


@pytest.fixture
def traits(key: str) -> Traits:
    return TRAITS[key]


def test_it_declares_what_the_screens_and_the_clock_need(key: str):
    connector = CONNECTORS[key]
    assert find_connector(key) is connector
    assert connector.key == key
    assert connector.platform in BY_KEY
    assert connector.label
    assert connector.summary.endswith(".")
    assert re.fullmatch(r":material/[a-z_]+:", connector.icon)
    assert connector.docs_url.startswith("https://")
    assert connector.limits.requests > 0
    assert connector.limits.seconds > 0
    assert connector.lookback_days >= 1
    assert connector.interval in {"hourly", "daily"}
    assert {offered.metric for offered in connector.metrics} <= set(BY_NAME)
    assert len({offered.metric for offered in connector.metrics}) == len(connector.metrics)


def test_it_explains_every_field_of_its_form(key: str):
    connector = CONNECTORS[key]
    for name, info in connector.config_model.model_fields.items():
        assert info.title, name
        assert info.description, name
        assert info.description.endswith("."), name
    assert connector.secret_fields()


def test_it_has_a_page_of_documentation(key: str):
    page = ROOT / "docs" / "connectors" / f"{key}.md"
    text = page.read_text()
    for offered in CONNECTORS[key].metrics:
        assert f"`{offered.metric}`" in text, offered.metric
    for info in CONNECTORS[key].config_model.model_fields.values():
        assert info.title in text, info.title


def test_it_proves_a_good_connection_quickly(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        started = time.monotonic()
        account = reader.source.check()
        assert time.monotonic() - started < 10
    assert account.ref in config_values(sandbox, key).values()
    assert account.label
    assert "/" in account.time_zone
    assert account.notes == ()


def test_it_says_what_is_wrong_with_a_connection_within_ten_seconds(sandbox: Sandbox, key: str, traits: Traits):
    with reading(sandbox, key, **traits.wrong) as reader:
        started = time.monotonic()
        with pytest.raises(ConfigError) as caught:
            reader.source.check()
        assert time.monotonic() - started < 10
    assert caught.value.cause == traits.wrong_cause
    assert caught.value.detail
    assert reader.pauses == []


def test_it_never_waits_for_quota_in_a_check(sandbox: Sandbox, key: str, traits: Traits):
    sandbox.plan(traits.data, {"kind": "429_seconds", "seconds": 1}, repeat="always")
    with reading(sandbox, key) as reader, pytest.raises(RateLimited):
        reader.source.check()
    assert reader.pauses == []


@pytest.mark.parametrize("kind", ["hang", "drip", "500", "html", "truncated"])
def test_it_ends_a_check_in_time_whatever_happens(sandbox: Sandbox, key: str, traits: Traits, kind: str):
    sandbox.plan(traits.data, {"kind": kind}, repeat="always")
    with reading(sandbox, key, options=Options(request_seconds=1.0)) as reader:
        started = time.monotonic()
        with pytest.raises(ConnectorError) as caught:
            reader.source.check()
        assert time.monotonic() - started < 10
    assert caught.value.cause in CAUSES


def test_it_yields_only_facts_it_offers(sandbox: Sandbox, key: str):
    window = window_of(sandbox, key, 10)
    offered = {each.metric: each for each in CONNECTORS[key].metrics}
    with reading(sandbox, key) as reader:
        facts = reader.read(window)
    assert facts
    for fact in facts:
        assert fact.metric in offered
        assert window.start <= fact.day < window.end
        assert type(fact.value) is int
        assert 0 <= fact.value <= MAX_VALUE
        if fact.scope is Scope.POSTING:
            assert offered[fact.metric].postings
            assert fact.posting_ref
        else:
            assert fact.posting_ref == ""
        assert bool(fact.currency) == (BY_NAME[fact.metric].unit == "money")
        if offered[fact.metric].counted_by == "source":
            assert fact.breakdown
            assert fact.breakdown.kind == "source"
    assert {fact.metric for fact in facts} == set(offered)
    assert _duplicates(facts) == []


def test_it_closes_every_day_it_read_and_no_other(sandbox: Sandbox, key: str):
    window = window_of(sandbox, key, 10)
    with reading(sandbox, key) as reader:
        reader.read(window)
    days = {window.start + timedelta(days=n) for n in range(10)}
    closed = {
        (metric, slice_.start + timedelta(days=n))
        for page in reader.pages
        for slice_ in page.closed
        if slice_.scope is Scope.TOTAL
        for metric in slice_.metrics
        for n in range((slice_.end - slice_.start).days)
    }
    assert closed == {(offered.metric, day) for offered in CONNECTORS[key].metrics for day in days}


def test_it_tells_of_every_posting_it_has_facts_for(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        facts = reader.read(window_of(sandbox, key, 5))
    seen = {posting.ref: posting for page in reader.pages for posting in page.postings}
    assert {fact.posting_ref for fact in facts if fact.scope is Scope.POSTING} <= set(seen)
    assert all(posting.path or posting.requisition_ref for posting in seen.values())


def test_it_reads_the_same_twice(sandbox: Sandbox, key: str):
    window = window_of(sandbox, key, 6)
    with reading(sandbox, key) as reader:
        first, second = reader.read(window), reader.read(window)
    assert _final(first) == _final(second)
    assert len(first) == len(second)


def test_it_resumes_after_any_step(sandbox: Sandbox, key: str):
    window = window_of(sandbox, key, 62 if key == "company_website" else 8)
    with reading(sandbox, key) as reader:
        whole = _final(reader.read(window))
        steps = list(reader.source.read(window))
        for number in sorted({*range(0, len(steps), 4), len(steps) - 1}):
            step = steps[number]
            before = [fact for page in steps[: number + 1] if isinstance(page, Page) for fact in page.facts]
            with reading(sandbox, key) as other:
                after = other.read(window, step.cursor)
            assert _final(before + after) == whole
    assert len(steps) > 2


def test_it_yields_nothing_for_the_future(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        facts = reader.read(window_of(sandbox, key, 3, ending=10))
    assert facts == []


def test_it_makes_as_many_calls_as_it_says(sandbox: Sandbox, key: str):
    for days in (3, 31, 90):
        window = window_of(sandbox, key, days)
        with reading(sandbox, key) as reader:
            items = reader.source.check().items
            reader.spent.clear()
            reader.read(window)
        assert len(reader.spent) == CONNECTORS[key].calls_for(window, items=items)


def test_it_sends_only_requests_the_platform_knows(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        reader.source.check()
        reader.read(window_of(sandbox, key, 8))
    requests = [request for request in sandbox.log() if not request["path"].startswith("/_ctl")]
    assert len(requests) == reader.http.usage.requests
    for request in requests:
        check_request(request)


@pytest.mark.parametrize("form", ["seconds", "date", "rfc850"])
def test_it_waits_as_long_as_the_platform_says(sandbox: Sandbox, key: str, traits: Traits, form: str):
    step = {"kind": "429_seconds" if form == "seconds" else "429_date", "seconds": 4}
    if form == "rfc850":
        step["format"] = form
    sandbox.plan(traits.data, step)
    with reading(sandbox, key) as reader:
        facts = reader.read(window_of(sandbox, key, 2))
    assert facts
    assert len(reader.pauses) == 1
    assert 3 <= reader.pauses[0] <= 4


def test_it_leaves_a_long_wait_to_the_job(sandbox: Sandbox, key: str, traits: Traits):
    sandbox.plan(traits.data, {"kind": "429_seconds", "seconds": 300})
    with reading(sandbox, key) as reader:
        with pytest.raises(RateLimited) as caught:
            reader.read(window_of(sandbox, key, 2))
        left = (caught.value.until - reader.http.now()).total_seconds()
    assert 290 < left <= 300
    assert reader.pauses == []


def test_it_copes_with_a_refusal_that_names_no_time(sandbox: Sandbox, key: str, traits: Traits):
    sandbox.plan(traits.data, {"kind": "429_plain"}, repeat="always")
    with reading(sandbox, key) as reader:
        with pytest.raises(RateLimited) as caught:
            reader.read(window_of(sandbox, key, 2))
        left = (caught.value.until - reader.http.now()).total_seconds()
    assert 60 < left <= 1800
    if traits.plain_parks:
        assert reader.pauses == []
    else:
        assert 1 <= len(reader.pauses) <= 5


@pytest.mark.parametrize("storm", sorted(STORMS))
def test_it_names_a_storm_and_writes_nothing_of_it(
    sandbox: Sandbox, key: str, traits: Traits, storm: str, caplog: pytest.LogCaptureFixture
):
    step, kind, causes = STORMS[storm]
    options = Options(request_seconds=0.4) if storm in {"drip", "hang"} else None
    caplog.set_level(logging.DEBUG)
    with reading(sandbox, key, options=options) as reader:
        sandbox.plan(traits.data, step, repeat="always")
        with pytest.raises(kind) as caught:
            reader.read(window_of(sandbox, key, 2))
    assert caught.value.cause in causes
    assert reader.pages == []
    assert reader.http.usage.requests <= 7
    _assert_silent(sandbox, key, caught.value, caplog)


def test_it_goes_on_after_a_passing_storm(sandbox: Sandbox, key: str, traits: Traits):
    window = window_of(sandbox, key, 4)
    with reading(sandbox, key) as reader:
        whole = reader.read(window)
    sandbox.plan(traits.data, {"kind": "500"}, {"kind": "truncated"}, {"pass": True}, {"kind": "429_plain"})
    with reading(sandbox, key) as reader:
        cursor, facts = "", []
        for _ in range(5):
            try:
                facts += reader.read(window, cursor)
                break
            except RateLimited:
                facts += [fact for page in reader.pages for fact in page.facts]
                cursor = reader.pages[-1].cursor if reader.pages else cursor
    assert _final(facts) == _final(whole)


def test_it_stops_when_paging_runs_in_circles(sandbox: Sandbox, key: str, traits: Traits):
    sandbox.plan(traits.paged, {"kind": "loop"}, repeat="always")
    with reading(sandbox, key) as reader, pytest.raises(SchemaDrift) as caught:
        reader.read(window_of(sandbox, key, 3))
    assert caught.value.cause == "page_loop"
    assert reader.http.usage.requests <= 5
    assert reader.pages == []


def test_it_reads_pages_to_the_last_one(sandbox: Sandbox, key: str, traits: Traits):
    window = window_of(sandbox, key, 2)
    with reading(sandbox, key) as reader:
        whole = reader.read(window)
    with reading(sandbox, key, connector=traits.small_pages) as small:
        facts = small.read(window)
    assert _final(facts) == _final(whole)
    assert small.http.usage.requests > reader.http.usage.requests


def test_it_is_not_confused_by_a_page_served_twice(sandbox: Sandbox, key: str, traits: Traits):
    window = window_of(sandbox, key, 2)
    with reading(sandbox, key) as reader:
        whole = reader.read(window)
    sandbox.plan(traits.paged, {"pass": True}, {"kind": "duplicate_page"})
    with reading(sandbox, key, connector=traits.small_pages) as reader:
        facts = reader.read(window)
    assert _final(facts) == _final(whole)
    assert any(entry["fault"] == "duplicate_page" for entry in sandbox.log())


def test_it_renews_a_token_that_expires_on_the_way(sandbox: Sandbox, key: str, traits: Traits):
    window = window_of(sandbox, key, 62 if key == "company_website" else 4)
    with reading(sandbox, key) as reader:
        steps = reader.source.read(window)
        next(steps)
        sandbox.control("revoke", {"what": traits.access})
        rest = list(steps)
    assert rest
    tokens = [request for request in sandbox.log() if "token" in request["path"]]
    assert len(tokens) == 2


def test_it_says_that_its_access_was_taken_back(sandbox: Sandbox, key: str, traits: Traits):
    sandbox.control("revoke", {"what": traits.grant})
    with reading(sandbox, key) as reader, pytest.raises(ConnectorError) as caught:
        reader.read(window_of(sandbox, key, 2))
    assert caught.value.cause in {"key_invalid", "auth_revoked", "auth_expired"}
    assert CAUSES[caught.value.cause].retries is False
    assert reader.http.usage.requests <= 2


def test_it_says_nothing_secret_at_any_log_level(sandbox: Sandbox, key: str, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    with reading(sandbox, key) as reader:
        reader.source.check()
        reader.read(window_of(sandbox, key, 2))
        tokens = reader.source.session.tokens.current()
    assert tokens is not None
    assert any(record.name.startswith("httpcore") for record in caplog.records), "the wire was not logged"
    _assert_silent(sandbox, key, reader.http, caplog, tokens.access_token)


def test_its_twelve_months_equal_the_truth(sandbox: Sandbox, key: str):
    window = window_of(sandbox, key, 366)
    with reading(sandbox, key) as reader:
        facts = reader.read(window)
    told = sandbox.truth(window.start, window.end)
    truth = {
        (day["metric"], day["day"]): day["value"]
        for day in told["days"]
        if day["platform"] == key and day["metric"] not in {"interviews", "offers", "hires"}
    }
    mine = Counter[tuple[str, str]]()
    for fact in facts:
        if fact.scope is Scope.TOTAL and _counts(key, fact):
            mine[fact.metric, fact.day.isoformat()] += fact.value
    assert dict(mine) == {at: value for at, value in truth.items() if value}
    assert sum(mine.values()) > 100_000


def test_its_postings_equal_the_truth(sandbox: Sandbox, key: str):
    window = window_of(sandbox, key, 60 if key == "company_website" else 7)
    with reading(sandbox, key) as reader:
        facts = reader.read(window)
    requisitions = {posting["path"]: posting["requisition"] for posting in sandbox.control("postings")}
    mine = Counter[tuple[str, str, str]]()
    for fact in facts:
        ref = requisitions.get(fact.posting_ref, fact.posting_ref)
        if fact.scope is Scope.POSTING and _owned(key, fact) and not ref.startswith("/"):
            mine[fact.metric, ref, fact.day.isoformat()] += fact.value
    told = sandbox.truth(window.start, window.end)
    truth = {
        (each["metric"], each["requisition"], each["day"]): each["value"]
        for each in told["postings"]
        if each["platform"] == key and each["metric"] not in {"interviews", "offers", "hires"} and each["value"]
    }
    assert dict(mine) == truth
    assert truth


def _counts(key: str, fact: Fact) -> bool:
    """Whether a fact of scope total enters the total."""
    offered = {each.metric: each for each in CONNECTORS[key].metrics}[fact.metric]
    return fact.breakdown is None if offered.counted_by == "total" else _owned(key, fact)


def _owned(key: str, fact: Fact) -> bool:
    """The career site leaves to Indeed and to the applicant system's platforms what they report themselves."""
    if not BY_KEY[key].is_site or fact.breakdown is None:
        return True
    owner = find_platform(fact.breakdown.source)
    if owner is None or owner.is_site:
        return True
    if owner.key == "indeed":
        return fact.metric not in {"clicks", "apply_starts", "applications"}
    return fact.metric != "applications"


def _final(facts: list[Fact]) -> dict[tuple[Any, ...], int]:
    """What a store holds after these facts: the last one of each key."""
    return {_key(fact): fact.value for fact in facts}


def _duplicates(facts: list[Fact]) -> list[tuple[Any, ...]]:
    return [key for key, count in Counter(map(_key, facts)).items() if count > 1]


def _key(fact: Fact) -> tuple[Any, ...]:
    return fact.metric, fact.day, fact.scope, fact.posting_ref, fact.breakdown, fact.currency, fact.hour


def _assert_silent(sandbox: Sandbox, key: str, shown: object, caplog: pytest.LogCaptureFixture, *more: str) -> None:
    values = config_values(sandbox, key)
    secrets = [values[name] for name in CONNECTORS[key].secret_fields() if name in values]
    if "service_account_json" in values:
        pem = json.loads(values["service_account_json"])["private_key"]
        secrets += [line for line in pem.splitlines() if not line.startswith("-")]
    texts = repr(shown) + str(shown) + "".join(r.getMessage() + repr(r.__dict__) for r in caplog.records)
    for secret in (*secrets, *more, "ya29.c.", "eyJ"):
        assert secret not in texts


def test_it_waits_only_where_something_is_being_made(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        steps = list(reader.source.read(window_of(sandbox, key, 7)))
    waits = [step for step in steps if isinstance(step, Wait)]
    assert all(0 < wait.seconds <= 300 and wait.cursor and wait.reason for wait in waits)
    assert not isinstance(steps[-1], Wait)
