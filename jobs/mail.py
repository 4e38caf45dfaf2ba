"""Sends what waits in the outbox of messages, each at most once: what may have arrived is not sent again."""

import random
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from jobs.channels import Delivery, Sent, deliver
from settings import Settings
from store.engine import Urgency, run_writing
from store.opening import Store
from store.writes.mail import Due, note, take_due

MOST_ATTEMPTS = 10
_LONGEST = timedelta(hours=6)
_LOG = structlog.get_logger(__name__)


def send_next(
    store: Store, settings: Settings, *, now: Callable[[], datetime], send: Callable[..., Sent] = deliver
) -> str | None:
    """Send the message that has waited longest; its state afterwards, None when none is due.

    1. Hold it, so that no other worker sends it.
    2. Connect and agree on everything; nothing has been said yet, so a death here costs nothing.
    3. Write down that it is being sent, then send it.
    4. Write down what came of it: sent, refused for good, to be tried again, or unknown.
    """
    holder = uuid.uuid4().hex
    due = run_writing(store.engine, lambda session: take_due(session, store.vault, holder, now=now()), Urgency.PAGE)
    if due is None:
        return None

    def begin() -> bool:
        return run_writing(
            store.engine, lambda session: note(session, due.id, holder, {"state": "sending"}), Urgency.PAGE
        )

    outcome = send(settings, due, begin)
    values = _values(due, outcome, now())
    run_writing(store.engine, lambda session: note(session, due.id, holder, values), Urgency.PAGE)
    if outcome.delivery is not Delivery.DONE:
        _LOG.warning("message not delivered", channel=due.channel, kind=due.kind, state=values["state"])
    return str(values["state"])


def _values(due: Due, outcome: Sent, now: datetime) -> dict[str, object]:
    free: dict[str, object] = {"holder": "", "held_until": None, "detail": outcome.detail[:500]}
    if outcome.delivery is Delivery.DONE:
        return free | {"state": "sent", "sent_at": now, "cause_code": "", "next_attempt_at": None}
    if outcome.delivery is Delivery.UNKNOWN:
        return free | {"state": "unknown", "cause_code": "timeout", "next_attempt_at": None}
    if outcome.delivery is Delivery.REFUSED:
        return free | {"state": "refused", "cause_code": "rejected", "next_attempt_at": None}
    if due.attempts >= MOST_ATTEMPTS:
        return free | {"state": "dead", "cause_code": "unreachable", "next_attempt_at": None}
    longest = min(_LONGEST.total_seconds(), 30 * 2.0**due.attempts)
    wait = timedelta(seconds=random.uniform(longest / 2, longest))
    return free | {"state": "waiting", "cause_code": "unreachable", "next_attempt_at": now + wait}
