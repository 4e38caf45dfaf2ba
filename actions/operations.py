"""What an operator does at the machine: look after the database, keep copies, put one back, hand out the audit log."""

import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import func
from sqlmodel import col, select

from settings import Settings
from store.backup import back_up
from store.engine import open_engine, sqlite_path
from store.errors import StartError
from store.migrate import check_file, find_revision, newest_revision
from store.opening import Store, attach_store
from store.rotation import count_kids
from store.tables import AuditEntry, PlatformConfig, PlatformSyncJob, User, WorkerBeat
from store.writes.audit import broken_link

LEAST_FREE_BYTES = 200 * 2**20
BEAT_AGE = timedelta(minutes=5)


class OperationRefused(Exception):
    """Nothing was changed; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing `examine` looked at."""

    subject: str
    is_good: bool
    words: str


def examine(settings: Settings, *, now: datetime) -> list[Finding]:
    """Looks at everything that has to be right for the program to run. Changes nothing."""
    findings = [_space(settings)]
    try:
        store = attach_store(settings)
    except StartError as error:
        return [*findings, Finding("database", False, str(error))]
    try:
        return [*findings, Finding("database", True, f"schema {newest_revision()}"), *_inside(store, now)]
    finally:
        store.close()


def _space(settings: Settings) -> Finding:
    folder = settings.data_dir if settings.data_dir.exists() else settings.data_dir.parent
    if not folder.exists():
        return Finding("data folder", False, f"{settings.data_dir} cannot be made.")
    free = shutil.disk_usage(folder).free
    return Finding("disk", free >= LEAST_FREE_BYTES, f"{free // 2**20} MB free for {settings.data_dir}")


def _inside(store: Store, now: datetime) -> Iterator[Finding]:
    with store.reading() as session:
        kids = count_kids(session)
        yield Finding("encryption key", True, f"readable; values per key: {kids or 'none'}")
        admins = session.exec(
            select(func.count()).where(col(User.role) == "admin", col(User.is_active).is_(True))
        ).one()
        yield Finding("admins", admins > 0, f"{admins} can sign in" if admins else "none: manage.py setup-link")
        broken = broken_link(session)
        yield Finding("audit log", broken is None, "whole" if broken is None else f"changed at row {broken}")
        beat = session.exec(select(func.max(WorkerBeat.beat_at))).one()
        is_beating = beat is not None and now - beat < BEAT_AGE
        connected = session.exec(select(func.count()).where(col(PlatformConfig.is_active).is_(True))).one()
        words = f"last seen {beat:%Y-%m-%d %H:%M} UTC" if beat else "never seen"
        yield Finding("workers", is_beating or not connected, words)
        failed = session.exec(
            select(func.count()).where(
                col(PlatformSyncJob.state) == "failed", col(PlatformSyncJob.created_at) > now - timedelta(days=1)
            )
        ).one()
        yield Finding("syncs", not failed, f"{failed} failed in the last day")


def keep_copy(settings: Settings, folder: Path) -> Path:
    """Copies the SQLite database into `folder` while it is in use; returns the copy. The key is not in it.

    Raises OperationRefused for PostgreSQL or a database that is not there, OSError when it cannot be written.
    """
    path = _file(settings)
    if not path.exists():
        raise OperationRefused(f"There is no database at {path}.")
    engine = open_engine(settings.url)
    try:
        revision = find_revision(engine) or "none"
    finally:
        engine.dispose()
    return back_up(path, folder, revision)


def put_back(settings: Settings, copy: Path) -> Path | None:
    """Replaces the database by a copy; returns the copy made of what was there, None when nothing was.

    Raises OperationRefused while the program runs, for PostgreSQL, and for a copy that is missing or newer than this
    program; StartError for a damaged one. In each case nothing is changed.
    """
    path = _file(settings)
    _require_good_copy(copy)
    kept: Path | None = None
    if path.exists():
        _require_unused(path)
        kept = keep_copy(settings, settings.data_dir / "backups")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".restoring")
    with copy.open("rb") as source, fresh.open("wb") as target:
        os.fchmod(target.fileno(), 0o600)
        shutil.copyfileobj(source, target)
        target.flush()
        os.fsync(target.fileno())
    for leftover in ("-wal", "-shm"):
        path.with_name(path.name + leftover).unlink(missing_ok=True)
    fresh.replace(path)
    return kept


def _file(settings: Settings) -> Path:
    engine = open_engine(settings.url)
    path = sqlite_path(engine)
    engine.dispose()
    if path is None:
        raise OperationRefused("The database is PostgreSQL: use pg_dump and pg_restore.")
    return path


def _require_good_copy(copy: Path) -> None:
    if not copy.is_file():
        raise OperationRefused(f"There is no file {copy}.")
    check_file(copy)
    with closing(sqlite3.connect(f"file:{copy}?mode=ro&immutable=1", uri=True)) as connection:
        try:
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        except sqlite3.DatabaseError:
            row = None
    if row is None:
        raise OperationRefused(f"{copy} is not a copy of Sourceboard's database.")
    if row[0] > newest_revision():
        raise OperationRefused(f"{copy} was made by a newer Sourceboard ({row[0]}). Update this program first.")


def _require_unused(path: Path) -> None:
    """Leaving WAL mode needs the file for oneself: it fails while any other process has it open."""
    try:
        with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as connection:
            mode = connection.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
    except sqlite3.OperationalError:
        mode = "wal"
    if mode != "delete":
        raise OperationRefused("The database is in use. Stop Sourceboard first.")


def audit_lines(store: Store) -> Iterator[str]:
    """The audit log as JSON lines, oldest first, with the hashes that chain it."""
    with store.reading() as session:
        for entry in session.exec(select(AuditEntry).order_by(col(AuditEntry.seq))).yield_per(1000):
            told = entry.model_dump(mode="json")
            yield json.dumps(told, sort_keys=True, ensure_ascii=False)
