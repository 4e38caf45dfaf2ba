"""One token for all: refreshed once, kept sealed, and never asked for again when the platform refused."""

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlmodel import update

from connectors.contract import Token
from connectors.errors import AuthExpired, ConfigError, Transient
from jobs.tokens import StoredTokens
from store.engine import open_engine, reading
from store.keyring import Keyring
from store.opening import Store
from store.tables import PlatformConfig, PlatformToken
from store.vault import Vault
from store.writes.credentials import forget_token, seal_secrets
from tests.conftest import TEST_KEYS
from tests.jobs.paced import PacedServer
from tests.waiting import answers_of


def token_for(name: str, seconds: float = 3600, refresh: str = "") -> Token:
    return Token(name, datetime.now(UTC) + timedelta(seconds=seconds), refresh)


def fetch_from(port: int) -> Callable[[Token | None], Token]:
    def fetch(stored: Token | None) -> Token:
        refresh = stored.refresh_token if stored else "first"
        answer = httpx.post(f"http://127.0.0.1:{port}/token", data={"refresh": refresh}, timeout=60, trust_env=False)
        if answer.status_code == 400:
            raise AuthExpired("invalid_grant", cause="auth_revoked")
        told = answer.json()
        return token_for(told["access"], told["seconds"], told["refresh"])

    return fetch


def test_a_token_is_saved_before_it_is_used(store: Store, config: PlatformConfig) -> None:
    tokens = StoredTokens(store, config)
    assert tokens.current() is None
    assert tokens.renew("", lambda _: token_for("one", refresh="r1")).access_token == "one"
    kept = StoredTokens(store, config).current()
    assert kept is not None
    assert (kept.access_token, kept.refresh_token) == ("one", "r1")


def test_a_token_lies_sealed_in_the_database(store: Store, config: PlatformConfig) -> None:
    StoredTokens(store, config).renew("", lambda _: token_for("very-secret", refresh="also-secret"))
    with store.reading() as session:
        row = session.get_one(PlatformToken, config.id)
    assert row.token.startswith("v1.k1.")
    assert "secret" not in repr(row)


def test_a_token_about_to_expire_is_not_used(store: Store, config: PlatformConfig) -> None:
    tokens = StoredTokens(store, config)
    tokens.renew("", lambda _: token_for("short", seconds=59))
    assert tokens.current() is None


def test_a_renewal_hands_on_the_rotated_refresh_token(store: Store, config: PlatformConfig) -> None:
    tokens = StoredTokens(store, config)
    tokens.renew("", lambda _: token_for("one", refresh="r1"))
    seen: list[str] = []

    def fetch(stored: Token | None) -> Token:
        assert stored is not None
        seen.append(stored.refresh_token)
        return token_for("two")

    renewed = tokens.renew("one", fetch)
    assert seen == ["r1"]
    assert (renewed.access_token, renewed.refresh_token) == ("two", "r1")


def test_a_refusal_is_remembered_until_the_credentials_change(store: Store, config: PlatformConfig) -> None:
    calls: list[int] = []

    def refuse(_: Token | None) -> Token:
        calls.append(1)
        raise AuthExpired("invalid_grant", cause="auth_revoked")

    tokens = StoredTokens(store, config)
    for _ in range(3):
        with pytest.raises(AuthExpired) as refused:
            tokens.renew("", refuse)
        assert refused.value.cause == "auth_revoked"
    with pytest.raises(AuthExpired):
        tokens.current()
    assert len(calls) == 1
    with store.writing() as session:
        forget_token(session, config.id)
    assert tokens.renew("", lambda _: token_for("new")).access_token == "new"


def test_a_passing_failure_lets_the_next_one_try(store: Store, config: PlatformConfig) -> None:
    def break_off(_: Token | None) -> Token:
        raise Transient("no answer", cause="timeout")

    tokens = StoredTokens(store, config)
    with pytest.raises(Transient):
        tokens.renew("", break_off)
    assert tokens.renew("", lambda _: token_for("one")).access_token == "one"


def test_a_refusal_that_may_pass_by_itself_is_not_remembered(store: Store, config: PlatformConfig) -> None:
    tokens = StoredTokens(store, config)

    def behind_a_proxy(_stored: Token | None) -> Token:
        raise ConfigError("the certificate is another's", cause="tls")

    with pytest.raises(ConfigError):
        tokens.renew("", behind_a_proxy)
    assert tokens.renew("", lambda _stored: token_for("fresh")).access_token == "fresh"


def test_a_refusal_counts_only_if_nobody_saved_a_newer_token(store: Store, config: PlatformConfig) -> None:
    tokens = StoredTokens(store, config)
    tokens.renew("", lambda _: token_for("old", refresh="r1"))

    def overtaken(_: Token | None) -> Token:
        # Another process, whose hold ran out on us, has rotated the refresh token meanwhile.
        with store.writing() as session:
            session.execute(update(PlatformToken).values(holder="", held_until=None))
        StoredTokens(store, config).renew("old", lambda _: token_for("newer", refresh="r2"))
        raise AuthExpired("invalid_grant", cause="auth_revoked")

    assert tokens.renew("old", overtaken).access_token == "newer"
    assert StoredTokens(store, config).current() is not None


def test_a_hold_of_a_dead_process_runs_out(store: Store, config: PlatformConfig) -> None:
    tokens = StoredTokens(store, config)
    tokens.renew("", lambda _: token_for("one", seconds=10))
    with store.writing() as session:
        session.execute(update(PlatformToken).values(holder="dead", held_until=datetime(2020, 1, 1, tzinfo=UTC)))
    assert tokens.renew("one", lambda _: token_for("two")).access_token == "two"


def test_after_a_lost_rotation_the_token_address_is_asked_once(
    store: Store, config: PlatformConfig, platform: PacedServer
) -> None:
    # The platform rotated, and the process died before saving: the old refresh token is worth nothing.
    platform.refresh = "rotated-and-lost"
    for _ in range(4):
        with pytest.raises(AuthExpired):
            StoredTokens(store, config).renew("", fetch_from(platform.port))
    assert platform.token_calls == 1


def _refresh_together(url: str, config_id: uuid.UUID, port: int, found: Any) -> None:
    vault = Vault(Keyring.parse(TEST_KEYS))
    engine = open_engine(url)
    with reading(engine) as session:
        vault.check_canary(session)
        config = session.get_one(PlatformConfig, config_id)
    store = Store(engine, vault)
    ready = threading.Barrier(4)

    def renew(_: int) -> str:
        ready.wait(120)
        return StoredTokens(store, config).renew("access-0", fetch_from(port)).access_token

    with ThreadPoolExecutor(4) as threads:
        for token in threads.map(renew, range(4)):
            found.put(token)


def test_a_token_of_the_form_before_is_neither_asked_for_nor_kept(store: Store, config: PlatformConfig) -> None:
    before = StoredTokens(store, config)

    def change_meanwhile(_stored: Token | None) -> Token:
        with store.writing() as session:
            row = session.get_one(PlatformConfig, config.id)
            row.credentials = seal_secrets(store.vault, config.id, {"key": "second"})
            session.add(row)
            forget_token(session, config.id)
            session.add(PlatformToken(config_id=config.id, company_id=config.company_id))
        return token_for("of-the-form-before")

    before.renew("", change_meanwhile)
    with store.reading() as session:
        assert session.get_one(PlatformToken, config.id).token == ""
    with pytest.raises(Transient, match="changed meanwhile"):
        before.renew("", lambda _: token_for("never"))


def test_a_token_is_kept_when_only_the_envelope_of_the_secrets_is_new(store: Store, config: PlatformConfig) -> None:
    tokens = StoredTokens(store, config)

    def seal_anew(_stored: Token | None) -> Token:
        with store.writing() as session:
            row = session.get_one(PlatformConfig, config.id)
            row.credentials = seal_secrets(store.vault, config.id, {"key": "first"})
            session.add(row)
        return token_for("kept", refresh="rotated")

    tokens.renew("", seal_anew)
    kept = tokens.current()
    assert kept is not None
    assert kept.refresh_token == "rotated"


def test_a_token_that_cannot_be_opened_is_the_connections_trouble(store: Store, config: PlatformConfig) -> None:
    StoredTokens(store, config).renew("", lambda _: token_for("one"))
    other = Store(store.engine, Vault(Keyring.parse(TEST_KEYS.partition(",")[2])))
    with pytest.raises(ConfigError) as refused:
        StoredTokens(other, config).current()
    assert refused.value.cause == "key_missing"


def test_eight_refreshers_in_two_processes_make_one_token_call(
    store: Store, config: PlatformConfig, platform: PacedServer, database_url: str, nursery: Any
) -> None:
    platform.token_delay = 0.5
    found = nursery.Queue()
    told = (database_url, config.id, platform.port, found)
    processes = [nursery.Process(target=_refresh_together, args=told) for _ in range(2)]
    for process in processes:
        process.start()
    tokens = answers_of(found, processes, 8)
    for process in processes:
        process.join(300)
    assert set(tokens) == {"access-1"}
    assert platform.token_calls == 1
    assert not platform.is_revoked
