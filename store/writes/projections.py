"""Facts made from applications and referrals: for some days, exactly what those tables say, and what they cover.

A stage counts on the day of the company's zone on which it was reached, for the platform that owns the application, at
the posting it was for. What was paid for referrals is their spend, on the day of payment, by currency. All of one
platform, metric and day stand under one origin, EVENT where any of them came as an event, so that none is left out when
origins are chosen.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, delete, insert, update
from sqlmodel import Session, col, select

from domain.counting import PROJECTED
from domain.facts import WHOLE_DAY, Origin, Scope, day_number
from domain.platforms import BY_KEY, BY_NUMBER
from store.tables import (
    ApplicationDirtyDay,
    Company,
    DirtyDay,
    ExternalPosting,
    PlatformConfig,
    ProjectedDay,
    Projection,
    RawFact,
)
from store.writes.imports import platform_config
from store.writes.merge import Page, Stamp, merge_page
from store.writes.projected_told import OF_REFERRALS, STAGE_METRICS, Projected, Told, day_bounds, told_on

__all__ = ["Projected", "day_bounds"]

#: In place of a day in the dirty log: the coverage of everything projected is due.
COVERAGE_DUE = -1
PROJECTED_METRICS = (*STAGE_METRICS, *OF_REFERRALS)
_AT_ONCE = 500
# Made once: to put a statement together takes longer than the database takes for it.
_ZONE = select(Company.time_zone).where(Company.id == bindparam("company_id"))
_DIRTY = insert(ApplicationDirtyDay.__table__)  # type: ignore[attr-defined]


#: (day, metric, scope, external posting, currency)
Key = tuple[int, int, int, int, str]
#: By (config, origin): key → count, or minor units
Counts = dict[tuple[int, int], dict[Key, int]]


class Target(NamedTuple):
    """The connection that carries a platform's projected facts."""

    id: uuid.UUID
    number: int


def mark_applications_dirty(session: Session, company_id: uuid.UUID, days: Iterable[date | datetime]) -> None:
    """Enter the days on which applications or referrals changed, both before and after the change.

    Give dates of the company's zone, or instants: those are turned into such dates here.
    """
    # What the session has changed is asked for too: it may be the zone.
    session.flush()
    zone = ZoneInfo(session.connection().execute(_ZONE, {"company_id": company_id}).scalar_one())
    numbers = {
        day_number(one.astimezone(zone).date() if isinstance(one, datetime) else one) for one in days if one is not None
    }
    enter_days(session, company_id, numbers)


def enter_days(session: Session, company_id: uuid.UUID, numbers: Iterable[int]) -> None:
    """Enter day numbers, or COVERAGE_DUE, in the log."""
    now = datetime.now(UTC)
    rows = [{"company_id": company_id, "day": number, "made_at": now} for number in sorted(numbers)]
    if rows:
        session.connection().execute(_DIRTY, rows)


def dirty_days(session: Session, whose: Projected, numbers: list[int]) -> list[int]:
    """Ids of the log's entries for these days."""
    found = session.exec(
        select(ApplicationDirtyDay.id).where(
            ApplicationDirtyDay.company_id == whose.company_id, col(ApplicationDirtyDay.day).in_(numbers)
        )
    )
    return [number for number in found if number is not None]


def delete_days(session: Session, ids: list[int]) -> None:
    """Take exactly these entries out of the log."""
    for start in range(0, len(ids), _AT_ONCE):
        session.connection().execute(
            delete(ApplicationDirtyDay).where(col(ApplicationDirtyDay.id).in_(ids[start : start + _AT_ONCE]))
        )


def project_days(session: Session, whose: Projected, days: list[int], now: datetime) -> int:
    """Make the projected facts of these days those that applications and referrals tell; returns facts changed.

    Facts of what no longer exists vanish. Changed days become dirty for aggregation, and the coverage becomes due.
    """
    told = [one for day in days for one in told_on(session, whose, day)]
    wanted = _wanted(session, whose, told, now)
    stored = _stored(session, whose, list_platforms(session, whose), days)
    changed: dict[int, set[int]] = defaultdict(set)
    gone = [(stamp, key) for stamp, counts in stored.items() for key in counts if key not in wanted.get(stamp, {})]
    _delete(session, whose, gone)
    written = 0
    for stamp, counts in wanted.items():
        known = stored.get(stamp, {})
        fresh = {key: value for key, value in counts.items() if known.get(key) != value}
        merge_page(session.connection(), Stamp(whose.company_no, *stamp, PROJECTED), _page(fresh))
        changed[stamp[0]] |= {key[0] for key in fresh}
        written += len(fresh)
    for stamp, key in gone:
        changed[stamp[0]].add(key[0])
    _write_books(session, whose, days, told)
    mark_changed(session, whose.company_no, changed, now)
    enter_days(session, whose.company_id, [COVERAGE_DUE])
    return written + len(gone)


def _page(counts: dict[Key, int]) -> Page:
    page: Page = defaultdict(dict)
    for (day, metric, scope, posting, currency), value in counts.items():
        page[scope, WHOLE_DAY, currency][day, metric, posting, 0] = (day, metric, posting, 0, value, 0)
    return page


def mark_changed(session: Session, company_no: int, changed: dict[int, set[int]], now: datetime) -> None:
    """Log days by connection as dirty for aggregation."""
    rows = [
        {"company_no": company_no, "config_no": config_no, "day": day, "made_at": now}
        for config_no, days in sorted(changed.items())
        for day in sorted(days)
    ]
    if rows:
        session.connection().execute(insert(DirtyDay), rows)


def is_of_today(session: Session, whose: Projected) -> bool:
    """Whether the company's zone still is the one given. Call `lock_company` first."""
    zone = session.exec(select(Company.time_zone).where(Company.id == whose.company_id)).one()
    return zone == whose.zone.key


def enter_all_days(session: Session, whose: Projected) -> None:
    """Enter every day that has anything projected, for the company's zone became another one.

    What was reached at one instant can be two dates apart in two zones: the days around are entered too.
    """
    found = session.exec(select(ProjectedDay.day).where(ProjectedDay.company_no == whose.company_no).distinct())
    days = {day + apart for day in found for apart in range(-2, 3)}
    session.connection().execute(
        update(Projection).where(col(Projection.company_no) == whose.company_no).values(time_zone=whose.zone.key)
    )
    enter_days(session, whose.company_id, {*days, COVERAGE_DUE})


def list_platforms(session: Session, whose: Projected) -> set[int]:
    """Numbers of the platforms that have, or have had, something projected."""
    return set(session.exec(select(Projection.platform).where(Projection.company_no == whose.company_no)))


def config_numbers(session: Session, whose: Projected, platforms: Iterable[int]) -> dict[int, int]:
    """Platform by config number: every connection, deleted ones too, that may hold projected facts of `platforms`."""
    keys = [BY_NUMBER[number].key for number in platforms]
    found = session.exec(
        select(PlatformConfig.number, PlatformConfig.platform).where(
            PlatformConfig.company_id == whose.company_id, col(PlatformConfig.platform).in_(keys)
        )
    )
    return {number: BY_KEY[key].number for number, key in found}


def _wanted(session: Session, whose: Projected, told: list[Told], now: datetime) -> Counts:
    targets = {platform: _target(session, whose, platform, now) for platform in {one.platform for one in told}}
    events = {(one.day, one.metric, one.platform) for one in told if not one.by_file}
    numbers = _numbers_of(session, whose, {(targets[one.platform], one.posting_id) for one in told}, now)
    wanted: Counts = defaultdict(dict)
    for one in told:
        origin = Origin.EVENT if (one.day, one.metric, one.platform) in events else Origin.IMPORT
        target = targets[one.platform]
        posting = numbers[target, one.posting_id]
        scope = Scope.POSTING if posting else Scope.RESIDUAL
        counts = wanted[target.number, int(origin)]
        key = (one.day, one.metric, int(scope), posting, one.currency)
        counts[key] = counts.get(key, 0) + one.value
    return wanted


def _target(session: Session, whose: Projected, platform: int, now: datetime) -> Target:
    """The connection that carries a platform's projected facts: one is made where there is none."""
    found = session.exec(
        select(PlatformConfig.id, PlatformConfig.number)
        .join(Projection, col(Projection.config_no) == PlatformConfig.number)
        .where(Projection.company_no == whose.company_no, Projection.platform == platform)
    ).first()
    if found is None:
        config = platform_config(session, whose.company_id, BY_NUMBER[platform].key, now=now)
        row = Projection(company_no=whose.company_no, platform=platform, config_no=config.number)
        row.time_zone = whose.zone.key
        session.add(row)
        session.flush()
        found = config.id, config.number
    return Target(*found)


def _numbers_of(
    session: Session, whose: Projected, asked: set[tuple[Target, uuid.UUID | None]], now: datetime
) -> dict[tuple[Target, uuid.UUID | None], int]:
    """Numbers of the external postings that stand for our own postings at a connection; new ones are made, linked."""
    numbers: dict[tuple[Target, uuid.UUID | None], int] = {one: 0 for one in asked if one[1] is None}
    by_target: dict[Target, dict[str, uuid.UUID]] = defaultdict(dict)
    for target, posting_id in asked:
        if posting_id is not None:
            by_target[target][f"posting:{posting_id}"] = posting_id
    for target, refs in by_target.items():
        found = _find_external(session, target, refs)
        new = [
            ExternalPosting(
                company_id=whose.company_id,
                config_id=target.id,
                external_ref=ref,
                posting_id=refs[ref],
                linked_by="rule",
                linked_at=now,
                first_seen_at=now,
            ).model_dump(exclude={"number"})
            for ref in sorted(refs.keys() - found.keys())
        ]
        if new:
            session.connection().execute(insert(ExternalPosting), new)
            found |= _find_external(session, target, [row["external_ref"] for row in new])
        numbers.update({(target, refs[ref]): number for ref, number in found.items()})
    return numbers


def _find_external(session: Session, target: Target, refs: Iterable[str]) -> dict[str, int]:
    ordered = sorted(refs)
    found: dict[str, int] = {}
    for start in range(0, len(ordered), _AT_ONCE):
        rows = session.exec(
            select(ExternalPosting.external_ref, ExternalPosting.number).where(
                ExternalPosting.config_id == target.id,
                col(ExternalPosting.external_ref).in_(ordered[start : start + _AT_ONCE]),
            )
        )
        found.update({ref: number for ref, number in rows if number is not None})
    return found


def _stored(session: Session, whose: Projected, platforms: set[int], days: list[int]) -> Counts:
    configs = config_numbers(session, whose, platforms)
    rows = session.exec(
        select(  # type: ignore[call-overload]
            RawFact.config_no,
            RawFact.origin,
            RawFact.day,
            RawFact.metric,
            RawFact.scope,
            RawFact.external_posting,
            RawFact.currency,
            RawFact.value,
        ).where(
            RawFact.company_no == whose.company_no,
            col(RawFact.config_no).in_(configs),
            col(RawFact.day).in_(days),
            col(RawFact.metric).in_(PROJECTED_METRICS),
            RawFact.seen == PROJECTED,
        )
    )
    stored: Counts = defaultdict(dict)
    for config_no, origin, day, metric, scope, posting, currency, value in rows:
        stored[config_no, origin][day, metric, scope, posting, currency] = value
    return stored


def _delete(session: Session, whose: Projected, gone: list[tuple[tuple[int, int], Key]]) -> None:
    if not gone:
        return
    columns = ("config_no", "origin", "day", "metric", "scope", "external_posting", "currency")
    table = RawFact.__table__  # type: ignore[attr-defined]
    session.connection().execute(
        delete(table).where(
            table.c.company_no == whose.company_no,
            table.c.seen == PROJECTED,
            *(table.c[name] == bindparam(f"its_{name}") for name in columns),
        ),
        [dict(zip((f"its_{name}" for name in columns), (*stamp, *key), strict=True)) for stamp, key in gone],
    )


def _write_books(session: Session, whose: Projected, days: list[int], told: list[Told]) -> None:
    session.connection().execute(
        delete(ProjectedDay).where(col(ProjectedDay.company_no) == whose.company_no, col(ProjectedDay.day).in_(days))
    )
    rows: dict[tuple[int, int, int], list[int]] = defaultdict(lambda: [0, 0])
    for one in told:
        rows[one.day, one.platform, one.metric][0 if one.by_file else 1] += one.times
    if rows:
        session.connection().execute(
            insert(ProjectedDay),
            [
                {
                    "company_no": whose.company_no,
                    "day": day,
                    "platform": platform,
                    "metric": metric,
                    "by_file": counts[0],
                    "by_event": counts[1],
                }
                for (day, platform, metric), counts in rows.items()
            ],
        )
