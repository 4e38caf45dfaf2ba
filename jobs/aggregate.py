"""Bring aggregates up to date with facts: for the days in the dirty log, or for everything."""

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from domain.counting import Counted
from domain.metrics import BY_NAME
from domain.platforms import BY_NUMBER
from jobs.pace import Pace, pace_for
from store.engine import Urgency, run_writing
from store.opening import Store
from store.tables import Company
from store.tables.columns import utc_now
from store.writes.aggregates import (
    Declared,
    Slice,
    delete_entries,
    dirty_entries,
    due_days,
    known_days,
    lock_company,
    narrowed,
    recompute,
    share_out,
)

log = structlog.get_logger("jobs.aggregate")
Recompute = partial[int]
#: Days to a transaction that shares totals out over platforms.
_SHARED_DAYS = 14


def declared_counting() -> Declared:
    """How each connector's totals are counted, from its spec."""
    from connectors.registry import CONNECTORS

    return {
        key: {
            BY_NAME[offered.metric].number: Counted(offered.counted_scope, offered.counted_by == "source")
            for offered in connector.metrics
        }
        for key, connector in CONNECTORS.items()
    }


def aggregate_due(store: Store, now: datetime, declared: Declared | None = None, seconds: float = 20) -> int:
    """Recompute the days in the dirty log, for about `seconds` at most; returns how many platform-days were done.

    1. Read which days are due, sites last, because what they own depends on the others.
    2. Take a few days of one platform: lock the company, read their entries, recompute, delete exactly these entries,
       commit. Where another worker was quicker there are no entries, and nothing is done.
    3. Look again, for recomputing may have made a site's days dirty.
    A kill at any instant leaves the entries of what is not committed. A platform that the database refuses is logged
    and left dirty, so that it does not hold up the others.
    """
    declared = declared_counting() if declared is None else declared
    deadline = time.monotonic() + seconds
    refused: set[tuple[int, int]] = set()
    done = 0
    while True:
        with store.reading() as session:
            due = {key: days for key, days in due_days(session).items() if key not in refused}
        ordered = [key for key in sorted(due, key=_sites_last) if not _is_site(key)] or sorted(due)
        if not ordered:
            return done
        for company_no, platform in ordered:
            part = Slice(company_no, platform, tuple(sorted(due[company_no, platform])))
            try:
                for days in _steps(store, part, declared, now):
                    done += days
                    if time.monotonic() > deadline:
                        return done
            except DBAPIError:
                log.exception("aggregating a platform failed", company_no=company_no, platform=platform)
                refused.add((company_no, platform))


def rebuild(
    store: Store, company_id: uuid.UUID | None = None, now: datetime | None = None, declared: Declared | None = None
) -> int:
    """Recompute everything of one company, or of all, in slices; returns how many aggregate rows were wrong.

    Rows that are right are not written, so that a rebuild beside the running product disturbs nobody.
    """
    declared = declared_counting() if declared is None else declared
    now = now or utc_now()
    with store.reading() as session:
        query = select(Company.number).order_by(col(Company.number))
        companies = session.exec(query if company_id is None else query.where(Company.id == company_id)).all()
    wrong = 0
    for company_no in companies:
        with store.reading() as session:
            platforms, days = known_days(session, company_no)
        for key in sorted(((company_no, platform) for platform in platforms), key=_sites_last):
            pace = pace_for(store)
            part = Slice(*key, days)
            while part.days:
                taken = replace(part, days=part.days[: pace.days])
                wrong += _rebuild(store, taken, partial(recompute, declared=declared, now=now, rebuilds=True), pace)
                part = replace(part, days=part.days[len(taken.days) :])
        with store.reading() as session:
            _, starts = known_days(session, company_no)
        for at in range(0, len(starts), _SHARED_DAYS):
            share = partial(share_out, company_no=company_no, starts=starts[at : at + _SHARED_DAYS], now=now)
            wrong += run_writing(store.engine, share, Urgency.AGGREGATE)
    return wrong


def _steps(store: Store, part: Slice, declared: Declared, now: datetime) -> Iterator[int]:
    """Settle a slice in transactions of the right size; yields how many days each brought up to date."""
    pace = pace_for(store)
    while part.days:
        taken = replace(part, days=part.days[: pace.days])
        part = replace(part, days=part.days[len(taken.days) :])
        yield len(taken.days) if _settle(store, taken, partial(recompute, declared=declared, now=now), pace) else 0


def _settle(store: Store, part: Slice, work: Recompute, pace: Pace) -> bool:
    """Recompute a slice and settle its entries; False where it has none. A large day goes in several transactions,
    of which the last deletes the entries that the first has read."""

    def step(piece: Slice, session: Session) -> list[int]:
        lock_company(session, part.company_no, now=work.keywords["now"])
        started = pace.clock()
        found = dirty_entries(session, part) if entries is None else entries
        if found:
            work(session, piece)
            if piece is pieces[-1]:
                delete_entries(session, found)
        pace.learn(pace.clock() - started)
        return found

    entries: list[int] | None = None
    pieces = narrowed(part, pace.pieces)
    for piece in pieces:
        entries = run_writing(store.engine, partial(step, piece), Urgency.AGGREGATE)
        if not entries:
            return False
    return True


def _rebuild(store: Store, part: Slice, work: Recompute, pace: Pace) -> int:
    """Recompute a slice whether it is dirty or not; returns how many rows were wrong."""

    def step(piece: Slice, session: Session) -> int:
        lock_company(session, part.company_no, now=work.keywords["now"])
        started = pace.clock()
        entries = dirty_entries(session, part) if len(pieces) == 1 else []
        wrong = work(session, piece)
        delete_entries(session, entries)
        pace.learn(pace.clock() - started)
        return wrong

    pieces = narrowed(part, pace.pieces)
    wrong = 0
    for piece in pieces:
        wrong += run_writing(store.engine, partial(step, piece), Urgency.AGGREGATE)
    return wrong


def _is_site(key: tuple[int, int]) -> bool:
    return BY_NUMBER[key[1]].is_site


def _sites_last(key: tuple[int, int]) -> tuple[bool, int, int]:
    return _is_site(key), *key
