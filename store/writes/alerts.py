"""Alerts: one for each trouble of one connection, however many errors, until it is over. The caller commits."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from store.engine import is_sqlite
from store.tables import Alert
from store.tables.columns import new_id


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is wrong: whose connection, the cause code, how bad, and the platform's own words."""

    company_id: uuid.UUID
    config_id: uuid.UUID
    cause_code: str
    severity: str
    detail: str = ""


def raise_alert(session: Session, trouble: Trouble, *, now: datetime) -> None:
    """Open an alert for a trouble, or count one more error of the one that is open."""
    subject = str(trouble.config_id)
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    row = {"id": new_id(), "company_id": trouble.company_id, "config_id": trouble.config_id, "subject": subject}
    row |= {"cause_code": trouble.cause_code, "severity": trouble.severity, "detail": "", "errors": 0}
    session.execute(insert(Alert).values(**row, opened_at=now, last_at=now).on_conflict_do_nothing())
    session.execute(
        update(Alert)
        .where(
            col(Alert.company_id) == trouble.company_id,
            col(Alert.subject) == subject,
            col(Alert.cause_code) == trouble.cause_code,
            col(Alert.recovered_at).is_(None),
        )
        .values(errors=col(Alert.errors) + 1, last_at=now, detail=trouble.detail[:500], severity=trouble.severity),
        execution_options={"synchronize_session": False},
    )


def settle_alerts(session: Session, config_id: uuid.UUID, *, now: datetime) -> None:
    """The connection works again: its open alerts are over."""
    session.execute(
        update(Alert)
        .where(col(Alert.config_id) == config_id, col(Alert.recovered_at).is_(None))
        .values(recovered_at=now),
        execution_options={"synchronize_session": False},
    )
