"""Whose numbers: the company every report is bounded by."""

import uuid
from dataclasses import dataclass

from sqlmodel import Session, select

from store.tables import Company, DataVersion


@dataclass(frozen=True, slots=True)
class CompanyScope:
    """A company as reports need it; `version` rises with every change of its aggregates."""

    id: uuid.UUID
    number: int
    name: str
    time_zone: str
    currency: str
    is_demo: bool
    version: int


def find_company(session: Session, company_id: uuid.UUID) -> CompanyScope | None:
    """The company's scope with its data version now; None for an unknown id."""
    row = session.exec(
        select(Company, DataVersion.version)
        .join(DataVersion, DataVersion.company_no == Company.number, isouter=True)  # type: ignore[arg-type]
        .where(Company.id == company_id)
    ).first()
    if row is None:
        return None
    company, version = row
    return CompanyScope(
        company.id,
        company.number,
        company.name,
        company.time_zone,
        company.currency,
        company.is_demo,
        version or 0,
    )
