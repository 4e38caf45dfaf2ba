"""POSTs that may be sent twice: the answer to an Idempotency-Key is kept a day, and a repeat gets the same one."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError
from sqlmodel import col

from actions.viewer import Viewer
from store.engine import Urgency
from store.opening import Store
from store.tables import IdempotentRequest

KEPT = timedelta(days=1)
#: After this long without an answer the process that began is taken for dead.
UNDER_WAY = timedelta(minutes=2)
_PURPOSE = "idempotency"
_WAIT = "The first request with this Idempotency-Key is still under way."


class KeyReused(Exception):
    """The key was used for another request."""


class StillUnderWay(Exception):
    """The first request with this key has not been answered yet."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """The answer that was given the first time."""

    status: int
    body: str


def begin(store: Store, viewer: Viewer, key: str, request: str, *, now: datetime) -> Repeat | None:
    """Claim `key` for a request (its route and body as text); None for the first, its answer for a repeat.

    Keys of different users do not meet. Raises KeyReused and StillUnderWay.
    """
    try:
        return _claim(store, viewer, _hashes(store, viewer, key, request), now)
    except IntegrityError:
        # Of two at the same instant one was the first.
        raise StillUnderWay(_WAIT) from None


def _claim(store: Store, viewer: Viewer, hashes: tuple[str, str], now: datetime) -> Repeat | None:
    key_hash, request_hash = hashes
    with store.writing(Urgency.EVENT) as session:
        of_company = col(IdempotentRequest.company_id) == viewer.company_id
        session.connection().execute(
            delete(IdempotentRequest).where(of_company, col(IdempotentRequest.made_at) < now - KEPT)
        )
        found = session.get(IdempotentRequest, (viewer.company_id, key_hash), with_for_update=True)
        if found is None:
            made = IdempotentRequest(
                company_id=viewer.company_id, key_hash=key_hash, request_hash=request_hash, made_at=now
            )
            session.add(made)
            return None
        if found.request_hash != request_hash:
            raise KeyReused("This Idempotency-Key was used for another request.")
        if found.status is not None:
            return Repeat(found.status, found.body)
        if now - found.made_at < UNDER_WAY:
            raise StillUnderWay(_WAIT)
        found.made_at = now
        session.add(found)
        return None


def finish(store: Store, viewer: Viewer, key: str, answer: Repeat) -> None:
    """Keep the answer for repeats."""
    key_hash, _ = _hashes(store, viewer, key, "")
    with store.writing(Urgency.EVENT) as session:
        found = session.get(IdempotentRequest, (viewer.company_id, key_hash))
        if found is not None:
            found.status, found.body = answer.status, answer.body
            session.add(found)


def forget(store: Store, viewer: Viewer, key: str) -> None:
    """Give the key free: the request failed on our side and may be tried again."""
    key_hash, _ = _hashes(store, viewer, key, "")
    with store.writing(Urgency.EVENT) as session:
        session.connection().execute(
            delete(IdempotentRequest).where(
                col(IdempotentRequest.company_id) == viewer.company_id, col(IdempotentRequest.key_hash) == key_hash
            )
        )


def _hashes(store: Store, viewer: Viewer, key: str, request: str) -> tuple[str, str]:
    return (
        store.vault.digest(_PURPOSE, f"{viewer.user_id}:{key}"),
        store.vault.digest(_PURPOSE, request),
    )
