"""The audit log's only writer: rows are appended, each with the hash of the one before."""

import hashlib
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import text
from sqlmodel import Session, select

from store.tables import AuditEntry

_LOCK = 0x536F7572


@dataclass(frozen=True, slots=True)
class Deed:
    """What is written down: who did what to which, with what outcome (ok, denied, failed)."""

    actor: str
    action: str
    target: str = ""
    outcome: str = "ok"
    company_id: uuid.UUID | None = None
    address_prefix: str = ""
    facts: dict[str, object] = field(default_factory=dict)


def append_audit(session: Session, deed: Deed, *, now: datetime) -> AuditEntry:
    """Appends one row to the chain; the caller commits. Control characters cannot forge a second line."""
    # What is to be changed is locked before the log is: who changes the same and then writes here waits in one order.
    session.flush()
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    last = session.exec(select(AuditEntry.hash).order_by(AuditEntry.seq.desc()).limit(1)).first()  # type: ignore[union-attr]
    entry = AuditEntry(
        company_id=deed.company_id,
        at=now.astimezone(UTC),
        actor=_plain(deed.actor),
        action=_plain(deed.action),
        target=_plain(deed.target),
        outcome=deed.outcome,
        address_prefix=_plain(deed.address_prefix),
        facts=json.loads(json.dumps(deed.facts, default=str)),
        previous_hash=last or "",
    )
    entry.hash = entry_hash(entry)
    session.add(entry)
    session.flush()
    return entry


def entry_hash(entry: AuditEntry) -> str:
    """SHA-256 over the row and the hash before it, as hexadecimal."""
    told = [
        entry.previous_hash,
        str(entry.company_id or ""),
        entry.at.astimezone(UTC).isoformat(timespec="microseconds"),
        entry.actor,
        entry.action,
        entry.target,
        entry.outcome,
        entry.address_prefix,
        json.dumps(entry.facts, sort_keys=True, separators=(",", ":")),
    ]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()


def broken_link(session: Session) -> int | None:
    """The `seq` of the first row whose hash or link is wrong; None when the chain holds."""
    before = ""
    for entry in session.exec(select(AuditEntry).order_by(AuditEntry.seq)).yield_per(1000):  # type: ignore[arg-type]
        if entry.previous_hash != before or entry.hash != entry_hash(entry):
            return entry.seq
        before = entry.hash
    return None


def _plain(words: str) -> str:
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in words)[:500]
