"""What every connector that reports numbers must do when its platform misbehaves: name it, wait, write nothing of it.

Run over the registry, against the sandbox.
"""

import logging
from typing import Any

import pytest

from connectors.errors import CAUSES, ConfigError, ConnectorError, RateLimited, SchemaDrift, Transient
from connectors.http import Options
from connectors.registry import CONNECTORS, find_source
from sandbox.launch import Sandbox
from tests.connectors.rig import assert_silent, final, reading, sandbox_now, window_of
from tests.connectors.traits import traits_of

pytestmark = pytest.mark.parametrize("key", sorted(key for key in CONNECTORS if find_source(key)))
#: Fault of the sandbox → the errors it may end in.
STORMS: dict[str, tuple[dict[str, Any], type[ConnectorError], set[str]]] = {
    "truncated": ({"kind": "truncated"}, Transient, {"truncated"}),
    "chunk missing": ({"kind": "chunked_cut"}, Transient, {"truncated"}),
    "reset": ({"kind": "reset"}, Transient, {"truncated", "unreachable"}),
    # Each byte comes in time, and the whole never.
    "drip": ({"kind": "drip", "drip": {"bytes": 1, "interval_ms": 30}}, Transient, {"timeout"}),
    "hang": ({"kind": "hang"}, Transient, {"timeout"}),
    "swallowed": ({"kind": "swallowed"}, Transient, {"timeout"}),
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


def test_it_waits_as_long_as_the_platform_says(sandbox: Sandbox, key: str):
    traits = traits_of(key)
    for say in traits.slow_down:
        sandbox.reset()
        sandbox.plan(traits.data, say(sandbox_now(sandbox), traits.wait_seconds))
        with reading(sandbox, key) as reader:
            reader.read(window_of(sandbox, key, 2))
        assert reader.pages
        assert len(reader.pauses) == 1
        assert traits.wait_seconds / 2 <= reader.pauses[0] <= traits.wait_seconds


def test_it_leaves_a_long_wait_to_the_job(sandbox: Sandbox, key: str):
    traits = traits_of(key)
    sandbox.plan(traits.data, traits.slow_down[0](sandbox_now(sandbox), 300))
    with reading(sandbox, key) as reader:
        with pytest.raises(RateLimited) as caught:
            reader.read(window_of(sandbox, key, 2))
        left = (caught.value.until - reader.http.now()).total_seconds()
    assert 240 < left <= 300
    assert reader.pauses == []


def test_it_copes_with_a_refusal_that_names_no_time(sandbox: Sandbox, key: str):
    traits = traits_of(key)
    sandbox.plan(traits.data, traits.plain, repeat="always")
    with reading(sandbox, key) as reader:
        with pytest.raises(RateLimited) as caught:
            reader.read(window_of(sandbox, key, 2))
        left = (caught.value.until - reader.http.now()).total_seconds()
    assert 60 < left <= 3600
    if traits.plain_parks:
        assert reader.pauses == []
    else:
        assert 1 <= len(reader.pauses) <= 5


@pytest.mark.parametrize("storm", sorted(STORMS))
def test_it_names_a_storm_and_writes_nothing_of_it(
    sandbox: Sandbox, key: str, storm: str, caplog: pytest.LogCaptureFixture
):
    step, kind, causes = STORMS[storm]
    options = Options(request_seconds=0.15) if storm in {"drip", "hang", "swallowed"} else None
    caplog.set_level(logging.DEBUG)
    with reading(sandbox, key, options=options) as reader:
        sandbox.plan(traits_of(key).data, step, repeat="always")
        with pytest.raises(kind) as caught:
            reader.read(window_of(sandbox, key, 2))
    assert caught.value.cause in causes
    assert reader.pages == []
    # Where so little time is given, a busy machine may be late with what is asked before, and that is asked again too.
    assert reader.http.usage.requests <= (7 if options is None else 15)
    assert_silent(sandbox, key, caught.value, caplog)


def test_it_goes_on_after_a_passing_storm(sandbox: Sandbox, key: str):
    traits = traits_of(key)
    window = window_of(sandbox, key, 4)
    with reading(sandbox, key) as reader:
        whole = reader.read(window)
        counters = set(reader.counters())
    sandbox.plan(traits.data, {"kind": "500"}, {"kind": "truncated"}, {"pass": True}, traits.plain)
    with reading(sandbox, key) as reader:
        cursor, facts, found = "", [], set()
        for _ in range(5):
            try:
                facts += reader.read(window, cursor)
                found |= set(reader.counters())
                break
            except RateLimited:
                facts += [fact for page in reader.pages for fact in page.facts]
                found |= set(reader.counters())
                cursor = reader.pages[-1].cursor if reader.pages else cursor
    assert final(facts) == final(whole)
    assert found == counters


def test_it_stops_when_paging_runs_in_circles(sandbox: Sandbox, key: str):
    traits = traits_of(key)
    if traits.paged is None:
        pytest.skip("nothing is paged")
    sandbox.plan(traits.paged, {"kind": "loop"}, repeat="always")
    with reading(sandbox, key) as reader, pytest.raises(SchemaDrift) as caught:
        reader.read(window_of(sandbox, key, 3))
    assert caught.value.cause == "page_loop"
    assert reader.http.usage.requests <= 5
    assert reader.pages == []


def test_it_is_not_confused_by_a_page_served_twice(sandbox: Sandbox, key: str):
    traits = traits_of(key)
    if traits.paged is None or traits.small_pages is None:
        pytest.skip("nothing is paged in steps of our choosing")
    window = window_of(sandbox, key, 2)
    with reading(sandbox, key) as reader:
        whole = reader.read(window)
    sandbox.plan(traits.paged, {"pass": True}, {"kind": "duplicate_page"})
    with reading(sandbox, key, connector=traits.small_pages) as other:
        facts = other.read(window)
    assert final(facts) == final(whole)
    assert set(other.counters()) == set(reader.counters())
    is_served = any(entry["fault"] == "duplicate_page" for entry in sandbox.log())
    assert is_served, f"there was no second page at {traits.paged}: see Traits.paged and Traits.small_pages"


def test_it_renews_a_token_that_expires_on_the_way(sandbox: Sandbox, key: str):
    traits = traits_of(key)
    if not traits.access:
        pytest.skip("its tokens do not run out")
    window = window_of(sandbox, key, max(traits.long_days, 4))
    with reading(sandbox, key) as reader:
        steps = reader.source.read(window)
        next(steps)
        sandbox.control("revoke", {"what": traits.access})
        rest = list(steps)
    assert rest
    tokens = [request for request in sandbox.log() if "token" in request["path"].lower()]
    assert len(tokens) == 2


def test_it_says_that_its_access_was_taken_back(sandbox: Sandbox, key: str):
    sandbox.control("revoke", {"what": traits_of(key).grant})
    with reading(sandbox, key) as reader, pytest.raises(ConnectorError) as caught:
        reader.read(window_of(sandbox, key, 2))
    assert caught.value.cause in {"key_invalid", "auth_revoked", "auth_expired"}
    assert CAUSES[caught.value.cause].retries is False
    assert reader.http.usage.requests <= 3


def test_it_says_nothing_secret_at_any_log_level(sandbox: Sandbox, key: str, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.DEBUG)
    with reading(sandbox, key) as reader:
        reader.source.check()
        reader.read(window_of(sandbox, key, 2))
        token = reader.source.session.tokens.current()
    assert_silent(sandbox, key, reader.http, caplog, token.access_token if token else "")
