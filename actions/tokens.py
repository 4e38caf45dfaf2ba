"""Bearer keys for programs: tokens from an e-mail and a password, good for an hour, and keys that an admin makes.

Both are shown once and kept hashed. A key acts for the admin who made it, within its scopes and that user's role now.
"""

import secrets
import uuid
from collections.abc import Collection
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from actions.sign_in import check_password
from actions.viewer import NotFound, Viewer, deed, require_admin
from domain.access import BY_NAME, held, scopes_of
from domain.text import clean_text
from store.engine import NOT_NOW, Urgency, reading, writing
from store.opening import Store
from store.tables import ApiKey
from store.writes import sessions
from store.writes.audit import Deed, append_audit

PREFIX = "sb_"
TOKEN_LIFE = timedelta(hours=1)
LONGEST_LIFE_DAYS = 730
LONGEST_NAME = 80
#: `used_at` is written at most this often: a request need not be a write.
USED_EVERY = timedelta(minutes=5)
_PURPOSE = "api-token"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who asks, the hash their budget of requests is kept under, and what they may do."""

    viewer: Viewer
    token_hash: str
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A new key. `key` is shown now and never again."""

    id: uuid.UUID
    key: str
    prefix: str


def make_token(store: Store, email: str, password: str, *, address: str, now: datetime) -> str:
    """A token for a user, with all that their role may do. Raises WrongCredentials or Throttled."""
    viewer = check_password(store, email, password, address=address, now=now)
    token = _new()
    with writing(store.engine, Urgency.EVENT) as session:
        key = ApiKey(
            company_id=viewer.company_id,
            user_id=viewer.user_id,
            kind="token",
            name="token",
            token_hash=_hash(store, token),
            prefix=_prefix(token),
            created_at=now,
            expires_at=now + TOKEN_LIFE,
        )
        session.add(key)
        session.flush()
        noted = Deed(viewer.email, "token.create", str(key.id), "ok", viewer.company_id, viewer.address_prefix)
        append_audit(session, noted, now=now)
    return token


def make_key(
    store: Store,
    viewer: Viewer,
    name: str,
    scopes: Collection[str],
    *,
    days: int | None = None,
    now: datetime,
) -> MadeKey:
    """A key with a name and scopes, good for `days` or until it is revoked.

    Raises NotAllowed, and ValueError for an empty name, unknown or no scopes, or days out of range.
    """
    require_admin(store, viewer, "key.create", now=now)
    name = clean_text(name, LONGEST_NAME)
    if not name:
        raise ValueError("Give the key a name that says what it is for.")
    if not scopes or not set(scopes) <= set(BY_NAME):
        raise ValueError("Choose what the key may do.")
    if days is not None and not 1 <= days <= LONGEST_LIFE_DAYS:
        raise ValueError(f"A key is good for 1 to {LONGEST_LIFE_DAYS} days, or until it is revoked.")
    secret = _new()
    chosen = " ".join(scope for scope in BY_NAME if scope in scopes)
    with writing(store.engine, Urgency.EVENT) as session:
        key = ApiKey(
            company_id=viewer.company_id,
            user_id=viewer.user_id,
            kind="key",
            name=name,
            token_hash=_hash(store, secret),
            prefix=_prefix(secret),
            scopes=chosen,
            created_at=now,
            expires_at=now + timedelta(days=days) if days is not None else None,
        )
        session.add(key)
        session.flush()
        append_audit(session, deed(viewer, "key.create", key.id, name=name, scopes=chosen), now=now)
    return MadeKey(key.id, secret, key.prefix)


def revoke_key(store: Store, viewer: Viewer, key_id: uuid.UUID, *, now: datetime) -> None:
    """Revoke a key of the company, whoever made it; at once. Raises NotAllowed and NotFound."""
    require_admin(store, viewer, "key.revoke", key_id, now=now)
    with writing(store.engine, Urgency.EVENT) as session:
        key = session.get(ApiKey, key_id)
        if key is None or key.company_id != viewer.company_id or key.kind != "key" or key.revoked_at is not None:
            raise NotFound("There is no such key.")
        key.revoked_at = now
        session.add(key)
        append_audit(session, deed(viewer, "key.revoke", key.id, name=key.name), now=now)


def find_bearer(store: Store, token: str, *, now: datetime, session: Session | None = None) -> Bearer | None:
    """Who a token or key speaks for; None when malformed, expired, revoked, or the user may not enter.

    Looked up in `session` where one is open anyway.
    """
    if not token.startswith(PREFIX) or not 20 <= len(token) <= 100:
        return None
    hashed = _hash(store, token)
    with nullcontext(session) if session is not None else reading(store.engine) as opened:
        found = sessions.find_key(opened, hashed, now=now)
    if found is None:
        return None
    if found.used_at is None or now - found.used_at > USED_EVERY:
        with suppress(*NOT_NOW), writing(store.engine, Urgency.EVENT) as session:
            sessions.touch_key(session, hashed, now=now)
    viewer = Viewer(found.user_id, found.company_id, found.role, found.name, found.email)
    if found.kind == "token":
        return Bearer(viewer, hashed, scopes_of(is_admin=viewer.is_admin))
    return Bearer(viewer, hashed, held(found.scopes.split(), is_admin=viewer.is_admin))


def _new() -> str:
    return PREFIX + secrets.token_urlsafe(32)


def _prefix(token: str) -> str:
    return token[: len(PREFIX) + 4]


def _hash(store: Store, token: str) -> str:
    return store.vault.digest(_PURPOSE, token)
