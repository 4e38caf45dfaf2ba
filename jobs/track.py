"""Turn what the tracker and the tracked links heard into facts, for the days on which something was heard."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlmodel import Session, col, select

from domain.facts import day_number
from jobs.pace import pace_for
from store.engine import Urgency, run_writing
from store.opening import Store
from store.tables import EventDirtyDay, EventProjection, TrackerSite, TrackingLink
from store.writes.aggregates import lock_company
from store.writes.tracked_applications import count_waiting, tell_waiting
from store.writes.tracked_counts import CLICKS, DayCounts, Tracked, count_day
from store.writes.tracked_facts import (
    cover_days,
    delete_entries,
    event_days,
    find_projection,
    forget,
    has_entries,
    write_days,
)
from store.writes.tracked_targets import (
    SITE,
    TrackedCompany,
    find_tracked_company,
    make_internal,
    raw_days,
    target_of,
)
from store.writes.tracker import delete_old_salts, enter_days, has_old_salts

#: UTC days settled at a time, and days of facts deleted at a time where they move to another connection.
_AT_ONCE = 7
_Told = dict[int, DayCounts]


def track_due(store: Store, now: datetime) -> int:
    """Bring tracked facts up to date; returns how many UTC days were settled.

    1. Applications that the site names are entered among applications, with what their visitor came from.
    2. A platform whose facts belong at another connection or in another zone now is tracked anew.
    3. Days on which something was heard: counted from one moment of the database, without holding up any writer;
       then written, unless somebody else settled the same entries meanwhile, and their entries deleted with that.
    4. Today is covered for whoever is still heard: nothing tracked is 0.
    Salts of visitors' hashes that have served their time are deleted first.
    A kill at any instant leaves the entries of what is not committed.
    """
    _forget_salts(store, now)
    _tell(store, now)
    done = 0
    for company_id in _companies(store):
        with store.reading() as session:
            company = find_tracked_company(session, company_id, now)
        for platform in sorted(company.platforms):
            _adopt(store, company, platform, now)
        done += _settle(store, company, now)
        _cover_today(store, company, now)
    return done


def _forget_salts(store: Store, now: datetime) -> None:
    with store.reading() as session:
        are_old = has_old_salts(session, now=now)
    if are_old:
        run_writing(store.engine, partial(delete_old_salts, now=now), Urgency.PAGE)


def _tell(store: Store, now: datetime) -> None:
    with store.reading() as session:
        waiting = count_waiting(session)
    while waiting > 0:
        waiting -= run_writing(store.engine, partial(tell_waiting, vault=store.vault, now=now), Urgency.PAGE) or waiting


def _companies(store: Store) -> list[UUID]:
    with store.reading() as session:
        tables = (TrackerSite, TrackingLink, EventDirtyDay)
        return sorted({one for table in tables for one in session.exec(select(col(table.company_id)).distinct())})


def _adopt(store: Store, company: TrackedCompany, platform: int, now: datetime) -> None:
    """Make the platform's connection where it has none; where it is another than before, begin anew there."""
    with store.reading() as session:
        target = target_of(session, company, platform)
        books = session.get(EventProjection, (company.number, platform))
    if target is None:
        run_writing(
            store.engine, partial(make_internal, company=company, platform=platform, now=now), Urgency.AGGREGATE
        )
        with store.reading() as session:
            target = target_of(session, company, platform)
    if target is None or books is None or (books.config_no, books.time_zone) == (target.config_no, target.zone.key):
        return

    def step(session: Session, target: Tracked = target, config_no: int = books.config_no) -> int:
        lock_company(session, company.number, now)
        return forget(session, target, config_no, _AT_ONCE, now)

    while run_writing(store.engine, step, Urgency.AGGREGATE):
        pass
    run_writing(store.engine, partial(_move, target=target, now=now), Urgency.AGGREGATE)


def _move(session: Session, *, target: Tracked, now: datetime) -> None:
    lock_company(session, target.company_no, now)
    books = find_projection(session, target)
    if books is None:
        return
    books.config_no, books.time_zone, books.covered_until = target.config_no, target.zone.key, None
    session.add(books)
    enter_days(session, target.company_id, raw_days(session, target.company_id), now=now)


def _settle(store: Store, company: TrackedCompany, now: datetime) -> int:
    """Settle the company's entries, a few UTC days at a time; returns how many days that were."""
    pace = pace_for(store)
    done = 0
    with store.reading() as session:
        waiting = sorted(set(event_days(session, company.id).values()))
    while waiting:
        taken, waiting = waiting[:_AT_ONCE], waiting[_AT_ONCE:]
        entries, counted = _count(store, company, taken, now)
        if not entries:
            continue

        def step(session: Session, entries: Iterable[int] = entries, counted: Mapping[Tracked, _Told] = counted) -> int:
            lock_company(session, company.number, now)
            started = pace.clock()
            # Somebody else has counted a later moment: theirs stays.
            if not has_entries(session, entries):
                return 0
            for target, told in counted.items():
                write_days(session, target, told, now)
            delete_entries(session, entries)
            pace.learn(pace.clock() - started)
            return 1

        done += len(taken) * run_writing(store.engine, step, Urgency.AGGREGATE)
    return done


def _count(
    store: Store, company: TrackedCompany, days: list[int], now: datetime
) -> tuple[list[int], dict[Tracked, _Told]]:
    """The log's entries of these UTC days, and what the days of each platform's zone that touch them come to."""
    counted: dict[Tracked, _Told] = defaultdict(dict)
    with store.reading() as session:
        entries = [number for number, day in event_days(session, company.id).items() if day in set(days)]
        for platform in sorted(company.platforms) if entries else ():
            target = target_of(session, company, platform)
            if target is None:
                continue
            today = day_number(now.astimezone(target.zone).date())
            for day in sorted({day + apart for day in days for apart in (-1, 0, 1)}):
                if day <= today:
                    one = count_day(session, target, day, company.pattern)
                    if day == today and platform in company.alive and platform != SITE:
                        one.heard.add(CLICKS)
                        one.is_alive = True
                    counted[target][day] = one
    return entries, counted


def _cover_today(store: Store, company: TrackedCompany, now: datetime) -> None:
    for platform in sorted(company.alive):
        with store.reading() as session:
            target = target_of(session, company, platform)
            books = find_projection(session, target) if target else None
        if target is None or books is None:
            continue
        today = day_number(now.astimezone(target.zone).date())
        if books.covered_until is None or books.covered_until < today:
            run_writing(store.engine, partial(_cover, target=target, today=today, now=now), Urgency.AGGREGATE)


def _cover(session: Session, *, target: Tracked, today: int, now: datetime) -> None:
    lock_company(session, target.company_no, now)
    cover_days(session, target, [today], now)
