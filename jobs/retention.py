"""Deletes what need not be kept: ended sessions, used tickets, old logs, names of who never applied. Once a day."""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, delete, or_, select
from sqlmodel import Session, SQLModel, col

from jobs.lease import long_ago
from store.engine import Urgency, run_writing
from store.opening import Store
from store.tables import (
    ApiKey,
    ClockSlot,
    ErrorLog,
    LinkClick,
    Mail,
    OutboxEntry,
    SessionRow,
    SetupLink,
    SignInAttempt,
    SignInTicket,
    WebhookDelivery,
    WebhookInbox,
    WebsiteAnalytics,
    WorkerBeat,
)
from store.writes.forgetting import forget_expired
from store.writes.health import fold_hours, hour_number

SIGN_IN_DAYS = 1
SLOT_DAYS = 35
ERROR_LOG_DAYS = 396
#: What was told of applicants; which postings were published, and by whom, stays with the posting.
OUTCOME_DAYS = 396
#: Raw events of the tracker and clicks on links: 25 months. The numbers made of them stay.
EVENT_DAYS = 760
#: Thirteen months, so that a repeat after a year is still known; the inbox, with what waits in it, a month.
DELIVERY_DAYS = 396
#: Messages that have come to an end, those of which nobody ever found out among them.
MAIL_DAYS = 396
INBOX_DAYS = 30
#: How platforms answered, by the hour: as far back as *Platform health* shows. Older hours stay as one.
HEALTH_DAYS = 31
#: Rows a transaction: far under 50 ms.
SLICE = 500


def tidy(store: Store, now: datetime) -> dict[str, int]:
    """Delete in small slices what has passed its time; how many rows of each table. Repeating it does no harm."""
    day = timedelta(days=1)
    doomed: list[tuple[type[SQLModel], Any, ColumnElement[bool]]] = [
        (
            SessionRow,
            SessionRow.token_hash,
            or_(col(SessionRow.expires_at) < now - day, col(SessionRow.ended_at) < now - day),
        ),
        (SignInTicket, SignInTicket.ticket_hash, col(SignInTicket.expires_at) < now - day),
        (SetupLink, SetupLink.token_hash, col(SetupLink.expires_at) < now - 30 * day),
        (SignInAttempt, SignInAttempt.id, col(SignInAttempt.at) < now - SIGN_IN_DAYS * day),
        (ApiKey, ApiKey.id, (col(ApiKey.kind) == "token") & (col(ApiKey.expires_at) < now - day)),
        (WorkerBeat, WorkerBeat.worker, col(WorkerBeat.beat_at) < long_ago(now)),
        (WebhookDelivery, WebhookDelivery.delivery_ref, col(WebhookDelivery.received_at) < now - DELIVERY_DAYS * day),
        (WebhookInbox, WebhookInbox.id, col(WebhookInbox.received_at) < now - INBOX_DAYS * day),
        (ErrorLog, ErrorLog.id, col(ErrorLog.at) < now - ERROR_LOG_DAYS * day),
        (WebsiteAnalytics, WebsiteAnalytics.id, col(WebsiteAnalytics.at) < now - EVENT_DAYS * day),
        (LinkClick, LinkClick.id, col(LinkClick.at) < now - EVENT_DAYS * day),
        (
            OutboxEntry,
            OutboxEntry.id,
            (col(OutboxEntry.kind) == "outcome") & (col(OutboxEntry.finished_at) < now - OUTCOME_DAYS * day),
        ),
        (
            Mail,
            Mail.id,
            col(Mail.state).not_in(("waiting", "sending")) & (col(Mail.created_at) < now - MAIL_DAYS * day),
        ),
        (ClockSlot, ClockSlot.slot, col(ClockSlot.taken_at) < now - SLOT_DAYS * day),
    ]
    done: dict[str, int] = {
        table.__tablename__: _in_slices(store, partial(_delete, table=table, key=key, which=which))  # type: ignore[misc]
        for table, key, which in doomed
    }
    oldest = hour_number(now - HEALTH_DAYS * day)
    # Names of people who were recommended and never applied go once their referral has expired.
    return done | {
        "referrals_forgotten": _in_slices(store, lambda session: forget_expired(session, now=now, limit=SLICE)),
        "health_hours_folded": _in_slices(store, lambda session: fold_hours(session, before=oldest, limit=SLICE)),
    }


def _in_slices(store: Store, work: Callable[[Session], int]) -> int:
    """Does `work` in a transaction of its own again and again, until it finds nothing; how much it did in all."""
    done = 0
    while count := run_writing(store.engine, work, Urgency.AGGREGATE):
        done += count
    return done


def _delete(session: Session, table: type[SQLModel], key: Any, which: ColumnElement[bool]) -> int:
    chosen = select(key).where(which).limit(SLICE)
    result = session.execute(
        delete(table).where(which, col(key).in_(chosen)), execution_options={"synchronize_session": False}
    )
    return int(result.rowcount)  # type: ignore[attr-defined]
