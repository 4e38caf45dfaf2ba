"""A connection's secrets in and out of their envelope, and hidden from the log in between. The caller commits."""

import json
import uuid

from sqlalchemy import delete, update
from sqlmodel import Session, col

import logs
from store.tables import PlatformConfig, PlatformToken
from store.vault import Vault


def seal_secrets(vault: Vault, config_id: uuid.UUID, secrets: dict[str, str]) -> str:
    """The envelope of a connection's secrets, "" where it has none."""
    logs.hide(*secrets.values())
    return vault.seal("platform_configs", config_id, "credentials", json.dumps(secrets)) if secrets else ""


def open_secrets(vault: Vault, config: PlatformConfig) -> dict[str, str]:
    """The secrets of a connection by field name, {} where it has none. Raises KeyMissing or Tampered."""
    if not config.credentials:
        return {}
    stored = json.loads(vault.open("platform_configs", config.id, "credentials", config.credentials))
    secrets = {str(name): str(value) for name, value in stored.items()}
    logs.hide(*secrets.values())
    return secrets


def seal_token(vault: Vault, config_id: uuid.UUID, token: dict[str, str]) -> str:
    """The envelope of a connection's token: its parts by name."""
    logs.hide(token["access_token"], token["refresh_token"])
    return vault.seal("platform_tokens", config_id, "token", json.dumps(token))


def open_token(vault: Vault, config_id: uuid.UUID, stored: str) -> dict[str, str]:
    """The parts of a connection's token. Raises KeyMissing or Tampered."""
    token: dict[str, str] = json.loads(vault.open("platform_tokens", config_id, "token", stored))
    logs.hide(token["access_token"], token["refresh_token"])
    return token


def forget_token(session: Session, config_id: uuid.UUID) -> None:
    """Drop a connection's token, and what the platform said about it: new credentials start afresh."""
    session.execute(delete(PlatformToken).where(col(PlatformToken.config_id) == config_id))


def allow_token(session: Session, config_id: uuid.UUID) -> None:
    """Forget only that the platform refused the token: a person asks again."""
    session.execute(update(PlatformToken).where(col(PlatformToken.config_id) == config_id).values(refused_cause=""))
