"""LinkedIn's several tellers through whole syncs: the page's days and posts, and applicants that are counted once."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import jobs.sessions
from connectors.http import Options, open_http
from connectors.registry import CONNECTORS
from domain.facts import Scope, day_number
from domain.metrics import metric
from jobs.aggregate import aggregate_due
from jobs.enqueue import request_sync
from jobs.worker import run_once
from sandbox.launch import Sandbox
from store.opening import Store
from store.tables import Company, PlatformConfig
from store.writes.credentials import seal_secrets
from tests.connectors.rig import config_values
from tests.jobs.conftest import settings_for


class Days:
    """Connections of one company to LinkedIn, in a time that we turn."""

    def __init__(self, store: Store, company: Company, sandbox: Sandbox, folder: Path) -> None:
        self.store, self.company_id, self.sandbox = store, company.id, sandbox
        self.began = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
        self.settings = settings_for(str(store.engine.url), folder, int(sandbox.url.rsplit(":", 1)[1]))
        self.configs: list[PlatformConfig] = []
        self.turn(0)

    def connect(self, key: str) -> None:
        """As an admin would."""
        values = config_values(self.sandbox, key)
        secrets = {name: values.pop(name) for name in CONNECTORS[key].secret_fields() if name in values}
        number = len(self.configs) + 1
        config = PlatformConfig(
            number=number,
            company_id=self.company_id,
            platform="linkedin",
            connector=key,
            is_active=True,
            time_zone="UTC",
            account_ref=values["organization_id"],
            settings=values,
        )
        config.credentials = seal_secrets(self.store.vault, config.id, secrets)
        with self.store.writing() as session:
            session.add(config)
        self.configs.append(config)

    def now(self) -> datetime:
        return self.began + timedelta(days=self.day)

    def turn(self, day: int) -> None:
        self.day = day
        self.sandbox.control("clock", {"offset": (self.now() - datetime.now(UTC)).total_seconds()})

    @property
    def today(self) -> date:
        return self.now().date()

    def sync(self) -> None:
        """Sync the last days of every connection, and count."""
        window = (self.today - timedelta(days=4), self.today + timedelta(days=1))
        for config in self.configs:
            with self.store.writing() as session:
                request_sync(session, config, sync_type="backfill", window=window, requested_by="clock", now=self.now())
            outcome = run_once(self.store, self.settings, "w1", now=self.now)
            assert outcome is not None
            assert outcome.state == "completed"
        aggregate_due(self.store, self.now(), seconds=600)

    def truth(self, name: str, connected: str) -> int:
        told = self.sandbox.truth(self.today, self.today + timedelta(days=1), connected)["days"]
        return sum(each["value"] for each in told if (each["platform"], each["metric"]) == ("linkedin", name))

    def counted(self, name: str) -> dict[date, int]:
        query = "SELECT period_start, value FROM platform_analytics_aggregated WHERE grain = 1 AND metric = :metric"
        return {date.fromordinal(day + 719_163): value for day, value in self._rows(query, name)}

    def of_posts(self, name: str) -> int:
        query = (
            f"SELECT sum(value), 0 FROM platform_analytics_raw WHERE metric = :metric AND scope = {int(Scope.POSTING)} "
            f"AND day = {day_number(self.today)}"
        )
        return int(self._rows(query, name)[0][0] or 0)

    def _rows(self, query: str, name: str) -> list[Any]:
        with self.store.reading() as session:
            return list(session.execute(text(query), {"metric": metric(name).number}))


@pytest.fixture
def days(
    sqlite_store: Store, sqlite_company: Company, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Days]:
    sandbox.reset()
    days = Days(sqlite_store, sqlite_company, sandbox, tmp_path)

    def opened(kind: Any, *, spend: Any, pause: Any, sandbox_url: str) -> Any:
        return open_http(kind, spend=lambda: None, pause=pause, options=Options(sandbox_url=sandbox_url, now=days.now))

    # Lix's one call in three seconds would make the test wait.
    monkeypatch.setattr(jobs.sessions, "open_http", opened)
    yield days
    sandbox.reset()


def test_the_pages_days_are_linkedins_own_and_posts_explain_them(days: Days):
    days.connect("linkedin_page")
    days.sync()
    assert days.counted("impressions")[days.today] == days.truth("impressions", "linkedin_page")
    assert days.of_posts("impressions") == 0, "the first snapshot is undated"
    days.turn(1)
    days.sync()
    for name in ("impressions", "clicks"):
        assert days.counted(name)[days.today] == days.truth(name, "linkedin_page") == days.of_posts(name) > 0
    assert days.counted("reach")[days.today] == days.truth("reach", "linkedin_page")


def test_applicants_that_two_services_read_are_counted_once_and_stand_beside_the_page(days: Days):
    for key in ("linkedin_page", "enrich_layer", "lix"):
        days.connect(key)
    days.sync()
    assert days.counted("applications") == {}, "nobody knows when those before the first look applied"
    grown = 0
    for number in (1, 2, 3):
        days.turn(number)
        days.sync()
        grown += days.truth("applications", "lix")
        assert days.counted("applications").get(days.today) == days.truth("applications", "lix")
        assert days.counted("views")[days.today] == days.truth("views", "lix")
        assert days.counted("impressions")[days.today] == days.truth("impressions", "linkedin_page")
    assert grown > 0
