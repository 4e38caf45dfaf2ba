"""Says to platforms what is in the outbox: publish, update and close postings, tell outcomes. Once each.

What ended without an answer is looked up at the platform before anything is sent again; where a platform has no
look-up, it promises that the same reference never makes a second posting, and sending again is the look-up.
"""

import random
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import Session, col

from connectors.errors import CAUSES, ConfigError, ConnectorError, RateLimited, SchemaDrift, Transient
from connectors.publishing import Draft, Outcome, Outcomes, Published, Publisher, Refused
from connectors.registry import find_connector
from jobs.outbox_claims import Claim, claim_more, claim_next, finish, postpone_all
from jobs.sessions import Opened, open_connector
from settings import Settings
from store.errors import StoreError
from store.opening import Store
from store.tables import ErrorLog, ExternalPosting, OutboxEntry, PlatformConfig
from store.writes.outbox import Standing, note_standing

#: For one entry in all, so that it ends well before its hold does.
SECONDS = 60.0
MOST_ATTEMPTS = 12
FIRST_BACKOFF_SECONDS = 10.0
LONGEST_BACKOFF_SECONDS = 4 * 3600.0
log = structlog.get_logger("jobs.outbox")


def send_next(store: Store, settings: Settings, worker: str, *, now: Callable[[], datetime]) -> str | None:
    """Send the entry that is due first; the state it is left in, None when nothing is due.

    1. Claim: a conditional UPDATE that marks it as being sent, committed before anything leaves. Outcomes for the
       same platform go together.
    2. Say it: an unknown publish is looked up first. Everything together takes a minute at most.
    3. Record: done, refused with the platform's words by field, unknown, or waiting with a backoff.
    """
    claim = claim_next(store, worker, now())
    if claim is None:
        return None
    claims = claim_more(store, claim, _batch_size(store, claim), now())
    try:
        with open_connector(store, settings, claim.config_id, pause=time.sleep) as opened:
            with opened.http.hurried(SECONDS):
                if claim.kind == "outcome":
                    return _tell(store, opened.connector, claims, now)
                published = _say(store, opened, claim)
            return _done(store, claim, published, now())
    except Refused as error:
        return _refused(store, claims, error, now())
    except ConnectorError as error:
        return _failed(store, claims, error, now())
    except (SQLAlchemyError, StoreError, TimeoutError):
        # Our database is in trouble: the hold runs out, and then it is looked up.
        log.exception("the store failed while something was being sent", entry=str(claim.id))
        return "sending"
    except Exception as error:
        log.exception("sending broke", entry=str(claim.id))
        return _failed(store, claims, ConnectorError(type(error).__name__, cause="unexpected"), now())


def _batch_size(store: Store, claim: Claim) -> int:
    if claim.kind != "outcome":
        return 1
    with store.reading() as session:
        kind = find_connector(session.get_one(PlatformConfig, claim.config_id).connector)
    return kind.outcomes_per_call if kind is not None and issubclass(kind, Outcomes) else 1


def _say(store: Store, opened: Opened, claim: Claim) -> Published:
    connector = opened.connector
    if not isinstance(connector, Publisher) or not connector.publishes(opened.config.settings):
        raise ConfigError("This connection does not publish.")
    draft = Draft.model_validate(claim.payload)
    handles = _handles(store, claim)
    if claim.kind == "close":
        return connector.close(draft, handles)
    if claim.kind == "update":
        return connector.update(draft, handles)
    if claim.is_unknown and connector.finds:
        found = connector.find(draft)
        if found is not None:
            # It arrived, perhaps not whole: the posting may stand without what is sent after it.
            return connector.update(draft, {**handles, **found.handles})
    return connector.publish(draft)


def _handles(store: Store, claim: Claim) -> dict[str, str]:
    wanted = select(col(ExternalPosting.handles)).where(
        col(ExternalPosting.config_id) == claim.config_id, col(ExternalPosting.external_ref) == claim.external_ref
    )
    with store.reading() as session:
        handles = session.execute(wanted).scalar() or {}
    return {str(name): str(value) for name, value in handles.items()}


def _tell(store: Store, connector: object, claims: list[Claim], now: Callable[[], datetime]) -> str:
    if not isinstance(connector, Outcomes):
        raise ConfigError("This platform is not told what became of its applicants.")
    told = sorted(claims, key=lambda claim: str(claim.payload["at"]))
    words = connector.send_outcomes([Outcome.model_validate(claim.payload) for claim in told])
    for claim, refusal in zip(told, words, strict=True):
        state = "refused" if refusal else "done"
        cause = "content_refused" if refusal else ""
        values = {"state": state, "finished_at": now(), "cause_code": cause, "detail": refusal[:500], "problems": {}}
        finish(store, claim, values)
    return "done"


def _done(store: Store, claim: Claim, published: Published, now: datetime) -> str:
    def work(session: Session, entry: OutboxEntry) -> None:
        note_standing(session, entry, _standing(published), now=now)

    values = {"state": "done", "finished_at": now, "cause_code": "", "detail": published.detail[:500], "problems": {}}
    return "done" if finish(store, claim, values, work) else "lost"


def _refused(store: Store, claims: list[Claim], error: Refused, now: datetime) -> str:
    accepted = error.accepted

    def work(session: Session, entry: OutboxEntry) -> None:
        if accepted is not None:
            note_standing(session, entry, _standing(accepted), now=now)

    values = {
        "state": "refused",
        "finished_at": now,
        "cause_code": error.cause,
        "detail": error.detail,
        "problems": error.problems,
    }
    for claim in claims:
        finish(store, claim, values, work)
    return "refused"


def _failed(store: Store, claims: list[Claim], error: ConnectorError, now: datetime) -> str:
    """Waiting where it cannot have arrived, unknown where it can; given up after many attempts."""
    if isinstance(error, RateLimited):
        return _parked(store, claims, error, now)
    arrived = _may_have_arrived(error)
    state = "waiting"
    for claim in claims:
        over = claim.attempts >= MOST_ATTEMPTS or (error.cause == "request_rejected")
        state = "dead" if over else "unknown" if arrived or claim.is_unknown else "waiting"
        values = {
            "state": state,
            "cause_code": error.cause,
            "detail": error.detail,
            "finished_at": now if over else None,
            "next_attempt_at": now + backoff(claim.attempts),
        }
        finish(store, claim, values, _noting(error, claim, now))
    return state


def _parked(store: Store, claims: list[Claim], error: RateLimited, now: datetime) -> str:
    """The platform did not take it: everything for this connection waits until the time it says."""
    until = max(error.until, now + timedelta(seconds=1))
    for claim in claims:
        state = "unknown" if claim.is_unknown else "waiting"
        values = {
            "state": state,
            # A wait that the platform asks for is no failed attempt.
            "attempts": claim.attempts - 1,
            "cause_code": error.cause,
            "detail": error.detail,
            "next_attempt_at": until,
        }
        finish(store, claim, values, _noting(error, claim, now))
    postpone_all(store, claims[0].config_id, until)
    return "waiting"


def _may_have_arrived(error: ConnectorError) -> bool:
    """Whether the platform may have done what it was asked: it did not say no."""
    if isinstance(error, Transient):
        return error.was_sent
    return isinstance(error, SchemaDrift) or error.cause == "unexpected"


def _noting(error: ConnectorError, claim: Claim, now: datetime) -> Callable[[Session, OutboxEntry], None]:
    def work(session: Session, entry: OutboxEntry) -> None:
        session.add(
            ErrorLog(
                company_id=entry.company_id,
                config_id=entry.config_id,
                at=now,
                severity=CAUSES[error.cause].severity,
                cause_code=error.cause,
                detail=error.detail,
                context={"outbox": str(entry.id), "kind": claim.kind, "attempt": claim.attempts},
            )
        )

    return work


def _standing(published: Published) -> Standing:
    handles: Mapping[str, str] = published.handles
    return Standing(published.status, published.detail, dict(handles))


def backoff(attempts: int) -> timedelta:
    """Exponential with full jitter, at least a second."""
    longest = min(LONGEST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 3 ** max(attempts - 1, 0))
    return timedelta(seconds=max(1.0, random.uniform(0, longest)))
