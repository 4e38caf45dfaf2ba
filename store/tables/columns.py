"""Column types and shorthands that the tables share."""

import os
import time
import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Dialect, String, Text, TypeDecorator
from sqlalchemy.dialects.postgresql import TIMESTAMP
from sqlmodel import Field


class UtcInstant(TypeDecorator[datetime]):
    """A UTC instant: timestamptz on PostgreSQL, ISO text with microseconds on SQLite. Naive values are refused."""

    impl = String(32)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """timestamptz where the database has it."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(TIMESTAMP(timezone=True))
        return dialect.type_descriptor(String(32))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """UTC out."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant needs a time zone")
        instant = value.astimezone(UTC)
        return instant if dialect.name == "postgresql" else instant.isoformat(timespec="microseconds")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """UTC in."""
        if value is None:
            return None
        instant = value if isinstance(value, datetime) else datetime.fromisoformat(value)
        return instant.astimezone(UTC)


def new_id() -> uuid.UUID:
    """A UUIDv7 (RFC 9562): 48 bits of milliseconds, then 74 random bits. Sorts by time of making."""
    stamp = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    value = (stamp & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 68 & 0xFFF) << 64 | 0b10 << 62 | random & (2**62 - 1)
    return uuid.UUID(int=value)


def utc_now() -> datetime:
    """Now, with its zone."""
    return datetime.now(UTC)


def id_field() -> Any:
    """The primary key of an entity, made by us."""
    return Field(default_factory=new_id, primary_key=True)


def instant(*, nullable: bool = True, index: bool = False, **extra: Any) -> Any:
    """A UTC instant column."""
    if nullable:
        extra.setdefault("default", None)
    return Field(sa_type=UtcInstant, nullable=nullable, index=index, **extra)


def made_at() -> Any:
    """When the row was made."""
    return Field(default_factory=utc_now, sa_type=UtcInstant, nullable=False)


def text(default: str | None = "", **extra: Any) -> Any:
    """Text without a length."""
    return Field(default=default, sa_type=Text, nullable=default is None, **extra)


def document(**extra: Any) -> Any:
    """A JSON object, {} by default."""
    return Field(default_factory=dict, sa_type=JSON, nullable=False, **extra)


def texts(**extra: Any) -> Any:
    """A JSON list of texts, [] by default, also for rows older than the column."""
    return Field(default_factory=list, sa_type=JSON, nullable=False, sa_column_kwargs={"server_default": "[]"}, **extra)


def count(**extra: Any) -> Any:
    """A BIGINT count, 0 by default."""
    return Field(default=0, sa_type=BigInteger, nullable=False, **extra)


def one_of(column: str, values: tuple[str, ...]) -> str:
    """SQL of a CHECK that `column` holds one of `values`."""
    return f"{column} IN ({', '.join(repr(value) for value in values)})"
