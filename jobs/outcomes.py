"""Finds what became of applicants a platform sent us, and puts it into the outbox for that platform."""

import uuid
from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from connectors.publishing import Outcomes
from connectors.registry import find_connector
from store.engine import is_sqlite, run_writing
from store.opening import Store
from store.tables import Application, ApplicationRef, AppMeta, OutboxEntry, PlatformConfig
from store.tables.applicants import STAGES
from store.writes.outbox import ACTIVE, Wish, put

#: Applications changed this long ago are looked at again: a transaction may have been open when we last looked.
OVERLAP = timedelta(minutes=10)
_SLICE = 200
_STAGE_COLUMNS = {stage: f"{stage}_at" for stage in STAGES}


def collect_outcomes(store: Store, now: datetime) -> int:
    """Put every stage reached since a connection was made into the outbox, once; how many were new.

    Where the last that a platform was told is a stage that was taken back since (a hire, say), the stage at which the
    application stands is told again, as of the change: no platform has a word for taking back, all believe the newest.

    Only applications that the platform itself told of, by the name it gave them, and only for the platform's oldest
    active connection that is set up to tell.
    """
    found = 0
    for config in _tellers(store):
        since = _looked_at(store, config)
        wishes = list(_wishes(store, config, since))
        for start in range(0, len(wishes), _SLICE):
            batch = wishes[start : start + _SLICE]
            found += run_writing(store.engine, partial(_put_all, wishes=batch, now=now))
        run_writing(store.engine, partial(_note_look, config=config, now=now))
    return found


def _tellers(store: Store) -> list[PlatformConfig]:
    with store.reading() as session:
        configs = session.execute(
            select(PlatformConfig)
            .where(col(PlatformConfig.is_active), col(PlatformConfig.deleted_at).is_(None))
            .order_by(col(PlatformConfig.number).desc())
        ).scalars()
        first: dict[tuple[uuid.UUID, str], PlatformConfig] = {}
        for config in configs:
            kind = find_connector(config.connector)
            if kind is not None and issubclass(kind, Outcomes) and kind.tells_outcomes(config.settings):
                first[config.company_id, config.platform] = config
    return list(first.values())


def _looked_at(store: Store, config: PlatformConfig) -> datetime:
    with store.reading() as session:
        held = session.get(AppMeta, _key(config))
    return datetime.fromisoformat(held.value) - OVERLAP if held is not None else config.created_at


def _note_look(session: Session, config: PlatformConfig, now: datetime) -> None:
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    statement = insert(AppMeta).values(key=_key(config), value=now.isoformat())
    # Two processes may look at the same time.
    session.execute(statement.on_conflict_do_update(index_elements=["key"], set_={"value": now.isoformat()}))


def _key(config: PlatformConfig) -> str:
    return f"outcomes/{config.number}"


def _wishes(store: Store, config: PlatformConfig, since: datetime) -> Iterator[Wish]:
    columns = [getattr(Application, name) for name in ("stage", "updated_at", *_STAGE_COLUMNS.values())]
    changed = (
        select(col(ApplicationRef.ref), col(Application.id), *columns)
        .join(ApplicationRef, col(ApplicationRef.application_id) == col(Application.id))
        .where(
            col(Application.company_id) == config.company_id,
            col(Application.updated_at) >= since,
            col(ApplicationRef.company_id) == config.company_id,
            col(ApplicationRef.scope) == config.platform,
        )
        .order_by(col(Application.id))
    )
    with store.reading() as session:
        rows = session.execute(changed).all()
    for start in range(0, len(rows), _SLICE):
        part = rows[start : start + _SLICE]
        told = _told(store, config, [row.id for row in part])
        for row in part:
            reached = {stage: at for stage, name in _STAGE_COLUMNS.items() if (at := getattr(row, name)) is not None}
            fresh = {stage: at for stage, at in reached.items() if at >= config.created_at}
            for stage, at in fresh.items():
                yield _wish(config, row.id, (row.ref, stage), at)
            again = _told_again(row, reached, {*told.get(row.id, ()), *((at, stage) for stage, at in fresh.items())})
            if again is not None:
                yield _wish(config, row.id, (row.ref, row.stage), again)


def _told(store: Store, config: PlatformConfig, ids: list[uuid.UUID]) -> dict[uuid.UUID, set[tuple[datetime, str]]]:
    """(Instant, stage) of everything that a platform was told of these applications, or is about to be."""
    entries = select(col(OutboxEntry.application_id), col(OutboxEntry.payload)).where(
        col(OutboxEntry.config_id) == config.id,
        col(OutboxEntry.kind) == "outcome",
        col(OutboxEntry.application_id).in_(ids),
        col(OutboxEntry.state).in_((*ACTIVE, "done")),
    )
    found: dict[uuid.UUID, set[tuple[datetime, str]]] = defaultdict(set)
    with store.reading() as session:
        for row in session.execute(entries):
            found[row.application_id].add((datetime.fromisoformat(row.payload["at"]), str(row.payload["stage"])))
    return found


def _told_again(row: Any, reached: Mapping[str, datetime], told: set[tuple[datetime, str]]) -> datetime | None:
    """As of when the stage of an application is told again; None where the platform's last word still holds."""
    if not told:
        return None
    at, stage = max(told)
    if stage == row.stage or reached.get(stage) == at:
        return None
    changed_at: datetime = row.updated_at
    # Platforms are told whole seconds.
    return max(changed_at, at + timedelta(seconds=1))


def _wish(config: PlatformConfig, application_id: uuid.UUID, what: tuple[str, str], at: datetime) -> Wish:
    ref, stage = what
    return Wish(
        company_id=config.company_id,
        config_id=config.id,
        kind="outcome",
        ref=ref,
        payload={"application_ref": ref, "stage": stage, "at": at.isoformat()},
        requested_by="clock",
        application_id=application_id,
        key=f"outcome:{ref}:{stage}:{at.isoformat()}",
    )


def _put_all(session: Session, wishes: list[Wish], now: datetime) -> int:
    return sum(put(session, wish, now=now) for wish in wishes)
