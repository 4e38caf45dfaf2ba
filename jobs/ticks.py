"""What one tick of the clock does, as plain functions of store and time; and the same as tasks of a worker process."""

import uuid
from collections.abc import Callable
from datetime import datetime
from functools import partial

import structlog
from sqlalchemy import func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from connectors.registry import find_source
from domain.periods import local_day
from jobs import mail, supervise
from jobs.aggregate import aggregate_due
from jobs.alerts import tell_alerts
from jobs.apply import apply_due
from jobs.enqueue import request_sync
from jobs.outbox import send_next
from jobs.outcomes import collect_outcomes
from jobs.posting_days import close_due_postings
from jobs.project import project_due
from jobs.registrations import settle_registrations
from jobs.retention import tidy
from jobs.reward_notices import is_time, tell_due
from jobs.rewards import list_rewarding, settle_due, settle_new_rules
from jobs.schedule import Slot, latest_slot
from jobs.silence import watch_silence
from jobs.standings import refresh_standings
from jobs.track import track_due
from jobs.worker import run_once
from settings import Settings
from store.engine import checkpoint, is_sqlite, naming_errors, run_writing
from store.errors import DatabaseUnwritable
from store.import_undo import undo_dead_imports
from store.opening import Store
from store.tables import ClockSlot, Company, PlatformConfig
from store.tables.columns import utc_now

log = structlog.get_logger("jobs.ticks")
#: A burst of deliveries is applied so long at a time: what it has told so far is to be on screen within seconds.
_APPLYING_SECONDS = 2.0


def request_due_syncs(store: Store, now: datetime, worker: str = "") -> int:
    """Ask for a sync of each active connection whose slot has begun and is not taken; how many were asked for.

    Only the latest slot counts: what was missed before it is read by the same sync. A slot that began before the
    connection was made is left out, because a first, full sync is a person's decision.
    """
    with store.reading() as session:
        rows = session.execute(
            select(PlatformConfig, col(Company.time_zone))
            .join(Company, col(Company.id) == col(PlatformConfig.company_id))
            .where(
                col(PlatformConfig.is_active),
                col(PlatformConfig.deleted_at).is_(None),
                col(PlatformConfig.connector) != "",
            )
            .order_by(col(PlatformConfig.number))
        ).all()
    asked = 0
    for config, zone in rows:
        connector = find_source(config.connector)
        if connector is None:
            continue
        slot = latest_slot(connector.interval, zone, now)
        if slot.due_at >= config.created_at:
            asked += run_writing(store.engine, partial(_ask, config=config, slot=slot, worker=worker, now=now))
    return asked


def _ask(session: Session, *, config: PlatformConfig, slot: Slot, worker: str, now: datetime) -> int:
    if not take_slot(session, f"sync:{config.id}", slot.key, worker, now):
        return 0
    request = request_sync(session, config, sync_type="incremental", requested_by="clock", now=now, slot=slot.key)
    return int(request.is_new)


def take_slot(session: Session, job_key: str, slot: str, worker: str, now: datetime) -> bool:
    """Whether this caller is the first, of all processes, to take the slot. The caller commits."""
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    taken = session.execute(
        insert(ClockSlot)
        .values(job_key=job_key, slot=slot, taken_at=now, worker=worker)
        .on_conflict_do_nothing()
        .returning(col(ClockSlot.job_key))
    )
    return taken.first() is not None


def tidy_daily(store: Store, now: datetime, worker: str = "") -> bool:
    """Housekeeping, once a day after 02:00 UTC; whether it ran."""
    slot = latest_slot("daily", "UTC", now)
    if not run_writing(store.engine, lambda session: take_slot(session, "tidy", slot.key, worker, now)):
        return False
    log.info("tidied", **tidy(store, now))
    return True


def settle_rewards_daily(store: Store, now: datetime, worker: str = "") -> int:
    """Rewards that hang on the day, once a day of each company; how many companies that was."""
    with store.reading() as session:
        rewarding = list_rewarding(session)
    done = 0
    for company_id, zone in rewarding:
        take = partial(take_slot, job_key=f"rewards:{company_id}", slot=local_day(now, zone).isoformat())
        if run_writing(store.engine, partial(take, worker=worker, now=now)):
            settle_due(store, company_id, zone, now)
            done += 1
    return done


def tell_due_rewards(store: Store, settings: Settings, now: datetime, worker: str = "") -> int:
    """Tell admins of rewards that fell due, once a day of each company; how many messages were written.

    The day's slot and its messages are one transaction, so that nobody is told twice, and nobody misses it by a kill.
    """
    with store.reading() as session:
        rewarding = list_rewarding(session)

    def tell(session: Session, company_id: uuid.UUID, zone: str) -> int:
        key = f"reward-notice:{company_id}"
        told = select(func.max(ClockSlot.taken_at)).where(col(ClockSlot.job_key) == key)
        since = session.execute(told).scalar_one()
        if not take_slot(session, key, local_day(now, zone).isoformat(), worker, now):
            return 0
        return tell_due(session, store.vault, settings, company_id, since=since, now=now)

    return sum(
        run_writing(store.engine, partial(tell, company_id=company_id, zone=zone))
        for company_id, zone in rewarding
        if is_time(now, zone)
    )


def sync_task() -> None:
    """In a worker process: carry out due sync jobs until none is left."""
    supervise.in_child(_sync_all)


def settle_task() -> None:
    """In a worker process: apply deliveries, bring facts of events and applications, and aggregates, up to date."""
    supervise.in_child(_settle)


def schedule_task() -> None:
    """In a worker process: take due slots, take back imports whose process died, close postings and settle rewards
    whose day it is, tell of those that are due, notice silent senders, keep house."""
    supervise.in_child(_schedule)


def outbox_task() -> None:
    """In a worker process: register addresses at platforms, and say to them what is due, until nothing is."""
    supervise.in_child(_send_all)


def mail_task() -> None:
    """In a worker process: send the messages that are due, until nothing is."""
    supervise.in_child(_send_mails)


def follow_task() -> None:
    """In a worker process: tell people of troubles, find what became of platforms' applicants, and ask how published
    postings stand."""
    supervise.in_child(_follow)


def _send_all(store: Store, settings: Settings, worker: str, is_stopping: Callable[[], bool]) -> None:
    settle_registrations(store, settings, now=utc_now)
    while not is_stopping() and send_next(store, settings, worker, now=utc_now) is not None:
        pass


def _send_mails(store: Store, settings: Settings, _worker: str, is_stopping: Callable[[], bool]) -> None:
    while not is_stopping() and mail.send_next(store, settings, now=utc_now) is not None:
        pass


def _follow(store: Store, settings: Settings, _worker: str, is_stopping: Callable[[], bool]) -> None:
    tell_alerts(store, settings, utc_now())
    collect_outcomes(store, utc_now())
    if not is_stopping():
        refresh_standings(store, settings, now=utc_now)


def _sync_all(store: Store, settings: Settings, worker: str, is_stopping: Callable[[], bool]) -> None:
    while not is_stopping() and run_once(store, settings, worker, is_stopping=is_stopping) is not None:
        pass


def _settle(store: Store, _settings: Settings, _worker: str, is_stopping: Callable[[], bool]) -> None:
    # Before the projection: applications that deliveries and the site name become facts with the others.
    apply_due(store, utc_now(), seconds=_APPLYING_SECONDS)
    track_due(store, utc_now())
    project_due(store, utc_now())
    if not is_stopping():
        aggregate_due(store, utc_now())


def _schedule(store: Store, settings: Settings, worker: str, _is_stopping: Callable[[], bool]) -> None:
    now = utc_now()
    request_due_syncs(store, now, worker)
    undo_dead_imports(store, now=now)
    close_due_postings(store, now)
    watch_silence(store, now)
    settle_new_rules(store, now)
    settle_rewards_daily(store, now, worker)
    tell_due_rewards(store, settings, now, worker)
    tidy_daily(store, now, worker)
    try:
        with naming_errors():
            checkpoint(store.engine)
    except DatabaseUnwritable as error:
        log.warning("the database cannot be written", reason=str(error))
