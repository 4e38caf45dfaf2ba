"""Apply deliveries that were acknowledged: what they tell of applications is entered, in whatever order they came."""

import json
import math
import time
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import structlog
from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlmodel import Session, col

from connectors.webhooks.contract import HeardApplication, HeardTouch
from connectors.webhooks.registry import find_receiver
from domain.referrals import plain_code
from domain.text import clean_text
from store.engine import Urgency, is_sqlite, run_writing
from store.opening import Store
from store.tables import ExternalPosting, PlatformConfig, WebhookInbox
from store.vault import Vault, VaultError
from store.writes.applications_told import PostingIndex, StageTold, Teller, Told, TouchTold, tell_application
from store.writes.tracked_names import find_code

log = structlog.get_logger("jobs.apply")
#: Attempts before a delivery that cannot be applied is dead.
MOST_ATTEMPTS = 5
#: Deliveries to a transaction, at most; and after so long none is begun any more, so that it stays under 50 ms.
AT_ONCE, MOST_SECONDS = 24, 0.03
_INBOX = WebhookInbox.__table__  # type: ignore[attr-defined]
_READ = ("id", "company_id", "config_id", "delivery_ref", "received_at", "body", "attempts", "kind")
_TO = {"state": "state", "attempts": "attempts", "cause_code": "cause", "detail": "detail"}
_FAILED = (
    update(_INBOX)
    .where(_INBOX.c.id == bindparam("of_id"))
    .values({name: bindparam(f"to_{called}") for name, called in _TO.items()})
)
_UNKNOWN = _FAILED.values(applied_at=bindparam("to_applied_at"))
#: Whom it told of is in the application now, and may be forgotten there.
_APPLIED = _UNKNOWN.values(body=b"")


class _DeliveryFailed(Exception):
    """One of the deliveries cannot be applied: its cause says why."""


class _Letter(Protocol):
    """A row of the inbox."""

    id: uuid.UUID
    config_id: uuid.UUID
    delivery_ref: str
    received_at: datetime
    body: bytes
    attempts: int
    kind: str


@dataclass(frozen=True, slots=True)
class _Fate:
    """What became of a delivery."""

    state: str
    attempts: int
    cause: str
    detail: str


@dataclass(frozen=True, slots=True)
class _Scene:
    """What a batch of one company's deliveries shares."""

    session: Session
    teller: Teller
    now: datetime
    configs: dict[uuid.UUID, PlatformConfig] = field(default_factory=dict)

    def config(self, config_id: uuid.UUID) -> PlatformConfig:
        """A connection, read once a batch: the session itself forgets what nobody holds."""
        if config_id not in self.configs:
            self.configs[config_id] = self.session.get_one(PlatformConfig, config_id)
        return self.configs[config_id]


@dataclass(frozen=True, slots=True)
class _Work:
    """What one batch leaves to the next: what failed, for the next call, and the companies' postings."""

    vault: Vault
    now: datetime
    tried: set[uuid.UUID] = field(default_factory=set)
    postings: dict[uuid.UUID, PostingIndex] = field(default_factory=dict)

    def index(self, session: Session, company_id: uuid.UUID) -> PostingIndex:
        """The index of a company's postings as they are now."""
        known = self.postings.get(company_id)
        if known is None or not known.is_current(session):
            known = self.postings[company_id] = PostingIndex(session, company_id)
        return known


def apply_due(store: Store, now: datetime, *, most: int = 2_000, seconds: float = math.inf) -> Counter[str]:
    """Apply what waits, at most `most` deliveries and about `seconds` long; how many became what (applied, unknown,
    dead, waiting).

    1. A few at a time are taken, the oldest first. Where one of them fails, the same are taken again, each under a
       savepoint of its own.
    2. What cannot be applied stays and is tried again by the next call, and is dead after MOST_ATTEMPTS.
    3. A kill at any instant leaves whole batches undone: telling twice changes nothing.
    """
    fates: Counter[str] = Counter()
    work = _Work(store.vault, now)
    started = time.monotonic()
    while sum(fates.values()) < most:
        done = _apply_batch(store, work)
        if not done:
            break
        work.tried.update(row_id for row_id, fate in done.items() if fate == "waiting")
        fates.update(done.values())
        if time.monotonic() - started >= seconds:
            break
    if fates["dead"]:
        log.error("deliveries cannot be applied", dead=fates["dead"])
    return fates


def _apply_batch(store: Store, work: _Work) -> dict[uuid.UUID, str]:
    """One transaction; another one, with each delivery apart, where one of them failed: nearly none does."""
    try:
        return run_writing(store.engine, partial(_apply_some, work=work, is_apart=False), Urgency.PAGE)
    except _DeliveryFailed:
        return run_writing(store.engine, partial(_apply_some, work=work, is_apart=True), Urgency.PAGE)


def _apply_some(session: Session, *, work: _Work, is_apart: bool) -> dict[uuid.UUID, str]:
    """What became of the next few, by delivery. `is_apart`: each under a savepoint."""
    query = (
        select(*(_INBOX.c[name] for name in _READ))
        .where(_INBOX.c.state == "waiting", _INBOX.c.id.not_in(sorted(work.tried)))
        .order_by(_INBOX.c.received_at, _INBOX.c.id)
        .limit(AT_ONCE)
    )
    if not is_sqlite(session):
        # Another process takes others.
        query = query.with_for_update(skip_locked=True)
    begun = time.monotonic()
    scenes: dict[uuid.UUID, _Scene] = {}
    fates: dict[uuid.UUID, _Fate] = {}
    # By company: two processes wait for the companies' turns in one order, and so never for each other.
    for row in sorted(session.connection().execute(query), key=lambda one: one.company_id):
        if fates and time.monotonic() - begun > MOST_SECONDS:
            # The rest waits for the next transaction: somebody may be waiting for this one.
            break
        scene = scenes.get(row.company_id)
        if scene is None:
            teller = Teller(row.company_id, work.vault, work.index(session, row.company_id))
            scene = scenes[row.company_id] = _Scene(session, teller, work.now)
        fates[row.id] = _apply_apart(scene, row) if is_apart else _apply_one(scene, row)
    _write_fates(session, fates, work.now)
    return {row_id: fate.state for row_id, fate in fates.items()}


def _apply_one(scene: _Scene, row: _Letter) -> _Fate:
    """Apply one delivery. Raises _DeliveryFailed, and the transaction is to be given up."""
    try:
        known, note = _tell_all(scene, row)
    except (OperationalError, InterfaceError):
        # The database itself: no fault of this delivery.
        raise
    except Exception as error:
        raise _DeliveryFailed from error
    return _Fate("applied" if known else "unknown", row.attempts + 1, "", clean_text(note, 300))


def _apply_apart(scene: _Scene, row: _Letter) -> _Fate:
    """The same under a savepoint: what became of it, in any case. One delivery must not hold up the others."""
    try:
        with scene.session.begin_nested():
            return _apply_one(scene, row)
    except _DeliveryFailed as failure:
        error = failure.__cause__
        if isinstance(error, VaultError):
            return _failed(row, "key_missing", str(error))
        if isinstance(error, (ValueError, TypeError, KeyError, AttributeError)):
            return _failed(row, "not_understood", str(error) or type(error).__name__)
        log.warning("a delivery failed", delivery=str(row.id), kind=row.kind, exc_info=error)
        return _failed(row, "failed", type(error).__name__)


def _failed(row: _Letter, cause: str, detail: str) -> _Fate:
    attempts = row.attempts + 1
    return _Fate("dead" if attempts >= MOST_ATTEMPTS else "waiting", attempts, cause, clean_text(detail, 300))


def _write_fates(session: Session, fates: Mapping[uuid.UUID, _Fate], now: datetime) -> None:
    """Write down what became of deliveries, all at once."""
    told: dict[Any, list[dict[str, Any]]] = {_APPLIED: [], _UNKNOWN: [], _FAILED: []}
    for row_id, fate in fates.items():
        values = {
            "of_id": row_id,
            "to_state": fate.state,
            "to_attempts": fate.attempts,
            "to_cause": fate.cause,
            "to_detail": fate.detail,
        }
        if fate.state in ("applied", "unknown"):
            values["to_applied_at"] = now
        told[{"applied": _APPLIED, "unknown": _UNKNOWN}.get(fate.state, _FAILED)].append(values)
    for statement, rows in told.items():
        if rows:
            session.connection().execute(statement, rows)


def _tell_all(scene: _Scene, row: _Letter) -> tuple[bool, str]:
    config = scene.config(row.config_id)
    receiver = find_receiver(config.platform)
    if receiver is None:
        return False, ""
    document: Any = json.loads(scene.teller.vault.open("webhook_inbox", row.id, "body", row.body.decode()))
    heard = receiver.hear(row.kind, document, row.received_at)
    new = 0
    for application in heard.applications:
        told = _told(scene, application, (row, config))
        new += tell_application(scene.session, scene.teller, told, now=scene.now).is_new
    if heard.applications:
        return True, "New application" if new else "Known application"
    return heard.is_known, heard.note


def _told(scene: _Scene, heard: HeardApplication, told_in: tuple[_Letter, PlatformConfig]) -> Told:
    row, config = told_in
    posting_id, ref = _posting(scene, heard, config)
    first = min(at for _, at in heard.stages)
    names = heard.refs
    if not heard.refs and not (heard.email and (posting_id or ref or heard.title)):
        # Nothing says who or for what: the delivery itself is its name.
        names = ((f"delivery:{config.platform}", row.delivery_ref),)
    return Told(
        told_by="webhook",
        stages=tuple(StageTold(stage, at, config.platform) for stage, at in heard.stages),
        refs=names,
        posting_id=posting_id,
        posting_ref=ref,
        posting_title=heard.title,
        name=heard.name,
        email=heard.email,
        touches=tuple(_touch(scene, touch, config.platform, first) for touch in heard.touches),
    )


def _posting(scene: _Scene, heard: HeardApplication, config: PlatformConfig) -> tuple[uuid.UUID | None, str]:
    """Our posting for the first name that we, or the connection's own postings, know; and the name to keep."""
    for name in heard.postings:
        if found := scene.teller.postings.find(name, ""):
            return found, name
    linked = scene.session.execute(
        select(col(ExternalPosting.external_ref), col(ExternalPosting.posting_id)).where(
            col(ExternalPosting.config_id) == config.id,
            col(ExternalPosting.external_ref).in_(heard.postings),
            col(ExternalPosting.posting_id).is_not(None),
        )
    ).all()
    by_ref: dict[str, uuid.UUID | None] = dict(linked)
    for name in heard.postings:
        if name in by_ref:
            return by_ref[name], ""
    return None, heard.postings[0] if heard.postings else ""


def _touch(scene: _Scene, heard: HeardTouch, scope: str, at: datetime) -> TouchTold:
    named = find_code(scene.session, scene.teller.company_id, heard.code) if heard.code else None
    return TouchTold(
        named.kind if named else heard.kind,
        # A code nobody knows refers to nobody.
        f"{scope}:{plain_code(heard.code) or heard.source}",
        at,
        platform="" if heard.code and named is None else heard.platform,
        source=heard.source,
        medium=heard.medium,
        campaign=heard.campaign,
        link_id=named.link_id if named else None,
        referral_id=named.referral_id if named else None,
    )
