"""Which columns are sealed, and sealing them anew when the key changes."""

import uuid
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import CursorResult, LargeBinary, Table, select, tuple_, update
from sqlmodel import Session, SQLModel, col

from store.tables import (
    Application,
    AppMeta,
    ImportChange,
    Mail,
    OAuthRequest,
    PlatformConfig,
    PlatformToken,
    Referral,
    VisitorSalt,
    WebhookEndpoint,
    WebhookInbox,
)
from store.tables.events import salt_name
from store.vault import CANARY, DIGEST_ROOT, kid_of

if TYPE_CHECKING:
    from store.opening import Store

#: Every sealed column, by table. The row id of the envelope is the table's primary key.
SEALED: tuple[tuple[type[SQLModel], tuple[str, ...]], ...] = (
    (AppMeta, ("value",)),
    (PlatformConfig, ("credentials",)),
    (PlatformToken, ("token",)),
    (Application, ("candidate_name", "candidate_email")),
    (Referral, ("candidate_name", "candidate_email", "note")),
    (WebhookEndpoint, ("secret", "previous_secret")),
    (WebhookInbox, ("body",)),
    (OAuthRequest, ("sealed",)),
    (Mail, ("recipient", "body")),
)
#: What an import of applications replaced holds these, sealed for the application's row.
_REPLACED = ("candidate_name", "candidate_email")


@dataclass(frozen=True, slots=True)
class _Column:
    table: Table
    name: str

    @property
    def key(self) -> Any:
        return next(iter(self.table.primary_key))

    @property
    def is_bytes(self) -> bool:
        return isinstance(self.table.c[self.name].type, LargeBinary)

    @property
    def is_filled(self) -> Any:
        return self.table.c[self.name] != (b"" if self.is_bytes else "")

    def spelled(self, envelope: str) -> str | bytes:
        """An envelope as the column holds it."""
        return envelope.encode() if self.is_bytes else envelope


def has_secrets(session: Session) -> bool:
    """Whether anything is sealed in this database."""
    return any(
        session.execute(select(column.key).where(column.is_filled).limit(1)).first() is not None
        for column in _columns()
        if column.table.name != AppMeta.__tablename__
    )


def count_kids(session: Session) -> dict[str, int]:
    """How many sealed values each kid has."""
    counts: Counter[str] = Counter()
    for column in _columns():
        stored = session.execute(_sealed(column)).yield_per(1000)
        counts.update(kid_of(_text(row[1])) for row in stored)
    for change in session.execute(_replaced()).scalars().yield_per(1000):
        counts.update(kid_of(sealed) for sealed in _names_in(change).values())
    counts.update(kid_of(sealed) for sealed in session.execute(select(col(VisitorSalt.salt))).scalars())
    return dict(counts)


def rotate(store: "Store", batch: int = 500) -> dict[str, int]:
    """Seal everything with the keyring's first key. Returns the values left per kid (only the first one's, then).

    Resumable: done values are skipped, each batch is committed, and a value that somebody else changes meanwhile is
    left to them (they seal with the first key too).
    """
    for column in _columns():
        last: Any = None
        while True:
            with store.writing() as session:
                last = _rotate_batch(store, session, column, (last, batch))
            if last is None:
                break
    place: tuple[uuid.UUID, int] | None = None
    while True:
        with store.writing() as session:
            place = _rotate_replaced(store, session, place, batch)
        if place is None:
            break
    with store.writing() as session:
        _rotate_salts(store, session)
    with store.reading() as session:
        return count_kids(session)


def _columns() -> list[_Column]:
    return [_Column(model.__table__, name) for model, names in SEALED for name in names]  # type: ignore[attr-defined]


def _sealed(column: _Column) -> Any:
    query = select(column.key, column.table.c[column.name]).where(column.is_filled)
    if column.table.name == AppMeta.__tablename__:
        query = query.where(column.key.in_([CANARY, DIGEST_ROOT]))
    return query.order_by(column.key)


def _rotate_batch(store: "Store", session: Session, column: _Column, where: tuple[Any, int]) -> Any:
    """Seal one batch anew; the last key of it, None at the end."""
    after, batch = where
    query = _sealed(column).limit(batch)
    rows = session.execute(query if after is None else query.where(column.key > after)).all()
    writer, field = store.vault.keyring.writer, column.table.c[column.name]
    for row_id, stored in rows:
        if kid_of(_text(stored)) == writer:
            continue
        place = _place(column, row_id)
        fresh = column.spelled(store.vault.seal(*place, store.vault.open(*place, _text(stored))))
        changed = session.execute(
            update(column.table).where(column.key == row_id, field == stored).values({column.name: fresh})
        )
        assert isinstance(changed, CursorResult)
    return rows[-1][0] if len(rows) == batch else None


def _text(stored: str | bytes) -> str:
    """An envelope, from whichever kind of column."""
    return stored.decode() if isinstance(stored, bytes) else stored


def _replaced() -> Any:
    """Changes that hold names of people, in their order."""
    held = col(ImportChange.before)[_REPLACED[0]].as_string().is_not(None)
    return select(ImportChange).where(held).order_by(col(ImportChange.import_id), col(ImportChange.seq))


def _names_in(change: ImportChange) -> dict[str, str]:
    return {name: str(told) for name in _REPLACED if (told := (change.before or {}).get(name))}


def _rotate_replaced(
    store: "Store", session: Session, after: tuple[uuid.UUID, int] | None, batch: int
) -> tuple[uuid.UUID, int] | None:
    """Seal the names in one batch of changes anew; the place of its last one, None at the end."""
    query = _replaced().limit(batch)
    if after is not None:
        query = query.where(tuple_(col(ImportChange.import_id), col(ImportChange.seq)) > after)
    changes = session.execute(query).scalars().all()
    for change in changes:
        row_id = uuid.UUID(str(change.row_key[0]))
        old = {name: told for name, told in _names_in(change).items() if kid_of(told) != store.vault.keyring.writer}
        fresh = {}
        for name, told in old.items():
            place = (Application.__tablename__, row_id, name)
            fresh[name] = store.vault.seal(*place, store.vault.open(*place, told))
        if fresh:
            change.before = {**(change.before or {}), **fresh}
            session.add(change)
    return (changes[-1].import_id, changes[-1].seq) if len(changes) == batch else None


def _rotate_salts(store: "Store", session: Session) -> None:
    """Seal the salts of today and yesterday anew, which have a key of two columns: two rows a company, so all at once.

    Left to be replaced when they cannot be opened, they would make each visitor of the day two.
    """
    for company_id, day, stored in session.execute(
        select(col(VisitorSalt.company_id), col(VisitorSalt.day), col(VisitorSalt.salt))
    ).all():
        if kid_of(stored) == store.vault.keyring.writer:
            continue
        place = (VisitorSalt.__tablename__, salt_name(company_id, day), "salt")
        session.execute(
            update(VisitorSalt)
            .where(
                col(VisitorSalt.company_id) == company_id, col(VisitorSalt.day) == day, col(VisitorSalt.salt) == stored
            )
            .values(salt=store.vault.seal(*place, store.vault.open(*place, stored)))
        )


def _place(column: _Column, row_id: uuid.UUID | str) -> tuple[str, uuid.UUID | str, str]:
    return column.table.name, row_id, column.name
