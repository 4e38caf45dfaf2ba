"""A list of postings is taken back by a process that dies on the way: the next one finishes it, and nothing else."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

import store.import_undo_postings as undoing
from actions.imports import undo_import
from store.import_undo import undo_dead_imports
from store.tables import JobPosting
from tests.actions.import_scenes import admin_of, bring_in, text_file

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
HEAD = "Requisition,Title,Location,Recruiter\n"


class Killed(BaseException):
    """The process is gone."""


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


def test_a_take_back_that_dies_half_way_is_finished_and_later_lists_stay_what_they_are(store, company, monkeypatch):
    admin = admin_of(store, company)
    monkeypatch.setattr(undoing, "_BATCH", 1)
    lists = (
        f"{HEAD}REQ-1,Nurse,Utrecht,Ida\nREQ-2,Cook,Kiel,Ida\n",
        f"{HEAD}REQ-1,Nurse,Bremen,Ida\n",
        f"{HEAD}REQ-1,Nurse,Bremen,Bo\n",
    )
    first, _, third = (
        bring_in(store, admin, text_file(words), NOW + timedelta(hours=hour)).import_id
        for hour, words in enumerate(lists)
    )
    later = NOW + timedelta(hours=5)

    def die(session, vault, work, undone, *, now):
        undo_batch(session, vault, work, undone, now=now)
        if "REQ-1" in {row.requisition_ref for row in session.exec(select(JobPosting))}:
            session.commit()
            raise Killed

    undo_batch = undoing._undo_batch
    monkeypatch.setattr(undoing, "_undo_batch", die)
    with pytest.raises(Killed):
        undo_import(store, admin, first, now=later)
    monkeypatch.setattr(undoing, "_undo_batch", undo_batch)
    assert undo_dead_imports(store, now=later + timedelta(hours=1)) == [first]
    undo_import(store, admin, third, now=later + timedelta(hours=2))
    with store.reading() as session:
        rows = session.exec(select(JobPosting)).all()
    assert [(row.requisition_ref, row.location, row.recruiter) for row in rows] == [("REQ-1", "Bremen", "Ida")]
