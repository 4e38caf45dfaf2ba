"""In what state is each connection, and nothing else? Asked with every request that knows an answer's tag already."""

from datetime import datetime

from sqlalchemy import Boolean, Uuid, bindparam, text
from sqlmodel import Session

from store.reports.freshness import LastJob, connection_state
from store.reports.scope import CompanyScope
from store.tables.columns import UtcInstant

#: Id, label, state, cause of the newest sync job, last good sync.
Standing = tuple[str, str, str, str, datetime | None]


def list_standing(session: Session, company: CompanyScope, now: datetime) -> tuple[Standing, ...]:
    """Every connection of the company as `list_freshness` tells it, without the days it was read for."""
    rows = session.connection().execute(_STANDING, {"company_id": company.id}).all()
    return tuple(
        (
            str(key),
            name,
            connection_state(connector, is_active, synced, LastJob(state, cause) if state else None, now),
            cause or "",
            synced,
        )
        for key, name, connector, is_active, synced, state, cause in rows
    )


_STANDING = (
    text("""
SELECT c.id, c.name, c.connector, c.is_active, c.synced_at, j.state, j.cause_code
FROM platform_configs c
LEFT JOIN platform_sync_jobs j ON j.number = (
  SELECT s.number FROM platform_sync_jobs s WHERE s.config_id = c.id ORDER BY s.number DESC LIMIT 1)
WHERE c.company_id = :company_id AND c.deleted_at IS NULL ORDER BY c.number
""")
    .bindparams(bindparam("company_id", type_=Uuid()))
    .columns(id=Uuid(), is_active=Boolean(), synced_at=UtcInstant())
)
