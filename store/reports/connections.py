"""How does each connection stand: its settings, its account, its state, and its newest sync job?"""

from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from store.ledger import read_spent
from store.reports.freshness import LastJob, connection_state, list_freshness
from store.reports.scope import CompanyScope
from store.reports.sync_jobs import SyncJobRow, list_sync_jobs
from store.tables import PlatformConfig


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """One connection as its admin sees it; never a secret. `job` is its newest sync job, None before the first.

    `rate_limit` is requests an hour, `spend_limit_minor` minor units a month of what the platform charges in; None for
    no limit of ours. `spent_minor` is what this month's calls can have cost.
    """

    id: str
    number: int
    platform: str
    connector: str
    name: str
    settings: dict[str, object]
    has_secrets: bool
    is_active: bool
    rate_limit: int | None
    spend_limit_minor: int | None
    spent_minor: int
    account_ref: str
    account_label: str
    time_zone: str
    currency: str
    quality: tuple[str, ...]
    state: str
    checked_at: datetime | None
    synced_at: datetime | None
    covered_until: date | None
    job: SyncJobRow | None


def list_connections(session: Session, company: CompanyScope, now: datetime) -> list[ConnectionRow]:
    """The company's connections, by platform and age; deleted ones are left out."""
    configs = session.exec(
        select(PlatformConfig)
        .where(PlatformConfig.company_id == company.id, col(PlatformConfig.deleted_at).is_(None))
        .order_by(col(PlatformConfig.platform), col(PlatformConfig.number))
    ).all()
    until = {entry.config_id: entry.covered_until for entry, _ in list_freshness(session, company, now)}
    spent = read_spent(session, [config.number for config in configs], now)
    return [
        _row(session, company, config, until=until.get(str(config.id)), spent=spent[config.number], now=now)
        for config in configs
    ]


def quality_flags(config: PlatformConfig) -> tuple[str, ...]:
    """What the last completed sync said of its own numbers, in codes."""
    flags = config.quality.get("flags")
    return tuple(str(flag) for flag in flags) if isinstance(flags, list) else ()


def _row(
    session: Session, company: CompanyScope, config: PlatformConfig, *, until: date | None, spent: int, now: datetime
) -> ConnectionRow:
    job = next(iter(list_sync_jobs(session, company, config_id=config.id, limit=1)), None)
    last = LastJob(job.state, job.cause_code) if job else None
    return ConnectionRow(
        id=str(config.id),
        number=config.number,
        platform=config.platform,
        connector=config.connector,
        name=config.name,
        settings=dict(config.settings),
        has_secrets=bool(config.credentials),
        is_active=config.is_active,
        rate_limit=config.rate_limit,
        spend_limit_minor=config.spend_limit_minor,
        spent_minor=spent,
        account_ref=config.account_ref,
        account_label=config.account_label,
        time_zone=config.time_zone,
        currency=config.currency,
        quality=quality_flags(config),
        state=connection_state(config.connector, config.is_active, config.synced_at, last, now),
        checked_at=config.checked_at,
        synced_at=config.synced_at,
        covered_until=until,
        job=job,
    )
