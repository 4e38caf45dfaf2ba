"""Addresses that get no more messages to candidates: only their digests are kept. The caller commits."""

import uuid
from collections.abc import Collection
from datetime import datetime

from sqlalchemy import delete
from sqlalchemy.dialects import postgresql, sqlite
from sqlmodel import Session, col, select

from domain.referrals import mailbox
from store.engine import is_sqlite
from store.tables import MailSuppression
from store.vault import Vault


def indexes_of(vault: Vault, address: str) -> frozenset[str]:
    """The digests under which an address can be suppressed: its own, and that of the mailbox behind it."""
    return frozenset(vault.digest("email-bidx", text) for text in (address, mailbox(address)))


def suppress(session: Session, company_id: uuid.UUID, indexes: Collection[str], reason: str, *, now: datetime) -> int:
    """Write to these addresses (digests; "" is none) no more; how many are new. The first reason stays.

    `reason` is unsubscribed, not_me or bounced.
    """
    insert = sqlite.insert if is_sqlite(session) else postgresql.insert
    rows = [
        {"company_id": company_id, "email_index": index, "reason": reason, "made_at": now}
        for index in sorted(set(indexes) - {""})
    ]
    if not rows:
        return 0
    # In the order of their digests: two that suppress the same ones wait for each other instead of locking up.
    kept = session.execute(
        insert(MailSuppression).values(rows).on_conflict_do_nothing().returning(col(MailSuppression.email_index))
    )
    return len(kept.all())


def lift_bounces(session: Session, company_id: uuid.UUID, indexes: Collection[str]) -> int:
    """Take addresses for existing again that a mail server did not know; how many. What people asked for stays."""
    lifted = session.execute(
        delete(MailSuppression).where(
            col(MailSuppression.company_id) == company_id,
            col(MailSuppression.email_index).in_(sorted(set(indexes) - {""})),
            col(MailSuppression.reason) == "bounced",
        ),
        execution_options={"synchronize_session": False},
    )
    return int(lifted.rowcount)  # type: ignore[attr-defined]


def find_reason(session: Session, company_id: uuid.UUID, indexes: Collection[str]) -> str:
    """Why one of these addresses gets no messages; "" where all may get some."""
    held = select(MailSuppression.reason).where(
        col(MailSuppression.company_id) == company_id, col(MailSuppression.email_index).in_(sorted(set(indexes) - {""}))
    )
    return session.exec(held.order_by(col(MailSuppression.made_at)).limit(1)).first() or ""
