"""The app, the sandbox beside it, and endpoints to register there."""

from datetime import UTC, datetime, timedelta

import pytest

from actions import connections, webhooks
from actions.demo_forms import demo_forms
from jobs.registrations import settle_registrations
from settings import load
from store.tables import PlatformConfig
from tests.api.deliveries import admin, store_of
from tests.api.registrations.registered import CONNECTORS, Registered


@pytest.fixture(scope="module")
def store(app):
    with store_of(app) as store:
        yield store


@pytest.fixture
def sandbox(sandbox_process):
    sandbox_process.reset()
    return sandbox_process


@pytest.fixture(scope="module")
def settings(app, sandbox_process):
    return load(
        {
            "DATA_DIR": str(app.data_dir),
            "SANDBOX": "1",
            "SANDBOX_PORT": sandbox_process.url.rsplit(":", 1)[1],
            "PORT": app.url.rsplit(":", 1)[1],
        }
    )


@pytest.fixture
def registered(store, settings, sandbox):
    """Call it with a platform for a new connection's endpoint, its secret set; gone again afterwards."""
    with store.reading() as session:
        viewer = admin(session)
    made = []

    def make(platform: str, secret: str = "") -> Registered:
        told, now = sandbox.control("credentials"), datetime.now(UTC)
        connector = CONNECTORS[platform]
        saved = connections.test_and_save(store, settings, viewer, connector, demo_forms(told)[connector], now=now)
        assert saved.is_active, saved.refusal
        endpoint_id = webhooks.open_endpoint(store, viewer, platform, config_id=saved.config_id, now=now)
        right = told[connector]["api_secret" if platform == "x" else "client_secret"]
        webhooks.change_secret(store, viewer, endpoint_id, secret or right, now=now)
        answers = {"x": {"api_key": told["x"]["api_key"]}, "linkedin": {"app_id": told["linkedin_page"]["app_id"]}}
        one = Registered(
            store, settings, sandbox, viewer, platform, saved.config_id, endpoint_id, answers.get(platform, {}), right
        )
        made.append(one)
        return one

    yield make
    for one in made:
        with store.reading() as session:
            is_there = session.get_one(PlatformConfig, one.config_id).deleted_at is None
        if is_there:
            connections.delete(store, viewer, one.config_id, now=datetime.now(UTC))
    settle_registrations(store, settings, now=lambda: datetime.now(UTC) + timedelta(days=1))
