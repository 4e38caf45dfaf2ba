"""Applications and referrals as facts: on which day, for whom, how far they are known, and how they move."""

import itertools
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text
from sqlmodel import select

from domain.counting import PROJECTED
from domain.facts import day_number, day_of
from domain.metrics import BY_NUMBER
from domain.platforms import BY_NUMBER as PLATFORMS
from jobs.aggregate import aggregate_due, rebuild
from jobs.project import _adopt, _cover, _project, project_due
from store.engine import writing
from store.tables import Application, Company, Import, JobPosting, PlatformConfig, Referral
from store.writes.connections import next_config_number
from store.writes.projections import Projected, mark_applications_dirty
from tests.store.fact_scenes import Scene, expected, stored

ZONE = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 3, 20, 12, tzinfo=UTC)
FIRST = date(2026, 3, 2)
STAGES = {"applications": "applied_at", "interviews": "interviewed_at", "offers": "offered_at", "hires": "hired_at"}
_refs = itertools.count(1)


class Office:
    """A company with two postings, whose applications tests write as an import or a webhook would."""

    def __init__(self, store):
        self.zone = ZONE
        self.store = store
        self.engine = store.engine
        self.company = Company(number=next(_refs) + 500, name="Quarry", time_zone="Europe/Berlin", currency="EUR")
        with writing(self.engine) as session:
            session.add(self.company)
            session.flush()
            self.postings = [JobPosting(company_id=self.company.id, number=number) for number in (1, 2)]
            session.add_all(self.postings)

    def apply(self, platform, day, *, hour=12, told_by="file", posting=0, **stages):
        """An application on a day of the company's zone; stages are days too."""
        row = Application(
            company_id=self.company.id,
            external_ref=f"A-{next(_refs)}",
            source_platform=platform,
            told_by=told_by,
            posting_id=None if posting is None else self.postings[posting].id,
            applied_at=at(day, hour),
            **{f"{stage}_at": at(one, hour) for stage, one in stages.items()},
        )
        with writing(self.engine) as session:
            session.add(row)
            mark_applications_dirty(session, self.company.id, instants(row))
        return row

    def change(self, application, **values):
        """Change an application, or delete it when nothing is given."""
        with writing(self.engine) as session:
            row = session.get_one(Application, application.id)
            touched = instants(row)
            if values:
                for name, value in values.items():
                    setattr(row, name, value)
                touched += instants(row)
            else:
                session.delete(row)
            mark_applications_dirty(session, self.company.id, touched)

    def refer(self, day, application=None):
        """A referral sent on a day."""
        row = Referral(
            company_id=self.company.id,
            code=f"R-{next(_refs)}",
            posting_id=self.postings[0].id,
            sent_at=at(day),
            application_id=application.id if application else None,
        )
        with writing(self.engine) as session:
            session.add(row)
            mark_applications_dirty(session, self.company.id, [row.sent_at])

    def move_to(self, zone):
        """Another time zone for the company."""
        self.zone = ZoneInfo(zone)
        with writing(self.engine) as session:
            session.get_one(Company, self.company.id).time_zone = zone

    def imported(self, when):
        """A file of applications that was imported at an instant."""
        with writing(self.engine) as session:
            session.add(Import(company_id=self.company.id, kind="applications", state="imported", created_at=when))

    def connect(self, platform, connector="theirs"):
        """A connection to a platform."""
        with writing(self.engine) as session:
            number = next_config_number(session)
            config = PlatformConfig(company_id=self.company.id, number=number, platform=platform, connector=connector)
            session.add(config)
        return config

    def settle(self, now=NOW):
        """What a tick of the clock does."""
        done = project_due(self.store, now)
        aggregate_due(self.store, now, {}, seconds=600)
        return done

    def days(self, platform, metric):
        """Day of March → the counted value."""
        totals, _ = stored(self.engine, self.company.number)
        return {
            day_of(row[2]).day: row[5]
            for row in totals
            if (row[0], PLATFORMS[row[3]].key, BY_NUMBER[row[1]].name) == (1, platform, metric)
        }

    def facts(self):
        """(platform, metric, day, posting number or 0) → value, over all connections."""
        query = (
            "SELECT c.platform, f.metric, f.day, COALESCE(p.number, 0) AS posting, SUM(f.value) "
            "FROM platform_analytics_raw f JOIN platform_configs c ON c.number = f.config_no "
            "LEFT JOIN external_postings e ON e.number = f.external_posting "
            "LEFT JOIN job_postings p ON p.id = e.posting_id "
            f"WHERE f.company_no = :no AND f.seen = {PROJECTED} GROUP BY 1, 2, 3, 4"
        )
        with self.engine.connect() as connection:
            rows = connection.execute(text(query), {"no": self.company.number})
            return {(row[0], BY_NUMBER[row[1]].name, row[2], row[3]): int(row[4]) for row in rows}

    def recount(self):
        """What `facts` must be, application by application."""
        found = Counter()
        with writing(self.engine) as session:
            numbers = {posting.id: posting.number for posting in session.exec(select(JobPosting))} | {None: 0}
            for row in session.exec(select(Application).where(Application.company_id == self.company.id)):
                for metric, column in STAGES.items():
                    if instant := getattr(row, column):
                        day = day_number(instant.astimezone(self.zone).date())
                        found[row.source_platform, metric, day, numbers[row.posting_id]] += 1
            for row in session.exec(select(Referral).where(Referral.company_id == self.company.id)):
                day = day_number(row.sent_at.astimezone(self.zone).date())
                found["referrals", "referrals_sent", day, numbers[row.posting_id]] += 1
        return dict(found)


def at(day, hour=12):
    """An instant of a day of March in the company's zone."""
    return datetime(2026, 3, 1, hour, tzinfo=ZONE) + timedelta(days=day - 1)


def instants(row):
    """When it reached its stages."""
    return [instant for column in STAGES.values() if (instant := getattr(row, column))]


@pytest.fixture
def office(store):
    return Office(store)


def test_a_stage_counts_on_the_company_s_day_on_which_it_was_reached(office):
    office.apply("linkedin", 3, hour=0, interviewed=5, hired=9)
    office.apply("linkedin", 3, hour=23)
    assert office.settle() == 3
    assert office.days("linkedin", "applications")[3] == 2
    assert office.days("linkedin", "interviews") == {day: int(day == 5) for day in range(3, 10)}
    assert office.days("linkedin", "hires")[9] == 1
    assert office.days("linkedin", "offers") == dict.fromkeys(range(3, 10), 0)
    assert office.facts() == office.recount()


def test_the_day_of_the_time_change_has_twenty_three_hours(office):
    office.apply("linkedin", 29, hour=0)
    office.apply("linkedin", 29, hour=23)
    office.apply("linkedin", 30, hour=0)
    office.settle()
    assert office.days("linkedin", "applications") == {29: 2, 30: 1}


def test_a_quiet_day_is_zero_and_the_days_around_are_gaps(office):
    office.apply("linkedin", 5)
    office.apply("indeed", 3)
    office.apply("indeed", 8)
    office.settle()
    assert office.days("linkedin", "applications") == {3: 0, 4: 0, 5: 1, 6: 0, 7: 0, 8: 0}
    assert office.days("glassdoor", "applications") == {}


@pytest.mark.parametrize(("imported_on", "last"), [(10, 10), (12, 12), (20, 5), (4, 5)])
def test_a_file_tells_until_its_import_if_that_followed_within_a_week(office, imported_on, last):
    office.apply("linkedin", 5)
    office.imported(at(imported_on))
    office.settle()
    assert max(office.days("linkedin", "applications")) == last


def test_a_deleted_application_vanishes_with_what_was_known(office):
    application = office.apply("linkedin", 5, hired=8)
    office.settle()
    assert office.days("linkedin", "hires")[8] == 1
    office.change(application)
    office.settle()
    assert office.facts() == {}
    assert stored(office.engine, office.company.number) == ([], [])


def test_an_application_that_changes_its_source_and_posting_moves(office):
    application = office.apply("linkedin", 5)
    office.apply("indeed", 5)
    office.settle()
    office.change(application, source_platform="indeed", posting_id=office.postings[1].id, applied_at=at(6))
    office.settle()
    assert office.facts() == office.recount()
    assert office.days("linkedin", "applications") == {}
    assert office.days("indeed", "applications") == {5: 1, 6: 1}


def test_what_comes_by_file_and_as_event_on_one_day_is_counted_together(office):
    office.apply("linkedin", 5)
    office.apply("linkedin", 5, told_by="webhook", posting=None)
    office.apply("linkedin", 6)
    office.settle()
    assert office.days("linkedin", "applications") == {5: 2, 6: 1}


def test_referrals_are_known_until_today_and_the_day_after_until_then(office):
    application = office.apply("referrals", 5)
    office.refer(4, application)
    office.settle(NOW)
    assert office.days("referrals", "referrals_sent") == {4: 1} | dict.fromkeys(range(5, 21), 0)
    assert office.days("referrals", "applications") == {5: 1}
    office.settle(NOW + timedelta(days=1))
    assert max(office.days("referrals", "referrals_sent")) == 21


def test_facts_move_to_the_connection_that_a_platform_gets_and_back_when_it_is_deleted(office):
    office.apply("indeed", 5, hired=6)
    office.settle()
    before = office.days("indeed", "hires"), office.facts()
    config = office.connect("indeed")
    office.settle()
    assert (office.days("indeed", "hires"), office.facts()) == before
    assert configs_with_facts(office) == {config.number}
    with writing(office.engine) as session:
        session.get_one(PlatformConfig, config.id).deleted_at = NOW
    office.settle()
    assert (office.days("indeed", "hires"), office.facts()) == before
    assert config.number not in configs_with_facts(office)


def test_everything_moves_to_the_days_of_the_zone_that_a_company_gets(office):
    for day in (3, 4, 9):
        for hour in (0, 5, 12, 23):
            office.apply("indeed", day, hour=hour, hired=day + 4)
    office.refer(5)
    office.settle()
    for zone in ("Pacific/Kiritimati", "Pacific/Midway", "Europe/Berlin"):
        office.move_to(zone)
        office.settle()
        assert office.facts() == office.recount()
        assert rebuild(office.store, office.company.id, NOW, {}) == 0
        assert office.settle() == 0
    assert office.days("indeed", "applications") == dict.fromkeys(range(3, 14), 0) | {3: 4, 4: 4, 9: 4}
    assert office.days("indeed", "hires") == dict.fromkeys(range(3, 14), 0) | {7: 4, 8: 4, 13: 4}


def test_a_worker_that_began_in_the_old_zone_settles_nothing(office):
    office.apply("indeed", 4, hour=0)
    office.settle()
    old = Projected(office.company.id, office.company.number, ZONE)
    office.move_to("America/Los_Angeles")
    _adopt(office.store, NOW)
    assert _project(office.store, old, [day_number(date(2026, 3, 4))], NOW) == 0
    _cover(office.store, old, NOW)
    assert office.settle() > 0
    assert office.facts() == office.recount()


def test_nothing_due_does_nothing(office):
    office.apply("linkedin", 5)
    assert office.settle() == 1
    assert project_due(office.store, NOW) == 0
    with writing(office.engine) as session:
        mark_applications_dirty(session, office.company.id, [date(2026, 3, 5)])
    assert project_due(office.store, NOW) == 1
    with office.engine.connect() as connection:
        assert connection.execute(text("SELECT COUNT(*) FROM dirty_days")).scalar_one() == 0
        assert connection.execute(text("SELECT COUNT(*) FROM application_dirty_days")).scalar_one() == 0


def configs_with_facts(office):
    """Numbers of the connections that hold facts or coverage."""
    with office.engine.connect() as connection:
        return {
            row[0]
            for table in ("platform_analytics_raw", "read_coverage")
            for row in connection.execute(
                text(f"SELECT DISTINCT config_no FROM {table} WHERE company_no = :no"), {"no": office.company.number}
            )
        }


WHO = st.sampled_from(["linkedin", "indeed", "referrals", "other"])
DAY = st.integers(2, 12)
MAYBE = st.one_of(st.none(), DAY)
STEPS = st.one_of(
    st.tuples(
        st.just("apply"), WHO, DAY, MAYBE, MAYBE, st.sampled_from(["file", "webhook"]), st.sampled_from([None, 0, 1])
    ),
    st.tuples(st.just("change"), st.integers(0, 20), WHO, DAY, MAYBE),
    st.tuples(st.just("delete"), st.integers(0, 20)),
    st.tuples(st.just("refer"), DAY, st.integers(0, 20)),
    st.tuples(st.just("connect"), WHO),
    st.tuples(st.just("settle")),
)


@settings(
    max_examples=20,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # a history is short enough to read, and slow to shrink
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.lists(STEPS, min_size=3, max_size=14))
def test_after_any_history_facts_and_numbers_are_those_of_the_tables(store, history):
    office = Office(store)
    rows, connected = [], []
    for kind, *rest in history:
        if kind == "settle":
            office.settle()
        elif kind == "apply":
            who, day, interviewed, hired, told_by, posting = rest
            stages = {name: one for name, one in (("interviewed", interviewed), ("hired", hired)) if one}
            rows.append(office.apply(who, day, told_by=told_by, posting=posting, **stages))
        elif kind == "connect":
            _connect(office, rest[0], connected)
        elif kind == "refer":
            office.refer(rest[0])
        elif rows and kind == "change":
            at_, who, day, hired = rest
            values = {"source_platform": who, "applied_at": at(day), "hired_at": at(hired) if hired else None}
            office.change(rows[at_ % len(rows)], **values)
        elif rows:
            office.change(rows.pop(rest[0] % len(rows)))
    office.settle()
    assert office.facts() == office.recount()
    grown = stored(office.engine, office.company.number)
    assert grown == expected(Scene(office.engine, office.company), {})
    assert rebuild(store, office.company.id, NOW, {}) == 0
    totals = Counter()
    for row in grown[0]:
        if row[0] == 1:
            totals[PLATFORMS[row[3]].key, BY_NUMBER[row[1]].name, row[2]] += row[5]
    told = Counter()
    for (platform, metric, day, _), value in office.recount().items():
        told[platform, metric, day] += value
    assert +totals == told


def _connect(office, who, connected):
    """Connect a platform, or delete the connection it has."""
    mine = [config for config in connected if config.platform == who]
    if not mine:
        connected.append(office.connect(who))
        return
    connected.remove(mine[0])
    with writing(office.engine) as session:
        session.get_one(PlatformConfig, mine[0].id).deleted_at = NOW
