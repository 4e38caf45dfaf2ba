"""Have a webhook's address registered at its platform, looked at again, or taken away there; a job does it."""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from sqlmodel import Session

from actions.viewer import NotFound, Viewer, deed, require_admin
from connectors.webhooks.registering import Registrar, hook_address, problem_with
from connectors.webhooks.registrars import find_registrar
from domain.registrations import AWAY, Registration
from settings import Settings
from store.engine import Urgency
from store.opening import Store
from store.tables import PlatformConfig, WebhookEndpoint
from store.vault import VaultError
from store.writes import registrations as rows
from store.writes.audit import append_audit
from store.writes.webhooks import live_secrets


@dataclass(frozen=True, slots=True)
class _Place:
    """An endpoint of ours, held, with the connection that would speak for it."""

    endpoint: WebhookEndpoint
    config: PlatformConfig
    kind: type[Registrar]


def hindrance(settings: Settings, kind: type[Registrar], hook_id: str) -> str:
    """Why the platform could not call this address, in a sentence, known before it is asked; "" for nothing."""
    address = hook_address(settings.own_url, kind.platform, hook_id)
    return problem_with(address, kind, is_sandbox=bool(settings.sandbox_url))


def register(
    store: Store,
    settings: Settings,
    viewer: Viewer,
    endpoint_id: uuid.UUID,
    answers: Mapping[str, str],
    *,
    may_replace: bool = False,
    now: datetime,
) -> None:
    """Have the address registered at its platform, and kept registered from then on.

    `answers` are those to the registrar's questions; `may_replace` lets another program's address go. Raises
    NotAllowed, NotFound, and ValueError with the reason where it cannot work.
    """
    require_admin(store, viewer, "webhook.register", endpoint_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        place = _own(session, viewer, endpoint_id)
        told = _checked(place, answers)
        _keep_secrets_out(store, place, told, now)
        problem = _missing(place) or hindrance(settings, place.kind, place.endpoint.hook_id)
        if problem:
            raise ValueError(problem)
        held = rows.find_registration(place.endpoint) or Registration(wanted=True)
        wish = replace(
            held, wanted=True, state="asked", attempts=0, due_at=now, cause="", detail="", may_replace=may_replace,
            answers=told,
        )  # fmt: skip
        rows.note(session, place.endpoint, wish)
        note = deed(viewer, "webhook.register", endpoint_id, platform=place.config.platform, may_replace=may_replace)
        append_audit(session, note, now=now)


def unregister(store: Store, viewer: Viewer, endpoint_id: uuid.UUID, *, now: datetime) -> None:
    """Have the address taken away at its platform. Raises NotAllowed, NotFound, ValueError where it is not there."""
    require_admin(store, viewer, "webhook.unregister", endpoint_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        place = _own(session, viewer, endpoint_id)
        held = rows.find_registration(place.endpoint)
        if held is None or (not held.wanted and held.state in AWAY - {"left"}):
            raise ValueError("This address is not registered.")
        # What was paused is there no more; what could not be taken away is tried once more.
        is_away = held.state == "paused"
        wish = replace(held, wanted=False, state="removed" if is_away else "asked", step="", attempts=0, due_at=now)
        rows.note(session, place.endpoint, wish)
        append_audit(session, deed(viewer, "webhook.unregister", endpoint_id, platform=place.config.platform), now=now)


def look_again(store: Store, viewer: Viewer, endpoint_id: uuid.UUID, *, now: datetime) -> None:
    """Have the platform check the address now. Raises NotAllowed, NotFound, ValueError for one that is not wanted."""
    require_admin(store, viewer, "webhook.look_again", endpoint_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        place = _own(session, viewer, endpoint_id)
        if not rows.check_anew(session, endpoint_id, now=now):
            raise ValueError("This address is not registered.")
        append_audit(session, deed(viewer, "webhook.look_again", endpoint_id, platform=place.config.platform), now=now)


def _own(session: Session, viewer: Viewer, endpoint_id: uuid.UUID) -> _Place:
    found = session.get(WebhookEndpoint, endpoint_id)
    if found is None or found.company_id != viewer.company_id:
        raise NotFound("There is no such endpoint.")
    config = session.get(PlatformConfig, found.config_id)
    if config is None or config.deleted_at is not None:
        raise NotFound("There is no such endpoint.")
    kind = find_registrar(config.platform, config.connector)
    if kind is None:
        raise ValueError("This address is registered by hand.")
    return _Place(rows.locked(session, endpoint_id), config, kind)


def _missing(place: _Place) -> str:
    if not place.endpoint.secret:
        return "Set the secret first: the platform checks the address at once."
    if place.endpoint.disabled_at is not None:
        return "Open the address first."
    if not place.config.is_active:
        return "Switch the connection on first: it is with its credentials that the address is registered."
    return ""


def _keep_secrets_out(store: Store, place: _Place, told: Mapping[str, str], now: datetime) -> None:
    """What is asked for is no secret, and stored as it is typed: who typed the secret there is told so."""
    try:
        secrets = live_secrets(store.vault, place.endpoint, now)
    except VaultError:
        # The key is lost: the job that registers says so, with its cure.
        return
    for question in place.kind.questions:
        if told[question.name] in secrets:
            raise ValueError(f"{question.label}: this is the secret. {question.help}")


def _checked(place: _Place, answers: Mapping[str, str]) -> dict[str, str]:
    told = {}
    for question in place.kind.questions:
        answer = answers.get(question.name, "").strip()
        if not re.fullmatch(question.pattern, answer):
            raise ValueError(f"{question.label}: this is not one. {question.help}")
        told[question.name] = answer
    return told
