"""Files on their way in: preview, import, undo, on both databases."""

from datetime import date, timedelta

import pytest
from sqlmodel import delete, select

from actions.imports import (
    FileRefused,
    NotUndoable,
    inspect_file,
    list_imports,
    plan_import,
    recover_imports,
    run_import,
    undo_import,
)
from actions.postings import save_posting
from actions.viewer import NotAllowed, NotFound, Viewer
from domain.facts import Origin, Scope, day_number, day_of
from store import import_undo as store_undo
from store.tables import (
    Application,
    ApplicationDirtyDay,
    AuditEntry,
    Company,
    DirtyDay,
    ExternalPosting,
    Import,
    ImportChange,
    PlatformConfig,
    RawFact,
    ReadCoverage,
)
from store.tables.columns import new_id
from tests.actions.import_scenes import (
    APPLICATIONS,
    METRICS,
    NOW,
    add_posting,
    admin_of,
    bring_in,
    facts_in,
    plan_of,
    stored_rows,
    text_file,
    workbook,
)

FIRST, SECOND = day_number(date(2026, 2, 1)), day_number(date(2026, 2, 2))
CLICKS, APPLIES, SPEND = 3, 5, 14


@pytest.fixture
def viewer(store, company):
    return admin_of(store, company)


def test_the_preview_says_what_would_happen_and_writes_nothing(store, viewer):
    before = stored_rows(store)
    plan = plan_of(store, viewer, text_file(METRICS))
    assert (plan.new, plan.changed, plan.unchanged, plan.rejected) == (8, 0, 0, 1)
    assert (plan.first_day, plan.last_day) == (date(2026, 2, 1), date(2026, 2, 2))
    assert dict(plan.totals) == {"Clicks": "1,540", "Applications": "15", "Spend": "35.75 USD"}
    assert plan.rejections == {"clicks is negative": {"cells": 1, "examples": [{"row": 6, "value": "-5"}]}}
    assert "Rows that sum up others were left out: 1." in plan.notes
    assert plan.mapping.platform == "indeed"
    assert plan.can_import
    assert stored_rows(store) == before


def test_numbers_stand_at_their_posting_and_campaigns_explain_them(store, viewer):
    imported = bring_in(store, viewer, text_file(METRICS))
    facts = facts_in(store)
    assert facts[FIRST, CLICKS, Scope.POSTING, "P-1", False, ""] == 1500
    assert facts[FIRST, SPEND, Scope.POSTING, "P-1", False, "USD"] == 3450
    assert facts[SECOND, CLICKS, Scope.POSTING, "P-1", False, ""] == 0
    assert (FIRST, APPLIES, Scope.POSTING, "P-2", False, "") not in facts
    assert (SECOND, CLICKS, Scope.POSTING, "P-2", False, "") not in facts
    with store.reading() as session:
        stored = session.exec(select(RawFact)).all()
        campaigns = sum(f.value for f in stored if f.breakdown and f.metric == CLICKS and f.day == FIRST)
        assert campaigns == 1540
        assert {f.origin for f in stored} == {int(Origin.IMPORT)}
        assert len({f.seen for f in stored}) == 1
        covered = {(c.day, c.metric, c.scope, c.state) for c in session.exec(select(ReadCoverage))}
        assert covered == {(d, m, Scope.POSTING, 1) for d in (FIRST, SECOND) for m in (CLICKS, APPLIES, SPEND)}
        assert {d.day for d in session.exec(select(DirtyDay))} == {FIRST, SECOND}
        config = session.exec(select(PlatformConfig)).one()
        assert (config.platform, config.connector) == ("indeed", "")
        titles = {p.external_ref: p.title for p in session.exec(select(ExternalPosting))}
        assert titles == {"P-1": "Welder", "P-2": "Örtliche Leitung"}
        record = session.get(Import, imported.import_id)
        assert (record.state, record.inserted, record.rejected) == ("imported", 8, 1)
        assert session.exec(select(AuditEntry.action)).all() == ["import.run"]


def test_the_same_file_again_changes_nothing(store, viewer):
    bring_in(store, viewer, text_file(METRICS))
    before = stored_rows(store)
    plan = plan_of(store, viewer, text_file(METRICS))
    assert (plan.new, plan.changed, plan.unchanged) == (0, 0, 8)
    assert not plan.can_import
    with pytest.raises(FileRefused, match="nothing to import"):
        run_import(store, viewer, text_file(METRICS), plan)
    assert stored_rows(store) == before
    assert inspect_file(store, viewer, text_file(METRICS), now=NOW).imported_at == NOW


def test_a_later_file_shows_before_and_after_and_its_undo_brings_the_old_values_back(store, viewer):
    bring_in(store, viewer, text_file(METRICS))
    before = stored_rows(store)
    later = text_file(METRICS.replace('"1,200",12', '"1,250",12') + "2026-02-03,P-3,Baker,Spring,7,1,2\n")
    plan = plan_of(store, viewer, later)
    assert (plan.new, plan.changed, plan.unchanged) == (3, 1, 7)
    assert [(c.what, c.before, c.after) for c in plan.changes] == [("2026-02-01 · Clicks · P-1", "1,500", "1,550")]
    second = bring_in(store, viewer, later, NOW + timedelta(hours=1))
    assert facts_in(store)[FIRST, CLICKS, Scope.POSTING, "P-1", False, ""] == 1550
    undone = undo_import(store, viewer, second.import_id, now=NOW + timedelta(hours=2))
    assert undone.kept == 0
    assert stored_rows(store) == before
    with store.reading() as session:
        assert {p.external_ref for p in session.exec(select(ExternalPosting))} == {"P-1", "P-2"}
        assert session.get(Import, second.import_id).state == "undone"


def test_undo_leaves_nothing_of_the_first_file(store, viewer):
    imported = bring_in(store, viewer, text_file(METRICS))
    undone = undo_import(store, viewer, imported.import_id, now=NOW)
    assert undone.kept == 0
    assert stored_rows(store) == []
    with store.reading() as session:
        assert session.exec(select(ExternalPosting)).all() == []
        assert [entry.action for entry in session.exec(select(AuditEntry))] == ["import.run", "import.undo"]
    with pytest.raises(NotUndoable, match="already"):
        undo_import(store, viewer, imported.import_id, now=NOW)


def test_what_a_later_file_says_too_stays_when_the_first_is_undone(store, viewer):
    first = bring_in(store, viewer, text_file(METRICS))
    later = text_file(METRICS.replace('"1,200",12', '"1,250",12'))
    second = bring_in(store, viewer, later, NOW + timedelta(hours=1))
    after_both = facts_in(store)
    undone = undo_import(store, viewer, first.import_id, now=NOW)
    assert undone.kept > 0
    assert facts_in(store) == after_both
    undo_import(store, viewer, second.import_id, now=NOW)
    assert stored_rows(store) == []


def test_a_file_that_breaks_off_shows_nothing_and_leaves_nothing(store, viewer):
    plan = plan_of(store, viewer, text_file(METRICS))

    def stop(_share):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_import(store, viewer, text_file(METRICS), plan, clock=lambda: NOW, progress=stop)
    assert stored_rows(store) == []
    assert [past.state for past in list_imports(store, viewer, now=NOW)] == ["failed"]


def test_an_import_whose_process_died_is_taken_back_at_the_next_start(store, viewer, company):
    imported = bring_in(store, viewer, text_file(METRICS))
    with store.writing() as session:
        session.get(Import, imported.import_id).state = "running"
    assert list_imports(store, viewer, now=NOW)[0].is_stuck
    assert recover_imports(store, now=NOW) == 1
    assert stored_rows(store) == []
    assert recover_imports(store, now=NOW) == 0


def test_an_undo_under_way_is_not_taken_for_a_dead_import(store, viewer, monkeypatch):
    imported = bring_in(store, viewer, text_file(METRICS))
    looked: list[int] = []
    real = store_undo._place

    def look_meanwhile(its_store, record):
        looked.append(recover_imports(its_store, now=NOW + timedelta(seconds=30)))
        return real(its_store, record)

    monkeypatch.setattr(store_undo, "_place", look_meanwhile)
    undo_import(store, viewer, imported.import_id, now=NOW)
    assert looked == [0]
    assert stored_rows(store) == []
    assert [past.state for past in list_imports(store, viewer, now=NOW)] == ["undone"]


def test_the_plan_holds_for_its_file_only(store, viewer):
    plan = plan_of(store, viewer, text_file(METRICS))
    with pytest.raises(FileRefused, match="not the one of the preview"):
        run_import(store, viewer, text_file(METRICS + " "), plan)


def test_applications_are_sealed_and_owned_by_their_source(store, viewer, company):
    posting = add_posting(store, company, "REQ-1", "Welder")
    plan = plan_of(store, viewer, text_file(APPLICATIONS, "ats.csv"))
    assert (plan.mapping.kind, plan.new, plan.rejected) == ("applications", 3, 1)
    assert list(plan.rejections) == ["reviewed lies before applied"]
    assert plan.unknown_postings == [("REQ-9", "Unknown one", 1)]
    assert {word.text: word.meaning for word in plan.words["source"]} == {
        "Indeed": "indeed",
        "Employee referral": "referrals",
        "Job fair": "other",
        "LinkedIn": "linkedin",
    }
    bring_in(store, viewer, text_file(APPLICATIONS, "ats.csv"))
    with store.reading() as session:
        rows = {row.external_ref: row for row in session.exec(select(Application))}
    hired = rows["A-1"]
    assert (hired.stage, hired.source_platform, hired.posting_id) == ("hired", "indeed", posting.id)
    # Berlin is an hour ahead of UTC in January.
    assert hired.applied_at.isoformat() == "2026-01-10T08:30:00+00:00"
    assert "Albrecht" not in hired.candidate_name
    assert store.vault.open("applications", hired.id, "candidate_name", hired.candidate_name) == "Ines Albrecht"
    assert hired.email_index == store.vault.digest("email-bidx", "INES@example.com")
    assert (rows["A-2"].stage, rows["A-3"].stage, rows["A-3"].posting_id) == ("rejected", "applied", None)
    assert (rows["A-3"].posting_ref, rows["A-3"].source) == ("REQ-9", "Job fair")


def test_sources_follow_what_the_person_says(store, viewer):
    bring_in(store, viewer, text_file(APPLICATIONS, "ats.csv"), sources={"Job fair": "monster"})
    with store.reading() as session:
        rows = {row.external_ref: row.source_platform for row in session.exec(select(Application))}
    assert rows == {"A-1": "indeed", "A-2": "referrals", "A-3": "monster"}
    again = inspect_file(store, viewer, text_file(APPLICATIONS + "\n", "ats.csv"), now=NOW)
    assert again.origin == "remembered"
    assert again.mapping.sources == {"Job fair": "monster"}


def test_applications_change_and_come_back(store, viewer):
    bring_in(store, viewer, text_file(APPLICATIONS, "ats.csv"))
    before = stored_rows(store)
    text = APPLICATIONS.replace("zoe@example.com", "zoe.new@example.com").replace(
        "2026-02-03 13:00,,,Hired", ",,,Offer"
    )
    later = text_file(text, "ats.csv")
    plan = plan_of(store, viewer, later)
    assert (plan.new, plan.changed, plan.unchanged) == (0, 2, 1)
    assert ("A-3 · candidate email", "z…@example.com", "zoe.new@example.com") in [
        (c.what, c.before, c.after) for c in plan.changes
    ]
    second = bring_in(store, viewer, later, NOW + timedelta(hours=1))
    with store.reading() as session:
        row = session.exec(select(Application).where(Application.external_ref == "A-1")).one()
        assert (row.stage, row.hired_at) == ("offered", None)
    undo_import(store, viewer, second.import_id, now=NOW + timedelta(hours=2))
    assert stored_rows(store) == before


def test_an_application_changed_since_stays_when_its_file_is_undone(store, viewer):
    imported = bring_in(store, viewer, text_file(APPLICATIONS, "ats.csv"))
    with store.writing() as session:
        row = session.exec(select(Application).where(Application.external_ref == "A-2")).one()
        row.stage, row.updated_at = "interviewed", NOW + timedelta(days=1)
    undone = undo_import(store, viewer, imported.import_id, now=NOW)
    assert (undone.removed, undone.kept) == (2, 1)
    with store.reading() as session:
        assert session.exec(select(Application.external_ref)).all() == ["A-2"]


def test_the_same_application_twice_in_a_file_counts_once(store, viewer):
    doubled = APPLICATIONS + APPLICATIONS.splitlines()[1] + "\n"
    plan = plan_of(store, viewer, text_file(doubled, "ats.csv"))
    assert plan.new == 3
    assert "application ref stands in the file twice; the first row counts" in plan.rejections


def test_without_an_id_the_address_and_posting_tell_applications_apart(store, viewer):
    lines = [",".join(line.split(",")[1:]) for line in APPLICATIONS.splitlines()]
    source = text_file("\n".join(lines), "ats.csv")
    bring_in(store, viewer, source)
    plan = plan_of(store, viewer, source)
    assert (plan.new, plan.unchanged) == (0, 3)
    with store.reading() as session:
        assert all("@" not in ref for ref in session.exec(select(Application.external_ref)))


def test_a_workbook_with_real_dates_is_the_same_as_its_text(store, viewer):
    rows = [["Date", "Clicks", "Spend"], [date(2026, 2, 1), 12, 3.5], [date(2026, 2, 2), "1,300", "€4.25"]]
    plan = plan_of(store, viewer, workbook(rows, "linkedin.xlsx"))
    assert plan.mapping.platform == "linkedin"
    assert dict(plan.totals) == {"Clicks": "1,312", "Spend": "7.75 EUR"}
    bring_in(store, viewer, workbook(rows, "linkedin.xlsx"))
    facts = facts_in(store)
    assert facts[FIRST, CLICKS, Scope.TOTAL, "", False, ""] == 12
    assert facts[SECOND, SPEND, Scope.TOTAL, "", False, "EUR"] == 425


def test_an_ambiguous_date_is_asked_for(store, viewer):
    source = text_file("Date,Clicks\n1/2/2026,5\n2/2/2026,6\n")
    plan = plan_of(store, viewer, source)
    assert plan.questions == ("date_order",)
    assert not plan.can_import
    answered = plan_of(store, viewer, source, date_order="dmy")
    assert (answered.first_day, answered.last_day) == (date(2026, 2, 1), date(2026, 2, 2))


def test_an_ambiguous_amount_is_asked_for(store, viewer):
    source = text_file('Date,Spend\n2026-02-01,"1,234"\n')
    assert plan_of(store, viewer, source).questions == ("mark",)
    assert dict(plan_of(store, viewer, source, mark=",").totals) == {"Spend": "1.23 EUR"}
    assert dict(plan_of(store, viewer, source, mark=".").totals) == {"Spend": "1,234.00 EUR"}


def test_a_file_without_days_is_refused_with_the_way_out(store, viewer):
    source = text_file(
        'Campaign report\n"July 8, 2025 - July 31, 2025"\nCampaign,Currency code,Impr.,Cost\nA,EUR,5,1.00\n'
    )
    with pytest.raises(FileRefused, match=r"2025-07-08 to 2025-07-31.*segment Time → Day"):
        plan_of(store, viewer, source)
    with pytest.raises(FileRefused, match="not about one day"):
        plan_of(store, viewer, source, day=date(2025, 7, 8))
    snapshot = text_file("job_id,title,views,applies\n1,Welder,5,\n2,Baker,,1\n", "linkedin.csv")
    with pytest.raises(FileRefused, match="snapshot"):
        plan_of(store, viewer, snapshot)
    plan = plan_of(store, viewer, snapshot, day=date(2026, 2, 1))
    assert (plan.new, plan.first_day) == (2, date(2026, 2, 1))


def test_totals_that_come_from_applications_are_refused_as_a_column(store, viewer):
    with pytest.raises(FileRefused, match="applicant system"):
        plan_of(store, viewer, text_file("Date,Hires\n2026-02-01,5\n"), metrics={"hires": "Hires"})


def test_only_an_admin_of_the_same_company_may(store, viewer):
    imported = bring_in(store, viewer, text_file(METRICS))
    manager = Viewer(new_id(), viewer.company_id, "hiring_manager", "Mo", "mo@x.example")
    for attempt in (
        lambda: inspect_file(store, manager, text_file(METRICS), now=NOW),
        lambda: plan_import(store, manager, text_file(METRICS), None, now=NOW),
        lambda: undo_import(store, manager, imported.import_id, now=NOW),
        lambda: list_imports(store, manager, now=NOW),
    ):
        with pytest.raises(NotAllowed):
            attempt()
    with store.writing() as session:
        session.add(other := Company(number=2, name="Other"))
    outsider = admin_of(store, other)
    assert list_imports(store, outsider, now=NOW) == []
    with pytest.raises(NotFound):
        undo_import(store, outsider, imported.import_id, now=NOW)
    assert facts_in(store)


def test_an_import_of_thousands_of_rows_is_undone_whole(store, viewer):
    days = [date(2025, 1, 1) + timedelta(days=n) for n in range(100)]
    rows = [f"{day},P-{n},{n},{n % 7}" for day in days for n in range(60)]
    source = text_file("Date,Posting ID,Clicks,Applies\n" + "\n".join(rows))
    imported = bring_in(store, viewer, source)
    assert imported.inserted == 12_000
    later = text_file("Date,Posting ID,Clicks,Applies\n" + "\n".join(row + "0" for row in rows))
    second = bring_in(store, viewer, later, NOW + timedelta(hours=1))
    assert second.updated > 5000
    with store.reading() as session:
        assert len(session.exec(select(ImportChange.seq)).all()) == 12_000
    undo_import(store, viewer, second.import_id, now=NOW)
    undo_import(store, viewer, imported.import_id, now=NOW)
    assert stored_rows(store) == []


def test_an_application_is_linked_when_its_posting_is_made_later(store, company, viewer):
    bring_in(store, viewer, text_file(APPLICATIONS, "ats.csv"))
    with store.writing() as session:
        session.exec(delete(ApplicationDirtyDay))
    made = save_posting(store, viewer, {"title": "Whatever", "requisition_ref": "req-9"}, now=NOW)
    with store.reading() as session:
        linked = {row.external_ref: row.posting_id for row in session.exec(select(Application))}
        days = {day_of(day) for day in session.exec(select(ApplicationDirtyDay.day)) if day >= 0}
    assert linked["A-3"] == made
    assert linked["A-1"] is None
    assert days == {date(2026, 1, 12)}


@pytest.mark.parametrize(
    "text", [METRICS.replace("Welder,Spring", "Wel\x00der,Spring", 1), APPLICATIONS.replace("Bo Lund", "Bo\x00")]
)
def test_a_row_with_a_nul_is_left_out_and_the_rest_comes_in(sqlite_store, sqlite_company, text):
    admin = admin_of(sqlite_store, sqlite_company)
    whole = plan_of(sqlite_store, admin, text_file(text.replace("\x00", "")))
    plan = plan_of(sqlite_store, admin, text_file(text))
    assert plan.rejected == whole.rejected + 1
    assert plan.new > 0
    assert [words for words in plan.rejections if "no text has (NUL)" in words] != []


def test_a_nul_in_a_column_that_is_not_read_harms_nobody(sqlite_store, sqlite_company):
    store, admin = sqlite_store, admin_of(sqlite_store, sqlite_company)
    rows = "\n".join(f"2026-01-{1 + n % 28:02d},{n},x" for n in range(2_000))
    text = f"Date,Clicks,Notes\n2026-02-01,7,ab\x00c\n{rows}"
    assert plan_of(store, admin, text_file(text)).rejected == 0
    with pytest.raises(FileRefused, match="not a text file"):
        plan_of(store, admin, text_file("Date,Clicks\n" + "\x00\x01\x02\x03\x04\x05" * 20))
