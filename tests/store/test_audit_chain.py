"""The audit log grows, hangs together, and cannot be rewritten."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import col, select

from store.opening import Store
from store.tables import AuditEntry
from store.writes.audit import Deed, append_audit, broken_link

NOW = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def _append(store: Store, actor: str) -> None:
    with store.writing() as session:
        append_audit(session, Deed(actor, "test", facts={"n": 1, "a": [actor]}), now=NOW)


def test_writers_side_by_side_make_one_chain(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda number: _append(store, f"user {number}"), range(20)))
    with store.reading() as session:
        assert len(session.exec(select(AuditEntry)).all()) == 20
        assert broken_link(session) is None


@pytest.mark.parametrize("statement", ["UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log"])
def test_it_cannot_be_rewritten(store: Store, statement: str) -> None:
    _append(store, "ada")
    with pytest.raises(DBAPIError), store.writing() as session:
        session.connection().execute(text(statement))
    with store.reading() as session:
        assert session.exec(select(AuditEntry)).one().actor == "ada"


def test_a_name_cannot_forge_a_second_line(store: Store) -> None:
    _append(store, "eve\r\n2026-03-10 ada sign_in ok\x1b[2K\u202e")
    with store.reading() as session:
        actor = session.exec(select(AuditEntry.actor).order_by(col(AuditEntry.seq))).one()
    assert actor.isprintable()


def test_a_changed_row_is_found(sqlite_store: Store) -> None:
    for actor in ("ada", "mo", "eve"):
        _append(sqlite_store, actor)
    with sqlite_store.writing() as session:
        connection = session.connection()
        triggers = connection.execute(
            text("SELECT name FROM sqlite_master WHERE type='trigger' AND tbl_name='audit_log'")
        )
        for (name,) in triggers.fetchall():
            connection.execute(text(f'DROP TRIGGER "{name}"'))
        connection.execute(text("UPDATE audit_log SET actor = 'nobody' WHERE actor = 'mo'"))
    with sqlite_store.reading() as session:
        assert broken_link(session) == 2
