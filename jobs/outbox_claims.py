"""Who is sending which entry of the outbox: claims and their ends, as conditional UPDATEs by the database's own time.

An entry is marked as being sent before anything leaves. Found so without its sender, or ended without an answer, it is
`unknown`: nobody knows whether it arrived.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Select, and_, exists, or_, select, update
from sqlalchemy.orm import aliased
from sqlmodel import Session, col

from jobs.lease import database_now
from store.engine import Urgency, run_writing
from store.opening import Store
from store.tables import OutboxEntry, PlatformConfig
from store.writes.outbox import ACTIVE

#: Longer than sending an entry may take in all: whoever holds one for longer is gone.
HOLD_SECONDS = 120
_CANDIDATES = 20


@dataclass(frozen=True, slots=True)
class Claim:
    """An entry in our hands. `is_unknown` tells that it may have been sent before."""

    id: uuid.UUID
    company_id: uuid.UUID
    config_id: uuid.UUID
    kind: str
    payload: dict[str, Any]
    external_ref: str
    posting_id: uuid.UUID | None
    attempts: int
    holder: str
    is_unknown: bool


def claim_next(store: Store, worker: str, now: datetime) -> Claim | None:
    """Take the entry that is due first; None when none is. What another process takes at the same moment is left."""
    with store.reading() as session:
        candidates = session.execute(_due(now).limit(_CANDIDATES)).scalars().all()
    for entry in candidates:
        claim = _claim(store, entry, worker)
        if claim is not None:
            return claim
    return None


def claim_more(store: Store, first: Claim, most: int, now: datetime) -> list[Claim]:
    """More outcomes for the same platform, to be told in the same call as `first`; `most` in all."""
    if most <= 1:
        return [first]
    with store.reading() as session:
        wanted = _due(now).where(col(OutboxEntry.config_id) == first.config_id, col(OutboxEntry.kind) == "outcome")
        entries = session.execute(wanted.limit(most - 1)).scalars().all()
    claims = [_claim(store, entry, first.holder) for entry in entries]
    return [first, *(claim for claim in claims if claim is not None)]


def finish(
    store: Store, claim: Claim, values: Mapping[str, Any], work: Callable[[Session, OutboxEntry], None] | None = None
) -> bool:
    """End a claim with these columns, and `work` in the same transaction; False when it was taken from us meanwhile."""
    return run_writing(store.engine, partial(_finish, claim=claim, values=values, work=work), Urgency.EVENT)


def postpone_all(store: Store, config_id: uuid.UUID, until: datetime) -> None:
    """Nothing more to this connection before `until`: the platform or a budget said so."""

    def work(session: Session) -> None:
        session.execute(
            update(OutboxEntry)
            .where(
                col(OutboxEntry.config_id) == config_id,
                col(OutboxEntry.state).in_(("waiting", "unknown")),
                or_(col(OutboxEntry.next_attempt_at).is_(None), col(OutboxEntry.next_attempt_at) < until),
            )
            .values(next_attempt_at=until),
            execution_options={"synchronize_session": False},
        )

    run_writing(store.engine, work)


def _due(now: datetime) -> Select[OutboxEntry]:
    """What may be sent now, oldest first: of a posting at a connection only its oldest unfinished entry."""
    earlier = aliased(OutboxEntry)
    is_due = and_(
        col(OutboxEntry.state).in_(("waiting", "unknown")),
        or_(col(OutboxEntry.next_attempt_at).is_(None), col(OutboxEntry.next_attempt_at) <= now),
    )
    is_orphaned = and_(col(OutboxEntry.state) == "sending", col(OutboxEntry.held_until) < database_now())
    is_behind = exists().where(
        col(earlier.config_id) == col(OutboxEntry.config_id),
        col(earlier.posting_id) == col(OutboxEntry.posting_id),
        col(earlier.state).in_(ACTIVE),
        col(earlier.id) < col(OutboxEntry.id),
    )
    return (
        select(OutboxEntry)
        .join(PlatformConfig, col(PlatformConfig.id) == col(OutboxEntry.config_id))
        .where(
            or_(is_due, is_orphaned),
            col(PlatformConfig.is_active),
            col(PlatformConfig.deleted_at).is_(None),
            ~is_behind,
        )
        .order_by(col(OutboxEntry.next_attempt_at), col(OutboxEntry.id))
    )


def _claim(store: Store, entry: OutboxEntry, worker: str) -> Claim | None:
    attempts = entry.attempts + 1

    def work(session: Session) -> bool:
        taken = session.execute(
            update(OutboxEntry)
            .where(
                col(OutboxEntry.id) == entry.id,
                col(OutboxEntry.state) == entry.state,
                col(OutboxEntry.attempts) == entry.attempts,
                or_(col(OutboxEntry.state) != "sending", col(OutboxEntry.held_until) < database_now()),
            )
            .values(
                state="sending",
                holder=worker,
                held_until=database_now(HOLD_SECONDS),
                attempts=attempts,
                sent_at=database_now(),
            ),
            execution_options={"synchronize_session": False},
        )
        return bool(taken.rowcount)  # type: ignore[attr-defined]

    if not run_writing(store.engine, work, Urgency.EVENT):
        return None
    with store.reading() as session:
        # What is sent is what is stored now: a person may have changed it since it was found.
        payload = session.get_one(OutboxEntry, entry.id).payload
    return Claim(
        id=entry.id,
        company_id=entry.company_id,
        config_id=entry.config_id,
        kind=entry.kind,
        payload=payload,
        external_ref=entry.external_ref,
        posting_id=entry.posting_id,
        attempts=attempts,
        holder=worker,
        is_unknown=entry.state != "waiting",
    )


def _finish(
    session: Session,
    claim: Claim,
    values: Mapping[str, Any],
    work: Callable[[Session, OutboxEntry], None] | None,
) -> bool:
    ended = session.execute(
        update(OutboxEntry)
        .where(
            col(OutboxEntry.id) == claim.id,
            col(OutboxEntry.state) == "sending",
            col(OutboxEntry.holder) == claim.holder,
            col(OutboxEntry.attempts) == claim.attempts,
        )
        .values(holder="", held_until=None, **values),
        execution_options={"synchronize_session": False},
    )
    if not ended.rowcount:  # type: ignore[attr-defined]
        return False
    if work is not None:
        work(session, session.get_one(OutboxEntry, claim.id))
    return True
