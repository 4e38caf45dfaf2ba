"""What is made where there is none: one maker at a time, so that the second finds what the first made."""

from typing import Any

from sqlalchemy import text
from sqlmodel import Session

from store.engine import is_sqlite

#: For `with_for_update` of a row that others refer to: who adds a reference need not wait, and so not in a circle.
BESIDE_REFERENCES: dict[str, Any] = {"key_share": True}


def in_turn(session: Session, what: str, whose: object = "") -> None:
    """Wait until nobody else makes `what` of `whose`, to the end of the transaction; then look (again) before making.

    SQLite has one writer anyway.
    """
    if not is_sqlite(session):
        session.connection().execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": f"{what}/{whose}"}
        )
