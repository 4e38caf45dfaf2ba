"""Indeed's reports by posting: columns and their versions, odd lines, and postings without a requisition."""

from datetime import date
from typing import Any

import pytest

from connectors import indeed_stats
from connectors.errors import SchemaDrift
from connectors.indeed import Cursor
from connectors.indeed_csv import parse_report
from connectors.indeed_stats import METRICS, Advertised
from domain.facts import Fact, Scope
from sandbox.launch import Sandbox
from tests.connectors.rig import reading, window_of

DAY = date(2026, 11, 1)
HEADER = (
    "Campaign ID,Advertisement,Job,Job Reference Number,Platform,Clicks,Impressions,Conversions,"
    "Indeed Apply Conversions,Spend (currency),Organic Clicks,Organic Impressions,Apply Starts,Organic Apply Starts"
)


def report(*lines: str, header: str = HEADER) -> Any:
    return parse_report("\r\n".join((header, *lines)) + "\r\n", DAY)


def values(facts: list[Fact]) -> dict[tuple[str, str], int]:
    return {(fact.posting_ref, fact.metric): fact.value for fact in facts}


def test_it_adds_devices_and_campaigns_up_by_posting():
    read = report(
        'c1,Ad,"Engineer, Senior",REQ-1,mobile,4.0,10,1.0,1,3.43 (USD),2,5,1,1',
        'c2,Ad,"Engineer, Senior",REQ-1,desktop,1,20,0,0,0.07(USD),0,5,1,0',
        "c1,Ad,Designer,REQ-2,mobile,1,2,0,0,0.00,0,0,0,0",
    )
    assert values(read.facts) == {
        ("REQ-1", "clicks"): 7,
        ("REQ-1", "impressions"): 40,
        ("REQ-1", "applications"): 1,
        ("REQ-1", "apply_starts"): 3,
        ("REQ-1", "spend"): 350,
        ("REQ-2", "clicks"): 1,
        ("REQ-2", "impressions"): 2,
    }
    assert {fact.scope for fact in read.facts} == {Scope.POSTING}
    assert [(each.ref, each.title, each.requisition_ref) for each in read.postings] == [
        ("REQ-1", "Engineer, Senior", "REQ-1"),
        ("REQ-2", "Designer", "REQ-2"),
    ]
    assert read.is_complete


def test_it_knows_columns_by_name_in_any_order_and_spelling():
    names = HEADER.split(",")
    cells = "c1,Ad,Job,REQ-1,mobile,4,10,1,1,3.43 (USD),2,5,1,1".split(",")
    turned = ",".join(name.upper().replace(" ", "_") for name in reversed(names))
    read = report(",".join(reversed(cells)), header=f"\ufeff{turned}")
    assert values(read.facts)["REQ-1", "spend"] == 343


#: The versions that can be asked for today, each as its documentation lists the columns.
VERSIONS = {
    "6": HEADER,
    "7": f"{HEADER},Organic Conversions",
    "8": f"{HEADER},Organic Conversions,Employer Job ID (IRI),Employer Job ID (UUID)",
}


@pytest.mark.parametrize("version", VERSIONS)
def test_it_reads_the_versions_of_the_report_alike(version):
    more = ",9.0,iri://apis.indeed.com/EmployerJob/8d1c,8d1c".split(",")[: VERSIONS[version].count(",") - 12]
    lines = [
        ",".join([line, *more[1:]])
        for line in (
            "c1,Ad,Cook,REQ-1,mobile,4.0,10,1.0,1,3.43 (USD),2,5,1,1",
            "c1,Ad,Cook,REQ-1,desktop,1,20,0,0,0.07(USD),0,5,1,0",
        )
    ]
    read = report(*lines, header=VERSIONS[version])
    assert values(read.facts) == {
        ("REQ-1", "clicks"): 7,
        ("REQ-1", "impressions"): 40,
        ("REQ-1", "applications"): 1,
        ("REQ-1", "apply_starts"): 3,
        ("REQ-1", "spend"): 350,
    }
    assert read.is_complete


@pytest.mark.parametrize("version", VERSIONS)
def test_it_reads_the_versions_of_the_report_alike_over_the_wire(sandbox: Sandbox, monkeypatch, version):
    monkeypatch.setattr("connectors.indeed.REPORT_VERSION", version)
    window = window_of(sandbox, "indeed", 1, ending=-2)
    with reading(sandbox, "indeed") as reader:
        day = reader.source._order(window.start)
        reader.source._report(day)
        found = parse_report(reader.source._report(day), window.start)
    assert f"v={version}" in {part for request in sandbox.log() for part in request["query"].split("&")}
    totals = {metric: sum(v for (_, name), v in values(found.facts).items() if name == metric) for metric in METRICS}
    told = sandbox.truth(window.start, window.end, "indeed")["postings"]
    assert totals == {
        metric: sum(each["value"] for each in told if each["platform"] == "indeed" and each["metric"] == metric)
        for metric in METRICS
    }


def test_it_ignores_columns_it_does_not_know():
    read = report(
        "x,c1,Ad,Job,REQ-1,mobile,4,10,1,1,3.43 (USD),2,5,1,1,99.00 (USD),7",
        header=f"Novelty,{HEADER},Spend Limit,Clicks per Moon",
    )
    assert values(read.facts)["REQ-1", "spend"] == 343
    assert values(read.facts)["REQ-1", "clicks"] == 6


def test_it_does_not_choose_between_two_columns_of_one_name():
    with pytest.raises(SchemaDrift, match="twice"):
        report(header=f"{HEADER},clicks")


@pytest.mark.parametrize(
    "missing",
    [
        *("Job Reference Number", "Clicks", "Impressions", "Conversions", "Spend (currency)"),
        *("Organic Clicks", "Organic Impressions", "Apply Starts", "Organic Apply Starts"),
    ],
)
def test_it_names_the_column_a_report_lacks(missing):
    with pytest.raises(SchemaDrift) as caught:
        report(header=",".join(name for name in HEADER.split(",") if name != missing))
    assert caught.value.detail == f"the report lacks columns: {missing}"


def test_it_asks_the_campaign_for_the_requisition_of_a_line_without_one(sandbox: Sandbox):
    told = {each["requisition"] for each in sandbox.control("postings")}
    window = window_of(sandbox, "indeed", 1)
    with reading(sandbox, "indeed") as reader:
        campaign, adverts = next(
            (each.id, found)
            for each in reader.source._campaigns()
            if (found := [advert for advert in reader.source._adverts(each.id) if advert.ref_num])
        )
        numbers = "4,10,1,1,1.00 (USD),2,5,1,1"
        lines = [f'{campaign},Ad,"{adverts[0].title}",,{device},{numbers}' for device in ("mobile", "desktop")]
        text = "\r\n".join((HEADER, *lines, f"{campaign},Ad,Nobody knows,,mobile,{numbers}", ""))
        asked = len(sandbox.log())
        page = reader.source._posting_page(text, window.start, Cursor())
    assert adverts[0].ref_num in told
    assert values(page.facts)[adverts[0].ref_num, "clicks"] == 12
    assert {(each.ref, each.requisition_ref) for each in page.postings} == {
        (adverts[0].ref_num, adverts[0].ref_num),
        ("Nobody knows", ""),
    }
    details = [request for request in sandbox.log()[asked:] if request["path"].endswith("/jobDetails")]
    assert len(details) == len(sandbox.log()) - asked == 1, "a call costs: a campaign is asked once"


def test_it_asks_for_the_postings_of_a_campaign_page_by_page(sandbox: Sandbox, monkeypatch):
    with reading(sandbox, "indeed") as reader:
        campaigns = [each.id for each in reader.source._campaigns()]
        whole = [reader.source._adverts(campaign) for campaign in campaigns]
        monkeypatch.setattr(type(reader.source), "adverts_per_page", 2)
        assert [reader.source._adverts(campaign) for campaign in campaigns] == whole
        assert reader.source._adverts("gone") == []
    assert max(map(len, whole)) > 2


def test_it_does_not_guess_between_two_requisitions_of_one_title():
    found = indeed_stats.requisitions([Advertised("Cook", "R-1"), Advertised("Cook", "R-2"), Advertised("Smith", None)])
    assert found == {"Cook": "", "Smith": ""}


@pytest.mark.parametrize("text", ["", "\r\n", "<html></html>", "no,such,columns\r\n1,2,3"])
def test_it_does_not_take_an_empty_answer_for_an_empty_day(text):
    with pytest.raises(SchemaDrift):
        parse_report(text, DAY)


def test_it_takes_a_report_without_lines_for_an_empty_day():
    read = report()
    assert (read.facts, read.is_complete) == ([], True)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("c1,Ad,Job,REQ-1,mobile,4,10", "cells"),
        ("c1,Ad,Job,REQ-1,mobile,-4,10,1,1,3.43 (USD),2,5,1,1", "value"),
        ("c1,Ad,Job,REQ-1,mobile,four,10,1,1,3.43 (USD),2,5,1,1", "value"),
        ("c1,Ad,Job,REQ-1,mobile,4,10,1,1,much,2,5,1,1", "value"),
        ("c1,Ad,Job,REQ-1,mobile,4,10,1,1,3.43,2,5,1,1", "currency"),
        ("c1,Ad,,,mobile,4,10,1,1,3.43 (USD),2,5,1,1", "posting"),
    ],
)
def test_it_leaves_a_line_out_and_says_why(line, reason):
    read = report(line, "c1,Ad,Other,REQ-2,mobile,1,2,0,0,0.00,0,0,0,0")
    assert read.rejected == {reason: 1}
    assert not read.is_complete
    assert set(values(read.facts)) == {("REQ-2", "clicks"), ("REQ-2", "impressions")}


def test_it_names_a_posting_without_reference_by_indeeds_own_id():
    header = f"{HEADER},Employer Job ID (IRI),Employer Job ID (UUID)"
    read = report("c1,Ad,Job,,mobile,4,10,1,1,1.00 (USD),2,5,1,1,iri://x/8d1c,8d1c", header=header)
    assert {fact.posting_ref for fact in read.facts} == {"8d1c"}
    assert read.postings[0].requisition_ref == ""
