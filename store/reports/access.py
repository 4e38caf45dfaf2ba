"""How long may each connection still be read? What the platform granted, and when somebody must sign in again."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from store.reports.scope import CompanyScope
from store.tables import PlatformConfig, PlatformToken

#: So long before the end of a grant the card begins to warn.
WARN_BEFORE = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Access:
    """One connection's grant. `token_ends_at` is renewed by itself; `refresh_ends_at` only by a person, None: never.

    `refused_cause` is why the platform does not renew it any more, "" while it does.
    """

    config_id: str
    scopes: tuple[str, ...]
    token_ends_at: datetime | None
    refresh_ends_at: datetime | None
    refused_cause: str

    def is_ending(self, now: datetime) -> bool:
        """Whether it is time to reconnect."""
        return bool(self.refused_cause) or (
            self.refresh_ends_at is not None and self.refresh_ends_at - now < WARN_BEFORE
        )


def list_access(session: Session, company: CompanyScope) -> dict[str, Access]:
    """The grants of a company's live connections, by connection id; those that never had a token are left out."""
    rows = session.exec(
        select(PlatformToken)
        .join(PlatformConfig, col(PlatformConfig.id) == col(PlatformToken.config_id))
        .where(col(PlatformConfig.company_id) == company.id, col(PlatformConfig.deleted_at).is_(None))
        .order_by(col(PlatformConfig.number))
    )
    return {str(row.config_id): _access(row) for row in rows}


def _access(row: PlatformToken) -> Access:
    scopes = tuple(row.scopes.split())
    return Access(str(row.config_id), scopes, row.expires_at, row.refresh_ends_at, row.refused_cause)
