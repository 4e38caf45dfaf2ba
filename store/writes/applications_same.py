"""Applications that are stored just as a file tells them, found with as little as possible made of each row.

A file that comes again is all of these: nothing is left to be compared column by column.
"""
# ruff: noqa: S608 - what is put together here are constants; values are always bound

import json
import uuid
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import lru_cache
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from store.engine import is_sqlite, naming_errors
from store.vault import Vault, VaultError
from store.writes.applications_settled import SEALED_COLUMNS, STAGE_COLUMNS

if TYPE_CHECKING:
    from store.writes.applications import ApplicationTold

_TEXTS = ("posting_ref", "posting_title", "source", "source_platform", "stage")
_KNOWN = frozenset({*_TEXTS, *STAGE_COLUMNS, *SEALED_COLUMNS, "posting_id"})
#: What comes before the columns that are compared.
_HEAD = ("external_ref", "id", "posting_id")
#: Those of which events told too follow from more than their columns.
_BY_FILES_ALONE = " AND ".join(
    f"NOT EXISTS (SELECT 1 FROM {table} WHERE {table}.application_id = applications.id)"
    for table in ("application_stages", "application_touches")
)


def find_same(session: Session, vault: Vault, company_id: uuid.UUID, told: Sequence["ApplicationTold"]) -> set[str]:
    """References of those in which `store.writes.applications.compare` would find no difference.

    Not all of them: of whatever is stored in any other way, or told of by events too, nothing is said.
    """
    if not told:
        return set()
    names = tuple(told[0].values)
    if not _KNOWN.issuperset(names) or any(tuple(one.values) != names for one in told):
        return set()
    told_by_ref = {one.external_ref: one.values for one in told}
    is_same = _comparison(vault, names, is_text=is_sqlite(session))
    return {row[0] for row in _rows(session, company_id, names, told_by_ref) if is_same(row, told_by_ref[row[0]])}


def _rows(
    session: Session, company_id: uuid.UUID, names: tuple[str, ...], refs: Iterable[str]
) -> Iterable[tuple[Any, ...]]:
    """Stored rows as the driver gives them: SQLAlchemy's would take three times as long."""
    driver: Any = session.connection().connection.driver_connection
    query = _query(names, is_text=is_sqlite(session))
    with naming_errors():
        if is_sqlite(session):
            found: list[tuple[Any, ...]] = driver.execute(query, (json.dumps(list(refs)), company_id.hex)).fetchall()
        else:
            with driver.cursor(binary=True) as cursor:
                found = cursor.execute(query, (list(refs), company_id)).fetchall()
    return found


@lru_cache(maxsize=16)
def _query(names: tuple[str, ...], *, is_text: bool) -> str:
    columns = ", ".join(_ordered(names))
    if is_text:
        return (
            f"SELECT {', '.join(_HEAD)}, {columns} FROM applications "
            f"WHERE external_ref IN (SELECT value FROM json_each(?)) AND company_id = ? AND {_BY_FILES_ALONE}"
        )
    # Each by itself: before PostgreSQL has counted what a file brought, it would rather read all of it every time.
    return (
        f"SELECT external_ref, CAST(id AS text), CAST(posting_id AS text), {columns} "
        f"FROM unnest(%s::text[]) AS told (ref) CROSS JOIN LATERAL "
        f"(SELECT {', '.join(_HEAD)}, {columns} FROM applications "
        f"WHERE external_ref = told.ref AND company_id = %s LIMIT 1) AS applications WHERE {_BY_FILES_ALONE}"
    )


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Columns as they are read: texts, instants, what is sealed."""
    given = set(names)
    return tuple(name for name in (*_TEXTS, *STAGE_COLUMNS, *SEALED_COLUMNS) if name in given)


def _comparison(
    vault: Vault, names: tuple[str, ...], *, is_text: bool
) -> Callable[[tuple[Any, ...], dict[str, Any]], bool]:
    """Says of a row and what is told whether they are the same. `is_text`: ids and instants are stored as texts."""
    texts, times, sealed = (
        [name for name in group if name in names] for group in (_TEXTS, STAGE_COLUMNS, SEALED_COLUMNS)
    )
    start, middle, end = len(_HEAD), len(_HEAD) + len(texts), len(_HEAD) + len(texts) + len(times)
    openers = [(at, name, vault.opener("applications", name)) for at, name in enumerate(sealed, end)]
    spell_id = lru_cache(maxsize=4096)(attrgetter("hex") if is_text else str)

    def is_same(row: tuple[Any, ...], values: dict[str, Any]) -> bool:
        posting_id = values.get("posting_id")
        if posting_id is not None and spell_id(posting_id) != row[2]:
            return False
        if [values[name] for name in texts] != list(row[start:middle]):
            return False
        for name, stored in zip(times, row[middle:end], strict=True):
            at = values[name]
            if at is not stored and not _is_at(stored, at):
                return False
        row_id = row[1]
        if is_text:
            row_id = f"{row_id[:8]}-{row_id[8:12]}-{row_id[12:16]}-{row_id[16:20]}-{row_id[20:]}"
        try:
            for at, name, opened in openers:
                stored = row[at]
                if (opened(row_id, stored) if stored else "") != values[name]:
                    return False
        except VaultError:
            return False
        return True

    return is_same


def _is_at(stored: str | datetime | None, at: datetime | None) -> bool:
    """Whether a stored instant, as the driver gives it, is the one told."""
    if stored is None or at is None:
        return False
    return (datetime.fromisoformat(stored) if isinstance(stored, str) else stored) == at
