"""Has addresses registered at platforms, looked after and taken away, as admins wish.

What is wanted stands with the endpoint (`domain/registrations.py`); everything that follows from it is found here: an
address that was switched off, a connection that was deleted, another PUBLIC_URL.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from sqlalchemy import update
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col, select

from connectors.errors import CAUSES, ConfigError, ConnectorError, RateLimited
from connectors.webhooks import registering
from connectors.webhooks.registering import Place, Registrar
from connectors.webhooks.registrars import find_registrar
from domain.registrations import Registration
from jobs.sessions import open_connector
from settings import Settings
from store.engine import Urgency
from store.errors import StoreError
from store.opening import Store
from store.tables import ErrorLog, PlatformConfig, WebhookEndpoint
from store.vault import VaultError
from store.writes import registrations as rows
from store.writes.registrations import Standing
from store.writes.webhooks import live_secrets

#: For one address in all, well within the hold.
SECONDS = 60.0
#: What stands is looked at so often; what fails the platform's check, sooner.
LOOK_EVERY, LOOK_SOON = timedelta(hours=6), timedelta(hours=1)
MOST_ATTEMPTS = 8
FIRST_BACKOFF_SECONDS = 15.0
log = structlog.get_logger("jobs.registrations")


@dataclass(frozen=True, slots=True)
class _Outcome:
    registration: Registration
    ref: str


def settle_registrations(store: Store, settings: Settings, *, now: Callable[[], datetime]) -> int:
    """Carry out what is due; how many addresses were dealt with.

    1. Find those whose next step is due, and take each in hand in a transaction of its own.
    2. Look at the platform how it stands; register or take away what is not as wanted.
    3. Write down what the platform says, and when to look again.
    """
    with store.reading() as session:
        standings = rows.list_standings(session)
    done = 0
    for standing in standings:
        address = registering.hook_address(settings.own_url, standing.platform, standing.hook_id)
        step = standing.registration.next_step(can_stand=standing.can_stand, address=address, now=now())
        if not step:
            continue
        with store.writing(Urgency.EVENT) as session:
            taken = rows.take(session, standing, step, address, now=now())
        if taken is not None:
            outcome = _carried_out(store, settings, standing, taken, now)
            with store.writing(Urgency.EVENT) as session:
                rows.finish(session, standing, taken, outcome.registration, outcome.ref)
                _note_trouble(session, standing, outcome.registration, now())
            done += 1
    return done


def _carried_out(
    store: Store, settings: Settings, standing: Standing, taken: Registration, now: Callable[[], datetime]
) -> _Outcome:
    try:
        return _tried(store, settings, standing, taken, now)
    except ConnectorError as error:
        log.warning("an address was not registered", platform=standing.platform, step=taken.step, cause=error.cause)
        return _failed(standing, taken, error, now())
    except (SQLAlchemyError, StoreError, TimeoutError):
        raise
    except Exception as error:
        log.exception("registering broke", platform=standing.platform, endpoint=str(standing.endpoint_id))
        return _failed(standing, taken, ConnectorError(type(error).__name__, cause="unexpected"), now())


def _tried(
    store: Store, settings: Settings, standing: Standing, taken: Registration, now: Callable[[], datetime]
) -> _Outcome:
    with store.reading() as session:
        endpoint = session.get_one(WebhookEndpoint, standing.endpoint_id)
        kind = find_registrar(standing.platform, session.get_one(PlatformConfig, standing.config_id).connector)
    if kind is None:
        raise ConfigError("No connection of ours may speak for this address.")
    try:
        secrets = live_secrets(store.vault, endpoint, now())
    except VaultError as error:
        raise ConfigError(str(error), cause="key_missing") from None
    place = Place(
        taken.address, standing.hook_id, secrets[0] if secrets else "", taken.former, standing.ref,
        taken.may_replace, taken.answers,
    )  # fmt: skip
    if taken.step == "register":
        problem = registering.problem_with(taken.address, kind, is_sandbox=bool(settings.sandbox_url))
        if problem:
            raise ConfigError(problem, cause="address_refused")
    opening = open_connector(store, settings, standing.config_id, pause=time.sleep, even_off=True)
    with opening as opened, opened.http.hurried(SECONDS):
        registrar = kind(opened.connector, place)
        if taken.step == "remove":
            registrar.remove()
            return _gone(taken, now())
        return _stands(registrar, taken, now())


def _stands(registrar: Registrar, taken: Registration, now: datetime) -> _Outcome:
    found = registrar.look()
    known_since = taken.since if found.state == "registered" else None
    if found.state == "taken" and not taken.may_replace:
        raise ConfigError(found.detail, cause="address_taken")
    if found.state != "registered" or taken.state == "asked":
        found = registrar.register()
    if found.state != "registered":
        raise ConfigError(found.detail or f"it stands as {found.state}", cause="handshake_failed")
    standing = replace(
        taken,
        state="registered",
        attempts=0,
        former="",
        since=found.since or known_since or now,
        until=found.until,
        checked_at=now,
        due_at=now + LOOK_EVERY,
        cause="",
        detail="",
        # It was meant for the address that stood there when it was said, not for one that comes later.
        may_replace=False,
    )
    return _Outcome(standing, found.ref)


def _gone(taken: Registration, now: datetime) -> _Outcome:
    away = replace(
        taken,
        state="paused" if taken.wanted else "removed",
        attempts=0,
        former="",
        since=None,
        until=None,
        checked_at=now,
        due_at=None,
        cause="",
        detail="",
    )
    return _Outcome(away, "")


def _failed(standing: Standing, taken: Registration, error: ConnectorError, now: datetime) -> _Outcome:
    """When to try again: soon what may pass by itself, seldom what once stood, never what only a person can mend."""
    noted = replace(taken, cause=error.cause, detail=error.detail, checked_at=now)
    if CAUSES[error.cause].retries and taken.attempts < MOST_ATTEMPTS:
        until = error.until if isinstance(error, RateLimited) else now
        return _Outcome(replace(noted, due_at=max(until, now + backoff(taken.attempts))), standing.ref)
    if taken.step == "remove":
        return _Outcome(replace(noted, state="left", due_at=None), standing.ref)
    if error.cause == "address_taken":
        return _Outcome(replace(noted, state="taken", due_at=None), standing.ref)
    if standing.ref:
        return _Outcome(replace(noted, state="failing", due_at=now + LOOK_SOON), standing.ref)
    return _Outcome(replace(noted, state="refused", due_at=None), standing.ref)


def _note_trouble(session: Session, standing: Standing, came: Registration, now: datetime) -> None:
    """In the error log: what only a person can mend, once, until it is mended or nobody wants it any more."""
    mine = (
        col(ErrorLog.company_id) == standing.company_id,
        col(ErrorLog.config_id) == standing.config_id,
        col(ErrorLog.context)["endpoint"].as_string() == str(standing.endpoint_id),
        col(ErrorLog.resolved_at).is_(None),
    )
    is_mended = came.state in {"registered", "removed", "paused"}
    if is_mended:
        session.execute(
            update(ErrorLog).where(*mine).values(resolved_at=now), execution_options={"synchronize_session": False}
        )
    if is_mended or came.state == "asked":
        return
    if session.exec(select(ErrorLog.id).where(*mine, col(ErrorLog.cause_code) == came.cause)).first() is not None:
        return
    session.add(
        ErrorLog(
            company_id=standing.company_id,
            config_id=standing.config_id,
            at=now,
            severity=CAUSES[came.cause].severity,
            cause_code=came.cause,
            detail=came.detail,
            context={"endpoint": str(standing.endpoint_id), "step": came.step, "state": came.state},
        )
    )
    session.flush()


def backoff(attempts: int) -> timedelta:
    """Twice as long each time, from a quarter of a minute."""
    return timedelta(seconds=FIRST_BACKOFF_SECONDS * 2 ** max(attempts - 1, 0))
