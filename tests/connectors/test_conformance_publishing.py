"""What every connector that publishes must do: one posting by one reference, whatever goes wrong on the way."""

import logging
import socket
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.auth import MemoryTokens
from connectors.contract import Session
from connectors.errors import CAUSES, ConfigError, ConnectorError, RateLimited, SchemaDrift, Transient
from connectors.http import Options, open_http
from connectors.publishing import Outcome, Outcomes, Publisher, value_of
from connectors.registry import CONNECTORS
from domain.adverts import Advert
from sandbox.launch import Sandbox
from tests.connectors.drafts import DRAFT, ads, draft_with, told
from tests.connectors.rig import assert_silent, config_values, reading
from tests.connectors.traits import traits_of

PUBLISHERS = sorted(key for key, kind in CONNECTORS.items() if issubclass(kind, Publisher))
TELLERS = sorted(key for key, kind in CONNECTORS.items() if issubclass(kind, Outcomes))
publishers = pytest.mark.parametrize("key", PUBLISHERS)
tellers = pytest.mark.parametrize("key", TELLERS)
AT = datetime(2026, 11, 20, 9, 30, tzinfo=UTC)


def publisher(key: str) -> type[Publisher[Any]]:
    """The connector, as one that publishes."""
    kind = CONNECTORS[key]
    assert issubclass(kind, Publisher)
    return kind


def publishing(sandbox: Sandbox, key: str, **named: Any) -> Any:
    """The connector, set up to publish."""
    return reading(sandbox, key, **{**traits_of(key).publishing, **named})


@publishers
def test_a_posting_stands_once_with_its_title_and_our_link(sandbox: Sandbox, key: str):
    with publishing(sandbox, key) as reader:
        published = reader.source.publish(DRAFT)
    assert published.ref == DRAFT.ref
    assert published.status in {"pending", "live"}
    assert set(ads(sandbox, key)) == {DRAFT.ref}
    ad = ads(sandbox, key)[DRAFT.ref]
    assert ad["is_open"]
    assert DRAFT.title in str(ad["body"])
    assert DRAFT.apply_url in str(ad["body"])
    assert "&lt;robots&gt; &amp; their grippers" in str(ad["body"])


@publishers
def test_publishing_again_makes_no_second_one(sandbox: Sandbox, key: str):
    with publishing(sandbox, key) as reader:
        first = reader.source.publish(DRAFT)
        second = reader.source.publish(DRAFT)
    assert second == first
    assert [ad["made"] for ad in ads(sandbox, key).values()] == [1]


@publishers
def test_an_update_changes_it_and_may_be_repeated(sandbox: Sandbox, key: str):
    with publishing(sandbox, key) as reader:
        handles = reader.source.publish(DRAFT).handles
        for _ in range(2):
            reader.source.update(draft_with(title="Gripper lead"), handles)
    assert set(ads(sandbox, key)) == {DRAFT.ref}
    assert "Gripper lead" in str(ads(sandbox, key)[DRAFT.ref]["body"])


@publishers
def test_closing_takes_it_off_and_may_be_repeated(sandbox: Sandbox, key: str):
    with publishing(sandbox, key) as reader:
        handles = reader.source.publish(DRAFT).handles
        for _ in range(2):
            assert reader.source.close(DRAFT, handles).status == "closed"
        status = reader.source.status(DRAFT, handles)
    assert not ads(sandbox, key)[DRAFT.ref]["is_open"]
    assert status is None or status.status == "closed"


@publishers
def test_a_closed_one_can_be_published_again(sandbox: Sandbox, key: str):
    with publishing(sandbox, key) as reader:
        handles = reader.source.publish(DRAFT).handles
        reader.source.close(DRAFT, handles)
        reader.source.publish(DRAFT)
    assert [(ad["is_open"], ad["made"]) for ad in ads(sandbox, key).values()] == [(True, 1)]


@pytest.mark.parametrize("key", [key for key in PUBLISHERS if publisher(key).finds])
def test_what_it_publishes_can_be_found_where_it_says_so(sandbox: Sandbox, key: str):
    with publishing(sandbox, key) as reader:
        assert reader.source.find(DRAFT) is None
        published = reader.source.publish(DRAFT)
        assert reader.source.find(DRAFT) == published


@publishers
def test_it_tells_how_a_posting_stands_or_that_nobody_knows(sandbox: Sandbox, key: str):
    with publishing(sandbox, key) as reader:
        handles = reader.source.publish(DRAFT).handles
        status = reader.source.status(DRAFT, handles)
    assert status is None or status.status in {"pending", "live"}


@publishers
def test_it_names_what_is_missing_before_anything_is_sent(sandbox: Sandbox, key: str):
    kind = publisher(key)
    assert kind.problems(DRAFT) == {}
    empty = DRAFT.model_copy(update={"title": "", "apply_url": "", "advert": Advert()})
    assert set(kind.problems(empty)) >= set(kind.wanted)
    for name, words in kind.wanted.items():
        assert value_of(DRAFT, name)
        assert words.endswith(".")


@publishers
def test_an_answer_that_never_comes_leaves_one_posting(sandbox: Sandbox, key: str):
    with publishing(sandbox, key) as reader:
        # Whatever it needs to begin with is there, so that what is waited for is the publishing alone.
        reader.source.check()
        sandbox.plan(traits_of(key).publishes, {"kind": "swallowed"})
        with reader.http.hurried(1.5), pytest.raises(Transient) as caught:
            reader.source.publish(DRAFT)
        assert caught.value.was_sent
    deadline = time.monotonic() + 60
    while not ads(sandbox, key):
        assert time.monotonic() < deadline, "it never arrived"
        time.sleep(0.05)
    with publishing(sandbox, key) as reader:
        if publisher(key).finds:
            assert reader.source.find(DRAFT) is not None
        else:
            reader.source.publish(DRAFT)
    assert [ad["made"] for ad in ads(sandbox, key).values()] == [1]


@publishers
def test_what_cannot_have_arrived_is_told_apart(sandbox: Sandbox, key: str):
    kind = publisher(key)
    config = kind.config_model(**{**config_values(sandbox, key), **traits_of(key).publishing})
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        options = Options(sandbox_url=f"http://127.0.0.1:{taken.getsockname()[1]}")
        with open_http(kind, spend=lambda: None, pause=lambda _seconds: None, options=options) as http:
            source = kind(config, Session(http, MemoryTokens(http.now)))
            with pytest.raises(Transient) as caught:
                source.publish(DRAFT)
    assert not caught.value.was_sent


@publishers
@pytest.mark.parametrize("kind", ["500", "html", "truncated", "reset", "429_seconds"])
def test_a_storm_while_publishing_is_named_and_not_repeated(
    sandbox: Sandbox, key: str, kind: str, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    sandbox.plan(traits_of(key).publishes, {"kind": kind, **({"seconds": 300} if kind == "429_seconds" else {})})
    with publishing(sandbox, key, options=Options(request_seconds=30.0)) as reader:
        with pytest.raises(ConnectorError) as caught:
            reader.source.publish(DRAFT)
        assert_silent(sandbox, key, caught.value, caplog)
    assert caught.value.cause in CAUSES
    assert isinstance(caught.value, RateLimited) == (kind == "429_seconds")
    assert sandbox.log()[-1]["fault"] == kind, "it was sent again without a look"


@publishers
@pytest.mark.parametrize("kind", ["garbage", "null", "empty"])
def test_an_answer_that_says_nothing_is_no_second_posting(sandbox: Sandbox, key: str, kind: str):
    sandbox.plan(traits_of(key).publishes, {"kind": kind})
    with publishing(sandbox, key) as reader:
        with suppress(SchemaDrift):
            assert reader.source.publish(DRAFT).ref == DRAFT.ref
        reader.source.publish(DRAFT)
    assert [ad["made"] for ad in ads(sandbox, key).values()] == [1]


@publishers
def test_a_wrong_key_is_a_matter_for_a_person(sandbox: Sandbox, key: str):
    with publishing(sandbox, key, **traits_of(key).wrong) as reader, pytest.raises(ConfigError):
        reader.source.publish(DRAFT)
    assert ads(sandbox, key) == {}


@publishers
def test_it_sends_only_requests_the_platform_knows_when_it_publishes(sandbox: Sandbox, key: str):
    with publishing(sandbox, key) as reader:
        handles = reader.source.publish(DRAFT).handles
        reader.source.update(draft_with(questions=()), handles)
        reader.source.status(DRAFT, handles)
        reader.source.close(DRAFT, handles)
        if publisher(key).finds:
            reader.source.find(DRAFT)
    requests = sandbox.log()
    assert len(requests) == reader.http.usage.requests
    for request in requests:
        traits_of(key).check_request(request)


@tellers
def test_outcomes_are_told_in_one_call_a_batch(sandbox: Sandbox, key: str):
    stages = ("applied", "reviewed", "interviewed", "offered", "hired", "rejected", "withdrawn")
    with reading(sandbox, key) as reader:
        size = reader.source.outcomes_per_call
        outcomes = [
            Outcome(application_ref=f"{number:064x}", stage=stage, at=AT + timedelta(minutes=number))
            for number, stage in enumerate((stages * 4)[:size])
        ]
        assert reader.source.send_outcomes(outcomes) == [""] * size
        assert reader.source.send_outcomes(outcomes) == [""] * size
    assert len(told(sandbox, key)) == size
    for request in sandbox.log():
        traits_of(key).check_request(request)


@tellers
def test_every_stage_of_ours_has_a_word_there(sandbox: Sandbox, key: str):
    with reading(sandbox, key) as reader:
        for stage in ("applied", "reviewed", "interviewed", "offered", "hired", "rejected", "withdrawn"):
            assert reader.source.send_outcomes([Outcome(application_ref="f" * 64, stage=stage, at=AT)]) == [""]
    assert len(told(sandbox, key)) == 7
