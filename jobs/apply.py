"""Apply deliveries that were acknowledged: what they tell of applications is entered, in whatever order they came."""

import json
import math
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

import structlog
from sqlalchemy import select
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
#: Deliveries to a transaction, which stays under 50 ms with them.
AT_ONCE = 12


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


def apply_due(store: Store, now: datetime, *, most: int = 2_000, seconds: float = math.inf) -> Counter[str]:
    """Apply what waits, at most `most` deliveries and about `seconds` long; how many became what (applied, unknown,
    dead, waiting).

    1. A few at a time are taken, the oldest first, each under a savepoint of its own.
    2. What cannot be applied stays and is tried again by the next call, and is dead after MOST_ATTEMPTS.
    3. A kill at any instant leaves whole batches undone: telling twice changes nothing.
    """
    fates: Counter[str] = Counter()
    # What failed is left for the next call.
    tried: set[uuid.UUID] = set()
    started = time.monotonic()
    while sum(fates.values()) < most:
        done = run_writing(store.engine, partial(_apply_some, vault=store.vault, now=now, tried=tried), Urgency.PAGE)
        if not done:
            break
        tried |= {row_id for row_id, fate in done.items() if fate == "waiting"}
        fates.update(done.values())
        if time.monotonic() - started >= seconds:
            break
    if fates["dead"]:
        log.error("deliveries cannot be applied", dead=fates["dead"])
    return fates


def _apply_some(session: Session, *, vault: Vault, now: datetime, tried: set[uuid.UUID]) -> dict[uuid.UUID, str]:
    query = (
        select(WebhookInbox)
        .where(col(WebhookInbox.state) == "waiting", col(WebhookInbox.id).not_in(sorted(tried)))
        .order_by(col(WebhookInbox.received_at), col(WebhookInbox.id))
        .limit(AT_ONCE)
    )
    if not is_sqlite(session):
        # Another process takes others.
        query = query.with_for_update(skip_locked=True)
    scenes: dict[uuid.UUID, _Scene] = {}
    fates: dict[uuid.UUID, str] = {}
    for row in session.execute(query).scalars().all():
        scene = scenes.get(row.company_id)
        if scene is None:
            teller = Teller(row.company_id, vault, PostingIndex(session, row.company_id))
            scene = scenes[row.company_id] = _Scene(session, teller, now)
        fates[row.id] = _apply_one(scene, row)
    return fates


def _apply_one(scene: _Scene, row: WebhookInbox) -> str:
    """Apply one delivery and write down what became of it."""
    session = scene.session
    row.attempts += 1
    try:
        with session.begin_nested():
            known, note = _tell_all(scene, row)
    except (ValueError, TypeError, KeyError, AttributeError, VaultError) as error:
        cause = "key_missing" if isinstance(error, VaultError) else "not_understood"
        _fail(row, cause, str(error) or type(error).__name__)
    except (OperationalError, InterfaceError):
        # The database itself: no fault of this delivery.
        raise
    except Exception as error:
        # One delivery must not hold up the others.
        log.warning("a delivery failed", delivery=str(row.id), kind=row.kind, exc_info=True)
        _fail(row, "failed", type(error).__name__)
    else:
        row.state = "applied" if known else "unknown"
        row.cause_code, row.detail = "", clean_text(note, 300)
        row.applied_at = scene.now
        if known:
            # Whom it told of is in the application now, and may be forgotten there.
            row.body = b""
    session.add(row)
    session.flush()
    return row.state


def _fail(row: WebhookInbox, cause: str, detail: str) -> None:
    row.state = "dead" if row.attempts >= MOST_ATTEMPTS else "waiting"
    row.cause_code, row.detail = cause, clean_text(detail, 300)


def _tell_all(scene: _Scene, row: WebhookInbox) -> tuple[bool, str]:
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


def _told(scene: _Scene, heard: HeardApplication, told_in: tuple[WebhookInbox, PlatformConfig]) -> Told:
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
