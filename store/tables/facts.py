"""Facts, aggregates, and the books kept about them. Natural keys, compact types, no NULL in a key.

Companies, connections, platforms, metrics, postings, scopes and origins stand as their numbers (domain/); days as days
since 1970-01-01. `currency` is part of the keys: an account that changes its currency has two amounts on one day.
"""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Index, Integer, SmallInteger, String, UniqueConstraint
from sqlmodel import Field, SQLModel

from store.tables.columns import instant, made_at, text

GRAINS = {"day": 1, "week": 2, "month": 3}


def _small(*, key: bool = False, default: Any = ...) -> Any:
    return Field(default=default, sa_type=SmallInteger, primary_key=key, nullable=False)


def _number(*, key: bool = False, default: Any = ...) -> Any:
    return Field(
        default=default,
        sa_type=Integer,
        primary_key=key,
        nullable=False,
        sa_column_kwargs={"autoincrement": False},
    )


def _currency(*, key: bool = True) -> str:
    return Field(default="", sa_type=String(3), primary_key=key, nullable=False)  # type: ignore[no-any-return]


class RawFact(SQLModel, table=True):
    """One stored measurement. `seen` is the number of the read that last confirmed it."""

    __tablename__ = "platform_analytics_raw"
    __table_args__ = (
        CheckConstraint("hour BETWEEN -1 AND 23", name="raw_hour"),
        CheckConstraint("scope BETWEEN 1 AND 3", name="raw_scope"),
        CheckConstraint("origin BETWEEN 1 AND 3", name="raw_origin"),
        CheckConstraint("value BETWEEN -900000000000000 AND 900000000000000", name="raw_value"),
        {"sqlite_with_rowid": False},
    )

    company_no: int = _number(key=True)
    config_no: int = _number(key=True)
    day: int = _number(key=True)
    metric: int = _small(key=True)
    scope: int = _small(key=True)
    external_posting: int = _number(key=True, default=0)
    breakdown: int = _number(key=True, default=0)
    origin: int = _small(key=True)
    hour: int = _small(key=True, default=-1)
    currency: str = _currency()
    value: int = Field(sa_type=BigInteger, nullable=False)
    provisional: int = _small(default=0)
    seen: int = Field(sa_type=BigInteger, nullable=False, default=0)


class BreakdownRow(SQLModel, table=True):
    """A finer cut that facts refer to by `number`. `source_platform` is the platform its source names, 0 for none."""

    __tablename__ = "breakdowns"
    __table_args__ = (UniqueConstraint("config_no", "kind", "source", "medium", "campaign"),)

    number: int | None = Field(default=None, sa_type=Integer, primary_key=True)
    company_no: int = _number()
    config_no: int = _number()
    kind: str = text()
    source: str = text()
    medium: str = text()
    campaign: str = text()
    source_platform: int = _small(default=0)


class ReadCoverage(SQLModel, table=True):
    """What was asked of whom for which day, and what became of it. The truth behind "missing is not zero"."""

    __tablename__ = "read_coverage"
    __table_args__ = (
        CheckConstraint("state BETWEEN 1 AND 3", name="coverage_state"),
        {"sqlite_with_rowid": False},
    )

    company_no: int = _number(key=True)
    config_no: int = _number(key=True)
    day: int = _number(key=True)
    metric: int = _small(key=True)
    scope: int = _small(key=True)
    origin: int = _small(key=True)
    state: int = _small()
    provisional: int = _small(default=0)
    as_of: datetime = instant(nullable=False)
    cause_code: str = text()


class AggregatedFact(SQLModel, table=True):
    """Company × platform × metric × period. `percentage` is the share in hundredths of a percent, NULL without total.

    `covered_days` of `period_days` were read; `provisional` says that some day of it may still be restated. A period
    with no covered day has no row.
    """

    __tablename__ = "platform_analytics_aggregated"
    __table_args__ = (
        CheckConstraint("grain BETWEEN 1 AND 3", name="aggregated_grain"),
        {"sqlite_with_rowid": False},
    )

    company_no: int = _number(key=True)
    grain: int = _small(key=True)
    metric: int = _small(key=True)
    period_start: int = _number(key=True)
    platform: int = _small(key=True)
    currency: str = _currency()
    value: int = Field(sa_type=BigInteger, nullable=False)
    percentage: int | None = Field(default=None, sa_type=Integer)
    covered_days: int = _small(default=1)
    provisional: int = _small(default=0)


class PostingAggregate(SQLModel, table=True):
    """Posting × platform × metric × day. `posting_no` 0 gathers what waits to be linked."""

    __tablename__ = "posting_analytics_aggregated"
    __table_args__ = (
        Index("ix_posting_aggregated_posting", "company_no", "posting_no", "day"),
        {"sqlite_with_rowid": False},
    )

    company_no: int = _number(key=True)
    day: int = _number(key=True)
    platform: int = _small(key=True)
    metric: int = _small(key=True)
    posting_no: int = _number(key=True)
    currency: str = _currency()
    value: int = Field(sa_type=BigInteger, nullable=False)
    provisional: int = _small(default=0)


class DirtyDay(SQLModel, table=True):
    """Append-only: days of a connection whose facts changed and whose aggregates are due."""

    __tablename__ = "dirty_days"

    id: int | None = Field(
        default=None,
        primary_key=True,
        sa_type=BigInteger().with_variant(Integer, "sqlite"),
    )
    company_no: int = _number()
    config_no: int = _number()
    day: int = _number()
    made_at: datetime = made_at()


class DataVersion(SQLModel, table=True):
    """Rises with every change of a company's aggregates: the key of caches and ETags."""

    __tablename__ = "data_versions"

    company_no: int = _number(key=True)
    company_id: uuid.UUID = Field(foreign_key="companies.id")
    version: int = Field(sa_type=BigInteger, nullable=False, default=0)
    changed_at: datetime = made_at()
