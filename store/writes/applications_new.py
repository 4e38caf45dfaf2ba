"""Applications that nobody has told of yet, written through the driver's fast path: a file may bring a million."""
# ruff: noqa: S608 - what is put together here are constants; values are always bound

import os
import time
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, islice
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from store.engine import is_sqlite, naming_errors
from store.writes.applications_settled import STAGE_COLUMNS, email_indexes

if TYPE_CHECKING:
    from store.writes.applications import ApplicationTold, Writer

_COLUMNS = (
    "id", "external_ref", "candidate_name", "candidate_email", "email_index", "person_index", "email_part",
    "posting_id", "posting_ref", "posting_title", "source", "source_platform", "stage", *STAGE_COLUMNS,
    "company_id", "told_by", "import_id", "created_at", "updated_at",
)  # fmt: skip
_INDEXES = slice(4, 6)
#: For PostgreSQL, what stands for nothing: no text that may be stored has it.
_NOTHING = "\x01"
_COPY = f"COPY applications ({', '.join(_COLUMNS)}) FROM STDIN WITH (NULL '{_NOTHING}')"
#: Rows to a statement: their parameters stay far below SQLite's limit of 32 766.
_MOST_ROWS = 500
Row = tuple[str | None, ...]


def insert_applications(session: Session, rows: Collection[Row]) -> set[str]:
    """Write rows made by `seal_applications`. Returns the digests by which the applicants are found."""
    connection = session.connection()
    driver: Any = connection.connection.driver_connection
    with naming_errors():
        if is_sqlite(connection):
            # Not executemany: while one long statement runs, other threads do too.
            given = iter(rows)
            while chunk := list(islice(given, _MOST_ROWS)):
                driver.execute(_insert(len(chunk)), tuple(chain.from_iterable(chunk)))
        else:
            with driver.cursor() as cursor, cursor.copy(_COPY) as copy:
                copy.write(_copied(rows))
    return {index for row in rows for index in row[_INDEXES] if index}


def _copied(rows: Collection[Row]) -> str:
    """Rows as COPY reads them. The driver does the same value by value, which takes it longer than the server."""
    lines = ["\t".join([_NOTHING if value is None else value for value in row]) for row in rows]
    block = "\n".join(lines)
    tabs, ends = len(lines) * (len(_COLUMNS) - 1), len(lines) - 1
    if "\\" in block or "\r" in block or block.count("\t") != tabs or block.count("\n") != ends:
        lines = ["\t".join([_NOTHING if value is None else _escaped(value) for value in row]) for row in rows]
        block = "\n".join(lines)
    return f"{block}\n" if lines else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


@lru_cache(maxsize=8)
def _insert(size: int) -> str:
    marks = f"({', '.join('?' * len(_COLUMNS))})"
    return f"INSERT INTO applications ({', '.join(_COLUMNS)}) VALUES {', '.join([marks] * size)}"


def seal_applications(writer: "Writer", told: Sequence["ApplicationTold"]) -> dict[str, Row]:
    """Rows of new applications by their references, names and addresses sealed. Needs no database.

    Every value is a text or nothing, as both drivers take it.
    """
    vault = writer.vault
    seal_name = vault.sealer("applications", "candidate_name")
    seal_email = vault.sealer("applications", "candidate_email")
    now, part = _instant(writer.now), str(writer.parts.take(len(told)))
    same = (writer.company_id.hex, "file", writer.import_id.hex, now, now)
    rows: dict[str, Row] = {}
    for one, (row_id, spelled) in zip(told, _new_ids(len(told)), strict=True):
        say = one.values.get
        name, email, posting_id = say("candidate_name"), say("candidate_email"), say("posting_id")
        rows[one.external_ref] = (
            row_id,
            one.external_ref,
            seal_name(spelled, name) if name else "",
            seal_email(spelled, email) if email else "",
            *email_indexes(vault, email or ""),
            part,
            posting_id.hex if posting_id else None,
            say("posting_ref", ""),
            say("posting_title", ""),
            say("source", ""),
            say("source_platform", "other"),
            say("stage", "applied"),
            *[_instant(at) if at is not None else None for at in map(say, STAGE_COLUMNS)],
            *same,
        )
    return rows


def _instant(at: datetime) -> str:
    """As UtcInstant stores it on SQLite, and PostgreSQL reads it."""
    return (at if at.tzinfo is UTC else at.astimezone(UTC)).isoformat(timespec="microseconds")


def _new_ids(count: int) -> Iterator[tuple[str, str]]:
    """UUIDv7s as 32 digits and as `str` spells them, rising: rows come to the end of the table, in their order.

    RFC 9562, 6.2, method 1: the 12 bits behind the version count, the other 62 are random.
    """
    digits = os.urandom(8 * count).hex()
    for at in range(count):
        if not at % 4096:
            stamp = f"{time.time_ns() // 1_000_000 & (2**48 - 1):012x}"
        counted, rest = f"7{at % 4096:03x}", digits[16 * at : 16 * at + 16]
        random = "89ab"[int(rest[0], 16) & 3] + rest[1:]
        spelled = f"{stamp[:8]}-{stamp[8:]}-{counted}-{random[:4]}-{random[4:]}"
        yield f"{stamp}{counted}{random}", spelled
