"""Opening the store: engine, schema, keys, in the order that leaves nothing half-done."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from sqlalchemy import Engine
from sqlmodel import Session

from store.engine import Urgency, is_sqlite, open_engine, reading, writing
from store.errors import StartError
from store.keyring import KEY_FILE, Keyring
from store.migrate import check_schema, find_revision, prepare
from store.rotation import has_secrets
from store.vault import Vault


class StoreSettings(Protocol):
    """What opening needs to know."""

    @property
    def url(self) -> str:
        """The database."""

    @property
    def data_dir(self) -> Path:
        """The folder for backups and the made key."""

    @property
    def encryption_key(self) -> str:
        """The keyring, or ""."""

    @property
    def encryption_key_file(self) -> str:
        """The file that holds the keyring, or ""."""


@dataclass(frozen=True, slots=True)
class Store:
    """An open database and the vault that goes with it."""

    engine: Engine
    vault: Vault

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session that sees one moment and cannot write."""
        with reading(self.engine) as session:
            yield session

    @contextmanager
    def writing(self, urgency: Urgency = Urgency.PAGE) -> Iterator[Session]:
        """A write transaction, committed at the end of the block."""
        with writing(self.engine, urgency) as session:
            yield session

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()


def open_store(settings: StoreSettings) -> Store:
    """Open, migrate and unlock the database. Raises StartError; nothing is changed when a key is missing."""
    engine = open_engine(settings.url)
    try:
        fresh = find_revision(engine) is None
        # Made before the first table: a database that exists always has its key.
        vault = Vault(_keyring(settings, may_make=fresh and is_sqlite(engine)))
        prepare(engine, settings.data_dir)
        with writing(engine) as session:
            vault.check_canary(session, plant=not has_secrets(session))
    except BaseException:
        engine.dispose()
        raise
    return Store(engine, vault)


def attach_store(settings: StoreSettings) -> Store:
    """Open a database that another process has prepared, without changing anything. Raises StartError."""
    engine = open_engine(settings.url)
    try:
        check_schema(engine)
        vault = Vault(_keyring(settings, may_make=False))
        with reading(engine) as session:
            vault.check_canary(session)
    except BaseException:
        engine.dispose()
        raise
    return Store(engine, vault)


def _keyring(settings: StoreSettings, *, may_make: bool) -> Keyring:
    """The keyring, made where nothing needs an older one. Raises StartError where it is missing."""
    keyring = Keyring.load(settings.encryption_key, settings.encryption_key_file, settings.data_dir)
    if keyring is not None:
        return keyring
    if may_make:
        return Keyring.make(settings.data_dir)
    raise StartError(
        f"The encryption key is missing: ENCRYPTION_KEY is not set and there is no {settings.data_dir / KEY_FILE}. "
        "Start with the key that this database was written with, or, for a new database on a server, with a new one. "
        "Nothing was changed."
    )
