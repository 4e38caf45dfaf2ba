"""Running totals through whole syncs: day after day against the sandbox, the days become what they truly were."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

import jobs.sessions
from connectors.http import Options, open_http
from domain.facts import Scope, day_number
from domain.metrics import BY_NUMBER, metric
from jobs.aggregate import aggregate_due
from jobs.enqueue import request_sync
from jobs.windows import full_window, today_in
from jobs.worker import run_once
from sandbox.launch import Sandbox
from store.opening import Store
from store.tables import Company, PlatformConfig
from store.writes.credentials import seal_secrets
from store.writes.postings import create_posting
from tests.connectors.rig import config_values
from tests.jobs.conftest import settings_for

PACIFIC = "America/Los_Angeles"


class Days:
    """A connected page whose clock we turn: ours, the client's and the sandbox's alike."""

    def __init__(self, store: Store, company: Company, sandbox: Sandbox, folder: Path) -> None:
        # Noon in California: no midnight may pass under the test.
        self.store, self.sandbox = store, sandbox
        self.began = datetime.now(UTC).replace(hour=20, minute=0, second=0, microsecond=0)
        port = int(sandbox.url.rsplit(":", 1)[1])
        self.settings = settings_for(str(store.engine.url), folder, port)
        values = config_values(sandbox, "facebook") | {"posts_days": 60}
        self.config = PlatformConfig(
            number=1,
            company_id=company.id,
            platform="facebook",
            connector="facebook",
            is_active=True,
            time_zone=PACIFIC,
        )
        secrets = {name: values.pop(name) for name in ("client_secret", "access_token")}
        self.config.settings = values
        self.config.credentials = seal_secrets(store.vault, self.config.id, secrets)
        with store.writing() as session:
            session.add(self.config)
        self.turn(0)

    def now(self) -> datetime:
        return self.began + timedelta(days=self.day)

    def turn(self, day: int) -> None:
        """Make it so many days later than it is."""
        self.day = day
        self.sandbox.control("clock", {"offset": (self.now() - datetime.now(UTC)).total_seconds()})

    def sync(self, window: tuple[date, date] | None = None) -> str:
        """Sync the last days (or others) and count; how the job ended."""
        window = window or (self.today - timedelta(days=4), self.today + timedelta(days=1))
        with self.store.writing() as session:
            request_sync(
                session, self.config, sync_type="backfill", window=window, requested_by="clock", now=self.now()
            )
        outcome = run_once(self.store, self.settings, "w1", now=self.now)
        aggregate_due(self.store, self.now(), seconds=600)
        assert outcome is not None
        return outcome.state

    @property
    def today(self) -> date:
        return today_in(PACIFIC, self.now())

    def truth(self, day: date, name: str) -> int:
        """What really happened on a day."""
        told = self.sandbox.truth(day, day + timedelta(days=1), "facebook")["days"]
        return sum(each["value"] for each in told if each["metric"] == name)

    def counted(self, name: str) -> dict[date, int]:
        """What the screens show, by day; days without a number are left out."""
        query = "SELECT period_start, value FROM platform_analytics_aggregated WHERE grain = 1 AND metric = :metric"
        return {date.fromordinal(day + 719163): value for day, value in self._rows(query, metric(name).number)}

    def facts(self, name: str, day: date) -> int:
        """The sum of the postings' facts of a day."""
        query = (
            f"SELECT sum(value), 0 FROM platform_analytics_raw WHERE metric = :metric AND scope = {int(Scope.POSTING)} "
            f"AND day = {day_number(day)}"
        )
        return int(self._rows(query, metric(name).number)[0][0] or 0)

    def flags(self) -> object:
        with self.store.reading() as session:
            return session.get_one(PlatformConfig, self.config.id).quality.get("flags", [])

    def _rows(self, query: str, number: int) -> list[Any]:
        with self.store.reading() as session:
            return list(session.execute(text(query), {"metric": number}))


@pytest.fixture
def days(
    sqlite_store: Store, sqlite_company: Company, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Days]:
    sandbox.reset()
    days = Days(sqlite_store, sqlite_company, sandbox, tmp_path)

    def opened(kind: Any, *, spend: Any, pause: Any, sandbox_url: str) -> Any:
        return open_http(kind, spend=spend, pause=pause, options=Options(sandbox_url=sandbox_url, now=days.now))

    monkeypatch.setattr(jobs.sessions, "open_http", opened)
    yield days
    sandbox.reset()


def test_the_days_after_the_first_equal_the_truth(days: Days):
    assert days.sync() == "completed"
    first = days.today
    assert days.counted("clicks") == {}
    assert days.counted("views")[first] == days.truth(first, "views")
    for number in (1, 2):
        days.turn(number)
        assert days.sync() == "completed"
    told = days.counted("clicks")
    wanted = {first + timedelta(days=n): days.truth(first + timedelta(days=n), "clicks") for n in (1, 2)}
    assert told == wanted
    assert all(told.values())
    for day in wanted:
        assert days.facts("clicks", day) == wanted[day]
        assert days.facts("views", day) == days.truth(day, "views")
    assert days.flags() == []


def test_posts_belong_to_the_postings_they_lead_to(days: Days):
    with days.store.writing() as session:
        for told in days.sandbox.control("postings"):
            values = {name: told[name] for name in ("title", "slug", "path")}
            create_posting(
                session, days.config.company_id, values | {"requisition_ref": told["requisition"]}, now=days.now()
            )
    days.sync()
    days.turn(1)
    days.sync()
    with days.store.reading() as session:
        query = (
            "SELECT p.requisition_ref, a.value FROM posting_analytics_aggregated a JOIN job_postings p "
            "ON p.number = a.posting_no WHERE a.metric = :metric AND a.day = :day"
        )
        asked = {"metric": metric("clicks").number, "day": day_number(days.today)}
        mine = {ref: value for ref, value in session.execute(text(query), asked) if value}
    told = days.sandbox.truth(days.today, days.today + timedelta(days=1), "facebook")["postings"]
    assert mine == {each["requisition"]: each["value"] for each in told if each["metric"] == "clicks" and each["value"]}
    assert mine


def test_what_was_never_to_be_had_is_no_failure(days: Days):
    days.sandbox.control("revoke", {"what": "facebook_grant"})
    assert days.sync() == "failed"
    with days.store.reading() as session:
        found = session.execute(text("SELECT DISTINCT metric, state FROM read_coverage")).all()
    assert {(BY_NUMBER[number].name, state) for number, state in found} == {("views", 2), ("reach", 2)}


def test_reading_twice_a_day_changes_nothing(days: Days):
    days.sync()
    days.turn(1)
    days.sync()
    once = days.counted("clicks"), days.facts("clicks", days.today)
    days.sync()
    assert (days.counted("clicks"), days.facts("clicks", days.today)) == once


def test_after_a_pause_the_growth_stands_on_the_day_it_was_read(days: Days):
    days.sync()
    first = days.today
    days.turn(3)
    days.sync()
    grown = sum(days.truth(first + timedelta(days=n), "clicks") for n in (1, 2, 3))
    assert days.counted("clicks") == {days.today: grown}
    assert days.flags() == ["gap"]


def test_a_backfill_of_the_past_reads_no_running_totals(days: Days):
    days.sync()
    days.turn(1)
    past, _ = full_window(days.today)
    assert days.sync((past, past + timedelta(days=20))) == "completed"
    assert days.counted("clicks") == {}
    assert days.counted("views")[past] == days.truth(past, "views")


def test_a_read_that_breaks_off_covers_no_day_of_running_totals(days: Days, sandbox: Sandbox):
    days.sync()
    days.turn(1)
    sandbox.plan(r"^/v25\.0/\d+/insights", {"kind": "html"}, repeat="always")
    assert days.sync() == "pending"
    assert days.counted("clicks") == {}
    sandbox.control("plan", method="DELETE")
    with days.store.writing() as session:
        session.execute(text("UPDATE platform_sync_jobs SET next_attempt_at = NULL"))
    outcome = run_once(days.store, days.settings, "w1", now=days.now)
    aggregate_due(days.store, days.now(), seconds=600)
    assert outcome is not None
    assert outcome.state == "completed"
    assert days.counted("clicks") == {days.today: days.truth(days.today, "clicks")}
