"""Which stages were set by hand, by whom, and was it taken back? And what do a company's words for stages stand for?"""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlmodel import Session, col

from store.reports.scope import CompanyScope
from store.tables import StageChange, StageWord, User

MOST_CHANGES = 200


@dataclass(frozen=True, slots=True)
class StageChangeRow:
    """One change by hand, of one application or many, and what became of them."""

    id: uuid.UUID
    stage: str
    made_at: datetime
    made_by: str
    changed: int
    unchanged: int
    refused: int
    undone_at: datetime | None


def list_changes(session: Session, company: CompanyScope, *, limit: int = MOST_CHANGES) -> list[StageChangeRow]:
    """The company's changes, newest first."""
    rows = session.execute(
        select(StageChange, col(User.name), col(User.email))
        .join(User, col(User.id) == col(StageChange.made_by), isouter=True)
        .where(col(StageChange.company_id) == company.id)
        .order_by(col(StageChange.made_at).desc(), col(StageChange.id).desc())
        .limit(limit)
    )
    return [
        StageChangeRow(
            id=row.id,
            stage=row.stage,
            made_at=row.made_at,
            made_by=name or email or "",
            changed=row.changed,
            unchanged=row.unchanged,
            refused=row.refused,
            undone_at=row.undone_at,
        )
        for row, name, email in rows
    ]


def list_stage_words(session: Session, company_id: uuid.UUID) -> dict[str, str]:
    """Folded words → the stage they stand for, "" for none of ours; in their order."""
    rows = session.execute(
        select(col(StageWord.words), col(StageWord.stage))
        .where(col(StageWord.company_id) == company_id)
        .order_by(col(StageWord.words))
    )
    return {row.words: row.stage for row in rows}
