"""How does a posting stand on each platform, and what of the outbox needs a person?"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlmodel import Session, col

from store.reports.scope import CompanyScope
from store.tables import ExternalPosting, JobPosting, OutboxEntry, PlatformConfig

#: States in which an entry waits for us, and in which it waits for a person.
UNDER_WAY = ("waiting", "sending", "unknown")
#: Of one posting, at all connections: the newest of each is among them.
_MOST_ENTRIES = 500


@dataclass(frozen=True, slots=True)
class Saying:
    """The newest thing asked of a platform about a posting. `problems` are the platform's words by our field."""

    kind: str
    state: str
    cause_code: str
    detail: str
    problems: dict[str, str]
    next_attempt_at: datetime | None
    requested_by: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Presence:
    """A posting at one connection. `status` "" means that it was never published there; `is_outdated` that the posting
    was changed after what the platform has was asked for."""

    config_id: uuid.UUID
    connector: str
    connection: str
    is_active: bool
    settings: dict[str, object]
    status: str = ""
    status_detail: str = ""
    status_at: datetime | None = None
    saying: Saying | None = None
    is_outdated: bool = False


@dataclass(frozen=True, slots=True)
class Backlog:
    """What one connection has still to say, and the newest reason why it could not."""

    waiting: int = 0
    given_up: int = 0
    cause_code: str = ""
    detail: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)


def list_presences(session: Session, company: CompanyScope, posting_id: uuid.UUID) -> list[Presence]:
    """The posting at every connection of the company that has a connector, by name."""
    configs = session.execute(
        select(PlatformConfig)
        .where(
            col(PlatformConfig.company_id) == company.id,
            col(PlatformConfig.deleted_at).is_(None),
            col(PlatformConfig.connector) != "",
        )
        .order_by(col(PlatformConfig.name), col(PlatformConfig.number))
    ).scalars()
    entries = _newest_entries(session, company, posting_id)
    standings = {
        external.config_id: external
        for external in session.execute(
            select(ExternalPosting)
            .where(
                col(ExternalPosting.company_id) == company.id,
                col(ExternalPosting.posting_id) == posting_id,
                col(ExternalPosting.status) != "",
            )
            .order_by(col(ExternalPosting.number))
        ).scalars()
    }
    changed_at = session.execute(
        select(col(JobPosting.updated_at)).where(
            col(JobPosting.company_id) == company.id, col(JobPosting.id) == posting_id
        )
    ).scalar()
    presences = [_presence(config, standings.get(config.id), entries.get(config.id)) for config in configs]
    return [replace(presence, is_outdated=_is_outdated(presence, changed_at)) for presence in presences]


def list_backlogs(session: Session, company: CompanyScope) -> dict[uuid.UUID, Backlog]:
    """What each connection has still to say, by connection; those with nothing to say are left out."""
    counted = session.execute(
        select(col(OutboxEntry.config_id), col(OutboxEntry.state), func.count())
        .where(col(OutboxEntry.company_id) == company.id, col(OutboxEntry.state).in_((*UNDER_WAY, "dead")))
        .group_by(col(OutboxEntry.config_id), col(OutboxEntry.state))
    ).all()
    found: dict[uuid.UUID, dict[str, int]] = {}
    for config_id, state, number in counted:
        found.setdefault(config_id, {})[state] = int(number)
    return {config_id: _backlog(session, company, config_id, states) for config_id, states in found.items()}


def _backlog(session: Session, company: CompanyScope, config_id: uuid.UUID, states: dict[str, int]) -> Backlog:
    last = session.execute(
        select(col(OutboxEntry.cause_code), col(OutboxEntry.detail))
        .where(
            col(OutboxEntry.company_id) == company.id,
            col(OutboxEntry.config_id) == config_id,
            col(OutboxEntry.state).in_((*UNDER_WAY, "dead")),
            col(OutboxEntry.cause_code) != "",
        )
        .order_by(col(OutboxEntry.id).desc())
        .limit(1)
    ).first()
    cause, detail = last or ("", "")
    return Backlog(sum(states.get(state, 0) for state in UNDER_WAY), states.get("dead", 0), cause, detail, states)


def _newest_entries(session: Session, company: CompanyScope, posting_id: uuid.UUID) -> dict[uuid.UUID, OutboxEntry]:
    newest_first = (
        select(OutboxEntry)
        .where(
            col(OutboxEntry.company_id) == company.id,
            col(OutboxEntry.posting_id) == posting_id,
            col(OutboxEntry.state) != "withdrawn",
        )
        .order_by(col(OutboxEntry.id).desc())
        .limit(_MOST_ENTRIES)
    )
    found: dict[uuid.UUID, OutboxEntry] = {}
    for entry in session.execute(newest_first).scalars():
        found.setdefault(entry.config_id, entry)
    return found


def _presence(config: PlatformConfig, external: ExternalPosting | None, entry: OutboxEntry | None) -> Presence:
    told: dict[str, Any] = {}
    if external is not None:
        told = {
            "status": external.status,
            "status_detail": external.status_detail,
            "status_at": external.status_at,
        }
    return Presence(
        config_id=config.id,
        connector=config.connector,
        connection=config.name,
        is_active=config.is_active,
        settings=dict(config.settings),
        saying=_saying(entry) if entry is not None else None,
        **told,
    )


def _is_outdated(presence: Presence, changed_at: datetime | None) -> bool:
    saying = presence.saying
    if changed_at is None or saying is None or presence.status not in {"live", "pending"}:
        return False
    return saying.state == "done" and saying.kind in {"publish", "update"} and changed_at > saying.created_at


def _saying(entry: OutboxEntry) -> Saying:
    return Saying(
        kind=entry.kind,
        state=entry.state,
        cause_code=entry.cause_code,
        detail=entry.detail,
        problems={name: str(words) for name, words in entry.problems.items()},
        next_attempt_at=entry.next_attempt_at,
        requested_by=entry.requested_by,
        created_at=entry.created_at,
    )


def find_advert(session: Session, company: CompanyScope, posting_id: uuid.UUID) -> tuple[dict[str, object], str] | None:
    """What a posting says where it is advertised (fields of an Advert) and its apply URL; None for none of ours."""
    row = session.execute(
        select(col(JobPosting.advert), col(JobPosting.apply_url)).where(
            col(JobPosting.company_id) == company.id, col(JobPosting.id) == posting_id
        )
    ).first()
    return None if row is None else (dict(row[0]), row[1])
