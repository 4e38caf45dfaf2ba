"""Connecting platforms: tested before they are saved, secrets kept and never shown, numbers kept unless asked."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from actions import connections, syncs
from actions.connections import Options, Saved
from actions.viewer import NotAllowed, NotFound, Viewer
from connectors.contract import TermsConfig
from connectors.errors import CAUSES
from connectors.registry import CONNECTORS
from jobs.lease import LostLease, beat, claim_next
from jobs.worker import run_once
from settings import Settings
from store.opening import Store
from store.reports.connections import ConnectionRow, list_connections
from store.reports.scope import find_company
from store.tables import AuditEntry, DirtyDay, PlatformConfig, PlatformSyncJob, PlatformToken, RawFact, ReadCoverage
from store.writes.credentials import open_secrets
from tests.jobs.paced import Paced, PacedConfig, PacedServer

NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
FORM = {"account": "acme", "key": "first-secret"}


def save(store: Store, settings: Settings, viewer: Viewer, values: Mapping[str, object] = FORM, **more: Any) -> Saved:
    return connections.test_and_save(store, settings, viewer, "paced", values, now=NOW, **more)


def only(store: Store) -> PlatformConfig:
    with store.reading() as session:
        return session.exec(select(PlatformConfig)).one()


def audit(store: Store) -> list[tuple[str, str]]:
    with store.reading() as session:
        return [
            (entry.action, entry.outcome) for entry in session.exec(select(AuditEntry).order_by(col(AuditEntry.seq)))
        ]


def sync(store: Store, settings: Settings, viewer: Viewer, config: PlatformConfig) -> None:
    syncs.backfill(store, viewer, config.id, date(2026, 6, 1), date(2026, 6, 13), now=NOW)
    outcome = run_once(store, settings, "w1", now=lambda: NOW)
    assert outcome is not None
    assert outcome.state == "completed"


def count(store: Store, table: type[Any]) -> int:
    with store.reading() as session:
        return len(session.exec(select(table)).all())


def test_a_connection_that_works_is_saved_active(store: Store, settings: Settings, admin: Viewer) -> None:
    saved = save(store, settings, admin, options=Options(name=" Our board ", rate_limit=500, spend_limit_minor=10_000))
    config = only(store)
    assert (saved.config_id, saved.is_active, saved.refusal) == (config.id, True, None)
    assert (config.name, config.account_label, config.time_zone) == ("Our board", "Acme at Paced", "Europe/Berlin")
    assert (config.rate_limit, config.spend_limit_minor, config.checked_at) == (500, 10_000, NOW)
    assert audit(store) == [("connection.create", "ok")]


def test_secrets_are_sealed_and_apart_from_the_settings(store: Store, settings: Settings, admin: Viewer) -> None:
    save(store, settings, admin)
    config = only(store)
    assert config.settings == {"account": "acme", "signs_in": False}
    assert "first-secret" not in config.credentials
    assert open_secrets(store.vault, config) == {"key": "first-secret"}


def test_a_refused_connection_is_not_saved_and_says_why(store: Store, settings: Settings, admin: Viewer) -> None:
    saved = save(store, settings, admin, {"account": "nobody", "key": "x"})
    assert saved.config_id is None
    assert saved.refusal is not None
    assert (saved.refusal.cause, saved.refusal.detail) == ("account_unknown", "No account is called nobody.")
    assert saved.refusal.cure
    assert count(store, PlatformConfig) == 0
    assert audit(store) == [("connection.test", "failed")]


def test_a_form_is_not_told_that_a_sync_tries_again(store: Store, settings: Settings, admin: Viewer) -> None:
    # Nobody listens on port 1.
    saved = save(store, replace(settings, sandbox_port_text="1"), admin)
    assert saved.refusal is not None
    assert (saved.config_id, saved.refusal.cause) == (None, "unreachable")
    assert saved.refusal.cure == "Check this machine's network, then test again."


def test_insisting_saves_it_switched_off(store: Store, settings: Settings, admin: Viewer) -> None:
    saved = save(store, settings, admin, {"account": "nobody", "key": "x"}, insist=True)
    assert (saved.is_active, only(store).is_active) == (False, False)
    assert saved.refusal is not None


def test_what_the_platform_refused_is_not_switched_on_untested(store: Store, settings: Settings, admin: Viewer) -> None:
    saved = save(store, settings, admin, {"account": "nobody", "key": "k"}, insist=True)
    assert saved.config_id is not None
    with pytest.raises(ValueError, match="not accepted this form"):
        connections.set_active(store, admin, saved.config_id, active=True, now=NOW)
    save(store, settings, admin, config_id=saved.config_id, options=Options(is_enabled=False))
    connections.set_active(store, admin, saved.config_id, active=True, now=NOW)
    assert only(store).is_active


def test_a_wrong_form_names_its_fields_and_shows_no_secret(store: Store, settings: Settings, admin: Viewer) -> None:
    saved = save(
        store, settings, admin, {"account": "acme", "key": "hush-the-secret", "surprise": 1, "signs_in": "perhaps"}
    )
    assert saved.refusal is not None
    assert set(saved.refusal.fields or {}) == {"surprise", "signs_in"}
    assert "hush-the-secret" not in repr(saved)


def test_an_unreachable_platform_is_named_within_ten_seconds(
    store: Store, settings: Settings, admin: Viewer, platform: PacedServer
) -> None:
    platform.plan = [(503, {}, "{}")] * 20
    saved = save(store, settings, admin)
    assert saved.refusal is not None
    assert saved.refusal.cause == "server_error"


def test_a_secret_left_empty_stays_as_it_was(store: Store, settings: Settings, admin: Viewer) -> None:
    first = save(store, settings, admin)
    save(store, settings, admin, {"account": "other", "key": ""}, config_id=first.config_id)
    config = only(store)
    assert config.settings["account"] == "other"
    assert open_secrets(store.vault, config) == {"key": "first-secret"}
    save(store, settings, admin, {"account": "other", "key": "second-secret"}, config_id=str(first.config_id))
    assert open_secrets(store.vault, only(store)) == {"key": "second-secret"}


def test_a_refused_change_leaves_the_working_connection_alone(store: Store, settings: Settings, admin: Viewer) -> None:
    first = save(store, settings, admin)
    before = only(store).model_dump()
    save(store, settings, admin, {"account": "nobody", "key": "x"}, config_id=first.config_id)
    assert only(store).model_dump() == before


def test_saving_again_forgets_what_the_platform_refused(store: Store, settings: Settings, admin: Viewer) -> None:
    first = save(store, settings, admin)
    with store.writing() as session:
        session.add(PlatformToken(config_id=first.config_id, company_id=admin.company_id, refused_cause="auth_revoked"))
    save(store, settings, admin, config_id=first.config_id)
    with store.reading() as session:
        row = session.get(PlatformToken, first.config_id)
        assert row is None or row.refused_cause == ""


def test_a_changed_form_begins_the_sync_under_way_anew(
    store: Store, settings: Settings, admin: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The sync is of a year: in one piece.
    monkeypatch.setattr(Paced, "chunk_days", 400)
    saved = save(store, settings, admin)
    config = only(store)
    syncs.sync_now(store, admin, config.id, now=NOW)
    held = claim_next(store.engine, "w1", NOW)
    assert held is not None
    save(store, settings, admin, config_id=saved.config_id, options=Options(name="Renamed"))
    beat(store.engine, held)
    save(store, settings, admin, FORM | {"key": "second-secret"}, config_id=saved.config_id)
    with pytest.raises(LostLease):
        beat(store.engine, held)
    with store.reading() as session:
        job = session.exec(select(PlatformSyncJob)).one()
    assert (job.state, job.cursor, job.attempts) == ("pending", {}, 0)
    outcome = run_once(store, settings, "w2", now=lambda: NOW)
    assert outcome is not None
    assert outcome.state == "completed"


def test_a_connection_with_numbers_stays_with_its_account(store: Store, settings: Settings, admin: Viewer) -> None:
    saved = save(store, settings, admin)
    sync(store, settings, admin, only(store))
    before = only(store).model_dump()
    for insist in (False, True):
        moved = save(store, settings, admin, {"account": "other"}, config_id=saved.config_id, insist=insist)
        assert moved.refusal is not None
        assert "another account" in moved.refusal.words
        assert moved.refusal.detail == "Acme at Paced in place of Acme at Paced"
        assert moved.config_id is None
    assert only(store).model_dump() == before
    assert audit(store)[-1] == ("connection.test", "failed")


def test_numbers_of_connections_are_never_used_twice(store: Store, settings: Settings, admin: Viewer) -> None:
    first = save(store, settings, admin)
    assert first.config_id is not None
    connections.delete(store, admin, first.config_id, now=NOW)
    save(store, settings, admin)
    with store.reading() as session:
        assert sorted(session.exec(select(col(PlatformConfig.number))).all()) == [1, 2]


def test_switching_off_ends_the_sync_under_way(store: Store, settings: Settings, admin: Viewer) -> None:
    saved = save(store, settings, admin)
    assert saved.config_id is not None
    syncs.sync_now(store, admin, saved.config_id, now=NOW)
    connections.set_active(store, admin, saved.config_id, active=False, now=NOW)
    with store.reading() as session:
        job = session.exec(select(PlatformSyncJob)).one()
    assert (job.state, job.finished_at) == ("failed", NOW)
    assert run_once(store, settings, "w1", now=lambda: NOW) is None


def test_deleting_keeps_the_numbers_and_drops_the_credentials(store: Store, settings: Settings, admin: Viewer) -> None:
    save(store, settings, admin)
    config = only(store)
    sync(store, settings, admin, config)
    facts = count(store, RawFact)
    assert connections.delete(store, admin, config.id, now=NOW) == 0
    assert count(store, RawFact) == facts == 48
    assert (only(store).deleted_at, only(store).credentials, only(store).is_active) == (NOW, "", False)
    with pytest.raises(NotFound):
        syncs.sync_now(store, admin, config.id, now=NOW)


def test_erasing_takes_facts_and_coverage_and_has_the_days_counted_again(
    store: Store, settings: Settings, admin: Viewer
) -> None:
    save(store, settings, admin)
    config = only(store)
    sync(store, settings, admin, config)
    with store.writing() as session:
        for entry in session.exec(select(DirtyDay)):
            session.delete(entry)
    assert connections.delete(store, admin, config.id, erase_facts=True, now=NOW) == 48
    assert count(store, RawFact) == count(store, ReadCoverage) == 0
    with store.reading() as session:
        assert len(set(session.exec(select(col(DirtyDay.day))).all())) == 12


def test_a_hiring_manager_changes_nothing_and_the_attempt_is_written_down(
    store: Store, settings: Settings, admin: Viewer, manager: Viewer, platform: PacedServer
) -> None:
    saved = save(store, settings, admin)
    assert saved.config_id is not None
    before, asked = only(store).model_dump(), len(platform.paths)
    for attempt in (
        lambda: save(store, settings, manager, config_id=saved.config_id),
        lambda: connections.set_active(store, manager, saved.config_id, active=False, now=NOW),  # type: ignore[arg-type]
        lambda: connections.delete(store, manager, saved.config_id, now=NOW),  # type: ignore[arg-type]
    ):
        with pytest.raises(NotAllowed):
            attempt()
    assert only(store).model_dump() == before
    assert len(platform.paths) == asked
    assert [outcome for _, outcome in audit(store)] == ["ok", *["denied"] * 3]


def test_another_companys_connection_does_not_exist(
    store: Store, settings: Settings, admin: Viewer, outsider: Viewer
) -> None:
    saved = save(store, settings, admin)
    assert saved.config_id is not None
    for attempt in (
        lambda: save(store, settings, outsider, config_id=saved.config_id),
        lambda: connections.set_active(store, outsider, saved.config_id, active=False, now=NOW),  # type: ignore[arg-type]
        lambda: connections.delete(store, outsider, saved.config_id, now=NOW),  # type: ignore[arg-type]
        lambda: syncs.sync_now(store, outsider, saved.config_id, now=NOW),  # type: ignore[arg-type]
    ):
        with pytest.raises(NotFound):
            attempt()
    assert standing(store, outsider) == []
    assert only(store).is_active


@pytest.mark.parametrize("options", [Options(rate_limit=0), Options(spend_limit_minor=-1), Options(name="x" * 121)])
def test_senseless_limits_are_refused(store: Store, settings: Settings, admin: Viewer, options: Options) -> None:
    with pytest.raises(ValueError, match=r"limit|name"):
        save(store, settings, admin, options=options)


def standing(store: Store, viewer: Viewer, at: datetime = NOW) -> list[ConnectionRow]:
    """The connections as the screen lists them."""
    with store.reading() as session:
        company = find_company(session, viewer.company_id)
        assert company is not None
        return list_connections(session, company, at)


def test_the_list_tells_how_each_connection_stands(
    store: Store, settings: Settings, admin: Viewer, platform: PacedServer
) -> None:
    save(store, settings, admin)
    config = only(store)
    told = standing(store, admin)
    syncs.backfill(store, admin, config.id, date(2026, 6, 1), date(2026, 6, 13), now=NOW)
    told += standing(store, admin)
    run_once(store, settings, "w1", now=lambda: NOW)
    told += standing(store, admin)
    told += standing(store, admin, NOW + timedelta(hours=31))
    platform.plan = [(403, {}, "{}")]
    syncs.sync_now(store, admin, config.id, now=NOW)
    run_once(store, settings, "w1", now=lambda: NOW)
    told += standing(store, admin)
    assert [entry.state for entry in told] == ["never", "syncing", "completed", "stale", "failed"]
    assert told[1].job is not None
    assert told[1].job.pages == 0
    assert told[2].synced_at == NOW
    assert told[4].job is not None
    assert told[4].job.cause_code in CAUSES
    assert told[4].has_secrets
    assert "first-secret" not in repr(told)


def test_what_may_break_terms_is_saved_only_when_somebody_answers_for_it(
    store: Store, settings: Settings, admin: Viewer, monkeypatch: pytest.MonkeyPatch
) -> None:
    class RiskyConfig(TermsConfig, PacedConfig):
        """The test platform's form, with an agreement."""

    class Risky(Paced):
        key = "risky"
        config_model = RiskyConfig
        terms_warning = "This may break somebody's terms."

    monkeypatch.setitem(CONNECTORS, "risky", Risky)
    for told in ({}, {"accepts_terms": False}):
        refused = connections.test_and_save(store, settings, admin, "risky", {**FORM, **told}, now=NOW, insist=True)
        assert refused.config_id is None
        assert refused.refusal is not None
        assert refused.refusal.fields is not None
        assert set(refused.refusal.fields) == {"accepts_terms"}
    assert count(store, PlatformConfig) == 0
    saved = connections.test_and_save(store, settings, admin, "risky", {**FORM, "accepts_terms": True}, now=NOW)
    assert saved.is_active
    assert only(store).settings["accepts_terms"] is True
    with store.reading() as session:
        (entry,) = session.exec(select(AuditEntry)).all()
    assert (entry.action, entry.facts["accepts_terms"]) == ("connection.create", True)
    assert entry.actor == "ann@harbour.example"


def test_a_retired_name_says_what_to_connect_instead(store: Store, settings: Settings, admin: Viewer) -> None:
    with pytest.raises(ValueError, match="Connect Enrich Layer"):
        connections.test_and_save(store, settings, admin, "proxycurl", {"api_key": "old"}, now=NOW)
