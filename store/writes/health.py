"""How platforms answered, added up by connection and UTC hour. The caller commits."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from store.engine import is_sqlite
from store.tables import PlatformHealth

_HOUR_SECONDS = 3600
KEPT_HOURS = 24 * 90


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
    key = {"config_no": config_no, "hour": hour_number(now)}
    zero = dict.fromkeys(("requests", "failures", "waits", "waited_ms", "total_ms", "slowest_ms"), 0)
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    session.execute(insert(PlatformHealth).values(**key, **zero, timings={}).on_conflict_do_nothing())
    row = session.get_one(PlatformHealth, tuple(key.values()), with_for_update=True)
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
    session.add(row)


def forget_hours(session: Session, *, now: datetime) -> None:
    """Drop what is older than ninety days."""
    session.execute(delete(PlatformHealth).where(col(PlatformHealth.hour) < hour_number(now) - KEPT_HOURS))
