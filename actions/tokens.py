"""Bearer tokens for programs: made from an e-mail and a password, shown once, kept hashed, good for an hour."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from actions.sign_in import check_password
from actions.viewer import Viewer
from store.engine import Urgency, reading, writing
from store.opening import Store
from store.tables import ApiKey
from store.writes import sessions
from store.writes.audit import Deed, append_audit

PREFIX = "sb_"
TOKEN_LIFE = timedelta(hours=1)
_PURPOSE = "api-token"


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who a bearer token speaks for, and the hash its budget of requests is kept under."""

    viewer: Viewer
    token_hash: str


def make_token(store: Store, email: str, password: str, *, address: str, now: datetime) -> str:
    """A token for a user. Raises WrongCredentials or Throttled."""
    viewer = check_password(store, email, password, address=address, now=now)
    token = PREFIX + secrets.token_urlsafe(32)
    with writing(store.engine, Urgency.EVENT) as session:
        key = ApiKey(
            company_id=viewer.company_id,
            user_id=viewer.user_id,
            kind="token",
            name="token",
            token_hash=_hash(store, token),
            prefix=token[: len(PREFIX) + 4],
            created_at=now,
            expires_at=now + TOKEN_LIFE,
        )
        session.add(key)
        session.flush()
        deed = Deed(viewer.email, "token.create", str(key.id), "ok", viewer.company_id, viewer.address_prefix)
        append_audit(session, deed, now=now)
    return token


def find_bearer(store: Store, token: str, *, now: datetime) -> Bearer | None:
    """Who a token speaks for; None when malformed, expired, revoked, or the user may not enter."""
    if not token.startswith(PREFIX) or not 20 <= len(token) <= 100:
        return None
    hashed = _hash(store, token)
    with reading(store.engine) as session:
        found = sessions.find_key(session, hashed, now=now)
    if found is None:
        return None
    _, user = found
    return Bearer(Viewer(user.id, user.company_id, user.role, user.name, user.email), hashed)


def _hash(store: Store, token: str) -> str:
    return store.vault.digest(_PURPOSE, token)
