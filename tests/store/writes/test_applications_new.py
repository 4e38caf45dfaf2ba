"""Applications written in bulk are what the tables' own way would have stored."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from sqlmodel import select

from store.emails import email_parts
from store.tables import Application, Import
from store.writes.applications import ApplicationTold, Writer, make_ready, write_applications
from store.writes.applications_new import _new_ids
from tests.actions.import_scenes import add_posting

NOW = datetime(2026, 3, 1, 9, 0, 0, 250, tzinfo=UTC)
AWKWARD = 'back\\slash, "quote", 田中 \\N \\t'


def write(store, company, told):
    record = Import(company_id=company.id, kind="applications", created_at=NOW)
    with store.writing() as session:
        session.add(record)
        session.flush()
        parts = email_parts(session, company.id)
        writer = Writer(record.id, company.id, ZoneInfo(company.time_zone), store.vault, NOW, parts)
        return record.id, write_applications(session, writer, told, 0)


def test_every_column_is_stored_and_read_as_it_was_told(store, company):
    posting = add_posting(store, company, "REQ-1", "Welder")
    applied = datetime(2026, 1, 10, 23, 30, tzinfo=timezone(timedelta(hours=2)))
    values = {
        "posting_id": posting.id, "posting_ref": "REQ-1", "posting_title": AWKWARD, "candidate_name": AWKWARD,
        "candidate_email": "Ann+jobs@Example.com", "source": AWKWARD, "source_platform": "indeed", "stage": "hired",
        "applied_at": applied, "reviewed_at": None, "hired_at": NOW,
    }  # fmt: skip
    import_id, written = write(store, company, [ApplicationTold("A\\1", values)])
    with store.reading() as session:
        row = session.exec(select(Application)).one()
    assert {name: getattr(row, name) for name in values if name not in ("candidate_name", "candidate_email")} == {
        name: value for name, value in values.items() if name not in ("candidate_name", "candidate_email")
    }
    assert store.vault.open("applications", row.id, "candidate_name", row.candidate_name) == AWKWARD
    assert store.vault.open("applications", row.id, "candidate_email", row.candidate_email) == "Ann+jobs@Example.com"
    assert row.email_index == store.vault.digest("email-bidx", "ann+jobs@example.com")
    assert row.person_index == store.vault.digest("email-bidx", "ann@example.com")
    assert (row.external_ref, row.told_by, row.import_id, row.company_id) == ("A\\1", "file", import_id, company.id)
    assert (row.created_at, row.updated_at, row.applied_at.utcoffset()) == (NOW, NOW, timedelta(0))
    # Half past nine at night in Greenwich is half past ten in Berlin: the same day.
    assert written.days == {datetime(2026, 1, 10).date(), NOW.date()}


def test_of_a_batch_made_ready_only_what_is_new_changes_a_day(store, company):
    known = ApplicationTold("A-1", {"applied_at": NOW, "stage": "applied"})
    new = ApplicationTold("A-2", {"applied_at": NOW - timedelta(days=3), "stage": "applied"})
    write(store, company, [known])
    record = Import(company_id=company.id, kind="applications", created_at=NOW)
    with store.writing() as session:
        session.add(record)
        session.flush()
        parts = email_parts(session, company.id)
        writer = Writer(record.id, company.id, ZoneInfo(company.time_zone), store.vault, NOW, parts)
        written = write_applications(session, writer, [known, new], 0, ready=make_ready(writer, [known, new]))
    assert (written.counts.inserted, written.counts.unchanged) == (1, 1)
    assert written.days == {datetime(2026, 2, 26).date()}


def test_what_is_not_told_is_blank(store, company):
    write(store, company, [ApplicationTold(f"A-{n}", {"applied_at": NOW}) for n in range(501)])
    with store.reading() as session:
        rows = session.exec(select(Application)).all()
    assert len({row.external_ref for row in rows}) == 501
    told = {(r.candidate_name, r.candidate_email, r.email_index, r.person_index, r.source, r.posting_ref) for r in rows}
    assert told == {("", "", "", "", "", "")}
    assert {(r.source_platform, r.stage, r.posting_id, r.hired_at) for r in rows} == {("other", "applied", None, None)}


def test_new_ids_are_of_version_7_rise_and_are_spelled_alike():
    ids = list(_new_ids(5_000))
    known = [uuid.UUID(digits) for digits, _ in ids]
    assert [str(one) for one in known] == [spelled for _, spelled in ids]
    assert {(one.version, one.variant) for one in known} == {(7, uuid.RFC_4122)}
    assert len(set(known)) == 5_000
    assert known[:4096] == sorted(known[:4096])
