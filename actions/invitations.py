"""Invite who was recommended: one message, put into the outbox with what caused it, in the caller's transaction."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from actions.opting_out import NOT_ME, STOP, token_of
from domain.letters import INVITATION, Footer, Letter, Template, clean_line, write
from settings import Settings, current
from store.opening import Store
from store.tables import Company, JobPosting, Mail, MailTemplate, Referral, User
from store.vault import Vault
from store.writes.mail import Message, post
from store.writes.mail_wanted import end_of
from store.writes.suppressions import find_reason, indexes_of

KIND = "invitation"
#: The company's setting that lets candidates answer the referrer.
REPLIES = "invitations_reply_to_referrer"
#: Nobody is asked more often than this for one posting.
MOST_TIMES = 3
#: Why nothing was put into the outbox.
REASONS = {
    "no_server": "Nothing is sent from here: no mail server is set up. Copy the link and send it yourself.",
    "no_address_of_ours": "Nothing is sent from here: this program's own address (PUBLIC_URL) is not set up. Copy the "
    "link and send it yourself.",
    "no_recipient": "There is no e-mail address to write to. Copy the link and send it yourself.",
    "suppressed": "This address gets no messages from us: somebody there asked for that, or it does not exist. The "
    "link still works if you send it yourself.",
    "ended": "This referral has ended, so nobody is invited any more.",
    "closed": "The posting is closed, so nobody is invited any more.",
}


@dataclass(frozen=True, slots=True)
class Invited:
    """What came of inviting: the message that waits in the outbox, or why there is none (a key of REASONS)."""

    mail_id: uuid.UUID | None = None
    reason: str = ""

    @property
    def words(self) -> str:
        """For who asked."""
        return REASONS.get(self.reason, "The invitation is on its way.")


def invite(
    session: Session,
    store: Store | Vault,
    referral: Referral,
    *,
    now: datetime,
    asked_by: str = "",
    number: int = 1,
    settings: Settings | None = None,
) -> Invited:
    """Put the invitation of a flushed referral into the outbox; the caller commits. Asking again does no harm.

    `number` counts the invitations of one referral: another number is another message. `asked_by` is shown in the
    delivery log.
    """
    vault, settings = store.vault if isinstance(store, Store) else store, settings or current()
    email = _opened(vault, referral, "candidate_email")
    reason = _reason(session, vault, referral, (email, settings), now)
    if reason:
        return Invited(reason=reason)
    company = session.get_one(Company, referral.company_id)
    letter = _letter(session, vault, referral, company, settings)
    key = f"{KIND}:{referral.id}:{number}"
    posting = session.get(JobPosting, referral.posting_id) if referral.posting_id else None
    message = Message(
        company_id=company.id,
        kind=KIND,
        channel="email",
        key=key,
        recipient=email,
        # Subjects stand open in the outbox: names of people are in the sealed body.
        subject=f"Invitation: {posting.title if posting else company.name}",
        body=_body(vault, referral, letter, settings) | _reply_to(session, referral, company),
        related_id=referral.id,
        asked_by=asked_by,
    )
    post(session, vault, message, now=now)
    held = select(Mail.id).where(col(Mail.company_id) == company.id, col(Mail.idempotency_key) == key)
    return Invited(session.exec(held).one())


def may_mail(session: Session, vault: Vault, company_id: uuid.UUID, email: str) -> bool:
    """Whether a candidate at this address may be written to."""
    return not find_reason(session, company_id, indexes_of(vault, email))


def find_template(session: Session, company_id: uuid.UUID) -> Template:
    """The company's words for invitations, ours where it has none."""
    held = session.get(MailTemplate, (company_id, KIND))
    return Template(held.subject, held.body) if held else INVITATION


def sample_letter(template: Template, company: str, referrer: str, base: str) -> Letter:
    """A template as a message to nobody, for showing it; `base` is the address of this program."""
    values = {
        "candidate": "Sam Lindqvist",
        "referrer": referrer,
        "company": company,
        "posting": "Staff nurse, night shift",
        "location": "Utrecht",
        "note": "I think you would like it here.\nCall me if you want to know more!",
        "link": f"{base}/r/example",
    }
    ways = (f"{base}/r/{NOT_ME}/example", f"{base}/r/{STOP}/example")
    return write(template, values, footer_of(referrer, company, ways))


def link_of(settings: Settings, code: str) -> str:
    """The address of a referral's page."""
    return f"{settings.public_url.rstrip('/')}/r/{code}"


def footer_of(referrer: str, company: str, links: tuple[str, str]) -> Footer:
    """What stands below every invitation; `links` are those of "not me" and of "no more messages"."""
    referrer, company = clean_line(referrer), clean_line(company)
    return Footer(
        f"You get this message because {referrer} gave {company} your name and e-mail address for this opening. They "
        "are kept encrypted and used for nothing else. The page behind the link says for how long.",
        (("This is not me", links[0]), ("No more messages", links[1])),
    )


def _reason(session: Session, vault: Vault, referral: Referral, told: tuple[str, Settings], now: datetime) -> str:
    email, settings = told
    if not email:
        return "no_recipient"
    ended = end_of(session, referral.id, now=now)
    if ended:
        return ended
    if not may_mail(session, vault, referral.company_id, email):
        return "suppressed"
    if not settings.smtp_url:
        return "no_server"
    return "" if settings.public_url else "no_address_of_ours"


def _letter(session: Session, vault: Vault, referral: Referral, company: Company, settings: Settings) -> Letter:
    values = _values(session, vault, referral, company) | {"link": link_of(settings, referral.code)}
    links = (_token_link(settings, vault, NOT_ME, referral), _token_link(settings, vault, STOP, referral))
    footer = footer_of(values["referrer"], company.name, links)
    return write(find_template(session, company.id), values, footer)


def _body(vault: Vault, referral: Referral, letter: Letter, settings: Settings) -> dict[str, object]:
    return {
        "subject": letter.subject,
        "text": letter.text,
        "html": letter.html,
        "unsubscribe": _token_link(settings, vault, STOP, referral),
    }


def _token_link(settings: Settings, vault: Vault, purpose: str, referral: Referral) -> str:
    return f"{settings.public_url.rstrip('/')}/r/{purpose}/{token_of(vault, purpose, referral.id)}"


def _reply_to(session: Session, referral: Referral, company: Company) -> dict[str, object]:
    """Answers go to who recommends, where the company allows that its people's addresses are given away so."""
    user = session.get(User, referral.referrer_id) if referral.referrer_id and company.settings.get(REPLIES) else None
    return {"reply_to": user.email} if user is not None and user.is_active else {}


def _values(session: Session, vault: Vault, referral: Referral, company: Company) -> dict[str, str]:
    posting = session.get(JobPosting, referral.posting_id) if referral.posting_id else None
    return {
        "candidate": _opened(vault, referral, "candidate_name") or "there",
        "referrer": referral.referrer_name or "A colleague",
        "company": company.name,
        "posting": posting.title if posting else f"an opening at {company.name}",
        "location": posting.location if posting else "",
        "note": _opened(vault, referral, "note"),
    }


def _opened(vault: Vault, referral: Referral, column: str) -> str:
    sealed = str(getattr(referral, column))
    return vault.open("referrals", referral.id, column, sealed) if sealed else ""
