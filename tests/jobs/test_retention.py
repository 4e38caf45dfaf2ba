"""What housekeeping does by age alone. What belongs to one part is with its tests: mail, deliveries, visits."""

from datetime import UTC, datetime, timedelta

from sqlmodel import select

from jobs.retention import HEALTH_DAYS, tidy
from store.reports.vitals import read_vitals
from store.tables import PlatformConfig, PlatformHealth
from store.writes.health import LONG_PAST, Answers, add_answers, hour_number

NOON = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
KEPT = NOON - timedelta(days=HEALTH_DAYS)


def test_hours_that_no_screen_shows_become_one_and_no_counter_falls(store, company):
    with store.writing() as session:
        for number, platform in ((7, "indeed"), (8, "x")):
            session.add(PlatformConfig(number=number, company_id=company.id, platform=platform, connector=platform))
            for hours, quota in ((2, 30), (1, 20), (0, None)):
                seen = Answers(10, 1, 2, 500, 1000, 400 + hours, {"100": 9, "500": 1}, quota_left=quota)
                add_answers(session, number, seen, now=KEPT - timedelta(hours=hours))
    with store.reading() as session:
        before = read_vitals(session, NOON).platforms
    assert tidy(store, NOON)["health_hours_folded"] == 4
    with store.reading() as session:
        assert read_vitals(session, NOON).platforms == before
        past = session.get_one(PlatformHealth, (7, LONG_PAST))
        assert (past.requests, past.slowest_ms, past.quota_left) == (20, 402, 20)
        assert set(session.exec(select(PlatformHealth.hour))) == {LONG_PAST, hour_number(KEPT)}
    assert tidy(store, NOON)["health_hours_folded"] == 0
    assert tidy(store, NOON + timedelta(hours=1))["health_hours_folded"] == 2
    with store.reading() as session:
        assert read_vitals(session, NOON).platforms == before
