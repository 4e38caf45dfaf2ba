"""Of which days applications and referrals tell everything: there, a quiet day is 0; outside, it is a gap.

A file of applications tells of all days from its first application until its last stage; and until it was imported
where that followed within a week, for then the last days were quiet. Events tell of the days between the first and the
last of them. Referrals and what was paid for them are kept here, so that each is known from the first one to today.
"""

from collections import defaultdict
from datetime import datetime

from sqlalchemy import delete, func, insert, tuple_
from sqlmodel import Session, col, select

from domain.counting import PROJECTED_SCOPE
from domain.facts import Coverage, Origin, day_number
from domain.metrics import BY_NAME
from domain.platforms import BY_KEY
from store.tables import Import, ProjectedDay, Projection, ReadCoverage
from store.writes.projected_told import OF_REFERRALS, REFERRALS_SENT, STAGE_METRICS, Projected
from store.writes.projections import PROJECTED_METRICS, config_numbers, mark_changed

#: A file that ends longer than this before its import is an old one, and says nothing of the days between.
QUIET_DAYS = 7
REFERRALS = BY_KEY["referrals"].number
_APPLICATIONS = BY_NAME["applications"].number
_AT_ONCE = 300


def project_coverage(session: Session, whose: Projected, platform: int, now: datetime) -> int:
    """Make the projected coverage of a platform what is known of it; returns how many (metric, day) changed."""
    config_no = session.exec(
        select(Projection.config_no).where(Projection.company_no == whose.company_no, Projection.platform == platform)
    ).one_or_none()
    wanted = {
        (config_no, day, metric, int(origin))
        for (day, metric), origin in _known(session, whose, platform, now).items()
        if config_no is not None
    }
    stored = _stored(session, whose, platform)
    fresh, gone = sorted(wanted - stored), sorted(stored - wanted)
    _delete(session, whose, gone)
    _insert(session, whose, fresh, now)
    changed: dict[int, set[int]] = defaultdict(set)
    for number, day, _, _ in (*fresh, *gone):
        changed[number].add(day)
    mark_changed(session, whose.company_no, changed, now)
    if not wanted:
        session.connection().execute(
            delete(Projection).where(
                col(Projection.company_no) == whose.company_no, col(Projection.platform) == platform
            )
        )
    return len(fresh) + len(gone)


def has_today(session: Session, whose: Projected, now: datetime) -> bool:
    """Whether today is covered for referrals, or there are none."""
    config_no = session.exec(
        select(Projection.config_no).where(Projection.company_no == whose.company_no, Projection.platform == REFERRALS)
    ).one_or_none()
    first = _first_day(session, whose, REFERRALS_SENT)
    if config_no is None or first is None:
        return True
    key = (whose.company_no, config_no, max(_today(whose, now), first), REFERRALS_SENT, PROJECTED_SCOPE, Origin.EVENT)
    return session.get(ReadCoverage, tuple(int(part) for part in key)) is not None


def _known(session: Session, whose: Projected, platform: int, now: datetime) -> dict[tuple[int, int], Origin]:
    """(day, metric) → the origin that tells it."""
    rows = session.exec(
        select(ProjectedDay.day, ProjectedDay.metric, ProjectedDay.by_file, ProjectedDay.by_event).where(
            ProjectedDay.company_no == whose.company_no, ProjectedDay.platform == platform
        )
    ).all()
    known: dict[tuple[int, int], Origin] = {}
    stages = [row for row in rows if row[1] not in OF_REFERRALS]
    events = [day for day, _, _, by_event in stages if by_event]
    if events:
        _fill(known, min(events), max(events), Origin.EVENT)
    if any(by_file for _, _, by_file, _ in stages):
        _fill(known, *_file_range(session, whose), Origin.IMPORT)
    for metric in OF_REFERRALS if platform == REFERRALS else ():
        first = _first_day(session, whose, metric)
        if first is not None:
            known.update({(day, metric): Origin.EVENT for day in range(first, _today(whose, now) + 1)})
    known.update({(day, metric): Origin.EVENT if by_event else Origin.IMPORT for day, metric, _, by_event in rows})
    return known


def _fill(known: dict[tuple[int, int], Origin], first: int, last: int, origin: Origin) -> None:
    known.update({(day, metric): origin for day in range(first, last + 1) for metric in STAGE_METRICS})


def _file_range(session: Session, whose: Projected) -> tuple[int, int]:
    """First and last day that the company's files of applications tell everything of."""
    by_file = (ProjectedDay.company_no == whose.company_no, ProjectedDay.by_file > 0)
    last = session.exec(select(func.max(ProjectedDay.day)).where(*by_file)).one()
    first = session.exec(select(func.min(ProjectedDay.day)).where(*by_file, ProjectedDay.metric == _APPLICATIONS)).one()
    imported = session.exec(
        select(Import.created_at).where(
            Import.company_id == whose.company_id, Import.kind == "applications", Import.state == "imported"
        )
    )
    days = {day_number(at.astimezone(whose.zone).date()) for at in imported}
    return (last if first is None else first), max({last, *(day for day in days if last <= day <= last + QUIET_DAYS)})


def _first_day(session: Session, whose: Projected, metric: int) -> int | None:
    """The day of the first referral, or the first payment."""
    first: int | None = session.exec(
        select(func.min(ProjectedDay.day)).where(
            ProjectedDay.company_no == whose.company_no,
            ProjectedDay.platform == REFERRALS,
            ProjectedDay.metric == metric,
        )
    ).one()
    return first


def _today(whose: Projected, now: datetime) -> int:
    return day_number(now.astimezone(whose.zone).date())


def _stored(session: Session, whose: Projected, platform: int) -> set[tuple[int, int, int, int]]:
    rows = session.exec(
        select(ReadCoverage.config_no, ReadCoverage.day, ReadCoverage.metric, ReadCoverage.origin).where(
            ReadCoverage.company_no == whose.company_no,
            col(ReadCoverage.config_no).in_(config_numbers(session, whose, [platform])),
            ReadCoverage.scope == PROJECTED_SCOPE,
            ReadCoverage.origin != Origin.POLL,
            col(ReadCoverage.metric).in_(PROJECTED_METRICS),
        )
    )
    return {(row[0], row[1], row[2], row[3]) for row in rows}


def _delete(session: Session, whose: Projected, gone: list[tuple[int, int, int, int]]) -> None:
    columns = (ReadCoverage.config_no, ReadCoverage.day, ReadCoverage.metric, ReadCoverage.origin)
    for start in range(0, len(gone), _AT_ONCE):
        session.connection().execute(
            delete(ReadCoverage).where(
                col(ReadCoverage.company_no) == whose.company_no,
                col(ReadCoverage.scope) == int(PROJECTED_SCOPE),
                tuple_(*columns).in_(gone[start : start + _AT_ONCE]),
            )
        )


def _insert(session: Session, whose: Projected, fresh: list[tuple[int, int, int, int]], now: datetime) -> None:
    rows = [
        {
            "company_no": whose.company_no,
            "config_no": config_no,
            "day": day,
            "metric": metric,
            "scope": int(PROJECTED_SCOPE),
            "origin": origin,
            "state": int(Coverage.READ),
            "provisional": 0,
            "as_of": now,
            "cause_code": "",
        }
        for config_no, day, metric, origin in fresh
    ]
    if rows:
        session.connection().execute(insert(ReadCoverage), rows)
