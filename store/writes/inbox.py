"""Deliveries as they are acknowledged: each id once, sealed in the inbox, with its endpoint's counts brought along."""

import sqlite3
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import bindparam, select, update
from sqlmodel import Session

from store.engine import is_sqlite, naming_errors
from store.tables import WebhookDelivery, WebhookEndpoint

_DELIVERIES = WebhookDelivery.__table__  # type: ignore[attr-defined]
_ENDPOINTS = WebhookEndpoint.__table__  # type: ignore[attr-defined]
Fate = Literal["new", "repeat", "conflict"]
#: A connection and a delivery's name at it.
Key = tuple[uuid.UUID, str]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A verified delivery. `sealed` is its document in the envelope of `inbox_id`; `body_hash` a keyed digest."""

    inbox_id: uuid.UUID
    company_id: uuid.UUID
    config_id: uuid.UUID
    endpoint_id: uuid.UUID
    delivery_ref: str
    kind: str
    body_hash: str
    sealed: str
    received_at: datetime


@dataclass(frozen=True, slots=True)
class RefusedSome:
    """Deliveries that an endpoint did not take since the last time this was written down."""

    endpoint_id: uuid.UUID
    times: int
    cause: str
    at: datetime


def write_deliveries(session: Session, arrived: Sequence[Arrived]) -> list[Fate]:
    """Enter deliveries that are new; what each was. Of one id the first stays, whatever comes under it later."""
    first: dict[Key, Arrived] = {}
    for one in arrived:
        first.setdefault((one.config_id, one.delivery_ref), one)
    enter = _enter_on_sqlite if is_sqlite(session) else _enter_on_postgresql
    fresh = enter(session, first)
    _count(session, arrived)
    again = [one for one in arrived if (key := (one.config_id, one.delivery_ref)) not in fresh or first[key] is not one]
    known = _repeat(session, again) if again else {}
    return [
        "new"
        if (key := (one.config_id, one.delivery_ref)) in fresh and first[key] is one
        else "repeat"
        if known[key] == one.body_hash
        else "conflict"
        for one in arrived
    ]


def write_refusals(session: Session, refused: Sequence[RefusedSome]) -> list[None]:
    """Count what endpoints did not take."""
    for one in sorted(refused, key=lambda each: each.endpoint_id):
        session.execute(
            update(_ENDPOINTS)
            .where(_ENDPOINTS.c.id == one.endpoint_id)
            .values(refused=_ENDPOINTS.c.refused + one.times, last_refused_at=one.at, last_refused_cause=one.cause)
        )
    return [None] * len(refused)


def _enter_on_sqlite(session: Session, first: Mapping[Key, Arrived]) -> set[Key]:
    """Enter those that are new in both tables; which they were. Past SQLAlchemy, which costs four times as much."""
    driver: sqlite3.Connection = session.connection().connection.driver_connection  # type: ignore[assignment]
    fresh: set[Key] = set()
    letters = []
    with naming_errors():
        cursor = driver.cursor()
        for key, one in first.items():
            company, config, at = one.company_id.hex, one.config_id.hex, _spelled(one.received_at)
            cursor.execute(_DELIVERY, (company, config, one.delivery_ref, at, one.body_hash))
            if cursor.rowcount == 1:
                fresh.add(key)
                body = one.sealed.encode()
                letters.append((one.inbox_id.hex, company, config, one.delivery_ref, at, body, one.kind))
        cursor.executemany(_LETTER, letters)
        cursor.close()
    return fresh


def _spelled(at: datetime) -> str:
    """An instant as `UtcInstant` writes it on SQLite."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


_DELIVERY = """
INSERT INTO webhook_deliveries (company_id, config_id, delivery_ref, received_at, body_hash, repeats)
VALUES (?, ?, ?, ?, ?, 0) ON CONFLICT DO NOTHING
"""
_LETTER = """
INSERT INTO webhook_inbox (id, company_id, config_id, delivery_ref, received_at, body, kind, state, attempts,
                           cause_code, detail)
VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', 0, '', '')
"""


def _enter_on_postgresql(session: Session, first: Mapping[Key, Arrived]) -> set[Key]:
    """The same in one statement over arrays: each round trip and each bound row would cost more than the work."""
    # In one order, so that two processes with the same deliveries wait for each other and do not embrace.
    told = [first[key] for key in sorted(first)]
    columns = tuple(list(column) for column in zip(*(_told(one) for one in told), strict=True))
    found = session.connection().exec_driver_sql(_ENTER, columns)
    return {(config_id, ref) for config_id, ref in found}


def _told(one: Arrived) -> tuple[Any, ...]:
    return (
        one.inbox_id,
        one.company_id,
        one.config_id,
        one.delivery_ref,
        one.received_at,
        one.body_hash,
        one.kind,
        one.sealed.encode(),
    )


_ENTER = """
WITH told AS (
    SELECT * FROM unnest(
        %s::uuid[], %s::uuid[], %s::uuid[], %s::text[], %s::timestamptz[], %s::text[], %s::text[], %s::bytea[]
    ) AS t(id, company_id, config_id, delivery_ref, received_at, body_hash, kind, body)
), fresh AS (
    INSERT INTO webhook_deliveries (company_id, config_id, delivery_ref, received_at, body_hash, repeats)
    SELECT company_id, config_id, delivery_ref, received_at, body_hash, 0 FROM told
    ON CONFLICT DO NOTHING
    RETURNING config_id, delivery_ref
), kept AS (
    INSERT INTO webhook_inbox (id, company_id, config_id, delivery_ref, received_at, body, state, attempts, cause_code,
                               kind, detail)
    SELECT id, company_id, config_id, delivery_ref, received_at, body, 'waiting', 0, '', kind, ''
    FROM told JOIN fresh USING (config_id, delivery_ref)
)
SELECT config_id, delivery_ref FROM fresh
"""


def _count(session: Session, arrived: Sequence[Arrived]) -> None:
    """Bring the endpoints' counts along: in the driver's words, for this is done for every batch."""
    times = Counter(one.endpoint_id for one in arrived)
    newest: dict[uuid.UUID, datetime] = {}
    for one in arrived:
        newest[one.endpoint_id] = max(one.received_at, newest.get(one.endpoint_id, one.received_at))
    connection, is_file = session.connection(), is_sqlite(session)
    for endpoint_id in sorted(times):
        told: tuple[Any, ...] = (times[endpoint_id], newest[endpoint_id], endpoint_id)
        if is_file:
            told = (times[endpoint_id], _spelled(newest[endpoint_id]), endpoint_id.hex)
        connection.exec_driver_sql(_COUNT if is_file else _COUNT.replace("?", "%s"), told)


_COUNT = (
    "UPDATE webhook_endpoints SET deliveries = deliveries + ?, last_delivery_at = ?, silent_since = NULL WHERE id = ?"
)


def _repeat(session: Session, again: Sequence[Arrived]) -> dict[Key, str]:
    """Count repeats; the digests of the bodies that were kept."""
    known: dict[Key, str] = {}
    times = Counter((one.company_id, one.config_id, one.delivery_ref) for one in again)
    for company_id, config_id, ref in sorted(times):
        key = (
            _DELIVERIES.c.company_id == company_id,
            _DELIVERIES.c.config_id == config_id,
            _DELIVERIES.c.delivery_ref == ref,
        )
        session.execute(
            update(_DELIVERIES).where(*key).values(repeats=_DELIVERIES.c.repeats + bindparam("more")),
            {"more": times[company_id, config_id, ref]},
        )
        known[config_id, ref] = session.execute(select(_DELIVERIES.c.body_hash).where(*key)).scalar_one()
    conflicts = Counter(one.endpoint_id for one in again if known[one.config_id, one.delivery_ref] != one.body_hash)
    for endpoint_id, count in sorted(conflicts.items()):
        row = session.get_one(WebhookEndpoint, endpoint_id, with_for_update=True, populate_existing=True)
        before = row.settings.get("conflicts", 0)
        row.settings = {**row.settings, "conflicts": (before if isinstance(before, int) else 0) + count}
        session.add(row)
        session.flush()
    return known
