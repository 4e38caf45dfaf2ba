"""Which rewards wait, are owed, were paid? And what may each of these referrals still earn?"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Row, and_, case, func, or_, select
from sqlmodel import Session

from domain.money import Money
from domain.periods import local_day
from domain.rewards import LIVE, condition, promise
from store.among import among
from store.reports.applicants import Opener
from store.reports.scope import CompanyScope
from store.tables import JobPosting, Referral, ReferralReward, User
from store.writes.rewards import flag_columns, flag_of, flagged_from

_REWARDS = ReferralReward.__table__  # type: ignore[attr-defined]
_REFERRALS = Referral.__table__  # type: ignore[attr-defined]
_POSTINGS = JobPosting.__table__  # type: ignore[attr-defined]
_USERS = User.__table__  # type: ignore[attr-defined]
#: Whose word a reward has.
_DECIDERS = ("approved_by", "paid_by", "refused_by")
MOST_ROWS = 500
_AT_ONCE = 500
#: Referrals expired longer ago have been settled, even where no worker ran for weeks.
_UNSETTLED = timedelta(days=40)
#: What a list shows: rewards in which state. Pending ones are due, or their day is still to come.
LISTS = {
    "due": "pending",
    "promised": "pending",
    "approved": "approved",
    "paid": "paid",
    "refused": "refused",
    "lapsed": "lapsed",
}
#: Where the page before ended: what the list is ordered by (a day, an instant, None at the end), and the reward.
After = tuple[Any, uuid.UUID]


@dataclass(frozen=True, slots=True)
class RewardRow:
    """One reward as the desk shows it. The candidate is masked. `conflict` says why an admin should look at one that is
    due, approved or paid, "" for nothing."""

    id: uuid.UUID
    referral_id: uuid.UUID
    referrer_id: uuid.UUID | None
    referrer: str
    referrer_email: str
    candidate: str
    posting_title: str
    sent_at: datetime
    milestone: str
    condition: str
    amount: Money
    state: str
    due_on: date | None
    approved_by: str
    approved_at: datetime | None
    paid_by: str
    paid_at: datetime | None
    payout_ref: str
    refused_by: str
    refused_at: datetime | None
    note: str
    conflict: str

    @property
    def amount_minor(self) -> int:
        """The amount in minor units of its currency."""
        return self.amount.minor

    @property
    def currency(self) -> str:
        """ISO code of the amount's currency."""
        return self.amount.currency


@dataclass(frozen=True, slots=True)
class EarnedLine:
    """One reward of one referral, for who referred: what was promised, and how it stands."""

    words: str
    amount: Money
    condition: str
    state: str
    due_on: date | None
    paid_at: datetime | None
    note: str


@dataclass(frozen=True, slots=True)
class EarnedSum:
    """What somebody's referrals earn them in one currency, in minor units.

    `earned` is what fell due, `paid` the part of it that was paid; `pending` is promised for people who have applied,
    `possible` for those who have not.
    """

    currency: str
    earned: int
    paid: int
    pending: int
    possible: int


@dataclass(frozen=True, slots=True)
class WantedRewards:
    """Which rewards: a list of LISTS as of a day of the company, of a referrer, or of a payout."""

    which: str
    today: date
    referrer_id: uuid.UUID | None = None


def list_rewards(
    session: Session,
    company: CompanyScope,
    wanted: WantedRewards,
    opener: Opener,
    *,
    after: After | None = None,
    limit: int = MOST_ROWS,
) -> list[RewardRow]:
    """Rewards of one list, those behind `after`: paid ones newest first, the others by the day they are due."""
    at = _REWARDS.c.paid_at if wanted.which == "paid" else _REWARDS.c.due_on
    order = (at.desc(), _REWARDS.c.id.desc()) if wanted.which == "paid" else (at.is_(None), at, _REWARDS.c.id)
    keys = select(_REWARDS.c.id).where(*_within(company, wanted), _behind(wanted.which, after))
    if wanted.referrer_id is not None:
        keys = keys.join(_REFERRALS, _REFERRALS.c.id == _REWARDS.c.referral_id)
    chosen = keys.order_by(*order).limit(limit).subquery()
    rows = session.execute(_full().join(chosen, chosen.c.id == _REWARDS.c.id).order_by(*order)).all()
    names = _names(session, {decider for row in rows for name in _DECIDERS if (decider := row._mapping[name])})
    zone = ZoneInfo(company.time_zone)
    flags = wanted.which != "promised"
    return [_row(row, opener, flag_of(row, zone) if flags else "", names) for row in rows]


def key_of(row: RewardRow, which: str) -> After:
    """Where a page that ends with this row ends."""
    return (row.paid_at if which == "paid" else row.due_on), row.id


def list_earned(
    session: Session, company_id: uuid.UUID, referral_ids: Collection[uuid.UUID]
) -> dict[uuid.UUID, tuple[EarnedLine, ...]]:
    """What these referrals earn, by referral: nearest milestone first; absent where nothing was promised."""
    found: dict[uuid.UUID, list[EarnedLine]] = defaultdict(list)
    ids = sorted(set(referral_ids), key=str)
    for start in range(0, len(ids), _AT_ONCE):
        rows = session.execute(
            select(_REWARDS)
            .where(_REWARDS.c.company_id == company_id, _REWARDS.c.referral_id.in_(ids[start : start + _AT_ONCE]))
            .order_by(_REWARDS.c.referral_id, _REWARDS.c.milestone, _REWARDS.c.days_after, _REWARDS.c.id)
        )
        for row in rows:
            money = Money(row.amount_minor, row.currency)
            found[row.referral_id].append(
                EarnedLine(
                    words=promise(money, row.milestone, row.days_after),
                    amount=money,
                    condition=condition(row.milestone, row.days_after),
                    state=row.state,
                    due_on=row.due_on,
                    paid_at=row.paid_at,
                    note=row.note,
                )
            )
    return {referral_id: tuple(lines) for referral_id, lines in found.items()}


def sum_earned(session: Session, company: CompanyScope, referrer_id: uuid.UUID, now: datetime) -> list[EarnedSum]:
    """What a person's referrals earn them by currency, the company's own first; none where nothing was promised.

    Rewards that were not earned or were turned down count nowhere; so do those of referrals that have expired by `now`.
    """
    is_due = (_REWARDS.c.state == "pending") & (_REWARDS.c.due_on <= local_day(now, company.time_zone))
    is_late = (_REWARDS.c.state == "possible") & (_REFERRALS.c.expires_at <= now)
    kind = case((is_due, "due"), (is_late, "lapsed"), else_=_REWARDS.c.state).label("kind")
    rows = session.execute(
        select(kind, _REWARDS.c.currency, func.sum(_REWARDS.c.amount_minor).label("minor"))
        .join(_REFERRALS, _REFERRALS.c.id == _REWARDS.c.referral_id)
        .where(
            _REFERRALS.c.company_id == company.id,
            _REFERRALS.c.referrer_id == referrer_id,
            _REWARDS.c.state.in_(LIVE),
        )
        .group_by(kind, _REWARDS.c.currency)
    )
    sums: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        sums[row.currency][row.kind] += int(row.minor)
    return [
        EarnedSum(
            currency=currency,
            earned=sum(sums[currency][kind] for kind in ("due", "approved", "paid")),
            paid=sums[currency]["paid"],
            pending=sums[currency]["pending"],
            possible=sums[currency]["possible"],
        )
        for currency in sorted(sums, key=lambda one: (one != company.currency, one))
    ]


def sum_expired(session: Session, company_id: uuid.UUID, now: datetime) -> dict[str, int]:
    """Minor units by currency that stand as possible though their referral has expired: settled once a day."""
    since = now - _UNSETTLED
    ids = session.execute(
        select(_REFERRALS.c.id).where(
            _REFERRALS.c.company_id == company_id,
            _REFERRALS.c.status == "pending",
            _REFERRALS.c.expires_at > since,
            _REFERRALS.c.expires_at <= now,
        )
    ).scalars()
    # Looked up beforehand, by an index that has all of it: within one query each reward's referral would be read.
    rows = session.execute(
        select(_REWARDS.c.currency, func.sum(_REWARDS.c.amount_minor).label("minor"))
        .where(among(session, _REWARDS.c.referral_id, list(ids)), _REWARDS.c.state == "possible")
        .group_by(_REWARDS.c.currency)
    )
    return {row.currency: int(row.minor) for row in rows}


def _within(company: CompanyScope, wanted: WantedRewards) -> list[Any]:
    parts = [_REWARDS.c.company_id == company.id, _REWARDS.c.state == LISTS[wanted.which]]
    if wanted.which == "paid":
        parts.append(_REWARDS.c.paid_at.is_not(None))
    elif wanted.which == "due":
        parts.append(_REWARDS.c.due_on <= wanted.today)
    elif wanted.which == "promised":
        parts.append(or_(_REWARDS.c.due_on.is_(None), _REWARDS.c.due_on > wanted.today))
    if wanted.referrer_id is not None:
        parts.append(_REFERRALS.c.referrer_id == wanted.referrer_id)
    return parts


def _behind(which: str, after: After | None) -> Any:
    key = _REWARDS.c.id
    if after is None:
        return key.is_not(None)
    if which == "paid":
        at = _REWARDS.c.paid_at
        return or_(at < after[0], and_(at == after[0], key < after[1]))
    at = _REWARDS.c.due_on
    if after[0] is None:
        return and_(at.is_(None), key > after[1])
    return or_(at.is_(None), at > after[0], and_(at == after[0], key > after[1]))


def _full() -> Any:
    named = [_REFERRALS.c[name] for name in ("referrer_id", "referrer_name", "candidate_name", "sent_at")]
    return (
        select(
            _REWARDS,
            *named,
            *flag_columns(),
            _POSTINGS.c.title.label("posting_title"),
            _USERS.c.name.label("user_name"),
            _USERS.c.email.label("user_email"),
        )
        .select_from(flagged_from())
        .outerjoin(_POSTINGS, _POSTINGS.c.id == _REFERRALS.c.posting_id)
    )


def _names(session: Session, ids: Collection[uuid.UUID]) -> dict[uuid.UUID, str]:
    """Users' names. Asked apart: more than eight tables PostgreSQL joins in the order they are written, for seconds."""
    if not ids:
        return {}
    return {row.id: row.name for row in session.execute(select(_USERS.c.id, _USERS.c.name).where(_USERS.c.id.in_(ids)))}


def _row(row: Row[Any], opener: Opener, flag: str, names: Mapping[uuid.UUID, str]) -> RewardRow:
    approved_by, paid_by, refused_by = (names.get(row._mapping[name], "") for name in _DECIDERS)
    return RewardRow(
        id=row.id,
        referral_id=row.referral_id,
        referrer_id=row.referrer_id,
        referrer=row.user_name or row.referrer_name,
        referrer_email=row.user_email or "",
        candidate=opener(row.referral_id, row.candidate_name, "")[0],
        posting_title=row.posting_title or "",
        sent_at=row.sent_at,
        milestone=row.milestone,
        condition=condition(row.milestone, row.days_after),
        amount=Money(row.amount_minor, row.currency),
        state=row.state,
        due_on=row.due_on,
        approved_by=approved_by,
        approved_at=row.approved_at,
        paid_by=paid_by,
        paid_at=row.paid_at,
        payout_ref=row.payout_ref,
        refused_by=refused_by,
        refused_at=row.refused_at,
        note=row.note,
        conflict=flag,
    )
