"""What an admin does with applicants: who may, what is written down, many changed and taken back as one."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import select

from actions.applicants import MOST_AT_ONCE, Wanted, change_stage, reveal, set_stage_word, undo_change
from actions.applications import Given, tell
from actions.imports import undo_import
from actions.viewer import NotAllowed, NotFound, Viewer
from store.tables import Application, AuditEntry, JobPosting, StageChange, User
from store.tables.columns import new_id
from store.writes.applications_linked import link_applications
from tests.actions.import_scenes import add_posting, admin_of, bring_in, plan_of, text_file
from tests.store.applicant_bulk import fill

NOW = datetime(2026, 6, 20, 12, tzinfo=UTC)
WORDY = """Application ID,Candidate,E-mail,Requisition,Posting title,Source,Applied at,Stage
A-1,Ana,ana@mail.example,REQ-9,Unknown one,Indeed,2026-01-10,Trial-Day
A-2,Bo,bo@mail.example,REQ-9,Unknown one,Indeed,2026-01-11,New
"""


@pytest.fixture
def admin(store, company):
    return admin_of(store, company)


@pytest.fixture
def manager(store, company):
    user = User(company_id=company.id, email="mo@harbour.example", name="Mo", role="hiring_manager")
    with store.writing() as session:
        session.add(user)
    return Viewer(user.id, company.id, user.role, user.name, user.email)


@pytest.fixture
def ids(store, admin):
    """Three applications of May."""
    given = [
        Given(
            f"A-{day}", [("applied", datetime(2026, 5, day, 9, tzinfo=UTC))], name="Ana", email=f"a{day}@mail.example"
        )
        for day in (1, 2, 3)
    ]
    tell(store, admin, given, now=NOW)
    with store.reading() as session:
        return list(session.exec(select(Application.id).order_by(Application.external_ref)))


def stages(store):
    with store.reading() as session:
        return [row.stage for row in session.exec(select(Application).order_by(Application.external_ref))]


def deeds(store):
    with store.reading() as session:
        return [
            (row.action, row.outcome, row.facts) for row in session.exec(select(AuditEntry).order_by(AuditEntry.seq))
        ]


def test_a_hiring_manager_changes_nothing_and_the_refusal_is_written_down(store, admin, manager, ids):
    change = change_stage(store, admin, ids, Wanted("reviewed"), now=NOW)
    for refused in (
        lambda: change_stage(store, manager, ids, Wanted("hired"), now=NOW),
        lambda: undo_change(store, manager, change.change_id, now=NOW),
        lambda: reveal(store, manager, ids, now=NOW),
        lambda: set_stage_word(store, manager, "Trial", "reviewed", now=NOW),
    ):
        with pytest.raises(NotAllowed):
            refused()
        assert deeds(store)[-1][1] == "denied"
    assert stages(store) == ["reviewed"] * 3


def test_names_are_told_to_an_admin_of_the_company_and_it_is_written_down_whose(store, admin, ids):
    assert reveal(store, admin, ids[:2], now=NOW) == {
        ids[0]: ("Ana", "a1@mail.example"),
        ids[1]: ("Ana", "a2@mail.example"),
    }
    action, outcome, facts = deeds(store)[-1]
    assert (action, outcome, sorted(facts["seen"])) == ("personal_data.read", "ok", sorted(map(str, ids[:2])))
    stranger = Viewer(admin.user_id, uuid.uuid4(), "admin", "Cat", "cat@elsewhere.example")
    assert reveal(store, stranger, ids, now=NOW) == {}


def test_a_change_is_counted_written_down_and_taken_back_once(store, admin, ids):
    done = change_stage(store, admin, [*ids, ids[0], new_id()], Wanted("hired", date(2026, 5, 2)), now=NOW)
    assert (done.changed, done.unchanged, done.refused) == (2, 0, {"before_applied": 1, "unknown": 1})
    assert stages(store) == ["hired", "hired", "applied"]
    assert deeds(store)[-1][2] == {"stage": "hired", "at": "2026-05-02", "changed": 2, **done.refused}
    assert undo_change(store, admin, done.change_id, now=NOW) == 2
    assert stages(store) == ["applied"] * 3
    with pytest.raises(ValueError, match="already"):
        undo_change(store, admin, done.change_id, now=NOW)
    stranger = Viewer(admin.user_id, uuid.uuid4(), "admin", "Cat", "cat@elsewhere.example")
    with pytest.raises(NotFound):
        undo_change(store, stranger, done.change_id, now=NOW)


@pytest.mark.parametrize(
    ("chosen", "wanted", "words"),
    [
        (0, Wanted("hired"), "at least one"),
        (MOST_AT_ONCE + 1, Wanted("hired"), "At most 10,000"),
        (1, Wanted("promoted"), "Choose a stage"),
        (1, Wanted("hired", date(2026, 6, 21)), "future"),
        (1, Wanted("hired", NOW + timedelta(hours=1)), "future"),
        (1, Wanted("hired", date(1889, 1, 1)), "too far back"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words_before_anything_is_written(
    sqlite_store, sqlite_company, chosen, wanted, words
):
    admin = admin_of(sqlite_store, sqlite_company)
    with pytest.raises(ValueError, match=words):
        change_stage(sqlite_store, admin, [new_id() for _ in range(chosen)], wanted, now=NOW)
    with sqlite_store.reading() as session:
        assert session.exec(select(StageChange)).first() is None


def test_a_thousand_are_changed_and_taken_back_as_one(sqlite_store):
    bulk = fill(sqlite_store, 1000, referrals=50)
    admin = admin_of(sqlite_store, bulk.company)
    with sqlite_store.reading() as session:
        ids = list(session.exec(select(Application.id)))
        before = sorted(session.exec(select(Application.external_ref, Application.stage)))
    shares = []
    done = change_stage(sqlite_store, admin, ids, Wanted("withdrawn"), now=NOW, progress=shares.append)
    assert (done.changed + done.unchanged, shares[-1], shares) == (1000, 1.0, sorted(shares))
    with sqlite_store.reading() as session:
        assert set(session.exec(select(Application.stage))) == {"withdrawn"}
    assert undo_change(sqlite_store, admin, done.change_id, now=NOW) == done.changed
    with sqlite_store.reading() as session:
        assert sorted(session.exec(select(Application.external_ref, Application.stage))) == before


def test_words_said_in_the_preview_hold_for_this_import_and_the_next(sqlite_store, sqlite_company):
    store, admin = sqlite_store, admin_of(sqlite_store, sqlite_company)
    plan = plan_of(store, admin, text_file(WORDY, "ats.csv"))
    assert {word.text: word.is_unknown for word in plan.words["stage"]} == {"Trial-Day": True, "New": False}
    assert set_stage_word(store, admin, "Trial-Day", "interviewed", now=NOW) == "trial day"
    plan = plan_of(store, admin, text_file(WORDY, "ats.csv"))
    assert {word.text: (word.meaning, word.is_unknown) for word in plan.words["stage"]} == {
        "Trial-Day": ("interviewed", False),
        "New": ("applied", False),
    }
    bring_in(store, admin, text_file(WORDY, "ats.csv"))
    assert stages(store) == ["interviewed", "applied"]
    # Another change holds from the next import on.
    set_stage_word(store, admin, "TRIAL DAY", "reviewed", now=NOW)
    assert stages(store) == ["interviewed", "applied"]
    bring_in(store, admin, text_file(WORDY.replace("New", "Inbox"), "ats.csv"), NOW)
    assert stages(store) == ["reviewed", "applied"]


def test_an_import_that_names_unknown_postings_loses_nothing_and_is_linked_later(store, company, admin):
    plan = plan_of(store, admin, text_file(WORDY, "ats.csv"))
    assert plan.unknown_postings == [("REQ-9", "Unknown one", 2)]
    imported = bring_in(store, admin, text_file(WORDY, "ats.csv"))
    with store.reading() as session:
        rows = session.exec(select(Application.posting_ref, Application.posting_title, Application.posting_id)).all()
    assert rows == [("REQ-9", "Unknown one", None)] * 2
    posting = add_posting(store, company, "REQ-9", "Known by now")
    with store.writing() as session:
        assert link_applications(session, store.vault, company.id, now=NOW) == 2
    with store.reading() as session:
        assert set(session.exec(select(Application.posting_id))) == {posting.id}
    undo_import(store, admin, imported.import_id, now=NOW)
    with store.reading() as session:
        assert session.exec(select(Application)).first() is None
        assert session.exec(select(JobPosting.requisition_ref)).all() == ["REQ-9"]


def test_a_change_that_breaks_off_stands_as_far_as_it_came_and_is_written_down(store, admin, ids, monkeypatch):
    monkeypatch.setattr("actions.applicants._SLICE", 1)

    def die(_share):
        raise SystemExit

    with pytest.raises(SystemExit):
        change_stage(store, admin, ids, Wanted("hired"), now=NOW, progress=die)
    assert stages(store) == ["hired", "applied", "applied"]
    with store.reading() as session:
        (change,) = session.exec(select(StageChange))
        entry = session.exec(select(AuditEntry).where(AuditEntry.action == "applicants.begin_change")).one()
    assert (change.changed, entry.actor, entry.target) == (1, admin.email, str(change.id))
    assert (entry.facts["stage"], entry.facts["chosen"]) == ("hired", 3)
    assert undo_change(store, admin, change.id, now=NOW) == 1
    assert stages(store) == ["applied"] * 3
