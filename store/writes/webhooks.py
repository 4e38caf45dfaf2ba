"""Endpoints: where a connection's platform delivers, and what it signs with. Secrets are in the envelope."""

import secrets
import uuid
from datetime import datetime, timedelta

from sqlmodel import Session, select

from store.tables import WebhookEndpoint
from store.tables.columns import new_id
from store.vault import Vault
from store.writes.in_turn import in_turn

_TABLE = "webhook_endpoints"


def make_endpoint(session: Session, company_id: uuid.UUID, config_id: uuid.UUID, *, now: datetime) -> WebhookEndpoint:
    """The connection's endpoint; a new one has an address of 192 random bits, and takes nothing without a secret."""
    in_turn(session, "endpoint", config_id)
    found = session.exec(select(WebhookEndpoint).where(WebhookEndpoint.config_id == config_id)).first()
    if found is not None:
        return found
    row = WebhookEndpoint(
        id=new_id(),
        company_id=company_id,
        config_id=config_id,
        hook_id=secrets.token_urlsafe(24),
        created_at=now,
    )
    session.add(row)
    session.flush()
    return row


def set_secret(vault: Vault, row: WebhookEndpoint, secret: str, *, overlap: timedelta, now: datetime) -> None:
    """Have deliveries signed with `secret` taken from now on, and those of the one before it for `overlap` longer."""
    if row.secret and overlap > timedelta(0):
        old = vault.open(_TABLE, row.id, "secret", row.secret)
        row.previous_secret = vault.seal(_TABLE, row.id, "previous_secret", old)
        row.previous_until = now + overlap
    else:
        row.previous_secret, row.previous_until = "", None
    row.secret = vault.seal(_TABLE, row.id, "secret", secret)


def live_secrets(vault: Vault, row: WebhookEndpoint, now: datetime) -> tuple[str, ...]:
    """What deliveries may be signed with now, the newest first; none before one is set."""
    found = [vault.open(_TABLE, row.id, "secret", row.secret)] if row.secret else []
    if row.previous_secret and row.previous_until is not None and row.previous_until > now:
        found.append(vault.open(_TABLE, row.id, "previous_secret", row.previous_secret))
    return tuple(found)
