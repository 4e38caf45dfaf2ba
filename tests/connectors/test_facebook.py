"""Facebook: metrics that died, tokens that lead to the page's, refusals by code, and numbers that are none."""

import json
from datetime import date, timedelta
from typing import Any

import httpx
import msgspec
import pytest

from connectors.answers import Answer
from connectors.auth import MemoryTokens
from connectors.contract import Closed, Counter, Session, Token
from connectors.errors import AuthExpired, ConfigError, ConnectorError, RateLimited, Rejected, Transient
from connectors.facebook import API, Facebook
from connectors.facebook_answers import Insights, MetricGone, Posts, counters_of, days_of, error_in, living, seen_of
from connectors.http import Options, open_http
from domain.facts import Fact, Scope
from sandbox.launch import Sandbox
from tests.connectors.rig import NOW, config_values, reading, window_of

DAY = date(2026, 10, 3)


def insights(*metrics: dict[str, Any]) -> Insights:
    return msgspec.json.decode(json.dumps({"data": metrics}), type=Insights)


def posts(*told: dict[str, Any]) -> Posts:
    return msgspec.json.decode(json.dumps({"data": told}), type=Posts)


def failure(code: int, words: str = "", *, status: int = 400, usage: str = "", **more: Any) -> ConnectorError | None:
    body = json.dumps({"error": {"message": words, "type": "OAuthException", "code": code, **more}}).encode()
    headers = httpx.Headers({"x-business-use-case-usage": usage} if usage else {})
    return error_in(Answer(status, headers, body, f"{API}/1"), NOW)


def test_a_value_belongs_to_the_day_that_ends_with_it():
    told = insights({"name": "page_media_view", "values": [{"value": 7, "end_time": "2026-10-04T07:00:00+0000"}]})
    days = days_of(told, DAY, DAY + timedelta(days=2))
    assert days.facts == [Fact("views", DAY, 7)]
    assert days.closed(DAY, DAY + timedelta(days=2)) == (Closed(("views",), Scope.TOTAL, DAY, DAY + timedelta(days=1)),)


def test_a_number_that_is_none_leaves_its_day_open():
    values = [{"value": value, "end_time": f"2026-10-0{4 + n}T07:00:00+0000"} for n, value in enumerate([1, "x", -3])]
    days = days_of(insights({"name": "page_media_view", "values": values}), DAY, DAY + timedelta(days=3))
    assert [fact.value for fact in days.facts] == [1]
    assert days.rejected == {"not_a_count": 2}
    assert [(part.start, part.end) for part in days.closed(DAY, DAY + timedelta(days=3))] == [
        (DAY, DAY + timedelta(days=1))
    ]


def test_no_link_click_yet_is_a_zero_and_no_insight_is_unknown():
    told = posts(
        {"id": "1_1", "insights": {"data": [{"name": "post_clicks_by_type", "values": [{"value": {}}]}]}},
        {"id": "1_2", "insights": {"data": []}},
        {"id": "1_3"},
        {"id": "1_4", "insights": {"data": [{"name": "post_media_view", "values": [{"value": {"a": 1}}]}]}},
    )
    assert counters_of(told.data) == ((Counter("clicks", "1_1", 0),), {"not_a_count": 1})


def test_a_post_tells_the_addresses_it_really_leads_to():
    shared = "https://l.facebook.com/l.php?u=https%3A%2F%2Fjobs.example%2F8%3Futm_campaign%3Dwelder&h=AT0"
    told = posts(
        {
            "id": "1_1",
            "created_time": "2026-10-01T08:15:02+0000",
            "message": "We are hiring: Welder\nhttps://jobs.example/7.",
            "attachments": {"data": [{"url": shared}, {"url": "https://www.facebook.com/photo/?fbid=1"}]},
        }
    )
    [seen] = seen_of(told.data)
    assert (seen.kind, seen.title, seen.campaign) == ("post", "We are hiring: Welder", "welder")
    assert seen.links == ("https://jobs.example/7", "https://jobs.example/8?utm_campaign=welder")
    assert seen.posted_at is not None
    assert seen.posted_at.isoformat() == "2026-10-01T08:15:02+00:00"


@pytest.mark.parametrize(
    ("code", "words", "kind", "cause"),
    [
        (190, "Session has expired", AuthExpired, "auth_expired"),
        (102, "", AuthExpired, "auth_expired"),
        (10, "requires pages_read_engagement", ConfigError, "no_permission"),
        (200, "", ConfigError, "no_permission"),
        (368, "blocked", ConfigError, "no_permission"),
        (1, "Error validating client secret.", ConfigError, "key_invalid"),
        (1, "An unknown error", Transient, "server_error"),
        (100, "Invalid appsecret_proof provided", ConfigError, "key_invalid"),
        (100, "The value must be a valid insights metric", MetricGone, "request_rejected"),
        (100, "limit", Rejected, "request_rejected"),
        (2635, "deprecated version", ConfigError, "version_ended"),
        (3001, "no metric", Rejected, "request_rejected"),
    ],
)
def test_it_tells_refusals_apart_by_their_code(code: int, words: str, kind: type[ConnectorError], cause: str):
    error = failure(code, words)
    assert type(error) is kind
    assert error.cause == cause


def test_a_token_that_a_person_ended_is_said_to_be_taken_back():
    error = failure(190, "password changed", status=401, error_subcode=460)
    assert error is not None
    assert error.cause == "auth_revoked"
    assert failure(100, "no such object", error_subcode=33).cause == "account_unknown"  # type: ignore[union-attr]


@pytest.mark.parametrize("code", [4, 17, 32, 613, 80001])
def test_it_waits_the_minutes_that_facebook_names(code: int):
    usage = '{"1":[{"type":"pages","call_count":100,"estimated_time_to_regain_access":7}]}'
    error = failure(code, "slow down", status=403, usage=usage)
    assert isinstance(error, RateLimited)
    assert error.announced
    assert error.until == NOW + timedelta(minutes=7)
    unnamed = failure(code, "slow down")
    assert isinstance(unnamed, RateLimited)
    assert not unnamed.announced


def test_it_finds_what_died_by_halving():
    asked: list[tuple[str, ...]] = []
    dead = {"b", "e"}

    def probe(names: Any) -> None:
        asked.append(tuple(names))
        if dead & set(names):
            raise MetricGone("(#100)")

    assert living(tuple("abcdefgh"), probe) == ("a", "c", "d", "f", "g", "h")
    assert len(asked) < 14
    asked.clear()
    assert living(("b",), probe) == ()


def test_it_goes_on_without_a_metric_that_died_and_remembers_it(sandbox: Sandbox):
    sandbox.control("gone", {"metrics": ["post_clicks_by_type", "page_total_media_view_unique"]})
    window = window_of(sandbox, "facebook", 5)
    with reading(sandbox, "facebook") as reader:
        facts = reader.read(window)
        first = reader.http.usage.requests
    assert {fact.metric for fact in facts} == {"views"}
    assert {counter.metric for counter in reader.counters()} == {"views"}
    assert {metric for page in reader.pages for part in page.closed for metric in part.metrics} == {"views"}
    flags = {flag for page in reader.pages for flag in page.quality}
    assert flags == {"gone:post_clicks_by_type", "gone:page_total_media_view_unique"}
    with reading(sandbox, "facebook") as reader:
        reader.source.session = Session(reader.http, MemoryTokens(reader.http.now), frozenset(flags))
        reader.source = Facebook(reader.source.config, reader.source.session)
        again = reader.read(window)
    assert again == facts
    assert {flag for page in reader.pages for flag in page.quality} == flags
    assert reader.http.usage.requests < first


def test_it_asks_again_for_a_dead_metric_in_a_long_read(sandbox: Sandbox):
    with reading(sandbox, "facebook") as reader:
        session = Session(reader.http, MemoryTokens(reader.http.now), frozenset({"gone:page_media_view"}))
        reader.source = Facebook(reader.source.config, session)
        assert "views" in {fact.metric for fact in reader.read(window_of(sandbox, "facebook", 60))}
        assert "views" not in {fact.metric for fact in reader.read(window_of(sandbox, "facebook", 6))}


def test_a_check_says_what_facebook_no_longer_reports(sandbox: Sandbox):
    sandbox.control("gone", {"metrics": ["page_media_view"]})
    with reading(sandbox, "facebook") as reader:
        [note] = reader.source.check().notes
    assert "page_media_view" in note


def test_success_without_insights_is_a_missing_permission_and_no_zero(sandbox: Sandbox):
    sandbox.plan(r"^/v25\.0/\d+/insights", {"body": {"data": []}}, repeat="always")
    with reading(sandbox, "facebook") as reader:
        with pytest.raises(ConfigError) as caught:
            reader.read(window_of(sandbox, "facebook", 3, ending=0))
        assert caught.value.cause == "no_permission"


def test_a_persons_token_becomes_the_pages_own(sandbox: Sandbox):
    person = sandbox.control("credentials")["facebook"]["user_token"]
    with reading(sandbox, "facebook", access_token=person) as reader:
        assert reader.source.check().ref == config_values(sandbox, "facebook")["page_id"]
        kept = reader.source.session.tokens.current()
    assert kept is not None
    assert kept.access_token.startswith("EAAG")
    assert kept.refresh_token.startswith("EAAU")
    paths = [request["path"].rsplit("/", 1)[-1] for request in sandbox.log()]
    assert paths[:3] == ["debug_token", "access_token", "accounts"]


def test_it_lists_the_pages_of_who_granted_access(sandbox: Sandbox):
    values = config_values(sandbox, "facebook")
    person = sandbox.control("credentials")["facebook"]["user_token"]
    options = Options(sandbox_url=sandbox.url)
    with open_http(Facebook, spend=lambda: None, pause=lambda _: None, options=options) as http:
        tokens = MemoryTokens(http.now, Token(person, http.now() + timedelta(hours=1)))
        config = Facebook.config_model.model_validate({**values, "access_token": person})
        source = Facebook(config, Session(http, tokens))
        [choice] = source.choices()
        assert tokens.kept is not None
        lasting = tokens.kept
        assert source.check().ref == choice.ref == values["page_id"]
    assert choice.values == {"page_id": values["page_id"]}
    assert lasting.expires_at > http.now() + timedelta(days=50)


def test_another_pages_token_is_refused_by_name(sandbox: Sandbox):
    with reading(sandbox, "facebook", page_id="999") as reader, pytest.raises(ConfigError) as caught:
        reader.source.check()
    assert caught.value.cause == "account_unknown"
    with reading(sandbox, "facebook", access_token="EAAGcanary") as reader, pytest.raises(AuthExpired) as revoked:
        reader.source.check()
    assert revoked.value.cause == "auth_revoked"
