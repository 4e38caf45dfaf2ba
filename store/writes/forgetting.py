"""Forgetting whom a referral named: in the referral and in the messages about it. The caller commits."""

from sqlalchemy import case, update
from sqlmodel import Session, col

from store.tables import Mail, Referral


def forget_candidate(session: Session, referral: Referral) -> None:
    """Name, address, digests and note go; what waits to be sent to them is not sent any more."""
    referral.candidate_name = referral.candidate_email = referral.note = ""
    referral.email_index = referral.person_index = ""
    session.add(referral)
    session.flush()
    waits = col(Mail.state) == "waiting"
    session.execute(
        update(Mail)
        .where(col(Mail.related_id) == referral.id, col(Mail.kind) == "invitation")
        .values(
            recipient="",
            recipient_index="",
            body="",
            cause_code=case((waits, "forgotten"), else_=col(Mail.cause_code)),
            state=case((waits, "refused"), else_=col(Mail.state)),
        ),
        execution_options={"synchronize_session": False},
    )
