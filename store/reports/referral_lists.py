"""Which referrals are there, whose, how far did each come, and which personal links does somebody share?

Names and addresses are opened by the caller's opener: for the referrer what they typed, for the desk masked.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, or_, select, union_all
from sqlmodel import Session, col

from domain.periods import Period
from domain.referrals import is_expired, mailbox
from store.emails import has_email
from store.reports.applicants import After, Opener, end_of
from store.reports.performance import instants
from store.reports.scope import CompanyScope
from store.tables import Application, JobPosting, LinkClick, Mail, Referral, TrackingLink, User
from store.vault import Vault
from store.writes.referrals import window_days

#: How a referral stands, as a list may be narrowed to it.
STATES = ("pending", "applied", "interviewed", "hired", "rejected", "expired", "withdrawn", "declined", "merged")
MOST_COUNTED = 10_000
MOST_LINKS = 200
_CLICKS = LinkClick.__table__  # type: ignore[attr-defined]
_APPLICATIONS = Application.__table__  # type: ignore[attr-defined]


@dataclass(frozen=True, slots=True)
class WantedReferrals:
    """Which referrals: of a state (STATES), posting, referrer, period; of a person (digests) or with a code."""

    state: str = ""
    posting_id: uuid.UUID | None = None
    referrer_id: uuid.UUID | None = None
    period: Period | None = None
    persons: frozenset[str] = frozenset()
    code: str = ""


@dataclass(frozen=True, slots=True)
class ReferralLine:
    """One referral. `state` is one of STATES; `by_link`: nobody was named. `mail` is its newest invitation's state.

    `is_elsewhere`: the person applied for this posting, and that counts for a colleague whose link they came by.
    """

    id: uuid.UUID
    code: str
    posting_id: uuid.UUID | None
    posting_title: str
    referrer_id: uuid.UUID | None
    referrer_name: str
    candidate_name: str
    candidate_email: str
    by_link: bool
    state: str
    sent_at: datetime
    expires_at: datetime | None
    status_at: datetime | None
    converted_at: datetime | None
    application_id: uuid.UUID | None
    reward_status: str
    reward_minor: int
    reward_currency: str
    clicks: int = 0
    mail: str = ""
    is_elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class OwnLink:
    """A personal link with its clicks, and how many people applied by it. `posting_title` is "" for all postings."""

    id: uuid.UUID
    code: str
    posting_id: uuid.UUID | None
    posting_title: str
    clicks: int
    applied: int
    created_at: datetime
    is_open: bool


def list_lines(
    session: Session,
    company: CompanyScope,
    wanted: WantedReferrals,
    opener: Opener,
    *,
    now: datetime,
    after: After | None = None,
    limit: int = 50,
) -> list[ReferralLine]:
    """Referrals, newest first, those behind `after` (sent at, id), at most `limit`."""
    sent, key = col(Referral.sent_at), col(Referral.id)
    behind: list[Any] = []
    if after is not None:
        behind = [or_(sent < after[0], and_(sent == after[0], key < after[1]))]
    # The keys are found in an index; only the rows of the page are read.
    keys = (
        select(key)
        .where(*_within(session, company, wanted, now), *behind)
        .order_by(sent.desc(), key.desc())
        .limit(limit)
    )
    page = keys.subquery()
    rows = session.execute(
        select(Referral, col(JobPosting.title))
        .join(page, page.c.id == key)
        .join(JobPosting, col(JobPosting.id) == col(Referral.posting_id), isouter=True)
        .order_by(sent.desc(), key.desc())
    ).all()
    lines = [_line(row, title or "", opener, now) for row, title in rows]
    return _with_surroundings(session, company, lines, [row for row, _ in rows])


def count_lines(session: Session, company: CompanyScope, wanted: WantedReferrals, *, now: datetime) -> int:
    """How many there are; MOST_COUNTED + 1 stands for more than can be counted quickly."""
    some = select(col(Referral.id)).where(*_within(session, company, wanted, now)).limit(MOST_COUNTED + 1).subquery()
    return int(session.execute(select(func.count()).select_from(some)).scalar_one())


def find_line(
    session: Session, company: CompanyScope, referral_id: uuid.UUID, opener: Opener, *, now: datetime
) -> ReferralLine | None:
    """One referral of the company; None where it has no such one."""
    row = session.get(Referral, referral_id)
    if row is None or row.company_id != company.id:
        return None
    posting = session.get(JobPosting, row.posting_id) if row.posting_id else None
    line = _line(row, posting.title if posting else "", opener, now)
    return _with_surroundings(session, company, [line], [row])[0]


def list_own_links(session: Session, company: CompanyScope, user_id: uuid.UUID) -> list[OwnLink]:
    """Somebody's personal links, newest first."""
    applied = (
        select(col(Referral.link_id), func.count().label("applied"))
        .where(
            col(Referral.referrer_id) == user_id,
            col(Referral.link_id).is_not(None),
            col(Referral.withdrawn_at).is_(None),
            col(Referral.merged_into).is_(None),
        )
        .group_by(col(Referral.link_id))
        .subquery()
    )
    rows = session.execute(
        select(TrackingLink, col(JobPosting.title), col(JobPosting.status), applied.c.applied)
        .join(JobPosting, col(JobPosting.id) == col(TrackingLink.posting_id), isouter=True)
        .join(applied, applied.c.link_id == col(TrackingLink.id), isouter=True)
        .where(col(TrackingLink.company_id) == company.id, col(TrackingLink.referrer_id) == user_id)
        .order_by(col(TrackingLink.created_at).desc(), col(TrackingLink.id))
        .limit(MOST_LINKS)
    )
    return [
        OwnLink(
            id=link.id,
            code=link.slug,
            posting_id=link.posting_id,
            posting_title=title or "",
            clicks=link.clicks,
            applied=int(times or 0),
            created_at=link.created_at,
            is_open=link.disabled_at is None and status in (None, "open"),
        )
        for link, title, status, times in rows
    ]


def list_referrers(session: Session, company: CompanyScope) -> list[tuple[uuid.UUID, str]]:
    """(Id, name) of the company's people who may have referred somebody, by name."""
    name = func.coalesce(func.nullif(col(User.name), ""), col(User.email))
    rows = session.execute(select(col(User.id), name).where(col(User.company_id) == company.id).order_by(name))
    return [(row[0], row[1]) for row in rows]


def find_window(session: Session, company: CompanyScope) -> int:
    """For how many days new referrals of the company count."""
    return window_days(session, company.id)


def persons_of(vault: Vault, email: str) -> frozenset[str]:
    """The digests by which somebody with this address is found."""
    return frozenset(vault.digest("email-bidx", address) for address in (email, mailbox(email)))


def state_of(row: Referral, now: datetime) -> str:
    """How a referral stands, in one of STATES."""
    if ended := end_of(row):
        return ended
    return "expired" if is_expired(row.status, row.expires_at, now) else row.status


def _within(session: Session, company: CompanyScope, wanted: WantedReferrals, now: datetime) -> list[Any]:
    parts: list[Any] = [col(Referral.company_id) == company.id]
    if wanted.state:
        parts += _in_state(wanted.state, now)
    if wanted.posting_id:
        parts.append(col(Referral.posting_id) == wanted.posting_id)
    if wanted.referrer_id:
        parts.append(col(Referral.referrer_id) == wanted.referrer_id)
    if wanted.period:
        start, end = instants(wanted.period, company.time_zone)
        sent = col(Referral.sent_at)
        parts += [sent >= start, sent < end]
    if wanted.persons:
        parts.append(col(Referral.id).in_(_of_persons(session, company, wanted.persons)))
    if wanted.code:
        parts.append(col(Referral.code) == wanted.code)
    return parts


def _of_persons(session: Session, company: CompanyScope, persons: Collection[str]) -> list[uuid.UUID]:
    """Referrals of these persons, looked up beforehand: within a list they would be sought among all others."""
    whose = col(Referral.company_id) == company.id
    by_mailbox = select(col(Referral.id)).where(whose, col(Referral.person_index).in_(persons))
    by_address = select(col(Referral.id)).where(whose, col(Referral.email_index).in_(persons))
    return list(session.execute(union_all(by_mailbox, by_address)).scalars())


def _in_state(state: str, now: datetime) -> list[Any]:
    ended = {
        "merged": col(Referral.merged_into),
        "declined": col(Referral.declined_at),
        "withdrawn": col(Referral.withdrawn_at),
    }
    if state in ended:
        parts: list[Any] = [ended[state].is_not(None)]
        # Of several ends the first in the order of `state_of` is the one shown.
        earlier = list(ended)[: list(ended).index(state)]
        return parts + [ended[name].is_(None) for name in earlier]
    live = [column.is_(None) for column in ended.values()]
    if state not in ("pending", "expired"):
        return [col(Referral.status) == state, *live]
    expires = col(Referral.expires_at)
    timely = expires <= now if state == "expired" else or_(expires.is_(None), expires > now)
    return [col(Referral.status) == "pending", *live, timely]


def _line(row: Referral, title: str, opener: Opener, now: datetime) -> ReferralLine:
    name, email = opener(row.id, row.candidate_name, row.candidate_email)
    return ReferralLine(
        id=row.id,
        code=row.code,
        posting_id=row.posting_id,
        posting_title=title,
        referrer_id=row.referrer_id,
        referrer_name=row.referrer_name,
        candidate_name=name,
        candidate_email=email,
        by_link=row.link_id is not None,
        state=state_of(row, now),
        sent_at=row.sent_at,
        expires_at=row.expires_at,
        status_at=row.status_at,
        converted_at=row.converted_at,
        application_id=row.application_id,
        reward_status=row.reward_status,
        reward_minor=row.reward_minor,
        reward_currency=row.reward_currency,
    )


def _with_surroundings(
    session: Session, company: CompanyScope, lines: list[ReferralLine], rows: list[Referral]
) -> list[ReferralLine]:
    """The same with clicks, the newest invitation's state, and whether an application went to a colleague."""
    ids = [line.id for line in lines]
    counted = session.execute(
        select(_CLICKS.c.referral_id, func.count())
        .where(_CLICKS.c.referral_id.in_(ids), _CLICKS.c.filtered_reason == "")
        .group_by(_CLICKS.c.referral_id)
    )
    clicks: dict[Any, int] = {row[0]: row[1] for row in counted}
    mails = session.execute(
        select(col(Mail.related_id), col(Mail.state))
        .where(col(Mail.related_id).in_(ids), col(Mail.kind) == "invitation")
        .order_by(col(Mail.created_at), col(Mail.id))
    )
    states: dict[Any, str] = {row[0]: row[1] for row in mails}
    elsewhere = _elsewhere(session, company, [row for row in rows if row.status == "pending" and row.person_index])
    return [
        replace(line, clicks=clicks.get(line.id, 0), mail=states.get(line.id, ""), is_elsewhere=line.id in elsewhere)
        for line in lines
    ]


def _elsewhere(session: Session, company: CompanyScope, rows: Collection[Referral]) -> set[uuid.UUID]:
    """Those whose person applied for their posting in time: as nothing came of it, another referral has it."""
    persons = {row.person_index for row in rows} | {row.email_index for row in rows}
    if not persons:
        return set()
    columns = [_APPLICATIONS.c[name] for name in ("email_index", "person_index", "posting_id", "applied_at")]
    whose = _APPLICATIONS.c.company_id == company.id
    # Two look-ups: of an "or" a database may make one walk through all of a company's applications.
    by_address = select(*columns).where(*has_email(session, company.id, persons))
    is_other = _APPLICATIONS.c.person_index != ""
    by_mailbox = select(*columns).where(whose, is_other, _APPLICATIONS.c.person_index.in_(persons))
    theirs = session.execute(union_all(by_address, by_mailbox)).all()
    return {
        row.id
        for row in rows
        for address, mailbox, posting_id, applied_at in theirs
        if {address, mailbox} & {row.person_index, row.email_index}
        and posting_id == row.posting_id
        and row.sent_at <= applied_at
        and (row.expires_at is None or applied_at < row.expires_at)
    }
