"""Indeed: odd numbers, reports in the making, budgets that end in the middle, and what is never counted twice."""

import json
from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from connectors.contract import Page, Wait
from connectors.errors import ConfigError, RateLimited, SchemaDrift, Transient
from connectors.indeed import API, POLLS, Cursor, Indeed
from connectors.indeed_stats import (
    Campaign,
    Campaigns,
    Entries,
    Envelope,
    Sums,
    campaigns_of,
    entries_of,
    labels,
)
from domain.facts import Breakdown, Fact, Scope, Window
from sandbox.launch import Sandbox
from tests.connectors.rig import NOW, reading, window_of

DAY = date(2026, 11, 1)
ENTRY: dict[str, Any] = {
    "Name": "Spring",
    "Id": "a1",
    "Date": "2026-11-01",
    "Clicks": 41,
    "Impressions": 1320,
    "Conversions": 5,
    "CurrencyCode": "USD",
    "Cost": 38.12,
    "OrganicClicks": 12,
    "OrganicImpressions": 410,
    "Applystarts": 9,
    "OrganicApplystarts": 3,
}


def entries(*changes: dict[str, Any]) -> Any:
    told = [ENTRY | change for change in changes]
    body = json.dumps({"meta": {}, "data": {"entries": told[0] if len(told) == 1 else told}})
    return entries_of(msgspec.json.decode(body, type=Envelope[Entries]))


def summed(*changes: dict[str, Any]) -> Sums:
    sums = Sums()
    for entry in entries(*changes):
        sums.take(entry, DAY, DAY + timedelta(days=5))
    return sums


def test_it_adds_sponsored_and_organic_and_keeps_money_exact():
    facts = {fact.metric: fact for fact in summed({}).facts()}
    assert {name: fact.value for name, fact in facts.items()} == {
        "impressions": 1730,
        "clicks": 53,
        "apply_starts": 12,
        "applications": 5,
        "spend": 3812,
    }
    assert facts["spend"].currency == "USD"
    assert facts["clicks"].currency == ""


def test_it_explains_the_total_by_what_was_paid():
    paid = {(fact.metric, fact.breakdown.source): fact.value for fact in summed({}).paid_facts()}
    assert paid["clicks", "sponsored"] == 41
    assert paid["clicks", "organic"] == 12
    assert ("applications", "organic") not in paid
    assert ("spend", "organic") not in paid


@pytest.mark.parametrize(
    ("cost", "currency", "minor"),
    [("0.45", "USD", 45), (1200, "JPY", 1200), ("1.234", "KWD", 1234), (0.1, "eur", 10), (33.335, "USD", 3334)],
)
def test_it_reads_money_in_any_currency(cost, currency, minor):
    (spend,) = [f for f in summed({"Cost": cost, "CurrencyCode": currency}).facts() if f.metric == "spend"]
    assert (spend.value, spend.currency) == (minor, currency.upper())


def test_it_adds_ten_cents_three_times_to_thirty():
    sums = Sums()
    for _ in range(3):
        sums.merge(summed({"Cost": 0.1}))
    assert [fact.value for fact in sums.facts() if fact.metric == "spend"] == [30]


def test_it_needs_no_currency_where_nothing_was_spent():
    sums = summed({"Cost": 0.0, "CurrencyCode": None})
    assert "spend" not in {fact.metric for fact in sums.facts()}
    assert not sums.bad
    assert not summed({"Cost": None, "CurrencyCode": None}).bad


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"CurrencyCode": None}, "currency"),
        ({"CurrencyCode": "US$"}, "currency"),
        ({"Clicks": -1}, "value"),
        ({"Clicks": "1,234"}, "value"),
        ({"Clicks": None}, "value"),
        ({"Impressions": 1e300}, "value"),
        ({"Cost": "12 €"}, "value"),
        ({"Cost": -3}, "value"),
    ],
)
def test_it_leaves_a_day_open_whose_numbers_it_cannot_use(change, reason):
    sums = summed(change, {"Date": "2026-11-02"})
    assert sums.rejected == {reason: 1}
    assert {fact.day for fact in sums.facts()} == {date(2026, 11, 2)}
    assert {fact.day for fact in sums.paid_facts()} == {date(2026, 11, 2)}
    assert [(each.start, each.end) for each in sums.closed(DAY, date(2026, 11, 4))] == [
        (date(2026, 11, 2), date(2026, 11, 4))
    ]


def test_it_tells_no_total_that_lacks_a_campaign():
    sums = summed({})
    sums.merge(summed({"Clicks": -1}))
    assert list(sums.facts()) == []
    assert list(sums.paid_facts()) == []
    assert DAY not in {day.start for day in sums.closed(DAY, DAY + timedelta(days=2))}


def test_it_closes_the_days_around_a_bad_one():
    sums = Sums(bad=["2026-11-02"])
    assert [(each.start.day, each.end.day) for each in sums.closed(DAY, date(2026, 11, 5))] == [(1, 2), (3, 5)]


def test_it_reads_counts_written_with_a_point():
    assert {f.metric: f.value for f in summed({"Clicks": "4.0", "OrganicClicks": 2.0}).facts()}["clicks"] == 6


@pytest.mark.parametrize("missing", ["Clicks", "Conversions", "Cost", "OrganicImpressions", "Applystarts", "Date"])
def test_it_does_not_take_a_missing_number_for_zero(missing):
    told = {name: value for name, value in ENTRY.items() if name != missing}
    body = json.dumps({"meta": {}, "data": {"entries": [told]}})
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(body, type=Envelope[Entries])


@pytest.mark.parametrize("day", ["2026-10-31", "2026-11-06", "01.11.2026", ""])
def test_it_refuses_days_it_did_not_ask_for(day):
    with pytest.raises(SchemaDrift):
        summed({"Date": day})


def test_it_reads_links_and_campaigns_alone_or_in_lists():
    alone = b'{"meta":{"links":{"rel":"next","href":"/v1/x"}},"data":{"Campaigns":{"Id":"a1"}}}'
    page = msgspec.json.decode(alone, type=Envelope[Campaigns])
    assert page.next_link() == "/v1/x"
    assert [each.id for each in campaigns_of(page)] == ["a1"]
    none = msgspec.json.decode(b'{"meta":{"links":null},"data":{"Campaigns":null}}', type=Envelope[Campaigns])
    assert (none.next_link(), campaigns_of(none)) == ("", [])


def test_it_tells_campaigns_of_one_name_apart():
    named = labels([Campaign("a1", "Spring"), Campaign("b2", "Spring "), Campaign("c3", "Autumn")])
    assert named == {"a1": "Spring (a1)", "b2": "Spring (b2)", "c3": "Autumn"}


def test_its_cursor_survives_being_written_down():
    sums = summed({}, {"Date": "2026-11-02", "Clicks": -1})
    cursor = Cursor((("a1", "Spring"),), sums, False, ("2026-11-01",), {"2026-11-02": f"{API}/v1/stats/1"}, 3)
    read = Cursor.parse(cursor.text())
    assert read.text() == cursor.text()
    assert list(read.sums.facts()) == list(sums.facts())
    assert Cursor.parse("") == Cursor()


def test_it_fetches_reports_only_for_the_last_days_that_may_change():
    end = date(2026, 11, 23)
    ask = lambda start, final: Indeed.calls_for(Window(start, end, final), items=9)  # noqa: E731
    assert ask(date(2025, 11, 23), date(2026, 11, 15)) == 1 + 9 + 7 * 3
    assert ask(date(2026, 11, 20), date(2026, 11, 15)) == 1 + 9 + 3 * 3
    assert ask(date(2026, 1, 1), end) == 1 + 9
    assert Indeed.calls_for(Window(date(2024, 11, 1), end, end), items=1200) == 3 + 1200 * 3


def test_it_brings_totals_only_where_postings_are_switched_off(sandbox: Sandbox):
    with reading(sandbox, "indeed", per_posting=False) as reader:
        facts = reader.read(window_of(sandbox, "indeed", 3))
    assert {fact.scope for fact in facts} == {Scope.TOTAL}
    assert reader.waits == []
    assert not [request for request in sandbox.log() if request["path"].startswith("/ads/v1/stats")]


def test_its_breakdowns_explain_the_total_to_the_last_cent(sandbox: Sandbox):
    with reading(sandbox, "indeed", per_posting=False) as reader:
        facts = reader.read(window_of(sandbox, "indeed", 40))
    for kind in ("campaign", "paid"):
        for metric in ("impressions", "clicks", "apply_starts", "applications", "spend"):
            total = sum(fact.value for fact in facts if fact.metric == metric and fact.breakdown is None)
            parts = [f.value for f in facts if f.metric == metric and f.breakdown and f.breakdown.kind == kind]
            assert sum(parts) == total > 0
    assert Breakdown("paid", "organic") in {fact.breakdown for fact in facts}


def test_it_goes_on_where_its_budget_ended(sandbox: Sandbox):
    window = window_of(sandbox, "indeed", 7)
    with reading(sandbox, "indeed") as reader:
        whole = reader.read(window)
    facts: list[Fact] = []
    cursor = ""
    for _ in range(40):
        with reading(sandbox, "indeed") as reader:

            def spend(reader: Any = reader) -> None:
                reader.spent.append(1)
                if len(reader.spent) > 3:
                    raise RateLimited(NOW.replace(year=2099), cause="budget")

            reader.http._spend = spend
            try:
                for step in reader.source.read(window, cursor):
                    cursor = step.cursor
                    facts += step.facts if isinstance(step, Page) else []
                break
            except RateLimited:
                continue
    else:
        pytest.fail("it made no progress")
    final = {fact[:2] + fact[3:]: fact.value for fact in facts}
    assert final == {fact[:2] + fact[3:]: fact.value for fact in whole}
    orders = [request for request in sandbox.log() if request["path"] == "/ads/v1/stats"]
    assert len(orders) == 7 * 2, "a report was ordered twice"


def test_it_orders_a_report_again_that_indeed_has_forgotten(sandbox: Sandbox):
    window = window_of(sandbox, "indeed", 1)
    cursor = Cursor(left=(), is_summed=True, reports={window.start.isoformat(): f"{API}/v1/stats/forgotten"})
    with reading(sandbox, "indeed") as reader:
        facts = reader.read(window, cursor.text())
    assert facts
    assert len(reader.waits) == 2


def test_it_gives_up_on_reports_that_are_never_ready(sandbox: Sandbox):
    sandbox.control("quota", {"indeedReportPolls": 1000})
    with reading(sandbox, "indeed") as reader, pytest.raises(Transient) as caught:
        reader.read(window_of(sandbox, "indeed", 1))
    assert caught.value.cause == "timeout"
    assert len(reader.waits) == POLLS
    assert all(isinstance(wait, Wait) and 0 < wait.seconds <= 120 for wait in reader.waits)


def test_it_says_which_employer_is_unknown(sandbox: Sandbox):
    with reading(sandbox, "indeed", employer_id="nobody") as reader, pytest.raises(ConfigError) as caught:
        reader.source.check()
    assert caught.value.cause == "account_unknown"


def test_it_names_the_employer_and_counts_its_campaigns(sandbox: Sandbox):
    with reading(sandbox, "indeed") as reader:
        account = reader.source.check()
    assert account.label == sandbox.control("credentials")["company"]["name"]
    assert account.items == len([1 for _ in range(account.items)]) > 5
    assert len(reader.spent) == 1


def test_it_connects_even_where_the_employers_name_cannot_be_had(sandbox: Sandbox):
    sandbox.plan("/v2/api/appinfo", {"status": 403, "body": {}}, repeat="always")
    with reading(sandbox, "indeed") as reader:
        account = reader.source.check()
    assert account.label.startswith("Employer ")
