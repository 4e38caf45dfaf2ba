"""Imports: the record of a file, its facts written batch by batch with what they replaced, and the end that shows them.

Facts of a file count only once its days are covered, and that happens with the last batch: a file that breaks off in
the middle shows nothing. `seen` of a fact is the number of the import that told it last.
"""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlmodel import Session, col

from domain.facts import Origin, Scope
from domain.platforms import BY_KEY
from store.tables import Import, ImportChange, ImportMapping, PlatformConfig, RawFact, WorkerBeat
from store.tables.columns import new_id
from store.writes.connections import next_config_number
from store.writes.coverage import cover, mark_dirty
from store.writes.facts import Place
from store.writes.in_turn import in_turn
from store.writes.merge import Page, Stamp, merge_page

_FACTS = RawFact.__table__  # type: ignore[attr-defined]
_CHANGES = ImportChange.__table__  # type: ignore[attr-defined]
#: A fact within its connection and origin: the parts named in KEY_NAMES.
FactKey = tuple[int, int, int, int, int, int, str]
#: Names of a fact's key, in the order of FactKey and of `row_key` in the kept changes.
KEY_NAMES = ("day", "metric", "scope", "external_posting", "breakdown", "hour", "currency")


class ImportStopped(Exception):
    """The import is no longer running: it was undone, or taken for dead."""


@dataclass(slots=True)
class ImportCounts:
    """What became of the rows of a file, or of its numbers."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0

    def add(self, other: "ImportCounts") -> None:
        """Sum up."""
        self.inserted += other.inserted
        self.updated += other.updated
        self.unchanged += other.unchanged


@dataclass(slots=True)
class Told:
    """Stored facts of files: key → (value, provisional, seen)."""

    facts: dict[FactKey, tuple[int, int, int]] = field(default_factory=dict)


def import_number(import_id: uuid.UUID) -> int:
    """The number that stands for an import in `seen`: the time and the first random bits of its id, 62 bits.

    >>> 0 < import_number(uuid.UUID("01936f8e-7a4b-7c1d-8e2f-001122334455")) < 2**62
    True
    """
    return import_id.int >> 66


def platform_config(session: Session, company_id: uuid.UUID, platform: str, *, now: datetime) -> PlatformConfig:
    """The connection that a platform's files belong to: its first one, else an internal one made for the purpose."""
    found = find_platform_config(session, company_id, platform)
    if found is not None:
        return found
    number = next_config_number(session)
    # Who made one while we waited for the number made it for us too.
    found = find_platform_config(session, company_id, platform)
    if found is not None:
        return found
    config = PlatformConfig(
        number=number,
        company_id=company_id,
        platform=platform,
        connector="",
        name=BY_KEY[platform].label,
        is_active=True,
        created_at=now,
        updated_at=now,
    )
    session.add(config)
    session.flush()
    return config


def find_platform_config(session: Session, company_id: uuid.UUID, platform: str) -> PlatformConfig | None:
    """The same without making one."""
    rows = session.execute(
        select(PlatformConfig)
        .where(
            col(PlatformConfig.company_id) == company_id,
            col(PlatformConfig.platform) == platform,
            col(PlatformConfig.deleted_at).is_(None),
        )
        .order_by(col(PlatformConfig.connector) == "", col(PlatformConfig.number))
        .limit(1)
    )
    return rows.scalars().first()


def begin_import(session: Session, record: Import, *, now: datetime) -> None:
    """Enter a file as running."""
    session.add(record)
    session.flush()
    beat_import(session, record.id, now=now)


def beat_import(session: Session, import_id: uuid.UUID, *, now: datetime) -> None:
    """Say that the import is alive, at the beginning of each of its transactions. Raises ImportStopped.

    The UPDATE holds the row: nobody can undo the import before this transaction ends.
    """
    running = session.execute(
        update(Import).where(col(Import.id) == import_id, col(Import.state) == "running").values(state="running"),
        execution_options={"synchronize_session": False},
    )
    if not running.rowcount:  # type: ignore[attr-defined]
        raise ImportStopped("The import was stopped or undone meanwhile.")
    name = f"import:{import_id}"
    beaten = session.execute(
        update(WorkerBeat).where(col(WorkerBeat.worker) == name).values(beat_at=now),
        execution_options={"synchronize_session": False},
    )
    if not beaten.rowcount:  # type: ignore[attr-defined]
        session.add(WorkerBeat(worker=name, doing="import", beat_at=now))
        session.flush()


def end_import(session: Session, import_id: uuid.UUID, values: Mapping[str, Any]) -> None:
    """Close a running import with its state and counts. Raises ImportStopped where it was closed meanwhile."""
    done = session.execute(
        update(Import).where(col(Import.id) == import_id, col(Import.state) == "running").values(**values),
        execution_options={"synchronize_session": False},
    )
    if not done.rowcount:  # type: ignore[attr-defined]
        raise ImportStopped("The import was stopped or undone meanwhile.")
    session.execute(delete(WorkerBeat).where(col(WorkerBeat.worker) == f"import:{import_id}"))


def find_told(session: Session, place: Place, days: tuple[int, int], metrics: Iterable[int]) -> Told:
    """What files have told about a connection on days first..last, projections left out."""
    columns = _FACTS.c
    rows = session.connection().execute(
        select(*(columns[name] for name in KEY_NAMES), columns.value, columns.provisional, columns.seen).where(
            columns.company_no == place.company_no,
            columns.config_no == place.config_no,
            columns.day.between(*days),
            columns.metric.in_(sorted(set(metrics))),
            columns.origin == int(Origin.IMPORT),
            columns.seen >= 0,
        )
    )
    return Told({tuple(row[:7]): (row[7], row[8], row[9]) for row in rows})


def write_facts(
    session: Session, place: Place, import_id: uuid.UUID, told: Mapping[FactKey, int], first_seq: int
) -> ImportCounts:
    """Insert or replace a file's facts and keep what they replaced. Returns the counts of facts without a breakdown.

    `first_seq` numbers the kept changes; a batch keeps at most as many as it has facts.
    """
    if not told:
        return ImportCounts()
    seen = import_number(import_id)
    days = [key[0] for key in told]
    stored = find_told(session, place, (min(days), max(days)), (key[1] for key in told)).facts
    stamp = Stamp(place.company_no, place.config_no, int(Origin.IMPORT), seen)
    merge_page(session.connection(), stamp, _page(told))
    kept = [(key, before, after) for key, after in told.items() if (before := stored.get(key)) and before[2] != seen]
    changes = [
        {
            "import_id": import_id,
            "seq": first_seq + at,
            "company_id": place.company_id,
            "row_key": list(key),
            # As text: the number has more digits than every reader of JSON keeps.
            "before": {"value": before[0], "provisional": before[1], "seen": str(before[2])},
            "after": {"value": after},
        }
        for at, (key, before, after) in enumerate(kept)
    ]
    if changes:
        session.connection().execute(insert(_CHANGES), changes)
    return count_facts(told, stored)


def count_facts(told: Mapping[FactKey, int], stored: Mapping[FactKey, tuple[int, int, int]]) -> ImportCounts:
    """How many facts of a batch are new, changed and unchanged; breakdowns explain them and are not counted."""
    counts = ImportCounts()
    for key, after in told.items():
        if key[4]:
            continue
        before = stored.get(key)
        if before is None:
            counts.inserted += 1
        elif before[0] != after:
            counts.updated += 1
        else:
            counts.unchanged += 1
    return counts


def _page(told: Mapping[FactKey, int]) -> Page:
    page: Page = {}
    for (day, metric, scope, posting, breakdown, hour, currency), value in told.items():
        rows = page.setdefault((scope, hour, currency), {})
        rows[day, metric, posting, breakdown] = (day, metric, posting, breakdown, value, 0)
    return page


def cover_days(
    session: Session, place: Place, told: Mapping[Scope, Iterable[tuple[int, int]]], *, now: datetime
) -> None:
    """Show a file's numbers: its (day, metric number) by scope count as read from now on, and are counted again."""
    days: set[int] = set()
    for scope, pairs in told.items():
        listed = sorted(set(pairs))
        days |= {day for day, _ in listed}
        triples = [(day, metric, False) for day, metric in listed]
        cover(session, place, triples, scope=scope, origin=Origin.IMPORT, now=now)
    mark_dirty(session, place, days, now=now)


def remember_mapping(
    session: Session, company_id: uuid.UUID, kind: str, header_hash: str, *, mapping: dict[str, Any], now: datetime
) -> None:
    """Keep how a file's columns were read, for the next file with the same headers."""
    in_turn(session, "mapping", company_id)
    row = _mapping_row(session, company_id, kind, header_hash)
    if row is None:
        row = ImportMapping(id=new_id(), company_id=company_id, kind=kind, header_hash=header_hash, uses=0)
    row.mapping, row.uses, row.updated_at = mapping, row.uses + 1, now
    session.add(row)
    session.flush()


def find_mapping(session: Session, company_id: uuid.UUID, header_hash: str) -> dict[str, Any] | None:
    """The mapping last used for a file with these headers; None for a new kind of file."""
    row = _mapping_row(session, company_id, None, header_hash)
    return dict(row.mapping) if row else None


def _mapping_row(session: Session, company_id: uuid.UUID, kind: str | None, header_hash: str) -> ImportMapping | None:
    query = select(ImportMapping).where(
        col(ImportMapping.company_id) == company_id, col(ImportMapping.header_hash) == header_hash
    )
    if kind is not None:
        query = query.where(col(ImportMapping.kind) == kind)
    return session.execute(query.order_by(col(ImportMapping.updated_at).desc()).limit(1)).scalars().first()
