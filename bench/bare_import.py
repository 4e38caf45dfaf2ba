"""The bare limit for importing applications: csv.reader, the same sealed columns, and the driver's own bulk insert."""

import csv
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from store.emails import FIRST_ROOM
from store.engine import is_sqlite
from store.opening import Store
from store.tables.columns import new_id

#: Rows a commit, as the import has them.
BATCH = 1_000
COLUMNS = (
    "id", "company_id", "external_ref", "posting_ref", "posting_title", "candidate_name", "candidate_email",
    "email_index", "email_part", "source", "source_platform", "told_by", "stage", "applied_at", "offered_at",
    "hired_at", "rejected_at", "created_at", "updated_at",
)  # fmt: skip


def bare_import(store: Store, company_id: uuid.UUID, path: Path) -> None:
    """Every row of the file, checked for nothing, into the product's own table with all its indexes and their parts."""
    with path.open(encoding="utf-8", newline="") as file:
        records = csv.reader(file)
        next(records)
        rows = _rows(store, company_id, records)
        while batch := list(islice(rows, BATCH)):
            _write(store, batch)


def _rows(store: Store, company_id: uuid.UUID, records: Iterator[list[str]]) -> Iterator[tuple[Any, ...]]:
    vault, company, zone = store.vault, company_id.hex, "+00:00"
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    last = ""
    for number, record in enumerate(records):
        ref, name, email, requisition, title, source, applied, offered, hired, rejected, _stage, _recruiter = record
        # The table takes no application twice, nor one without a date.
        if not applied or ref == last:
            continue
        last = ref
        key = new_id()
        sealed_name = vault.seal("applications", key, "candidate_name", name)
        sealed_email = vault.seal("applications", key, "candidate_email", email)
        yield (
            key.hex, company, ref, requisition, title, sealed_name, sealed_email, vault.digest("email-bidx", email),
            number // FIRST_ROOM, source, "other", "file", "applied", applied + zone,
            offered + zone if offered else None, hired + zone if hired else None,
            rejected + zone if rejected else None, now, now,
        )  # fmt: skip


def _write(store: Store, batch: list[tuple[Any, ...]]) -> None:
    names, marks = ", ".join(COLUMNS), ", ".join("?" * len(COLUMNS))
    with store.writing() as session:
        connection = session.connection()
        driver: Any = connection.connection.driver_connection
        with_rows = driver.cursor()
        if is_sqlite(connection):
            with_rows.executemany(f"INSERT INTO applications ({names}) VALUES ({marks})", batch)
            return
        with with_rows.copy(f"COPY applications ({names}) FROM STDIN") as copy:
            for row in batch:
                copy.write_row(row)
