"""A file and events tell of the same applications: one each, whoever comes first, and undo takes back only the file."""

import pytest
from sqlmodel import select

from actions.imports import undo_import
from store.tables import Application, ApplicationStage, Referral
from store.writes import referrals
from store.writes.applications_told import PostingIndex, StageTold, Teller, Told, TouchTold, tell_application
from tests.actions.import_scenes import APPLICATIONS, NOW, add_posting, admin_of, bring_in, plan_of, text_file


@pytest.fixture
def viewer(store, company):
    return admin_of(store, company)


@pytest.fixture
def posting(store, company):
    return add_posting(store, company, "REQ-1", "Welder")


def tell(store, company, email="ines@example.com", refs=(("indeed", "3f9a"),)):
    """What Indeed's webhook says of the file's first person, three minutes before the file's own time."""
    at = NOW.replace(month=1, day=10, hour=8, minute=27)
    told = Told(
        "webhook",
        (StageTold("applied", at, "indeed"),),
        refs=refs,
        posting_ref="REQ-1",
        email=email,
        name="Ines Albrecht",
        touches=(TouchTold("declared", "indeed", at, platform="indeed", source="Indeed"),),
    )
    with store.writing() as session:
        teller = Teller(company.id, store.vault, PostingIndex(session, company.id))
        return tell_application(session, teller, told, now=NOW)


def applications(store):
    """What counts of each application, in the order of applying."""
    with store.reading() as session:
        rows = session.exec(select(Application).order_by(Application.applied_at)).all()
        return [
            (row.source_platform, row.stage, row.told_by, row.applied_at, row.hired_at, row.posting_id) for row in rows
        ]


def test_whoever_tells_first_the_application_is_one_and_the_same(store, company, viewer, posting):
    tell(store, company)
    bring_in(store, viewer, text_file(APPLICATIONS, "ats.csv"))
    event_first = applications(store)
    assert len(event_first) == 3
    assert event_first[0][:3] == ("indeed", "hired", "webhook")
    # Three minutes before the file's time, in Berlin.
    assert event_first[0][3].minute == 27
    assert tell(store, company).is_new is False
    assert applications(store) == event_first


def test_a_file_first_and_the_event_later_end_alike(store, company, viewer, posting):
    bring_in(store, viewer, text_file(APPLICATIONS, "ats.csv"))
    assert tell(store, company).is_new is False
    rows = applications(store)
    assert len(rows) == 3
    assert rows[0][:3] == ("indeed", "hired", "webhook")
    assert rows[0][3].minute == 27


def test_the_same_file_again_changes_nothing_of_what_events_told(store, company, viewer, posting):
    tell(store, company)
    bring_in(store, viewer, text_file(APPLICATIONS, "ats.csv"))
    plan = plan_of(store, viewer, text_file(APPLICATIONS, "ats.csv"))
    assert (plan.new, plan.changed, plan.unchanged) == (0, 0, 3)


def test_taking_the_file_back_leaves_what_the_event_told(store, company, viewer, posting):
    tell(store, company)
    alone = applications(store)
    imported = bring_in(store, viewer, text_file(APPLICATIONS, "ats.csv"))
    undo_import(store, viewer, imported.import_id, now=NOW)
    assert applications(store) == alone
    with store.reading() as session:
        assert {row.told_by for row in session.exec(select(ApplicationStage))} == {"webhook"}


def test_the_applicant_system_s_number_is_enough(store, company, viewer, posting):
    bring_in(store, viewer, text_file(APPLICATIONS, "ats.csv"))
    outcome = tell(store, company, email="", refs=(("", "A-1"),))
    assert not outcome.is_new
    assert len(applications(store)) == 3


def test_a_preview_shows_nobody_s_stored_name_or_address_in_full(store, viewer, posting):
    bring_in(store, viewer, text_file(APPLICATIONS, "ats.csv"))
    other = APPLICATIONS.replace("Ines Albrecht", "Some Body").replace("ines@example.com", "some.body@example.org")
    changes = {
        change.what: (change.before, change.after) for change in plan_of(store, viewer, text_file(other)).changes
    }
    assert changes["A-1 · candidate name"] == ("I. A.", "Some Body")
    assert changes["A-1 · candidate email"] == ("i…@example.com", "some.body@example.org")
    told = repr(changes)
    assert "Albrecht" not in told
    assert "ines@" not in told


@pytest.mark.parametrize("is_by_file", [False, True], ids=["told by an event", "told by an earlier file"])
def test_a_file_that_is_taken_back_takes_a_referral_back_to_where_it_stood(store, company, viewer, posting, is_by_file):
    with store.writing() as session:
        who = referrals.Referrer(company.id, viewer.user_id, "Ada")
        ines = referrals.Candidate(posting.id, "Ines", "ines@example.com")
        made = referrals.make_referral(session, store.vault, who, ines, now=NOW.replace(month=1, day=9)).id

    def status():
        with store.reading() as session:
            return session.get_one(Referral, made).status

    if is_by_file:
        early = "Application ID,E-mail,Requisition,Applied at\nA-1,ines@example.com,REQ-1,2026-01-10 09:30\n"
        bring_in(store, viewer, text_file(early, "ats.csv"))
    else:
        tell(store, company)
    assert status() == "applied"
    done = bring_in(store, viewer, text_file(APPLICATIONS, "ats.csv"), NOW.replace(day=2))
    assert status() == "hired"
    undo_import(store, viewer, done.import_id, now=NOW.replace(day=3))
    assert status() == "applied"
