"""How platforms answered, added up by connection and UTC hour. The caller commits."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby

from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from store.engine import is_sqlite
from store.tables import PlatformHealth

_HOUR_SECONDS = 3600
#: The hour that stands for all that are not kept one by one any more: sums over all hours never fall.
LONG_PAST = 0


@dataclass(frozen=True, slots=True)
class Answers:
    """What one client saw: counts, milliseconds, response times by upper bound, and the last quota told."""

    answers: int
    failures: int
    waits: int
    waited_ms: int
    total_ms: int
    slowest_ms: int
    timings: dict[str, int] = field(default_factory=dict)
    quota_left: int | None = None
    quota_total: int | None = None
    quota_resets_at: datetime | None = None


def hour_number(instant: datetime) -> int:
    """Hours since 1970 in UTC."""
    return int(instant.timestamp()) // _HOUR_SECONDS


def add_answers(session: Session, config_no: int, seen: Answers, *, now: datetime) -> None:
    """Add what was seen to the hour of `now`. A sync and the outbox may add for one connection at once."""
    _count(_row(session, config_no, hour_number(now)), seen)


def fold_hours(session: Session, *, before: int, limit: int) -> int:
    """Add hours before `before`, the oldest first, to LONG_PAST of their connection; how many, `limit` at most."""
    found = session.exec(
        select(PlatformHealth)
        .where(col(PlatformHealth.hour) > LONG_PAST, col(PlatformHealth.hour) < before)
        .order_by(col(PlatformHealth.config_no), col(PlatformHealth.hour))
        .limit(limit)
    ).all()
    for config_no, hours in groupby(found, key=lambda row: row.config_no):
        past = _row(session, config_no, LONG_PAST)
        for row in hours:
            _count(past, _seen_in(row))
            session.delete(row)
    return len(found)


def _row(session: Session, config_no: int, hour: int) -> PlatformHealth:
    """The connection's row of the hour, made where there is none, and locked."""
    key = {"config_no": config_no, "hour": hour}
    zero = dict.fromkeys(("requests", "failures", "waits", "waited_ms", "total_ms", "slowest_ms"), 0)
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    session.execute(insert(PlatformHealth).values(**key, **zero, timings={}).on_conflict_do_nothing())
    return session.get_one(PlatformHealth, tuple(key.values()), with_for_update=True)


def _count(row: PlatformHealth, seen: Answers) -> None:
    row.requests += seen.answers
    row.failures += seen.failures
    row.waits += seen.waits
    row.waited_ms += seen.waited_ms
    row.total_ms += seen.total_ms
    row.slowest_ms = max(row.slowest_ms, seen.slowest_ms)
    row.timings = {name: row.timings.get(name, 0) + seen.timings.get(name, 0) for name in {*row.timings, *seen.timings}}
    if seen.quota_left is not None:
        row.quota_left, row.quota_total = seen.quota_left, seen.quota_total
        row.quota_resets_at = seen.quota_resets_at


def _seen_in(row: PlatformHealth) -> Answers:
    return Answers(
        answers=row.requests,
        failures=row.failures,
        waits=row.waits,
        waited_ms=row.waited_ms,
        total_ms=row.total_ms,
        slowest_ms=row.slowest_ms,
        timings=row.timings,
        quota_left=row.quota_left,
        quota_total=row.quota_total,
        quota_resets_at=row.quota_resets_at,
    )
