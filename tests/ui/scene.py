"""A company whose every number is known, written into a database of its own for the app to show."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from domain.facts import Coverage, Origin, Scope, day_number
from domain.metrics import BY_NAME
from domain.periods import Period, local_day
from domain.platforms import BY_KEY
from settings import load
from store.opening import Store, open_store
from store.tables import (
    AggregatedFact,
    BreakdownRow,
    DataVersion,
    ExternalPosting,
    JobPosting,
    PlatformConfig,
    PlatformSyncJob,
    PostingAggregate,
    RawFact,
    ReadCoverage,
)
from tests.people import ZONE, People, seed_people
from tests.store.reports.seed import Numbers, seed_aggregates

#: A title that would be a formula, a link, HTML and a Streamlit directive, if anything took it for one.
EVIL = '=HYPERLINK("http://127.0.0.1:9/p") [x](javascript:alert(1)) <b>:red[y]</b> $z$'
CONNECTIONS = (
    ("company_website", "company_website", "completed"),
    ("indeed", "indeed", "failed"),
    ("referrals", "", ""),
)


@dataclass(frozen=True, slots=True)
class Scene:
    """Where it is stored, who is in it, and its numbers by platform, metric and covered day."""

    data_dir: Path
    people: People
    known: Numbers
    today: date

    def store(self) -> Store:
        """Its database, opened once more beside the app's own."""
        return open_store(load({"DATA_DIR": str(self.data_dir)}))


def seed_scene(data_dir: Path) -> Scene:
    """Two companies' people; ours with 400 days of numbers, postings, sources and sync jobs."""
    store = open_store(load({"DATA_DIR": str(data_dir)}))
    now = datetime.now(UTC)
    today = local_day(now, ZONE)
    try:
        people = seed_people(store, now=now)
        with store.writing() as session:
            known = seed_aggregates(
                session, people.company.number, Period(today - timedelta(days=399), today + timedelta(days=1))
            )
            version = session.get(DataVersion, people.company.number)
            session.add(
                version or DataVersion(company_no=people.company.number, company_id=people.company.id, version=1)
            )
            for number, (platform, connector, state) in enumerate(CONNECTIONS, 1):
                config = PlatformConfig(
                    number=number,
                    company_id=people.company.id,
                    platform=platform,
                    connector=connector,
                    name=BY_KEY[platform].label,
                    is_active=True,
                    time_zone=ZONE,
                    synced_at=now - timedelta(hours=1),
                    quality={"flags": ["thresholded"]} if platform == "company_website" else {},
                )
                session.add(config)
                session.flush()
                if state:
                    session.add(_job(number, config, state, now, today))
                session.add(_coverage(people.company.number, number, today, now))
                _postings(session, people, config, today)
            _sources(session, people.company.number, today)
    finally:
        store.close()
    return Scene(data_dir, people, known, today)


def _job(number: int, config: PlatformConfig, state: str, now: datetime, today: date) -> PlatformSyncJob:
    return PlatformSyncJob(
        number=number,
        company_id=config.company_id,
        config_id=config.id,
        sync_type="full",
        slot=f"seed:{number}",
        state=state,
        cause_code="key_invalid" if state == "failed" else "",
        detail="invalid_client: <b>bad secret</b>" if state == "failed" else "",
        window_start=today - timedelta(days=365),
        window_end=today,
        pages=7,
        facts=1234,
        inserted=1000,
        updated=200,
        unchanged=30,
        deleted=3,
        rejected=4,
        rejections={"metric not offered": 4},
        requests=9,
        waits=2,
        waited_seconds=12.5,
        attempts=1,
        created_at=now - timedelta(minutes=62),
        started_at=now - timedelta(minutes=61),
        finished_at=now - timedelta(minutes=60),
    )


def _coverage(company_no: int, config_no: int, today: date, now: datetime) -> ReadCoverage:
    return ReadCoverage(
        company_no=company_no,
        config_no=config_no,
        day=day_number(today),
        metric=BY_NAME["applications"].number,
        scope=int(Scope.TOTAL),
        origin=int(Origin.POLL),
        state=int(Coverage.READ),
        provisional=1,
        as_of=now,
    )


def _postings(session, people: People, config: PlatformConfig, today: date) -> None:
    """Two postings of ours when the first connection is made, and for Indeed two that wait."""
    if config.platform == "company_website":
        for number, title in ((1, "Staff nurse, night shift"), (2, EVIL)):
            session.add(
                JobPosting(
                    company_id=people.company.id,
                    number=number,
                    title=title,
                    requisition_ref=f"REQ-{number}",
                    department="Care",
                    location="Utrecht",
                    opened_on=today - timedelta(days=40),
                )
            )
            for metric, value in (("views", 40), ("applications", 3)):
                session.add(
                    PostingAggregate(
                        company_no=people.company.number,
                        day=day_number(today - timedelta(days=3)),
                        platform=BY_KEY[config.platform].number,
                        metric=BY_NAME[metric].number,
                        posting_no=number,
                        value=value * number,
                    )
                )
    if config.platform == "indeed":
        for ref, title in (("ind-1", "Nurse, nights"), ("ind-2", EVIL)):
            session.add(
                ExternalPosting(company_id=people.company.id, config_id=config.id, external_ref=ref, title=title)
            )


def _sources(session, company_no: int, today: date) -> None:
    """Two UTM sources below the career site, one of which Indeed owns."""
    for number, (source, owner, value) in enumerate((("newsletter", 0, 70), ("indeed", 3, 30)), 1):
        session.add(
            BreakdownRow(
                number=number,
                company_no=company_no,
                config_no=1,
                kind="source",
                source=source,
                medium="web",
                campaign=EVIL if owner else "spring",
                source_platform=owner,
            )
        )
        session.flush()
        session.add(
            RawFact(
                company_no=company_no,
                config_no=1,
                day=day_number(today - timedelta(days=3)),
                metric=BY_NAME["applications"].number,
                scope=int(Scope.TOTAL),
                origin=int(Origin.POLL),
                breakdown=number,
                value=value,
                seen=1,
            )
        )


def raise_number(scene: Scene, platform: str, metric: str, by: int) -> None:
    """Add to today's number of a platform, as an aggregation would: every grain, and the data's version."""
    store = scene.store()
    company_no = scene.people.company.number
    try:
        with store.writing() as session:
            row = session.get(
                AggregatedFact,
                (
                    company_no,
                    1,
                    BY_NAME[metric].number,
                    day_number(scene.today - timedelta(days=1)),
                    BY_KEY[platform].number,
                    "",
                ),
            )
            assert row is not None, "yesterday is covered for this platform and metric"
            row.value += by
            version = session.get(DataVersion, company_no)
            assert version is not None
            version.version += 1
    finally:
        store.close()
