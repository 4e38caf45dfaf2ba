"""Sign-in rows: sessions, tickets, set-up links, failed attempts and bearer keys. The caller commits."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, bindparam, delete, func, update
from sqlalchemy import select as columns_of
from sqlmodel import Session, col, select

from store.tables import ApiKey, SessionRow, SetupLink, SignInAttempt, SignInTicket, User

#: `seen_at` is written at most this often: a click need not be a write.
SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class LiveSession:
    """A session that has not ended, with the user as the table has them now."""

    token_hash: str
    user_id: uuid.UUID
    company_id: uuid.UUID
    role: str
    name: str
    email: str
    seen_at: datetime
    expires_at: datetime
    address_prefix: str


@dataclass(frozen=True, slots=True)
class LiveKey:
    """A bearer key that is good now, with the user it acts for as the table has them now."""

    kind: str
    scopes: str
    used_at: datetime | None
    user_id: uuid.UUID
    company_id: uuid.UUID
    role: str
    name: str
    email: str


def _changed(session: Session, statement: Any) -> int:
    result = session.connection().execute(statement)
    return result.rowcount if isinstance(result, CursorResult) else 0


def find_session(session: Session, token_hash: str, *, now: datetime, idle: timedelta) -> LiveSession | None:
    """The live session behind a hash; None when ended, expired, idle too long, or the user may not enter."""
    row = session.exec(
        select(SessionRow, User)
        .join(User, col(User.id) == col(SessionRow.user_id))
        .where(
            col(SessionRow.token_hash) == token_hash,
            col(SessionRow.ended_at).is_(None),
            col(SessionRow.expires_at) > now,
            col(SessionRow.seen_at) > now - idle,
            col(User.is_active).is_(True),
        )
    ).first()
    if row is None:
        return None
    found, user = row
    return LiveSession(
        token_hash=found.token_hash,
        user_id=user.id,
        company_id=user.company_id,
        role=user.role,
        name=user.name,
        email=user.email,
        seen_at=found.seen_at,
        expires_at=found.expires_at,
        address_prefix=found.address_prefix,
    )


def touch_session(session: Session, token_hash: str, *, now: datetime) -> None:
    """Notes a sign of life; the idle time starts again."""
    _changed(session, update(SessionRow).where(col(SessionRow.token_hash) == token_hash).values(seen_at=now))


def end_session(session: Session, token_hash: str, *, now: datetime) -> int:
    """Ends one session; 0 when it had ended."""
    return _changed(
        session,
        update(SessionRow)
        .where(col(SessionRow.token_hash) == token_hash, col(SessionRow.ended_at).is_(None))
        .values(ended_at=now),
    )


def end_sessions_of(session: Session, user_id: uuid.UUID, *, now: datetime, spare: str = "") -> int:
    """Ends all sessions and revokes all short-lived tokens of a user, `spare` excepted; returns the sessions ended."""
    _changed(
        session,
        update(ApiKey)
        .where(col(ApiKey.user_id) == user_id, col(ApiKey.kind) == "token", col(ApiKey.revoked_at).is_(None))
        .values(revoked_at=now),
    )
    return _changed(
        session,
        update(SessionRow)
        .where(
            col(SessionRow.user_id) == user_id,
            col(SessionRow.ended_at).is_(None),
            col(SessionRow.token_hash) != spare,
        )
        .values(ended_at=now),
    )


def use_ticket(session: Session, ticket_hash: str, *, now: datetime) -> SignInTicket | None:
    """Spends a ticket; None when it does not exist, is spent, or too old. Of two at once exactly one gets it."""
    spent = _changed(
        session,
        update(SignInTicket)
        .where(
            col(SignInTicket.ticket_hash) == ticket_hash,
            col(SignInTicket.used_at).is_(None),
            col(SignInTicket.expires_at) > now,
        )
        .values(used_at=now),
    )
    return session.get(SignInTicket, ticket_hash) if spent else None


def use_setup_link(session: Session, token_hash: str, *, now: datetime) -> bool:
    """Spends a set-up link; False when it does not exist, is spent, or too old."""
    return bool(
        _changed(
            session,
            update(SetupLink)
            .where(
                col(SetupLink.token_hash) == token_hash,
                col(SetupLink.used_at).is_(None),
                col(SetupLink.expires_at) > now,
            )
            .values(used_at=now),
        )
    )


def has_setup_link(session: Session, token_hash: str, *, now: datetime) -> bool:
    """Whether a set-up link can still be used."""
    link = session.get(SetupLink, token_hash)
    return link is not None and link.used_at is None and link.expires_at > now


def count_attempts(
    session: Session, *, address_hash: str, since: datetime, email_hash: str = ""
) -> tuple[int, datetime | None]:
    """Failed tries since an instant from an address (for one e-mail when given), and the first one's instant."""
    statement = select(func.count(), func.min(SignInAttempt.at)).where(
        col(SignInAttempt.address_hash) == address_hash, col(SignInAttempt.at) > since
    )
    if email_hash:
        statement = statement.where(col(SignInAttempt.email_hash) == email_hash)
    number, first = session.exec(statement).one()
    return int(number), first


def forget_attempts(session: Session, *, email_hash: str, address_hash: str) -> None:
    """Deletes the failed tries of a pair: the right password was given."""
    _changed(
        session,
        delete(SignInAttempt).where(
            col(SignInAttempt.email_hash) == email_hash, col(SignInAttempt.address_hash) == address_hash
        ),
    )


def find_key(session: Session, token_hash: str, *, now: datetime) -> LiveKey | None:
    """The bearer key behind a hash with its user; None when expired, revoked, or the user may not enter."""
    row = session.connection().execute(_LIVE_KEY, {"token_hash": token_hash}).first()
    if row is None or (row.expires_at is not None and row.expires_at <= now):
        return None
    return LiveKey(*row[:-1])


def touch_key(session: Session, token_hash: str, *, now: datetime) -> None:
    """Notes that a key was used."""
    _changed(session, update(ApiKey).where(col(ApiKey.token_hash) == token_hash).values(used_at=now))


#: Asked with every request: plain columns, compiled once.
_LIVE_KEY = (
    columns_of(
        col(ApiKey.kind),
        col(ApiKey.scopes),
        col(ApiKey.used_at),
        col(User.id),
        col(User.company_id),
        col(User.role),
        col(User.name),
        col(User.email),
        col(ApiKey.expires_at),
    )
    .join(User, col(User.id) == col(ApiKey.user_id))
    .where(
        col(ApiKey.token_hash) == bindparam("token_hash"),
        col(ApiKey.revoked_at).is_(None),
        col(User.is_active).is_(True),
    )
)
