"""Deliveries as they are acknowledged: each id once, sealed in the inbox, with its endpoint's counts brought along."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from store.engine import is_sqlite
from store.tables import WebhookDelivery, WebhookEndpoint, WebhookInbox

_DELIVERIES = WebhookDelivery.__table__  # type: ignore[attr-defined]
_INBOX = WebhookInbox.__table__  # type: ignore[attr-defined]
_ENDPOINTS = WebhookEndpoint.__table__  # type: ignore[attr-defined]
Fate = Literal["new", "repeat", "conflict"]


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
    first: dict[tuple[uuid.UUID, str], Arrived] = {}
    for one in arrived:
        first.setdefault((one.config_id, one.delivery_ref), one)
    fresh = _insert_new(session, list(first.values()))
    if fresh:
        session.execute(insert(_INBOX), [_inbox_row(first[key]) for key in fresh])
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


def _insert_new(session: Session, arrived: list[Arrived]) -> set[tuple[uuid.UUID, str]]:
    dialect = sqlite.insert if is_sqlite(session) else postgresql.insert
    statement = (
        dialect(_DELIVERIES).on_conflict_do_nothing().returning(_DELIVERIES.c.config_id, _DELIVERIES.c.delivery_ref)
    )
    rows = [
        {
            "company_id": one.company_id,
            "config_id": one.config_id,
            "delivery_ref": one.delivery_ref,
            "received_at": one.received_at,
            "body_hash": one.body_hash,
            "repeats": 0,
        }
        for one in arrived
    ]
    return {(config_id, ref) for config_id, ref in session.execute(statement, rows)}


def _inbox_row(one: Arrived) -> dict[str, Any]:
    return {
        "id": one.inbox_id,
        "company_id": one.company_id,
        "config_id": one.config_id,
        "delivery_ref": one.delivery_ref,
        "received_at": one.received_at,
        "body": one.sealed.encode(),
        "state": "waiting",
        "attempts": 0,
        "applied_at": None,
        "cause_code": "",
        "kind": one.kind,
        "detail": "",
    }


def _count(session: Session, arrived: Sequence[Arrived]) -> None:
    times = Counter(one.endpoint_id for one in arrived)
    newest = {one.endpoint_id: one.received_at for one in sorted(arrived, key=lambda each: each.received_at)}
    for endpoint_id in sorted(times):
        session.execute(
            update(_ENDPOINTS)
            .where(_ENDPOINTS.c.id == endpoint_id)
            .values(
                deliveries=_ENDPOINTS.c.deliveries + times[endpoint_id],
                last_delivery_at=newest[endpoint_id],
                silent_since=None,
            )
        )


def _repeat(session: Session, again: Sequence[Arrived]) -> dict[tuple[uuid.UUID, str], str]:
    """Count repeats; the digests of the bodies that were kept."""
    known: dict[tuple[uuid.UUID, str], str] = {}
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
