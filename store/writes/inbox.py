"""Deliveries as they are acknowledged: each id once, sealed in the inbox, with its endpoint's counts brought along."""

import sqlite3
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Literal

import msgspec
from sqlalchemy import bindparam, select, update
from sqlmodel import Session

from store.engine import is_sqlite, naming_errors
from store.tables import WebhookDelivery, WebhookEndpoint
from store.writes.in_bulk import MOST_ROWS, batched, values_for

_DELIVERIES = WebhookDelivery.__table__  # type: ignore[attr-defined]
_ENDPOINTS = WebhookEndpoint.__table__  # type: ignore[attr-defined]
Fate = Literal["new", "repeat", "conflict"]
#: A connection and a delivery's name at it.
Key = tuple[uuid.UUID, str]
#: A row of the inbox: its id, the company's, the connection's, the delivery's name, when it came, the body, its kind.
_Letter = tuple[str, str, str, str, str, bytes, str]


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


@dataclass(frozen=True, slots=True)
class _Count:
    """How many deliveries came to an endpoint, and when the last of them did."""

    endpoint_id: uuid.UUID
    times: int
    newest: datetime


def write_deliveries(session: Session, arrived: Sequence[Arrived]) -> list[Fate]:
    """Enter deliveries that are new; what each was. Of one id the first stays, whatever comes under it later."""
    first: dict[Key, Arrived] = {}
    for one in arrived:
        first.setdefault((one.config_id, one.delivery_ref), one)
    counts = _counts(arrived)
    fresh = _enter_on_sqlite(session, first, counts) if is_sqlite(session) else _enter(session, first, counts)
    if len(fresh) == len(arrived):
        return ["new"] * len(arrived)
    again = [one for one in arrived if (key := (one.config_id, one.delivery_ref)) not in fresh or first[key] is not one]
    known = _repeat(session, again)
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


def _counts(arrived: Sequence[Arrived]) -> list[_Count]:
    """What has come to each endpoint."""
    times = Counter(one.endpoint_id for one in arrived)
    newest: dict[uuid.UUID, datetime] = {}
    for one in arrived:
        newest[one.endpoint_id] = max(one.received_at, newest.get(one.endpoint_id, one.received_at))
    return [_Count(endpoint_id, times[endpoint_id], newest[endpoint_id]) for endpoint_id in sorted(times)]


def _enter_on_sqlite(session: Session, first: Mapping[Key, Arrived], counts: Sequence[_Count]) -> set[Key]:
    """Enter those that are new in both tables; which they were. Past SQLAlchemy, which costs four times as much."""
    driver: sqlite3.Connection = session.connection().connection.driver_connection  # type: ignore[assignment]
    fresh: set[Key] = set()
    with naming_errors():
        cursor = driver.cursor()
        for part in batched(first.items(), MOST_ROWS):
            letters = {key: _letter(one) for key, one in part}
            entered = _enter_all(cursor, letters, [one.body_hash for _, one in part])
            fresh |= entered
            kept = [letter for key, letter in letters.items() if key in entered]
            if kept:
                cursor.execute(values_for(_LETTER, _LETTER_ROW, len(kept)), list(chain.from_iterable(kept)))
        cursor.executemany(_COUNT, [(one.times, _spelled(one.newest), one.endpoint_id.hex) for one in counts])
        cursor.close()
    return fresh


def _enter_all(cursor: sqlite3.Cursor, letters: Mapping[Key, _Letter], hashes: Sequence[str]) -> set[Key]:
    """Enter deliveries at once; where some have come before, one by one."""
    told = [(*letter[1:5], body_hash) for letter, body_hash in zip(letters.values(), hashes, strict=True)]
    try:
        cursor.execute(values_for(_DELIVERY, _DELIVERY_ROW, len(told)), list(chain.from_iterable(told)))
    except sqlite3.IntegrityError:
        # The statement is undone as a whole, the transaction goes on.
        one_by_one = f"{values_for(_DELIVERY, _DELIVERY_ROW, 1)} ON CONFLICT DO NOTHING"
        return {key for key, row in zip(letters, told, strict=True) if cursor.execute(one_by_one, row).rowcount}
    return set(letters)


def _letter(one: Arrived) -> _Letter:
    at, body = _spelled(one.received_at), one.sealed.encode()
    return one.inbox_id.hex, one.company_id.hex, one.config_id.hex, one.delivery_ref, at, body, one.kind


def _spelled(at: datetime) -> str:
    """An instant as `UtcInstant` writes it on SQLite."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


_DELIVERY = "INSERT INTO webhook_deliveries (company_id, config_id, delivery_ref, received_at, body_hash, repeats)"
_DELIVERY_ROW = "(?, ?, ?, ?, ?, 0)"
_LETTER = (
    "INSERT INTO webhook_inbox (id, company_id, config_id, delivery_ref, received_at, body, kind, state, attempts, "
    "cause_code, detail)"
)
_LETTER_ROW = "(?, ?, ?, ?, ?, ?, ?, 'waiting', 0, '', '')"
_COUNT = (
    "UPDATE webhook_endpoints SET deliveries = deliveries + ?, last_delivery_at = ?, silent_since = NULL WHERE id = ?"
)


def _enter(session: Session, first: Mapping[Key, Arrived], counts: Sequence[_Count]) -> set[Key]:
    """The same on PostgreSQL, in one statement over two texts: each round trip and each bound value would cost more."""
    # In one order, so that two processes with the same deliveries wait for each other and do not embrace.
    told = msgspec.json.encode([first[key] for key in sorted(first)]).decode()
    found = session.connection().exec_driver_sql(_ENTER, (told, msgspec.json.encode(counts).decode()))
    return {(config_id, ref) for config_id, ref in found}


_ENTER = """
WITH told AS (
    SELECT * FROM json_to_recordset(%s::json) AS t(
        inbox_id uuid, company_id uuid, config_id uuid, delivery_ref text, received_at timestamptz, body_hash text,
        kind text, sealed text
    )
), fresh AS (
    INSERT INTO webhook_deliveries (company_id, config_id, delivery_ref, received_at, body_hash, repeats)
    SELECT company_id, config_id, delivery_ref, received_at, body_hash, 0 FROM told
    ON CONFLICT DO NOTHING
    RETURNING config_id, delivery_ref
), kept AS (
    INSERT INTO webhook_inbox (id, company_id, config_id, delivery_ref, received_at, body, state, attempts, cause_code,
                               kind, detail)
    SELECT inbox_id, company_id, config_id, delivery_ref, received_at, convert_to(sealed, 'UTF8'), 'waiting', 0, '',
           kind, ''
    FROM told JOIN fresh USING (config_id, delivery_ref)
), counts AS (
    SELECT * FROM json_to_recordset(%s::json) AS t(endpoint_id uuid, times integer, newest timestamptz)
), locked AS (
    SELECT id FROM webhook_endpoints WHERE id IN (SELECT endpoint_id FROM counts) ORDER BY id FOR UPDATE
), counted AS (
    UPDATE webhook_endpoints e
    SET deliveries = e.deliveries + c.times, last_delivery_at = c.newest, silent_since = NULL
    FROM locked JOIN counts c ON c.endpoint_id = locked.id WHERE e.id = locked.id
)
SELECT config_id, delivery_ref FROM fresh
"""


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
