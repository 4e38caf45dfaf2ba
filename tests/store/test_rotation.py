"""Changing the key: everything is sealed anew, nothing that changes meanwhile is lost."""

import uuid
from datetime import UTC, datetime

import pytest
from sqlmodel import select

from store import rotation
from store.keyring import Keyring
from store.opening import Store
from store.rotation import count_kids, rotate
from store.tables import Application, Company, Import, ImportChange, PlatformConfig, PlatformToken, Referral
from store.vault import Vault, kid_of
from store.writes.tracker import salt_of

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


@pytest.fixture
def turned(store: Store, company: Company, keyring: Keyring) -> Store:
    """The store with secrets of every kind under k1, opened with a new first key k3."""
    seal = store.vault.seal
    with store.writing() as session:
        for number in range(1, 8):
            config = PlatformConfig(number=number, company_id=company.id, platform="indeed", connector="indeed")
            config.credentials = seal("platform_configs", config.id, "credentials", f"secret {number}")
            session.add(config)
            session.flush()
            token = seal("platform_tokens", config.id, "token", f"token {number}")
            session.add(PlatformToken(config_id=config.id, company_id=company.id, token=token))
        application = Application(company_id=company.id, external_ref="a1", applied_at=NOW)
        application.candidate_email = seal("applications", application.id, "candidate_email", "ana@example.com")
        referral = Referral(company_id=company.id, code="r1")
        referral.candidate_name = seal("referrals", referral.id, "candidate_name", "Ana")
        session.add_all([application, referral])
        session.flush()
        made = Import(company_id=company.id, number=1, kind="applications")
        session.add(made)
        session.flush()
        for seq in range(1, 6):
            told = seal("applications", application.id, "candidate_name", f"Ana {seq}")
            before = {"candidate_name": told, "candidate_email": "", "stage": "applied"}
            key: list[object] = [str(application.id)]
            session.add(ImportChange(import_id=made.id, seq=seq, company_id=company.id, row_key=key, before=before))
        session.add(ImportChange(import_id=made.id, seq=6, company_id=company.id, row_key=["x"], before=None))
    vault = Vault(Keyring({"k3": bytes(range(100, 132)), **keyring.masters}))
    with store.reading() as session:
        vault.check_canary(session)
    return Store(store.engine, vault)


def test_everything_is_sealed_with_the_new_key_and_still_opens(turned: Store) -> None:
    with turned.reading() as session:
        assert count_kids(session) == {"k1": 23}
    assert rotate(turned, batch=3) == {"k3": 23}
    with turned.reading() as session:
        for config in session.exec(select(PlatformConfig)):
            opened = turned.vault.open("platform_configs", config.id, "credentials", config.credentials)
            assert opened == f"secret {config.number}"
        for change in session.exec(select(ImportChange).where(ImportChange.seq < 6)):
            sealed = str((change.before or {})["candidate_name"])
            assert (
                turned.vault.open("applications", str(change.row_key[0]), "candidate_name", sealed)
                == f"Ana {change.seq}"
            )
        referral = session.exec(select(Referral)).one()
        assert turned.vault.open("referrals", referral.id, "candidate_name", referral.candidate_name) == "Ana"


def test_a_visitor_stays_the_same_one_when_the_key_changes(turned: Store, company: Company) -> None:
    def salt(store: Store) -> bytes:
        with store.writing() as session:
            return salt_of(session, store.vault, company.id, 20_514, now=NOW)

    old = Store(turned.engine, Vault(Keyring({"k1": turned.vault.keyring.masters["k1"]})))
    before = salt(old)
    assert rotate(turned) == {"k3": 24}
    alone = Store(turned.engine, Vault(Keyring({"k3": turned.vault.keyring.masters["k3"]})))
    assert salt(alone) == before


def test_the_old_key_is_not_needed_afterwards(turned: Store) -> None:
    rotate(turned)
    alone = Vault(Keyring({"k3": turned.vault.keyring.masters["k3"]}))
    with turned.reading() as session:
        alone.check_canary(session)
    assert alone.digest("session", "x") == turned.vault.digest("session", "x")


def test_an_interrupted_rotation_goes_on(turned: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = iter(range(3))
    batch = rotation._rotate_batch

    def interrupted(*arguments: object) -> object:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        return batch(*arguments)

    monkeypatch.setattr(rotation, "_rotate_batch", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rotate(turned, batch=2)
    monkeypatch.undo()
    with turned.reading() as session:
        counts = count_kids(session)
    assert counts["k1"] > 0
    assert counts["k3"] > 0
    assert rotate(turned, batch=2) == {"k3": 23}


def test_a_value_that_changes_meanwhile_is_left_alone(turned: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    with turned.reading() as session:
        config_id = session.exec(select(PlatformConfig.id).where(PlatformConfig.number == 1)).one()
    opened = turned.vault.open

    def refreshed_meanwhile(table: str, row_id: uuid.UUID, column: str, stored: str) -> str:
        if (row_id, column) == (config_id, "credentials"):
            fresh = turned.vault.seal(table, row_id, column, "fresher")
            session = sessions[0]
            session.get_one(PlatformConfig, config_id).credentials = fresh
            session.flush()
        return opened(table, row_id, column, stored)

    sessions = []
    batch = rotation._rotate_batch
    monkeypatch.setattr(rotation, "_rotate_batch", lambda *a: (sessions.clear(), sessions.append(a[1]), batch(*a))[2])
    monkeypatch.setattr(turned.vault, "open", refreshed_meanwhile)
    rotate(turned)
    monkeypatch.undo()
    with turned.reading() as session:
        stored = session.get_one(PlatformConfig, config_id).credentials
    assert kid_of(stored) == "k3"
    assert turned.vault.open("platform_configs", config_id, "credentials", stored) == "fresher"
