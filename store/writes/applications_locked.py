"""One transaction at a time enters applications of a company, and what follows from them."""

import uuid

from sqlalchemy import text
from sqlmodel import Session

from store.engine import is_sqlite

_LOCK = 0x41707073
_TURN = text("SELECT pg_advisory_xact_lock(CAST(:space AS integer), CAST(:company AS integer))")


def lock_applications(session: Session, company_id: uuid.UUID) -> None:
    """Wait for the company's turn, to the end of the transaction; SQLite has one writer anyway."""
    if not is_sqlite(session):
        key = {"space": _LOCK, "company": (company_id.int & 0x7FFFFFFF)}
        session.connection().execute(_TURN, key)
