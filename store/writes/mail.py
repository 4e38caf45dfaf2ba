"""The outbox of messages to people and their systems: written with what caused them, sent once. The caller commits."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from store.engine import is_sqlite
from store.tables import Mail
from store.tables.columns import new_id
from store.vault import Vault

#: Longer than one try may take.
HOLD = timedelta(minutes=3)
_NEXT = col(Mail.next_attempt_at)


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one recipient. `key` makes a repeat harmless; `body` is what its channel sends."""

    company_id: uuid.UUID
    kind: str
    channel: str
    key: str
    recipient: str
    subject: str
    body: Mapping[str, object]
    related_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A message that this worker holds, opened."""

    id: uuid.UUID
    channel: str
    kind: str
    recipient: str
    subject: str
    body: dict[str, object]
    attempts: int


def post(session: Session, vault: Vault, message: Message, *, now: datetime) -> bool:
    """Put a message into the outbox; whether it was not there yet."""
    mail_id = new_id()
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    row = {
        "id": mail_id,
        "company_id": message.company_id,
        "kind": message.kind,
        "channel": message.channel,
        "idempotency_key": message.key,
        "recipient": vault.seal("mail_outbox", mail_id, "recipient", message.recipient),
        "recipient_index": vault.digest("email-bidx", message.recipient),
        "subject": message.subject[:200],
        "body": vault.seal("mail_outbox", mail_id, "body", json.dumps(dict(message.body))),
        "related_id": message.related_id,
        "state": "waiting",
        "next_attempt_at": now,
        "created_at": now,
    }
    empty = {"cause_code": "", "detail": "", "attempts": 0, "holder": ""}
    done = session.execute(insert(Mail).values(**row, **empty).on_conflict_do_nothing().returning(col(Mail.id)))
    return done.first() is not None


def take_due(session: Session, vault: Vault, holder: str, *, now: datetime) -> Due | None:
    """Hold the message that has waited longest; None when none is due.

    One whose holder died before sending is taken again. One whose holder died while sending may have arrived: it
    becomes `unknown`, and nobody sends it again.
    """
    free = or_(col(Mail.holder) == "", col(Mail.held_until) <= now)
    session.execute(
        update(Mail)
        .where(col(Mail.state) == "sending", col(Mail.held_until) <= now)
        .values(state="unknown", cause_code="no_worker", holder="", held_until=None)
    )
    oldest = (
        select(Mail.id).where(col(Mail.state) == "waiting", now >= _NEXT, free).order_by(_NEXT, col(Mail.id)).limit(1)
    )
    mail_id = session.exec(oldest if is_sqlite(session) else oldest.with_for_update(skip_locked=True)).first()
    if mail_id is None:
        return None
    session.execute(
        update(Mail)
        .where(col(Mail.id) == mail_id)
        .values(holder=holder, held_until=now + HOLD, attempts=col(Mail.attempts) + 1)
    )
    row = session.get_one(Mail, mail_id, populate_existing=True)
    recipient = vault.open("mail_outbox", mail_id, "recipient", row.recipient)
    body = json.loads(vault.open("mail_outbox", mail_id, "body", row.body))
    return Due(mail_id, row.channel, row.kind, recipient, row.subject, body, row.attempts)


def note(session: Session, mail_id: uuid.UUID, holder: str, values: Mapping[str, object]) -> bool:
    """Write what became of a held message; False when somebody else holds it by now."""
    done = session.execute(
        update(Mail).where(col(Mail.id) == mail_id, col(Mail.holder) == holder).values(**values),
        execution_options={"synchronize_session": False},
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]
