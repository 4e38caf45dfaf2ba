"""Why an application ended, as an applicant system's export says it: who withdrew was not turned down."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlmodel import select

from actions.applicants import set_stage_word
from actions.imports import inspect_file
from store.reports.applicant import get_applicant
from store.reports.applicants import opener
from store.reports.scope import find_company
from store.tables import Application
from tests.actions.import_scenes import NOW, admin_of, bring_in, plan_of, text_file

HEAD = "Opportunity ID,Candidate Name,Posting Title,Origin,Current Stage,Applied At,Hired At,Archived At"
ARCHIVED = datetime(2026, 1, 22, 9, tzinfo=UTC)


def export(*reasons, header="Archive Reason"):
    """People who applied and were archived on one day, each with a reason."""
    rows = [
        f"o-{number},Bo Lund,Welder,Referred,On-site interview,2026-01-05T10:00:00Z,,2026-01-22T09:00:00Z,{reason}"
        for number, reason in enumerate(reasons, 1)
    ]
    return text_file("\n".join((f"{HEAD},{header}", *rows, "")), "lever.csv")


def ends(store):
    """Stage and the days of both ends of each application, in their order."""
    with store.reading() as session:
        rows = session.exec(select(Application).order_by(Application.external_ref)).all()
    return [(row.stage, row.rejected_at, row.withdrawn_at) for row in rows]


@pytest.fixture
def viewer(sqlite_store, sqlite_company):
    return admin_of(sqlite_store, sqlite_company)


def test_who_withdrew_stands_so_and_another_reason_later_takes_its_place(sqlite_store, sqlite_company, viewer):
    bring_in(sqlite_store, viewer, export("Withdrew", "Underqualified"))
    assert ends(sqlite_store) == [("withdrawn", None, ARCHIVED), ("rejected", ARCHIVED, None)]
    with sqlite_store.reading() as session:
        key = session.exec(select(Application.id).where(Application.stage == "withdrawn")).one()
        masked = opener(sqlite_store.vault, "applications", personal=False)
        found = get_applicant(session, find_company(session, sqlite_company.id), key, masked)
    assert [told.stage for told in found.history] == ["applied", "withdrawn"]
    bring_in(sqlite_store, viewer, export("Underqualified", "Withdrew"), NOW + timedelta(hours=1))
    assert ends(sqlite_store) == [("rejected", ARCHIVED, None), ("withdrawn", None, ARCHIVED)]


def test_the_preview_lists_reasons_and_what_is_said_of_one_is_remembered(sqlite_store, viewer):
    file = export("Salary", "Withdrew", "Salary", "", header="How it went")
    assert "end_reason" not in inspect_file(sqlite_store, viewer, file, now=NOW).mapping.columns
    columns = inspect_file(sqlite_store, viewer, file, now=NOW).mapping.columns | {"end_reason": "How it went"}

    def reasons():
        listed = plan_of(sqlite_store, viewer, file, columns=columns).words["end_reason"]
        return {word.text: (word.rows, word.meaning, word.is_unknown) for word in listed}

    assert reasons() == {
        "Salary": (2, "rejected", False),
        "Withdrew": (1, "withdrawn", False),
        "": (1, "", False),
    }
    set_stage_word(sqlite_store, viewer, "Salary", "withdrawn", now=NOW)
    assert reasons()["Salary"] == (2, "withdrawn", False)
    bring_in(sqlite_store, viewer, file, columns=columns)
    assert [stage for stage, _, _ in ends(sqlite_store)] == ["withdrawn", "withdrawn", "withdrawn", "rejected"]
    assert inspect_file(sqlite_store, viewer, file, now=NOW).mapping.columns["end_reason"] == "How it went"
