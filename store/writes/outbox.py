"""What is to be said to platforms: entries put into the outbox, once each, in the order in which they were asked for.

Of one posting at one connection only the oldest unfinished entry is sent, so that a close never overtakes a publish.
The caller commits.
"""

import uuid
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col
from sqlmodel import select as select_rows

from domain.text import clean_text
from store.engine import is_sqlite
from store.tables import ExternalPosting, JobPosting, OutboxEntry
from store.tables.columns import new_id
from store.writes.numbers import insert_external
from store.writes.posting_history import note_told
from store.writes.postings import link_by_hand

#: Not over yet.
ACTIVE = ("waiting", "sending", "unknown")
#: Given up on, until a person asks again.
GIVEN_UP = ("refused", "dead")
_TABLE = OutboxEntry.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class Wish:
    """Something to be said. `ref` is our reference of the posting, or the platform's of the application."""

    company_id: uuid.UUID
    config_id: uuid.UUID
    kind: str
    ref: str
    payload: dict[str, Any]
    requested_by: str
    posting_id: uuid.UUID | None = None
    application_id: uuid.UUID | None = None
    key: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """A published posting as the platform last told it: its status in our words, and the ids to speak of it."""

    status: str
    detail: str = ""
    handles: dict[str, object] = field(default_factory=dict)


def ask_for(session: Session, wish: Wish, *, now: datetime) -> OutboxEntry:
    """Put a wish about a posting into the outbox; the entry that carries it out.

    A wish that is waiting already answers itself, an update that waits is brought up to date, and closing what was
    never sent takes it back.
    """
    entries = list_entries(session, wish.config_id, wish.posting_id)
    waiting = [entry for entry in entries if entry.state == "waiting" and entry.attempts == 0]
    for entry in waiting:
        if wish.kind == "close" and entry.kind in {"publish", "update"}:
            entry.state, entry.finished_at = "withdrawn", now
            session.add(entry)
            if entry.kind == "publish":
                session.flush()
                return entry
        elif wish.kind == entry.kind or (wish.kind == "update" and entry.kind == "publish"):
            entry.payload = wish.payload
            session.add(entry)
            session.flush()
            return entry
    active = [entry for entry in entries if entry.state in ACTIVE and entry.kind == wish.kind]
    if active and wish.kind in {"publish", "close"}:
        return active[-1]
    if entries and entries[-1].state == "dead" and entries[-1].kind == wish.kind:
        entries[-1].payload = wish.payload
        try_again(session, entries[-1], now=now)
        return entries[-1]
    # The number makes two people who ask at once ask for the same thing.
    key = f"{wish.kind}:{wish.ref}:{len(entries)}"
    put(session, replace(wish, key=key), now=now)
    found = select_rows(OutboxEntry).where(OutboxEntry.config_id == wish.config_id, OutboxEntry.idempotency_key == key)
    return session.exec(found).one()


def close_everywhere(session: Session, posting: JobPosting, *, requested_by: str, now: datetime) -> int:
    """Ask every connection where a posting stands, or is about to, to take it off; how many those are."""
    found = select_rows(OutboxEntry).where(
        OutboxEntry.company_id == posting.company_id, OutboxEntry.posting_id == posting.id
    )
    newest: dict[uuid.UUID, OutboxEntry] = {}
    for entry in session.exec(found.order_by(col(OutboxEntry.id))):
        if entry.state in {*ACTIVE, "done"}:
            newest[entry.config_id] = entry
    standing = [entry for entry in newest.values() if entry.kind != "close"]
    for entry in standing:
        wish = Wish(
            company_id=entry.company_id,
            config_id=entry.config_id,
            kind="close",
            ref=entry.external_ref,
            payload=dict(entry.payload),
            requested_by=requested_by,
            posting_id=posting.id,
        )
        ask_for(session, wish, now=now)
    return len(standing)


def put(session: Session, wish: Wish, *, now: datetime) -> bool:
    """Insert an entry by its `key` unless there is one; whether there was none."""
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    values = {
        "id": new_id(),
        "company_id": wish.company_id,
        "config_id": wish.config_id,
        "kind": wish.kind,
        "idempotency_key": wish.key,
        "posting_id": wish.posting_id,
        "application_id": wish.application_id,
        "payload": wish.payload,
        "state": "waiting",
        "cause_code": "",
        "detail": "",
        "problems": {},
        "external_ref": wish.ref,
        "attempts": 0,
        "next_attempt_at": now,
        "holder": "",
        "requested_by": wish.requested_by,
        "created_at": now,
    }
    made = session.execute(insert(_TABLE).values(values).on_conflict_do_nothing().returning(_TABLE.c.id))
    return made.first() is not None


def list_entries(session: Session, config_id: uuid.UUID, posting_id: uuid.UUID | None) -> list[OutboxEntry]:
    """All entries of a posting at a connection, oldest first."""
    found = select_rows(OutboxEntry).where(OutboxEntry.config_id == config_id, OutboxEntry.posting_id == posting_id)
    return list(session.exec(found.order_by(col(OutboxEntry.id))))


def find_ref(session: Session, config_id: uuid.UUID, posting_id: uuid.UUID) -> str:
    """The reference under which a posting was ever sent to a connection; "" before the first time."""
    first = (
        select(col(OutboxEntry.external_ref))
        .where(col(OutboxEntry.config_id) == config_id, col(OutboxEntry.posting_id) == posting_id)
        .order_by(col(OutboxEntry.id))
        .limit(1)
    )
    return session.execute(first).scalar() or ""


def try_again(session: Session, entry: OutboxEntry, *, now: datetime) -> None:
    """Have an entry that was given up on, or that waits, tried at once. One that was ever sent is looked up first."""
    if entry.state not in {*GIVEN_UP, "waiting", "unknown"}:
        return
    if entry.state in GIVEN_UP:
        entry.state = "unknown" if entry.state == "dead" and entry.sent_at is not None else "waiting"
        entry.attempts, entry.finished_at, entry.problems = 0, None, {}
    entry.next_attempt_at = now
    session.add(entry)


def wake(session: Session, config_id: uuid.UUID, *, now: datetime) -> None:
    """Have everything that waits at a connection tried at once: its form was corrected."""
    session.execute(
        update(OutboxEntry)
        .where(col(OutboxEntry.config_id) == config_id, col(OutboxEntry.state).in_(("waiting", "unknown")))
        .values(next_attempt_at=now),
        execution_options={"synchronize_session": False},
    )


def note_standing(session: Session, entry: OutboxEntry, standing: Standing, *, now: datetime) -> ExternalPosting:
    """Write down how the platform has the posting of an entry; it belongs to ours from the first."""
    found = select_rows(ExternalPosting).where(
        ExternalPosting.config_id == entry.config_id, ExternalPosting.external_ref == entry.external_ref
    )
    external = session.exec(found).first()
    if external is None:
        whose = {"company_id": entry.company_id, "config_id": entry.config_id}
        # A sync may be hearing of it at this moment.
        insert_external(session, [{**whose, "external_ref": entry.external_ref, "first_seen_at": now}])
        external = session.exec(found).one()
    if external.posting_id is None and external.number is not None:
        # By hand: whoever published it has said whose it is, and no rule may say otherwise.
        external = link_by_hand(session, entry.company_id, external.number, entry.posting_id, now=now)
    external.title = clean_text(str(entry.payload.get("title", "")), 500) or external.title
    external.requisition_ref = clean_text(str(entry.payload.get("requisition_ref", "")), 200)
    external.url = clean_text(str(entry.payload.get("apply_url", "")), 1000)
    return stand(session, external, standing, now=now)


def stand(session: Session, external: ExternalPosting, standing: Standing, *, now: datetime) -> ExternalPosting:
    """Write down how a published posting stands now."""
    before = external.status
    external.status, external.status_detail, external.status_at = standing.status, clean_text(standing.detail, 500), now
    external.handles = {**external.handles, **standing.handles}
    session.add(external)
    note_told(session, external, before, now=now)
    session.flush()
    return external
