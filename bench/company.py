"""One large company made in bulk: 5 000 postings, 12 connections, applications, and as many facts as are asked for.

Facts are written by INSERT … SELECT in the order of their key, the fastest way on both databases; what is measured on
them (reports, aggregation) is the product's own.
"""

import random
import uuid
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import insert, text
from sqlmodel import Session, SQLModel

from domain.facts import Coverage, Origin, day_number
from domain.metrics import BY_NAME
from domain.platforms import BY_KEY, PLATFORMS
from store.opening import Store
from store.tables import Application, BreakdownRow, Company, JobPosting, PlatformConfig, PlatformSyncJob
from store.writes.projections import mark_applications_dirty

POSTINGS = 5_000
APPLICATIONS = 20_000
JOBS_EACH = 300
ZONE = "Europe/Berlin"
#: Ten platforms; two of them with a second account.
CONNECTIONS = (*(platform.key for platform in PLATFORMS), "indeed", "linkedin")
METRICS = ("impressions", "clicks", "apply_starts", "applications", "spend")
SITE_METRICS = ("views", "clicks", "apply_starts", "applications")
#: Sources below the career site; the second one belongs to another platform.
SOURCES = (("newsletter", ""), ("indeed", "indeed"), ("google", ""))


@dataclass(frozen=True, slots=True)
class Made:
    """What was made: `facts` is the real count, `today` the last day that has any."""

    company_id: uuid.UUID
    number: int
    facts: int
    today: date
    now: datetime


def make_company(store: Store, facts: int, *, days: int = 820, seed: int = 5) -> Made:
    """Fill an empty store with about `facts` facts over `days` days up to today; nothing is aggregated yet."""
    chance = random.Random(seed)
    now = datetime.combine(datetime.now(UTC).date(), time(11), tzinfo=UTC)
    today = now.date()
    start = today - timedelta(days=days - 1)
    company = Company(number=1, name="Bench", time_zone=ZONE, currency="EUR")
    with store.writing() as session:
        session.add(company)
        session.flush()
        postings = _postings(session, company, (start, today), chance)
        configs = _connections(session, company, now)
        _sync_jobs(session, configs, now)
        _coverage(session, configs, (start, today))
        _applications(session, company, postings, (start, today), chance)
    for config in configs:
        with store.writing() as session:
            _write_facts(session, config, _base(session, config), (start, today), _slots(facts, days))
    with store.reading() as session:
        count = session.connection().execute(text("SELECT COUNT(*) FROM platform_analytics_raw")).scalar_one()
    analyze(store)
    return Made(company.id, 1, count, today, now)


def analyze(store: Store) -> None:
    """What autovacuum does by itself on PostgreSQL, done now; SQLite runs without statistics, as the product does."""
    if store.engine.dialect.name == "postgresql":
        with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _slots(facts: int, days: int) -> int:
    """Postings with facts on one day of one connection, so that about `facts` facts come to be."""
    per_slot = days * (len(METRICS) * (len(CONNECTIONS) - 1) + len(SITE_METRICS))
    return min(POSTINGS, max(1, round(facts / per_slot) - 1))


def _bulk(session: Session, table: type[SQLModel], rows: list[dict[str, object]]) -> None:
    session.connection().execute(insert(table), rows)


def _postings(
    session: Session, company: Company, span: tuple[date, date], chance: random.Random
) -> list[tuple[uuid.UUID, date]]:
    """Postings opened all along the span; one in ten stays open, the others close after one to four months."""
    rows = []
    for number in range(1, POSTINGS + 1):
        opened = span[0] + timedelta(days=(number * (span[1] - span[0]).days) // POSTINGS)
        closed = opened + timedelta(days=chance.randrange(30, 120))
        is_open = closed > span[1] or number % 10 == 0
        rows.append(
            {
                "id": uuid.uuid4(),
                "company_id": company.id,
                "number": number,
                "title": f"Posting {number}",
                "status": "open" if is_open else "closed",
                "opened_on": opened,
                "closed_on": None if is_open else closed,
            }
        )
    _bulk(session, JobPosting, rows)
    return [(row["id"], row["opened_on"]) for row in rows]  # type: ignore[misc]


def _connections(session: Session, company: Company, now: datetime) -> list[PlatformConfig]:
    configs = []
    for number, platform in enumerate(CONNECTIONS, 1):
        config = PlatformConfig(
            number=number,
            company_id=company.id,
            platform=platform,
            connector=platform,
            name=f"{BY_KEY[platform].label} {number}",
            is_active=True,
            account_ref=f"account-{number}",
            currency="EUR",
            synced_at=now - timedelta(minutes=40),
        )
        session.add(config)
        configs.append(config)
    session.flush()
    for number, (source, owner) in enumerate(SOURCES, 1):
        row = BreakdownRow(number=number, company_no=1, config_no=1, kind="source", source=source)
        row.source_platform = BY_KEY[owner].number if owner else 0
        session.add(row)
    session.flush()
    session.connection().execute(
        text(
            "INSERT INTO external_postings (company_id, config_id, external_ref, title, requisition_ref, path, url, "
            "location, posting_id, linked_by, is_ignored, first_seen_at) SELECT p.company_id, c.id, "
            "'p' || (p.number - 1), p.title, '', '', '', '', p.id, 'rule', false, c.created_at "
            "FROM platform_configs c JOIN job_postings p ON p.company_id = c.company_id ORDER BY c.number, p.number"
        )
    )
    return configs


def _sync_jobs(session: Session, configs: list[PlatformConfig], now: datetime) -> None:
    """Two weeks of hourly history for every connection."""
    templates = [
        PlatformSyncJob(
            number=0,
            company_id=config.company_id,
            config_id=config.id,
            state="completed",
            window_start=now.date() - timedelta(days=7),
            window_end=now.date(),
        ).model_dump()
        for config in configs
    ]
    rows: list[dict[str, object]] = []
    for hour in range(JOBS_EACH):
        at = now - timedelta(hours=JOBS_EACH - hour)
        told = {"slot": f"h{hour}", "created_at": at, "finished_at": at}
        rows += [
            row | told | {"id": uuid.uuid4(), "number": len(rows) + place} for place, row in enumerate(templates, 1)
        ]
    _bulk(session, PlatformSyncJob, rows)


def _coverage(session: Session, configs: list[PlatformConfig], span: tuple[date, date]) -> None:
    """Totals and postings of every day were read; the last three days may still be restated."""
    first, last = day_number(span[0]), day_number(span[1])
    for config in configs:
        metrics = ", ".join(f"({BY_NAME[name].number})" for name in _metrics(config))
        session.connection().execute(
            text(
                "INSERT INTO read_coverage (company_no, config_no, day, metric, scope, origin, state, provisional, "
                f"as_of, cause_code) WITH RECURSIVE day(n) AS (SELECT {first} "
                f"UNION ALL SELECT n + 1 FROM day WHERE n < {last}) "
                f"SELECT 1, {config.number}, day.n, m.column1, s.column1, {int(Origin.POLL)}, {int(Coverage.READ)}, "
                f"CASE WHEN day.n > {last - 3} THEN 1 ELSE 0 END, c.synced_at, '' FROM platform_configs c "
                f"CROSS JOIN day CROSS JOIN (VALUES {metrics}) AS m CROSS JOIN (VALUES (1), (2)) AS s "
                f"WHERE c.number = {config.number}"
            )
        )


def _metrics(config: PlatformConfig) -> tuple[str, ...]:
    return SITE_METRICS if config.platform == "company_website" else METRICS


def _applications(
    session: Session,
    company: Company,
    postings: list[tuple[uuid.UUID, date]],
    span: tuple[date, date],
    chance: random.Random,
) -> None:
    """Applications in the first month of their posting; one in forty is hired, a month later."""
    rows: list[dict[str, object]] = []
    end = datetime.combine(span[1], time(), tzinfo=UTC)
    for number in range(APPLICATIONS):
        posting, opened = postings[chance.randrange(len(postings))]
        begun = datetime.combine(opened, time(9), tzinfo=UTC)
        applied = min(end, begun + timedelta(hours=chance.randrange(1, 700)))
        hired = applied + timedelta(days=chance.randrange(10, 50))
        is_hired = number % 40 == 0 and hired <= end
        rows.append(
            {
                "company_id": company.id,
                "external_ref": f"a{number}",
                "posting_id": posting,
                "source_platform": CONNECTIONS[chance.randrange(10)],
                "stage": "hired" if is_hired else "applied",
                "applied_at": applied,
                "interviewed_at": applied + timedelta(days=5) if is_hired else None,
                "hired_at": hired if is_hired else None,
            }
        )
    _bulk(session, Application, rows)
    days = [span[0] + timedelta(days=at) for at in range((span[1] - span[0]).days + 1)]
    mark_applications_dirty(session, company.id, days)


def _base(session: Session, config: PlatformConfig) -> int:
    found = session.connection().execute(
        text("SELECT MIN(number) FROM external_postings WHERE external_ref = :ref AND config_id = :config").bindparams(
            ref="p0", config=config.id.hex if session.get_bind().dialect.name == "sqlite" else config.id
        )
    )
    return int(found.scalar_one())


def _write_facts(session: Session, config: PlatformConfig, base: int, span: tuple[date, date], slots: int) -> None:
    """Totals of every day and metric (by source too for the site), and facts of `slots` postings that move on daily."""
    first, last = day_number(span[0]), day_number(span[1])
    told = sorted((BY_NAME[name].number, "EUR" if name == "spend" else "") for name in _metrics(config))
    metrics = ", ".join(f"({number}, '{currency}')" for number, currency in told)
    cuts = range(len(SOURCES) + 1 if config.platform == "company_website" else 1)
    head = (
        "INSERT INTO platform_analytics_raw (company_no, config_no, day, metric, scope, external_posting, breakdown, "
        "origin, hour, currency, value, provisional, seen) "
        f"WITH RECURSIVE day(n) AS (SELECT {first} UNION ALL SELECT n + 1 FROM day WHERE n < {last}), "
        f"slot(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM slot WHERE n < {slots - 1}), "
        f"cut(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM cut WHERE n < {cuts.stop - 1}) "
        f"SELECT 1, {config.number}, day.n, m.column1, "
    )
    value = f"day.n * 31 + m.column1 * 13 + {config.number} * 7"
    days = f"FROM day CROSS JOIN (VALUES {metrics}) AS m"
    posting = f"{base} + (day.n * 7 + slot.n) % {POSTINGS}"
    connection = session.connection()
    connection.execute(text(f"{head}1, 0, cut.n, 1, -1, m.column2, ({value}) % 900 + 40, 0, 1 {days} CROSS JOIN cut"))
    connection.execute(
        text(
            f"{head}2, {posting}, 0, 1, -1, m.column2, ({value} + slot.n * 17) % 90, 0, 1 {days} CROSS JOIN slot "
            "ORDER BY 3, 4, 6"
        )
    )
