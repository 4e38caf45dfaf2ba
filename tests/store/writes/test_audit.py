"""The audit chain: one line a deed, none forged, none taken out unseen."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from sqlalchemy import text
from sqlmodel import select

from store.engine import is_sqlite
from store.opening import Store
from store.tables import AuditEntry
from store.writes.audit import Deed, append_audit, broken_link

NOW = datetime(2026, 3, 10, 9, tzinfo=UTC)


def append(store: Store, actor: str) -> None:
    with store.writing() as session:
        append_audit(session, Deed(actor, "sign_in", facts={"number": 1.5, "names": ["ä"]}), now=NOW)


def test_writers_at_once_make_one_chain(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: append(store, f"user {n}"), range(12)))
    with store.reading() as session:
        assert broken_link(session) is None
        entries = session.exec(select(AuditEntry).order_by(AuditEntry.seq)).all()
    assert len({entry.previous_hash for entry in entries}) == 12


def test_control_characters_cannot_forge_a_line(store: Store) -> None:
    append(store, "eve\r\nadmin signed in\x1b[2K\ud83d")
    with store.reading() as session:
        actor = session.exec(select(AuditEntry.actor)).one()
    assert actor.isprintable()


@pytest.mark.parametrize(
    "change", ["UPDATE audit_log SET actor = 'x' WHERE seq = 2", "DELETE FROM audit_log WHERE seq = 2"]
)
def test_a_changed_or_missing_row_breaks_the_chain(store: Store, change: str) -> None:
    for name in ("ana", "ben", "cem"):
        append(store, name)
    with store.writing() as session:
        # Somebody with the rights of the database's owner takes the guard away first.
        if is_sqlite(session):
            for action in ("update", "delete"):
                session.execute(text(f"DROP TRIGGER audit_log_no_{action}"))
        else:
            session.execute(text("DROP TRIGGER audit_log_no_change ON audit_log"))
        session.execute(text(change))
    with store.reading() as session:
        assert broken_link(session) == (2 if change.startswith("UPDATE") else 3)
