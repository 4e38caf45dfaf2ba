"""What Google says of its own reports, from the wire to the card and to "Why this number"."""

import json
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from domain.periods import Period
from jobs.enqueue import request_sync
from jobs.worker import run_once
from sandbox.launch import Sandbox
from settings import Settings
from store.opening import Store
from store.reports.connections import list_connections
from store.reports.explain import explain
from store.reports.scope import find_company
from store.tables import Company, PlatformConfig
from store.writes.credentials import seal_secrets
from tests.jobs.conftest import settings_for

FLAGS = ("other_row", "sampled", "thresholded")


@pytest.fixture
def settings(database_url: str, tmp_path: Path, sandbox: Sandbox) -> Settings:
    return settings_for(database_url, tmp_path, int(sandbox.url.rpartition(":")[2]))


@pytest.fixture
def site(store: Store, company: Company, sandbox: Sandbox) -> PlatformConfig:
    """A connection to the sandbox's analytics property."""
    told = sandbox.control("credentials")["ga4"]
    config = PlatformConfig(
        number=1,
        company_id=company.id,
        platform="company_website",
        connector="company_website",
        name="Careers",
        is_active=True,
        time_zone="America/New_York",
        settings={"property_id": told["property_id"], "careers_path": told["careers_path"]},
    )
    config.credentials = seal_secrets(
        store.vault, config.id, {"service_account_json": json.dumps(told["service_account"])}
    )
    with store.writing() as session:
        session.add(config)
    return config


def sync(store: Store, settings: Settings, config: PlatformConfig, sandbox: Sandbox) -> Period:
    """Reads three days; the days that were read."""
    now = datetime.fromisoformat(sandbox.control("clock")["now"])
    today = date.fromisoformat(sandbox.control("clock")["property_today"])
    days = today - timedelta(days=5), today - timedelta(days=2)
    with store.writing() as session:
        request_sync(session, config, sync_type="backfill", window=days, requested_by="clock", now=now)
    outcome = run_once(store, settings, "w1", now=lambda: now)
    assert outcome is not None
    assert outcome.state == "completed"
    return Period(*days)


def test_doubts_about_the_numbers_are_shown_until_a_sync_has_none(
    store: Store, settings: Settings, company: Company, site: PlatformConfig, sandbox: Sandbox
) -> None:
    shown = []
    for step in ({"kind": "blurred"}, {"pass": True}):
        sandbox.reset()
        sandbox.plan("/v1beta/properties/", step, repeat="always")
        days = sync(store, settings, site, sandbox)
        with store.reading() as session:
            scope = find_company(session, company.id)
            assert scope is not None
            (card,) = list_connections(session, scope, datetime.fromisoformat(sandbox.control("clock")["now"]))
            (told,) = explain(session, scope, days, "views").told
            kept = session.get_one(PlatformConfig, site.id).quality.get("flags")
        assert told.total
        shown.append((card.quality, told.quality, kept))
    assert shown == [(FLAGS, FLAGS, list(FLAGS)), ((), (), None)]
