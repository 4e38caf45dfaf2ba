"""X: both dialects, partial successes, clicks that end after 30 days, windows, caps, credits, tokens good once."""

import json
from datetime import date, timedelta
from email.utils import format_datetime
from typing import Any

import httpx
import msgspec
import pytest

from connectors.answers import Answer
from connectors.contract import Closed, Counter
from connectors.errors import AuthExpired, ConfigError, ConnectorError, RateLimited, SchemaDrift
from connectors.x import API
from connectors.x_answers import Analytics, Sums, Timeline, counters_of, error_in, seen_of
from domain.facts import Fact, Scope
from sandbox.launch import Sandbox
from tests.connectors.rig import NOW, final, forget_tokens, reading, sandbox_now, window_of

DAY = date(2026, 10, 3)
SPAN = (DAY, DAY + timedelta(days=2))
GONE = {"resource_id": "9", "title": "Not Found Error", "type": "https://api.twitter.com/2/problems/resource-not-found"}
HIDDEN = {"resource_id": "9", "title": "Field Authorization Error", "type": "…/not-authorized-for-field"}


def timeline(*posts: dict[str, Any]) -> Timeline:
    body = {"data": posts, "meta": {"result_count": len(posts)}}
    return msgspec.json.decode(json.dumps(body), type=Timeline)


def analytics(*series: tuple[str, list[tuple[str, Any, Any]]], errors: list[dict[str, str]] | None = None) -> Analytics:
    data = [
        {
            "id": ref,
            "timestamped_metrics": [
                {"timestamp": f"{day}T00:00:00Z", "metrics": {"impressions": seen, "url_clicks": clicks}}
                for day, seen, clicks in days
            ],
        }
        for ref, days in series
    ]
    return msgspec.json.decode(json.dumps({"data": data, "errors": errors or []}), type=Analytics)


def refusal(status: int, headers: dict[str, str] | None = None, **body: Any) -> ConnectorError | None:
    return error_in(Answer(status, httpx.Headers(headers or {}), json.dumps(body).encode(), f"{API}/tweets"), NOW)


def test_it_reads_what_both_dialects_share():
    old = {"retweet_count": 3, "impression_count": 3100}
    new = {"repost_count": 3, "impression_count": 70}
    told = timeline(
        {
            "id": "1",
            "public_metrics": old,
            "non_public_metrics": {"url_link_clicks": 44},
            "edit_history_tweet_ids": ["1"],
        },
        {"id": "2", "public_metrics": new, "organic_metrics": {"url_link_clicks": 5}, "edit_history_post_ids": ["2"]},
    )
    assert counters_of(told.data) == (
        Counter("impressions", "1", 3100),
        Counter("clicks", "1", 44),
        Counter("impressions", "2", 70),
        Counter("clicks", "2", 5),
    )


def test_a_key_that_is_missing_or_no_number_is_unknown():
    told = timeline(
        {"id": "1", "public_metrics": {}}, {"id": "2", "public_metrics": {"impression_count": "7"}}, {"id": "3"}
    )
    assert counters_of(told.data) == ()


def test_a_post_tells_the_addresses_before_they_were_shortened():
    link = "https://jobs.example/7?utm_campaign=welder"
    urls = [
        {"url": "https://t.co/a", "expanded_url": "https://lnk.example/1", "unwound_url": link},
        {"url": "https://t.co/b"},
    ]
    [seen] = seen_of(
        timeline(
            {
                "id": "5",
                "text": "Hiring: Welder https://t.co/a",
                "created_at": "2026-09-20T10:15:30.000Z",
                "entities": {"urls": urls},
            }
        ).data
    )
    assert (seen.kind, seen.title, seen.campaign, seen.links) == (
        "post",
        "Hiring: Welder",
        "welder",
        (link, "https://t.co/b"),
    )
    assert seen.posted_at is not None
    assert seen.posted_at.isoformat() == "2026-09-20T10:15:30+00:00"


def test_a_post_that_is_gone_closes_the_days_all_the_same():
    sums = Sums()
    facts, rejected = sums.take(analytics(("1", [("2026-10-03", 767, 24)]), errors=[GONE]), ["1", "9"], SPAN)
    assert facts == [Fact("impressions", DAY, 767, Scope.POSTING, "1"), Fact("clicks", DAY, 24, Scope.POSTING, "1")]
    assert rejected == {"post_gone": 1}
    assert sums.facts() == [Fact("impressions", DAY, 767), Fact("clicks", DAY, 24)]
    assert Closed(("clicks",), Scope.TOTAL, *SPAN) in sums.closed(*SPAN)


def test_a_post_that_is_missing_for_another_reason_leaves_everything_open():
    sums = Sums()
    _, rejected = sums.take(analytics(("1", [("2026-10-03", 767, 24)]), errors=[HIDDEN]), ["1", "9"], SPAN)
    assert rejected == {"post_missing": 1}
    assert (sums.facts(), sums.closed(*SPAN)) == ([], ())


def test_a_number_that_is_none_leaves_its_day_open():
    sums = Sums()
    days = [("2026-10-03", 10, "x"), ("2026-10-04", 11, 2)]
    _, rejected = sums.take(analytics(("1", days)), ["1"], SPAN)
    assert rejected == {"not_a_count": 1}
    assert [fact for fact in sums.facts() if fact.metric == "clicks"] == [
        Fact("clicks", SPAN[0] + timedelta(days=1), 2)
    ]
    closed = {(part.metrics[0], part.start) for part in sums.closed(*SPAN) if part.scope is Scope.TOTAL}
    assert closed == {("impressions", DAY), ("clicks", DAY + timedelta(days=1))}


@pytest.mark.parametrize("series", [("1", [("2026-11-03", 1, 1)]), ("7", [("2026-10-03", 1, 1)])])
def test_what_was_not_asked_for_is_another_contract(series: Any):
    with pytest.raises(SchemaDrift):
        Sums().take(analytics(series), ["1"], SPAN)


def test_it_waits_for_the_window_by_the_platforms_own_clock():
    theirs = NOW + timedelta(hours=3)
    resets = str(int(theirs.timestamp()) + 90)
    error = refusal(429, {"x-rate-limit-reset": resets, "date": format_datetime(theirs, usegmt=True)})
    assert isinstance(error, RateLimited)
    assert error.until - NOW == timedelta(seconds=90)
    far = refusal(429, {"x-rate-limit-reset": "99999999999"})
    assert isinstance(far, RateLimited)
    assert far.until - NOW <= timedelta(minutes=16)
    assert refusal(429, {"x-rate-limit-reset": "soon"}) is None
    assert refusal(429, errors=[{"code": 88, "message": "Rate limit exceeded"}]) is None


def test_the_months_cap_is_no_matter_of_minutes():
    error = refusal(
        429,
        {"x-rate-limit-reset": "1790000000"},
        title="UsageCapExceeded",
        type="https://api.twitter.com/2/problems/usage-capped",
    )
    assert isinstance(error, RateLimited)
    assert error.cause == "quota"
    assert error.until == (NOW + timedelta(days=1)).replace(hour=0)


def test_running_totals_are_read_where_numbers_by_day_are_not_wanted(sandbox: Sandbox):
    with reading(sandbox, "x", by_day=False) as reader:
        assert reader.source.check().label == "@haldenrobotics"
        assert reader.read(window_of(sandbox, "x", 3)) == []
        [page] = reader.pages
        told = {(each.metric, each.posting): each.value for each in reader.counters()}
    assert page.closed == ()
    posted = {seen.ref: seen.posted_at for seen in page.postings}
    young = {ref for ref, at in posted.items() if at and sandbox_now(sandbox) - at < timedelta(days=29)}
    assert {ref for metric, ref in told if metric == "impressions"} == set(posted)
    assert young <= {ref for metric, ref in told if metric == "clicks"} < set(posted)
    assert [request for request in sandbox.log() if "analytics" in request["path"]] == []
    with reading(sandbox, "x", by_day=False) as reader:
        reader.read(window_of(sandbox, "x", 3, ending=0))
        assert (reader.pages, reader.http.usage.requests) == ([], 0)


def test_the_days_add_up_to_the_running_totals(sandbox: Sandbox):
    with reading(sandbox, "x") as reader:
        facts = reader.read(window_of(sandbox, "x", 62))
    with reading(sandbox, "x", by_day=False) as other:
        other.read(window_of(sandbox, "x", 2))
    young = {seen.ref for page in other.pages for seen in page.postings}
    totals = {(each.metric, each.posting): each.value for each in other.counters() if each.posting in young}
    by_day: dict[tuple[str, str], int] = {}
    for fact in facts:
        if fact.scope is Scope.POSTING and (fact.metric, fact.posting_ref) in totals:
            by_day[fact.metric, fact.posting_ref] = by_day.get((fact.metric, fact.posting_ref), 0) + fact.value
    assert by_day == {name: value for name, value in totals.items() if value}
    assert by_day


def test_credits_that_are_gone_are_named(sandbox: Sandbox):
    sandbox.control("quota", {"xCredits": 0})
    with reading(sandbox, "x") as reader, pytest.raises(ConfigError) as caught:
        reader.read(window_of(sandbox, "x", 2))
    assert caught.value.cause == "credits"
    assert "credits" in caught.value.detail


def test_a_read_goes_on_in_the_next_window(sandbox: Sandbox):
    with reading(sandbox, "x") as reader:
        window = window_of(sandbox, "x", 366)
        whole = final(reader.read(window))
    sandbox.reset()
    forget_tokens()
    sandbox.control("quota", {"xWindow": 4})
    with reading(sandbox, "x") as reader:
        with pytest.raises(RateLimited) as caught:
            reader.read(window)
        assert timedelta(minutes=14) < caught.value.until - reader.http.now() <= timedelta(minutes=16)
        facts = [fact for page in reader.pages for fact in page.facts]
        cursor = reader.pages[-1].cursor
    sandbox.control("quota", {"xWindow": 900})
    with reading(sandbox, "x") as reader:
        facts += reader.read(window, cursor)
    assert final(facts) == whole


def test_the_cap_of_the_month_ends_the_read_for_today(sandbox: Sandbox):
    sandbox.control("quota", {"xCap": 1})
    with reading(sandbox, "x") as reader:
        with pytest.raises(RateLimited) as caught:
            reader.read(window_of(sandbox, "x", 2))
        assert caught.value.until > reader.http.now()
    assert caught.value.cause == "quota"


def test_a_refresh_token_used_twice_ends_the_grant(sandbox: Sandbox):
    with reading(sandbox, "x") as reader:
        assert reader.source.check().label == "@haldenrobotics"
        kept = reader.source.session.tokens.current()
    assert kept is not None
    forget_tokens()
    with reading(sandbox, "x") as reader, pytest.raises(AuthExpired) as caught:
        reader.source.check()
    assert caught.value.cause == "auth_revoked"
    with reading(sandbox, "x", refresh_token=kept.refresh_token) as reader, pytest.raises(AuthExpired):
        reader.source.check()


def test_somebody_elses_account_is_refused_by_name(sandbox: Sandbox):
    with reading(sandbox, "x", user_id="12") as reader, pytest.raises(ConfigError) as caught:
        reader.source.check()
    assert caught.value.cause == "account_unknown"
    assert "@haldenrobotics" in caught.value.detail
    with reading(sandbox, "x", user_id="12") as reader, pytest.raises(ConfigError) as unknown:
        reader.read(window_of(sandbox, "x", 2))
    assert unknown.value.cause == "account_unknown"


def test_it_offers_the_account_of_who_granted_access(sandbox: Sandbox):
    with reading(sandbox, "x") as reader:
        [choice] = reader.source.choices()
        assert choice.values == {"user_id": reader.source.config.user_id}
    assert choice.label == "@haldenrobotics"
