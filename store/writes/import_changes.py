"""What imports of applications replaced, kept so that they can be taken back: one row for each that a file repeats."""

import json
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlmodel import Session

from store.engine import is_sqlite, naming_errors

_COLUMNS = ("seq", "row_key", "before", "after", "import_id", "company_id")
_NAMES = ", ".join(_COLUMNS)


class Replaced(NamedTuple):
    """The row's id, its columns before as JSON, and the names of those that differ."""

    row_id: uuid.UUID
    before: str
    columns: Sequence[str] = ()


def keep_changes(session: Session, whose: tuple[uuid.UUID, uuid.UUID], first_seq: int, kept: list[Replaced]) -> None:
    """Keep what an import (its id, its company's) replaced, numbered from `first_seq`."""
    same = tuple(one.hex for one in whose)
    rows = [
        (seq, f'["{one.row_id}"]', one.before, json.dumps({"columns": sorted(one.columns)}), *same)
        for seq, one in enumerate(kept, first_seq)
    ]
    connection = session.connection()
    driver: Any = connection.connection.driver_connection
    with naming_errors():
        if is_sqlite(connection):
            marks = ", ".join("?" * len(_COLUMNS))
            driver.executemany(f"INSERT INTO import_changes ({_NAMES}) VALUES ({marks})", rows)  # noqa: S608
            return
        with driver.cursor() as cursor, cursor.copy(f"COPY import_changes ({_NAMES}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def to_json(values: Mapping[str, Any]) -> str:
    """Columns as JSON text."""
    return json.dumps({name: _spelled(value) for name, value in values.items()})


def _spelled(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value
