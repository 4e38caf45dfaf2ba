"""The outbox of messages to people and their systems: written with what caused them, sent once. The caller commits."""

import json
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, func, not_, or_, text, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from store.engine import is_sqlite
from store.tables import Mail
from store.tables.columns import new_id
from store.vault import Vault, VaultError
from store.writes.mail_wanted import why_unwanted

#: Longer than one try may take.
HOLD = timedelta(minutes=3)
MINUTE = timedelta(minutes=1)
#: How long a message waits whose key is missing.
UNREADABLE = timedelta(hours=1)
#: Messages found not to be wanted any more that one look for the next one passes by.
_MOST_PASSED = 200
_LOCK = 0x4D61696C
_NEXT = col(Mail.next_attempt_at)
#: What the rate is for. Alerts are few, and the less of use the longer they wait.
_PACED = and_(col(Mail.channel) == "email", col(Mail.kind) != "alert")


@dataclass(frozen=True, slots=True)
class Message:
    """One message to one recipient. `key` makes a repeat harmless; `body` is what its channel sends.

    `subject` stands open in the outbox; a mail's `body` may hold another one, with names in it.
    """

    company_id: uuid.UUID
    kind: str
    channel: str
    key: str
    recipient: str
    subject: str
    body: Mapping[str, object]
    related_id: uuid.UUID | None = None
    asked_by: str = ""


@dataclass(frozen=True, slots=True)
class Due:
    """A message that this worker holds, opened."""

    id: uuid.UUID
    company_id: uuid.UUID
    channel: str
    kind: str
    recipient: str
    subject: str
    body: dict[str, object]
    attempts: int
    related_id: uuid.UUID | None = None


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
        "asked_by": message.asked_by[:320],
        "state": "waiting",
        "next_attempt_at": now,
        "created_at": now,
    }
    empty = {"cause_code": "", "detail": "", "attempts": 0, "holder": ""}
    done = session.execute(insert(Mail).values(**row, **empty).on_conflict_do_nothing().returning(col(Mail.id)))
    return done.first() is not None


def has_due(session: Session, *, now: datetime) -> bool:
    """Whether a message waits whose time has come, or one is being sent by nobody any more."""
    due = or_(
        and_(col(Mail.state) == "waiting", now >= _NEXT),
        and_(col(Mail.state) == "sending", col(Mail.held_until) <= now),
    )
    return (
        session.exec(select(Mail.id).where(col(Mail.state).in_(("waiting", "sending")), due).limit(1)).first()
        is not None
    )


def take_due(session: Session, vault: Vault, holder: str, *, now: datetime, per_minute: int = 0) -> Due | None:
    """Hold the message that has waited longest; None when none is due.

    One whose holder died before sending is taken again. One whose holder died while sending may have arrived: it
    becomes `unknown`, and nobody sends it again. Of mails that are no alerts at most `per_minute` (0: any number) are
    taken up within a minute, by all workers together. What is wanted no longer is marked so and passed by.
    """
    if not is_sqlite(session):
        # One taker at a time: two could each count the other's message out.
        session.connection().execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
    session.execute(
        update(Mail)
        .where(col(Mail.state) == "sending", col(Mail.held_until) <= now)
        .values(state="unknown", cause_code="no_worker", holder="", held_until=None)
    )
    is_spent = bool(per_minute) and _count_taken(session, now) >= per_minute
    for _ in range(_MOST_PASSED):
        row = _oldest(session, now, is_spent=is_spent)
        if row is None:
            return None
        try:
            recipient = vault.open("mail_outbox", row.id, "recipient", row.recipient)
            cause = why_unwanted(session, vault, row, recipient, now=now)
            if cause:
                _drop(session, row.id, cause)
            elif (due := _held(session, vault, row, (recipient, holder), now)) is not None:
                return due
        except VaultError:
            # The others can be read: this one waits until somebody brings its key back.
            _set(session, row.id, {"cause_code": "key_missing", "next_attempt_at": now + UNREADABLE})
    return None


def begin_sending(session: Session, vault: Vault, due: Due, holder: str, *, now: datetime) -> bool:
    """Write down that from now on a held message may arrive. False: it must not be sent, because somebody else holds it
    by now, or because it is wanted no longer, which is then its end."""
    row = session.get(Mail, due.id, populate_existing=True)
    if row is None or row.holder != holder or row.state != "waiting":
        return False
    cause = why_unwanted(session, vault, row, due.recipient, now=now)
    if cause:
        _drop(session, row.id, cause)
        return False
    return note(session, due.id, holder, {"state": "sending", "held_until": now + HOLD})


def note(session: Session, mail_id: uuid.UUID, holder: str, values: Mapping[str, object]) -> bool:
    """Write what became of a held message; False when somebody else holds it by now."""
    done = session.execute(
        update(Mail).where(col(Mail.id) == mail_id, col(Mail.holder) == holder).values(**values),
        execution_options={"synchronize_session": False},
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]


def settle_by_hand(
    session: Session, company_id: uuid.UUID, mail_id: uuid.UUID, values: Mapping[str, object], states: Collection[str]
) -> bool:
    """Write what a person decided about a message in one of `states`; False where it is in another, or not theirs."""
    done = session.execute(
        update(Mail)
        .where(col(Mail.id) == mail_id, col(Mail.company_id) == company_id, col(Mail.state).in_(sorted(states)))
        .values(**values),
        execution_options={"synchronize_session": False},
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]


def _count_taken(session: Session, now: datetime) -> int:
    taken = select(func.count()).select_from(Mail).where(col(Mail.tried_at) > now - MINUTE, _PACED)
    return session.exec(taken).one()


def _oldest(session: Session, now: datetime, *, is_spent: bool) -> Mail | None:
    free = or_(col(Mail.holder) == "", col(Mail.held_until) <= now)
    due = select(Mail).where(col(Mail.state) == "waiting", now >= _NEXT, free)
    due = (due.where(not_(_PACED)) if is_spent else due).order_by(_NEXT, col(Mail.id)).limit(1)
    return session.exec(due, execution_options={"populate_existing": True}).first()


def _held(session: Session, vault: Vault, row: Mail, told: tuple[str, str], now: datetime) -> Due | None:
    """The message, now held; None where somebody stopped it meanwhile."""
    recipient, holder = told
    body = json.loads(vault.open("mail_outbox", row.id, "body", row.body))
    attempts = row.attempts + 1
    held = {"holder": holder, "held_until": now + HOLD, "attempts": attempts, "tried_at": now}
    if not _set(session, row.id, held):
        return None
    return Due(row.id, row.company_id, row.channel, row.kind, recipient, row.subject, body, attempts, row.related_id)


def _drop(session: Session, mail_id: uuid.UUID, cause: str) -> None:
    _set(
        session,
        mail_id,
        {"state": "refused", "cause_code": cause, "holder": "", "held_until": None, "next_attempt_at": None},
    )


def _set(session: Session, mail_id: uuid.UUID, values: Mapping[str, object]) -> bool:
    done = session.execute(
        update(Mail).where(col(Mail.id) == mail_id, col(Mail.state) == "waiting").values(**values),
        execution_options={"synchronize_session": False},
    )
    return bool(done.rowcount)  # type: ignore[attr-defined]
