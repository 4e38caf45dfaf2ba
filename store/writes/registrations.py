"""How endpoints stand at their platforms: what is wanted, taken in hand by one process, and what came of it."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from domain.registrations import AWAY, Registration, Step, parse_registration
from store.tables import PlatformConfig, WebhookEndpoint
from store.writes.credentials import forget_token

_KEY = "registration"
#: Longer than one attempt may take, so that no other process begins it anew meanwhile.
HOLD = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Standing:
    """An endpoint that is, was or is to be registered, as it is stored."""

    endpoint_id: uuid.UUID
    config_id: uuid.UUID
    company_id: uuid.UUID
    platform: str
    hook_id: str
    registration: Registration
    ref: str
    can_stand: bool
    is_deleted: bool


def list_standings(session: Session) -> list[Standing]:
    """Every endpoint of every company with a registration, those of deleted connections too."""
    rows = session.exec(
        select(WebhookEndpoint, PlatformConfig)
        .join(PlatformConfig, col(PlatformConfig.id) == WebhookEndpoint.config_id)
        .where(col(WebhookEndpoint.settings)[(_KEY, "state")].as_string().is_not(None))
        .order_by(col(WebhookEndpoint.id))
    )
    return [found for endpoint, config in rows if (found := _standing(endpoint, config)) is not None]


def find_registration(endpoint: WebhookEndpoint) -> Registration | None:
    """How an endpoint stands at its platform; None where nobody ever asked for it."""
    return parse_registration(endpoint.settings.get(_KEY))


def locked(session: Session, endpoint_id: uuid.UUID) -> WebhookEndpoint:
    """The endpoint, held until the end of the transaction: others write its settings too."""
    return session.get_one(WebhookEndpoint, endpoint_id, with_for_update=True, populate_existing=True)


def note(session: Session, endpoint: WebhookEndpoint, registration: Registration) -> None:
    """Write down how it stands. The caller holds the endpoint (`locked`)."""
    endpoint.settings = {**endpoint.settings, _KEY: registration.document()}
    session.add(endpoint)
    session.flush()


def take(session: Session, standing: Standing, step: Step, address: str, *, now: datetime) -> Registration | None:
    """Take a step in hand; None where another process was quicker or somebody has changed their mind."""
    endpoint = locked(session, standing.endpoint_id)
    held = find_registration(endpoint)
    if held is None or held.next_step(can_stand=standing.can_stand, address=address, now=now) != step:
        return None
    is_new = held.step != step or held.address != address
    former = held.address if standing.ref and held.address != address else held.former
    taken = replace(
        held,
        step=step,
        address=address,
        former=former,
        attempts=1 if is_new else held.attempts + 1,
        due_at=now + HOLD,
    )
    note(session, endpoint, taken)
    return taken


def finish(session: Session, standing: Standing, taken: Registration, outcome: Registration, ref: str) -> None:
    """Write down what came of a step, unless the wish was changed meanwhile: then that goes on.

    Once nothing is left to take away, the credentials that a deleted connection was allowed to keep are destroyed.
    """
    endpoint = locked(session, standing.endpoint_id)
    held = find_registration(endpoint)
    endpoint.registered_ref = ref
    if held is not None and (held.wanted, held.due_at) == (taken.wanted, taken.due_at):
        note(session, endpoint, outcome)
    else:
        session.add(endpoint)
    if standing.is_deleted and outcome.state in AWAY:
        forget_credentials(session, session.get_one(PlatformConfig, standing.config_id))


def check_anew(session: Session, endpoint_id: uuid.UUID, *, now: datetime) -> bool:
    """Have the platform check an address again that is to be registered there; whether it is."""
    endpoint = locked(session, endpoint_id)
    held = find_registration(endpoint)
    if held is None or not held.wanted:
        return False
    note(session, endpoint, replace(held, state="asked", attempts=0, due_at=now, cause="", detail=""))
    return True


def is_left_there(session: Session, config_id: uuid.UUID) -> bool:
    """Whether a connection's address has still to be taken away at its platform."""
    endpoint = session.exec(select(WebhookEndpoint).where(WebhookEndpoint.config_id == config_id)).first()
    held = find_registration(endpoint) if endpoint is not None else None
    return held is not None and held.state not in AWAY


def forget_credentials(session: Session, config: PlatformConfig) -> None:
    """Destroy a connection's credentials and its token."""
    config.credentials = ""
    session.add(config)
    forget_token(session, config.id)


def _standing(endpoint: WebhookEndpoint, config: PlatformConfig) -> Standing | None:
    registration = find_registration(endpoint)
    if registration is None:
        return None
    is_deleted = config.deleted_at is not None
    return Standing(
        endpoint_id=endpoint.id,
        config_id=config.id,
        company_id=endpoint.company_id,
        platform=config.platform,
        hook_id=endpoint.hook_id,
        registration=registration,
        ref=endpoint.registered_ref,
        can_stand=config.is_active and not is_deleted and endpoint.disabled_at is None and bool(endpoint.secret),
        is_deleted=is_deleted,
    )
