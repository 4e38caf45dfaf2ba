"""What is said to platforms: once each, whatever fails on the way, and nobody's trouble is another's."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import col, select, update

from jobs.outbox import MOST_ATTEMPTS, send_next
from jobs.outbox_claims import claim_next, finish
from jobs.standings import refresh_standings
from sandbox.launch import Sandbox
from settings import Settings
from store.opening import Store
from store.tables import Company, ErrorLog, ExternalPosting, OutboxEntry, PlatformConfig
from store.writes.postings_found import PostingIndex
from tests.connectors.drafts import ads, draft_with
from tests.jobs.board_scenes import ask, connect_board, draft_of, entry_of, make_posting, standings
from tests.jobs.conftest import settings_for

NOW = datetime(2026, 6, 15, 12, 0, tzinfo=UTC)
JOB = "/partner/v0/job"


@pytest.fixture
def settings(database_url: str, tmp_path, sandbox: Sandbox) -> Settings:
    """Settings that lead to the sandbox."""
    return settings_for(database_url, tmp_path, int(sandbox.url.rpartition(":")[2]))


@pytest.fixture
def board(store: Store, sandbox: Sandbox, company: Company) -> PlatformConfig:
    """A connection to ZipRecruiter."""
    return connect_board(store, sandbox, company, "ziprecruiter")


def send_all(store: Store, settings: Settings, now: datetime = NOW) -> list[str]:
    states = []
    for _ in range(50):
        state = send_next(store, settings, "w1", now=lambda: now)
        if state is None:
            return states
        states.append(state)
    raise AssertionError("it never ends")


def let_holds_end(store: Store) -> None:
    """As two minutes would."""
    with store.writing() as session:
        session.execute(
            update(OutboxEntry)
            .where(col(OutboxEntry.state) == "sending")
            .values(held_until=datetime(2020, 1, 1, tzinfo=UTC))
        )


def test_a_posting_is_published_updated_and_closed_in_that_order(store, settings, sandbox, company, board):
    posting = make_posting(store, company)
    first = ask(store, board, posting, draft_of(), now=NOW)
    assert send_all(store, settings) == ["done"]
    assert standings(store) == {"REQ-1-0f3a9c": ("live", posting)}
    ask(store, board, posting, draft_of(title="Gripper lead"), "update", now=NOW)
    ask(store, board, posting, draft_of(title="Gripper lead"), "close", now=NOW)
    assert send_all(store, settings) == ["done"], "an update of what is closed anyway was sent"
    ad = ads(sandbox, "ziprecruiter")["REQ-1-0f3a9c"]
    assert (ad["is_open"], ad["made"]) == (False, 1)
    assert standings(store) == {"REQ-1-0f3a9c": ("closed", posting)}
    assert entry_of(store, first).state == "done"


def test_asking_twice_asks_once(store, settings, sandbox, company, board):
    posting = make_posting(store, company)
    first = ask(store, board, posting, draft_of(), now=NOW)
    second = ask(store, board, posting, draft_of(title="Changed before it left"), now=NOW)
    assert first == second
    assert send_all(store, settings) == ["done"]
    assert ads(sandbox, "ziprecruiter")["REQ-1-0f3a9c"]["body"]["title"] == "Changed before it left"


def test_what_was_never_sent_is_taken_back_by_a_close(store, settings, sandbox, company, board):
    posting = make_posting(store, company)
    entry = ask(store, board, posting, draft_of(), now=NOW)
    ask(store, board, posting, draft_of(), "close", now=NOW)
    assert send_all(store, settings) == []
    assert entry_of(store, entry).state == "withdrawn"
    assert ads(sandbox, "ziprecruiter") == {}


def test_an_unknown_outcome_is_looked_up_before_anything_is_sent_again(store, settings, sandbox, company, board):
    sandbox.plan(f"^{JOB}$", {"kind": "reset"})
    entry = ask(store, board, make_posting(store, company), draft_of(), now=NOW)
    assert send_all(store, settings) == ["unknown"]
    assert entry_of(store, entry).cause_code in {"truncated", "unreachable"}
    sandbox.control("log", method="DELETE")
    assert send_all(store, settings, NOW + timedelta(days=1)) == ["done"]
    methods = [(request["method"], request["path"]) for request in sandbox.log()]
    assert methods[0][0] == "GET"
    assert ("POST", JOB) not in methods, "it was sent again although the platform had it"
    assert [ad["made"] for ad in ads(sandbox, "ziprecruiter").values()] == [1]


def test_an_unknown_outcome_that_never_arrived_is_sent_after_the_look(store, settings, sandbox, company, board):
    sandbox.plan(f"^{JOB}$", {"kind": "500"})
    ask(store, board, make_posting(store, company), draft_of(), now=NOW)
    assert send_all(store, settings) == ["unknown"]
    sandbox.control("log", method="DELETE")
    assert send_all(store, settings, NOW + timedelta(days=1)) == ["done"]
    assert [request["method"] for request in sandbox.log()][:2] == ["GET", "POST"]
    assert [ad["made"] for ad in ads(sandbox, "ziprecruiter").values()] == [1]


def test_what_cannot_have_arrived_waits_without_a_look(store, settings, sandbox, company, board):
    entry = ask(store, board, make_posting(store, company), draft_of(), now=NOW)
    nobody = replace(settings, sandbox_port_text="1")
    assert send_all(store, nobody) == ["waiting"]
    assert entry_of(store, entry).cause_code == "unreachable"
    assert send_all(store, settings, NOW + timedelta(days=1)) == ["done"]
    assert sandbox.log()[0]["method"] == "POST"


def test_a_refusal_names_our_fields_and_is_not_repeated(store, settings, sandbox, company, board):
    draft = draft_with(draft_of(), postal_code="nowhere", country="US")
    entry = ask(store, board, make_posting(store, company), draft, now=NOW)
    assert send_all(store, settings) == ["refused"]
    held = entry_of(store, entry)
    assert held.problems == {"postal_code": "postal_code is not one of this country"}
    assert send_all(store, settings, NOW + timedelta(days=30)) == []
    assert standings(store) == {}


def test_a_corrected_posting_is_published_after_a_refusal(store, settings, sandbox, company, board):
    posting = make_posting(store, company)
    ask(store, board, posting, draft_with(draft_of(), postal_code="nowhere"), now=NOW)
    assert send_all(store, settings) == ["refused"]
    ask(store, board, posting, draft_of(), now=NOW)
    assert send_all(store, settings) == ["done"]
    assert standings(store) == {"REQ-1-0f3a9c": ("live", posting)}


def test_one_bad_entry_never_blocks_others(store, settings, sandbox, company, board):
    bad = make_posting(store, company, 1)
    ask(store, board, bad, draft_with(draft_of(1), postal_code="x"), now=NOW)
    odd = ask(store, board, make_posting(store, company, 3), draft_of(3), now=NOW)
    with store.writing() as session:
        session.execute(update(OutboxEntry).where(col(OutboxEntry.id) == odd).values(payload={"nonsense": 1}))
    ask(store, board, make_posting(store, company, 4), draft_of(4), now=NOW)
    assert sorted(send_all(store, settings)) == ["done", "refused", "unknown"]
    assert entry_of(store, odd).cause_code == "unexpected"
    assert set(standings(store)) == {"REQ-4-0f3a9c"}


def test_a_slow_down_parks_the_connection_and_not_the_others(store, settings, sandbox, company, board):
    other = connect_board(store, sandbox, company, "ziprecruiter", 2)
    sandbox.plan(f"^{JOB}$", {"kind": "429_seconds", "seconds": 300})
    entries = [ask(store, board, make_posting(store, company, n), draft_of(n), now=NOW) for n in (1, 2, 3)]
    ask(store, other, make_posting(store, company, 4), draft_of(4), now=NOW)
    now = datetime.now(UTC)
    assert send_all(store, settings, now) == ["waiting", "done"]
    assert {entry_of(store, entry).state for entry in entries} == {"waiting"}
    for entry in entries:
        due = entry_of(store, entry).next_attempt_at
        assert due is not None
        assert timedelta(seconds=280) < due - now < timedelta(seconds=320)
    assert send_all(store, settings, now + timedelta(seconds=330)) == ["done"] * 3


def test_it_gives_up_after_many_failures_and_a_person_can_ask_again(store, settings, sandbox, company, board):
    sandbox.plan(JOB, {"kind": "500"}, repeat="always")
    posting = make_posting(store, company)
    entry = ask(store, board, posting, draft_of(), now=NOW)
    states = []
    for day in range(MOST_ATTEMPTS + 3):
        states += send_all(store, settings, NOW + timedelta(days=day))
    assert states == ["unknown"] * (MOST_ATTEMPTS - 1) + ["dead"]
    with store.reading() as session:
        assert len(session.exec(select(ErrorLog)).all()) == MOST_ATTEMPTS
    sandbox.control("plan", method="DELETE")
    assert ask(store, board, posting, draft_of(), now=NOW + timedelta(days=90)) == entry
    assert send_all(store, settings, NOW + timedelta(days=90)) == ["done"]


def test_a_wrong_key_leaves_it_waiting_for_a_person(store, settings, sandbox, company, board):
    sandbox.control("revoke", {"what": "ziprecruiter_key"})
    entry = ask(store, board, make_posting(store, company), draft_of(), now=NOW)
    assert send_all(store, settings) == ["waiting"]
    assert entry_of(store, entry).cause_code == "key_invalid"
    sandbox.control("revoke", {"what": "ziprecruiter_key", "restore": True})
    assert send_all(store, settings, NOW + timedelta(days=1)) == ["done"]


def test_a_connection_that_is_switched_off_is_not_spoken_to(store, settings, sandbox, company, board):
    ask(store, board, make_posting(store, company), draft_of(), now=NOW)
    with store.writing() as session:
        session.execute(update(PlatformConfig).values(is_active=False))
    assert send_all(store, settings) == []
    assert sandbox.log() == []


def test_two_workers_never_hold_the_same_entry(store, settings, sandbox, company, board):
    ask(store, board, make_posting(store, company), draft_of(), now=NOW)
    first = claim_next(store, "w1", NOW)
    assert first is not None
    assert not first.is_unknown
    assert claim_next(store, "w2", NOW) is None
    let_holds_end(store)
    second = claim_next(store, "w2", NOW)
    assert second is not None
    assert second.is_unknown, "found being sent by nobody: it may have arrived"
    assert not finish(store, first, {"state": "done"}), "the first one wrote what was no longer its own"
    assert finish(store, second, {"state": "done"})


def test_the_platform_is_asked_how_a_posting_stands(store, settings, sandbox, company, board):
    posting = make_posting(store, company)
    ask(store, board, posting, draft_of(), now=NOW)
    send_all(store, settings)
    assert refresh_standings(store, settings, now=lambda: NOW + timedelta(hours=1)) == 0
    with store.writing() as session:
        external = session.exec(select(ExternalPosting)).one()
        external.status = "pending"
        session.add(external)
    assert refresh_standings(store, settings, now=lambda: NOW + timedelta(hours=1)) == 1
    assert standings(store) == {"REQ-1-0f3a9c": ("live", posting)}
    sandbox.plan(JOB, {"kind": "500"}, repeat="always")
    assert refresh_standings(store, settings, now=lambda: NOW + timedelta(hours=9)) == 0
    assert refresh_standings(store, settings, now=lambda: NOW + timedelta(hours=9)) == 0, "asked again at once"
    assert standings(store) == {"REQ-1-0f3a9c": ("live", posting)}


def test_an_application_names_the_posting_as_we_called_it_there(store, settings, sandbox, company, board):
    posting = make_posting(store, company)
    ask(store, board, posting, draft_of(), now=NOW)
    send_all(store, settings)
    with store.reading() as session:
        assert PostingIndex(session, company.id).find("req-1-0F3A9C", "") == posting
        assert PostingIndex(session, company.id).find("REQ-1", "") == posting
        assert PostingIndex(session, company.id).find("REQ-2-0f3a9c", "") is None


def test_a_close_never_overtakes_what_was_asked_before_it(store, settings, sandbox, company, board):
    posting = make_posting(store, company)
    sandbox.plan(f"^{JOB}$", {"kind": "reset"})
    ask(store, board, posting, draft_of(), now=NOW)
    assert send_all(store, settings) == ["unknown"]
    ask(store, board, posting, draft_of(), "close", now=NOW)
    other = make_posting(store, company, 2)
    ask(store, board, other, draft_of(2), now=NOW)
    assert send_all(store, settings) == ["done"], "only the other posting is free to go"
    assert send_all(store, settings, NOW + timedelta(days=1)) == ["done", "done"]
    assert standings(store) == {"REQ-1-0f3a9c": ("closed", posting), "REQ-2-0f3a9c": ("live", other)}
