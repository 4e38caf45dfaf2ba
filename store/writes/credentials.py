"""A connection's secret fields in and out of their envelope. The caller commits."""

import json
import uuid

from sqlalchemy import delete
from sqlmodel import Session, col

from store.tables import PlatformConfig, PlatformToken
from store.vault import Vault


def seal_secrets(vault: Vault, config_id: uuid.UUID, secrets: dict[str, str]) -> str:
    """The envelope of a connection's secrets, "" where it has none."""
    return vault.seal("platform_configs", config_id, "credentials", json.dumps(secrets)) if secrets else ""


def open_secrets(vault: Vault, config: PlatformConfig) -> dict[str, str]:
    """The secrets of a connection by field name, {} where it has none. Raises KeyMissing or Tampered."""
    if not config.credentials:
        return {}
    stored = json.loads(vault.open("platform_configs", config.id, "credentials", config.credentials))
    return {str(name): str(value) for name, value in stored.items()}


def forget_token(session: Session, config_id: uuid.UUID) -> None:
    """Drop a connection's token, and what the platform said about it: new credentials start afresh."""
    session.execute(delete(PlatformToken).where(col(PlatformToken.config_id) == config_id))
