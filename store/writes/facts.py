"""The way facts enter the database: checked, resolved to numbers, merged a page at a time, and closed by slices."""

import re
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Protocol, cast

from sqlmodel import Session, select

from domain import metrics
from domain.facts import MAX_VALUE, Breakdown, Fact, Origin, Scope, day_number
from store.tables import Company, PlatformConfig
from store.writes.coverage import cover, mark_dirty
from store.writes.merge import Key, Page, Shared, Stamp, find_values, merge_page
from store.writes.numbers import Numbers

EARLIEST = date(2000, 1, 1)
_CURRENCY = re.compile(r"[A-Z]{3}")
#: Numbers of postings and breakdowns by name, and (number, provisional) of the days that can be true.
_Known = tuple[Mapping[object, int], Mapping[Breakdown, int], Mapping[date, tuple[int, int]]]
#: The parts of facts, each for all of them.
_Columns = list[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Place:
    """The connection whose facts are written."""

    company_id: uuid.UUID
    company_no: int
    config_id: uuid.UUID
    config_no: int


class Slice(Protocol):
    """A slice read whole, as a connector tells it."""

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of metrics."""

    @property
    def scope(self) -> Scope:
        """The scope."""

    @property
    def start(self) -> date:
        """First day."""

    @property
    def end(self) -> date:
        """Day after the last."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a write replaced: `before` and `after` are (value, provisional); None where there was no fact.

    `shared` is (scope, hour, currency), `key` is (day, metric, external posting, breakdown), all as stored.
    """

    shared: Shared
    key: Key
    before: tuple[int, int] | None
    after: tuple[int, int]


@dataclass(slots=True)
class Counts:
    """What became of facts. `rejections` counts by reason; `changes` are kept only on demand."""

    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    deleted: int = 0
    rejections: dict[str, int] = field(default_factory=dict)
    dirty_days: int = 0
    changes: list[Change] = field(default_factory=list)

    @property
    def rejected(self) -> int:
        """Facts left out."""
        return sum(self.rejections.values())

    def reject(self, reason: str, times: int = 1) -> None:
        """Count a fact that is left out."""
        self.rejections[reason] = self.rejections.get(reason, 0) + times

    def add(self, other: "Counts") -> None:
        """Sum up."""
        self.inserted += other.inserted
        self.updated += other.updated
        self.unchanged += other.unchanged
        self.deleted += other.deleted
        self.dirty_days += other.dirty_days
        self.changes += other.changes
        for reason, times in other.rejections.items():
            self.reject(reason, times)


def place_of(session: Session, config: PlatformConfig) -> Place:
    """Where the facts of a connection go."""
    number = session.exec(select(Company.number).where(Company.id == config.company_id)).one()
    return Place(config.company_id, number, config.id, config.number)


class FactWriter:
    """Writes the facts of one read of one connection. Keep it for all pages of the read: it remembers numbers.

    `seen` is the number of the sync job or import; a read that resumes has the same one. Days from `final_before` on
    are stored as provisional; None says that all are final. A day of which this read told nothing but what was refused
    stays as it was: unknown, or with the number known before, and never 0.
    """

    def __init__(self, place: Place, origin: Origin, seen: int, final_before: date | None = None) -> None:
        self.place = place
        self.origin = origin
        self.stamp = Stamp(place.company_no, place.config_no, int(origin), seen)
        self.final_before = final_before
        self._numbers = Numbers(place.company_id, place.company_no, place.config_id, place.config_no)
        self._kinds: dict[tuple[object, ...], _Kind | str] = {}
        #: (Scope, metric number, day number) of facts that were refused.
        self._refused: set[tuple[int, int, int]] = set()

    def write(
        self,
        session: Session,
        facts: Sequence[Fact],
        *,
        now: datetime,
        closed: Iterable[Slice] = (),
        keep_changes: bool = False,
    ) -> Counts:
        """Insert or replace facts, then close slices; mark the days that changed as dirty. Never fails for the sake of
        a bad fact.

        Of two facts with the same key the later one stands.
        """
        counts = Counts()
        page = self._checked(session, facts, counts, now)
        connection = session.connection()
        if keep_changes:
            counts.changes = self._changes(session, page)
        merged = merge_page(connection, self.stamp, page)
        counts.inserted, counts.updated, counts.unchanged = merged.inserted, merged.updated, merged.unchanged
        dirty = merged.days | self._close(session, closed, counts, now)
        counts.dirty_days = mark_dirty(session, self.place, dirty, now=now)
        return counts

    def close(self, session: Session, slices: Iterable[Slice], *, now: datetime) -> Counts:
        """Write slices down as read, and delete the facts in them that this read did not see.

        Days whose coverage is new or has changed, or that lost a fact, become dirty.
        """
        counts = Counts()
        dirty = self._close(session, slices, counts, now)
        counts.dirty_days = mark_dirty(session, self.place, dirty, now=now)
        return counts

    def _close(self, session: Session, slices: Iterable[Slice], counts: Counts, now: datetime) -> set[int]:
        """Cover and clear slices, count what goes; the days that this changes."""
        dirty = set[int]()
        for piece in slices:
            numbers = [metrics.metric(name).number for name in piece.metrics]
            days = range(day_number(piece.start), day_number(piece.end))
            final = day_number(self.final_before) if self.final_before else days.stop
            unsure = self._unsure(session, piece.scope, days)
            told = [(day, number, day >= final) for day in days for number in numbers if (number, day) not in unsure]
            dirty |= cover(session, self.place, told, scope=piece.scope, origin=self.origin, now=now)
            for day in days:
                sure = [number for number in numbers if (number, day) not in unsure]
                gone = self._delete_unseen(session, day, sure, piece.scope) if sure else 0
                counts.deleted += gone
                if gone:
                    dirty.add(day)
        return dirty

    def _unsure(self, session: Session, scope: Scope, days: range) -> set[tuple[int, int]]:
        """(Metric number, day number) of which this read told only what was refused: as read they would show 0."""
        refused = {(number, day) for told, number, day in self._refused if told == scope and day in days}
        return {(number, day) for number, day in refused if not self._is_told(session, number, day, scope)}

    def _is_told(self, session: Session, number: int, day: int, scope: Scope) -> bool:
        """Whether this read stored any fact of a metric and day."""
        found = session.connection().exec_driver_sql(
            "SELECT 1 FROM platform_analytics_raw "  # noqa: S608 -- integers of ours
            f"WHERE company_no = {self.place.company_no:d} AND config_no = {self.place.config_no:d} AND day = {day:d} "
            f"AND metric = {number:d} AND scope = {int(scope)} AND origin = {int(self.origin)} "
            f"AND seen = {self.stamp.seen:d} LIMIT 1"
        )
        return found.first() is not None

    def _changes(self, session: Session, page: Page) -> list[Change]:
        found = find_values(session.connection(), self.stamp, page)
        told = ((shared, key, row[4:]) for shared, rows in page.items() for key, row in rows.items())
        return [
            Change(shared, key, found.get((shared, key)), after)
            for shared, key, after in told
            if found.get((shared, key)) != after
        ]

    def _delete_unseen(self, session: Session, day: int, numbers: list[int], scope: Scope) -> int:
        # Day by day, so that the key leads straight to the slice.
        done = session.connection().exec_driver_sql(
            "DELETE FROM platform_analytics_raw "  # noqa: S608 -- integers of ours
            f"WHERE company_no = {self.place.company_no:d} AND config_no = {self.place.config_no:d} AND day = {day:d} "
            f"AND metric IN ({', '.join(str(int(number)) for number in numbers)}) AND scope = {int(scope)} "
            f"AND origin = {int(self.origin)} AND seen <> {self.stamp.seen:d}"
        )
        return done.rowcount

    def _checked(self, session: Session, facts: Sequence[Fact], counts: Counts, now: datetime) -> Page:
        """The page to merge: facts with numbers for names, without those that cannot be stored."""
        if not facts:
            return {}
        columns: _Columns = list(zip(*facts, strict=True))
        _, told_days, _, scopes, refs, cuts, currencies, hours = columns
        known = (
            self._numbers.of_postings(session, set(refs)),
            self._numbers.of_breakdowns(session, {cut for cut in set(cuts) if cut}),
            self._days(set(told_days), now),
        )
        page: Page = {}
        if all(column.count(column[0]) == len(facts) for column in (scopes, currencies, hours)):
            if not self._take_alike(page, columns, known):
                self._take_each(page, facts, known, counts)
            return page
        for group in _alike(facts):
            if not self._take_alike(page, list(zip(*group, strict=True)), known):
                self._take_each(page, group, known, counts)
        return page

    def _take_alike(self, page: Page, columns: _Columns, known: "_Known") -> bool:
        """Add facts of one scope, currency and hour column by column; False, and nothing added, if one is wrong."""
        postings, breakdowns, days = known
        names, told_days, values, scopes, refs, cuts, currencies, hours = columns
        kinds = {name: self._kind((name, scopes[0], currencies[0], hours[0])) for name in set(names)}
        first = kinds[names[0]]
        if set(map(type, values)) != {int} or any(isinstance(kind, str) for kind in kinds.values()):
            return False
        placed = list(map(days.get, told_days))
        numbers = list(map(postings.get, refs))
        if isinstance(first, str) or None in placed or None in numbers or (0 in numbers and first.wants_posting):
            return False
        if (not first.wants_posting and any(numbers)) or min(values) < first.lowest or max(values) > MAX_VALUE:
            return False
        metric = {name: kind.metric for name, kind in kinds.items() if not isinstance(kind, str)}
        cut = [breakdowns[one] if one else 0 for one in cuts] if any(cuts) else [0] * len(names)
        # What the checks above make sure of: no None is left in either.
        sure = cast(list[tuple[int, int]], placed)
        day, provisional = zip(*sure, strict=True)
        key = (day, list(map(metric.__getitem__, names)), cast(list[int], numbers), cut)
        rows = zip(*key, values, provisional, strict=True)
        page.setdefault(first.shared, {}).update(zip(zip(*key, strict=True), rows, strict=True))
        return True

    def _take_each(self, page: Page, facts: Sequence[Fact], known: "_Known", counts: Counts) -> None:
        """Add facts one by one, and count those that cannot be stored by the reason why."""
        postings, breakdowns, days = known
        for metric, day, value, scope, posting_ref, breakdown, currency, hour in facts:
            kind = self._kind((metric, scope, currency, hour))
            placed, posting = days.get(day), postings.get(posting_ref)
            reason = kind if isinstance(kind, str) else _fault_of(kind, placed, value, posting)
            if reason or isinstance(kind, str) or placed is None or posting is None:
                counts.reject(reason)
                self._refuse(metric, day, scope)
                continue
            key = (placed[0], kind.metric, posting, breakdowns[breakdown] if breakdown else 0)
            page.setdefault(kind.shared, {})[key] = (*key, value, placed[1])

    def _refuse(self, metric: object, day: object, scope: object) -> None:
        """Remember of which metric and day a fact was refused, where that can be told."""
        known = metrics.BY_NAME.get(metric) if isinstance(metric, str) else None
        if known and type(day) is date and isinstance(scope, int):
            self._refused.add((int(scope), known.number, day_number(day)))

    def _days(self, told: set[date], now: datetime) -> Mapping[date, tuple[int, int]]:
        """Day number and whether it is provisional, for the days that can be true."""
        latest = now.date() + timedelta(days=2)
        return {
            day: (day_number(day), int(self.final_before is not None and day >= self.final_before))
            for day in told
            if type(day) is date and EARLIEST <= day <= latest
        }

    def _kind(self, told: tuple[object, ...]) -> "_Kind | str":
        kind = self._kinds.get(told)
        if kind is None:
            kind = self._kinds[told] = _kind_of(told)
        return kind


def _alike(facts: Sequence[Fact]) -> Iterable[list[Fact]]:
    """The facts by scope, currency and hour, in their order."""
    groups: dict[tuple[object, ...], list[Fact]] = {}
    for fact in facts:
        # By identity: hashing an enum costs more than all the rest here.
        groups.setdefault((id(fact.scope), fact.currency, fact.hour), []).append(fact)
    return groups.values()


@dataclass(frozen=True, slots=True)
class _Kind:
    """What the unvarying parts of a fact come to."""

    metric: int
    shared: Shared
    lowest: int
    wants_posting: bool


def _fault_of(kind: _Kind, placed: tuple[int, int] | None, value: object, posting: int | None) -> str:
    """Why a fact of a known kind cannot be stored; "" where it can."""
    if placed is None:
        return "bad_day"
    if type(value) is not int:
        return "not_a_whole_number"
    if not kind.lowest <= value <= MAX_VALUE:
        return "negative" if -MAX_VALUE <= value < 0 else "out_of_range"
    if posting is None or (posting == 0) == kind.wants_posting:
        return "posting_missing" if kind.wants_posting else "posting_unexpected"
    return ""


def _kind_of(told: tuple[object, ...]) -> "_Kind | str":
    """The kind of a fact, or the reason why there can be none like it."""
    name, scope, currency, hour = told
    metric = metrics.BY_NAME.get(name) if isinstance(name, str) else None
    if metric is None:
        return "unknown_metric"
    if not isinstance(scope, int) or scope not in tuple(Scope):
        return "bad_scope"
    if type(hour) is not int or not -1 <= hour <= 23:
        return "bad_hour"
    is_money = metric.unit == "money"
    if not isinstance(currency, str) or is_money != bool(_CURRENCY.fullmatch(currency)) or (currency and not is_money):
        return "bad_currency"
    # A platform may give money back; it cannot take a view back.
    lowest = -MAX_VALUE if is_money else 0
    known = Scope(scope)
    return _Kind(metric.number, (int(known), hour, currency), lowest, known is Scope.POSTING)
