"""What happened stands on its day: postings' openings, closings, returns and new titles, and notes by hand."""

import uuid
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlmodel import col, select

from actions import annotations, postings
from actions.viewer import NotAllowed, NotFound, Viewer
from domain.periods import Period
from store.opening import Store
from store.reports.annotations import Note, list_annotations
from store.reports.scope import find_company
from store.tables import Annotation, AuditEntry, Company, User

#: Eleven at night in Berlin, and the next morning.
NOW = datetime(2026, 3, 10, 22, 0, tzinfo=UTC)
NEXT = NOW + timedelta(hours=10)
MARCH = Period(date(2026, 3, 1), date(2026, 4, 1))


@pytest.fixture
def people(store: Store, company: Company) -> dict[str, Viewer]:
    """An admin, a hiring manager and another admin's company, in the database."""
    other = Company(number=2, name="Elsewhere", time_zone="UTC")
    found = {}
    with store.writing() as session:
        session.add(other)
        session.flush()
        for name, role, whose in (
            ("Ada", "admin", company),
            ("Mo", "hiring_manager", company),
            ("Otto", "admin", other),
        ):
            user = User(company_id=whose.id, email=f"{name.lower()}@x.example", name=name, role=role)
            session.add(user)
            found[name] = Viewer(user.id, whose.id, role, name, user.email)
    return found


def notes(store: Store, company_id: uuid.UUID, period: Period = MARCH) -> list[Note]:
    with store.reading() as session:
        company = find_company(session, company_id)
        assert company is not None
        return list_annotations(session, company, period)


def said(store: Store, company_id: uuid.UUID, period: Period = MARCH) -> list[tuple[date, str, str]]:
    return [(note.day, note.kind, note.words) for note in notes(store, company_id, period)]


def test_a_postings_life_stands_on_its_days(store: Store, company: Company, people: dict[str, Viewer]) -> None:
    admin = people["Ada"]
    made = postings.save_posting(store, admin, {"title": "Nurse", "opened_on": date(2026, 3, 2)}, now=NOW)
    postings.save_posting(store, admin, {"title": "Night nurse"}, posting_id=made, now=NOW)
    postings.close_posting(store, admin, made, date(2026, 3, 9), now=NOW)
    opened = (date(2026, 3, 2), "opened", "Opened: Night nurse")
    closed = (date(2026, 3, 9), "closed", "Closed: Night nurse")
    retitled = (date(2026, 3, 10), "retitled", "“Nurse” is now “Night nurse”")
    assert said(store, company.id) == [opened, closed, retitled]
    postings.reopen_posting(store, admin, made, now=NEXT)
    reopened = (date(2026, 3, 11), "reopened", "Reopened: Night nurse")
    assert said(store, company.id) == [opened, closed, retitled, reopened], "the first closing is forgotten"
    postings.archive_posting(store, admin, made, now=NEXT + timedelta(days=1))
    again = (date(2026, 3, 12), "closed", "Closed: Night nurse")
    archived = (date(2026, 3, 12), "archived", "Archived: Night nurse")
    assert said(store, company.id) == [opened, closed, retitled, reopened, archived, again]
    assert said(store, company.id, Period(date(2026, 3, 10), date(2026, 3, 11))) == [retitled]
    assert said(store, people["Otto"].company_id) == []


def test_a_posting_that_was_made_closed_tells_its_two_days(
    store: Store, company: Company, people: dict[str, Viewer]
) -> None:
    values = {"title": "Cook", "status": "closed", "opened_on": date(2026, 2, 2), "closed_on": date(2026, 3, 3)}
    postings.save_posting(store, people["Ada"], values, now=NOW)
    assert said(store, company.id) == [(date(2026, 3, 3), "closed", "Closed: Cook")]


def test_admins_and_hiring_managers_write_notes_and_take_their_own_away(
    store: Store, company: Company, people: dict[str, Viewer]
) -> None:
    day = date(2026, 3, 5)
    by_mo = annotations.add_note(store, people["Mo"], day, " Job fair <b>in</b> Kiel ", now=NOW)
    by_ada = annotations.add_note(store, people["Ada"], day, "New career page", now=NOW)
    found = notes(store, company.id)
    assert [(note.words, note.by, note.id) for note in found] == [
        ("Job fair <b>in</b> Kiel", "Mo", by_mo),
        ("New career page", "Ada", by_ada),
    ]
    with pytest.raises(NotAllowed, match="another person's note"):
        annotations.delete_note(store, people["Mo"], by_ada, now=NOW)
    with pytest.raises(NotFound):
        annotations.delete_note(store, people["Otto"], by_mo, now=NOW)
    annotations.delete_note(store, people["Mo"], by_mo, now=NOW)
    with pytest.raises(NotFound):
        annotations.delete_note(store, people["Mo"], by_mo, now=NOW)
    annotations.delete_note(store, people["Ada"], by_ada, now=NOW)
    assert notes(store, company.id) == []
    with store.reading() as session:
        deeds = session.exec(select(AuditEntry).order_by(col(AuditEntry.seq))).all()
    assert [(deed.action, deed.outcome) for deed in deeds] == [
        ("note.add", "ok"),
        ("note.add", "ok"),
        ("note.delete", "denied"),
        ("note.delete", "ok"),
        ("note.delete", "ok"),
    ]


@pytest.mark.parametrize(
    ("day", "words"),
    [(date(2026, 3, 5), "  "), (date(2026, 3, 5), "x" * 201), (date(1999, 1, 1), "old"), (date(2050, 1, 1), "far")],
)
def test_a_note_needs_words_and_a_day_that_is_near(
    sqlite_store: Store, sqlite_company: Company, day: date, words: str
) -> None:
    viewer = Viewer(uuid.uuid4(), sqlite_company.id, "admin", "Ada", "ada@x.example")
    with pytest.raises(ValueError, match="A note"):
        annotations.add_note(sqlite_store, viewer, day, words, now=NOW)


def test_a_note_about_another_companys_posting_is_not_written(
    store: Store, company: Company, people: dict[str, Viewer]
) -> None:
    theirs = postings.save_posting(store, people["Otto"], {"title": "Secret"}, now=NOW)
    with pytest.raises(NotFound):
        annotations.add_note(store, people["Ada"], date(2026, 3, 5), "x", posting_id=theirs, now=NOW)
    nobody = Viewer(uuid.uuid4(), company.id, "visitor", "", "v@x.example")
    with pytest.raises(NotAllowed):
        annotations.add_note(store, nobody, date(2026, 3, 5), "x", now=NOW)
    with store.reading() as session:
        assert session.exec(select(Annotation)).all() == []
