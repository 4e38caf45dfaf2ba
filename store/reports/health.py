"""How well did each platform answer, what is left of its quota, and what is wrong with it now?"""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row
from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from domain.timings import quantile_ms
from store.reports.scope import CompanyScope
from store.tables import Alert, ErrorLog, PlatformConfig, PlatformHealth

_HEALTH = PlatformHealth.__table__  # type: ignore[attr-defined]
_HOUR_SECONDS = 3600
MOST_ERRORS = 200


@dataclass(frozen=True, slots=True)
class Health:
    """One connection's answers in a span of hours. Times in milliseconds, None where nothing was asked.

    `quantile_95_ms` is the upper bound of the bucket that holds it, None beyond the last one. `quota_left` is what the
    platform said last.
    """

    config_id: str
    number: int
    platform: str
    connector: str
    name: str
    requests: int = 0
    failures: int = 0
    waits: int = 0
    waited_ms: int = 0
    mean_ms: float | None = None
    quantile_95_ms: int | None = None
    slowest_ms: int | None = None
    quota_left: int | None = None
    quota_total: int | None = None
    quota_resets_at: datetime | None = None
    timings: dict[str, int] = field(default_factory=dict)
    total_ms: int = 0

    @property
    def success_ratio(self) -> float | None:
        """Answers that were no failure, of all; None where nothing was asked."""
        return (self.requests - self.failures) / self.requests if self.requests else None


@dataclass(frozen=True, slots=True)
class ErrorRow:
    """One entry of the error log. `resolved_at` is when the connection worked again."""

    at: datetime
    config_id: str
    name: str
    severity: str
    cause_code: str
    detail: str
    sync_job_id: str
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True)
class AlertRow:
    """One trouble that admins were told of, and how it went on."""

    name: str
    severity: str
    cause_code: str
    errors: int
    opened_at: datetime
    last_at: datetime
    recovered_at: datetime | None


def list_health(session: Session, company: CompanyScope, *, since: timedelta, now: datetime) -> list[Health]:
    """Every live connection with a connector, by platform and age, its answers of the last `since` added up."""
    configs = session.exec(
        select(PlatformConfig)
        .where(
            PlatformConfig.company_id == company.id,
            col(PlatformConfig.deleted_at).is_(None),
            PlatformConfig.connector != "",
        )
        .order_by(col(PlatformConfig.platform), col(PlatformConfig.number))
    ).all()
    first = int((now - since).timestamp()) // _HOUR_SECONDS
    numbers = [config.number for config in configs]
    hours: dict[int, list[Row[Any]]] = {}
    for row in session.execute(
        select_columns(_HEALTH)
        .where(_HEALTH.c.config_no.in_(numbers), _HEALTH.c.hour >= first)
        .order_by(_HEALTH.c.config_no, _HEALTH.c.hour)
    ):
        hours.setdefault(row.config_no, []).append(row)
    return [_health(config, hours.get(config.number, [])) for config in configs]


def list_errors(
    session: Session, company: CompanyScope, *, severity: str = "", limit: int = MOST_ERRORS
) -> list[ErrorRow]:
    """The newest entries of the error log, at most `limit`."""
    statement = (
        select(ErrorLog, PlatformConfig)
        .join(PlatformConfig, col(PlatformConfig.id) == col(ErrorLog.config_id), isouter=True)
        .where(ErrorLog.company_id == company.id)
        .order_by(col(ErrorLog.at).desc(), col(ErrorLog.id).desc())
        .limit(limit)
    )
    if severity:
        statement = statement.where(ErrorLog.severity == severity)
    return [
        ErrorRow(
            entry.at,
            str(entry.config_id or ""),
            _name(config),
            entry.severity,
            entry.cause_code,
            entry.detail,
            str(entry.sync_job_id or ""),
            entry.resolved_at,
        )
        for entry, config in session.exec(statement)
    ]


def list_alerts(session: Session, company: CompanyScope, *, limit: int = 50) -> list[AlertRow]:
    """Open alerts first, then those that are over, newest first."""
    rows = session.exec(
        select(Alert, PlatformConfig)
        .join(PlatformConfig, col(PlatformConfig.id) == col(Alert.config_id), isouter=True)
        .where(Alert.company_id == company.id)
        .order_by(col(Alert.recovered_at).is_not(None), col(Alert.opened_at).desc())
        .limit(limit)
    )
    return [
        AlertRow(
            _name(config),
            alert.severity,
            alert.cause_code,
            alert.errors,
            alert.opened_at,
            alert.last_at,
            alert.recovered_at,
        )
        for alert, config in rows
    ]


def _name(config: PlatformConfig | None) -> str:
    return (config.name or config.platform) if config is not None else ""


def _health(config: PlatformConfig, rows: list[Row[Any]]) -> Health:
    requests, total = sum(row.requests for row in rows), sum(row.total_ms for row in rows)
    timings: Counter[str] = Counter()
    for row in rows:
        timings.update(row.timings)
    told = next((row for row in reversed(rows) if row.quota_left is not None), None)
    return Health(
        str(config.id),
        config.number,
        config.platform,
        config.connector,
        _name(config),
        requests,
        sum(row.failures for row in rows),
        sum(row.waits for row in rows),
        sum(row.waited_ms for row in rows),
        total / requests if requests else None,
        quantile_ms(timings, 0.95),
        max((row.slowest_ms for row in rows), default=None),
        told.quota_left if told else None,
        told.quota_total if told else None,
        told.quota_resets_at if told else None,
        dict(timings),
        total,
    )
