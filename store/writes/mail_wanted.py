"""Whether a message is still wanted at the moment it would be sent."""

import uuid
from datetime import datetime

from sqlmodel import Session

from store.tables import JobPosting, Mail, Referral
from store.vault import Vault
from store.writes.suppressions import find_reason, indexes_of


def why_unwanted(session: Session, vault: Vault, mail: Mail, recipient: str, *, now: datetime) -> str:
    """Why a message must not be sent any more, "" where it may: `suppressed`, `ended` or `closed`.

    Alerts go to people who sign in here: what candidates decide about their addresses does not silence them.
    """
    if mail.kind != "invitation":
        return ""
    if find_reason(session, mail.company_id, indexes_of(vault, recipient)):
        return "suppressed"
    return end_of(session, mail.related_id, now=now)


def end_of(session: Session, referral_id: uuid.UUID | None, *, now: datetime) -> str:
    """Why nobody is invited by a referral any more: `ended` or `closed`, "" where somebody may be."""
    referral = session.get(Referral, referral_id, populate_existing=True) if referral_id else None
    if referral is None or referral.withdrawn_at or referral.declined_at or referral.merged_into:
        return "ended"
    if referral.expires_at is not None and referral.expires_at <= now:
        return "ended"
    posting = session.get(JobPosting, referral.posting_id, populate_existing=True) if referral.posting_id else None
    return "closed" if posting is not None and posting.status != "open" else ""
