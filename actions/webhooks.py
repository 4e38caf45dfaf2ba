"""What is done with webhooks: take a delivery in, make an endpoint, change its secret, shut it, run the dead again."""

import hashlib
import json
import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import update
from sqlmodel import Session, col, select

from actions.gathering import gathering
from actions.viewer import NotFound, Viewer, deed, require_admin
from connectors.webhooks.contract import Delivery
from connectors.webhooks.registry import RECEIVERS, find_receiver
from connectors.webhooks.standard import make_secret
from domain.text import clean_text, key_text
from store.engine import Urgency
from store.opening import Store
from store.tables import PlatformConfig, WebhookEndpoint, WebhookInbox
from store.tables.columns import new_id
from store.vault import Vault
from store.writes import webhooks as rows
from store.writes.audit import append_audit
from store.writes.imports import platform_config
from store.writes.inbox import Arrived, Fate, RefusedSome, write_deliveries, write_refusals
from store.writes.registrations import check_anew

SHORTEST_SECRET = 8
_ENCODER = json.JSONEncoder(separators=(",", ":"))
OVERLAPS = {"1 hour": timedelta(hours=1), "1 day": timedelta(days=1), "7 days": timedelta(days=7), "none": timedelta(0)}


@dataclass(frozen=True, slots=True)
class Door:
    """An endpoint as a delivery meets it: whose it is, and the secrets that are good now."""

    endpoint_id: uuid.UUID
    company_id: uuid.UUID
    config_id: uuid.UUID
    platform: str
    hook_id: str
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SecretShown:
    """A secret that we made, shown this once."""

    endpoint_id: uuid.UUID
    secret: str


def find_door(store: Store, platform: str, hook_id: str, now: datetime) -> Door | None:
    """The endpoint of an address; None for an unknown one, one that is shut, and one of another platform, all alike."""
    with store.reading() as session:
        found = session.exec(
            select(WebhookEndpoint)
            .join(PlatformConfig, col(PlatformConfig.id) == WebhookEndpoint.config_id)
            .where(
                WebhookEndpoint.hook_id == hook_id,
                PlatformConfig.platform == platform,
                col(PlatformConfig.deleted_at).is_(None),
                col(WebhookEndpoint.disabled_at).is_(None),
            )
        ).first()
    if found is None:
        return None
    secrets = rows.live_secrets(store.vault, found, now)
    return Door(found.id, found.company_id, found.config_id, platform, hook_id, secrets)


def list_addresses(store: Store) -> frozenset[tuple[str, str]]:
    """Platform and address of every endpoint that may be found."""
    with store.reading() as session:
        rows = session.exec(
            select(PlatformConfig.platform, WebhookEndpoint.hook_id)
            .join(WebhookEndpoint, col(PlatformConfig.id) == WebhookEndpoint.config_id)
            .where(col(PlatformConfig.deleted_at).is_(None), col(WebhookEndpoint.disabled_at).is_(None))
        )
        return frozenset((platform, hook_id) for platform, hook_id in rows)


async def take_in(vault: Vault, door: Door, delivery: Delivery, body: bytes, *, now: datetime) -> Fate:
    """Store a verified delivery; returns after the commit. Raises NotStored."""
    return await gathering().put(write_deliveries, arrived(vault, door, delivery, body, now=now))  # type: ignore[no-any-return]


async def note_refusals(door: Door, times: int, cause: str, *, now: datetime) -> None:
    """Count deliveries that were not taken. Raises NotStored."""
    await gathering().put(write_refusals, RefusedSome(door.endpoint_id, times, cause, now))


def arrived(vault: Vault, door: Door, delivery: Delivery, body: bytes, *, now: datetime) -> Arrived:
    """A verified delivery as it is stored: what could lead to a person sealed, or a keyed digest."""
    inbox_id = new_id()
    ref = vault.digest("webhook-ref", delivery.ref) if delivery.is_personal else key_text(delivery.ref)
    document = _spelled(delivery.document)
    return Arrived(
        inbox_id=inbox_id,
        company_id=door.company_id,
        config_id=door.config_id,
        endpoint_id=door.endpoint_id,
        delivery_ref=ref,
        kind=clean_text(delivery.kind, 120),
        body_hash=vault.digest("webhook-body", hashlib.sha256(body).hexdigest()),
        sealed=vault.seal("webhook_inbox", inbox_id, "body", document),
        received_at=now,
    )


def _spelled(document: dict[str, Any]) -> str:
    try:
        return msgspec.json.encode(document).decode()
    except (UnicodeEncodeError, OverflowError):
        # Half characters and numbers of more than 64 bits, which only the slow encoder knows how to write.
        return _ENCODER.encode(document)


def offered_platforms() -> dict[str, str]:
    """Platforms that can deliver, with what they deliver."""
    return {key: receiver.label for key, receiver in RECEIVERS.items()}


def open_endpoint(
    store: Store, viewer: Viewer, platform: str, *, config_id: uuid.UUID | str | None = None, now: datetime
) -> uuid.UUID:
    """Make the endpoint of a connection, or of a platform that has none; its id. It takes nothing without a secret.

    Raises NotAllowed, NotFound for another company's connection, ValueError for a platform that delivers nothing.
    """
    require_admin(store, viewer, "webhook.open", config_id or platform, now=now)
    if find_receiver(platform) is None:
        raise ValueError(f"There are no webhooks of {platform!r}.")
    with store.writing(Urgency.EVENT) as session:
        config = (
            platform_config(session, viewer.company_id, platform, now=now)
            if config_id is None
            else _own_config(session, viewer, config_id)
        )
        if config.platform != platform:
            raise NotFound("There is no such connection.")
        row = rows.make_endpoint(session, viewer.company_id, config.id, now=now)
        append_audit(session, deed(viewer, "webhook.open", row.id, platform=platform), now=now)
        return row.id


def change_secret(
    store: Store,
    viewer: Viewer,
    endpoint_id: uuid.UUID,
    secret: str = "",
    *,
    overlap: timedelta = OVERLAPS["1 day"],
    now: datetime,
) -> SecretShown | None:
    """Set what deliveries are signed with; the one before stays good for `overlap`.

    Where we make the secret, an empty one is made and returned, to be shown once. Raises NotAllowed, NotFound,
    ValueError for a secret that cannot be used.
    """
    require_admin(store, viewer, "webhook.secret", endpoint_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        row, platform = _own(session, viewer, endpoint_id)
        receiver = RECEIVERS[platform]
        is_made = not secret and receiver.made_by == "us"
        chosen = make_secret() if is_made and not receiver.has_key_in_url else secret.strip()
        if is_made and receiver.has_key_in_url:
            chosen = uuid.uuid4().hex + uuid.uuid4().hex
        if len(chosen) < SHORTEST_SECRET or len(chosen) > 500 or not chosen.isprintable():
            raise ValueError(f"A secret has at least {SHORTEST_SECRET} characters, on one line.")
        rows.set_secret(store.vault, row, chosen, overlap=overlap, now=now)
        session.add(row)
        session.flush()
        check_anew(session, row.id, now=now)
        hours = overlap.total_seconds() / 3600
        append_audit(session, deed(viewer, "webhook.secret", row.id, overlap_hours=hours), now=now)
    return SecretShown(endpoint_id, chosen) if is_made else None


def end_overlap(store: Store, viewer: Viewer, endpoint_id: uuid.UUID, *, now: datetime) -> None:
    """Take the previous secret out of use at once. Raises NotAllowed, NotFound."""
    require_admin(store, viewer, "webhook.end_overlap", endpoint_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        row, _ = _own(session, viewer, endpoint_id)
        row.previous_secret, row.previous_until = "", None
        session.add(row)
        append_audit(session, deed(viewer, "webhook.end_overlap", row.id), now=now)


def set_open(store: Store, viewer: Viewer, endpoint_id: uuid.UUID, *, is_open: bool, now: datetime) -> None:
    """Shut an endpoint, so that its address answers like one that never was, or open it again. Raises NotAllowed,
    NotFound."""
    require_admin(store, viewer, "webhook.switch", endpoint_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        row, _ = _own(session, viewer, endpoint_id)
        row.disabled_at = None if is_open else now
        row.silent_since = None
        session.add(row)
        append_audit(session, deed(viewer, "webhook.switch", row.id, is_open=is_open), now=now)


def run_again(
    store: Store, viewer: Viewer, endpoint_id: uuid.UUID, inbox_id: uuid.UUID | None = None, *, now: datetime
) -> int:
    """Have dead and unknown deliveries applied again, one or all of an endpoint; how many.

    Raises NotAllowed, NotFound.
    """
    require_admin(store, viewer, "webhook.run_again", inbox_id or endpoint_id, now=now)
    with store.writing(Urgency.EVENT) as session:
        row, _ = _own(session, viewer, endpoint_id)
        which = [
            col(WebhookInbox.config_id) == row.config_id,
            col(WebhookInbox.company_id) == viewer.company_id,
            col(WebhookInbox.state).in_(["dead", "unknown"]),
            col(WebhookInbox.body) != b"",
        ]
        if inbox_id is not None:
            which.append(col(WebhookInbox.id) == inbox_id)
        result = session.execute(
            update(WebhookInbox).where(*which).values(state="waiting", attempts=0, cause_code="", detail=""),
            execution_options={"synchronize_session": False},
        )
        count = int(result.rowcount)  # type: ignore[attr-defined]
        append_audit(session, deed(viewer, "webhook.run_again", inbox_id or row.id, deliveries=count), now=now)
    return count


def _own(session: Session, viewer: Viewer, endpoint_id: uuid.UUID) -> tuple[WebhookEndpoint, str]:
    row = session.get(WebhookEndpoint, endpoint_id)
    config = session.get(PlatformConfig, row.config_id) if row is not None else None
    if row is None or config is None or row.company_id != viewer.company_id:
        raise NotFound("There is no such endpoint.")
    return row, config.platform


def _own_config(session: Session, viewer: Viewer, config_id: uuid.UUID | str) -> PlatformConfig:
    try:
        config = session.get(PlatformConfig, uuid.UUID(str(config_id)))
    except ValueError:
        config = None
    if config is None or config.company_id != viewer.company_id or config.deleted_at is not None:
        raise NotFound("There is no such connection.")
    return config
