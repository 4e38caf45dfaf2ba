"""The truth: what counts where, with each set of connections, and that its views agree with each other."""

from collections import Counter
from datetime import date, timedelta

import pytest

from sandbox.launch import SandboxFailedError

FIRST, END = date(2026, 9, 1), date(2026, 11, 1)
OWNED = ("clicks", "apply_starts", "applications")


def kept_by_source(ga4, event):
    """Career-site events of a name by source, read over the wire."""
    report = ga4.report(
        "sessionSource",
        "eventCount",
        dateRanges=[{"startDate": str(FIRST), "endDate": str(END - timedelta(days=1))}],
        dimensionFilter={"filter": {"fieldName": "eventName", "stringFilter": {"value": event}}},
    )
    found = Counter()
    for row in report["rows"]:
        found[row["dimensionValues"][0]["value"].lower()] += int(row["metricValues"][0]["value"])
    return found


def test_alone_the_career_site_owns_every_application_it_saw(sb, ga4, totals):
    truth = totals(sb.truth(FIRST, END, connected="company_website"))

    assert truth["company_website", "applications"] == kept_by_source(ga4, "apply_complete").total()
    assert {platform for platform, _ in truth} == {"company_website"}


def test_with_indeed_connected_its_visitors_clicks_starts_and_applications_leave_the_career_site(sb, ga4, totals):
    alone = totals(sb.truth(FIRST, END, connected="company_website"))
    both = totals(sb.truth(FIRST, END, connected="company_website,indeed"))

    for metric, event in zip(OWNED, ("apply_click", "apply_start", "apply_complete"), strict=True):
        moved = alone["company_website", metric] - both["company_website", metric]
        assert moved == kept_by_source(ga4, event)["indeed"] > 0
    for metric in ("views", "sessions", "engaged_sessions", "engagement_seconds"):
        assert alone["company_website", metric] == both["company_website", metric]


def test_with_the_ats_connected_only_applications_of_its_platforms_leave_the_career_site(sb, ga4, totals):
    alone = totals(sb.truth(FIRST, END, connected="company_website"))
    both = totals(sb.truth(FIRST, END, connected="company_website,ats"))
    completed = kept_by_source(ga4, "apply_complete")

    moved = alone["company_website", "applications"] - both["company_website", "applications"]
    assert moved == completed["linkedin"] + completed["glassdoor"] + completed["referral"] > 0
    for metric in ("clicks", "apply_starts"):
        assert alone["company_website", metric] == both["company_website", metric]


def test_indeed_shows_the_same_whoever_else_is_connected(sb, totals):
    alone = totals(sb.truth(FIRST, END, connected="indeed"))
    everything = totals(sb.truth(FIRST, END))

    assert alone == {name: value for name, value in everything.items() if name in alone}


def test_stages_come_from_the_ats_alone(sb, totals):
    without = totals(sb.truth(FIRST, END, connected="company_website,indeed"))
    with_ats = totals(sb.truth(FIRST, END))

    assert not [name for name in without if name[1] in {"interviews", "offers", "hires"}]
    assert with_ats["indeed", "hires"] > 0
    assert with_ats["referrals", "interviews"] > with_ats["referrals", "offers"] > 0


def test_days_and_postings_add_up_to_the_totals(sb, totals):
    truth = sb.truth(FIRST, END)
    by_day, by_posting = Counter(), Counter()
    for row in truth["days"]:
        assert FIRST <= date.fromisoformat(row["day"]) < END
        by_day[row["platform"], row["metric"]] += row["value"]
    for row in truth["postings"]:
        by_posting[row["platform"], row["metric"]] += row["value"]

    expected = totals(truth)
    assert by_day == Counter({name: value for name, value in expected.items() if value})
    for name, value in by_posting.items():
        # The list of openings and the talent pool are career pages of no posting.
        assert value <= expected[name]
        assert value == expected[name] or name == ("company_website", "views")


def test_adjoining_periods_add_up_to_the_whole(sb, totals):
    middle = date(2026, 10, 4)
    parts = [totals(sb.truth(FIRST, middle)), totals(sb.truth(middle, END))]

    assert totals(sb.truth(FIRST, END)) == {name: parts[0][name] + parts[1][name] for name in parts[0]}


def test_the_breakdown_by_source_keeps_what_others_own(sb, ga4):
    found = Counter()
    for row in sb.truth(FIRST, END)["breakdowns"]:
        assert (row["platform"], row["metric"], row["dimension"]) == ("company_website", "applications", "source")
        found[row["key"].lower()] += row["value"]

    assert found == kept_by_source(ga4, "apply_complete")


def test_an_empty_period_has_zeros_and_no_days(sb):
    truth = sb.truth(date(2020, 1, 1), date(2020, 2, 1))

    assert truth["totals"]
    assert {row["value"] for row in truth["totals"]} == {0}
    assert truth["days"] == truth["postings"] == []


def test_it_refuses_an_unknown_connection(sb):
    with pytest.raises(SandboxFailedError, match="company_website, indeed, ats"):
        sb.truth(FIRST, END, connected="monster")


def test_an_application_on_the_career_site_through_indeed_is_in_all_three_places(sb, ga4, indeed):
    """The case the ownership rule exists for: one person, three records."""
    day = date(2026, 10, 14)
    alone = sb.truth(day, day + timedelta(days=1), connected="company_website")
    seen_by_site = {row["key"] for row in alone["breakdowns"] if row["value"]}
    everything = sb.truth(day, day + timedelta(days=1))
    indeed_rows = [r for r in everything["postings"] if (r["platform"], r["metric"]) == ("indeed", "applications")]

    assert "indeed" in seen_by_site
    assert indeed_rows
    exported = sb.control("ats.csv").decode().splitlines()
    assert [line for line in exported if ",Indeed," in line and "2026-10-14" in line]
