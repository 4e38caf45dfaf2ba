"""How fresh is each connection? Its state in one word, its last sync, and the last day it was read for."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import text
from sqlmodel import Session, select

from domain.facts import day_of
from domain.platforms import BY_KEY
from store.reports.scope import CompanyScope
from store.reports.shapes import Freshness
from store.tables import PlatformConfig, PlatformSyncJob

#: A connection whose last good sync is older than this is stale (twice the daily interval).
STALE_AFTER = timedelta(hours=48)
PROVISIONAL_LOOK_BACK = 45


class LastJob(NamedTuple):
    """State and cause of a connection's newest sync job."""

    state: str
    cause_code: str


def connection_state(
    connector: str, is_active: bool, synced_at: datetime | None, last: LastJob | None, now: datetime
) -> str:
    """One of inactive, fed, never, syncing, paused, failed, partial, stale, completed.

    `fed`: no connector, numbers come from files and from what we project ourselves.
    """
    if not connector:
        return "fed"
    if last is not None and last.state in {"pending", "running"}:
        return "syncing"
    if not is_active:
        return "inactive"
    if last is None:
        return "never"
    if last.state in {"paused", "failed"}:
        return last.state
    if synced_at is not None and now - synced_at > STALE_AFTER:
        return "stale"
    return last.state


def list_freshness(session: Session, company: CompanyScope, now: datetime) -> list[tuple[Freshness, str]]:
    """Every connection of the company with its freshness and the cause code of its newest job, by platform."""
    configs = session.exec(
        select(PlatformConfig)
        .where(PlatformConfig.company_id == company.id, PlatformConfig.deleted_at == None)  # noqa: E711
        .order_by(PlatformConfig.platform, PlatformConfig.number)  # type: ignore[arg-type]
    ).all()
    last = _newest_jobs(session, company)
    spans = _covered_spans(session, company, [config.number for config in configs])
    found = []
    for config in configs:
        job = last.get(config.id)
        covered, provisional = spans.get(config.number, (None, None))
        state = connection_state(config.connector, config.is_active, config.synced_at, job, now)
        found.append(
            (
                Freshness(
                    config_id=str(config.id),
                    platform=config.platform,
                    label=config.name or BY_KEY[config.platform].label,
                    connector=config.connector,
                    state=state,
                    synced_at=config.synced_at,
                    covered_until=day_of(covered) if covered is not None else None,
                    provisional_from=day_of(provisional) if provisional is not None else None,
                ),
                job.cause_code if job else "",
            )
        )
    return found


def _newest_jobs(session: Session, company: CompanyScope) -> dict[Any, LastJob]:
    newest = (
        select(PlatformSyncJob.config_id, PlatformSyncJob.state, PlatformSyncJob.cause_code)
        .where(
            PlatformSyncJob.company_id == company.id,
            PlatformSyncJob.number
            == select(PlatformSyncJob.number)
            .where(PlatformSyncJob.config_id == PlatformConfig.id)
            .order_by(PlatformSyncJob.number.desc())  # type: ignore[attr-defined]
            .limit(1)
            .correlate(PlatformConfig)
            .scalar_subquery(),
        )
        .join(PlatformConfig, PlatformConfig.id == PlatformSyncJob.config_id)  # type: ignore[arg-type]
    )
    return {config_id: LastJob(state, cause) for config_id, state, cause in session.exec(newest)}


def _covered_spans(session: Session, company: CompanyScope, numbers: list[int]) -> dict[int, tuple[int, int | None]]:
    """For each connection: last day read, and the first day of late that may still be restated."""
    spans = {}
    for number in numbers:
        where = {"company": company.number, "config": number}
        last = session.connection().execute(_LAST_READ, where).scalar()
        if last is None:
            continue
        where["since"] = last - PROVISIONAL_LOOK_BACK
        spans[number] = (last, session.connection().execute(_FIRST_PROVISIONAL, where).scalar())
    return spans


_LAST_READ = text(
    "SELECT day FROM read_coverage WHERE company_no = :company AND config_no = :config AND state = 1"
    " ORDER BY day DESC LIMIT 1"
)
_FIRST_PROVISIONAL = text(
    "SELECT MIN(day) FROM read_coverage WHERE company_no = :company AND config_no = :config AND day >= :since"
    " AND provisional = 1"
)
