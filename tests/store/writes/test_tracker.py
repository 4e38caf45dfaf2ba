"""Salts that live two days, and names that pages pass on."""

import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlmodel import select

from domain.facts import day_number
from store.backup import back_up
from store.engine import sqlite_path
from store.keyring import Keyring
from store.opening import Store
from store.tables import Company, VisitorSalt
from store.vault import Vault
from store.writes.tracker import delete_old_salts, has_old_salts, salt_of

NOW = datetime(2026, 3, 5, 12, tzinfo=UTC)
DAY = day_number(NOW.date())


def salt(store: Store, company: Company, day: int = DAY) -> bytes:
    with store.writing() as session:
        return salt_of(session, store.vault, company.id, day, now=NOW)


def test_a_day_has_one_salt_and_the_next_day_another(store: Store, company: Company) -> None:
    first = salt(store, company)
    assert len(first) == 32
    assert salt(store, company) == first
    assert salt(store, company, DAY + 1) != first


def test_it_is_stored_only_sealed(store: Store, company: Company) -> None:
    salt(store, company)
    with store.reading() as session:
        assert session.exec(select(VisitorSalt)).one().salt.startswith("v1.k1.")


def test_one_whose_key_is_gone_is_replaced(store: Store, company: Company) -> None:
    first = salt(store, company)
    turned = Store(store.engine, Vault(Keyring({"k9": bytes(range(32))})))
    second = salt(turned, company)
    assert second != first
    assert salt(turned, company) == second


def test_none_is_older_than_two_days(store: Store, company: Company) -> None:
    for day in (DAY - 3, DAY - 2, DAY - 1, DAY):
        salt(store, company, day)
    with store.writing() as session:
        assert has_old_salts(session, now=NOW)
        delete_old_salts(session, now=NOW)
        assert not has_old_salts(session, now=NOW)
        assert sorted(session.exec(select(VisitorSalt.day))) == [DAY - 1, DAY]
        assert has_old_salts(session, now=NOW + timedelta(days=1))


def test_no_copy_holds_any(sqlite_store: Store, sqlite_company: Company, tmp_path: Path) -> None:
    salt(sqlite_store, sqlite_company)
    with sqlite_store.reading() as session:
        sealed = session.exec(select(VisitorSalt)).one().salt
    path = sqlite_path(sqlite_store.engine)
    assert path is not None
    copy = back_up(path, tmp_path / "backups", "0005")
    assert sealed.encode() not in copy.read_bytes()
    with sqlite3.connect(copy) as opened:
        assert opened.execute("SELECT COUNT(*) FROM visitor_salts").fetchone() == (0,)
        assert opened.execute("SELECT COUNT(*) FROM companies").fetchone() == (1,)
    opened.close()
