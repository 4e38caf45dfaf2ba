"""What do referrals bring, who brings it, and what does a hire by them cost beside the other sources?

Counted are referrals by the day they were sent, and how far each of them came since. Of two that were merged, the kept
one counts. Costs are the period's spend by the period's hires, each on its own day, as everywhere else.
"""

import uuid
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

from sqlalchemy import Float, cast, func, select, type_coerce
from sqlalchemy.types import NullType
from sqlmodel import Session

from domain.metrics import BY_NAME
from domain.money import Money
from domain.periods import Period
from domain.platforms import BY_NUMBER as PLATFORMS
from domain.rates import Rate
from domain.rewards import MILESTONES
from store.engine import is_sqlite
from store.reports.numbers import Asked, read_sums
from store.reports.performance import DAY_SECONDS, instants
from store.reports.scope import CompanyScope
from store.tables import JobPosting, Referral, User

_REFERRALS = Referral.__table__  # type: ignore[attr-defined]
_POSTINGS = JobPosting.__table__  # type: ignore[attr-defined]
_USERS = User.__table__  # type: ignore[attr-defined]
MOST_GROUPS = 200
MOST_LEADERS = 20
#: How far a referral came, in order.
_FATES = ("", *MILESTONES)
_SPEND, _HIRES = BY_NAME["spend"].number, BY_NAME["hires"].number


@dataclass(frozen=True, slots=True)
class Counts:
    """Referrals sent, and how many of them came at least so far."""

    sent: int = 0
    applied: int = 0
    interviewed: int = 0
    hired: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.sent + other.sent,
            self.applied + other.applied,
            self.interviewed + other.interviewed,
            self.hired + other.hired,
        )

    @property
    def conversion(self) -> Rate:
        """Those who applied, of those sent."""
        return Rate(self.applied, self.sent)

    @property
    def hire_rate(self) -> Rate:
        """Those who were hired, of those sent."""
        return Rate(self.hired, self.sent)


@dataclass(frozen=True, slots=True)
class Group:
    """The counts of one posting or department; `label` "" where nobody said which."""

    label: str
    counts: Counts
    posting_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Only referrals of this department ("" for all) or posting."""

    department: str = ""
    posting_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class TimeToApply:
    """Days from being referred to applying, of `measured` people who were named; None of nobody."""

    mean_days: float | None
    median_days: float | None
    measured: int


@dataclass(frozen=True, slots=True)
class SourceCost:
    """One platform's spend by currency and its hires; `per_hire` only where all was spent in one currency."""

    platform: str
    label: str
    spend: tuple[Money, ...]
    hires: int | None
    per_hire: Money | None


@dataclass(frozen=True, slots=True)
class ReferralStatistics:
    """All of it for one period. Groups hold the busiest first, at most MOST_GROUPS."""

    period: Period
    counts: Counts
    time_to_apply: TimeToApply
    departments: tuple[Group, ...]
    postings: tuple[Group, ...]
    costs: tuple[SourceCost, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Somebody's place among the referrers; `rank` is shared by equals. `is_hidden`: only they themselves see it."""

    rank: int
    user_id: uuid.UUID
    name: str
    counts: Counts
    is_own: bool = False
    is_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """The first places, and one's own wherever it is; None for who referred nobody in the period."""

    places: tuple[Place, ...]
    own: Place | None = field(default=None)


def get_statistics(
    session: Session, company: CompanyScope, period: Period, narrowed: Narrowed | None = None
) -> ReferralStatistics:
    """The period's referrals and what became of them."""
    narrowed = narrowed or Narrowed()
    by_posting = _by_posting(session, company, period, narrowed)
    counts = Counts()
    departments: dict[str, Counts] = {}
    for department, group in by_posting:
        counts += group.counts
        departments[department] = departments.get(department, Counts()) + group.counts
    return ReferralStatistics(
        period=period,
        counts=counts,
        time_to_apply=_time_to_apply(session, company, period, (narrowed, [one.posting_id for _, one in by_posting])),
        departments=_busiest(Group(name, told) for name, told in departments.items()),
        postings=_busiest(group for _, group in by_posting),
        costs=list_costs(session, company, period),
    )


def list_costs(session: Session, company: CompanyScope, period: Period) -> tuple[SourceCost, ...]:
    """Every platform that spent or hired in the period: what a hire cost, referrals first, then by hires."""
    sums = read_sums(Asked(session, company.number), ("spend", "hires"), [period])[period]
    found = []
    for number in sorted({platform for _, platform, _ in sums}):
        spend = tuple(
            Money(entry.value, currency)
            for (metric, platform, currency), entry in sorted(sums.items())
            if (metric, platform) == (_SPEND, number) and entry.value
        )
        hires = sums.get((_HIRES, number, ""))
        if not spend and not (hires and hires.value):
            continue
        per_hire = spend[0].per(hires.value) if hires and len(spend) == 1 else None
        platform = PLATFORMS[number]
        found.append(SourceCost(platform.key, platform.label, spend, hires.value if hires else None, per_hire))
    return tuple(sorted(found, key=lambda one: (one.platform != "referrals", -(one.hires or 0), one.label)))


def get_leaderboard(
    session: Session,
    company: CompanyScope,
    period: Period,
    user_id: uuid.UUID | None,
    *,
    narrowed: Narrowed | None = None,
    most: int = MOST_LEADERS,
) -> Leaderboard:
    """Who referred with most effect: by hires, then applications, then referrals. Of who left the board, only one's own
    place is told, to oneself."""
    parts = _within(company, period, narrowed or Narrowed())
    if narrowed and narrowed.department:
        of_it = select(_POSTINGS.c.id).where(
            _POSTINGS.c.company_id == company.id, _POSTINGS.c.department == narrowed.department
        )
        parts.append(_REFERRALS.c.posting_id.in_(of_it))
    counted = _tally(session, _REFERRALS.c.referrer_id, parts)
    columns = (
        _USERS.c.id,
        _USERS.c.name,
        _USERS.c.email,
        (_USERS.c.is_on_board & _USERS.c.is_active).label("is_shown"),
    )
    rows = session.execute(select(*columns).where(_USERS.c.company_id == company.id))
    told = [(counted[row.id], row) for row in rows if row.id in counted and (row.is_shown or row.id == user_id)]
    told.sort(key=lambda one: (_worth(one[0]), one[1].name.casefold(), str(one[1].id)))
    worths = sorted(_worth(counts) for counts, row in told if row.is_shown)
    places = [
        Place(
            rank=1 + bisect_left(worths, _worth(counts)),
            user_id=row.id,
            name=row.name or row.email,
            counts=counts,
            is_own=row.id == user_id,
            is_hidden=not row.is_shown,
        )
        for counts, row in told
    ]
    own = next((place for place in places if place.is_own), None)
    return Leaderboard(tuple(place for place in places if not place.is_hidden)[:most], own)


def is_on_board(session: Session, user_id: uuid.UUID) -> bool:
    """Whether somebody lets colleagues see them on the leaderboard."""
    return bool(session.execute(select(_USERS.c.is_on_board).where(_USERS.c.id == user_id)).scalar_one_or_none())


def _worth(counts: Counts) -> tuple[int, int, int]:
    """Smaller is better."""
    return (-counts.hired, -counts.applied, -counts.sent)


def _tally(session: Session, key: Any, parts: list[Any]) -> dict[uuid.UUID | None, Counts]:
    """Counts by a column of ids."""
    reached = _REFERRALS.c.reached
    if is_sqlite(session):
        # It groups by sorting: of a hundred thousand rows that takes three times as long as counting them here.
        result = session.connection().execute(select(type_coerce(key, NullType()), reached).where(*parts))
        rows = [(uuid.UUID(one) if one else None, far, n) for (one, far), n in Counter(_raw(result)).items()]
    else:
        grouped = select(key, reached, func.count()).where(*parts).group_by(key, reached)
        rows = [tuple(row) for row in session.execute(grouped)]
    found: dict[uuid.UUID | None, Counts] = {}
    for one, far, number in rows:
        place = _FATES.index(far)
        found[one] = found.get(one, Counts()) + Counts(number, *(number * (place >= step) for step in (1, 2, 3)))
    return found


def _raw(result: Any) -> list[Any]:
    """Rows as the driver gives them: SQLAlchemy would make an object of each."""
    rows: list[Any] = result.cursor.fetchall()
    result.close()
    return rows


def _within(company: CompanyScope, period: Period, narrowed: Narrowed) -> list[Any]:
    start, end = instants(period, company.time_zone)
    sent_at = _REFERRALS.c.sent_at
    parts = [_REFERRALS.c.company_id == company.id, sent_at >= start, sent_at < end, _REFERRALS.c.merged_into.is_(None)]
    if narrowed.posting_id is not None:
        parts.append(_REFERRALS.c.posting_id == narrowed.posting_id)
    return parts


def _by_posting(session: Session, company: CompanyScope, period: Period, narrowed: Narrowed) -> list[tuple[str, Group]]:
    """(department, group of a posting)."""
    counted = _tally(session, _REFERRALS.c.posting_id, _within(company, period, narrowed))
    columns = (_POSTINGS.c.id, _POSTINGS.c.title, _POSTINGS.c.department)
    rows = session.execute(select(*columns).where(_POSTINGS.c.company_id == company.id))
    known = {row.id: row for row in rows if row.id in counted}
    groups = [
        (known[key].department, Group(known[key].title, counts, key)) if key in known else ("", Group("", counts, key))
        for key, counts in counted.items()
    ]
    return [one for one in groups if narrowed.department in ("", one[0])]


def _busiest(groups: Iterable[Group]) -> tuple[Group, ...]:
    ordered = sorted(groups, key=lambda one: (-one.counts.sent, one.label, str(one.posting_id)))
    return tuple(ordered[:MOST_GROUPS])


def _time_to_apply(
    session: Session, company: CompanyScope, period: Period, asked: tuple[Narrowed, Sequence[uuid.UUID | None]]
) -> TimeToApply:
    """Who came by a personal link had not been named before: nothing was waited for. `asked` names the postings."""
    narrowed, posting_ids = asked
    measured = [*_within(company, period, narrowed), _REFERRALS.c.converted_at.is_not(None)]
    measured.append(_REFERRALS.c.link_id.is_(None))
    if narrowed.department:
        measured.append(_REFERRALS.c.posting_id.in_(posting_ids))
    seconds = _seconds(session)
    if is_sqlite(session):
        # It has no median, and would sort twice for one.
        waited = [row[0] for row in _raw(session.connection().execute(select(seconds).where(*measured)))]
        number, mean, middle = len(waited), fmean(waited or [0.0]), median(waited or [0.0])
    else:
        columns = (func.count(), func.avg(seconds), func.percentile_cont(0.5).within_group(seconds))
        number, mean, middle = session.execute(select(*columns).where(*measured)).one()
    if not number:
        return TimeToApply(None, None, 0)
    return TimeToApply(mean / DAY_SECONDS, middle / DAY_SECONDS, number)


def _seconds(session: Session) -> Any:
    """Seconds from sending to applying; 0 where only the day of applying is known, and it is that of sending."""
    sent_at, applied_at = _REFERRALS.c.sent_at, _REFERRALS.c.converted_at
    if is_sqlite(session):
        days = func.julianday(applied_at) - func.julianday(sent_at)
        return func.max(days * float(DAY_SECONDS), 0.0)
    return cast(func.greatest(func.extract("epoch", applied_at) - func.extract("epoch", sent_at), 0), Float)
