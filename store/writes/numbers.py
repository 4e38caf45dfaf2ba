"""Names that facts carry, and the small numbers that stand for them: external postings and breakdowns."""

import uuid
from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import event, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import SessionTransaction
from sqlmodel import Session

from domain.facts import Breakdown
from domain.platforms import find_platform
from domain.text import clean_text, key_text
from store.tables import BreakdownRow, ExternalPosting
from store.tables.columns import utc_now

REF_LENGTH = 300
_BATCH = 500
_POSTINGS = ExternalPosting.__table__  # type: ignore[attr-defined]
_BREAKDOWNS = BreakdownRow.__table__  # type: ignore[attr-defined]


class Numbers:
    """The numbers of one connection's postings and breakdowns, remembered over pages.

    What a transaction made is forgotten when it is rolled back: the database may give its numbers to other names.
    """

    def __init__(self, company_id: uuid.UUID, company_no: int, config_id: uuid.UUID, config_no: int) -> None:
        self._company = (company_id, company_no)
        self._config = (config_id, config_no)
        self._postings: dict[Any, int] = {"": 0}
        self._breakdowns: dict[Breakdown, int] = {}
        self._unsure: list[tuple[dict[Any, int], Any]] = []
        self._made_in: SessionTransaction | None = None

    def of_postings(self, session: Session, refs: Collection[object]) -> dict[Any, int]:
        """Numbers by the platform's posting ids, made where they are new. Ids that are no text have none."""
        self._forget_unsure(session)
        missing = [ref for ref in refs if ref not in self._postings]
        if missing:
            clean = {ref: key_text(ref, REF_LENGTH) for ref in missing if isinstance(ref, str)}
            wanted = {name for name in clean.values() if name}
            numbers = {"": 0} | self._find_postings(session, wanted)
            new = wanted - numbers.keys()
            if new:
                self._make_postings(session, new)
                numbers |= self._find_postings(session, new)
            self._remember(session, self._postings, {ref: numbers[name] for ref, name in clean.items()})
        return self._postings

    def of_breakdowns(self, session: Session, breakdowns: Iterable[Breakdown]) -> dict[Breakdown, int]:
        """Numbers by breakdown, made where they are new."""
        self._forget_unsure(session)
        missing = [breakdown for breakdown in breakdowns if breakdown not in self._breakdowns]
        if missing:
            clean = {breakdown: _clean(breakdown) for breakdown in missing}
            numbers = self._find_breakdowns(session)
            new = set(clean.values()) - numbers.keys()
            if new:
                self._make_breakdowns(session, new)
                numbers = self._find_breakdowns(session)
            self._remember(session, self._breakdowns, {told: numbers[name] for told, name in clean.items()})
        return self._breakdowns

    def _find_postings(self, session: Session, refs: set[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        ordered = sorted(refs)
        query = select(_POSTINGS.c.external_ref, _POSTINGS.c.number).where(_POSTINGS.c.config_id == self._config[0])
        for start in range(0, len(ordered), _BATCH):
            batch = ordered[start : start + _BATCH]
            rows = session.connection().execute(query.where(_POSTINGS.c.external_ref.in_(batch)))
            found |= {ref: number for ref, number in rows}  # noqa: C416 - a result is no mapping
        return found

    def _make_postings(self, session: Session, refs: set[str]) -> None:
        now = utc_now()
        rows = [_posting_row(self._company[0], self._config[0], ref) | {"first_seen_at": now} for ref in sorted(refs)]
        insert_external(session, rows)

    def _find_breakdowns(self, session: Session) -> dict[Breakdown, int]:
        columns = _BREAKDOWNS.c
        query = select(columns.number, columns.kind, columns.source, columns.medium, columns.campaign)
        rows = session.connection().execute(query.where(columns.config_no == self._config[1]))
        return {Breakdown(*names): number for number, *names in rows}

    def _make_breakdowns(self, session: Session, new: set[Breakdown]) -> None:
        rows = [
            breakdown._asdict()
            | {
                "company_no": self._company[1],
                "config_no": self._config[1],
                "source_platform": platform.number if (platform := find_platform(breakdown.source)) else 0,
            }
            for breakdown in sorted(new)
        ]
        session.connection().execute(_insert(session, _BREAKDOWNS), rows)

    def _remember(self, session: Session, book: dict[Any, int], numbers: dict[Any, int]) -> None:
        if not self._unsure:
            self._made_in = session.get_transaction()
            event.listen(session, "after_commit", self._keep, once=True)
        book.update(numbers)
        self._unsure += [(book, name) for name in numbers]

    def _keep(self, _session: Session) -> None:
        self._unsure.clear()
        self._made_in = None

    def _forget_unsure(self, session: Session) -> None:
        """Forget what another transaction made that was never committed."""
        if self._unsure and session.get_transaction() is not self._made_in:
            for book, name in self._unsure:
                book.pop(name, None)
            self._unsure.clear()


def insert_external(session: Session, rows: list[dict[str, Any]]) -> None:
    """Enter external postings (columns by name, the same for all); those that are there already stay as they are."""
    session.connection().execute(_insert(session, _POSTINGS), rows)


def _clean(breakdown: Breakdown) -> Breakdown:
    kind, source, medium, campaign = breakdown
    return Breakdown(clean_text(kind, 20), key_text(source, 200), key_text(medium, 100), key_text(campaign, 280))


def _posting_row(company_id: uuid.UUID, config_id: uuid.UUID, ref: str) -> dict[str, Any]:
    empty = dict.fromkeys(("title", "requisition_ref", "path", "url", "location", "linked_by"), "")
    return {"company_id": company_id, "config_id": config_id, "external_ref": ref, "is_ignored": False, **empty}


def _insert(session: Session, table: Any) -> Any:
    dialect = session.get_bind().dialect.name
    return (sqlite if dialect == "sqlite" else postgresql).insert(table).on_conflict_do_nothing()
