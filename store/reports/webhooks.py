"""Where do platforms deliver, how do their deliveries fare, and who has fallen silent?"""

import uuid
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from domain.registrations import Registration, parse_registration
from store.reports.scope import CompanyScope
from store.tables import PlatformConfig, WebhookDelivery, WebhookEndpoint, WebhookInbox

MOST_DELIVERIES = 200


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """One endpoint; never a secret. `waiting`, `dead` and `unknown` count deliveries of the last month.

    `conflicts` are deliveries that came again under the same id with another body; the first stayed. `connector` is
    that of the connection, "" where it has none; `registration` how it stands at a platform that registers by API.
    """

    id: uuid.UUID
    config_id: uuid.UUID
    platform: str
    name: str
    hook_id: str
    has_secret: bool
    previous_until: datetime | None
    is_open: bool
    deliveries: int
    refused: int
    conflicts: int
    last_delivery_at: datetime | None
    last_refused_at: datetime | None
    last_refused_cause: str
    usual_gap_seconds: int | None
    silent_since: datetime | None
    waiting: int
    dead: int
    unknown: int
    connector: str
    is_connected: bool
    registration: Registration | None


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery of the last month: what came, and what became of it. Never whom it tells of."""

    id: uuid.UUID
    delivery_ref: str
    kind: str
    state: str
    received_at: datetime
    applied_at: datetime | None
    attempts: int
    cause_code: str
    detail: str
    repeats: int


def list_endpoints(session: Session, company: CompanyScope, now: datetime) -> list[EndpointRow]:
    """The company's endpoints by platform; those of deleted connections are left out."""
    states: dict[uuid.UUID, dict[str, int]] = defaultdict(dict)
    counted = session.exec(
        select(WebhookInbox.config_id, WebhookInbox.state, func.count())
        .where(WebhookInbox.company_id == company.id, WebhookInbox.state != "applied")
        .group_by(col(WebhookInbox.config_id), col(WebhookInbox.state))
    )
    for config_id, state, count in counted:
        states[config_id][state] = count
    rows = session.exec(
        select(WebhookEndpoint, PlatformConfig)
        .join(PlatformConfig, col(PlatformConfig.id) == WebhookEndpoint.config_id)
        .where(WebhookEndpoint.company_id == company.id, col(PlatformConfig.deleted_at).is_(None))
        .order_by(col(PlatformConfig.platform), col(PlatformConfig.number))
    )
    return [_row(endpoint, config, states[endpoint.config_id], now) for endpoint, config in rows]


def _row(row: WebhookEndpoint, config: PlatformConfig, states: dict[str, int], now: datetime) -> EndpointRow:
    conflicts = row.settings.get("conflicts", 0)
    return EndpointRow(
        id=row.id,
        config_id=row.config_id,
        platform=config.platform,
        name=config.name,
        hook_id=row.hook_id,
        has_secret=bool(row.secret),
        previous_until=row.previous_until if row.previous_until and row.previous_until > now else None,
        is_open=row.disabled_at is None,
        deliveries=row.deliveries,
        refused=row.refused,
        conflicts=conflicts if isinstance(conflicts, int) else 0,
        last_delivery_at=row.last_delivery_at,
        last_refused_at=row.last_refused_at,
        last_refused_cause=row.last_refused_cause,
        usual_gap_seconds=row.usual_gap_seconds,
        silent_since=row.silent_since,
        waiting=states.get("waiting", 0),
        dead=states.get("dead", 0),
        unknown=states.get("unknown", 0),
        connector=config.connector,
        is_connected=config.is_active and bool(config.connector),
        registration=parse_registration(row.settings.get("registration")),
    )


def list_deliveries(
    session: Session, company: CompanyScope, config_id: uuid.UUID, *, state: str = "", limit: int = MOST_DELIVERIES
) -> list[DeliveryRow]:
    """The newest deliveries of a connection, in one state or any; none for another company's."""
    query = (
        select(WebhookInbox, WebhookDelivery.repeats)
        .join(
            WebhookDelivery,
            (col(WebhookDelivery.company_id) == WebhookInbox.company_id)
            & (col(WebhookDelivery.config_id) == WebhookInbox.config_id)
            & (col(WebhookDelivery.delivery_ref) == WebhookInbox.delivery_ref),
            isouter=True,
        )
        .where(WebhookInbox.company_id == company.id, WebhookInbox.config_id == config_id)
        .order_by(col(WebhookInbox.received_at).desc(), col(WebhookInbox.id).desc())
        .limit(min(limit, MOST_DELIVERIES))
    )
    if state:
        query = query.where(WebhookInbox.state == state)
    return [
        DeliveryRow(
            id=row.id,
            delivery_ref=row.delivery_ref,
            kind=row.kind,
            state=row.state,
            received_at=row.received_at,
            applied_at=row.applied_at,
            attempts=row.attempts,
            cause_code=row.cause_code,
            detail=row.detail,
            repeats=repeats or 0,
        )
        for row, repeats in session.exec(query)
    ]
