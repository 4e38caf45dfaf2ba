"""Who applied, by which source and how far did they get? And who was recommended by whom?

Names and e-mails are opened here and masked before they leave, unless `personal` is asked for: callers check the right.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, and_, false, func, literal, or_, select, union_all
from sqlmodel import Session, col

from domain.filters import Filters
from domain.masking import mask_email, mask_name
from domain.periods import Period
from domain.platforms import BY_KEY
from store.emails import has_email
from store.engine import is_sqlite
from store.reports.performance import instants
from store.reports.scope import CompanyScope
from store.tables import Application, ApplicationRef, JobPosting, Referral
from store.tables.applicants import STAGES
from store.vault import Vault, VaultError

#: Applications of one address that are looked at.
_MOST_OF_ONE = 1000
#: Sealed name and e-mail of a row → shown ones.
Opener = Callable[[uuid.UUID, str, str], tuple[str, str]]
After = tuple[datetime, uuid.UUID]


@dataclass(frozen=True, slots=True)
class ApplicantRow:
    """One application. `reached_at` has the instant of each stage that was reached."""

    id: uuid.UUID
    external_ref: str
    posting_id: uuid.UUID | None
    posting_title: str
    candidate_name: str
    candidate_email: str
    platform: str
    source: str
    told_by: str
    stage: str
    applied_at: datetime
    reached_at: dict[str, datetime]


@dataclass(frozen=True, slots=True)
class ReferralRow:
    """One recommendation of a candidate by an employee; the reward in minor units of its currency.

    `ended` is why it counts no more, as `end_of` says it.
    """

    id: uuid.UUID
    posting_id: uuid.UUID | None
    posting_title: str
    referrer_name: str
    candidate_name: str
    candidate_email: str
    status: str
    ended: str
    sent_at: datetime
    converted_at: datetime | None
    reward_status: str
    reward_minor: int
    reward_currency: str


@dataclass(frozen=True, slots=True)
class Applicants:
    """Which applications or referrals: of a period, of platforms, in a stage or state, for a posting.

    `referred`: only applications that a referral led to, or only others. `is_oldest_first` turns the order round.
    """

    period: Period
    filters: Filters
    state: str = ""
    posting_id: uuid.UUID | None = None
    referred: bool | None = None
    is_oldest_first: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: behind the row of this key (applied at, id), or ends right before it."""

    key: After
    is_end: bool = False


def list_applicants(
    session: Session,
    company: CompanyScope,
    wanted: Applicants,
    opener: Opener,
    *,
    after: After | None = None,
    place: Place | None = None,
    limit: int,
) -> list[ApplicantRow]:
    """Applications of the period, newest first, those behind `after` (or at `place`), at most `limit`."""
    place = place or (Place(after) if after else None)
    keys = session.execute(page_of_keys(session, company, wanted, place, limit)).all()
    return [_applicant(row, title, opener) for row, title in _in_full(session, [key.id for key in keys])]


def list_ids(session: Session, company: CompanyScope, wanted: Applicants, *, limit: int) -> list[uuid.UUID]:
    """The ids alone, of the first ones."""
    return [key.id for key in session.execute(page_of_keys(session, company, wanted, None, limit))]


def count_applicants(session: Session, company: CompanyScope, wanted: Applicants, *, most: int) -> int:
    """How many applications there are, counted no further than `most` + 1."""
    branches = [
        select(branch.with_only_columns(literal(1).label("one")).limit(most + 1).subquery())
        for branch in _branches(session, company, wanted)
    ]
    few = select(union_all(*branches).subquery()).limit(most + 1)
    return int(session.execute(select(func.count()).select_from(few.subquery())).scalar_one())


def search_applicants(
    session: Session, company: CompanyScope, sought: tuple[str, str], opener: Opener, *, limit: int
) -> list[ApplicantRow]:
    """Applications of one person or of one name, of any period, newest first.

    `sought` is (digest of the exact e-mail address, the application's name in any system), "" for neither.
    """
    email_index, ref = sought
    found: set[uuid.UUID] = set()
    whose = col(Application.company_id) == company.id
    if email_index:
        # Ordered here: asked for the newest ones, SQLite reads all applications by their days.
        by_email = select(col(Application.id)).where(*has_email(session, company.id, email_index))
        found |= set(session.execute(by_email.limit(_MOST_OF_ONE)).scalars())
    if ref:
        by_ref = select(col(Application.id)).where(whose, col(Application.external_ref) == ref)
        found |= set(session.execute(by_ref).scalars())
        names = select(col(ApplicationRef.application_id)).where(
            col(ApplicationRef.company_id) == company.id,
            col(ApplicationRef.scope).in_(("", *BY_KEY)),
            col(ApplicationRef.ref) == ref,
        )
        found |= set(session.execute(names).scalars())
    rows = [_applicant(row, title, opener) for row, title in _in_full(session, list(found))]
    return sorted(rows, key=lambda row: (row.applied_at, row.id), reverse=True)[:limit]


def find_applicant(
    session: Session, company: CompanyScope, application_id: uuid.UUID, opener: Opener
) -> ApplicantRow | None:
    """One application; None where the company has none of this id."""
    rows = _in_full(session, [application_id])
    return next((_applicant(row, title, opener) for row, title in rows if row.company_id == company.id), None)


def page_of_keys(
    session: Session, company: CompanyScope, wanted: Applicants, place: Place | None, limit: int
) -> Select[Any]:
    """(id, applied at) of a page, in its order: of each branch no more rows are read than the page has."""
    turned = bool(place and place.is_end)
    is_rising = wanted.is_oldest_first != turned
    branches = []
    for branch in _branches(session, company, wanted):
        at, key = branch.selected_columns.applied_at, branch.selected_columns.id
        if place is not None:
            branch = branch.where(*_beyond(at, key, place.key, is_rising=is_rising))
        order = (at, key) if is_rising else (at.desc(), key.desc())
        branches.append(select(branch.order_by(*order).limit(limit).subquery()))
    found = union_all(*branches).subquery()
    order = (found.c.applied_at, found.c.id) if is_rising else (found.c.applied_at.desc(), found.c.id.desc())
    page = select(found.c.id, found.c.applied_at).order_by(*order).limit(limit)
    if not turned:
        return page
    # The rows right before a place were read from it backwards.
    back = page.subquery()
    order = (back.c.applied_at.desc(), back.c.id.desc()) if is_rising else (back.c.applied_at, back.c.id)
    return select(back.c.id, back.c.applied_at).order_by(*order)


def _branches(session: Session, company: CompanyScope, wanted: Applicants) -> list[Select[Any]]:
    """Parts of the answer that do not overlap, each of which one index gives in order of applying.

    By platform and stage there is one for every pair, so that no combination reads rows that it does not show.
    """
    start, end = instants(wanted.period, company.time_zone)
    table = Application.__table__  # type: ignore[attr-defined]
    base = select(table.c.id, table.c.applied_at).where(table.c.applied_at >= start, table.c.applied_at < end)
    platforms, stages = wanted.filters.platforms, (wanted.state,) if wanted.state else ()
    narrowing = [
        *([table.c.source_platform.in_(platforms)] if platforms else []),
        *([table.c.stage.in_(stages)] if stages else []),
    ]
    if wanted.posting_id is not None:
        # Whose posting it is was asked before: by its company too, the index of all applications would do as well.
        if not _is_ours(session, company, wanted.posting_id):
            return [base.where(false())]
        return [_referred(base.where(table.c.posting_id == wanted.posting_id, *narrowing), wanted)]
    whose = base.where(table.c.company_id == company.id)
    if wanted.referred:
        return [_led_to(session, company, wanted)]
    if not narrowing:
        return [_referred(whose, wanted)]
    return [
        _referred(whose.where(table.c.source_platform == platform, table.c.stage == stage), wanted)
        for platform in platforms or BY_KEY
        for stage in stages or STAGES
    ]


def _is_ours(session: Session, company: CompanyScope, posting_id: uuid.UUID) -> bool:
    ours = select(col(JobPosting.id)).where(col(JobPosting.id) == posting_id, col(JobPosting.company_id) == company.id)
    return session.execute(ours).first() is not None


def _referred(query: Select[Any], wanted: Applicants) -> Select[Any]:
    if wanted.referred is None:
        return query
    referrals = Referral.__table__  # type: ignore[attr-defined]
    # By the application alone: named too, the company would be what SQLite looks referrals up by.
    one = select(referrals.c.id).where(referrals.c.application_id == query.selected_columns.id).exists()
    return query.where(one if wanted.referred else ~one)


def _led_to(session: Session, company: CompanyScope, wanted: Applicants) -> Select[Any]:
    """Applications that referrals led to. There are fewer of these: SQLite looks them up one by one by their ids.

    Without statistics, whatever else is asked would tempt it into walking through all applications, as an order by day
    does. PostgreSQL knows how rare what is asked for is.
    """
    start, end = instants(wanted.period, company.time_zone)
    table, referrals = Application.__table__, Referral.__table__  # type: ignore[attr-defined]
    told = (referrals.c.company_id == company.id, referrals.c.application_id.is_not(None))
    hidden = _unindexed if is_sqlite(session) else _as_it_is
    at = hidden(table.c.applied_at)
    return select(table.c.id, at.label("applied_at")).where(
        table.c.id.in_(select(referrals.c.application_id).where(*told)),
        hidden(table.c.company_id) == company.id,
        at >= start,
        at < end,
        *([hidden(table.c.source_platform).in_(wanted.filters.platforms)] if wanted.filters.platforms else []),
        *([hidden(table.c.stage) == wanted.state] if wanted.state else []),
    )


def _unindexed(column: Any) -> Any:
    return func.coalesce(column, column)


def _as_it_is(column: Any) -> Any:
    return column


def _beyond(at: Any, key: Any, after: After, *, is_rising: bool) -> tuple[Any, Any]:
    """Rows behind a key in the order of the page. The first condition is what an index is searched by."""
    if is_rising:
        return at >= after[0], or_(at > after[0], key > after[1])
    return at <= after[0], or_(at < after[0], key < after[1])


def _in_full(session: Session, ids: list[uuid.UUID]) -> list[tuple[Application, str | None]]:
    """The applications of these ids with their postings' titles, in the order of the ids."""
    found = {row.id: (row, title) for row, title in session.execute(_with_posting(Application).where(_id_in(ids)))}
    return [found[one] for one in ids if one in found]


def _id_in(ids: list[uuid.UUID]) -> Any:
    return col(Application.id).in_(ids)


def list_referrals(
    session: Session,
    company: CompanyScope,
    wanted: Applicants,
    opener: Opener,
    *,
    after: After | None,
    limit: int,
    referrer_id: uuid.UUID | None = None,
) -> list[ReferralRow]:
    """Referrals sent in the period, newest first, those behind `after` (sent at, id), at most `limit`; with
    `referrer_id` only this person's."""
    start, end = instants(wanted.period, company.time_zone)
    at, key = col(Referral.sent_at), col(Referral.id)
    query = _with_posting(Referral).where(col(Referral.company_id) == company.id, at >= start, at < end)
    if wanted.state:
        query = query.where(col(Referral.status) == wanted.state)
    if wanted.posting_id:
        query = query.where(col(Referral.posting_id) == wanted.posting_id)
    if referrer_id is not None:
        query = query.where(col(Referral.referrer_id) == referrer_id)
    query = query.where(_behind(at, key, after)).order_by(at.desc(), key.desc()).limit(limit)
    return [_referral(row, title, opener) for row, title in session.execute(query)]


def opener(vault: Vault, table: str, *, personal: bool) -> Opener:
    """What opens the sealed name and e-mail of a row, and masks both unless they are asked for in full."""

    def plain(row_id: uuid.UUID, column: str, sealed: str) -> str:
        try:
            return vault.open(table, row_id, column, sealed) if sealed else ""
        except VaultError:
            # Sealed with a key that was retired: no reason to show none of the others.
            return "\N{REPLACEMENT CHARACTER}"

    def open_both(row_id: uuid.UUID, name: str, email: str) -> tuple[str, str]:
        plain_name, plain_email = plain(row_id, "candidate_name", name), plain(row_id, "candidate_email", email)
        return (plain_name, plain_email) if personal else (mask_name(plain_name), mask_email(plain_email))

    return open_both


def _with_posting(table: Any) -> Any:
    return select(table, JobPosting.title).join(  # type: ignore[call-overload]
        JobPosting, col(JobPosting.id) == col(table.posting_id), isouter=True
    )


def _behind(at: Any, key: Any, after: After | None) -> Any:
    if after is None:
        return key.is_not(None)
    return or_(at < after[0], and_(at == after[0], key < after[1]))


def _applicant(row: Application, title: str | None, opener: Opener) -> ApplicantRow:
    name, email = opener(row.id, row.candidate_name, row.candidate_email)
    reached = {stage: getattr(row, f"{stage}_at") for stage in STAGES}
    return ApplicantRow(
        id=row.id,
        external_ref=row.external_ref,
        posting_id=row.posting_id,
        posting_title=title or row.posting_title,
        candidate_name=name,
        candidate_email=email,
        platform=row.source_platform,
        source=row.source,
        told_by=row.told_by,
        stage=row.stage,
        applied_at=row.applied_at,
        reached_at={stage: at for stage, at in reached.items() if at is not None},
    )


def end_of(row: Referral) -> str:
    """Why a referral counts no more: merged (into another one), declined or withdrawn; "" while it counts."""
    ends = (("merged", row.merged_into), ("declined", row.declined_at), ("withdrawn", row.withdrawn_at))
    return next((name for name, told in ends if told is not None), "")


def _referral(row: Referral, title: str | None, opener: Opener) -> ReferralRow:
    name, email = opener(row.id, row.candidate_name, row.candidate_email)
    return ReferralRow(
        id=row.id,
        posting_id=row.posting_id,
        posting_title=title or "",
        referrer_name=row.referrer_name,
        candidate_name=name,
        candidate_email=email,
        status=row.status,
        ended=end_of(row),
        sent_at=row.sent_at,
        converted_at=row.converted_at,
        reward_status=row.reward_status,
        reward_minor=row.reward_minor,
        reward_currency=row.reward_currency,
    )
