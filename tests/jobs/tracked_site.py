"""A company with a tracked site, links and connections, as the tests of what is tracked write it."""

import itertools
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from sqlalchemy import text

from domain.facts import Coverage, Origin, Scope, day_number
from domain.metrics import BY_NAME, BY_NUMBER
from domain.platforms import BY_KEY
from domain.platforms import BY_NUMBER as PLATFORMS
from jobs.aggregate import aggregate_due
from jobs.project import project_due
from jobs.track import track_due
from store.engine import writing
from store.tables import Company, JobPosting, PlatformConfig, RawFact, ReadCoverage
from store.tables.columns import new_id
from store.writes.connections import next_config_number
from store.writes.links import make_link
from store.writes.tracker import insert_clicks, insert_events, save_site
from tests.store.fact_scenes import stored

ZONE = ZoneInfo("Europe/Berlin")
FIRST = date(2026, 3, 2)
NOW = datetime(2026, 3, 6, 12, tzinfo=UTC)
_numbers = itertools.count(700)


class Site:
    """A company with a tracked site and two postings."""

    def __init__(self, store):
        self.store, self.engine = store, store.engine
        self.company = Company(number=next(_numbers), name="Quarry", time_zone=ZONE.key, currency="EUR")
        with writing(self.engine) as session:
            session.add(self.company)
            session.flush()
            self.nurse, self.cook = (
                JobPosting(company_id=self.company.id, number=number, path=path)
                for number, path in ((1, "/jobs/nurse"), (2, "/jobs/cook"))
            )
            session.add_all([self.nurse, self.cook])
            save_site(
                session, self.company.id, f"k{self.company.number}", {"path_pattern": "/jobs/{posting}"}, now=at(2, 0)
            )

    def hear(self, when, kind="view", **more):
        """An event as the route keeps it."""
        row = {
            "id": new_id(), "company_id": self.company.id, "at": when, "kind": kind, "posting_id": None,
            "path": "/jobs/nurse", "source": "", "medium": "", "campaign": "", "referrer_host": "", "visitor": "ann",
            "country": "", "agent": "", "filtered_reason": "", "link_id": None, "referral_id": None,
            "application_ref": "", "told_at": None,
        }  # fmt: skip
        with writing(self.engine) as session:
            insert_events(session, [row | more])

    def link(self, platform, when=None, campaign="spring"):
        """A tracking link."""
        values = {"posting_id": self.nurse.id, "platform": platform, "campaign": campaign, "target_url": "https://x/"}
        with writing(self.engine) as session:
            return make_link(session, self.company.id, values, now=when or at(2))

    def click(self, link, when, **more):
        """A click on a link."""
        row = {
            "id": new_id(), "company_id": self.company.id, "at": when, "link_id": link.id, "referral_id": None,
            "visitor": "", "country": "", "referrer_host": "", "agent": "", "filtered_reason": "",
        }  # fmt: skip
        with writing(self.engine) as session:
            insert_clicks(session, [row | more])

    def connect(self, platform, connector="theirs", zone="UTC"):
        """A connection to a platform."""
        with writing(self.engine) as session:
            number = next_config_number(session)
            config = PlatformConfig(
                company_id=self.company.id, number=number, platform=platform, connector=connector, time_zone=zone
            )
            session.add(config)
        return config

    def poll(self, config, metric, day, value, *, provisional):
        """What the platform's own report says."""
        whose = {"company_no": self.company.number, "config_no": config.number, "day": number_of(day)}
        what = {"metric": BY_NAME[metric].number, "scope": int(Scope.TOTAL), "origin": int(Origin.POLL)}
        with writing(self.engine) as session:
            session.merge(RawFact(**whose, **what, value=value, provisional=int(provisional), seen=1))
            rest = {"state": int(Coverage.READ), "provisional": int(provisional), "as_of": NOW}
            session.merge(ReadCoverage(**whose, **what, **rest))
            session.execute(
                text("INSERT INTO dirty_days (company_no, config_no, day, made_at) VALUES (:no, :config, :day, :at)"),
                {"no": self.company.number, "config": config.number, "day": number_of(day), "at": NOW.isoformat()},
            )

    def settle(self, now=NOW):
        """What a tick of the clock does."""
        done = track_due(self.store, now)
        project_due(self.store, now)
        aggregate_due(self.store, now, {}, seconds=600)
        return done

    def days(self, platform, metric):
        """Day of March → the counted value."""
        totals, _ = stored(self.engine, self.company.number)
        return {
            row[2] - number_of(1) + 1: row[5]
            for row in totals
            if (row[0], PLATFORMS[row[3]].key, BY_NUMBER[row[1]].name) == (1, platform, metric)
        }

    def postings(self, platform, metric):
        """(day of March, posting's number or 0) → the counted value."""
        _, rows = stored(self.engine, self.company.number)
        wanted = (BY_KEY[platform].number, BY_NAME[metric].number)
        return {(row[0] - number_of(1) + 1, row[3]): row[5] for row in rows if (row[1], row[2]) == wanted}


def number_of(day):
    return day_number(date(2026, 3, day))


def at(day, hour=12, minute=0):
    """An instant of March in the company's zone."""
    return datetime(2026, 3, day, hour, minute, tzinfo=ZONE).astimezone(UTC)
