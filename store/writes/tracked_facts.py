"""Facts made from what was tracked: for some days exactly what the events say, with what is covered by them."""

import uuid
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, delete, func, insert, select
from sqlmodel import Session

from domain.counting import TRACKED
from domain.facts import WHOLE_DAY, Origin, Scope, day_number
from store.tables import EventDirtyDay, EventProjection, ExternalPosting, RawFact, ReadCoverage
from store.writes.coverage import cover, mark_dirty
from store.writes.facts import Place
from store.writes.merge import Page, Stamp, merge_page
from store.writes.numbers import Numbers
from store.writes.postings import upsert_external_postings
from store.writes.tracked_counts import DayCounts, Tracked, posting_of

#: Pages that nobody has linked to a posting become external postings; of a flood of made-up ones, only so many.
MOST_PAGES = 2_000
_AT_ONCE = 300
_FACTS = RawFact.__table__  # type: ignore[attr-defined]
_POSTINGS = ExternalPosting.__table__  # type: ignore[attr-defined]
_DIRTY = EventDirtyDay.__table__  # type: ignore[attr-defined]
_COVERAGE = ReadCoverage.__table__  # type: ignore[attr-defined]
#: (day, metric, scope, external posting, breakdown)
Key = tuple[int, int, int, int, int]


@dataclass(frozen=True, slots=True)
class SitePage:
    """A page of the career site, as an external posting."""

    ref: str
    path: str
    title: str = ""
    requisition_ref: str = ""
    url: str = ""
    location: str = ""
    kind: str = "posting"
    links: tuple[str, ...] = ()
    campaign: str = ""
    posted_at: datetime | None = None


def event_days(session: Session, company_id: uuid.UUID) -> dict[int, int]:
    """The log's entries of a company: UTC day by id."""
    rows = session.execute(select(_DIRTY.c.id, _DIRTY.c.day).where(_DIRTY.c.company_id == company_id))
    return {row.id: row.day for row in rows}


def has_entries(session: Session, ids: Iterable[int]) -> bool:
    """Whether all of these entries are still in the log: nobody else has settled them meanwhile."""
    wanted = sorted(ids)
    found = 0
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        found += session.execute(select(func.count()).select_from(_DIRTY).where(_DIRTY.c.id.in_(part))).scalar_one()
    return found == len(wanted)


def delete_entries(session: Session, ids: Iterable[int]) -> None:
    """Take exactly these entries out of the log."""
    wanted = sorted(ids)
    for start in range(0, len(wanted), _AT_ONCE):
        session.connection().execute(delete(_DIRTY).where(_DIRTY.c.id.in_(wanted[start : start + _AT_ONCE])))


def find_projection(session: Session, target: Tracked) -> EventProjection | None:
    """The books of a platform's tracked facts; None before the first."""
    return session.get(EventProjection, (target.company_no, target.platform))


def write_days(session: Session, target: Tracked, told: Mapping[int, DayCounts], now: datetime) -> int:
    """Make the tracked facts of these days what was counted, and cover them; returns facts changed.

    Call `lock_company` first. Days on which nothing at all was heard are covered only where today is one of them.
    """
    place = Place(target.company_id, target.company_no, target.config_id, target.config_no)
    wanted = _numbered(session, target, place, told, now)
    stored = _stored(session, target, told)
    fresh = {key: value for key, value in wanted.items() if stored.get(key) != value}
    gone = [key for key in stored if key not in wanted]
    _delete(session, target, gone)
    merge_page(
        session.connection(), Stamp(target.company_no, target.config_no, int(Origin.EVENT), TRACKED), _page(fresh)
    )
    changed = {key[0] for key in (*fresh, *gone)}
    alive = {day for day, counts in told.items() if counts.is_alive}
    _keep_since(session, target, told)
    covered = cover_days(session, target, alive, now)
    mark_dirty(session, place, changed - covered, now=now)
    return len(fresh) + len(gone)


def cover_days(session: Session, target: Tracked, days: Iterable[int], now: datetime) -> set[int]:
    """Say that these days were tracked, for each metric from the first day on which it was; returns changed days.

    Those are entered as due for aggregation.
    """
    books = find_projection(session, target)
    known = sorted(days)
    if books is None or not known:
        return set()
    place = Place(target.company_id, target.company_no, target.config_id, target.config_no)
    told = [(day, int(metric), False) for metric, since in books.since.items() for day in known if day >= since]
    changed = cover(session, place, told, scope=Scope.TOTAL, origin=Origin.EVENT, now=now)
    mark_dirty(session, place, changed, now=now)
    today = day_number(now.astimezone(target.zone).date())
    if today in known:
        books.covered_until = max(today, books.covered_until or today)
        session.add(books)
        session.flush()
    return changed


def forget(session: Session, target: Tracked, config_no: int, most_days: int, now: datetime) -> int:
    """Delete the tracked facts of the first days covered at another connection; how many days that were.

    Call it until it returns 0: a connection may hold years.
    """
    whose = (_COVERAGE.c.company_no == target.company_no, _COVERAGE.c.config_no == config_no)
    tracked = (*whose, _COVERAGE.c.scope == int(Scope.TOTAL), _COVERAGE.c.origin == int(Origin.EVENT))
    days = session.execute(
        select(_COVERAGE.c.day).where(*tracked).distinct().order_by(_COVERAGE.c.day).limit(most_days)
    )
    doomed = list(days.scalars())
    if doomed:
        session.execute(delete(_COVERAGE).where(*tracked, _COVERAGE.c.day.in_(doomed)))
        session.execute(
            delete(_FACTS).where(
                _FACTS.c.company_no == target.company_no,
                _FACTS.c.config_no == config_no,
                _FACTS.c.day.in_(doomed),
                _FACTS.c.seen == TRACKED,
            )
        )
        mark_dirty(session, Place(target.company_id, target.company_no, target.config_id, config_no), doomed, now=now)
    return len(doomed)


def _numbered(
    session: Session, target: Tracked, place: Place, told: Mapping[int, DayCounts], now: datetime
) -> dict[Key, int]:
    """The counts under the numbers that stand for their postings and sources."""
    postings = _posting_numbers(session, place, {ref for one in told.values() for _, ref, _ in one.counts if ref}, now)
    names = Numbers(target.company_id, target.company_no, target.config_id, target.config_no)
    cuts = names.of_breakdowns(session, {cut for one in told.values() for _, _, cut in one.counts})
    wanted: dict[Key, int] = defaultdict(int)
    for day, one in told.items():
        for (metric, ref, cut), times in one.counts.items():
            if ref and ref not in postings:
                continue
            scope = Scope.POSTING if ref else Scope.TOTAL
            wanted[day, metric, int(scope), postings[ref] if ref else 0, cuts[cut]] += times
    return dict(wanted)


def _posting_numbers(session: Session, place: Place, refs: set[str], now: datetime) -> dict[str, int]:
    """Numbers of external postings by reference, made where they are new: ours are linked, pages wait to be."""
    found = _find_postings(session, place, refs)
    new = refs - found.keys()
    ours = [
        ExternalPosting(
            company_id=place.company_id,
            config_id=place.config_id,
            external_ref=ref,
            posting_id=posting_of(ref),
            linked_by="rule",
            linked_at=now,
            first_seen_at=now,
        ).model_dump(exclude={"number"})
        for ref in sorted(new)
        if posting_of(ref)
    ]
    if ours:
        session.connection().execute(insert(_POSTINGS), ours)
    pages = [SitePage(ref, ref) for ref in sorted(new) if not posting_of(ref)]
    if pages:
        whose = _POSTINGS.c.config_id == place.config_id
        held = session.execute(select(func.count()).select_from(_POSTINGS).where(whose)).scalar_one()
        upsert_external_postings(session, place, pages[: max(0, MOST_PAGES - held)], now=now)
    return found | (_find_postings(session, place, new) if new else {})


def _find_postings(session: Session, place: Place, refs: Iterable[str]) -> dict[str, int]:
    wanted, found = sorted(refs), dict[str, int]()
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        rows = session.execute(
            select(_POSTINGS.c.external_ref, _POSTINGS.c.number).where(
                _POSTINGS.c.config_id == place.config_id, _POSTINGS.c.external_ref.in_(part)
            )
        )
        found |= {row.external_ref: row.number for row in rows}
    return found


def _stored(session: Session, target: Tracked, days: Iterable[int]) -> dict[Key, int]:
    columns = (_FACTS.c.day, _FACTS.c.metric, _FACTS.c.scope, _FACTS.c.external_posting, _FACTS.c.breakdown)
    rows = session.execute(
        select(*columns, _FACTS.c.value).where(
            _FACTS.c.company_no == target.company_no,
            _FACTS.c.config_no == target.config_no,
            _FACTS.c.day.in_(sorted(days)),
            _FACTS.c.seen == TRACKED,
        )
    )
    return {(row[0], row[1], row[2], row[3], row[4]): row[5] for row in rows}


def _page(counts: Mapping[Key, int]) -> Page:
    page: Page = defaultdict(dict)
    for (day, metric, scope, posting, cut), times in counts.items():
        page[scope, WHOLE_DAY, ""][day, metric, posting, cut] = (day, metric, posting, cut, times, 0)
    return page


def _delete(session: Session, target: Tracked, gone: list[Key]) -> None:
    if not gone:
        return
    columns = ("day", "metric", "scope", "external_posting", "breakdown")
    session.connection().execute(
        delete(_FACTS).where(
            _FACTS.c.company_no == target.company_no,
            _FACTS.c.config_no == target.config_no,
            _FACTS.c.seen == TRACKED,
            *(_FACTS.c[name] == bindparam(f"its_{name}") for name in columns),
        ),
        [dict(zip((f"its_{name}" for name in columns), key, strict=True)) for key in gone],
    )


def _keep_since(session: Session, target: Tracked, told: Mapping[int, DayCounts]) -> None:
    """Note from which day on each metric is tracked, in the platform's books, which are made here."""
    books = find_projection(session, target)
    if books is None:
        if not any(one.heard for one in told.values()):
            return
        books = EventProjection(
            company_no=target.company_no,
            platform=target.platform,
            config_no=target.config_no,
            time_zone=target.zone.key,
            since={},
        )
    since = dict(books.since)
    for day, one in told.items():
        for metric in one.heard:
            since[str(metric)] = min(day, since.get(str(metric), day))
    if since != books.since:
        # Today is to be covered for the new metric too, even if it was covered before.
        books.since, books.covered_until = since, None
    session.add(books)
    session.flush()
