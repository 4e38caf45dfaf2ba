"""Turn applications, referrals and what was paid for them into facts, for the days on which they changed."""

from collections import defaultdict
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

from sqlmodel import Session, col, select

from domain.platforms import BY_NUMBER
from jobs.pace import pace_for
from store.engine import Urgency, run_writing
from store.opening import Store
from store.tables import ApplicationDirtyDay, Company, ProjectedDay, Projection
from store.writes.aggregates import lock_company
from store.writes.imports import find_platform_config, platform_config
from store.writes.projected_coverage import has_today, project_coverage
from store.writes.projections import (
    COVERAGE_DUE,
    Projected,
    delete_days,
    dirty_days,
    enter_all_days,
    enter_days,
    is_of_today,
    list_platforms,
    project_days,
)


def project_due(store: Store, now: datetime) -> int:
    """Bring projected facts up to date; returns how many days were projected.

    1. A platform that got another connection, or lost it, is projected anew: its facts move over. So is everything of a
       company whose time zone changed: the same instants fall on other days.
    2. Days on which applications, referrals or payments changed: a few in each transaction, which deletes their
       entries.
    3. What is covered, platform by platform. Its entry, made with the facts, goes last.
    A kill at any instant leaves the entries of what is not committed. Two workers at once do each day once.
    """
    _adopt(store, now)
    with store.reading() as session:
        due: dict[Projected, set[int]] = defaultdict(set)
        found = session.exec(
            select(Company.id, Company.number, Company.time_zone, ApplicationDirtyDay.day)
            .join(ApplicationDirtyDay, col(ApplicationDirtyDay.company_id) == Company.id)
            .distinct()
        )
        for company_id, number, zone, day in found:
            due[Projected(company_id, number, ZoneInfo(zone))].add(day)
    done = 0
    for whose, days in due.items():
        done += _project(store, whose, sorted(days - {COVERAGE_DUE}), now)
        _cover(store, whose, now)
    return done


def _adopt(store: Store, now: datetime) -> None:
    """Find facts at a connection that is no longer their platform's, facts on the days of a zone that is no longer the
    company's, and referrals not known until today."""
    with store.reading() as session:
        rows = session.exec(
            select(  # type: ignore[call-overload]
                Company.id,
                Company.number,
                Company.time_zone,
                Projection.platform,
                Projection.config_no,
                Projection.time_zone.label("projected_zone"),  # type: ignore[attr-defined]
            )
            .join(Projection, col(Projection.company_no) == Company.number)
            .order_by(col(Company.number))
        ).all()
        moved = []
        late = {}
        zoned = {}
        for company_id, number, zone, platform, config_no, projected_zone in rows:
            whose = Projected(company_id, number, ZoneInfo(zone))
            if projected_zone != zone:
                zoned[number] = whose
            target = find_platform_config(session, company_id, BY_NUMBER[platform].key)
            if target is None or target.number != config_no:
                moved.append((whose, platform))
            if BY_NUMBER[platform].key == "referrals" and not has_today(session, whose, now):
                late[number] = whose
    for whose, platform in moved:
        run_writing(store.engine, partial(_move, whose=whose, platform=platform, now=now), Urgency.AGGREGATE)
    for whose in zoned.values():
        run_writing(store.engine, partial(_rezone, whose=whose, now=now), Urgency.AGGREGATE)
    for whose in late.values():
        today = partial(enter_days, company_id=whose.company_id, numbers=[COVERAGE_DUE])
        run_writing(store.engine, today, Urgency.AGGREGATE)


def _move(session: Session, whose: Projected, platform: int, now: datetime) -> None:
    lock_company(session, whose.company_no, now)
    target = platform_config(session, whose.company_id, BY_NUMBER[platform].key, now=now)
    row = session.get_one(Projection, (whose.company_no, platform))
    if row.config_no == target.number:
        return
    row.config_no = target.number
    session.flush()
    days = session.exec(
        select(ProjectedDay.day)
        .where(ProjectedDay.company_no == whose.company_no, ProjectedDay.platform == platform)
        .distinct()
    ).all()
    enter_days(session, whose.company_id, [*days, COVERAGE_DUE])


def _rezone(session: Session, whose: Projected, now: datetime) -> None:
    lock_company(session, whose.company_no, now)
    if is_of_today(session, whose):
        enter_all_days(session, whose)


def _project(store: Store, whose: Projected, days: list[int], now: datetime) -> int:
    pace = pace_for(store)
    done = 0
    while days:
        taken, days = days[: pace.days], days[pace.days :]

        def step(session: Session, taken: list[int] = taken) -> int:
            lock_company(session, whose.company_no, now)
            started = pace.clock()
            # By another zone's days, entries would be settled wrongly: they wait for the next run.
            entries = dirty_days(session, whose, taken) if is_of_today(session, whose) else []
            if entries:
                project_days(session, whose, taken, now)
                delete_days(session, entries)
            pace.learn(pace.clock() - started)
            return len(taken) if entries else 0

        done += run_writing(store.engine, step, Urgency.AGGREGATE)
    return done


def _cover(store: Store, whose: Projected, now: datetime) -> None:
    with store.reading() as session:
        entries = dirty_days(session, whose, [COVERAGE_DUE])
        platforms = sorted(list_platforms(session, whose))
    if not entries:
        return
    for platform in platforms:

        def step(session: Session, platform: int = platform) -> int:
            lock_company(session, whose.company_no, now)
            return project_coverage(session, whose, platform, now) if is_of_today(session, whose) else 0

        run_writing(store.engine, step, Urgency.AGGREGATE)

    def settle(session: Session) -> None:
        lock_company(session, whose.company_no, now)
        if is_of_today(session, whose):
            delete_days(session, entries)

    run_writing(store.engine, settle, Urgency.AGGREGATE)
