"""What every connector must do, whatever its platform: declare itself, prove a connection, keep quiet about secrets.

Run over the registry, against the sandbox. What a platform looks like from outside stands in
`tests/connectors/platforms/<key>.py`; that of those that report numbers in `test_conformance_reading.py` and
`test_conformance_faults.py`.
"""

import importlib
import inspect
import logging
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo

import pytest

from connectors.contract import MetricsSource, TermsConfig
from connectors.errors import CAUSES, ConfigError, ConnectorError, RateLimited
from connectors.http import Options
from connectors.registry import CONNECTORS, find_connector, find_source
from domain.metrics import BY_NAME
from domain.platforms import BY_KEY, SILENT_CONNECTORS
from sandbox.control import GRANTS
from sandbox.faults import Script
from sandbox.launch import Sandbox
from sandbox.truth import CONNECTIONS, expected_of
from tests.connectors.rig import Reader, assert_silent, config_values, reading, sandbox_now
from tests.connectors.traits import has_traits, traits_of
from ui.palette import LOOKS

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.parametrize("key", sorted(CONNECTORS))
CHECK_SECONDS = 10
Told = TypeVar("Told")


def in_time(check: Callable[[], Told]) -> Told:
    """What a check that ended in time told: one of three, for the machine may be busy with others meanwhile."""
    for _ in range(3):
        started = time.monotonic()
        told = check()
        if time.monotonic() - started < CHECK_SECONDS:
            return told
    raise AssertionError(f"no check of three ended within {CHECK_SECONDS} s")


def refused(reader: Reader, kind: type[ConnectorError]) -> ConnectorError:
    """What a check that fails says."""
    with pytest.raises(ConnectorError) as caught:
        reader.source.check()
    assert isinstance(caught.value, kind), (
        f"{caught.value!r} where a {kind.__name__} belongs: `classify` says what an answer means (connectors/errors.py)"
    )
    return caught.value


def test_everything_is_in_its_place(sandbox: Sandbox, key: str):
    """What docs/adding-a-connector.md asks for, named in one go as far as it is missing."""
    connector, source = CONNECTORS[key], find_source(key)
    missing = [
        f"{place}: {what}"
        for place, what, stands in (
            ("domain/platforms.py", f"the platform {connector.platform!r}", connector.platform in BY_KEY),
            ("ui/palette.py", f"the look of {connector.platform!r}", connector.platform in LOOKS),
            ("domain/platforms.py", "its key in SILENT_CONNECTORS", (source is None) == (key in SILENT_CONNECTORS)),
            (f"docs/connectors/{key}.md", "its page", (ROOT / "docs" / "connectors" / f"{key}.md").exists()),
            ("tests/connectors/platforms", f"{key}.py with its TRAITS", has_traits(key)),
        )
        if not stands
    ]
    missing += _missing_in_sandbox(sandbox, key) if has_traits(key) else []
    assert not missing, "\n".join(["still missing (docs/adding-a-connector.md):", *missing])


def _missing_in_sandbox(sandbox: Sandbox, key: str) -> list[str]:
    traits, source, connector = traits_of(key), find_source(key), CONNECTORS[key]
    connected = set(traits.connected.split(","))
    named = expected_of(frozenset(connected & {*CONNECTIONS}))
    totals = {metric for platform, metric in named if platform == connector.platform} | {"reach"}
    try:
        typed = set(traits.fields(sandbox.control("credentials")))
    except KeyError:
        typed = set()
    return [
        f"{place}: {what}"
        for place, what, stands in (
            ("sandbox/control.py", "the form's fields, in Control.credentials", typed),
            ("sandbox/control.py", f"{traits.grant!r} in GRANTS", traits.grant in GRANTS),
            ("sandbox/control.py", f"{traits.today!r} in Control._clock", traits.today in sandbox.control("clock")),
            ("sandbox/truth.py", f"{traits.connected!r} in CONNECTIONS", connected <= {*CONNECTIONS}),
            *(
                ("sandbox/truth.py", f"{each.metric!r} of {connector.platform}", each.metric in totals)
                for each in (source.metrics if source else ())
            ),
        )
        if not stands
    ]


def test_it_declares_what_the_screens_and_the_clock_need(key: str):
    connector = CONNECTORS[key]
    assert find_connector(key) is connector
    assert connector.key == key
    assert connector.platform in BY_KEY
    assert connector.label
    assert connector.summary.endswith(".")
    assert re.fullmatch(r":material/[a-z_]+:", connector.icon)
    assert connector.docs_url.startswith("https://")
    assert connector.hosts
    assert connector.limits.requests > 0
    assert connector.limits.seconds > 0
    assert not connector.cannot or connector.cannot.endswith(".")
    assert not connector.terms_warning or connector.terms_warning.endswith(".")
    assert bool(connector.terms_warning) == issubclass(connector.config_model, TermsConfig)
    assert (find_source(key) is connector) == issubclass(connector, MetricsSource)


def test_it_declares_its_metrics_or_says_what_it_cannot_give(key: str):
    source = find_source(key)
    if source is None:
        assert CONNECTORS[key].cannot
        return
    assert source.metrics
    assert source.lookback_days >= 1
    assert source.interval in {"hourly", "daily"}
    assert {offered.metric for offered in source.metrics} <= set(BY_NAME)
    assert len({offered.metric for offered in source.metrics}) == len(source.metrics)
    assert all(offered.postings for offered in source.metrics if offered.counters != "never")


def test_it_explains_every_field_of_its_form(key: str):
    connector = CONNECTORS[key]
    for name, info in connector.config_model.model_fields.items():
        assert info.title, name
        assert info.description, name
        assert info.description.endswith("."), name
    assert connector.secret_fields()


def test_it_has_a_page_of_documentation(key: str):
    text = (ROOT / "docs" / "connectors" / f"{key}.md").read_text()
    source = find_source(key)
    for offered in source.metrics if source else ():
        assert f"`{offered.metric}`" in text, offered.metric
    for info in CONNECTORS[key].config_model.model_fields.values():
        assert info.title in text, info.title


def test_it_proves_a_good_connection_quickly(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        account = in_time(reader.source.check)
    assert account.ref
    if traits_of(key).account:
        assert account.ref == config_values(sandbox, key)[traits_of(key).account]
    assert account.label
    assert ZoneInfo(account.time_zone)
    assert account.notes == ()


def test_it_says_what_is_wrong_with_a_connection_within_ten_seconds(sandbox: Sandbox, key: str):
    traits = traits_of(key)
    with reading(sandbox, key, **traits.wrong) as reader:
        error = in_time(lambda: refused(reader, ConfigError))
    assert error.cause == traits.wrong_cause
    assert error.detail
    assert reader.pauses == []


def test_it_never_waits_for_quota_in_a_check(sandbox: Sandbox, key: str):
    traits = traits_of(key)
    sandbox.plan(traits.data, traits.slow_down[0](sandbox_now(sandbox), traits.wait_seconds), repeat="always")
    with reading(sandbox, key) as reader, pytest.raises(RateLimited):
        reader.source.check()
    assert reader.pauses == []


def test_its_faults_are_planned_where_a_check_asks(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        reader.source.check()
    faults, asked = Script(traits_of(key).data, []), sandbox.log()
    assert any(faults.matches(request["method"], f"{request['path']}?{request['query']}") for request in asked), (
        f"Traits.data is {faults.route!r}, and a check asks none of it: {[request['path'] for request in asked]}"
    )


@pytest.mark.parametrize("kind", ["hang", "drip", "500", "html", "truncated"])
def test_it_ends_a_check_in_time_whatever_happens(sandbox: Sandbox, key: str, kind: str):
    sandbox.plan(traits_of(key).data, {"kind": kind}, repeat="always")
    seconds = 0.15 if kind in {"hang", "drip"} else 4.0
    with reading(sandbox, key, options=Options(request_seconds=seconds)) as reader:
        error = in_time(lambda: refused(reader, ConnectorError))
    assert error.cause in CAUSES


def test_it_checks_with_requests_the_platform_knows(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        reader.source.check()
    requests = sandbox.log()
    assert requests
    assert len(requests) == reader.http.usage.requests
    for request in requests:
        traits_of(key).check_request(request)


def test_it_is_let_off_only_from_what_it_does_not_do(sandbox: Sandbox, key: str):
    """Checks of paging and of tokens are skipped where nothing is paged and no token runs out, and nowhere else."""
    source = inspect.getsource(importlib.import_module(CONNECTORS[key].__module__))
    assert traits_of(key).paged or "connectors.paging" not in source
    with reading(sandbox, key) as reader:
        reader.source.check()
        token = reader.source.session.tokens.current()
    oauth = CONNECTORS[key].oauth
    is_renewed = token is not None and (oauth is None or oauth.refresh_days != 0)
    assert bool(traits_of(key).access) == is_renewed


def test_it_says_in_a_check_that_its_access_was_taken_back(sandbox: Sandbox, key: str):
    sandbox.control("revoke", {"what": traits_of(key).grant})
    with reading(sandbox, key) as reader, pytest.raises(ConnectorError) as caught:
        reader.source.check()
    assert caught.value.cause in {"key_invalid", "auth_revoked", "auth_expired"}
    assert CAUSES[caught.value.cause].retries is False
    assert reader.http.usage.requests <= 3


def test_it_says_nothing_secret_in_a_check_at_any_log_level(
    sandbox: Sandbox, key: str, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    with reading(sandbox, key) as reader:
        reader.source.check()
        token = reader.source.session.tokens.current()
    assert any(record.name.startswith("httpcore") for record in caplog.records), "the wire was not logged"
    if traits_of(key).access:
        assert token is not None
    assert_silent(sandbox, key, reader.http, caplog, token.access_token if token else "")
