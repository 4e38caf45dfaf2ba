"""Which messages to the company's own people and systems did not arrive: alerts, and rewards that fell due?"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from store.reports.invitations import KIND
from store.reports.scope import CompanyScope
from store.tables import Mail

MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class Undelivered:
    """Messages that did not arrive, or may not have. `newest_at` and `detail` (its server's words) are the newest's."""

    by_kind: dict[str, int]
    newest_at: datetime
    detail: str

    @property
    def number(self) -> int:
        """How many there are."""
        return sum(self.by_kind.values())


def find_undelivered(session: Session, company: CompanyScope, *, since: datetime) -> Undelivered | None:
    """Of the messages written since then, invitations left out; None where all arrived or are still tried."""
    rows = session.exec(
        select(Mail)
        .where(
            col(Mail.company_id) == company.id,
            col(Mail.created_at) >= since,
            col(Mail.kind) != KIND,
            col(Mail.state).in_(("dead", "refused", "unknown")),
        )
        .order_by(col(Mail.created_at).desc(), col(Mail.id).desc())
        .limit(MOST_ROWS)
    ).all()
    if not rows:
        return None
    return Undelivered(dict(Counter(row.kind for row in rows)), rows[0].created_at, rows[0].detail)
