"""How fresh is each connection? Its state in one word, its last sync, and the last day it was read for."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Boolean, Uuid, bindparam, text
from sqlmodel import Session

from domain.facts import Scope, day_of
from domain.platforms import BY_KEY, SILENT_CONNECTORS
from store.reports.scope import CompanyScope
from store.reports.shapes import Freshness
from store.tables.columns import UtcInstant

#: A connection whose last good sync is older than this is stale: every connector has a slot at least once a day.
STALE_AFTER = timedelta(hours=30)
PROVISIONAL_LOOK_BACK = 45


class LastJob(NamedTuple):
    """State and cause of a connection's newest sync job."""

    state: str
    cause_code: str


def connection_state(
    connector: str, is_active: bool, synced_at: datetime | None, last: LastJob | None, now: datetime
) -> str:
    """One of inactive, fed, connected, never, syncing, paused, failed, partial, stale, completed.

    `fed`: no connector, numbers come from files and from what we project ourselves. `connected`: a connector that
    reports no numbers.
    """
    if not connector:
        return "fed"
    if connector in SILENT_CONNECTORS:
        return "connected" if is_active else "inactive"
    if last is not None and last.state in {"pending", "running"}:
        return "syncing"
    if not is_active:
        return "inactive"
    if last is None:
        return "never"
    if last.state in {"paused", "failed"}:
        return last.state
    if synced_at is not None and now - synced_at > STALE_AFTER:
        return "stale"
    return last.state


def list_freshness(session: Session, company: CompanyScope, now: datetime) -> list[tuple[Freshness, str]]:
    """Every connection of the company with its freshness and the cause code of its newest job, by platform."""
    rows = session.connection().execute(_STANDING, {"company_id": company.id, "company": company.number})
    return [(_freshness(row, now), row.cause_code or "") for row in rows]


def _freshness(row: Any, now: datetime) -> Freshness:
    last = LastJob(row.state, row.cause_code) if row.state is not None else None
    return Freshness(
        config_id=str(row.id),
        platform=row.platform,
        label=row.name or BY_KEY[row.platform].label,
        connector=row.connector,
        state=connection_state(row.connector, row.is_active, row.synced_at, last, now),
        synced_at=row.synced_at,
        covered_until=day_of(row.covered) if row.covered is not None else None,
        provisional_from=day_of(row.provisional) if row.provisional is not None else None,
    )


#: One step of an index for each connection's newest job, for its last day read, and for the first day of late whose
#: total may still be restated (where reading is dear, numbers by posting are not read again once they are final). As
#: subqueries of the selection: a join would let the database begin with all jobs or all days.
_STANDING = (
    text(f"""
WITH c AS MATERIALIZED (
  SELECT id, number, platform, connector, name, is_active, synced_at,
    (SELECT s.number FROM platform_sync_jobs s WHERE s.config_id = platform_configs.id
      ORDER BY s.number DESC LIMIT 1) AS job_number,
    (SELECT r.day FROM read_coverage r WHERE r.company_no = :company AND r.config_no = platform_configs.number
       AND r.state = 1 ORDER BY r.day DESC LIMIT 1) AS covered
  FROM platform_configs WHERE company_id = :company_id AND deleted_at IS NULL
)
SELECT c.id, c.platform, c.connector, c.name, c.is_active, c.synced_at, c.covered, j.state, j.cause_code,
  (SELECT MIN(r.day) FROM read_coverage r WHERE r.company_no = :company AND r.config_no = c.number
     AND r.day >= c.covered - {PROVISIONAL_LOOK_BACK} AND r.scope = {int(Scope.TOTAL)} AND r.provisional = 1)
     AS provisional
FROM c
LEFT JOIN platform_sync_jobs j ON j.number = c.job_number
ORDER BY c.platform, c.number
""")  # noqa: S608 a number of ours
    .bindparams(bindparam("company_id", type_=Uuid()))
    .columns(id=Uuid(), is_active=Boolean(), synced_at=UtcInstant())
)
