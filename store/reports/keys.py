"""Which API keys are there, whose, what may they do, and when were they last used? Never the key itself."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from store.reports.scope import CompanyScope
from store.tables import ApiKey, User

MOST_ROWS = 200


@dataclass(frozen=True, slots=True)
class KeyRow:
    """One key. `prefix` is how it begins; `made_by` the e-mail of the admin it acts for."""

    id: uuid.UUID
    name: str
    prefix: str
    scopes: tuple[str, ...]
    made_by: str
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    revoked_at: datetime | None

    def state(self, now: datetime) -> str:
        """revoked, expired or good."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "good"


def list_keys(session: Session, company: CompanyScope) -> list[KeyRow]:
    """The company's keys, those made last first; tokens of an hour are left out."""
    found = session.exec(
        select(ApiKey, User.email)
        .join(User, col(User.id) == col(ApiKey.user_id))
        .where(col(ApiKey.company_id) == company.id, col(ApiKey.kind) == "key")
        .order_by(col(ApiKey.created_at).desc(), col(ApiKey.id).desc())
        .limit(MOST_ROWS)
    )
    return [
        KeyRow(
            id=key.id,
            name=key.name,
            prefix=key.prefix,
            scopes=tuple(key.scopes.split()),
            made_by=email,
            created_at=key.created_at,
            expires_at=key.expires_at,
            used_at=key.used_at,
            revoked_at=key.revoked_at,
        )
        for key, email in found
    ]
