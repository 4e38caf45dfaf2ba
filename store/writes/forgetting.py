"""Forgetting whom a referral named: in the referral and in the messages about it. The caller commits."""

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import case, update
from sqlmodel import Session, col, select

from store.tables import Mail, Referral


def forget_candidate(session: Session, referral: Referral) -> None:
    """Name, address, digests and note go; what waits to be sent to them is not sent any more."""
    referral.candidate_name = referral.candidate_email = referral.note = ""
    referral.email_index = referral.person_index = ""
    session.add(referral)
    session.flush()
    _forget_recipients(session, [referral.id])


def forget_expired(session: Session, *, now: datetime, limit: int) -> int:
    """Forget names, addresses and notes of at most `limit` referrals that expired without anybody applying; how many.

    The digests stay: an application of their time that is told late still finds its referral.
    """
    expired = (
        select(Referral.id)
        .where(
            col(Referral.expires_at) <= now,
            col(Referral.application_id).is_(None),
            col(Referral.candidate_email) != "",
        )
        .limit(limit)
    )
    ids = list(session.exec(expired))
    if ids:
        session.execute(
            update(Referral)
            .where(col(Referral.id).in_(ids), col(Referral.application_id).is_(None))
            .values(candidate_name="", candidate_email="", note=""),
            execution_options={"synchronize_session": False},
        )
        _forget_recipients(session, ids)
    return len(ids)


def _forget_recipients(session: Session, referral_ids: Collection[uuid.UUID]) -> None:
    waits = col(Mail.state) == "waiting"
    session.execute(
        update(Mail)
        .where(col(Mail.related_id).in_(referral_ids), col(Mail.kind) == "invitation")
        .values(
            recipient="",
            recipient_index="",
            body="",
            cause_code=case((waits, "forgotten"), else_=col(Mail.cause_code)),
            state=case((waits, "refused"), else_=col(Mail.state)),
        ),
        execution_options={"synchronize_session": False},
    )
