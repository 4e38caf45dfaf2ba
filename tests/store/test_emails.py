"""The index by e-mail has parts: what a file brings is found in whichever it lies."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import func
from sqlmodel import col, select

from actions import import_file
from actions.imports import undo_import
from store import emails
from store.emails import EmailParts, email_parts, has_email, room
from store.tables import Application, Company
from store.writes.applications_told import PostingIndex, StageTold, Teller, Told, tell_application
from store.writes.referrals import has_applied
from tests.actions.import_scenes import add_posting, admin_of, bring_in, text_file
from tests.store.plans import plans_of

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)
HEADER = "Application ID,E-mail,Requisition,Posting title,Applied at"


def export(first, last):
    """A file of numbered applicants for one posting."""
    rows = [f"A-{n},p{n}@people.example,REQ-1,Welder,2026-01-10 09:30" for n in range(first, last)]
    return text_file("\n".join([HEADER, *rows]))


def bring_small_parts(monkeypatch, store, company, files):
    """The files, ten rows to a part and five to a transaction. Returns who brought them, and what became of each."""
    monkeypatch.setattr(emails, "FIRST_ROOM", 10)
    monkeypatch.setattr(import_file, "BATCH", 5)
    add_posting(store, company, "REQ-1", "Welder")
    admin = admin_of(store, company)
    return admin, [bring_in(store, admin, file, NOW) for file in files]


def sizes(store, company):
    """Part → how many of the company's applications lie in it."""
    part = col(Application.email_part)
    with store.reading() as session:
        mine = select(part, func.count()).where(Application.company_id == company.id)
        return dict(session.exec(mine.group_by(part)).all())


def found(store, company, *addresses):
    """References of the applications with these addresses."""
    digests = [store.vault.digest("email-bidx", address) for address in addresses]
    with store.reading() as session:
        asked = select(col(Application.external_ref)).where(*has_email(session, company.id, digests))
        return sorted(session.exec(asked))


def tell(store, company, email):
    """What becomes of an event about a person."""
    told = Told("webhook", (StageTold("interviewed", NOW),), posting_ref="REQ-1", email=email, refs=())
    with store.writing() as session:
        teller = Teller(company.id, store.vault, PostingIndex(session, company.id))
        return tell_application(session, teller, told, now=NOW)


def test_a_file_fills_one_part_after_the_other(monkeypatch, store, company):
    bring_small_parts(monkeypatch, store, company, [export(0, 37), export(40, 43)])
    # The second file goes on where the first one ended.
    assert sizes(store, company) == {1: 10, 2: 10, 3: 10, 4: 10}


def test_everybody_is_found_in_whichever_part_they_lie(monkeypatch, store, company):
    bring_small_parts(monkeypatch, store, company, [export(0, 25)])
    for number in range(25):
        assert found(store, company, f"p{number}@people.example") == [f"A-{number}"]
    assert found(store, company, "p3@people.example", "p21@people.example", "no@people.example") == ["A-21", "A-3"]
    assert found(store, company, "no@people.example") == []


def test_nobody_is_found_in_a_company_without_applications(store, company):
    assert found(store, company, "p3@people.example") == []


def test_another_companys_applicants_are_not_found(monkeypatch, store, company):
    bring_small_parts(monkeypatch, store, company, [export(0, 25)])
    other = Company(number=99, name="Other", time_zone="UTC", currency="EUR")
    with store.writing() as session:
        session.add(other)
    # Their own lie in parts with the same numbers.
    bring_in(store, admin_of(store, other), export(40, 60), NOW)
    assert set(sizes(store, other)) == {1, 2}
    assert found(store, other, "p3@people.example", "p41@people.example") == ["A-41"]


def test_an_event_joins_what_a_file_told_in_any_part_and_its_own_lie_in_part_0(monkeypatch, store, company):
    bring_small_parts(monkeypatch, store, company, [export(0, 25)])
    for number in (0, 12, 24):
        tell(store, company, f"p{number}@people.example")
    assert sizes(store, company) == {1: 10, 2: 10, 3: 5}
    tell(store, company, "new@people.example")
    assert sizes(store, company) == {0: 1, 1: 10, 2: 10, 3: 5}
    assert len(found(store, company, "new@people.example")) == 1


def test_a_file_after_an_undo_goes_on_where_the_last_part_ends(monkeypatch, store, company):
    admin, imported = bring_small_parts(monkeypatch, store, company, [export(0, 25), export(30, 45)])
    assert sizes(store, company) == {1: 10, 2: 10, 3: 10, 4: 10}
    undo_import(store, admin, imported[1].import_id, now=NOW)
    assert sizes(store, company) == {1: 10, 2: 10, 3: 5}
    bring_in(store, admin, export(50, 60), NOW)
    assert sizes(store, company) == {1: 10, 2: 10, 3: 10, 4: 5}


def test_parts_grow_so_that_their_number_does_not():
    parts = EmailParts(1, 0)
    for _ in range(1_000):
        parts.take(1_000)
    assert 35 < parts.part < 50
    for _ in range(9_000):
        parts.take(1_000)
    assert 110 < parts.part < 140
    assert room(1) < room(2) < room(100)


def test_a_batch_larger_than_a_part_has_one_to_itself():
    parts = EmailParts(1, 0)
    assert [parts.take(50_000), parts.take(50_000), parts.take(10)] == [1, 2, 3]


def test_the_first_part_of_a_company_with_events_only_is_not_theirs(store, company):
    tell(store, company, "new@people.example")
    with store.reading() as session:
        assert email_parts(session, company.id) == EmailParts(1, 0)


def test_whether_a_person_applied_is_asked_by_address_alone(sqlite_store):
    # PostgreSQL chooses by what it has counted, which of a table without rows says nothing.
    company = Company(number=801, name="Mill", time_zone="UTC", currency="EUR")
    with sqlite_store.writing() as session:
        session.add(company)

    def ask(session):
        return has_applied(session, company.id, company.id, ["a", "b"], since=NOW - timedelta(days=30), now=NOW)

    by_address, by_mailbox = plans_of(sqlite_store, ask)
    assert "ix_applications_email (company_id=? AND email_part=? AND email_index=?)" in by_address
    assert "ix_applications_person (company_id=? AND person_index=?)" in by_mailbox
