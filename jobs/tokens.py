"""One connection's token, shared by all processes: refreshed by one at a time, saved before anybody uses it."""

import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import or_, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col

from connectors.contract import Token
from connectors.errors import AuthExpired, ConfigError, Transient
from jobs.lease import database_now
from store.engine import is_sqlite, reading, run_writing
from store.opening import Store
from store.tables import PlatformConfig, PlatformToken

#: Longer than the client's total deadline for a token call, so that a slow refresh is not begun twice.
HOLD_SECONDS = 60
#: A token is renewed this long before its end, so that it does not expire on the way.
EARLY = timedelta(seconds=60)
POLL_SECONDS = 0.05
PATIENCE_SECONDS = 75.0
#: Refusals that last until a person acts. Others (a certificate, a name that leads elsewhere) may pass by themselves.
_FINAL = frozenset({"key_invalid", "auth_expired", "auth_revoked", "no_permission", "account_unknown"})


@dataclass(frozen=True, slots=True)
class _Stored:
    token: Token | None
    version: int
    refused_cause: str


class StoredTokens:
    """TokenCache over `platform_tokens`. A refused refresh is remembered until the credentials change, so that a
    revoked connection never hammers the platform's token address."""

    def __init__(self, store: Store, config: PlatformConfig, *, pause: Callable[[float], None] = time.sleep) -> None:
        self._store, self._config_id, self._company_id = store, config.id, config.company_id
        self._pause = pause
        self._me = uuid.uuid4().hex

    def current(self) -> Token | None:
        """The stored token if it is good for another minute. Raises AuthExpired when the platform has refused us."""
        stored = self._read()
        self._stop_if_refused(stored)
        return stored.token if stored.token and _is_good(stored.token) else None

    def renew(self, used: str, fetch: Callable[[Token | None], Token]) -> Token:
        """A good token other than `used`: what another process saved meanwhile, or what `fetch(stored)` brings."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            stored = self._read()
            self._stop_if_refused(stored)
            if stored.token and stored.token.access_token != used and _is_good(stored.token):
                return stored.token
            if self._take_hold(stored.version):
                return self._fetch(stored, fetch)
            if time.monotonic() > deadline:
                raise Transient("another process is renewing the token and does not finish", cause="timeout")
            self._pause(POLL_SECONDS)

    def _fetch(self, stored: _Stored, fetch: Callable[[Token | None], Token]) -> Token:
        try:
            token = fetch(stored.token)
        except (AuthExpired, ConfigError) as error:
            # Someone may have rotated the token a moment before: what counts is what is stored now.
            latest = self._read()
            if latest.version != stored.version and latest.token and _is_good(latest.token):
                return latest.token
            self._let_go(refused_cause=error.cause if error.cause in _FINAL else "")
            raise
        except BaseException:
            self._let_go()
            raise
        return self._save(token, stored)

    def _save(self, token: Token, stored: _Stored) -> Token:
        if not token.refresh_token and stored.token:
            # No new refresh token came with it: the old one stays good.
            token = Token(token.access_token, token.expires_at, stored.token.refresh_token)
        document = {
            "access_token": token.access_token,
            "refresh_token": token.refresh_token,
            "expires_at": token.expires_at.astimezone(UTC).isoformat(),
        }
        sealed = self._store.vault.seal("platform_tokens", self._config_id, "token", json.dumps(document))

        def transaction(session: Session) -> None:
            session.execute(
                update(PlatformToken)
                .where(col(PlatformToken.config_id) == self._config_id)
                .values(
                    token=sealed,
                    expires_at=token.expires_at,
                    version=col(PlatformToken.version) + 1,
                    holder="",
                    held_until=None,
                    refused_cause="",
                ),
                execution_options={"synchronize_session": False},
            )

        run_writing(self._store.engine, transaction)
        return token

    def _read(self) -> _Stored:
        with reading(self._store.engine) as session:
            row = session.get(PlatformToken, self._config_id)
        if row is None:
            return _Stored(None, 0, "")
        token = None
        if row.token:
            document = json.loads(self._store.vault.open("platform_tokens", self._config_id, "token", row.token))
            expires_at = datetime.fromisoformat(document["expires_at"])
            token = Token(document["access_token"], expires_at, document["refresh_token"])
        return _Stored(token, row.version, row.refused_cause)

    def _stop_if_refused(self, stored: _Stored) -> None:
        if stored.refused_cause:
            raise AuthExpired(
                "The platform refused the sign-in before; it is not asked again.", cause=stored.refused_cause
            )

    def _take_hold(self, version: int) -> bool:
        insert = sqlite.insert if is_sqlite(self._store.engine) else postgresql.insert

        def transaction(session: Session) -> bool:
            session.execute(
                insert(PlatformToken)
                .values(
                    config_id=self._config_id,
                    company_id=self._company_id,
                    token="",
                    version=0,
                    holder="",
                    refused_cause="",
                )
                .on_conflict_do_nothing(index_elements=["config_id"])
            )
            taken = session.execute(
                update(PlatformToken)
                .where(
                    col(PlatformToken.config_id) == self._config_id,
                    col(PlatformToken.version) == version,
                    col(PlatformToken.refused_cause) == "",
                    or_(
                        col(PlatformToken.holder) == "",
                        col(PlatformToken.held_until).is_(None),
                        col(PlatformToken.held_until) <= database_now(),
                    ),
                )
                .values(holder=self._me, held_until=database_now(HOLD_SECONDS))
                .returning(col(PlatformToken.config_id)),
                execution_options={"synchronize_session": False},
            )
            return taken.first() is not None

        return run_writing(self._store.engine, transaction)

    def _let_go(self, refused_cause: str = "") -> None:
        def transaction(session: Session) -> None:
            session.execute(
                update(PlatformToken)
                .where(col(PlatformToken.config_id) == self._config_id, col(PlatformToken.holder) == self._me)
                .values(holder="", held_until=None, refused_cause=refused_cause),
                execution_options={"synchronize_session": False},
            )

        run_writing(self._store.engine, transaction)


def _is_good(token: Token) -> bool:
    return token.expires_at - EARLY > datetime.now(UTC)
