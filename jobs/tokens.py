"""One connection's token, shared by all processes: refreshed by one at a time, saved before anybody uses it."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
from store.vault import KeyMissing, VaultError
from store.writes.credentials import open_secrets, open_token, seal_token

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
        self._store, self._config = store, config
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
        sealed = seal_token(self._store.vault, self._config.id, document)

        def transaction(session: Session) -> None:
            if not self._is_unchanged(session):
                return
            session.execute(
                update(PlatformToken)
                .where(col(PlatformToken.config_id) == self._config.id)
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
            row = session.get(PlatformToken, self._config.id)
        if row is None:
            return _Stored(None, 0, "")
        token = None
        if row.token:
            with naming_vault_errors():
                document = open_token(self._store.vault, self._config.id, row.token)
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
            if not self._is_unchanged(session):
                raise Transient("The connection was changed meanwhile.", cause="lost_lease")
            session.execute(
                insert(PlatformToken)
                .values(
                    config_id=self._config.id,
                    company_id=self._config.company_id,
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
                    col(PlatformToken.config_id) == self._config.id,
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

    def _is_unchanged(self, session: Session) -> bool:
        """Whether the connection still has the form that this token is asked for with. Another key's envelope is not
        another form."""
        now, mine = session.get(PlatformConfig, self._config.id), self._config
        if now is None or now.settings != mine.settings:
            return False
        if now.credentials == mine.credentials:
            return True
        with naming_vault_errors():
            return open_secrets(self._store.vault, now) == open_secrets(self._store.vault, mine)

    def _let_go(self, refused_cause: str = "") -> None:
        def transaction(session: Session) -> None:
            session.execute(
                update(PlatformToken)
                .where(col(PlatformToken.config_id) == self._config.id, col(PlatformToken.holder) == self._me)
                .values(holder="", held_until=None, refused_cause=refused_cause),
                execution_options={"synchronize_session": False},
            )

        run_writing(self._store.engine, transaction)


@contextmanager
def naming_vault_errors() -> Iterator[None]:
    """What cannot be opened is the connection's trouble, with a cure, and not the database's."""
    try:
        yield
    except KeyMissing as error:
        raise ConfigError(str(error), cause="key_missing") from error
    except VaultError as error:
        raise ConfigError(str(error), cause="key_invalid") from error


def _is_good(token: Token) -> bool:
    return token.expires_at - EARLY > datetime.now(UTC)
