"""What who was invited can do without signing in: say that it is not them, or that they want no more messages.

Each way has a token of its own in the message. It is no part of the referral's link, which travels to career sites.
"""

import hmac
import re
import uuid
from datetime import datetime

from sqlmodel import Session

from store.engine import Urgency, run_writing
from store.opening import Store
from store.tables import Referral
from store.vault import Vault
from store.writes.applications_locked import lock_applications
from store.writes.audit import Deed, append_audit
from store.writes.forgetting import forget_candidate
from store.writes.referrals import family_of, settle_changed
from store.writes.suppressions import indexes_of, suppress

NOT_ME = "not-me"
STOP = "stop"
_PURPOSE = "invitation-token"
_MARK_LETTERS = 32
_TOKEN = re.compile(rf"([0-9a-f]{{32}})([0-9a-f]{{{_MARK_LETTERS}}})")
_WHO = "who was invited"


def token_of(vault: Vault, purpose: str, referral_id: uuid.UUID) -> str:
    """What stands behind /r/{purpose}/ in a message about this referral: nobody else can make it."""
    return referral_id.hex + vault.digest(_PURPOSE, f"{purpose}:{referral_id}")[:_MARK_LETTERS]


def decline(store: Store, token: str, *, now: datetime) -> bool:
    """Somebody says that a referral is not about them: it ends, with all that were made one with it, and their name and
    address are forgotten and not written to again. Whether the token was one of ours; repeating it does no harm."""
    referral_id = _read(store.vault, NOT_ME, token)
    return referral_id is not None and run_writing(
        store.engine, lambda session: _decline(session, store.vault, referral_id, now), Urgency.EVENT
    )


def stop(store: Store, token: str, *, now: datetime) -> bool:
    """Somebody wants no more messages. Whether the token was one of ours; repeating it does no harm."""
    referral_id = _read(store.vault, STOP, token)
    return referral_id is not None and run_writing(
        store.engine, lambda session: _stop(session, store.vault, referral_id, now), Urgency.EVENT
    )


def _read(vault: Vault, purpose: str, token: str) -> uuid.UUID | None:
    found = _TOKEN.fullmatch(token)
    if found is None:
        return None
    referral_id = uuid.UUID(hex=found[1])
    return referral_id if hmac.compare_digest(token_of(vault, purpose, referral_id), token) else None


def _decline(session: Session, vault: Vault, referral_id: uuid.UUID, now: datetime) -> bool:
    held = session.get(Referral, referral_id)
    if held is None:
        return False
    # What it has come to is computed anew: in the company's turn, like everything that changes it.
    lock_applications(session, held.company_id)
    referral = session.get_one(Referral, referral_id, populate_existing=True)
    family = family_of(session, referral)
    indexes = {index for one in family for index in _indexes(vault, one)}
    suppress(session, referral.company_id, indexes, "not_me", now=now)
    if referral.declined_at is None:
        # Of several made one, each holds the person's name: it is nobody's any more.
        for one in family:
            one.declined_at = now
            forget_candidate(session, one)
        settle_changed(session, vault, family, now=now)
        deed = Deed(_WHO, "referral.decline", str(referral.id), company_id=referral.company_id)
        append_audit(session, deed, now=now)
    return True


def _stop(session: Session, vault: Vault, referral_id: uuid.UUID, now: datetime) -> bool:
    referral = session.get(Referral, referral_id)
    if referral is None:
        return False
    if suppress(session, referral.company_id, _indexes(vault, referral), "unsubscribed", now=now):
        deed = Deed(_WHO, "mail.unsubscribe", str(referral.id), company_id=referral.company_id)
        append_audit(session, deed, now=now)
    return True


def _indexes(vault: Vault, referral: Referral) -> set[str]:
    """Nothing once the referral has forgotten them: they were suppressed then."""
    if not referral.candidate_email:
        return {referral.email_index, referral.person_index}
    address = vault.open("referrals", referral.id, "candidate_email", referral.candidate_email)
    return {referral.email_index, referral.person_index, *indexes_of(vault, address)}
