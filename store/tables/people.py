"""Companies, users, and what lets them in."""

import uuid
from datetime import datetime

from sqlalchemy import CheckConstraint, Index, UniqueConstraint
from sqlalchemy import text as sql
from sqlmodel import Field, SQLModel

from store.tables.columns import document, id_field, instant, made_at, one_of, text

ROLES = ("admin", "hiring_manager")


class Company(SQLModel, table=True):
    """One tenant. `number` stands for it in fact keys."""

    __tablename__ = "companies"
    __table_args__ = (UniqueConstraint("number"), CheckConstraint("number > 0"))

    id: uuid.UUID = id_field()
    number: int
    name: str = text()
    time_zone: str = text("UTC")
    currency: str = text("USD")
    is_demo: bool = False
    settings: dict[str, object] = document()
    created_at: datetime = made_at()


class User(SQLModel, table=True):
    """Somebody who may sign in. `email` is stored lower-case; its stamp changes end all sessions.

    `is_on_board` says whether colleagues see them among the top referrers."""

    __tablename__ = "users"
    __table_args__ = (
        UniqueConstraint("email"),
        CheckConstraint(one_of("role", ROLES), name="users_role"),
        Index("ix_users_company", "company_id"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    email: str = text()
    name: str = text()
    password_hash: str = text()
    role: str = text("hiring_manager")
    is_active: bool = True
    is_on_board: bool = Field(default=True, sa_column_kwargs={"server_default": sql("true")})
    created_at: datetime = made_at()
    signed_in_at: datetime | None = instant()
    password_changed_at: datetime | None = instant()


class SetupLink(SQLModel, table=True):
    """A one-time link that makes the first admin. Only its hash is kept."""

    __tablename__ = "setup_links"

    token_hash: str = Field(primary_key=True)
    created_at: datetime = made_at()
    expires_at: datetime = instant(nullable=False)
    used_at: datetime | None = instant()


class SignInTicket(SQLModel, table=True):
    """Bridges the sign-in form to the cookie: used once, within a minute."""

    __tablename__ = "sign_in_tickets"

    ticket_hash: str = Field(primary_key=True)
    company_id: uuid.UUID = Field(foreign_key="companies.id", ondelete="CASCADE")
    user_id: uuid.UUID = Field(foreign_key="users.id", ondelete="CASCADE")
    expires_at: datetime = instant(nullable=False)
    used_at: datetime | None = instant()


class SessionRow(SQLModel, table=True):
    """A signed-in browser. The cookie's value is stored only as an HMAC."""

    __tablename__ = "sessions"
    __table_args__ = (Index("ix_sessions_user", "user_id"), Index("ix_sessions_expires", "expires_at"))

    token_hash: str = Field(primary_key=True)
    company_id: uuid.UUID = Field(foreign_key="companies.id", ondelete="CASCADE")
    user_id: uuid.UUID = Field(foreign_key="users.id", ondelete="CASCADE")
    created_at: datetime = made_at()
    seen_at: datetime = instant(nullable=False)
    expires_at: datetime = instant(nullable=False)
    ended_at: datetime | None = instant()
    address_prefix: str = text()
    agent: str = text()


class SignInAttempt(SQLModel, table=True):
    """A failed sign-in, for throttling by user and by address. Rows older than a day are deleted."""

    __tablename__ = "sign_in_attempts"
    __table_args__ = (
        Index("ix_sign_in_attempts_pair", "email_hash", "address_hash", "at"),
        Index("ix_sign_in_attempts_address", "address_hash", "at"),
    )

    id: uuid.UUID = id_field()
    email_hash: str = text()
    address_hash: str = text()
    at: datetime = made_at()


class ApiKey(SQLModel, table=True):
    """A bearer key: `token` (short-lived, from /api/auth/token) or `key` (made by an admin). Stored hashed."""

    __tablename__ = "api_keys"
    __table_args__ = (
        UniqueConstraint("token_hash"),
        CheckConstraint(one_of("kind", ("token", "key")), name="api_keys_kind"),
        Index("ix_api_keys_company", "company_id"),
    )

    id: uuid.UUID = id_field()
    company_id: uuid.UUID = Field(foreign_key="companies.id", ondelete="CASCADE")
    user_id: uuid.UUID = Field(foreign_key="users.id", ondelete="CASCADE")
    kind: str = text("token")
    name: str = text()
    token_hash: str = text()
    prefix: str = text()
    scopes: str = text()
    created_at: datetime = made_at()
    expires_at: datetime | None = instant()
    used_at: datetime | None = instant()
    revoked_at: datetime | None = instant()
