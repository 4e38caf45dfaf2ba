"""Webhook addresses of the demo company, registered where platforms let them be, and a few deliveries from each.

What is delivered changes no number: Facebook, X and LinkedIn tell of activity, Indeed of its postings' lives.
"""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import col, select

from actions import registrations, webhooks
from actions.viewer import Viewer
from connectors.webhooks.registering import hook_address
from settings import Settings
from store.opening import Store
from store.tables import PlatformConfig, WebhookEndpoint

#: Connectors whose connections get an address; what of the sandbox's answer is the secret they sign with.
_SECRETS = {
    "x": ("x", "api_secret"),
    "facebook": ("facebook", "client_secret"),
    "linkedin_page": ("linkedin_page", "client_secret"),
    "indeed": ("indeed", "client_secret"),
}
#: What registering asks for.
_ANSWERS = {"x": {"api_key": ("x", "api_key")}, "linkedin": {"app_id": ("linkedin_page", "app_id")}}
DELIVERIES = 3


@dataclass(frozen=True, slots=True)
class DemoAddress:
    """An address of the demo company. `is_registered` says that the platform itself knows it, or soon will."""

    endpoint_id: uuid.UUID
    platform: str
    url: str
    secret: str
    is_registered: bool


def seed_webhooks(
    store: Store, settings: Settings, admin: Viewer, told: Mapping[str, Any], *, now: datetime
) -> list[DemoAddress]:
    """Makes the addresses, sets what they are signed with, and has those registered that can be. Repeatable."""
    with store.reading() as session:
        configs = session.exec(
            select(PlatformConfig).where(
                col(PlatformConfig.company_id) == admin.company_id,
                col(PlatformConfig.connector).in_(list(_SECRETS)),
                col(PlatformConfig.is_active),
                col(PlatformConfig.deleted_at).is_(None),
            )
        ).all()
    made = []
    for config in configs:
        block, name = _SECRETS[config.connector]
        secret = str(told[block][name])
        endpoint_id = webhooks.open_endpoint(store, admin, config.platform, config_id=config.id, now=now)
        with store.reading() as session:
            row = session.get_one(WebhookEndpoint, endpoint_id)
        if not row.secret:
            webhooks.change_secret(store, admin, endpoint_id, secret, now=now)
        answers = {field: str(told[where][key]) for field, (where, key) in _ANSWERS.get(config.platform, {}).items()}
        is_registered = config.connector != "indeed"
        if is_registered:
            try:
                registrations.register(store, settings, admin, endpoint_id, answers, now=now)
            except ValueError:
                # Somebody has shut it since, or PUBLIC_URL is an address that the sandbox does not call.
                continue
        url = hook_address(settings.own_url, config.platform, row.hook_id)
        made.append(DemoAddress(endpoint_id, config.platform, url, secret, is_registered))
    return made


def deliver_some(store: Store, addresses: list[DemoAddress], control: Callable[..., Any]) -> list[DemoAddress]:
    """Has the platforms deliver to addresses that are ready; those that are not yet."""
    waiting = []
    for address in addresses:
        with store.reading() as session:
            row = session.get_one(WebhookEndpoint, address.endpoint_id)
        if address.is_registered and not row.registered_ref:
            waiting.append(address)
        elif address.is_registered:
            for _ in range(DELIVERIES):
                control("happen", {"platform": address.platform})
        else:
            order = {"sender": "indeed_event", "url": address.url, "secret": address.secret, "limit": DELIVERIES}
            control("deliver", order)
    return waiting
