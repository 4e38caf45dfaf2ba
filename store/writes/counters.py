"""Running totals as read: kept as snapshots, and turned into the facts of the day by domain/counters.py.

`take` is part of a page's transaction, `close` comes when all of a read's counters are in.
"""

from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session

from domain import metrics
from domain.counters import Growth, Snapshot, beginning, growth
from domain.facts import MAX_VALUE, Fact, Origin, Scope, day_number
from store.engine import is_sqlite
from store.tables import CounterSnapshot, ExternalPosting, RawFact, ReadCoverage
from store.writes.coverage import cover, mark_dirty
from store.writes.facts import Counts, FactWriter, Place
from store.writes.numbers import Numbers

_TABLE = CounterSnapshot.__table__  # type: ignore[attr-defined]
_KEY = ("config_no", "external_no", "metric", "day")
#: Days before in which the last look is searched for, to call it final.
_LONGEST_PAUSE = 60
#: (external posting, metric number)
_Name = tuple[int, int]


class Told(Protocol):
    """A running total as a connector tells it."""

    @property
    def metric(self) -> str:
        """Name of the metric."""

    @property
    def posting(self) -> str:
        """The platform's id of the posting."""

    @property
    def value(self) -> int:
        """The total as it stands."""

    @property
    def is_exact(self) -> bool:
        """False for a bound."""


@dataclass(slots=True)
class Taken:
    """What a page's counters came to: the facts to write, and what was left out, by reason."""

    facts: list[Fact] = field(default_factory=list)
    rejections: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Closing:
    """What the day's counters came to: rows written, and flags for the numbers ("gap", "inexact")."""

    counts: Counts = field(default_factory=Counts)
    flags: set[str] = field(default_factory=set)


class CounterWriter:
    """Writes the counters of one read of one connection, all for the day `told_of` in the connection's zone."""

    def __init__(self, place: Place, facts: FactWriter, told_of: date, zone: ZoneInfo) -> None:
        self.place, self._facts, self._told_of, self._zone = place, facts, told_of, zone
        self._day = day_number(told_of)
        self._numbers = Numbers(place.company_id, place.company_no, place.config_id, place.config_no)

    def take(self, session: Session, told: Sequence[Told], *, now: datetime) -> Taken:
        """Keep the totals as the day's snapshots. The facts are the postings' growth on the day, for the caller to
        write in the same transaction. Never fails for the sake of a bad counter.
        """
        taken = Taken()
        snapshots, refs = self._checked(session, told, taken)
        before = self._before(session, snapshots)
        earlier = self._on_the_day(session)
        self._keep(session, snapshots, now)
        for name, snapshot in snapshots.items():
            grown = growth(before.get(name), snapshot)
            was = growth(before.get(name), earlier[name]) if name in earlier else None
            # A zero needs no fact, except in the place of one that an earlier reading for this day has left.
            if grown is not None and (grown.value or (was is not None and was.value)):
                metric = metrics.BY_NUMBER[name[1]].name
                taken.facts.append(Fact(metric, self._told_of, grown.value, Scope.POSTING, refs[name[0]]))
        return taken

    def close(self, session: Session, totals: Iterable[str], *, now: datetime) -> Closing:
        """Cover the day for every metric with a dated growth, write the sums of those named in `totals`, and make the
        day of the last look before it final. Zero counters read means that nothing is covered: missing is not zero.
        """
        done = Closing()
        snapshots = self._on_the_day(session)
        before = self._before(session, snapshots)
        grown = {name: found for name, each in snapshots.items() if (found := growth(before.get(name), each))}
        done.flags |= {"gap"} if any(each.gap_days for each in grown.values()) else set()
        done.flags |= {"inexact"} if not all(each.is_exact for each in snapshots.values()) else set()
        known = {number for _, number in grown}
        if not known:
            return done
        summed = {metrics.metric(name).number for name in totals} & known
        sums = _sums(grown)
        facts = [Fact(metrics.BY_NUMBER[number].name, self._told_of, sums[number]) for number in sorted(summed)]
        done.counts.add(self._facts.write(session, facts, now=now))
        dirty = set[int]()
        for scope, numbers in ((Scope.POSTING, known), (Scope.TOTAL, summed)):
            covered = [(self._day, number, True) for number in sorted(numbers)]
            dirty |= cover(session, self.place, covered, scope=scope, origin=Origin.POLL, now=now)
            dirty |= self._finish(session, scope, numbers)
        mark_dirty(session, self.place, dirty, now=now)
        return done

    def _checked(
        self, session: Session, told: Sequence[Told], taken: Taken
    ) -> tuple[dict[_Name, Snapshot], dict[int, str]]:
        """The snapshots by name, the last one of each, and the postings' ids by number."""
        numbers = self._numbers.of_postings(session, {each.posting for each in told})
        snapshots, refs = dict[_Name, Snapshot](), dict[int, str]()
        for each in told:
            number, metric = numbers.get(each.posting, 0), metrics.BY_NAME.get(each.metric)
            reason = _reason_against(each, number, metric is not None)
            if reason or metric is None:
                taken.rejections[reason] = taken.rejections.get(reason, 0) + 1
                continue
            snapshots[number, metric.number] = Snapshot(self._day, each.value, each.is_exact)
            refs[number] = each.posting
        return snapshots, refs

    def _before(self, session: Session, names: Iterable[_Name]) -> dict[_Name, Snapshot]:
        """The last snapshot before the day of each counter, or the zero from which a new one began."""
        columns = _TABLE.c
        earlier = (columns.config_no == self.place.config_no, columns.day < self._day)
        last = (
            select(columns.external_no, columns.metric, func.max(columns.day).label("day"))
            .where(*earlier)
            .group_by(columns.external_no, columns.metric)
            .subquery()
        )
        same = (
            (columns.external_no == last.c.external_no)
            & (columns.metric == last.c.metric)
            & (columns.day == last.c.day)
        )
        rows = session.connection().execute(_snapshots().join_from(_TABLE, last, same).where(*earlier))
        found = _by_name(rows)
        last_looks: dict[int, int] = {}
        for (_, metric), snapshot in found.items():
            last_looks[metric] = max(last_looks.get(metric, snapshot.day), snapshot.day)
        new = [name for name in names if name not in found]
        began = self._began(session, {posting for posting, _ in new})
        for posting, metric in new:
            start = beginning(began.get(posting), last_looks.get(metric))
            if start is not None:
                found[posting, metric] = start
        return found

    def _began(self, session: Session, postings: set[int]) -> dict[int, int]:
        """The day each posting was posted on, in the connection's zone, where the platform tells."""
        if not postings:
            return {}
        columns = ExternalPosting.__table__.c  # type: ignore[attr-defined]
        query = select(columns.number, columns.posted_at).where(
            columns.config_id == self.place.config_id, columns.posted_at.is_not(None)
        )
        rows = session.connection().execute(query)
        return {number: day_number(at.astimezone(self._zone).date()) for number, at in rows if number in postings}

    def _on_the_day(self, session: Session) -> dict[_Name, Snapshot]:
        columns = _TABLE.c
        query = _snapshots().where(columns.config_no == self.place.config_no, columns.day == self._day)
        return _by_name(session.connection().execute(query))

    def _keep(self, session: Session, snapshots: dict[_Name, Snapshot], now: datetime) -> None:
        if not snapshots:
            return
        rows = [
            {
                "config_no": self.place.config_no,
                "external_no": posting,
                "metric": metric,
                "day": each.day,
                "value": each.value,
                "is_exact": each.is_exact,
                "taken_at": now.astimezone(UTC),
            }
            for (posting, metric), each in snapshots.items()
        ]
        connection = session.connection()
        statement: Any = (sqlite if is_sqlite(connection) else postgresql).insert(_TABLE)
        changed = {name: statement.excluded[name] for name in ("value", "is_exact", "taken_at")}
        connection.execute(statement.on_conflict_do_update(index_elements=list(_KEY), set_=changed), rows)

    def _finish(self, session: Session, scope: Scope, numbers: set[int]) -> set[int]:
        """Nothing is added to an earlier day any more, now that a later one was read. Returns the days this changed."""
        changed = set[int]()
        for table in (ReadCoverage.__table__, RawFact.__table__):  # type: ignore[attr-defined]
            columns = table.c
            ours = (
                columns.company_no == self.place.company_no,
                columns.config_no == self.place.config_no,
                columns.day.between(self._day - _LONGEST_PAUSE, self._day - 1),
                columns.metric.in_(sorted(numbers)),
                columns.scope == int(scope),
                columns.origin == int(Origin.POLL),
                columns.provisional == 1,
            )
            connection = session.connection()
            changed |= set(connection.execute(select(columns.day).distinct().where(*ours)).scalars())
            connection.execute(update(table).where(*ours).values(provisional=0))
        return changed


def _reason_against(told: Told, number: int, is_metric: bool) -> str:
    if not is_metric:
        return "unknown_metric"
    if not number:
        return "posting_missing"
    if type(told.value) is not int:
        return "not_a_whole_number"
    if not 0 <= told.value <= MAX_VALUE:
        return "negative" if told.value < 0 else "out_of_range"
    return ""


def _snapshots() -> Any:
    columns = _TABLE.c
    return select(columns.external_no, columns.metric, columns.day, columns.value, columns.is_exact)


def _by_name(rows: Iterable[Any]) -> dict[_Name, Snapshot]:
    return {(posting, metric): Snapshot(day, value, bool(exact)) for posting, metric, day, value, exact in rows}


def _sums(grown: dict[_Name, Growth]) -> dict[int, int]:
    sums = Tally[int]()
    for (_, number), each in grown.items():
        sums[number] += each.value
    return sums
