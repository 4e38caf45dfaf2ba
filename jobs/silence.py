"""Notice a sender that used to deliver often and has fallen silent: on the screen, and in the error log."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise

import structlog
from sqlalchemy import select, update
from sqlmodel import Session, col

from store.engine import Urgency, run_writing
from store.opening import Store
from store.tables import ErrorLog, PlatformConfig, WebhookDelivery, WebhookEndpoint

log = structlog.get_logger("jobs.silence")
CAUSE = "webhook_silent"
#: What a usual gap is learnt from.
LOOKBACK = timedelta(days=28)
MOST_LEARNT = 1_000
#: Fewer deliveries than these make nobody talkative.
LEAST_DELIVERIES = 20
#: Nobody is missed before this; where less than a week is known, with its nights but no weekend, before a day.
LEAST_SILENCE, LEAST_YET = timedelta(hours=1), timedelta(days=1)
#: How many times the usual gap is a silence.
FACTOR = 2
#: Longer gaps than all but so many are outages of their own, not usual.
_OUTAGES = 2


def usual_gap(times: Sequence[datetime]) -> timedelta | None:
    """The longest gap that is usual: the third longest of the last four weeks, so that nights and weekends are usual
    and one outage is not. None where too little is known. `times` rise.
    """
    if len(times) < LEAST_DELIVERIES:
        return None
    gaps = sorted((later - earlier for earlier, later in pairwise(times)), reverse=True)
    return gaps[_OUTAGES]


def is_silent(times: Sequence[datetime], now: datetime) -> bool:
    """Whether the last delivery is longer ago than twice the usual gap."""
    usual = usual_gap(times)
    if usual is None:
        return False
    least = LEAST_SILENCE if times[-1] - times[0] >= timedelta(days=7) else LEAST_YET
    return now - times[-1] > max(least, usual * FACTOR)


def watch_silence(store: Store, now: datetime) -> int:
    """Look at every open endpoint; how many fell silent. Who speaks again is not silent any more."""
    with store.reading() as session:
        rows = session.execute(
            select(WebhookEndpoint)
            .join(PlatformConfig, col(PlatformConfig.id) == col(WebhookEndpoint.config_id))
            .where(
                col(WebhookEndpoint.disabled_at).is_(None),
                col(WebhookEndpoint.secret) != "",
                col(WebhookEndpoint.last_delivery_at).is_not(None),
                col(PlatformConfig.deleted_at).is_(None),
            )
        ).scalars()
        endpoints = list(rows)
    fallen = 0
    for endpoint in endpoints:
        with store.reading() as session:
            times = _times(session, endpoint, now)
        fallen += run_writing(store.engine, partial(_judge, endpoint=endpoint, times=times, now=now), Urgency.AGGREGATE)
    return fallen


def _times(session: Session, endpoint: WebhookEndpoint, now: datetime) -> list[datetime]:
    """When the last deliveries came, before the silence that is being watched, the first one first."""
    until = endpoint.last_delivery_at or now
    found = session.execute(
        select(col(WebhookDelivery.received_at))
        .where(
            col(WebhookDelivery.company_id) == endpoint.company_id,
            col(WebhookDelivery.config_id) == endpoint.config_id,
            col(WebhookDelivery.received_at) >= until - LOOKBACK,
        )
        .order_by(col(WebhookDelivery.received_at).desc())
        .limit(MOST_LEARNT)
    ).scalars()
    return sorted(found)


def _judge(session: Session, *, endpoint: WebhookEndpoint, times: list[datetime], now: datetime) -> int:
    usual = usual_gap(times)
    is_quiet = bool(times) and is_silent(times, now)
    values: dict[str, object] = {"usual_gap_seconds": int(usual.total_seconds()) if usual else None}
    # What arrived since the look at it has been counted by then: it is judged by the next look.
    mine = (
        col(WebhookEndpoint.id) == endpoint.id,
        col(WebhookEndpoint.last_delivery_at) == endpoint.last_delivery_at,
    )
    session.execute(update(WebhookEndpoint).where(*mine).values(**values))
    if not is_quiet:
        _recover(session, endpoint, now)
        return 0
    fell = session.execute(
        update(WebhookEndpoint).where(*mine, col(WebhookEndpoint.silent_since).is_(None)).values(silent_since=now)
    )
    if not fell.rowcount:  # type: ignore[attr-defined]
        return 0
    log.error("a sender of webhooks fell silent", endpoint=str(endpoint.id), last=str(endpoint.last_delivery_at))
    session.add(
        ErrorLog(
            company_id=endpoint.company_id,
            config_id=endpoint.config_id,
            at=now,
            severity="medium",
            cause_code=CAUSE,
            detail="No webhook came for far longer than is usual.",
            context={
                "last_delivery_at": str(endpoint.last_delivery_at),
                "usual_gap_seconds": values["usual_gap_seconds"],
            },
        )
    )
    session.flush()
    return 1


def _recover(session: Session, endpoint: WebhookEndpoint, now: datetime) -> None:
    session.execute(
        update(ErrorLog)
        .where(
            col(ErrorLog.config_id) == endpoint.config_id,
            col(ErrorLog.company_id) == endpoint.company_id,
            col(ErrorLog.cause_code) == CAUSE,
            col(ErrorLog.resolved_at).is_(None),
        )
        .values(resolved_at=now)
    )
