"""LinkedIn Page's oddities: what its answers mean, what its refusals mean, and how it is asked."""

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import msgspec
import pytest
from pydantic import SecretStr, ValidationError

from connectors import linkedin_answers
from connectors.answers import Answer
from connectors.auth import Client, MemoryTokens
from connectors.contract import Counter, Token
from connectors.errors import AuthExpired, ConfigError, RateLimited, SchemaDrift
from connectors.grants import consent_url, exchange
from connectors.linkedin_answers import Post, Statistics
from connectors.linkedin_form import LinkedInPageConfig
from connectors.linkedin_page import LinkedInPage
from domain.facts import Fact, Window
from sandbox.launch import Sandbox
from tests.connectors.rig import config_values, reading, window_of

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
DAY = date(2026, 11, 20)
KEY = "linkedin_page"


def told(*elements: dict[str, Any]) -> Statistics:
    return msgspec.convert({"elements": list(elements)}, Statistics)


def day_element(day: date, impressions: int = 10, clicks: int = 2, **people: int) -> dict[str, Any]:
    start = int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * 1000
    totals = {"impressionCount": impressions, "clickCount": clicks, "likeCount": -1, **people}
    return {"timeRange": {"start": start, "end": start + 86_400_000}, "totalShareStatistics": totals}


def answer(status: int, body: dict[str, Any]) -> Answer:
    headers = httpx.Headers({"content-type": "application/json"})
    return Answer(status, headers, json.dumps(body).encode(), "https://api.linkedin.com/rest/posts")


@pytest.mark.parametrize("spelling", ["uniqueImpressionsCount", "uniqueImpressionsCounts"])
def test_it_reads_people_in_both_spellings(spelling: str):
    days = linkedin_answers.days_of(told(day_element(DAY, **{spelling: 7})), DAY, DAY + timedelta(days=1))
    assert Fact("reach", DAY, 7) in days.facts
    assert days.rejected == {}


def test_it_leaves_the_day_open_for_a_number_that_is_missing_or_negative():
    elements = told(day_element(DAY), day_element(DAY + timedelta(days=1), clicks=-3, uniqueImpressionsCount=1))
    days = linkedin_answers.days_of(elements, DAY, DAY + timedelta(days=3))
    assert days.rejected == {"missing": 1, "negative": 1}
    closed = {(part.metrics[0], part.start, part.end) for part in days.closed(DAY, DAY + timedelta(days=3))}
    one = timedelta(days=1)
    assert closed == {
        ("impressions", DAY, DAY + 3 * one),
        ("clicks", DAY, DAY + one),
        ("clicks", DAY + 2 * one, DAY + 3 * one),
        ("reach", DAY + one, DAY + 3 * one),
    }


@pytest.mark.parametrize(
    "elements",
    [
        [day_element(DAY - timedelta(days=1))],
        [day_element(DAY), day_element(DAY)],
        [day_element(DAY) | {"timeRange": {"start": 1, "end": 86_400_001}}],
        [day_element(DAY) | {"timeRange": None}],
        [day_element(DAY) | {"timeRange": {"start": 86_400_000 * 10**9, "end": 86_400_000 * (10**9 + 1)}}],
    ],
    ids=["another day", "twice", "no midnight", "no day", "absurd"],
)
def test_it_refuses_days_that_were_not_asked_for(elements: list[dict[str, Any]]):
    with pytest.raises(SchemaDrift):
        linkedin_answers.days_of(told(*elements), DAY, DAY + timedelta(days=1))


def test_a_post_that_is_left_out_had_no_activity():
    totals = {"impressionCount": 5321, "clickCount": 212}
    found = linkedin_answers.counters_of(
        told({"share": "urn:li:share:1", "totalShareStatistics": totals}), ["urn:li:share:1", "urn:li:share:2"]
    )
    assert found == [
        Counter("impressions", "urn:li:share:1", 5321),
        Counter("clicks", "urn:li:share:1", 212),
        Counter("impressions", "urn:li:share:2", 0),
        Counter("clicks", "urn:li:share:2", 0),
    ]
    with pytest.raises(SchemaDrift):
        linkedin_answers.counters_of(told({"share": "urn:li:share:9", "totalShareStatistics": totals}), [])


def test_it_finds_the_links_and_the_campaign_of_a_post():
    text = r"We hire \(m/w/d\) \#robots: https://jobs.example.com/7?utm_campaign=Spring%20&x=1, see www.no.example!"
    article = {"article": {"source": "https://jobs.example.com/8", "title": "Job"}}
    post = msgspec.convert(
        {"id": "urn:li:share:1", "createdAt": 1_790_064_000_000, "commentary": text, "content": article}, Post
    )
    (seen,) = linkedin_answers.seen_of([post])
    assert seen.links == ("https://jobs.example.com/8", "https://jobs.example.com/7?utm_campaign=Spring%20&x=1")
    assert seen.campaign == "Spring"
    assert seen.title.startswith("We hire (m/w/d) #robots")
    assert seen.posted_at == datetime(2026, 9, 22, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("status", "body", "kind", "cause"),
    [
        (426, {"code": "NONEXISTENT_VERSION", "message": "not active", "status": 426}, ConfigError, "version_ended"),
        (401, {"serviceErrorCode": 65601, "message": "revoked", "status": 401}, AuthExpired, "auth_revoked"),
    ],
)
def test_it_knows_linkedins_own_refusals(status: int, body: dict[str, Any], kind: type[Exception], cause: str):
    error = LinkedInPage.classify(answer(status, body), NOW)
    assert isinstance(error, kind)
    assert error.cause == cause  # type: ignore[attr-defined]
    assert body["message"] in str(error)


def test_a_days_limit_lasts_until_midnight_utc():
    words = "Resource level throttle MEMBER DAY limit for calls to this resource is reached."
    error = LinkedInPage.classify(answer(429, {"message": words, "serviceErrorCode": 101, "status": 429}), NOW)
    assert isinstance(error, RateLimited)
    assert error.until == datetime(2026, 11, 23, tzinfo=UTC)
    assert error.announced
    plain = answer(429, {"message": "Too many requests", "serviceErrorCode": 101, "status": 429})
    assert LinkedInPage.classify(plain, NOW) is None, "protection of the infrastructure passes soon"


def test_it_sleeps_until_midnight_when_the_days_calls_are_used_up(sandbox: Sandbox):
    sandbox.plan("/rest/organizationalEntityShareStatistics", {"kind": "day_limit"}, repeat="always")
    with reading(sandbox, KEY) as reader:
        with pytest.raises(RateLimited) as caught:
            reader.read(window_of(sandbox, KEY, 3))
        assert caught.value.until.hour == caught.value.until.minute == 0
        assert timedelta(0) < caught.value.until - reader.http.now() <= timedelta(days=1)
    assert reader.pauses == []
    assert reader.pages == []


def test_it_says_that_its_version_has_ended(sandbox: Sandbox):
    sandbox.plan("/rest/", {"kind": "version_sunset"}, repeat="always")
    with reading(sandbox, KEY) as reader, pytest.raises(ConfigError) as caught:
        reader.source.check()
    assert caught.value.cause == "version_ended"
    with reading(sandbox, KEY, api_version="202401") as reader, pytest.raises(ConfigError):
        reader.source.check()


def test_it_warns_before_its_version_ends(sandbox: Sandbox):
    with reading(sandbox, KEY, api_version="202512") as reader:
        notes = reader.source.check().notes
        reader.read(window_of(sandbox, KEY, 2))
    assert notes == ("LinkedIn ends version 202512 of its API on 2026-12-15: choose a newer one.",)
    assert reader.pages[0].quality == ("version_ending",)
    with reading(sandbox, KEY) as reader:
        reader.read(window_of(sandbox, KEY, 2))
    assert reader.pages[0].quality == ()


def test_it_asks_for_nothing_older_than_twelve_months(sandbox: Sandbox):
    long = window_of(sandbox, KEY, 800)
    with reading(sandbox, KEY) as reader:
        reader.read(long)
        today = reader.http.now().date()
        closed = {part.start for page in reader.pages for part in page.closed}
        assert closed == {today.replace(year=today.year - 1)}
        assert list(reader.source.read(Window(long.start, long.start + timedelta(days=9), long.start))) == []


def test_it_offers_the_pages_that_the_grant_reaches(sandbox: Sandbox):
    with reading(sandbox, KEY) as reader:
        (choice,) = reader.source.choices()
    number = config_values(sandbox, KEY)["organization_id"]
    assert (choice.ref, choice.values) == (number, {"organization_id": number})
    assert choice.label == "Halden Robotics"


def test_it_lives_on_an_access_token_until_that_is_refused(sandbox: Sandbox):
    with reading(sandbox, KEY) as reader:
        reader.source.check()
        token = reader.source.session.tokens.current().access_token
    with reading(sandbox, KEY, refresh_token="", access_token=token) as reader:
        assert reader.source.check().label == "Halden Robotics"
        assert not [entry for entry in sandbox.log()[-reader.http.usage.requests :] if "Token" in entry["path"]]
        sandbox.control("revoke", {"what": "linkedin_access"})
        with pytest.raises(AuthExpired):
            reader.source.check()
    stale = Token(token, datetime.now(UTC) - timedelta(hours=1))
    with reading(sandbox, KEY, refresh_token="", access_token=token) as reader:
        kept = MemoryTokens(reader.http.now, stale)
        assert kept.renew("", reader.source._fetch_token).access_token == token, "its day was ours, not LinkedIn's"


def test_consent_brings_a_grant_with_its_end_and_the_pages_to_choose_from(sandbox: Sandbox):
    values = config_values(sandbox, KEY)
    back = "http://127.0.0.1:9/auth/callback"
    asked = {"client_id": values["client_id"], "redirect_uri": back, "response_type": "code", "state": "s"}
    assert LinkedInPage.oauth is not None
    told = asked | {"scope": " ".join(LinkedInPage.oauth.scopes), "answer": "allow"}
    url = consent_url(LinkedInPage.oauth, values["client_id"], redirect_uri=back, state="s", verifier="")
    assert url.startswith("https://www.linkedin.com/oauth/v2/authorization?")
    went = httpx.post(f"{sandbox.url}/oauth/v2/authorization", data=told, trust_env=False, timeout=60).headers[
        "location"
    ]
    code = parse_qs(urlsplit(went).query)["code"][0]
    with reading(sandbox, KEY) as reader:
        client = Client(values["client_id"], SecretStr(values["client_secret"]))
        granted = exchange(LinkedInPage, reader.http, client, code, redirect_uri=back, verifier="")
        ends = granted.refresh_ends_at - reader.http.now()
    assert timedelta(days=364) < ends <= timedelta(days=365)
    assert set(granted.scopes) == set(LinkedInPage.oauth.scopes)
    assert set(granted.values) == {"refresh_token"}
    with reading(sandbox, KEY, **granted.values) as reader:
        assert [choice.label for choice in reader.source.choices()] == ["Halden Robotics"]


def test_the_form_takes_a_urn_and_wants_some_token():
    form = {"client_id": "a", "client_secret": "b", "organization_id": "urn:li:organization:2414183"}
    assert LinkedInPageConfig(**form, access_token="t").organization_id == "2414183"
    assert LinkedInPage.granted({"refresh_token": "r", "access_token": "a"}) == {"refresh_token": "r"}
    assert LinkedInPage.granted({"access_token": "a"}) == {"access_token": "a"}
    with pytest.raises(ValidationError, match="a refresh token or an access token"):
        LinkedInPageConfig(**form)
