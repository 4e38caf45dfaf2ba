"""What is found to be the same is what comparing column by column finds no difference in."""

import uuid
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from sqlmodel import select

from store.emails import email_parts
from store.keyring import Keyring
from store.tables import Application, Company, Import, JobPosting
from store.vault import Vault
from store.writes.applications import ApplicationTold, Writer, compare, find_applications, write_applications
from store.writes.applications_same import find_same
from store.writes.applications_told import PostingIndex, StageTold, Teller, Told, tell_application
from tests.actions.import_scenes import add_posting

NOW = datetime(2026, 3, 1, 9, 0, 0, 250, tzinfo=UTC)


def told(ref, posting_id=None, **other):
    values = {
        "applied_at": datetime(2026, 1, 10, 23, 30, tzinfo=timezone(timedelta(hours=2))), "reviewed_at": None,
        "hired_at": NOW, "stage": "hired", "posting_ref": "REQ-1", "posting_title": "Wäscher\\in",
        "posting_id": posting_id, "source": "Indeed", "source_platform": "indeed", "candidate_name": "Bo 田中",
        "candidate_email": "Bo+jobs@Example.com",
    }  # fmt: skip
    return ApplicationTold(ref, values | other)


def write(store, company, rows):
    record = Import(company_id=company.id, kind="applications", created_at=NOW)
    with store.writing() as session:
        session.add(record)
        session.flush()
        parts = email_parts(session, company.id)
        writer = Writer(record.id, company.id, ZoneInfo(company.time_zone), store.vault, NOW, parts)
        write_applications(session, writer, rows, 0)


def same(store, company, rows, vault=None):
    """References found to be the same, after a look that comparing finds no difference in any of them."""
    vault = vault or store.vault
    with store.reading() as session:
        found = find_same(session, vault, company.id, rows)
        stored = find_applications(session, vault, company.id, rows)
    for one in rows:
        if one.external_ref in found:
            assert compare(vault, stored[one.external_ref], one).columns == {}
    return found


def test_a_row_told_again_is_the_same_and_one_with_any_change_is_not(store, company):
    posting = add_posting(store, company, "REQ-1", "Welder")
    other = JobPosting(company_id=company.id, number=2, title="Baker", requisition_ref="REQ-2")
    with store.writing() as session:
        session.add(other)
    first = [told(f"A-{number}", posting.id) for number in range(30)]
    write(store, company, first)
    assert same(store, company, first) == {one.external_ref for one in first}
    changes = [
        {"applied_at": first[0].values["applied_at"] + timedelta(microseconds=1)}, {"reviewed_at": NOW},
        {"hired_at": None}, {"stage": "offered"}, {"posting_ref": "REQ-2"}, {"posting_title": "Waescher"},
        {"posting_id": other.id}, {"source": "indeed"}, {"source_platform": "other"}, {"candidate_name": "bo 田中"},
        {"candidate_name": ""}, {"candidate_email": "bo+jobs@example.com"}, {"candidate_email": ""},
    ]  # fmt: skip
    changed = [told(f"A-{number}", **{"posting_id": posting.id} | change) for number, change in enumerate(changes)]
    assert same(store, company, changed) == set()
    # The same instant in another zone; and a posting that the file's words no longer find stays.
    again = [told("A-0", posting.id, applied_at=first[0].values["applied_at"].astimezone(UTC)), told("A-1", None)]
    assert same(store, company, [*again, told("A-99", posting.id)]) == {"A-0", "A-1"}


def test_columns_that_a_file_does_not_have_are_not_compared(store, company):
    write(store, company, [told("A-1")])
    few = [ApplicationTold("A-1", {"applied_at": told("A-1").values["applied_at"], "stage": "hired"})]
    assert same(store, company, few) == {"A-1"}
    assert same(store, company, []) == set()
    # Nothing is said where the rows of a batch have different columns.
    assert same(store, company, [*few, told("A-2")]) == set()


def test_what_is_another_company_s_or_was_told_by_events_or_cannot_be_opened_is_not_the_same(store, company):
    other = Company(number=77, name="Mill", time_zone="UTC", currency="EUR")
    rows = [told("A-1"), told("A-2"), told("A-3")]
    write(store, company, rows)
    assert same(store, other, rows) == set()
    with store.writing() as session:
        teller = Teller(company.id, store.vault, PostingIndex(session, company.id))
        tell_application(session, teller, Told("api", (StageTold("hired", NOW),), refs=(("", "A-1"),)), now=NOW)
        broken = session.exec(select(Application).where(Application.external_ref == "A-2")).one()
        broken.candidate_name = store.vault.seal("applications", uuid.uuid4(), "candidate_name", "Bo 田中")
        session.add(broken)
    assert same(store, company, rows) == {"A-3"}


@pytest.mark.parametrize("has_old_key", [True, False])
def test_what_an_older_key_sealed_is_the_same_while_that_key_is_there(store, company, keyring, has_old_key):
    write(store, company, [told("A-1")])
    newer = {"k9": bytes(range(100, 132))}
    vault = Vault(Keyring(newer | (dict(keyring.masters) if has_old_key else {})))
    assert same(store, company, [told("A-1")], vault) == ({"A-1"} if has_old_key else set())
