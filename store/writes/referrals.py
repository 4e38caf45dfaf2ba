"""Referrals and personal links as rows: made, withdrawn, made one, and kept apart where they are about one person.

What becomes of a referral is computed elsewhere (`store.writes.referrals_settled`). The caller commits.
"""

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, or_, select, update
from sqlmodel import Session, col

from domain.referrals import WINDOW_DAYS, ends_on, is_expired, mailbox
from store.emails import has_email
from store.errors import StoreError
from store.tables import Application, AuditEntry, Company, Referral, ReferralReward, TrackingLink, User
from store.tables.columns import new_id
from store.vault import Vault
from store.writes.projections import mark_applications_dirty
from store.writes.referrals_settled import new_code, settle_referrals
from store.writes.tracker import enter_event_days

#: The company's setting: days within which an application belongs to a referral.
WINDOW_SETTING = "referral_window_days"
HOUR = timedelta(hours=1)


class ReferralUnknown(StoreError):
    """This company has no such referral."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Who is referred for which posting, in the clear and checked, and the note to them."""

    posting_id: uuid.UUID
    name: str
    email: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Referrer:
    """Who refers."""

    company_id: uuid.UUID
    user_id: uuid.UUID
    name: str


def window_days(session: Session, company_id: uuid.UUID) -> int:
    """Days after sending within which an application belongs to a referral of this company."""
    kept = session.execute(select(col(Company.settings)).where(col(Company.id) == company_id)).scalar_one()
    days = kept.get(WINDOW_SETTING)
    return days if isinstance(days, int) else WINDOW_DAYS


def person_of(vault: Vault, email: str) -> str:
    """The digest of the mailbox behind an address."""
    return vault.digest("email-bidx", mailbox(email))


def make_referral(
    session: Session, vault: Vault, referrer: Referrer, candidate: Candidate, *, now: datetime
) -> Referral:
    """A new referral with a code nobody can guess, settled: who has applied since is found at once."""
    row_id = new_id()
    row = Referral(
        id=row_id,
        company_id=referrer.company_id,
        posting_id=candidate.posting_id,
        referrer_id=referrer.user_id,
        referrer_name=referrer.name,
        candidate_name=vault.seal("referrals", row_id, "candidate_name", candidate.name),
        candidate_email=vault.seal("referrals", row_id, "candidate_email", candidate.email),
        email_index=vault.digest("email-bidx", candidate.email),
        person_index=person_of(vault, candidate.email),
        note=vault.seal("referrals", row_id, "note", candidate.note) if candidate.note else "",
        code=new_code(),
        sent_at=now,
        expires_at=ends_on(now, window_days(session, referrer.company_id)),
    )
    session.add(row)
    settle_changed(session, vault, [row], now=now)
    return row


def settle_changed(session: Session, vault: Vault, rows: Collection[Referral], *, now: datetime) -> None:
    """After referrals were made or changed by a person: what follows from it, and their days are due."""
    session.flush()
    for row in rows:
        mark_applications_dirty(session, row.company_id, [row.sent_at])
        settle_referrals(session, vault, row.company_id, [row.id], now=now)
    for row in rows:
        session.refresh(row)


def find_same(session: Session, company_id: uuid.UUID, posting_id: uuid.UUID, person: str) -> Referral | None:
    """The referral of this person for this posting that counts; None where there is none."""
    found = session.execute(
        select(Referral).where(
            col(Referral.company_id) == company_id,
            col(Referral.posting_id) == posting_id,
            col(Referral.person_index) == person,
            col(Referral.merged_into).is_(None),
            col(Referral.withdrawn_at).is_(None),
        )
    )
    return found.scalars().first()


def make_room(session: Session, referral: Referral, *, now: datetime) -> bool:
    """Whether the person may be referred anew: yes once this referral has expired without anybody applying.

    It keeps the address itself, so that an application of its time that is told late still belongs to it.
    """
    if not is_expired(referral.status, referral.expires_at, now):
        return False
    referral.person_index = ""
    session.add(referral)
    session.flush()
    return True


def has_applied(
    session: Session,
    company_id: uuid.UUID,
    posting_id: uuid.UUID,
    persons: Collection[str],
    *,
    since: datetime,
    now: datetime,
) -> bool:
    """Whether somebody with one of these digests is known to have applied for the posting in this time."""
    index = col(Application.person_index)
    by_mailbox = (col(Application.company_id) == company_id, index != "", index.in_(persons))
    # Two look-ups: of an "or" a database may make one walk through all of a company's applications, and of posting and
    # days beside the person one through those of the days. So these are compared here.
    return any(
        row.posting_id == posting_id and since <= row.applied_at <= now
        for theirs in (has_email(session, company_id, persons), by_mailbox)
        for row in session.execute(select(col(Application.posting_id), col(Application.applied_at)).where(*theirs))
    )


def count_recent(session: Session, referrer_id: uuid.UUID, *, now: datetime) -> int:
    """How many people somebody referred by name in the last hour."""
    mine = (col(Referral.referrer_id) == referrer_id, col(Referral.sent_at) > now - HOUR)
    counted = select(func.count()).select_from(Referral).where(*mine, col(Referral.link_id).is_(None))
    return int(session.execute(counted).scalar_one())


def count_refused(session: Session, company_id: uuid.UUID, actor: str, action: str, *, now: datetime) -> int:
    """How often somebody was refused an action in the last hour."""
    refused = (col(AuditEntry.actor) == actor, col(AuditEntry.action) == action, col(AuditEntry.outcome) == "denied")
    recent = (col(AuditEntry.company_id) == company_id, col(AuditEntry.at) > now - HOUR)
    return int(session.execute(select(func.count()).select_from(AuditEntry).where(*recent, *refused)).scalar_one())


def find_user(session: Session, company_id: uuid.UUID, email: str) -> User | None:
    """Somebody of the company who may sign in, by their address; None where there is nobody."""
    found = session.execute(
        select(User).where(
            col(User.company_id) == company_id,
            col(User.email) == email.strip().casefold(),
            col(User.is_active).is_(True),
        )
    )
    return found.scalars().first()


def get_referral(session: Session, company_id: uuid.UUID, referral_id: uuid.UUID) -> Referral:
    """A referral of the company. Raises ReferralUnknown."""
    row = session.get(Referral, referral_id, populate_existing=True)
    if row is None or row.company_id != company_id:
        raise ReferralUnknown("There is no such referral.")
    return row


def merge_referrals(session: Session, vault: Vault, keep: Referral, gone: Referral, *, now: datetime) -> None:
    """Make one referral part of another: its code, its addresses and its time count for the one that is kept."""
    session.execute(update(Referral).where(col(Referral.merged_into) == gone.id).values(merged_into=keep.id))
    gone.merged_into = keep.id
    if keep.expires_at is not None and gone.expires_at is not None:
        keep.expires_at = max(keep.expires_at, gone.expires_at)
    session.add_all([keep, gone])
    settle_changed(session, vault, [gone, keep], now=now)


def family_of(session: Session, referral: Referral) -> list[Referral]:
    """All referrals that were made one with this one, itself among them."""
    kept = referral.merged_into or referral.id
    found = session.execute(
        select(Referral)
        .where(
            col(Referral.company_id) == referral.company_id,
            or_(col(Referral.id) == kept, col(Referral.merged_into) == kept),
        )
        .order_by(col(Referral.id)),
        execution_options={"populate_existing": True},
    )
    return list(found.scalars())


def has_decided_rewards(session: Session, referral_id: uuid.UUID) -> bool:
    """Whether a reward of this referral was approved or paid."""
    decided = select(col(ReferralReward.id)).where(
        col(ReferralReward.referral_id) == referral_id, col(ReferralReward.state).in_(["approved", "paid"])
    )
    return session.execute(decided.limit(1)).first() is not None


def own_link(
    session: Session, referrer: Referrer, posting_id: uuid.UUID | None, target_url: str, *, now: datetime
) -> tuple[TrackingLink, bool]:
    """Somebody's personal link to a posting, or with None to all of them; and whether it was made just now."""
    posting = col(TrackingLink.posting_id)
    found = session.execute(
        select(TrackingLink).where(
            col(TrackingLink.referrer_id) == referrer.user_id,
            posting == posting_id if posting_id else posting.is_(None),
            col(TrackingLink.disabled_at).is_(None),
        )
    )
    link = found.scalars().first()
    if link is not None:
        link.target_url = target_url
        session.add(link)
        return link, False
    link = TrackingLink(
        company_id=referrer.company_id,
        slug=new_code(),
        posting_id=posting_id,
        platform="referrals",
        target_url=target_url,
        created_by=referrer.user_id,
        referrer_id=referrer.user_id,
        created_at=now,
    )
    session.add(link)
    session.flush()
    enter_event_days(session, [(referrer.company_id, now)])
    return link, True
