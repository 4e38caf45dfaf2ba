"""Sends what waits in the outbox of messages, each once: what may have arrived is not sent again by itself."""

import random
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session

from jobs.channels import deliver
from jobs.deliveries import Begin, Delivery, Sent
from settings import Settings
from store.engine import Urgency, run_writing
from store.errors import StoreError
from store.opening import Store
from store.writes.mail import Due, begin_sending, has_due, note, take_due
from store.writes.suppressions import indexes_of, suppress

MOST_ATTEMPTS = 10
_LONGEST = timedelta(hours=6)
_LOG = structlog.get_logger(__name__)


def send_next(
    store: Store, settings: Settings, *, now: Callable[[], datetime], send: Callable[..., Sent] = deliver
) -> str | None:
    """Send the message that has waited longest; its state afterwards, None when none is due.

    1. Hold it, so that no other worker sends it. All workers together keep to MAIL_PER_MINUTE.
    2. Connect and agree on everything; nothing has been said yet, so a death here costs nothing.
    3. See whether it is still wanted, write down that it is being sent, then send it.
    4. Write down what came of it: sent, refused for good, to be tried again, or unknown. An address that does not
       exist is not written to again.
    """
    holder, vault, pace = uuid.uuid4().hex, store.vault, settings.mail_per_minute
    with store.reading() as session:
        # Asked every few seconds, mostly for nothing: that needs no turn among those who write.
        if not has_due(session, now=now()):
            return None
    due = run_writing(
        store.engine, lambda session: take_due(session, vault, holder, now=now(), per_minute=pace), Urgency.PAGE
    )
    if due is None:
        return None

    def begin() -> bool:
        return run_writing(
            store.engine, lambda session: begin_sending(session, vault, due, holder, now=now()), Urgency.PAGE
        )

    outcome = _tried(settings, due, begin, send)
    if outcome.delivery is Delivery.LEFT:
        return "left"
    values = _values(due, outcome, now())
    run_writing(store.engine, lambda session: _record(session, store, due, (holder, values, outcome), now()))
    if outcome.delivery is not Delivery.DONE:
        _LOG.warning("message not delivered", channel=due.channel, kind=due.kind, state=values["state"])
    return str(values["state"])


def _tried(settings: Settings, due: Due, begin: Begin, send: Callable[..., Sent]) -> Sent:
    """What came of sending; a mistake of ours on the way is one message's, and holds up no other."""
    has_begun = False

    def noted() -> bool:
        nonlocal has_begun
        has_begun = begin()
        return has_begun

    try:
        return send(settings, due, noted)
    except (SQLAlchemyError, StoreError):
        # Our database is in trouble: the hold runs out, and then it is tried again, or nobody knows.
        raise
    except Exception as error:  # noqa: BLE001 - logged, and said in the delivery log
        _LOG.exception("sending broke", channel=due.channel, kind=due.kind)
        return Sent(Delivery.UNKNOWN if has_begun else Delivery.RETRY, type(error).__name__)


def _record(
    session: Session, store: Store, due: Due, told: tuple[str, Mapping[str, object], Sent], now: datetime
) -> None:
    holder, values, outcome = told
    if note(session, due.id, holder, values) and outcome.is_bounced and due.kind == "invitation":
        suppress(session, due.company_id, indexes_of(store.vault, due.recipient), "bounced", now=now)


def _values(due: Due, outcome: Sent, now: datetime) -> dict[str, object]:
    free: dict[str, object] = {"holder": "", "held_until": None, "detail": outcome.detail[:500]}
    if outcome.delivery is Delivery.DONE:
        # What was sent is never sent again: its words are not needed any more.
        return free | {"state": "sent", "sent_at": now, "cause_code": "", "next_attempt_at": None, "body": ""}
    if outcome.delivery is Delivery.UNKNOWN:
        return free | {"state": "unknown", "cause_code": "timeout", "next_attempt_at": None}
    if outcome.delivery is Delivery.REFUSED:
        cause = "bounced" if outcome.is_bounced else "rejected"
        return free | {"state": "refused", "cause_code": cause, "next_attempt_at": None}
    if due.attempts >= MOST_ATTEMPTS:
        return free | {"state": "dead", "cause_code": "unreachable", "next_attempt_at": None}
    longest = min(_LONGEST.total_seconds(), 30 * 2.0**due.attempts)
    wait = timedelta(seconds=random.uniform(longest / 2, longest))
    return free | {"state": "waiting", "cause_code": "unreachable", "next_attempt_at": now + wait}
