"""Bring aggregates up to date with facts: for the days in the dirty log, or for everything."""

import time
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
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
from store.writes.aggregates import check_periods, lock_company, period_starts, recompute
from store.writes.choices import Declared, Slice
from store.writes.dirty import delete_entries, dirty_entries, due_days, known_days

log = structlog.get_logger("jobs.aggregate")
Recompute = partial[int]
Key = tuple[int, int]
#: Days to a transaction that compares weeks, months and shares.
_CHECKED_DAYS = 14


def declared_counting() -> Declared:
    """How each connector's totals are counted, from its spec."""
    from connectors.contract import MetricsSource
    from connectors.registry import CONNECTORS

    return {
        key: {
            BY_NAME[offered.metric].number: Counted(
                offered.counted_scope, offered.counted_by == "source", offered.is_estimate
            )
            for offered in connector.metrics
        }
        for key, connector in CONNECTORS.items()
        if issubclass(connector, MetricsSource)
    }


def aggregate_due(store: Store, now: datetime, declared: Declared | None = None, seconds: float = 20) -> int:
    """Recompute the days in the dirty log, for about `seconds` at most; returns how many platform-days were done.

    1. Read which days are due, sites last, because what they own depends on the others. Where a site has the same days
       due as others, they are done together.
    2. Take a few days of the platforms that have the same days due: lock the company, read their entries, recompute,
       delete exactly these entries, commit. Where another worker was quicker there are no entries, and nothing is done.
    3. Look again, for recomputing may have made a site's days dirty.
    A kill at any instant leaves the entries of what is not committed. A platform that the database refuses is logged
    and left dirty, so that it does not hold up the others.
    """
    work = partial(recompute, declared=declared_counting() if declared is None else declared, now=now)
    deadline = time.monotonic() + seconds
    alone: set[Key] = set()
    refused: set[Key] = set()
    done = 0
    while True:
        with store.reading() as session:
            due = {key: days for key, days in due_days(session).items() if key not in refused}
        parts = _grouped(due, alone)
        if not parts:
            return done
        for part in parts:
            try:
                for counted, _ in _steps(store, part, work):
                    done += counted
                    if time.monotonic() > deadline:
                        return done
            except DBAPIError:
                whose = {(part.company_no, platform) for platform in part.platforms}
                if len(whose) > 1:
                    alone |= whose
                    continue
                log.exception("aggregating a platform failed", company_no=part.company_no, platform=part.platforms[0])
                refused |= whose


def rebuild(
    store: Store, company_id: uuid.UUID | None = None, now: datetime | None = None, declared: Declared | None = None
) -> int:
    """Recompute everything of one company, or of all, in slices; returns how many aggregate rows were wrong.

    Rows that are right are not written, so that a rebuild beside the running product disturbs nobody. Every slice
    leaves its own days, weeks, months and shares right, so that a kill leaves nothing half done.
    """
    now = now or utc_now()
    work = partial(recompute, declared=declared_counting() if declared is None else declared, now=now)
    with store.reading() as session:
        query = select(Company.number).order_by(col(Company.number))
        companies = session.exec(query if company_id is None else query.where(Company.id == company_id)).all()
    wrong = 0
    for company_no in companies:
        with store.reading() as session:
            platforms, days = known_days(session, company_no)
        for part in _grouped({(company_no, platform): set(days) for platform in platforms}, set()):
            wrong += sum(rows for _, rows in _steps(store, part, work, even_clean=True))
        with store.reading() as session:
            starts = period_starts(known_days(session, company_no)[1])
        for at in range(0, len(starts), _CHECKED_DAYS):
            check = partial(_check, company_no=company_no, starts=starts[at : at + _CHECKED_DAYS], now=now)
            wrong += run_writing(store.engine, check, Urgency.AGGREGATE, lazily=True)
    return wrong


def _check(session: Session, company_no: int, starts: tuple[int, ...], now: datetime) -> int:
    lock_company(session, company_no, now)
    return check_periods(session, company_no, starts, now)


def _grouped(due: Mapping[Key, set[int]], alone: Collection[Key]) -> list[Slice]:
    """Slices of the platforms that have the same days due; who is to be alone, one by one.

    Slices of nothing but sites wait until nobody else has anything due.
    """
    groups: dict[tuple[int, tuple[int, ...], int], list[int]] = defaultdict(list)
    for key, days in due.items():
        groups[key[0], tuple(sorted(days)), key[1] if key in alone else 0].append(key[1])
    slices = [Slice(group[0], tuple(sorted(groups[group])), group[1]) for group in sorted(groups)]
    return [part for part in slices if not all(BY_NUMBER[one].is_site for one in part.platforms)] or slices


def _steps(store: Store, part: Slice, work: Recompute, *, even_clean: bool = False) -> Iterator[tuple[int, int]]:
    """Settle a slice in transactions of the right size; yields (platform-days brought up to date, rows changed)."""
    pace = pace_for(store)
    while part.days:
        taken = replace(part, days=part.days[: pace.days])
        part = replace(part, days=part.days[len(taken.days) :])
        rows = _settle(store, taken, work, pace, even_clean=even_clean)
        yield (0, 0) if rows is None else (len(taken.days) * len(taken.platforms), rows)


def _settle(store: Store, part: Slice, work: Recompute, pace: Pace, *, even_clean: bool) -> int | None:
    """Recompute a slice and settle its entries; returns rows changed, or None where it has no entries.

    A large day goes in several transactions, of which the last deletes the entries that the first has read.
    """

    def step(piece: Slice, session: Session) -> tuple[list[int], int]:
        lock_company(session, part.company_no, now=work.keywords["now"])
        started = pace.clock()
        found = dirty_entries(session, part) if entries is None else entries
        rows = 0
        if found or even_clean:
            rows = work(session, piece)
            if piece is pieces[-1]:
                delete_entries(session, found)
        pace.learn(pace.clock() - started)
        return found, rows

    entries: list[int] | None = None
    pieces = part.narrowed(pace.pieces)
    total = 0
    for piece in pieces:
        # Lost by a power cut, a commit takes its deletion of entries with it: what is due then is due again.
        entries, rows = run_writing(store.engine, partial(step, piece), Urgency.AGGREGATE, lazily=True)
        total += rows
        if not entries and not even_clean:
            return None
    return total
