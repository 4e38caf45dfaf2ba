"""Who says "not me" to one of two referrals that were made one is forgotten in both."""

import pytest
from sqlmodel import col, select

from actions.opting_out import NOT_ME, decline, token_of
from actions.referrals import merge
from actions.viewer import Viewer
from store.reports.landing import find_landing
from store.tables import AuditEntry, Referral
from store.tables.columns import new_id
from store.writes.suppressions import find_reason, indexes_of
from tests.store.writes.referral_scenes import Desk, at

ADDRESSES = ("ann@people.example", "ann+2@home.example")


@pytest.fixture
def database_kind() -> str:
    return "sqlite"


@pytest.mark.parametrize("answered", [0, 1], ids=["by the kept one", "by the other one"])
def test_not_me_ends_and_forgets_all_that_were_made_one(store, answered):
    desk = Desk(store)
    admin = Viewer(new_id(), desk.company.id, "admin", "Ann", "ann@mill.example")
    with store.writing() as session:
        ids = [desk.refer(session, email, day=day + 1).id for day, email in enumerate(ADDRESSES)]
    merge(store, admin, *ids, now=at(5))
    token = token_of(store.vault, NOT_ME, ids[answered])
    assert [decline(store, token, now=at(6 + times)) for times in range(2)] == [True, True]
    with store.reading() as session:
        rows = session.exec(select(Referral).where(col(Referral.id).in_(ids))).all()
        kept = [
            row.candidate_name + row.candidate_email + row.note + row.email_index + row.person_index for row in rows
        ]
        assert kept == ["", ""]
        assert {row.declined_at for row in rows} == {at(6)}
        assert {row.reward_status for row in rows} == {"none"}
        for address in (*ADDRESSES, "ann@home.example"):
            assert find_reason(session, desk.company.id, indexes_of(store.vault, address)) == "not_me"
        for row in rows:
            landing = find_landing(session, row.code, now=at(7))
            assert landing is not None
            assert landing.ended == "withdrawn"
        assert len(session.exec(select(AuditEntry).where(AuditEntry.action == "referral.decline")).all()) == 1
