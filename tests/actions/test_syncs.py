"""Asking for syncs by hand: who may, what happens, and what is written down."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from actions import connections, syncs
from actions.viewer import NotAllowed, NotFound, Viewer
from jobs.worker import run_once
from settings import Settings
from store.opening import Store
from store.tables import AuditEntry, PlatformConfig, PlatformSyncJob, RawFact
from tests.jobs.paced import Paced, PacedServer

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def config(store: Store, settings: Settings, admin: Viewer) -> PlatformConfig:
    """One working connection."""
    return add(store, settings, admin)


def add(store: Store, settings: Settings, admin: Viewer) -> PlatformConfig:
    saved = connections.test_and_save(store, settings, admin, "paced", {"account": "acme", "key": "k"}, now=NOW)
    with store.reading() as session:
        return session.get_one(PlatformConfig, saved.config_id)


def jobs(store: Store) -> list[PlatformSyncJob]:
    with store.reading() as session:
        return list(session.exec(select(PlatformSyncJob).order_by(col(PlatformSyncJob.number))))


def test_pressing_twice_makes_one_sync(store: Store, admin: Viewer, config: PlatformConfig) -> None:
    first = syncs.sync_now(store, admin, str(config.id), now=NOW)
    second = syncs.sync_now(store, admin, config.id, "full", now=NOW + timedelta(seconds=1))
    assert (first.is_new, second.is_new, second.job_id) == (True, False, first.job_id)
    assert [job.requested_by for job in jobs(store)] == ["ann@harbour.example"]


def test_sync_all_asks_every_active_connection_once(store: Store, settings: Settings, admin: Viewer) -> None:
    added = [add(store, settings, admin) for _ in range(3)]
    connections.set_active(store, admin, added[1].id, active=False, now=NOW)
    asked = syncs.sync_all(store, admin, now=NOW)
    assert len(asked) == 2
    assert {job.config_id for job in jobs(store)} == {added[0].id, added[2].id}
    assert [request.is_new for request in syncs.sync_all(store, admin, now=NOW)] == [False, False]
    assert syncs.sync_all(store, admin, now=NOW, platform="linkedin") == []


def test_a_backfill_reads_exactly_its_days(
    store: Store, settings: Settings, admin: Viewer, config: PlatformConfig, platform: PacedServer
) -> None:
    syncs.backfill(store, admin, config.id, date(2026, 1, 1), date(2026, 1, 3), now=NOW)
    run_once(store, settings, "w1", now=lambda: NOW)
    assert "start=2026-01-01&end=2026-01-03" in platform.paths[-1]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (date(2026, 1, 3), date(2026, 1, 3)),
        (date(2026, 1, 4), date(2026, 1, 3)),
        (date(2015, 1, 1), date(2015, 2, 1)),
        (date(2026, 6, 1), date(2026, 7, 1)),
        (date(1, 1, 1), date(9999, 1, 1)),
    ],
)
def test_a_senseless_backfill_is_refused(
    store: Store, admin: Viewer, config: PlatformConfig, start: date, end: date
) -> None:
    with pytest.raises(ValueError, match="backfill"):
        syncs.backfill(store, admin, config.id, start, end, now=NOW)
    assert jobs(store) == []


def test_a_retry_goes_on_where_the_broken_sync_stopped(
    store: Store, settings: Settings, admin: Viewer, config: PlatformConfig, platform: PacedServer
) -> None:
    syncs.backfill(store, admin, config.id, date(2026, 6, 1), date(2026, 6, 13), now=NOW)
    good = len(platform.paths) + 4
    real = platform.answer

    def refuse_late(path: str, form: str) -> Any:
        told = real(path, form)
        return (403, {}, "{}") if len(platform.paths) == good else told

    platform.answer = refuse_late  # type: ignore[method-assign]
    outcome = run_once(store, settings, "w1", now=lambda: NOW)
    assert outcome is not None
    assert outcome.state == "partial"
    platform.answer = real  # type: ignore[method-assign]
    read = len(platform.paths)
    syncs.retry(store, admin, jobs(store)[0].id, now=NOW)
    outcome = run_once(store, settings, "w1", now=lambda: NOW)
    assert outcome is not None
    assert outcome.state == "completed"
    assert len(platform.paths) - read == 6


def test_a_retry_keeps_what_the_broken_sync_read_of_a_chunk(
    store: Store, settings: Settings, admin: Viewer, config: PlatformConfig, platform: PacedServer
) -> None:
    def facts() -> dict[tuple[int, int, int, int], int]:
        with store.reading() as session:
            rows = session.exec(select(RawFact)).all()
        return {(row.day, row.metric, row.scope, row.external_posting): row.value for row in rows}

    window = (date(2026, 6, 1), date(2026, 6, 13))
    syncs.backfill(store, admin, config.id, *window, now=NOW)
    run_once(store, settings, "w1", now=lambda: NOW)
    undisturbed = facts()
    broken_at = len(platform.paths) + 5
    real = platform.answer

    def refuse_in_the_middle(path: str, form: str) -> Any:
        told = real(path, form)
        return (403, {}, "{}") if len(platform.paths) == broken_at else told

    platform.answer = refuse_in_the_middle  # type: ignore[method-assign]
    broken = syncs.backfill(store, admin, config.id, *window, now=NOW)
    run_once(store, settings, "w1", now=lambda: NOW)
    platform.answer = real  # type: ignore[method-assign]
    syncs.retry(store, admin, broken.job_id, now=NOW)
    run_once(store, settings, "w1", now=lambda: NOW)
    assert [job.state for job in jobs(store)] == ["completed", "partial", "completed"]
    assert facts() == undisturbed


def test_only_what_failed_can_be_tried_again(store: Store, admin: Viewer, config: PlatformConfig) -> None:
    request = syncs.sync_now(store, admin, config.id, now=NOW)
    with pytest.raises(ValueError, match="tried again"):
        syncs.retry(store, admin, request.job_id, now=NOW)


def test_a_plan_tells_calls_and_the_worst_cost(
    store: Store, admin: Viewer, config: PlatformConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Paced, "limits", type(Paced.limits)(requests=10, seconds=60, cost_minor=300))
    plan = syncs.plan_sync(store, admin, config.id, "full", now=NOW)
    assert (plan.calls, plan.cost_minor, plan.currency) == (3, 900, "USD")
    assert (plan.start, plan.end) == (date(2025, 6, 15), date(2026, 6, 16))


def test_a_switched_off_connection_is_not_synced(store: Store, admin: Viewer, config: PlatformConfig) -> None:
    connections.set_active(store, admin, config.id, active=False, now=NOW)
    with pytest.raises(ValueError, match="switched off"):
        syncs.sync_now(store, admin, config.id, now=NOW)


def test_only_admins_ask_and_only_in_their_company(
    store: Store, admin: Viewer, manager: Viewer, outsider: Viewer, config: PlatformConfig
) -> None:
    job_id = syncs.sync_now(store, admin, config.id, now=NOW).job_id
    for attempt in (
        lambda who: syncs.sync_now(store, who, config.id, now=NOW),
        lambda who: syncs.backfill(store, who, config.id, date(2026, 1, 1), date(2026, 1, 2), now=NOW),
        lambda who: syncs.retry(store, who, job_id, now=NOW),
        lambda who: syncs.plan_sync(store, who, config.id, "full", now=NOW),
    ):
        with pytest.raises(NotAllowed):
            attempt(manager)
        with pytest.raises(NotFound):
            attempt(outsider)
    with pytest.raises(NotAllowed):
        syncs.sync_all(store, manager, now=NOW)
    assert syncs.sync_all(store, outsider, now=NOW) == []
    assert len(jobs(store)) == 1
    with store.reading() as session:
        denied = session.exec(select(AuditEntry).where(col(AuditEntry.outcome) == "denied")).all()
    assert [entry.actor for entry in denied] == ["ben@harbour.example"] * 5


@pytest.mark.parametrize("nonsense", ["", "not-an-id", "' OR 1=1 --"])
def test_a_senseless_id_does_not_exist(store: Store, admin: Viewer, platform: PacedServer, nonsense: str) -> None:
    with pytest.raises(NotFound):
        syncs.sync_now(store, admin, nonsense, now=NOW)
