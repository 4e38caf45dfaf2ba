"""Which invitations were sent, what did mail servers say, and which of them need a person?"""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, exists, func, or_
from sqlalchemy.orm import aliased
from sqlmodel import Session, col, select

from domain.letters import INVITATION, Template
from domain.masking import mask_email
from store.reports.scope import CompanyScope
from store.tables import Company, JobPosting, Mail, MailTemplate, Referral
from store.vault import Vault, VaultError

KIND = "invitation"
MOST_ROWS = 200
#: What a mail server will not do however often it is asked.
_REFUSALS = ("bounced", "rejected")


@dataclass(frozen=True, slots=True)
class MessageRow:
    """One invitation. The recipient is masked, "" once forgotten; `detail` are the mail server's last words."""

    id: uuid.UUID
    referral_id: uuid.UUID | None
    recipient: str
    posting: str
    referrer: str
    state: str
    cause_code: str
    detail: str
    attempts: int
    asked_by: str
    created_at: datetime
    sent_at: datetime | None
    next_attempt_at: datetime | None


@dataclass(frozen=True, slots=True)
class Words:
    """A company's words for invitations; `is_own` is false where they are ours."""

    template: Template
    is_own: bool
    goes_to_referrer: bool


def list_messages(
    session: Session, vault: Vault, company: CompanyScope, *, state: str = "", limit: int = MOST_ROWS
) -> list[MessageRow]:
    """The company's invitations, newest first, those in `state` where one is given, at most `limit`."""
    narrowed = (col(Mail.state) == state,) if state else ()
    return _list(session, vault, company, narrowed, limit)


def list_failed(
    session: Session, vault: Vault, company: CompanyScope, *, now: datetime, limit: int = MOST_ROWS
) -> list[MessageRow]:
    """Invitations that never arrived and that a person can still do something about, newest first, at most `limit`.

    Given up or refused by a mail server; the last one of its referral, which still waits for an application.
    """
    return _list(session, vault, company, _failed(now), limit)


def count_failed(session: Session, company: CompanyScope, *, now: datetime) -> int:
    """How many invitations `list_failed` would find."""
    wanted = (
        select(func.count())
        .select_from(Mail)
        .join(Referral, col(Referral.id) == col(Mail.related_id))
        .join(JobPosting, col(JobPosting.id) == col(Referral.posting_id), isouter=True)
        .where(col(Mail.company_id) == company.id, col(Mail.kind) == KIND, *_failed(now))
    )
    return int(session.exec(wanted).one())


def count_states(session: Session, company: CompanyScope) -> dict[str, int]:
    """How many of the company's invitations are in each state."""
    counted = session.exec(
        select(Mail.state, func.count())
        .where(col(Mail.company_id) == company.id, col(Mail.kind) == KIND)
        .group_by(col(Mail.state))
    )
    return {state: int(number) for state, number in counted}


def count_unknown(session: Session, company: CompanyScope) -> int:
    """How many of the company's invitations wait for a person to say whether they arrived."""
    wanted = (col(Mail.company_id) == company.id, col(Mail.kind) == KIND, col(Mail.state) == "unknown")
    return int(session.exec(select(func.count()).select_from(Mail).where(*wanted)).one())


def find_words(session: Session, company: CompanyScope, replies_setting: str) -> Words:
    """The words in use; `replies_setting` names the company's setting that lets candidates answer the referrer."""
    held = session.get(MailTemplate, (company.id, KIND))
    settings = session.get_one(Company, company.id).settings
    template = Template(held.subject, held.body) if held else INVITATION
    return Words(template, held is not None, bool(settings.get(replies_setting)))


def _list(
    session: Session, vault: Vault, company: CompanyScope, narrowed: tuple[Any, ...], limit: int
) -> list[MessageRow]:
    wanted = (
        select(Mail, JobPosting.title, Referral.referrer_name)
        .join(Referral, col(Referral.id) == col(Mail.related_id), isouter=True)
        .join(JobPosting, col(JobPosting.id) == col(Referral.posting_id), isouter=True)
        .where(col(Mail.company_id) == company.id, col(Mail.kind) == KIND, *narrowed)
    )
    found = session.exec(wanted.order_by(col(Mail.created_at).desc(), col(Mail.id).desc()).limit(limit))
    return [_row(vault, mail, title or "", referrer or "") for mail, title, referrer in found]


def _failed(now: datetime) -> tuple[Any, ...]:
    """What `list_failed` is about, of mails with their referrals and postings."""
    newer = aliased(Mail)
    at, newer_at = col(Mail.created_at), col(newer.created_at)
    is_newer = or_(newer_at > at, and_(newer_at == at, col(newer.id) > col(Mail.id)))
    ends = (Referral.withdrawn_at, Referral.declined_at, Referral.merged_into)
    return (
        col(Mail.state).in_(("dead", "refused")),
        or_(col(Mail.state) == "dead", col(Mail.cause_code).in_(_REFUSALS)),
        col(Mail.recipient) != "",
        col(Referral.status) == "pending",
        *(col(end).is_(None) for end in ends),
        or_(col(Referral.expires_at).is_(None), col(Referral.expires_at) > now),
        or_(col(Referral.posting_id).is_(None), col(JobPosting.status) == "open"),
        ~exists().where(col(newer.related_id) == col(Mail.related_id), col(newer.kind) == KIND, is_newer),
    )


def _row(vault: Vault, mail: Mail, posting: str, referrer: str) -> MessageRow:
    return MessageRow(
        id=mail.id,
        referral_id=mail.related_id,
        recipient=_masked(vault, mail),
        posting=posting,
        referrer=referrer,
        state=mail.state,
        cause_code=mail.cause_code,
        detail=mail.detail,
        attempts=mail.attempts,
        asked_by=mail.asked_by,
        created_at=mail.created_at,
        sent_at=mail.sent_at,
        next_attempt_at=mail.next_attempt_at if mail.state == "waiting" else None,
    )


def _masked(vault: Vault, mail: Mail) -> str:
    if not mail.recipient:
        return ""
    try:
        return mask_email(vault.open("mail_outbox", mail.id, "recipient", mail.recipient))
    except VaultError:
        return "…"
