"""Webhooks, signed, committed and then acknowledged, against a bare route that answers 204; 50 connections."""

import uuid
from datetime import UTC, datetime

from sqlalchemy import text

from actions.viewer import Viewer
from actions.webhooks import change_secret, open_endpoint
from bench.against_bare import Asked, compare
from bench.databases import KINDS
from bench.figures import Figure, Scale
from bench.pouring import request_bytes
from sandbox.senders import Applied, indeed_apply
from store.opening import Store
from store.tables import WebhookEndpoint
from tests.launch import RunningApp

SECRET = "a secret that Indeed made for the bench"


def run(scale: Scale) -> list[Figure]:
    """Each database: the bare route and webhooks in turns, alone, then beside a company at work."""
    return [figure for kind in KINDS for figure in compare(kind, scale, _webhooks)]


def _webhooks(store: Store, app: RunningApp, viewer: Viewer) -> Asked:
    now = datetime.now(UTC)
    endpoint_id = open_endpoint(store, viewer, "indeed", now=now)
    change_secret(store, viewer, endpoint_id, SECRET, now=now)
    with store.reading() as session:
        path = f"/api/webhooks/indeed/{session.get_one(WebhookEndpoint, endpoint_id).hook_id}"

    def stored() -> int:
        with store.reading() as session:
            return int(session.connection().execute(text("SELECT COUNT(*) FROM webhook_inbox")).scalar_one())

    return Asked("webhook", path, lambda count: _requests(app, path, count), stored)


def _requests(app: RunningApp, path: str, count: int) -> list[bytes]:
    now, made = datetime.now(UTC), []
    for _ in range(count):
        ref = uuid.uuid4().hex
        sent = indeed_apply(SECRET, Applied(ref, "REQ-1", "Welder", "Ann Doe", f"{ref}@people.example", now), now)
        made.append(request_bytes(app.host, path, sent.body, dict(sent.headers)))
    return made
