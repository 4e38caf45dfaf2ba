"""What the tracker and the links heard, as facts: counted once, under its source, on the day of the right zone."""

import random
from datetime import date, timedelta

import pytest
from sqlalchemy import delete, text
from sqlmodel import select

from domain.counting import TRACKED, Counted
from domain.facts import Breakdown, Origin, Scope
from domain.metrics import BY_NAME
from domain.periods import Period
from jobs import track
from jobs.aggregate import aggregate_due
from jobs.project import project_due
from jobs.retention import EVENT_DAYS, tidy
from jobs.track import track_due
from store.engine import writing
from store.reports.scope import find_company
from store.reports.sources import list_breakdowns
from store.tables import (
    Application,
    ApplicationTouch,
    BreakdownRow,
    EventDirtyDay,
    ExternalPosting,
    PlatformConfig,
    RawFact,
    Referral,
    TrackingLink,
    WebsiteAnalytics,
)
from store.tables.columns import new_id
from store.writes.applications_told import PostingIndex, StageTold, Teller, Told, TouchTold, tell_application
from store.writes.numbers import Numbers
from store.writes.tracker import insert_events
from tests.jobs.tracked_site import FIRST, NOW, ZONE, Site, at, number_of
from tests.store.fact_scenes import stored


@pytest.fixture
def site(store):
    return Site(store)


def test_views_of_posting_pages_count_on_the_company_s_day(site):
    site.hear(at(3, 0, 30))
    site.hear(at(3, 23, 30), visitor="ben")
    site.hear(at(4, 0, 10), visitor="cat", path="/about")
    site.settle(at(4, 13))
    assert site.days("company_website", "views") == {3: 2, 4: 0}
    assert site.days("company_website", "sessions") == {3: 2, 4: 1}
    assert site.postings("company_website", "views") == {(3, 1): 2}


def test_what_was_never_tracked_is_a_gap_and_not_zero(site):
    site.hear(at(3))
    site.hear(at(4), "apply_start")
    site.settle(at(5))
    assert site.days("company_website", "views") == {3: 1, 4: 0, 5: 0}
    assert site.days("company_website", "apply_starts") == {4: 1, 5: 0}
    assert site.days("company_website", "applications") == {}


def test_a_tracker_that_is_silent_for_a_week_leaves_gaps(site):
    site.hear(at(3))
    for day in (3, 4, 9, 12, 13):
        site.settle(at(day, 15))
    site.hear(at(14))
    site.settle(at(14, 15))
    assert sorted(site.days("company_website", "views")) == [3, 4, 9, 14]


def test_an_event_belongs_to_the_last_source_of_its_visitor(site):
    site.hear(at(3, 9), source="indeed", medium="cpc", campaign="spring")
    site.hear(at(3, 9, 5), "apply_start", source="(direct)")
    site.hear(at(3, 9, 10), "apply_complete", source="")
    site.hear(at(3, 9), source="(direct)", visitor="ben")
    site.settle()
    assert sources(site, "applications") == {("indeed", "cpc", "spring"): 1}
    assert sources(site, "apply_starts") == {("indeed", "cpc", "spring"): 1}
    assert sources(site, "views") == {("indeed", "cpc", "spring"): 1, ("(direct)", "", ""): 1}


def sources(site, metric):
    query = (
        "SELECT b.source, b.medium, b.campaign, SUM(f.value) FROM platform_analytics_raw f "
        "JOIN breakdowns b ON b.number = f.breakdown "
        f"WHERE f.company_no = :no AND f.seen = {TRACKED} AND f.metric = :metric AND f.scope = 1 GROUP BY 1, 2, 3"
    )
    with site.engine.connect() as connection:
        rows = connection.execute(text(query), {"no": site.company.number, "metric": BY_NAME[metric].number})
        return {tuple(row[:3]): int(row[3]) for row in rows}


def test_sources_show_what_was_tracked_until_the_site_s_own_report_says_it(site):
    site.hear(at(3), source="indeed")
    site.hear(at(3), source="newsletter", visitor="ben")
    site.settle()
    assert below(site) == {"indeed": {"views": 1, "sessions": 1}, "newsletter": {"views": 1, "sessions": 1}}
    config = site.connect("company_website", zone=ZONE.key)
    site.settle()
    with writing(site.engine) as session:
        cut = session.exec(
            select(BreakdownRow).where(BreakdownRow.config_no == config.number, BreakdownRow.source == "indeed")
        ).one()
        whose = {"company_no": site.company.number, "config_no": config.number, "day": number_of(3)}
        what = {"metric": BY_NAME["views"].number, "scope": 1, "origin": int(Origin.POLL), "breakdown": cut.number}
        session.add(RawFact(**whose, **what, value=40, seen=1))
    assert below(site) == {"indeed": {"views": 40, "sessions": 1}, "newsletter": {"sessions": 1}}


def below(site):
    with site.store.reading() as session:
        company = find_company(session, site.company.id)
        rows = list_breakdowns(session, company, Period(FIRST, date(2026, 4, 1)), "company_website", "source")
    return {row.source: row.values for row in rows}


def test_a_form_sent_twice_is_one_application_and_another_posting_s_is_another(site):
    for minute in (1, 2, 3):
        site.hear(at(3, 9, minute), "apply_complete")
    site.hear(at(3, 9, 5), "apply_complete", path="/jobs/cook")
    site.hear(at(3, 9, 6), "apply_complete", path="/jobs/cook", visitor="ben")
    site.settle()
    assert site.days("company_website", "applications")[3] == 3
    assert site.postings("company_website", "applications") == {(3, 1): 1, (3, 2): 2}


def test_a_pause_of_half_an_hour_begins_another_visit(site):
    for minute in (0, 20, 40, 59):
        site.hear(at(3, 9, minute))
    site.hear(at(3, 10, 40))
    site.hear(at(3, 10, 41), visitor="")
    site.settle()
    assert site.days("company_website", "sessions")[3] == 2
    assert site.days("company_website", "views")[3] == 6


def test_filtered_events_count_nowhere_but_tell_that_the_tracker_is_there(site):
    site.hear(at(3))
    site.settle(at(3, 15))
    site.hear(at(4), filtered_reason="bot", visitor="")
    site.settle(at(4, 15))
    assert site.days("company_website", "views") == {3: 1, 4: 0}


def test_a_page_that_no_posting_has_waits_to_be_linked_and_then_counts_for_it(site):
    site.hear(at(3), path="/jobs/porter/apply")
    site.settle()
    assert site.postings("company_website", "views") == {(3, 0): 1}
    with writing(site.engine) as session:
        waiting = session.exec(select(ExternalPosting).where(ExternalPosting.posting_id == None)).one()  # noqa: E711
    assert waiting.path == "/jobs/porter"


def test_the_same_events_told_again_change_nothing(site):
    site.hear(at(3), source="indeed")
    site.hear(at(3, 13), "apply_start")
    site.settle()
    before = stored(site.engine, site.company.number)
    with writing(site.engine) as session:
        rows = [row.model_dump() for row in session.exec(select(WebsiteAnalytics))]
        insert_events(session, rows)
    assert site.settle() > 0
    assert stored(site.engine, site.company.number) == before
    assert site.settle() == 0


def test_events_that_are_gone_take_their_numbers_along(site):
    site.hear(at(3))
    site.settle()
    with writing(site.engine) as session:
        session.execute(delete(WebsiteAnalytics))
        session.add(EventDirtyDay(company_id=site.company.id, day=number_of(3)))
    site.settle()
    assert site.days("company_website", "views")[3] == 0
    assert site.postings("company_website", "views") == {}


def test_a_final_report_goes_before_the_tracker_and_the_tracker_before_a_provisional_one(site):
    config = site.connect("company_website", zone="Europe/Berlin")
    for day in (3, 4):
        site.hear(at(day))
        site.poll(config, "views", day, 50, provisional=day == 4)
    site.settle(at(4, 15))
    assert site.days("company_website", "views") == {3: 50, 4: 1}
    site.poll(config, "views", 4, 60, provisional=False)
    site.settle(at(4, 16))
    assert site.days("company_website", "views") == {3: 50, 4: 60}


def test_facts_move_to_the_connection_that_reports_the_site_and_to_its_zone(site):
    site.hear(at(3, 0, 30))
    site.settle()
    assert site.days("company_website", "views")[3] == 1
    config = site.connect("company_website", zone="UTC")
    site.settle()
    moved = site.days("company_website", "views")
    assert {day for day, value in moved.items() if value} == {2}
    with writing(site.engine) as session:
        session.get_one(PlatformConfig, config.id).deleted_at = NOW
    site.settle()
    assert site.days("company_website", "views")[3] == 1
    assert 2 not in site.days("company_website", "views")


def test_clicks_on_a_link_are_its_platform_s_where_that_reports_none(site):
    link = site.link("linkedin")
    for hour in (9, 10):
        site.click(link, at(3, hour))
    site.click(link, at(3, 11), filtered_reason="bot")
    site.settle(at(3, 15))
    assert site.days("linkedin", "clicks") == {3: 2}
    assert site.postings("linkedin", "clicks") == {(3, 1): 2}
    config = site.connect("linkedin", zone="Europe/Berlin")
    site.poll(config, "clicks", 3, 40, provisional=True)
    site.settle(at(3, 16))
    assert site.days("linkedin", "clicks") == {3: 40}


def test_a_link_without_clicks_is_zero_and_a_switched_off_one_a_gap(site):
    link = site.link("facebook", at(3))
    site.settle(at(3, 15))
    site.settle(at(4, 15))
    with writing(site.engine) as session:
        session.get_one(TrackingLink, link.id).disabled_at = at(4, 16)
    site.settle(at(5, 15))
    assert site.days("facebook", "clicks") == {3: 0, 4: 0}


def test_visits_by_referral_links_are_clicks_of_referrals(site):
    referral = Referral(company_id=site.company.id, posting_id=site.nurse.id, code="r-1", sent_at=at(1))
    with writing(site.engine) as session:
        session.add(referral)
    link = site.link("x", at(4))
    site.click(link, at(4, 9), link_id=None, referral_id=referral.id)
    site.settle(at(4, 15))
    assert site.days("referrals", "clicks") == {4: 1}
    assert site.postings("referrals", "clicks") == {(4, 1): 1}
    site.settle(at(9, 15))
    assert site.days("referrals", "clicks") == {4: 1, 9: 0}


def test_an_application_that_the_site_names_is_one_application_with_its_touches(site):
    link = site.link("linkedin")
    site.hear(at(3, 9), source="linkedin", medium="social", campaign="spring", link_id=link.id)
    site.hear(at(3, 9, 5), source="facebook", medium="social")
    for minute in (10, 12):
        site.hear(at(3, 9, minute), "apply_complete", application_ref="A-7", posting_id=site.nurse.id)
    site.settle()
    site.settle()
    with writing(site.engine) as session:
        application = session.exec(select(Application)).one()
        touches = session.exec(select(ApplicationTouch)).all()
    assert (application.external_ref, application.told_by, application.source_platform) == (
        "A-7",
        "tracker",
        "linkedin",
    )
    assert application.posting_id == site.nurse.id
    assert {(touch.kind, touch.platform) for touch in touches} == {("link", "linkedin"), ("utm", "facebook")}
    assert site.days("linkedin", "applications") == {3: 1}
    assert site.days("company_website", "applications") == {}


def test_who_came_by_nothing_applied_on_the_site_itself(site):
    site.hear(at(3, 9), "apply_complete", source="(direct)", application_ref="A-8")
    site.settle()
    assert site.days("company_website", "applications") == {3: 1}


@pytest.mark.parametrize("seed", range(3))
def test_any_order_of_arrival_gives_one_state(site, store, seed):
    chance = random.Random(seed)
    told = [
        {
            "when": at(3, chance.randrange(24), chance.randrange(60)),
            "kind": chance.choice(["view", "view", "apply_start", "apply_complete"]),
            "source": chance.choice(["", "(direct)", "indeed", "newsletter"]),
            "visitor": chance.choice(["", "ann", "ben", "cat"]),
            "path": chance.choice(["/jobs/nurse", "/jobs/cook", "/about"]),
            "filtered_reason": chance.choice(["", "", "", "bot"]),
            "id": new_id(),
        }
        for _ in range(40)
    ]
    other = Site(store)
    for one in told:
        site.hear(one["when"], **{key: value for key, value in one.items() if key != "when"})
    site.settle()
    for one in chance.sample(told, len(told)):
        other.hear(one["when"], **{key: value for key, value in one.items() if key not in ("when", "id")})
        if chance.random() < 0.2:
            other.settle()
    other.settle()
    for metric in ("views", "sessions", "apply_starts", "applications"):
        assert other.days("company_website", metric) == site.days("company_website", metric)
        assert other.postings("company_website", metric) == site.postings("company_website", metric)
        assert sources(other, metric) == sources(site, metric)


def test_an_application_told_by_webhook_tracker_and_analytics_counts_once(site):
    """Indeed's webhook names it, the tracker saw it sent after a visit from Indeed, Analytics counted the event."""
    applications = BY_NAME["applications"].number
    config = site.connect("company_website", "analytics", zone=ZONE.key)
    site.hear(at(3, 9), source="indeed", medium="cpc")
    site.hear(at(3, 9, 5), "apply_complete", application_ref="A-7", posting_id=site.nurse.id)
    site.hear(at(3, 10), source="newsletter", visitor="ben")
    with writing(site.engine) as session:
        cuts = Numbers(site.company.id, site.company.number, config.id, config.number)
        indeed, letter = Breakdown("source", "indeed", "cpc"), Breakdown("source", "newsletter")
        numbers = cuts.of_breakdowns(session, [indeed, letter])
        whose = {"company_no": site.company.number, "config_no": config.number, "day": number_of(3)}
        what = {"metric": applications, "scope": int(Scope.TOTAL), "origin": int(Origin.POLL)}
        session.add_all(RawFact(**whose, **what, breakdown=number, value=1, seen=1) for number in numbers.values())
        teller = Teller(site.company.id, site.store.vault, PostingIndex(session, site.company.id))
        told = Told(
            "webhook",
            stages=(StageTold("applied", at(3, 9, 5)),),
            refs=(("", "A-7"), ("indeed", "3f9a")),
            posting_id=site.nurse.id,
            touches=(TouchTold("declared", "indeed", at(3, 9, 5), platform="indeed"),),
        )
        tell_application(session, teller, told, now=NOW)
    site.poll(config, "applications", 3, 0, provisional=False)
    declared = {"analytics": {applications: Counted(Scope.TOTAL, by_source=True)}}
    track_due(site.store, NOW)
    project_due(site.store, NOW)
    aggregate_due(site.store, NOW, declared, seconds=600)
    assert site.days("indeed", "applications") == {3: 1}
    # The newsletter's visitor sent one too: that Analytics alone tells of.
    assert site.days("company_website", "applications") == {3: 1}


def test_raw_events_go_after_25_months_and_the_numbers_stay(site):
    link = site.link("linkedin")
    site.hear(at(3))
    site.click(link, at(3))
    site.settle()
    before = stored(site.engine, site.company.number)
    later = at(3) + timedelta(days=EVENT_DAYS)
    assert tidy(site.store, later)["website_analytics"] == 0
    done = tidy(site.store, later + timedelta(seconds=1))
    assert (done["website_analytics"], done["link_clicks"]) == (1, 1)
    site.settle()
    assert stored(site.engine, site.company.number) == before


def test_another_company_s_events_stay_its_own(site, store):
    other = Site(store)
    other.hear(at(3))
    site.hear(at(3))
    site.hear(at(3, 13))
    site.settle()
    assert site.days("company_website", "views")[3] == 2
    assert other.days("company_website", "views")[3] == 1


def test_a_day_settled_by_somebody_else_meanwhile_is_left_to_them(site, monkeypatch):
    site.hear(at(3))
    count = track._count
    heard = []

    def late(store, company, days, now):
        counted = count(store, company, days, now)
        if not heard:
            heard.append(1)
            site.hear(at(3, 13))
            track_due(site.store, now)
        return counted

    monkeypatch.setattr(track, "_count", late)
    site.settle()
    assert site.days("company_website", "views")[3] == 2
