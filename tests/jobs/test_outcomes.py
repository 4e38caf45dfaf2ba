"""What becomes of a platform's applicants goes back to it: each stage once, nobody else's, nothing from before."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select, update

from jobs.outbox import send_next
from jobs.outcomes import collect_outcomes
from sandbox.launch import Sandbox
from settings import Settings
from store.opening import Store
from store.tables import Application, Company, OutboxEntry, PlatformConfig
from store.writes.applications_told import PostingIndex, StageTold, Teller, Told, tell_application
from tests.connectors.drafts import told
from tests.jobs.board_scenes import connect_board
from tests.jobs.conftest import settings_for

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
APPLIED = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
REF = "a" * 64


@pytest.fixture
def settings(database_url: str, tmp_path, sandbox: Sandbox) -> Settings:
    """Settings that lead to the sandbox."""
    return settings_for(database_url, tmp_path, int(sandbox.url.rpartition(":")[2]))


def tell(store: Store, company: Company, scope: str, ref: str, *stages: tuple[str, datetime], now=NOW) -> None:
    """As the platform's webhook and the applicant system do."""
    with store.writing() as session:
        teller = Teller(company.id, store.vault, PostingIndex(session, company.id))
        told_stages = tuple(StageTold(stage, at) for stage, at in stages)
        tell_application(session, teller, Told("webhook", told_stages, refs=((scope, ref),)), now=now)


def send_all(store: Store, settings: Settings, now: datetime = NOW) -> list[str]:
    states = []
    while (state := send_next(store, settings, "w1", now=lambda: now)) is not None:
        states.append(state)
    return states


def stages_told(sandbox: Sandbox, key: str) -> list[str]:
    return [each.get("dispositionStatus") or each["event"] for each in told(sandbox, key)]


def test_stages_go_back_to_the_platform_that_sent_the_applicant(store, settings, sandbox, company):
    connect_board(store, sandbox, company, "indeed_job_sync", 1)
    connect_board(store, sandbox, company, "ziprecruiter", 2)
    tell(store, company, "indeed", REF, ("applied", APPLIED), ("interviewed", APPLIED + timedelta(days=3)))
    tell(store, company, "ziprecruiter", "zr-1", ("applied", APPLIED))
    tell(store, company, "linkedin", "li-1", ("applied", APPLIED))
    assert collect_outcomes(store, NOW) == 3
    assert send_all(store, settings) == ["done", "done"], "Indeed's two went together"
    assert stages_told(sandbox, "indeed_job_sync") == ["NEW", "INTERVIEW"]
    assert stages_told(sandbox, "ziprecruiter") == ["received"]
    assert told(sandbox, "ziprecruiter")[0]["event_timestamp"] == "2026-06-01T09:00:00Z"


def test_each_stage_is_told_once_however_often_it_is_looked_for(store, settings, sandbox, company):
    connect_board(store, sandbox, company, "ziprecruiter")
    tell(store, company, "ziprecruiter", "zr-1", ("applied", APPLIED))
    assert [collect_outcomes(store, NOW + timedelta(minutes=minute)) for minute in range(3)] == [1, 0, 0]
    send_all(store, settings)
    hired = NOW + timedelta(hours=1)
    tell(store, company, "ziprecruiter", "zr-1", ("hired", hired), now=hired)
    assert collect_outcomes(store, hired + timedelta(minutes=1)) == 1
    send_all(store, settings)
    with store.reading() as session:
        entries = session.exec(select(OutboxEntry).order_by(col(OutboxEntry.id))).all()
    assert [(entry.kind, entry.payload["stage"]) for entry in entries] == [("outcome", "applied"), ("outcome", "hired")]


def set_stage(store: Store, stage: str, *, now: datetime, **instants: datetime | None) -> None:
    """As a person's change or its undoing leaves the one application."""
    with store.writing() as session:
        session.execute(update(Application).values(stage=stage, updated_at=now, **instants))


def test_a_hire_that_is_taken_back_is_followed_by_where_the_application_stands(store, settings, sandbox, company):
    connect_board(store, sandbox, company, "indeed_job_sync", 1)
    interviewed, hired = APPLIED + timedelta(days=3), APPLIED + timedelta(days=9)
    tell(store, company, "indeed", REF, ("applied", APPLIED), ("interviewed", interviewed), ("hired", hired))
    assert collect_outcomes(store, NOW) == 3
    send_all(store, settings)
    minute = timedelta(minutes=1)
    set_stage(store, "interviewed", hired_at=None, now=NOW + minute)
    assert [collect_outcomes(store, NOW + count * minute) for count in (2, 3)] == [1, 0]
    # The taking back was a mistake: the hire stands again, as of the day it was.
    set_stage(store, "hired", hired_at=hired, now=NOW + 4 * minute)
    assert [collect_outcomes(store, NOW + count * minute) for count in (5, 6)] == [1, 0]
    send_all(store, settings, NOW + 7 * minute)
    assert [(each["dispositionStatus"], each["statusChangeDateTime"]) for each in told(sandbox, "indeed_job_sync")] == [
        ("NEW", "2026-06-01T09:00:00Z"),
        ("INTERVIEW", "2026-06-04T09:00:00Z"),
        ("HIRED", "2026-06-10T09:00:00Z"),
        ("INTERVIEW", "2026-06-15T12:01:00Z"),
        ("HIRED", "2026-06-15T12:04:00Z"),
    ]


def test_a_stage_that_follows_what_was_taken_back_is_told_and_nothing_twice(store, settings, sandbox, company):
    connect_board(store, sandbox, company, "ziprecruiter")
    tell(store, company, "ziprecruiter", "zr-1", ("applied", APPLIED), ("hired", APPLIED + timedelta(days=9)))
    assert collect_outcomes(store, NOW) == 2
    rejected, minute = APPLIED + timedelta(days=10), timedelta(minutes=1)
    set_stage(store, "rejected", hired_at=None, rejected_at=rejected, now=NOW + minute)
    assert [collect_outcomes(store, NOW + count * minute) for count in (2, 3)] == [1, 0]
    send_all(store, settings, NOW + 4 * minute)
    assert stages_told(sandbox, "ziprecruiter") == ["received", "hired", "rejected"]


def test_another_day_of_the_same_hire_is_no_taking_back(store, settings, sandbox, company):
    connect_board(store, sandbox, company, "ziprecruiter")
    tell(store, company, "ziprecruiter", "zr-1", ("applied", APPLIED), ("hired", APPLIED + timedelta(days=9)))
    assert collect_outcomes(store, NOW) == 2
    set_stage(store, "hired", hired_at=APPLIED + timedelta(days=8), now=NOW + timedelta(minutes=1))
    assert [collect_outcomes(store, NOW + timedelta(minutes=minute)) for minute in (2, 3)] == [1, 0]


def test_what_happened_before_the_connection_was_made_stays_here(store, settings, sandbox, company):
    config = connect_board(store, sandbox, company, "ziprecruiter")
    with store.writing() as session:
        session.execute(update(PlatformConfig).values(created_at=APPLIED + timedelta(days=1)))
    tell(store, company, "ziprecruiter", "zr-1", ("applied", APPLIED), ("rejected", APPLIED + timedelta(days=2)))
    assert collect_outcomes(store, NOW) == 1
    send_all(store, settings)
    assert stages_told(sandbox, "ziprecruiter") == ["rejected"]
    assert config.connector == "ziprecruiter"


def test_a_connection_that_does_not_tell_keeps_quiet(store, settings, sandbox, company):
    config = connect_board(store, sandbox, company, "ziprecruiter")
    with store.writing() as session:
        session.get_one(PlatformConfig, config.id).settings = {**config.settings, "tells_outcomes": False}
    tell(store, company, "ziprecruiter", "zr-1", ("applied", APPLIED))
    assert collect_outcomes(store, NOW) == 0


def test_nothing_of_the_person_is_in_what_is_told(store, settings, sandbox, company):
    connect_board(store, sandbox, company, "ziprecruiter")
    with store.writing() as session:
        teller = Teller(company.id, store.vault, PostingIndex(session, company.id))
        stages = (StageTold("applied", APPLIED),)
        person = Told("webhook", stages, refs=(("ziprecruiter", "zr-1"),), name="Canary Person", email="c@a.example")
        tell_application(session, teller, person, now=NOW)
    collect_outcomes(store, NOW)
    send_all(store, settings)
    assert len(told(sandbox, "ziprecruiter")) == 1
    everything = str(sandbox.log()) + str(told(sandbox, "ziprecruiter"))
    assert "Canary" not in everything
    assert "c@a.example" not in everything


def test_an_application_that_is_erased_takes_its_outcomes_along(store, settings, sandbox, company):
    connect_board(store, sandbox, company, "ziprecruiter")
    tell(store, company, "ziprecruiter", "zr-1", ("applied", APPLIED))
    collect_outcomes(store, NOW)
    with store.writing() as session:
        session.delete(session.exec(select(Application)).one())
    with store.reading() as session:
        assert session.exec(select(OutboxEntry)).all() == []


def test_a_batch_that_indeed_does_not_answer_is_told_again(store, settings, sandbox, company):
    connect_board(store, sandbox, company, "indeed_job_sync")
    for number in range(30):
        tell(store, company, "indeed", f"{number:064x}", ("applied", APPLIED + timedelta(minutes=number)))
    assert collect_outcomes(store, NOW) == 30
    sandbox.plan("/graphql", {"kind": "reset"}, repeat=2)
    assert send_all(store, settings)[0] == "unknown"
    with store.writing() as session:
        session.execute(update(OutboxEntry).values(next_attempt_at=NOW))
    send_all(store, settings)
    assert len(told(sandbox, "indeed_job_sync")) == 30
    with store.reading() as session:
        assert {entry.state for entry in session.exec(select(OutboxEntry))} == {"done"}
