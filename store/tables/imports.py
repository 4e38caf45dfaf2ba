"""File imports: what came in, how its columns were read, and how to take it back."""

import uuid
from datetime import datetime

from sqlalchemy import JSON, BigInteger, CheckConstraint, Index, Integer, UniqueConstraint
from sqlmodel import Field, SQLModel

from store.tables.columns import count, document, id_field, instant, made_at, one_of, text

IMPORT_KINDS = ("metrics", "applications", "postings")
IMPORT_STATES = ("running", "imported", "undone", "failed")


class Import(SQLModel, table=True):
    """One imported file."""

    __tablename__ = "imports"
    __table_args__ = (
        CheckConstraint(one_of("kind", IMPORT_KINDS), name="imports_kind"),
        CheckConstraint(one_of("state", IMPORT_STATES), name="imports_state"),
        Index("ix_imports_company", "company_id", "created_at"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    kind: str = text("metrics")
    platform: str = text()
    file_name: str = text()
    file_hash: str = text()
    mapping: dict[str, object] = document()
    state: str = text("running")
    inserted: int = count()
    updated: int = count()
    unchanged: int = count()
    rejected: int = count()
    rejections: dict[str, object] = document()
    created_by: uuid.UUID | None = Field(default=None, foreign_key="users.id")
    created_at: datetime = made_at()
    undone_at: datetime | None = instant()


class ImportChange(SQLModel, table=True):
    """What one import replaced: the row's key and the values before it (null: there was no row)."""

    __tablename__ = "import_changes"

    import_id: uuid.UUID = Field(foreign_key="imports.id", ondelete="CASCADE", primary_key=True)
    seq: int = Field(primary_key=True, sa_type=Integer)
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    row_key: list[object] = Field(sa_type=JSON, nullable=False)
    before: dict[str, object] | None = Field(default=None, sa_type=JSON)
    after: dict[str, object] = document()


class ImportMapping(SQLModel, table=True):
    """A remembered column mapping, found again by the file's headers."""

    __tablename__ = "import_mappings"
    __table_args__ = (UniqueConstraint("company_id", "kind", "header_hash"),)

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    kind: str = text("metrics")
    header_hash: str = text()
    mapping: dict[str, object] = document()
    uses: int = Field(default=1, sa_type=BigInteger, nullable=False)
    updated_at: datetime = made_at()
