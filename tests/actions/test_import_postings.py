"""A list of postings comes in: recognised, compared, saved with its history, linked, and taken back."""

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from actions import postings
from actions.imports import inspect_file, plan_import, run_import, undo_import
from actions.viewer import NotAllowed, Viewer
from connectors.files.errors import FileRefused
from store.opening import Store
from store.tables import (
    Application,
    Company,
    ExternalPosting,
    ImportChange,
    JobPosting,
    OutboxEntry,
    PlatformConfig,
    PostingChange,
    Referral,
    WebsiteAnalytics,
)
from store.writes.outbox import Wish, ask_for
from tests.actions.import_scenes import admin_of, bring_in, plan_of, text_file, workbook

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
LATER, LAST = NOW + timedelta(hours=1), NOW + timedelta(hours=2)
LIST = """Requisition,Title,Department,Location,Recruiter,Hiring manager,Status,Opened,Closes,Openings,URL,Notes
REQ-1,Nurse,Care,Utrecht,Ida,Lu,Open,2026-01-10,2026-04-01,2,https://jobs.acme.example/jobs/nurse,x
REQ-2,Örtliche Leitung,Care,Kiel,,,Published,2026-01-11,,,,
REQ-3,=SUM(Talent) Analyst,,,,,Filled,2025-06-01,2025-09-01,1,,
"""


both = pytest.mark.parametrize("database_kind", ["sqlite", "postgresql"])


@pytest.fixture
def database_kind() -> str:
    """One is enough where only the file is read."""
    return "sqlite"


@pytest.fixture
def admin(store: Store, company: Company) -> Viewer:
    """An admin who is really there."""
    return admin_of(store, company)


def ours(store: Store) -> dict[str, JobPosting]:
    with store.reading() as session:
        return {row.requisition_ref: row for row in session.exec(select(JobPosting).order_by(col(JobPosting.number)))}


def changes(store: Store, ref: str) -> list[tuple[str, str, str, str]]:
    with store.reading() as session:
        rows = session.exec(
            select(PostingChange)
            .join(JobPosting, col(JobPosting.id) == col(PostingChange.posting_id))
            .where(JobPosting.requisition_ref == ref)
            .order_by(col(PostingChange.at), col(PostingChange.field))
        )
        return [(row.field, row.before, row.after, row.actor) for row in rows]


def reasons(plan: Any) -> dict[str, list[int]]:
    return {words: [one["row"] for one in told["examples"]] for words, told in plan.rejections.items()}


def test_a_list_is_recognised_previewed_and_imported(store: Store, admin: Viewer) -> None:
    source = text_file(LIST, "requisitions.csv")
    look = inspect_file(store, admin, source, now=NOW)
    assert look.mapping.kind == "postings"
    assert look.mapping.columns["path"] == "URL"
    plan = plan_import(store, admin, source, look.mapping, now=NOW)
    assert (plan.new, plan.changed, plan.unchanged, plan.rejected) == (3, 0, 0, 0)
    assert dict(plan.totals) == {"Open": "2", "Closed": "1"}
    assert "Columns that are not used: Notes." in plan.notes
    assert ours(store) == {}, "the preview has written"
    done = run_import(store, admin, source, plan, clock=lambda: NOW)
    assert (done.inserted, done.updated, done.unchanged, done.rejected) == (3, 0, 0, 0)
    nurse, lead, analyst = ours(store).values()
    assert (nurse.number, lead.number, analyst.number) == (1, 2, 3)
    assert (nurse.title, nurse.department, nurse.location, nurse.recruiter) == ("Nurse", "Care", "Utrecht", "Ida")
    assert (nurse.opened_on, nurse.closed_on, nurse.target_hires) == (date(2026, 1, 10), date(2026, 4, 1), 2)
    assert (nurse.path, nurse.status) == ("/jobs/nurse", "open")
    assert (lead.title, lead.status, lead.target_hires) == ("Örtliche Leitung", "open", 1)
    assert (analyst.title, analyst.status) == ("=SUM(Talent) Analyst", "closed")
    assert changes(store, "REQ-1") == [("status", "", "open", admin.email)]
    again = inspect_file(store, admin, source, now=LATER)
    assert (again.origin, again.imported_at) == ("remembered", NOW)
    same = plan_import(store, admin, source, again.mapping, now=LATER)
    assert (same.new, same.changed, same.unchanged, same.can_import) == (0, 0, 3, False)


@both
def test_what_differs_is_shown_written_down_and_taken_back(store: Store, admin: Viewer) -> None:
    bring_in(store, admin, text_file(LIST), NOW)
    second = text_file("Requisition,Title,Location,Status\nreq-1,Night nurse,,Closed\nREQ-2,,Bremen,\n")
    plan = plan_of(store, admin, second, LATER)
    assert (plan.new, plan.changed, plan.unchanged) == (0, 2, 0)
    shown = [(change.what, change.before, change.after) for change in plan.changes]
    assert ("req-1 · title", "Nurse", "Night nurse") in shown
    assert ("req-1 · closing day", "2026-04-01", "2026-03-01") in shown
    assert ("REQ-2 · location", "Kiel", "Bremen") in shown
    assert "1 open postings close by this file, also where they are published." in plan.notes
    done = run_import(store, admin, second, plan, clock=lambda: LATER)
    nurse, lead, _ = ours(store).values()
    assert (nurse.title, nurse.location, nurse.status) == ("Night nurse", "Utrecht", "closed"), (
        "a blank cell says nothing"
    )
    assert (lead.title, lead.location) == ("Örtliche Leitung", "Bremen")
    assert ("title", "Nurse", "Night nurse", admin.email) in changes(store, "REQ-1")
    undone = undo_import(store, admin, done.import_id, now=LAST)
    assert (undone.removed, undone.restored, undone.kept) == (0, 2, 0)
    nurse, lead, _ = ours(store).values()
    assert (nurse.title, nurse.status, nurse.closed_on) == ("Nurse", "open", date(2026, 4, 1))
    assert lead.location == "Kiel"
    assert changes(store, "REQ-2")[-1] == ("location", "Bremen", "Kiel", "import undone")


def test_what_was_changed_since_stays_when_the_import_is_taken_back(store: Store, admin: Viewer) -> None:
    bring_in(store, admin, text_file(LIST), NOW)
    done = bring_in(
        store, admin, text_file("Requisition,Title,Location\nREQ-1,Night nurse,Delft\n"), LATER, kind="postings"
    )
    postings.save_posting(store, admin, {"location": "Gouda"}, posting_id=ours(store)["REQ-1"].id, now=LAST)
    undone = undo_import(store, admin, done.import_id, now=LAST)
    assert (undone.restored, undone.kept) == (1, 0)
    assert (ours(store)["REQ-1"].title, ours(store)["REQ-1"].location) == ("Nurse", "Gouda")


@both
@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_lists_taken_back_in_any_order_leave_what_was_there_before(
    store: Store, admin: Viewer, order: tuple[int, int]
) -> None:
    made = postings.save_posting(store, admin, {"title": "Nurse", "requisition_ref": "REQ-1"}, now=NOW)
    titles = [
        "Requisition,Title,Location\nREQ-1,Two,Kiel\nREQ-9,New,\n",
        "Requisition,Title,Location\nREQ-1,Three,\nREQ-9,Newer,\n",
    ]
    done = [
        bring_in(store, admin, text_file(text), NOW + timedelta(minutes=at), kind="postings").import_id
        for at, text in enumerate(titles, 1)
    ]
    for at in order:
        undo_import(store, admin, done[at], now=LATER)
    assert {ref: (row.id, row.title) for ref, row in ours(store).items()} == {"REQ-1": (made, "Nurse")}


def test_each_row_that_cannot_be_taken_says_why_and_the_others_come_in(store: Store, admin: Viewer) -> None:
    postings.save_posting(store, admin, {"title": "A"}, now=NOW)
    with store.writing() as session:
        for number in (90, 91):
            session.add(JobPosting(company_id=admin.company_id, number=number, title="T", requisition_ref="REQ-T"))
    rows = [
        ["Requisition", "Title", "Status", "Opened", "Closed", "Openings", "Slug", "Path", "Apply URL"],
        ["", "No requisition", "", "", "", "", "", "", ""],
        ["R-1", "", "", "", "", "", "", "", ""],
        ["R-2", "Good", "", "", "", "", "", "", ""],
        ["r-2 ", "Twice", "", "", "", "", "", "", ""],
        ["R-3", "Word", "Somewhere", "", "", "", "", "", ""],
        ["R-4", "Date", "", "31/31/2026", "", "", "", "", ""],
        ["R-5", "Order", "", "2026-02-02", "2026-02-01", "", "", "", ""],
        ["R-6", "Many", "", "", "", "-3", "", "", ""],
        ["R-7", "Slug", "", "", "", "", "a b", "", ""],
        ["R-8", "Path", "", "", "", "", "", "/", ""],
        ["R-9", "Address", "", "", "", "", "", "", "ftp://x"],
        ["REQ-T", "Whose", "", "", "", "", "", "", ""],
        ["R-10", "x" * 501, "", "", "", "", "", "", ""],
        ["R-11", "Ahead", "Closed", "", "2026-05-01", "", "", "", ""],
    ]
    plan = plan_of(store, admin, workbook(rows), NOW, kind="postings")
    assert plan.new == 1
    found = reasons(plan)
    expected = {
        "requisition is missing": 2,
        "title is missing": 3,
        "requisition stands in the file twice": 5,
        "status is a word we do not know": 6,
        "opening day": 7,
        "closing day lies before the opening day": 8,
        "hires wanted": 9,
        "slug is one part of an address": 10,
        "path leads to the whole site": 11,
        "apply address is an https address": 12,
        "requisition is that of several postings": 13,
        "title has at most 500 letters": 14,
        "closing day lies ahead although the posting is closed": 15,
    }
    told = {row: words for words, listed in found.items() for row in listed}
    assert {row: told[row][: len(words)] for words, row in expected.items()} == {
        row: words for words, row in expected.items()
    }
    assert plan.rejected == len(expected)


def test_a_formula_that_was_never_calculated_leaves_its_row_out(store: Store, admin: Viewer) -> None:
    rows = [
        ["Requisition", "Title", "Location"],
        ["R-1", "Fine", "Kiel"],
        ["R-2", "=A1&B1", "Kiel"],
        ["R-3", "Ok", "=X()"],
    ]
    plan = plan_of(store, admin, workbook(rows), NOW, kind="postings")
    assert (plan.new, plan.rejected) == (1, 2)
    assert any("formula that was never calculated" in words for words in plan.rejections)


def test_a_list_without_requisitions_is_refused_in_words(store: Store, admin: Viewer) -> None:
    with pytest.raises(FileRefused, match="Map one to “Requisition”"):
        plan_of(
            store, admin, text_file("Title,Location\nNurse,Kiel\n"), NOW, kind="postings", columns={"title": "Title"}
        )


def test_a_date_that_may_be_two_days_is_asked_about(store: Store, admin: Viewer) -> None:
    text = "Requisition,Title,Opened\nR-1,Nurse,1/2/2026\n"
    assert plan_of(store, admin, text_file(text), NOW, kind="postings").questions == ("date_order",)
    bring_in(store, admin, text_file(text), NOW, kind="postings", date_order="dmy")
    assert ours(store)["R-1"].opened_on == date(2026, 2, 1)


@both
def test_what_waits_is_linked_after_the_import_and_waits_again_when_it_is_taken_back(
    store: Store, admin: Viewer, company: Company
) -> None:
    with store.writing() as session:
        config = PlatformConfig(number=1, company_id=company.id, platform="indeed", connector="indeed")
        session.add(config)
        session.flush()
        session.add(
            ExternalPosting(company_id=company.id, config_id=config.id, external_ref="i-1", requisition_ref="REQ-1")
        )
        session.add(Application(company_id=company.id, external_ref="a", posting_ref="REQ-1", applied_at=NOW))
        # Where anybody was referred, referrals are looked at too.
        session.add(Referral(company_id=company.id, code="abc"))

    def linked() -> tuple[uuid.UUID | None, uuid.UUID | None]:
        with store.reading() as session:
            return session.exec(select(ExternalPosting)).one().posting_id, session.exec(
                select(Application)
            ).one().posting_id

    done = bring_in(store, admin, text_file(LIST), NOW)
    assert linked() == (ours(store)["REQ-1"].id,) * 2
    undone = undo_import(store, admin, done.import_id, now=LATER)
    assert (undone.removed, undone.kept) == (3, 0)
    assert (ours(store), linked()) == ({}, (None, None))
    with store.reading() as session:
        assert session.exec(select(ImportChange)).all() != []


@both
def test_a_posting_that_something_hangs_on_stays_when_its_import_is_taken_back(
    store: Store, admin: Viewer, company: Company
) -> None:
    done = bring_in(store, admin, text_file(LIST), NOW)
    nurse = ours(store)["REQ-1"].id
    with store.writing() as session:
        session.add(WebsiteAnalytics(company_id=company.id, at=NOW, path="/jobs/nurse", posting_id=nurse))
    undone = undo_import(store, admin, done.import_id, now=LATER)
    assert (undone.removed, undone.kept) == (2, 1)
    assert list(ours(store)) == ["REQ-1"]


def test_a_file_that_closes_a_posting_takes_it_off_its_platforms(store: Store, admin: Viewer, company: Company) -> None:
    bring_in(store, admin, text_file(LIST), NOW)
    nurse = ours(store)["REQ-1"]
    with store.writing() as session:
        config = PlatformConfig(number=1, company_id=company.id, platform="monster", connector="monster")
        session.add(config)
        session.flush()
        wish = Wish(company.id, config.id, "publish", "n-1", {"title": "Nurse"}, "ann@x.example", nurse.id)
        entry = ask_for(session, wish, now=NOW)
        entry.state = "done"
        session.add(entry)
    bring_in(store, admin, text_file("Requisition,Title,Status\nREQ-1,Nurse,archived\n"), LATER, kind="postings")
    assert ours(store)["REQ-1"].status == "archived"
    with store.reading() as session:
        kinds = session.exec(select(OutboxEntry.kind).order_by(col(OutboxEntry.id))).all()
    assert kinds == ["publish", "close"]


def test_a_slug_that_another_posting_has_is_left_out_also_within_the_file(store: Store, admin: Viewer) -> None:
    postings.save_posting(store, admin, {"title": "Nurse", "slug": "nurse", "requisition_ref": "REQ-1"}, now=NOW)
    text = "Requisition,Title,Slug\nREQ-1,Nurse,nurse\nREQ-2,Two,Nurse\nREQ-3,Three,cook\nREQ-4,Four,cook\n"
    plan = plan_of(store, admin, text_file(text), NOW, kind="postings")
    assert reasons(plan) == {"slug is that of another posting already": [3, 5]}
    done = run_import(store, admin, text_file(text), plan, clock=lambda: NOW)
    assert (done.inserted, done.unchanged, done.rejected) == (1, 1, 2)


def test_a_list_that_calls_an_archived_posting_closed_leaves_it_archived(store: Store, admin: Viewer) -> None:
    made = postings.save_posting(store, admin, {"title": "Nurse", "requisition_ref": "REQ-1"}, now=NOW)
    postings.archive_posting(store, admin, made, now=NOW)
    text = "Requisition,Title,Status\nREQ-1,Nurse,Filled\n"
    assert plan_of(store, admin, text_file(text), NOW, kind="postings").unchanged == 1
    bring_in(store, admin, text_file("Requisition,Title,Status\nREQ-1,Nurse,Open\n"), LATER, kind="postings")
    assert (ours(store)["REQ-1"].status, ours(store)["REQ-1"].closed_on) == ("open", None)


def test_a_hiring_manager_imports_nothing(store: Store, manager: Viewer) -> None:
    with pytest.raises(NotAllowed):
        inspect_file(store, manager, text_file(LIST), now=NOW)


@pytest.mark.parametrize("number", [1_200, pytest.param(10_000, marks=pytest.mark.faults)])
def test_a_long_list_comes_in_and_goes(sqlite_store: Store, sqlite_company: Company, number: int) -> None:
    admin = admin_of(sqlite_store, sqlite_company)
    rows = "".join(f"REQ-{n},Posting {n},Dep {n % 40},2026-01-{1 + n % 28:02d}\n" for n in range(number))
    done = bring_in(sqlite_store, admin, text_file("Requisition,Title,Department,Opened\n" + rows), NOW)
    assert done.inserted == number
    with sqlite_store.reading() as session:
        numbers = session.exec(select(JobPosting.number)).all()
    assert sorted(numbers) == list(range(1, number + 1))
    undone = undo_import(sqlite_store, admin, done.import_id, now=LATER)
    assert (undone.removed, undone.kept) == (number, 0)
