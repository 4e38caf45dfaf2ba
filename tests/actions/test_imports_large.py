"""Files of applications that take several batches: what stands in them twice, what is known, what is taken back."""

from datetime import timedelta

import pytest
from sqlmodel import select

from actions.imports import undo_import
from store.tables import Application, ImportChange
from tests.actions.import_scenes import NOW, admin_of, bring_in, long_file, plan_of, stored_rows, text_file

TWICE = "application ref stands in the file twice; the first row counts"


@pytest.fixture
def viewer(store, company):
    return admin_of(store, company)


def lines_of(source):
    """The header, and the rows."""
    header, *rows = source.content.decode().splitlines()
    return header, rows


def file_of(header, rows):
    """An export of these rows."""
    return text_file("\n".join([header, *rows]), "ats.csv")


def test_what_stands_twice_is_found_in_the_same_batch_and_in_later_ones(store, viewer):
    header, rows = lines_of(long_file("applications"))
    doubled = [*rows[:4], rows[2], *rows[4:2200], rows[0], rows[1], rows[1], *rows[2200:]]
    source = file_of(header, doubled)
    plan = plan_of(store, viewer, source)
    assert (plan.new, plan.rejected, plan.rejections[TWICE]["cells"]) == (2500, 4, 4)
    assert [one["row"] for one in plan.rejections[TWICE]["examples"]] == [6, 2203, 2204, 2205]
    imported = bring_in(store, viewer, source)
    assert (imported.inserted, imported.rejected) == (2500, 4)


def test_a_longer_export_changes_only_what_differs_and_is_taken_back_whole(store, viewer):
    header, rows = lines_of(long_file("applications"))
    bring_in(store, viewer, file_of(header, rows))
    before = stored_rows(store)
    later = [row.replace("Indeed", "LinkedIn") if n % 500 == 7 else row for n, row in enumerate(rows)]
    source = file_of(header, [*later, "B-1,New One,new@example.com,Indeed,2026-02-01 10:00"])
    plan = plan_of(store, viewer, source)
    assert (plan.new, plan.changed, plan.unchanged) == (1, 5, 2495)
    second = bring_in(store, viewer, source, NOW + timedelta(hours=1))
    assert (second.inserted, second.updated, second.unchanged) == (1, 5, 2495)
    with store.reading() as session:
        stored = session.exec(select(Application)).all()
        kept = session.exec(select(ImportChange)).all()
    assert {row.import_id for row in stored} == {second.import_id}
    assert {row.updated_at for row in stored} == {NOW + timedelta(hours=1)}
    assert sum(row.source == "LinkedIn" for row in stored) == 5
    assert sorted(change.seq for change in kept) == sorted({change.seq for change in kept})
    assert len(kept) == 2500
    undone = undo_import(store, viewer, second.import_id, now=NOW + timedelta(hours=2))
    assert (undone.removed, undone.restored, undone.kept) == (1, 2500, 0)
    assert stored_rows(store) == before


def test_when_the_first_of_two_exports_is_undone_the_second_takes_all_with_it_later(store, viewer):
    header, rows = lines_of(long_file("applications"))
    first = bring_in(store, viewer, file_of(header, rows))
    second = bring_in(store, viewer, file_of(header, [*rows, "B-1,New,new@example.com,Indeed,2026-02-01 10:00"]))
    undone = undo_import(store, viewer, first.import_id, now=NOW + timedelta(hours=2))
    assert undone.kept == 2500
    with store.reading() as session:
        assert len(session.exec(select(Application)).all()) == 2501
    undo_import(store, viewer, second.import_id, now=NOW + timedelta(hours=3))
    assert stored_rows(store) == []
