"""Signing in and out: the password's check, the one-time ticket, the session, and what slows guessing down."""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from actions.passwords import hash_password, needs_new_hash, verify_password
from actions.viewer import Viewer
from domain.addresses import truncate_address
from settings import Settings
from store.engine import NOT_NOW, Urgency, reading, writing
from store.opening import Store
from store.tables import SessionRow, SignInAttempt, SignInTicket, User
from store.writes import sessions
from store.writes.audit import Deed, append_audit

TICKET_LIFE = timedelta(minutes=1)
#: Wrong tries within the time below: for one e-mail from one address, and for any e-mails from one address.
WINDOW = timedelta(minutes=15)
TRIES_PER_PAIR = 10
TRIES_PER_ADDRESS = 100
_PURPOSE = "session-hmac"


class WrongCredentials(Exception):
    """The e-mail and the password do not match; which of them is wrong is not said."""


class Throttled(Exception):
    """Too many wrong tries from this address; `retry_after` says for how many seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"Too many tries. Wait {max(1, round(retry_after / 60))} minutes and try again.")
        self.retry_after = retry_after


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A live session: who it is, and the hash that names it."""

    viewer: Viewer
    token_hash: str
    expires_at: datetime


def normalise_email(email: str) -> str:
    """The spelling in which e-mails are kept and compared; "" for what can be nobody's."""
    plain = email.strip().casefold()
    return plain if plain.isprintable() and len(plain) <= 320 else ""


def check_password(store: Store, email: str, password: str, *, address: str, now: datetime) -> Viewer:
    """The user behind an e-mail and a password. Raises WrongCredentials or Throttled; the try is counted first.

    A wrong e-mail takes as long as a wrong password. Only tries from the same address are slowed down, so nobody can
    lock somebody else out.
    """
    email = normalise_email(email)
    email_hash = store.vault.digest(_PURPOSE, f"attempt:{email}")
    address_hash = store.vault.digest(_PURPOSE, f"address:{address}")
    with writing(store.engine, Urgency.EVENT) as session:
        retry_after = _seconds_to_wait(session, email_hash, address_hash, now)
        if not retry_after:
            session.add(SignInAttempt(email_hash=email_hash, address_hash=address_hash, at=now))
    if retry_after:
        raise Throttled(retry_after)
    with reading(store.engine) as session:
        user = session.exec(select(User).where(col(User.email) == email)).first()
    stored = user.password_hash if user is not None and user.is_active else ""
    is_right = verify_password(password, stored)
    fresh_hash = hash_password(password) if is_right and needs_new_hash(stored) else ""
    prefix = truncate_address(address)
    with writing(store.engine, Urgency.EVENT) as session:
        if user is None or not is_right:
            deed = Deed("unknown", "sign_in", outcome="denied", address_prefix=prefix)
            if user is not None:
                deed = Deed(user.email, "sign_in", str(user.id), "denied", user.company_id, prefix)
            append_audit(session, deed, now=now)
        else:
            sessions.forget_attempts(session, email_hash=email_hash, address_hash=address_hash)
            if fresh_hash:
                session.get_one(User, user.id).password_hash = fresh_hash
    if user is None or not is_right:
        raise WrongCredentials("That e-mail and password do not match.")
    return Viewer(user.id, user.company_id, user.role, user.name, user.email, prefix)


def _seconds_to_wait(session: Session, email_hash: str, address_hash: str, now: datetime) -> int:
    since = now - WINDOW
    for limit, email in ((TRIES_PER_PAIR, email_hash), (TRIES_PER_ADDRESS, "")):
        number, first = sessions.count_attempts(session, address_hash=address_hash, since=since, email_hash=email)
        if number >= limit and first is not None:
            return max(1, int((first + WINDOW - now).total_seconds()))
    return 0


def make_ticket(store: Store, viewer: Viewer, *, visit: str, now: datetime) -> str:
    """A one-time ticket that the browser holding the cookie `visit` can exchange for a session within a minute."""
    ticket = secrets.token_urlsafe(32)
    with writing(store.engine, Urgency.EVENT) as session:
        session.add(
            SignInTicket(
                ticket_hash=_ticket_hash(store, ticket, visit),
                company_id=viewer.company_id,
                user_id=viewer.user_id,
                expires_at=now + TICKET_LIFE,
            )
        )
    return ticket


def enter(store: Store, settings: Settings, ticket: str, *, visit: str, address: str, now: datetime) -> str | None:
    """Exchanges a ticket for a session and returns the cookie's value; None when the ticket is not good (any more)."""
    token = secrets.token_urlsafe(32)
    prefix = truncate_address(address)
    with writing(store.engine, Urgency.EVENT) as session:
        spent = sessions.use_ticket(session, _ticket_hash(store, ticket, visit), now=now) if visit else None
        user = session.get(User, spent.user_id) if spent else None
        if spent is None or user is None or not user.is_active:
            return None
        session.add(
            SessionRow(
                token_hash=token_hash(store, token),
                company_id=user.company_id,
                user_id=user.id,
                created_at=now,
                seen_at=now,
                expires_at=now + timedelta(hours=settings.session_hours),
                address_prefix=prefix,
            )
        )
        user.signed_in_at = now
        session.add(user)
        append_audit(session, Deed(user.email, "sign_in", str(user.id), "ok", user.company_id, prefix), now=now)
    return token


def token_hash(store: Store, token: str) -> str:
    """The hash under which a cookie's session is kept."""
    return store.vault.digest(_PURPOSE, f"session:{token}")


def find_signed_in(store: Store, settings: Settings, token: str, *, now: datetime) -> SignedIn | None:
    """The live session of a cookie's value; None for none. Notes a sign of life at most once a minute.

    Where the disk is full, or nobody lets go of the database, nothing is noted: what is stored can be looked at.
    """
    if not 20 <= len(token) <= 100:
        return None
    hashed = token_hash(store, token)
    idle = timedelta(minutes=settings.session_idle_minutes)
    with reading(store.engine) as session:
        found = sessions.find_session(session, hashed, now=now, idle=idle)
    if found is None:
        return None
    if now - found.seen_at > sessions.SEEN_EVERY:
        with suppress(*NOT_NOW), writing(store.engine, Urgency.EVENT) as session:
            sessions.touch_session(session, hashed, now=now)
    viewer = Viewer(found.user_id, found.company_id, found.role, found.name, found.email, found.address_prefix)
    return SignedIn(viewer, hashed, found.expires_at)


def leave(store: Store, settings: Settings, token: str, *, now: datetime) -> bool:
    """Ends the session of a cookie's value; False when there was none."""
    signed_in = find_signed_in(store, settings, token, now=now)
    if signed_in is None:
        return False
    viewer = signed_in.viewer
    with writing(store.engine, Urgency.EVENT) as session:
        sessions.end_session(session, signed_in.token_hash, now=now)
        deed = Deed(viewer.email, "sign_out", str(viewer.user_id), "ok", viewer.company_id, viewer.address_prefix)
        append_audit(session, deed, now=now)
    return True


def _ticket_hash(store: Store, ticket: str, visit: str) -> str:
    return store.vault.digest(_PURPOSE, f"ticket:{ticket}.{visit}")
