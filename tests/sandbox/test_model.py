"""The company's story: its postings, its calendar, and how it grows and restates."""

from collections import Counter
from datetime import date, timedelta

import pytest

from sandbox.clock import Clock
from sandbox.company import ZONE
from sandbox.model import Company

ANCHOR = date(2026, 11, 18)


@pytest.fixture(scope="module")
def story():
    return Company(7, ANCHOR, Clock(ANCHOR))


def company_at(day):
    return Company(7, ANCHOR, Clock(day))


def test_there_are_postings_in_every_state_and_in_many_scripts(story):
    states = Counter(
        "new"
        if p.opened_on > ANCHOR - timedelta(days=7)
        else "reopened"
        if len(p.spans) > 1
        else "closed"
        if p.closed_on and p.closed_on < ANCHOR
        else "open"
        for p in story.postings
    )

    assert len(story.postings) == len({p.slug for p in story.postings}) == 46
    assert all(states[name] >= 3 for name in ("new", "reopened", "closed", "open"))
    titles = "".join(p.title for p in story.postings)
    for piece in ("ü", "🚀", "计", "ロ", "ه", "’", "<b>", '"'):
        assert piece in titles
    assert any(p.title.startswith("=") for p in story.postings)


def test_nobody_applies_to_a_closed_posting(story):
    for application in story.applications():
        applied_on = application.applied_at.astimezone(ZONE).date()
        assert story.by_requisition[application.requisition].is_open(applied_on)


def test_weekdays_are_busier_than_weekends_and_the_last_months_than_the_first(story):
    by_day = {ANCHOR - timedelta(days=n): 0 for n in range(5, 420)}
    for day in by_day:
        by_day[day] = len(story.sessions_on(day))
    weekdays = [n for day, n in by_day.items() if day.weekday() < 5]
    weekends = [n for day, n in by_day.items() if day.weekday() >= 5]

    assert sum(weekdays) / len(weekdays) > 2 * sum(weekends) / len(weekends)
    autumn = sum(by_day[date(2026, 10, 1) + timedelta(days=n)] for n in range(31))
    earlier = sum(by_day[date(2025, 10, 1) + timedelta(days=n)] for n in range(31))
    assert autumn > 1.15 * earlier


def test_the_outage_silences_the_career_site_and_nobody_else(story):
    for day in story.season.outage:
        assert story.sessions_on(day) == []
        assert sum(row.final.clicks for row in story.ads_on(day)) > 0


def test_a_visitor_day_grows_to_its_final_size(story):
    day = date(2026, 11, 17)
    clock = Clock(day)
    growing, seen = Company(7, ANCHOR, clock), []
    for age in range(5):
        clock.offset = timedelta(days=age)
        seen.append({session.id for session in growing.sessions_on(day)})

    assert seen[0] < seen[1] < seen[2] <= seen[3] == seen[4]
    assert 0.25 < len(seen[0]) / len(seen[3]) < 0.55


def test_an_indeed_day_restates_for_a_week_and_then_rests(story):
    day = date(2026, 11, 10)

    def shown(age):
        counts = [row.counted(age) for row in story.ads_on(day)]
        return sum(c.conversions for c in counts), sum(c.spend_minor for c in counts)

    conversions, spend = zip(*(shown(age) for age in range(1, 10)), strict=True)
    assert list(conversions) == sorted(conversions)
    assert list(spend) == sorted(spend, reverse=True)
    assert spend[0] > spend[6] == spend[7] == spend[8]


def test_a_story_that_grew_equals_one_told_at_once():
    clock = Clock(ANCHOR)
    grown = Company(7, ANCHOR, clock)
    for days in (1, 2, 9):
        clock.offset = timedelta(days=days)
        grown.grow()
    fresh = company_at(ANCHOR + timedelta(days=9))

    assert grown.applications() == fresh.applications()
    for age in range(15):
        day = ANCHOR + timedelta(days=9 - age)
        assert grown.ads_on(day) == fresh.ads_on(day)
        assert grown.sessions_on(day) == fresh.sessions_on(day)


def test_the_past_stays_as_it_was_when_the_clock_moves_on(story):
    later = company_at(ANCHOR + timedelta(days=30))

    for age in range(10, 200, 9):
        day = ANCHOR - timedelta(days=age)
        assert story.ads_on(day) == later.ads_on(day)
        assert story.sessions_on(day) == later.sessions_on(day)


def test_days_to_come_are_empty(story):
    assert story.sessions_on(ANCHOR + timedelta(days=1)) == []
    assert story.ads_on(ANCHOR + timedelta(days=1)) == ()


def test_indeed_counts_every_visit_it_sent(story):
    visits = Counter()
    for day in (date(2026, 10, 1) + timedelta(days=n) for n in range(20)):
        for session in story.sessions_on(day):
            if session.source.lower() == "indeed" and session.medium == "cpc":
                visits["cpc"] += 1
    clicks = sum(row.final.clicks for n in range(20) for row in story.ads_on(date(2026, 10, 1) + timedelta(days=n)))

    assert 0 < visits["cpc"] <= clicks
