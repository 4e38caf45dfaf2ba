"""Files, events and people speak of one application, and files are taken back: each other's word stays, theirs goes."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from actions.applicants import Wanted, change_stage, undo_change
from actions.imports import undo_import
from store.tables import Application, ApplicationStage
from store.writes.applications_told import PostingIndex, StageTold, Teller, Told, tell_application
from tests.actions.import_scenes import NOW, add_posting, admin_of, bring_in, text_file

COLUMNS = "Application ID,Candidate,Email,Job,Requisition,Source,Stage,Applied on,Interviewed on,Hired on\n"
APPLIED = COLUMNS + "A-1,Ines Albrecht,ines@example.com,Welder,REQ-1,Indeed,Applied,2026-01-10,,\n"
HIRED = COLUMNS + "A-1,Ines Albrecht,ines@example.com,Welder,REQ-1,LinkedIn,Hired,2026-01-10,,2026-02-01\n"
AGAIN = COLUMNS + "A-1,Ines Albrecht,ines@example.com,Welder,REQ-1,Monster,Hired,2026-01-10,2026-01-20,2026-02-01\n"


both = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


class Scene:
    """One application and everything that is said of it, a minute after each other."""

    def __init__(self, store, company):
        self.store, self.company = store, company
        self.viewer = admin_of(store, company)
        self.posting = add_posting(store, company, "REQ-1", "Welder")
        self.now = NOW

    def later(self):
        self.now += timedelta(minutes=1)
        return self.now

    def file(self, text):
        return bring_in(self.store, self.viewer, text_file(text, "ats.csv"), now=self.later()).import_id

    def undo(self, import_id):
        return undo_import(self.store, self.viewer, import_id, now=self.later())

    def hand(self, stage):
        ids = [row.id for row in self.rows()]
        return change_stage(self.store, self.viewer, ids, Wanted(stage), now=self.later()).change_id

    def undo_hand(self, change_id):
        return undo_change(self.store, self.viewer, change_id, now=self.later())

    def event(self, stage, day):
        at = datetime(2026, 1, day, 12, tzinfo=UTC)
        told = Told("webhook", (StageTold(stage, at, "w"),), refs=(("", "A-1"),))
        with self.store.writing() as session:
            teller = Teller(self.company.id, self.store.vault, PostingIndex(session, self.company.id))
            tell_application(session, teller, told, now=self.later())

    def rows(self):
        with self.store.reading() as session:
            return list(session.exec(select(Application)))

    def stand(self):
        """(stage, source, whether a day of hiring is known) of each."""
        return [(row.stage, row.source_platform, row.hired_at is not None) for row in self.rows()]

    def files(self):
        """Ids of imports that still say something."""
        with self.store.reading() as session:
            refs = set(session.exec(select(ApplicationStage.ref).where(ApplicationStage.told_by == "file")))
        return {ref.rpartition(":")[2] for ref in refs}


@pytest.fixture
def scene(store, company):
    return Scene(store, company)


@both
@pytest.mark.parametrize("is_hand_first", [True, False])
def test_a_file_and_a_correction_of_what_it_said_taken_back_leave_what_the_file_before_said(scene, is_hand_first):
    first = scene.file(APPLIED)
    second = scene.file(HIRED)
    change = scene.hand("interviewed")
    assert scene.stand() == [("interviewed", "linkedin", False)]
    if is_hand_first:
        scene.undo_hand(change)
        assert scene.stand() == [("hired", "linkedin", True)]
        undone = scene.undo(second)
    else:
        undone = scene.undo(second)
        assert scene.stand() == [("interviewed", "indeed", False)], "what the person said stays"
        scene.undo_hand(change)
    assert (undone.restored, undone.kept) == (1, 0)
    assert scene.stand() == [("applied", "indeed", False)]
    assert str(second) not in scene.files()
    assert [row.import_id for row in scene.rows()] == [first]
    undone = scene.undo(first)
    assert (undone.removed, undone.kept) == (1, 0), "a file that was taken back itself keeps nothing"
    assert scene.rows() == []


def test_a_person_s_word_alone_keeps_an_application_whose_file_is_taken_back(scene):
    imported = scene.file(APPLIED)
    change = scene.hand("interviewed")
    assert scene.undo(imported).kept == 1
    assert [row[0] for row in scene.stand()] == ["interviewed"]
    scene.undo_hand(change)
    assert [row[0] for row in scene.stand()] == ["applied"]


def test_what_an_earlier_file_said_outlives_a_later_one_that_was_taken_back(scene):
    scene.file(APPLIED)
    scene.event("reviewed", 12)
    scene.file(HIRED)
    third = scene.file(AGAIN)
    assert scene.undo(third).restored == 1
    assert scene.stand() == [("hired", "linkedin", True)]
    scene.event("reviewed", 11)
    assert scene.stand() == [("hired", "linkedin", True)], "the next event does not make anybody forget the hire"


def test_a_correction_between_two_files_can_be_taken_back_after_the_second_one(scene):
    scene.file(HIRED)
    change = scene.hand("interviewed")
    second = scene.file(AGAIN)
    scene.undo(second)
    assert scene.stand() == [("interviewed", "linkedin", False)]
    scene.undo_hand(change)
    assert scene.stand() == [("hired", "linkedin", True)]


def test_files_taken_back_in_the_order_in_which_they_came_leave_what_was_there_before(scene):
    scene.file(APPLIED)
    second, third = scene.file(HIRED.replace("LinkedIn", "Indeed")), scene.file(HIRED)
    scene.undo(second)
    assert scene.stand() == [("hired", "linkedin", True)], "the third file says so too"
    scene.undo(third)
    assert scene.stand() == [("applied", "indeed", False)]
