"""A company with something of everything the API tells of."""

import uuid
from datetime import UTC, date, datetime, timedelta

from domain.facts import day_number
from domain.metrics import BY_NAME
from domain.periods import Period
from domain.platforms import BY_KEY
from store.opening import Store
from store.tables import (
    Application,
    DataVersion,
    JobPosting,
    PlatformConfig,
    PlatformSyncJob,
    PostingAggregate,
    Referral,
)
from tests.people import People
from tests.store.reports.seed import Numbers, seed_aggregates

DAYS = 120
CANDIDATE = ("Quentin Quokka", "quentin.quokka@example.org")


def seed_numbers(store: Store, people: People, *, today: date) -> Numbers:
    """Aggregates of the days up to today, by posting too; returns {(platform, metric, day): value}."""
    span = Period(today - timedelta(days=DAYS), today + timedelta(days=1))
    with store.writing() as session:
        known = seed_aggregates(session, people.company.number, span, seed=4)
        session.merge(DataVersion(company_no=people.company.number, company_id=people.company.id, version=7))
        titles = ("Nurse", "=HYPERLINK(1)", "Cook", "Koch/Köchin (m/w)")
        for number, title in enumerate(titles, 1):
            opened = today - timedelta(days=number)
            posting = JobPosting(company_id=people.company.id, number=number, title=title, department=f"D{number % 2}")
            posting.opened_on, posting.requisition_ref = opened, f"REQ-{number}"
            session.add(posting)
            for (platform, metric, day), value in known.items():
                if metric in {"clicks", "applications", "spend"} and (day.toordinal() + number) % 3 == 0:
                    session.add(
                        PostingAggregate(
                            company_no=people.company.number,
                            day=day_number(day),
                            platform=BY_KEY[platform].number,
                            metric=BY_NAME[metric].number,
                            posting_no=number,
                            currency="EUR" if metric == "spend" else "",
                            value=value,
                        )
                    )
    return known


def seed_records(store: Store, people: People, *, now: datetime) -> uuid.UUID:
    """A connection with a finished sync, applications and a referral; returns the sync job's id."""
    company = people.company.id
    with store.writing() as session:
        config = PlatformConfig(number=1, company_id=company, platform="indeed", connector="indeed", name="Indeed")
        config.is_active, config.synced_at, config.credentials = True, now, ""
        config.settings = {"employer_id": "e1"}
        session.add(config)
        session.flush()
        jobs = [_job(config, number, now) for number in range(1, 6)]
        session.add_all(jobs)
        for number in range(5):
            session.add(_application(store, company, number, now))
        referral = Referral(company_id=company, referrer_name="Mo", code="c1", sent_at=now - timedelta(days=1))
        referral.candidate_name = store.vault.seal("referrals", referral.id, "candidate_name", CANDIDATE[0])
        referral.candidate_email = store.vault.seal("referrals", referral.id, "candidate_email", CANDIDATE[1])
        session.add(referral)
        return jobs[0].id


def _job(config: PlatformConfig, number: int, now: datetime) -> PlatformSyncJob:
    return PlatformSyncJob(
        number=number,
        company_id=config.company_id,
        config_id=config.id,
        slot=f"s{number}",
        state="completed",
        window_start=now.date() - timedelta(days=7),
        window_end=now.date(),
        facts=number,
        finished_at=now,
    )


def _application(store: Store, company: uuid.UUID, number: int, now: datetime) -> Application:
    applied = (now - timedelta(days=2)).astimezone(UTC)
    row = Application(company_id=company, external_ref=f"a{number}", source_platform="indeed", applied_at=applied)
    row.candidate_name = store.vault.seal("applications", row.id, "candidate_name", CANDIDATE[0])
    row.candidate_email = store.vault.seal("applications", row.id, "candidate_email", CANDIDATE[1])
    return row
