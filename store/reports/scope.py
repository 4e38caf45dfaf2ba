"""Whose numbers: the company every report is bounded by."""

import uuid
from dataclasses import dataclass

from sqlalchemy import bindparam, select
from sqlmodel import Session, col

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
    row = session.connection().execute(_COMPANY, {"id": company_id}).first()
    return None if row is None else CompanyScope(*row[:-1], version=row[-1] or 0)


_COMPANY = (
    select(
        col(Company.id),
        col(Company.number),
        col(Company.name),
        col(Company.time_zone),
        col(Company.currency),
        col(Company.is_demo),
        col(DataVersion.version),
    )
    .join(DataVersion, col(DataVersion.company_no) == Company.number, isouter=True)
    .where(col(Company.id) == bindparam("id"))
)
