"""Endpoints of the started app, and deliveries as platforms send them."""

import base64
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import httpx
from sqlmodel import Session, col, select

from actions.viewer import Viewer
from actions.webhooks import change_secret, open_endpoint
from sandbox.senders import SENDERS, Applied, Sent
from settings import load
from store.opening import Store, attach_store
from store.tables import Company, PlatformConfig, User, WebhookEndpoint, WebhookInbox
from store.writes.connections import next_config_number
from tests.launch import RunningApp

SECRET = "whsec_" + base64.b64encode(b"one secret of thirty-two bytes..").decode()


@contextmanager
def store_of(app: RunningApp) -> Iterator[Store]:
    """The app's database, opened once more."""
    store = attach_store(load({"DATA_DIR": str(app.data_dir)}))
    yield store
    store.close()


def admin(session: Session, company: str = "Acme") -> Viewer:
    """An admin of a company."""
    user = session.exec(
        select(User)
        .join(Company, col(Company.id) == User.company_id)
        .where(Company.name == company, User.role == "admin")
    ).first()
    assert user is not None
    return Viewer(user.id, user.company_id, user.role, user.name, user.email)


@dataclass(frozen=True)
class Address:
    """An endpoint of its own connection, and what its platform signs with."""

    store: Store
    platform: str
    endpoint_id: uuid.UUID
    hook_id: str
    secret: str

    @property
    def path(self) -> str:
        """Where to deliver."""
        return f"/api/webhooks/{self.platform}/{self.hook_id}"

    def row(self) -> WebhookEndpoint:
        """The endpoint as stored."""
        with self.store.reading() as session:
            return session.get_one(WebhookEndpoint, self.endpoint_id)

    def inbox(self) -> list[WebhookInbox]:
        """What came, in its order."""
        with self.store.reading() as session:
            config_id = session.get_one(WebhookEndpoint, self.endpoint_id).config_id
            rows = session.exec(
                select(WebhookInbox).where(WebhookInbox.config_id == config_id).order_by(col(WebhookInbox.received_at))
            )
            return list(rows)

    def sent(self, name: str, who: "Applied | None" = None) -> Sent:
        """A delivery of the platform, signed now."""
        return SENDERS[name][1](self.secret, who or person(), datetime.now(UTC))

    def post(self, client: httpx.Client, delivery: Sent, **changes: object) -> httpx.Response:
        """Deliver."""
        headers = {**delivery.headers, **changes.pop("headers", {})}  # type: ignore[dict-item]
        content = changes.pop("content", delivery.body)
        return client.post(self.path + delivery.path, content=content, headers=headers)  # type: ignore[arg-type]


def person(ref: str = "", **changes: object) -> Applied:
    """Somebody who has just applied."""
    ref = ref or uuid.uuid4().hex
    who = Applied(ref, "REQ-1", "Welder", "Ann Ünal", f"{ref}@people.example", datetime.now(UTC))
    return replace(who, **changes)  # type: ignore[arg-type]


def address(store: Store, platform: str, *, secret: str = SECRET, company: str = "Acme") -> Address:
    """A new connection to the platform with an endpoint; `secret` "" leaves it without one."""
    now = datetime.now(UTC)
    with store.writing() as session:
        viewer = admin(session, company)
        config = PlatformConfig(
            number=next_config_number(session),
            company_id=viewer.company_id,
            platform=platform,
            connector="indeed" if platform == "indeed" else "webhook",
            name=platform,
        )
        session.add(config)
    endpoint_id = open_endpoint(store, viewer, platform, config_id=config.id, now=now)
    if secret:
        change_secret(store, viewer, endpoint_id, secret, now=now)
    with store.reading() as session:
        hook_id = session.get_one(WebhookEndpoint, endpoint_id).hook_id
    return Address(store, platform, endpoint_id, hook_id, secret)
